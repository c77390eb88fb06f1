// SPDX-License-Identifier: GPL-2.0
/*
 * File handles: 64-bit inode number and generation, of the inode and where wanted of its directory.
 */
#include <linux/exportfs.h>

#include "daxfs.h"
#include "export.h"
#include "icache.h"

static int daxfs_encode_fh(struct inode *inode, u32 *fh, int *words, struct inode *parent)
{
	int need = parent ? 6 : 3;

	if (*words < need) {
		*words = need;
		return FILEID_INVALID;
	}
	*words = need;
	fh[0] = lower_32_bits(inode->i_ino);
	fh[1] = upper_32_bits(inode->i_ino);
	fh[2] = inode->i_generation;
	if (!parent)
		return DAXFS_FILEID_INO64_GEN;
	fh[3] = lower_32_bits(parent->i_ino);
	fh[4] = upper_32_bits(parent->i_ino);
	fh[5] = parent->i_generation;
	return DAXFS_FILEID_INO64_GEN_PARENT;
}

/*
 * An inode without a name is good for as long as somebody has it open, who may be a server's client of this very handle.
 * One that nobody has is not in memory, and read_inode() refuses it; one that is going is waited for.
 */
static struct dentry *handle_dentry(struct super_block *sb, const u32 *fh)
{
	struct inode *inode = daxfs_iget_outside(sb, (u64)fh[1] << 32 | fh[0], false);

	if (!IS_ERR(inode) && inode->i_generation != fh[2]) {
		iput(inode);
		inode = ERR_PTR(-ESTALE);
	}
	return d_obtain_alias(inode);
}

static struct dentry *daxfs_fh_to_dentry(struct super_block *sb, struct fid *fid, int words, int type)
{
	if (words < 3 || (type != DAXFS_FILEID_INO64_GEN && type != DAXFS_FILEID_INO64_GEN_PARENT))
		return NULL;
	return handle_dentry(sb, fid->raw);
}

static struct dentry *daxfs_fh_to_parent(struct super_block *sb, struct fid *fid, int words, int type)
{
	if (words < 6 || type != DAXFS_FILEID_INO64_GEN_PARENT)
		return NULL;
	return handle_dentry(sb, fid->raw + 3);
}

static struct dentry *daxfs_get_parent(struct dentry *child)
{
	return d_obtain_alias(daxfs_iget_outside(child->d_sb, DAXFS_I(d_inode(child))->parent, false));
}

const struct export_operations daxfs_export_operations = {
	.encode_fh = daxfs_encode_fh,
	.fh_to_dentry = daxfs_fh_to_dentry,
	.fh_to_parent = daxfs_fh_to_parent,
	.get_parent = daxfs_get_parent,
};

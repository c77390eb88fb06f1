// SPDX-License-Identifier: GPL-2.0
/*
 * Symbolic links: a target of up to DAXFS_FORK_SIZE bytes lies in the inode, a longer one in one block that the inode
 * maps as an extent. i_size is its length; it has no NUL.
 */
#include <linux/namei.h>
#include <linux/slab.h>

#include "alloc.h"
#include "daxfs.h"
#include "device.h"
#include "error.h"
#include "extent_tree.h"
#include "iops.h"
#include "journal.h"
#include "media.h"
#include "persist.h"
#include "symlink.h"

static int write_block(struct daxfs_tx *tx, struct inode *inode, struct daxfs_symlink *link)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	struct daxfs_alloc request = {
		.kind = DAXFS_ALLOC_META,
		.ino = inode->i_ino,
		.goal = inode->i_ino >> 3,
		.want = 1,
	};
	struct daxfs_run run;
	void *to;
	int err = daxfs_reserve(inode->i_sb, &request, &run);

	if (err)
		return err;
	daxfs_tx_alloc(tx, run);
	link->block = run.block;
	/* Nothing reaches it: no undo. Durable with the commit's second fence, before the commit word. */
	to = daxfs_block(sbi, run.block);
	memcpy(to, link->target, link->length);
	memset(to + link->length, 0, DAXFS_BLOCK_SIZE - link->length);
	daxfs_flush(sbi, to, DAXFS_BLOCK_SIZE);
	DAXFS_I(inode)->blocks = 1;
	return 0;
}

int daxfs_symlink_prepare(struct daxfs_tx *tx, struct inode *inode, struct daxfs_symlink *link)
{
	i_size_write(inode, link->length);
	link->block = 0;
	return link->length > DAXFS_FORK_SIZE ? write_block(tx, inode, link) : 0;
}

/* The fork, which the caller has zeroed. */
void daxfs_symlink_store(struct inode *inode, const struct daxfs_symlink *link)
{
	struct daxfs_inode *raw = DAXFS_I(inode)->raw;

	if (!link->block) {
		raw->format = DAXFS_FORMAT_INLINE;
		memcpy(raw->fork.data, link->target, link->length);
		return;
	}
	raw->format = DAXFS_FORMAT_EXTENTS;
	raw->fork_count = cpu_to_le16(1);
	raw->fork.extents[0].disk_block = cpu_to_le64(link->block);
	raw->fork.extents[0].length = cpu_to_le32(1);
	raw->fork.extents[0].state = DAXFS_EXTENT_WRITTEN;
}

/* Where the target lies, or an error pointer. The inode lock is held. */
static const char *find_target(struct inode *inode, size_t length)
{
	const struct daxfs_inode *raw = DAXFS_I(inode)->raw;
	u8 format = READ_ONCE(raw->format);
	struct daxfs_map map;
	int err;

	if (format == DAXFS_FORMAT_INLINE && length <= DAXFS_FORK_SIZE)
		return raw->fork.data;
	if (format != DAXFS_FORMAT_INLINE && length <= DAXFS_SYMLINK_MAX) {
		err = daxfs_map_lookup(inode, 0, &map);
		if (!err)
			err = daxfs_may_load(inode, &map, 1);
		if (!err && map.state == DAXFS_MAP_WRITTEN)
			err = daxfs_first_touch(inode->i_sb, inode->i_ino, map.disk_block);
		if (err)
			return ERR_PTR(err);
		if (map.state == DAXFS_MAP_WRITTEN)
			return daxfs_block(DAXFS_SB(inode->i_sb), map.disk_block);
	}
	return ERR_PTR(daxfs_corrupt(inode->i_sb, inode->i_ino, inode->i_ino >> 3, "symlink of format %u and %zu bytes",
				     format, length));
}

static char *copy_target(struct inode *inode, size_t length)
{
	int gate = daxfs_enter(DAXFS_SB(inode->i_sb));
	const char *from;
	char *target;

	if (gate < 0)
		return ERR_PTR(gate);
	target = kmalloc(length + 1, GFP_KERNEL);
	if (!target) {
		daxfs_leave(gate);
		return ERR_PTR(-ENOMEM);
	}
	down_read(&DAXFS_I(inode)->lock);
	from = find_target(inode, length);
	if (!IS_ERR(from))
		memcpy(target, from, length);
	up_read(&DAXFS_I(inode)->lock);
	daxfs_leave(gate);
	if (IS_ERR(from)) {
		kfree(target);
		return ERR_CAST(from);
	}
	target[length] = 0;
	return target;
}

static const char *daxfs_get_link(struct dentry *dentry, struct inode *inode, struct delayed_call *done)
{
	size_t length = i_size_read(inode);
	char *target;

	if (!dentry)
		return ERR_PTR(-ECHILD);
	target = copy_target(inode, length);
	if (IS_ERR(target))
		return target;
	/* Who is told an error calls nobody to free it. */
	if (!length || strlen(target) != length) {
		kfree(target);
		return ERR_PTR(daxfs_corrupt(inode->i_sb, inode->i_ino, inode->i_ino >> 3, "NUL in a symlink's target"));
	}
	set_delayed_call(done, kfree_link, target);
	return target;
}

const struct inode_operations daxfs_symlink_inode_operations = {
	.get_link	= daxfs_get_link,
	.setattr	= daxfs_setattr,
	.getattr	= daxfs_getattr,
};

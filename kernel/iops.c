// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes: what stat(2), chmod(2), chown(2), utimes(2) and truncate(2) ask of an inode of any kind.
 */
#include <linux/blkdev.h>
#include <linux/iversion.h>

#include "daxfs.h"
#include "device.h"
#include "huge.h"
#include "inode.h"
#include "iops.h"
#include "truncate.h"

static int set_size(struct inode *inode, loff_t size)
{
	struct address_space *mapping = inode->i_mapping;
	bool shorter = size < i_size_read(inode);
	int err;

	inode_dio_wait(inode);
	filemap_invalidate_lock(mapping);
	err = daxfs_set_size(inode, size);
	if (!err && shorter)
		daxfs_settle_tail_locked(inode);
	filemap_invalidate_unlock(mapping);
	return err;
}

/* What setattr_copy() changes. */
struct attributes {
	umode_t mode;
	kuid_t uid;
	kgid_t gid;
	struct timespec64 atime, mtime, ctime;
};

static struct attributes get_attributes(const struct inode *inode)
{
	return (struct attributes){
		.mode = inode->i_mode,
		.uid = inode->i_uid,
		.gid = inode->i_gid,
		.atime = inode_get_atime(inode),
		.mtime = inode_get_mtime(inode),
		.ctime = inode_get_ctime(inode),
	};
}

static void set_attributes(struct inode *inode, const struct attributes *attributes)
{
	inode->i_mode = attributes->mode;
	inode->i_uid = attributes->uid;
	inode->i_gid = attributes->gid;
	inode_set_atime_to_ts(inode, attributes->atime);
	inode_set_mtime_to_ts(inode, attributes->mtime);
	inode_set_ctime_to_ts(inode, attributes->ctime);
}

/*
 * Whoever stores the inode stores all of it or nothing: never the new owner beside the old mode, nor what failed here. What
 * this mount enforces is what the next one will.
 */
static int commit_attributes(IDMAP_ARG, struct inode *inode, const struct iattr *attr)
{
	int err, gate = daxfs_enter(DAXFS_SB(inode->i_sb));
	struct attributes old;

	if (gate < 0)
		return gate;
	down_write(&DAXFS_I(inode)->lock);
	old = get_attributes(inode);
	setattr_copy(IDMAP, inode, attr);
	inode_inc_iversion(inode);
	err = daxfs_commit_inode_locked(inode);
	if (err)
		set_attributes(inode, &old);
	up_write(&DAXFS_I(inode)->lock);
	daxfs_leave(gate);
	return err;
}

int daxfs_setattr(IDMAP_ARG, struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	int err;

	err = daxfs_may_write(inode->i_sb);
	/* The VFS looks at everything but a new size by an open descriptor. */
	if (!err && IS_IMMUTABLE(inode))
		err = -EPERM;
	if (!err)
		err = setattr_prepare(IDMAP, dentry, attr);
	if (err)
		return err;
	if (attr->ia_valid & ATTR_SIZE) {
		/* truncate(2) names no times, but moves them where it moves the size. */
		if (attr->ia_size != i_size_read(inode) && !(attr->ia_valid & (ATTR_MTIME | ATTR_CTIME))) {
			attr->ia_valid |= ATTR_MTIME | ATTR_CTIME;
			attr->ia_mtime = attr->ia_ctime = current_time(inode);
		}
		err = set_size(inode, attr->ia_size);
		if (err)
			return err;
	}
	return commit_attributes(IDMAP, inode, attr);
}

int daxfs_getattr(IDMAP_ARG, const struct path *path, struct kstat *stat, u32 mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	struct daxfs_inode_info *info = DAXFS_I(inode);

	daxfs_fillattr(IDMAP, mask, inode, stat);
	stat->blocks = READ_ONCE(info->blocks) << (DAXFS_BLOCK_SHIFT - 9);
	stat->blksize = DAXFS_BLOCK_SIZE;
	if (mask & STATX_BTIME) {
		stat->result_mask |= STATX_BTIME;
		stat->btime = info->btime;
	}
	if (info->flags & DAXFS_INODE_IMMUTABLE)
		stat->attributes |= STATX_ATTR_IMMUTABLE;
	if (info->flags & DAXFS_INODE_APPEND)
		stat->attributes |= STATX_ATTR_APPEND;
	if (info->flags & DAXFS_INODE_NODUMP)
		stat->attributes |= STATX_ATTR_NODUMP;
	if (mask & STATX_DIOALIGN && S_ISREG(inode->i_mode)) {
		struct block_device *bdev = inode->i_sb->s_bdev;

		/*
		 * Through DAX none is needed. But programs take what they read here for the unit of their transfers and
		 * hand it to posix_memalign(3), which refuses 1: they get what ext4 and XFS say.
		 */
		stat->result_mask |= STATX_DIOALIGN;
		stat->dio_mem_align = bdev_dma_alignment(bdev) + 1;
		stat->dio_offset_align = bdev_logical_block_size(bdev);
	}
	stat->attributes_mask |= STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What the device tells us: that it is going away, and that memory of it has failed.
 *
 * Removal is for removal.c. The owner of a block that failed is found by looking through all inodes: that is left to a
 * worker. For a block of a file it says which file and where, for one of metadata it shuts the filesystem down. The mm
 * layer is told that we do not deal with the processes that map the block, so that it does.
 *
 * A dax device has one holder, which is who gets called. All our mounts share it, one of them on its account; where it
 * is somebody else's, another filesystem's on a second partition, we are not told of media errors, nor, before Linux
 * 6.6, of removal.
 */
#include <linux/blkdev.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "ag.h"
#include "daxfs.h"
#include "device.h"
#include "dir.h"
#include "error.h"
#include "extent_tree.h"
#include "failure.h"
#include "icache.h"
#include "media.h"
#include "removal.h"

/* Every mount that has a dax device, until it is gone. Taken before daxfs_sb_info.device_lock; never waits for users. */
static LIST_HEAD(mounts);
static DECLARE_RWSEM(mounts_lock);
static u64 mounts_added;	/* counts them */

/* ---- media errors ---- */

struct media_error {
	struct list_head list;
	u64 block;
};

/* Where a block that failed belongs. */
struct owner {
	u64 block;
	u64 ino;			/* 0: found no inode, see `what` */
	u64 file_block;			/* in a regular file */
	const char *what;		/* kind of metadata; NULL: data, or free */
};

static bool on_path(const struct daxfs_tree_path *path, u64 block)
{
	unsigned int level;

	for (level = 0; level < path->height; level++)
		if (path->step[level].block == block)
			return true;
	return false;
}

/* In the extents of an inode or the nodes of their tree. -ENOENT: neither. The inode lock is held. */
static int find_in_extents(struct inode *inode, struct owner *owner)
{
	struct daxfs_extent_view view;
	struct daxfs_path path;
	u64 key = 0;
	int at, err;

	while (key < DAXFS_END_OF_KEYS) {
		err = daxfs_path_find(inode, key, &path);
		if (err)
			return err;
		if (on_path(&path.tree, owner->block)) {
			owner->what = "extent tree";
			return 0;
		}
		for (at = 0; at < path.tree.step[0].count; at++) {
			err = daxfs_path_extent(inode, &path, at, &view);
			if (err)
				return err;
			if (owner->block - view.disk_block < view.count) {
				owner->file_block = view.file_block + owner->block - view.disk_block;
				owner->what = S_ISREG(inode->i_mode) ? NULL : "symbolic link";
				return 0;
			}
		}
		key = path.tree.step[0].high;
		cond_resched();
		if (READ_ONCE(DAXFS_SB(inode->i_sb)->closing))
			break;
	}
	return -ENOENT;
}

static int find_in_directory(struct inode *dir, struct owner *owner)
{
	struct daxfs_tree_path path;
	u64 key = 0;
	int err;

	while (key < DAXFS_DIR_KEY_END) {
		err = daxfs_dir_find(dir, NULL, key, &path);
		if (err)
			return err;
		if (on_path(&path, owner->block)) {
			owner->what = "directory";
			return 0;
		}
		key = path.step[0].high;
		cond_resched();
		if (READ_ONCE(DAXFS_SB(dir->i_sb)->closing))
			break;
	}
	return -ENOENT;
}

/* True when the search is over. Inside the gate. */
static bool find_in_inode(struct inode *inode, struct owner *owner)
{
	int err = -ENOENT;

	down_read(&DAXFS_I(inode)->lock);
	switch (DAXFS_I(inode)->raw->format) {
	case DAXFS_FORMAT_EXTENTS:
	case DAXFS_FORMAT_EXTENT_TREE:
		err = find_in_extents(inode, owner);
		break;
	case DAXFS_FORMAT_DIRECTORY:
		err = find_in_directory(inode, owner);
		break;
	}
	up_read(&DAXFS_I(inode)->lock);
	if (!err)
		owner->ino = inode->i_ino;
	return !err;
}

static bool is_inode_block(struct super_block *sb, u64 block)
{
	int gate = daxfs_enter(DAXFS_SB(sb));
	bool inodes = gate >= 0 && daxfs_inode_in_map(sb, block * DAXFS_INODES_PER_BLOCK) > 0;

	if (gate >= 0)
		daxfs_leave(gate);
	return inodes;
}

/* Free inodes are left alone: somebody may be about to use them. */
static bool is_used(struct super_block *sb, u64 ino)
{
	int gate = daxfs_enter(DAXFS_SB(sb));
	bool used = gate >= 0 && !daxfs_first_touch(sb, ino, ino / DAXFS_INODES_PER_BLOCK) &&
		    READ_ONCE(daxfs_raw_inode(DAXFS_SB(sb), ino)->mode);

	if (gate >= 0)
		daxfs_leave(gate);
	return used;
}

/* Inside the gate for one inode at a time. It is got and let go outside: whoever frees it, us too, waits for a thaw. */
static bool look_at_inode(struct super_block *sb, u64 ino, struct owner *owner)
{
	struct inode *inode;
	bool over = true;
	int gate;

	if (READ_ONCE(DAXFS_SB(sb)->closing))
		return true;
	if (!is_used(sb, ino))
		return false;
	inode = daxfs_iget_outside(sb, ino, true);
	if (IS_ERR(inode))
		return false;
	gate = daxfs_enter(DAXFS_SB(sb));
	if (gate >= 0) {
		over = find_in_inode(inode, owner);
		daxfs_leave(gate);
	}
	iput(inode);
	return over;
}

/* True when the search is over. */
static bool find_in_block(struct super_block *sb, u64 block, struct owner *owner)
{
	u64 first = block * DAXFS_INODES_PER_BLOCK, ino;

	if (READ_ONCE(DAXFS_SB(sb)->closing) || daxfs_is_shutdown(DAXFS_SB(sb)))
		return true;
	if (!is_inode_block(sb, block))
		return false;
	for (ino = first; ino < first + DAXFS_INODES_PER_BLOCK; ino++)
		if (look_at_inode(sb, ino, owner))
			return true;
	return false;
}

static void find_owner(struct super_block *sb, struct owner *owner)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 agno, ags = smp_load_acquire(&sbi->initialised_ags), i;
	u64 block = owner->block;

	if (block < sbi->align_blocks || !daxfs_block_valid(sbi, block, 1)) {
		if (!block || block == DAXFS_INTENT_BLOCK_A || block == DAXFS_INTENT_BLOCK_B)
			owner->what = "superblock";
		return;
	}
	agno = daxfs_ag_of(sbi, block);
	if (block - daxfs_ag_start(sbi, agno) < daxfs_fixed_blocks(sbi, agno)) {
		if (agno < ags)
			owner->what = "head of an allocation group";
		return;
	}
	if (is_inode_block(sb, block)) {
		owner->what = "inodes";
		return;
	}
	for (agno = 0; agno < ags; agno++) {
		for (i = 0; i < sbi->ags[agno].blocks; i++) {
			if (find_in_block(sb, daxfs_ag_start(sbi, agno) + i, owner))
				return;
			cond_resched();
		}
	}
}

static void report_media_error(struct super_block *sb, const struct owner *owner)
{
	if (owner->what) {
		pr_alert("daxfs (%s): media error: metadata (%s) of inode %llu at block %llu\n", sb->s_id, owner->what,
			 owner->ino, owner->block);
		daxfs_shutdown(sb, "metadata was lost to a media error");
	} else if (owner->ino) {
		pr_err("daxfs (%s): media error: inode %llu, bytes %llu to %llu (block %llu)\n", sb->s_id, owner->ino,
		       owner->file_block << DAXFS_BLOCK_SHIFT, (owner->file_block + 1) << DAXFS_BLOCK_SHIFT,
		       owner->block);
	} else {
		pr_err("daxfs (%s): media error: block %llu, which no file has\n", sb->s_id, owner->block);
	}
}

static struct media_error *next_error(struct daxfs_sb_info *sbi)
{
	struct media_error *error;

	spin_lock(&sbi->errors_lock);
	error = list_first_entry_or_null(&sbi->media_errors, struct media_error, list);
	if (error)
		list_del(&error->list);
	spin_unlock(&sbi->errors_lock);
	return error;
}

static void look_into_errors(struct work_struct *work)
{
	struct daxfs_sb_info *sbi = container_of(work, struct daxfs_sb_info, media_work);
	struct media_error *error;

	while ((error = next_error(sbi))) {
		struct owner owner = { .block = error->block };

		if (!READ_ONCE(sbi->closing) && !daxfs_is_shutdown(sbi)) {
			find_owner(sbi->sb, &owner);
			report_media_error(sbi->sb, &owner);
		}
		kfree(error);
	}
}

/* Bytes of the dax device. Called where the mm layer deals with the error: nothing of ours may be waited for. */
static void queue_errors(struct daxfs_sb_info *sbi, u64 offset, u64 length)
{
	u64 start = sbi->dax_start, end = start + (sbi->device_blocks << DAXFS_BLOCK_SHIFT), at, stop;

	/* It is being unmounted. */
	if (!down_read_trylock(&sbi->device_lock))
		return;
	if (sbi->closing || !(READ_ONCE(sbi->sb->s_flags) & SB_ACTIVE) || check_add_overflow(offset, length, &stop))
		goto unlock;
	stop = min(stop, end);
	for (at = max(offset, start); at < stop; at = (at | (DAXFS_BLOCK_SIZE - 1)) + 1) {
		struct media_error *error = kmalloc(sizeof(*error), GFP_NOFS);

		if (!error)
			break;
		error->block = (at - start) >> DAXFS_BLOCK_SHIFT;
		spin_lock(&sbi->errors_lock);
		list_add_tail(&error->list, &sbi->media_errors);
		spin_unlock(&sbi->errors_lock);
		schedule_work(&sbi->media_work);
	}
unlock:
	up_read(&sbi->device_lock);
}

/*
 * mounts_lock is held shared, and dropped meanwhile: users may hold pages for long, and what they hold up is this mount alone.
 * The mount stays on the list.
 */
static void leave_device(struct daxfs_sb_info *sbi)
{
	atomic_inc(&sbi->leaving);
	up_read(&mounts_lock);
	daxfs_let_device_go(sbi);
	down_read(&mounts_lock);
	if (atomic_dec_and_test(&sbi->leaving))
		wake_up_var(&sbi->leaving);
}

static int notify_failure(struct dax_device *dax_dev, u64 offset, u64 length, int flags)
{
	/* Linux 6.1 has no flag for removal: the whole device is what tells. */
	bool removal = !offset && length == U64_MAX;
	struct daxfs_sb_info *sbi;
	u64 added;

	down_read(&mounts_lock);
	do {
		added = mounts_added;
		list_for_each_entry(sbi, &mounts, mounts) {
			if (sbi->dax_dev != dax_dev)
				continue;
			if (removal)
				leave_device(sbi);
			else
				queue_errors(sbi, offset, length);
		}
		/* What was mounted while leave_device() waited is to be left too. */
	} while (removal && added != mounts_added);
	up_read(&mounts_lock);
	return removal ? 0 : -EOPNOTSUPP;
}

static const struct dax_holder_operations holder_operations = {
	.notify_failure	= notify_failure,
};

/* ---- the dax device ---- */

/*
 * Before Linux 6.6 the VFS lets the device be mounted anew while an unmount waits for pages that somebody holds: to the
 * block layer all our mounts are one holder.
 */
static bool is_unmounting(const struct block_device *bdev)
{
	struct daxfs_sb_info *sbi;

	list_for_each_entry(sbi, &mounts, mounts)
		if (sbi->opened.bdev == bdev)
			return true;
	return false;
}

/*
 * Ours from now on, where it has no holder. It is asked first: the kernel takes a reference, and keeps it where there is
 * one. mounts_lock is held.
 */
static bool become_holder(struct super_block *sb, struct dax_device *dax_dev)
{
	u64 start;

	if (dax_holder(dax_dev) || !fs_dax_get_by_bdev(sb->s_bdev, &start, &mounts, &holder_operations))
		return false;
	fs_put_dax(dax_dev, NULL);	/* one of two references */
	return true;
}

static int find_dax_device(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	int err = 0;

	down_write(&mounts_lock);
	if (is_unmounting(sb->s_bdev)) {
		err = -EBUSY;
		goto unlock;
	}
	sbi->dax_dev = fs_dax_get_by_bdev(sb->s_bdev, &sbi->dax_start, NULL, NULL);
	if (sbi->dax_dev) {
		sbi->dax_holder = become_holder(sb, sbi->dax_dev);
		list_add(&sbi->mounts, &mounts);
		mounts_added++;
	}
unlock:
	up_write(&mounts_lock);
	return err;
}

int daxfs_dax_get(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	int err = find_dax_device(sb);

	if (err) {
		pr_err("daxfs (%pg): still being unmounted\n", sb->s_bdev);
		return err;
	}
	if (!sbi->dax_dev) {
		pr_err("daxfs (%pg): the device has no DAX: daxfs needs persistent memory in fsdax mode (ndctl create-namespace -f -e NAMESPACE -m fsdax; not raw, sector or devdax)\n",
		       sb->s_bdev);
		return -EOPNOTSUPP;
	}
	if (!dax_synchronous(sbi->dax_dev)) {
		pr_err("daxfs (%pg): flushed stores are not durable on this device (virtio-pmem): attach it to the guest as an NVDIMM or reserve it with memmap=\n",
		       sb->s_bdev);
		return -EOPNOTSUPP;
	}
	return 0;
}

static struct daxfs_sb_info *other_mount(const struct dax_device *dax_dev)
{
	struct daxfs_sb_info *sbi;

	list_for_each_entry(sbi, &mounts, mounts)
		if (sbi->dax_dev == dax_dev)
			return sbi;
	return NULL;
}

void daxfs_dax_put(struct daxfs_sb_info *sbi)
{
	struct daxfs_sb_info *heir;

	if (!sbi->dax_dev)
		return;
	down_write(&mounts_lock);
	heir = sbi->dax_holder ? other_mount(sbi->dax_dev) : NULL;
	if (heir)
		heir->dax_holder = true;
	fs_put_dax(sbi->dax_dev, sbi->dax_holder && !heir ? &mounts : NULL);
	sbi->dax_dev = NULL;
	up_write(&mounts_lock);
}

void daxfs_failure_init(struct daxfs_sb_info *sbi)
{
	init_rwsem(&sbi->device_lock);
	spin_lock_init(&sbi->mapped_lock);
	INIT_LIST_HEAD(&sbi->mapped);
	spin_lock_init(&sbi->errors_lock);
	INIT_LIST_HEAD(&sbi->media_errors);
	INIT_WORK(&sbi->media_work, look_into_errors);
}

/* Before the VFS evicts the inodes: from here on nobody else grabs one. device_lock is held until _closed. */
void daxfs_failure_stop(struct daxfs_sb_info *sbi)
{
	down_write(&sbi->device_lock);
	WRITE_ONCE(sbi->closing, true);
	flush_work(&sbi->media_work);
}

/* There are no inodes any more. A removal that comes now waits with us for the pages that are held. */
void daxfs_failure_closed(struct daxfs_sb_info *sbi)
{
	up_write(&sbi->device_lock);
}

/* When it returns nobody is called for this mount any more. */
void daxfs_failure_stopped(struct daxfs_sb_info *sbi)
{
	if (!sbi->dax_dev)
		return;
	down_write(&mounts_lock);
	while (atomic_read(&sbi->leaving)) {
		up_write(&mounts_lock);
		wait_var_event(&sbi->leaving, !atomic_read(&sbi->leaving));
		down_write(&mounts_lock);
	}
	list_del(&sbi->mounts);
	up_write(&mounts_lock);
}

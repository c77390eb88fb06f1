// SPDX-License-Identifier: GPL-2.0
/*
 * fallocate(2): blocks ahead of the data (unwritten extents), holes, ranges of zeros. A long call is many transactions,
 * each of which leaves a sound file; a crash keeps those that committed. Collapse and insert are in shift.c.
 */
#include <linux/types.h>
#include <linux/falloc.h>

#include "alloc.h"
#include "data.h"
#include "daxfs.h"
#include "device.h"
#include "extent_tree.h"
#include "fallocate.h"
#include "held.h"
#include "inode_blocks.h"
#include "persist.h"
#include "points.h"
#include "shift.h"
#include "truncate.h"
#include "unmap.h"
#include "zero.h"

/* One extent of a range: a hole gets blocks, written blocks become unwritten if `zero`. *count: blocks dealt with. */
static int prealloc_step(struct inode *inode, u64 first, u64 end, loff_t size, bool zero, u64 *count)
{
	struct daxfs_path path DAXFS_NOT_CLEARED;
	struct daxfs_map map;
	struct daxfs_run run;
	int err = daxfs_map_lookup_to_set(inode, first, &map, &path);

	if (err)
		return err;
	*count = min(map.count, end - first);
	if (map.state == DAXFS_MAP_UNWRITTEN || (map.state == DAXFS_MAP_WRITTEN && !zero))
		return 0;
	if (map.state == DAXFS_MAP_HOLE) {
		err = daxfs_reserve_data(inode, &path, *count, daxfs_data_kind(size), &run);
		if (err)
			return err;
	} else {
		run.block = map.disk_block;
		run.count = min_t(u64, *count, U32_MAX);
	}
	*count = run.count;
	return daxfs_commit_run(inode, &path, run, map.state == DAXFS_MAP_HOLE, DAXFS_EXTENT_UNWRITTEN, 0);
}

/* All of the file's blocks may lie in the range. */
static bool may_fit(struct inode *inode, u64 count)
{
	u64 blocks = READ_ONCE(DAXFS_I(inode)->blocks);

	return count <= blocks || daxfs_has_free(inode->i_sb, count - blocks);
}

static bool make_fit(struct inode *inode, u64 count)
{
	struct daxfs_shortage shortage = daxfs_shortage(DAXFS_SB(inode->i_sb));

	while (!may_fit(inode, count))
		if (!daxfs_make_space(inode->i_sb, &shortage) && !daxfs_settle_due(inode->i_sb))
			return false;
	return true;
}

static int prealloc(struct inode *inode, u64 first, u64 end, loff_t size, bool zero)
{
	struct daxfs_step step;
	u64 count;
	int err = 0;

	/* What cannot succeed should not fill the device before it fails. */
	if (first < end && !make_fit(inode, end - first))
		return -ENOSPC;
	while (first < end && !err) {
		err = daxfs_step_begin(inode, &step);
		if (err)
			return err;
		err = prealloc_step(inode, first, end, size, zero, &count);
		daxfs_step_end(inode, &step);
		first += count;
		cond_resched();
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
	}
	return err;
}

/* Bytes of the blocks at the ends of a range, in place. `inner` may be 2^63, which is no loff_t. */
static int zero_ends(struct inode *inode, loff_t offset, u64 inner, u64 outer, loff_t end)
{
	int err;

	if (inner > outer) {
		err = daxfs_zero_in_block(inode, offset, end);
	} else {
		err = daxfs_zero_in_block(inode, offset, inner);
		if (!err)
			err = daxfs_zero_in_block(inode, outer, end);
	}
	/* FENCE: they were flushed, and no transaction has to follow: the blocks between may be as they should already. */
	daxfs_fence(DAXFS_SB(inode->i_sb));
	return err;
}

/* Whole blocks of [offset, end) are not mapped any more; the bytes before and behind them are durable zeros. */
static int clear_range(struct inode *inode, loff_t offset, loff_t end, u64 *first, u64 *last)
{
	u64 inner = round_up((u64)offset, DAXFS_BLOCK_SIZE), outer = round_down((u64)end, DAXFS_BLOCK_SIZE);
	int err = 0;

	*first = inner >> DAXFS_BLOCK_SHIFT;
	*last = max(inner, outer) >> DAXFS_BLOCK_SHIFT;
	if ((u64)offset < inner || outer < (u64)end)
		err = zero_ends(inode, offset, inner, outer, end);
	if (!err)
		err = daxfs_drop_cached(inode, *first, *last);
	daxfs_point(unmapped);
	return err;
}

static int punch_hole(struct inode *inode, loff_t offset, loff_t end)
{
	u64 first, last;
	int err;

	filemap_invalidate_lock(inode->i_mapping);
	err = clear_range(inode, offset, end, &first, &last);
	if (!err)
		err = daxfs_remove_blocks(inode, first, last);
	filemap_invalidate_unlock(inode->i_mapping);
	return err;
}

static int zero_range(struct inode *inode, loff_t offset, loff_t end, loff_t size)
{
	u64 first, last;
	int err;

	filemap_invalidate_lock(inode->i_mapping);
	err = clear_range(inode, offset, end, &first, &last);
	/* The edges' blocks too: the range has its blocks afterwards. Written ones among them stay. */
	if (!err)
		err = prealloc(inode, first, last, size, true);
	if (!err)
		err = prealloc(inode, offset >> DAXFS_BLOCK_SHIFT, first, size, false);
	if (!err)
		err = prealloc(inode, last, DIV_ROUND_UP_ULL((u64)end, DAXFS_BLOCK_SIZE), size, false);
	filemap_invalidate_unlock(inode->i_mapping);
	return err;
}

static int shift_range(struct inode *inode, int mode, loff_t offset, loff_t length)
{
	int err;

	filemap_invalidate_lock(inode->i_mapping);
	if (mode & FALLOC_FL_COLLAPSE_RANGE)
		err = daxfs_collapse_range(inode, offset, length);
	else
		err = daxfs_insert_range(inode, offset, length);
	filemap_invalidate_unlock(inode->i_mapping);
	return err;
}

/* The VFS looked at the flags before the lock, and zeros go into blocks that an operation which was given up left behind. */
static int may_change(struct inode *inode, int mode)
{
	if (IS_IMMUTABLE(inode) || (IS_APPEND(inode) && mode & ~FALLOC_FL_KEEP_SIZE))
		return -EPERM;
	return READ_ONCE(DAXFS_I(inode)->unfinished) ? -EUCLEAN : 0;
}

static int fallocate_locked(struct file *file, int mode, loff_t offset, loff_t end)
{
	struct inode *inode = file_inode(file);
	bool shifts = mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE);
	bool grows = !shifts && !(mode & FALLOC_FL_KEEP_SIZE) && end > i_size_read(inode);
	loff_t size = max(i_size_read(inode), end);
	int err = may_change(inode, mode);

	if (!err && grows)
		err = inode_newsize_ok(inode, end);
	if (!err && shifts)
		err = daxfs_check_shift(inode, mode & FALLOC_FL_COLLAPSE_RANGE, offset, end - offset);
	if (err)
		return err;
	inode_dio_wait(inode);
	err = file_modified(file);
	/* What these drop of the page cache is not written back any more, and its write-back would have stored the size. */
	if (!err && mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		err = daxfs_commit_size(inode, i_size_read(inode));
	if (err)
		return err;
	if (shifts)
		err = shift_range(inode, mode, offset, end - offset);
	else if (mode & FALLOC_FL_PUNCH_HOLE)
		err = punch_hole(inode, offset, end);
	else if (mode & FALLOC_FL_ZERO_RANGE)
		err = zero_range(inode, offset, end, size);
	else
		err = prealloc(inode, offset >> DAXFS_BLOCK_SHIFT, DIV_ROUND_UP_ULL((u64)end, DAXFS_BLOCK_SIZE), size,
			       false);
	if (!err && grows)
		err = daxfs_zero_tail(inode, end);
	return err || !grows ? err : daxfs_commit_size(inode, end);
}

long daxfs_fallocate(struct file *file, int mode, loff_t offset, loff_t length)
{
	struct inode *inode = file_inode(file);
	loff_t end;
	int err;

	/* No two files share blocks: to unshare a range is to allocate it, so that later writes find their space. */
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE | FALLOC_FL_COLLAPSE_RANGE |
		     FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE))
		return -EOPNOTSUPP;
	if (check_add_overflow(offset, length, &end))
		return -EFBIG;
	err = daxfs_may_write(inode->i_sb);
	if (err)
		return err;
	inode_lock(inode);
	err = fallocate_locked(file, mode, offset, end);
	inode_unlock(inode);
	if (!err && (file->f_flags & O_DSYNC || IS_SYNC(inode)))
		err = vfs_fsync_range(file, offset, end - 1, 0);
	return err;
}

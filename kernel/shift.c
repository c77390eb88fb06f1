// SPDX-License-Identifier: GPL-2.0
/*
 * FALLOC_FL_COLLAPSE_RANGE and FALLOC_FL_INSERT_RANGE: the file's tail moves by whole blocks. Extents are moved, no data
 * is, one leaf of them a transaction, beside a hole of the length of the range that so moves through the file: from
 * the collapsed range to the end, or from the end to where blocks are inserted.
 *
 * Both are announced in the inode and in the orphan map as DAXFS_OPERATION_COLLAPSE with the place and the length of
 * that hole: "these blocks go, and what is behind them moves down". That means the same at each step: the whole operation
 * for a collapse, and the way back for an insert, whose hole had not been there. So recovery finishes a collapse, undoes an
 * insert, and needs to know of one operation only. The size moves with the first step of a collapse and with the
 * last of an insert.
 *
 * Extents across the ends of the range are split before anything is announced. Nothing behind that needs space, so that
 * it can only fail by damage, or where nothing is written any more: then the file stays announced for the next mount's
 * recovery, and until then it can be read in front of the hole only, and not be changed.
 */
#include <linux/pagemap.h>
#include <linux/sched/mm.h>

#include "data.h"
#include "daxfs.h"
#include "device.h"
#include "error.h"
#include "extent_tree.h"
#include "inode.h"
#include "journal.h"
#include "map.h"
#include "points.h"
#include "shift.h"
#include "unmap.h"

enum shift_step { SHIFT_REMOVE, SHIFT_DOWN, SHIFT_UP };

struct shift {
	enum shift_step step;
	u64 gap, distance;	/* the hole, in blocks */
	u64 remove_end;		/* SHIFT_REMOVE: what is still mapped of it ends here */
	u64 first;		/* SHIFT_UP: where the hole comes to lie */
	loff_t size;		/* of the file, from the first step of a collapse or the last of an insert on; 0: leave it */
	bool begun;		/* be it in an earlier mount */
	bool done;
};

static struct daxfs_tree_change *prepare(struct daxfs_tx *tx, struct inode *inode, struct shift *next)
{
	struct daxfs_tree_change *change;

	switch (next->step) {
	case SHIFT_REMOVE:
		change = daxfs_map_prepare_remove(tx, inode, next->gap, next->remove_end - next->gap, &next->remove_end);
		if (next->remove_end <= next->gap)
			next->step = SHIFT_DOWN;
		return change;
	case SHIFT_DOWN:
		change = daxfs_map_prepare_shift_down(tx, inode, &next->gap, next->distance);
		next->done = next->gap == DAXFS_END_OF_KEYS;
		return change;
	case SHIFT_UP:
		change = daxfs_map_prepare_shift_up(tx, inode, next->first, &next->gap, next->distance);
		next->done = next->gap == next->first;
		return change;
	}
	return ERR_PTR(-EINVAL);
}

static void announce(struct daxfs_inode *raw, const struct shift *shift)
{
	raw->operation = shift->done ? DAXFS_OPERATION_NONE : DAXFS_OPERATION_COLLAPSE;
	raw->operation_arg[0] = shift->done ? 0 : cpu_to_le64(shift->gap);
	raw->operation_arg[1] = shift->done ? 0 : cpu_to_le64(shift->distance);
}

/* One transaction; the inode lock is held. An orphan is not announced: recovery has nothing to keep of it. */
static int shift_step(struct inode *inode, struct shift *shift)
{
	struct daxfs_inode *raw = DAXFS_I(inode)->raw;
	bool announced = raw->operation != DAXFS_OPERATION_NONE;
	struct daxfs_tx *tx = daxfs_tx_begin(inode->i_sb);
	struct daxfs_tree_change *change;
	struct shift next = *shift;
	int err;

	if (IS_ERR(tx))
		return PTR_ERR(tx);
	daxfs_tx_add_core(tx, inode);
	if (inode->i_nlink)
		daxfs_tx_add_operation(tx, inode);
	change = prepare(tx, inode, &next);
	err = PTR_ERR_OR_ZERO(change);
	if (!err) {
		if (inode->i_nlink && announced == next.done)
			daxfs_tx_orphan(tx, inode->i_ino, !next.done);
		err = daxfs_tx_ready(tx);
	}
	if (err) {
		daxfs_tx_cancel(tx);
		return err;
	}
	daxfs_map_apply(change);
	if (inode->i_nlink)
		announce(raw, &next);
	if (next.size && (next.step != SHIFT_UP || next.done)) {
		daxfs_move_size(inode, next.size);
		next.size = 0;
	}
	daxfs_store_inode(inode);
	*shift = next;
	return daxfs_tx_commit(tx);
}

static int shift_all(struct inode *inode, struct shift *shift)
{
	struct daxfs_step step;
	bool over;
	int err;

	do {
		err = daxfs_step_resume(inode, &step);
		if (err)
			return err;
		err = shift_step(inode, shift);
		shift->begun |= !err;
		over = err ? err != -ENOMEM : shift->done;
		if (shift->begun && over)
			daxfs_set_unfinished(inode, err, shift->gap);
		daxfs_step_end(inode, &step);
		if (err == -ENOMEM && shift->begun) {
			memalloc_retry_wait(GFP_NOFS);
			err = 0;
		}
		cond_resched();
	} while (!err && !shift->done);
	return err;
}

int daxfs_resume_collapse(struct inode *inode)
{
	const struct daxfs_inode *raw = DAXFS_I(inode)->raw;
	struct shift shift = {
		.step = SHIFT_REMOVE,
		.begun = true,
		.gap = le64_to_cpu(READ_ONCE(raw->operation_arg[0])),
		.distance = le64_to_cpu(READ_ONCE(raw->operation_arg[1])),
	};

	/* It was looked at when the inode was read, and may have changed. */
	if (shift.gap > DAXFS_MAX_FILE_BLOCK || shift.distance > DAXFS_MAX_FILE_BLOCK - shift.gap)
		return daxfs_corrupt(inode->i_sb, inode->i_ino, inode->i_ino / DAXFS_INODES_PER_BLOCK,
				     "inode: operation");
	shift.remove_end = shift.gap + shift.distance;
	return shift_all(inode, &shift);
}

/* An extent that `block` lies inside of becomes two. */
static int split_locked(struct inode *inode, u64 block)
{
	struct daxfs_map map;
	struct daxfs_tx *tx;
	int err = block ? daxfs_map_lookup(inode, block - 1, &map) : 0;

	if (err || !block || map.state == DAXFS_MAP_HOLE || map.count == 1)
		return err;
	tx = daxfs_tx_begin(inode->i_sb);
	if (IS_ERR(tx))
		return PTR_ERR(tx);
	daxfs_tx_add_core(tx, inode);
	return daxfs_commit_change(tx, inode, daxfs_map_prepare_split(tx, inode, block), 0);
}

static int split_at(struct inode *inode, u64 block)
{
	struct daxfs_step step;
	int err = daxfs_step_begin(inode, &step);

	if (err)
		return err;
	err = split_locked(inode, block);
	daxfs_step_end(inode, &step);
	return err;
}

/* Where the last extent of the file ends: blocks past the size move too, and none past the last key there is. */
static int end_of_extents(struct inode *inode, u64 *end)
{
	struct daxfs_path path;
	int err, gate = daxfs_enter(DAXFS_SB(inode->i_sb));

	if (gate < 0)
		return gate;
	down_read(&DAXFS_I(inode)->lock);
	err = daxfs_path_find(inode, DAXFS_MAX_FILE_BLOCK, &path);
	up_read(&DAXFS_I(inode)->lock);
	daxfs_leave(gate);
	*end = !err && path.extent.count ? path.extent.file_block + path.extent.count : 0;
	return err;
}

/*
 * Nobody reads, maps or has in flight what is behind `offset`, and mmap's stores to it are on the device: their dirty
 * marks go with the page cache and the DAX entries.
 */
static int quiesce(struct inode *inode, loff_t offset)
{
	/* The size moves past nothing that is only in the page cache. */
	int err = daxfs_flush_to(inode, i_size_read(inode));

	/*
	 * From the block in front on: the completion of its I/O needs the inode lock alone, and would join its extent with
	 * the next one, over the place that the shift has split.
	 */
	if (!err)
		err = filemap_write_and_wait_range(inode->i_mapping, offset ? offset - 1 : 0, LLONG_MAX);
	return err ?: daxfs_drop_cached(inode, offset >> DAXFS_BLOCK_SHIFT, DAXFS_END_OF_KEYS);
}

static bool whole_blocks(loff_t offset, loff_t length)
{
	return !((offset | length) & (DAXFS_BLOCK_SIZE - 1));
}

int daxfs_check_shift(struct inode *inode, bool collapses, loff_t offset, loff_t length)
{
	loff_t size = i_size_read(inode);

	/* Collapsing up to the end of file or beyond is what ftruncate(2) is for. */
	if (!whole_blocks(offset, length) || (collapses ? offset + length : offset) >= size)
		return -EINVAL;
	if (collapses)
		return 0;
	if (check_add_overflow(size, length, &size) || size > inode->i_sb->s_maxbytes)
		return -EFBIG;
	return inode_newsize_ok(inode, size);
}

int daxfs_collapse_range(struct inode *inode, loff_t offset, loff_t length)
{
	struct shift shift = {
		.step = SHIFT_REMOVE,
		.gap = offset >> DAXFS_BLOCK_SHIFT,
		.distance = length >> DAXFS_BLOCK_SHIFT,
		.remove_end = (offset + length) >> DAXFS_BLOCK_SHIFT,
		.size = i_size_read(inode) - length,
	};
	int err;

	lockdep_assert_held_write(&inode->i_rwsem);
	lockdep_assert_held_write(&inode->i_mapping->invalidate_lock);
	err = quiesce(inode, offset);
	if (!err)
		err = split_at(inode, shift.gap);
	if (!err)
		err = split_at(inode, shift.remove_end);
	return err ? err : shift_all(inode, &shift);
}

int daxfs_insert_range(struct inode *inode, loff_t offset, loff_t length)
{
	struct shift shift = {
		.step = SHIFT_UP,
		.first = offset >> DAXFS_BLOCK_SHIFT,
		.gap = DAXFS_END_OF_KEYS - (length >> DAXFS_BLOCK_SHIFT),
		.distance = length >> DAXFS_BLOCK_SHIFT,
		.size = i_size_read(inode) + length,
	};
	u64 end;
	int err;

	lockdep_assert_held_write(&inode->i_rwsem);
	lockdep_assert_held_write(&inode->i_mapping->invalidate_lock);
	err = end_of_extents(inode, &end);
	if (err)
		return err;
	if (end > shift.gap)
		return -EFBIG;
	err = quiesce(inode, offset);
	if (!err)
		err = split_at(inode, shift.first);
	daxfs_point(split);
	return err ? err : shift_all(inode, &shift);
}

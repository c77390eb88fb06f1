// SPDX-License-Identifier: GPL-2.0
/*
 * Giving a file's blocks back, and the size that goes with it.
 *
 * Blocks are freed from the end of the file backwards, as many as one transaction takes. A truncate that needs more
 * than one announces itself in the inode (DAXFS_OPERATION_TRUNCATE) and in the orphan map with the first, which also
 * sets the size; the last one takes the announcement away, and recovery continues what a crash cut off. A file that is being
 * evicted is an orphan already. Punching a hole is not announced: a crash leaves a part of the hole, as a crash between
 * two punches would.
 */
#include <linux/sched/mm.h>

#include "alloc.h"
#include "data.h"
#include "daxfs.h"
#include "extent_tree.h"
#include "inode.h"
#include "journal.h"
#include "map.h"
#include "points.h"
#include "truncate.h"
#include "unmap.h"
#include "zero.h"

struct shrink {
	u64 first;		/* blocks from here on go */
	u64 end;		/* ... up to here; moves down */
	bool begun;		/* a truncate that has, be it in an earlier mount */
	bool announce;		/* a truncate, to be finished by recovery */
	bool set_size;
	loff_t size;
	bool empties;		/* a file in the page cache that had data */
	/* The rest of the block that `size` lies in: zeroed under undo, so that the bytes and the size go together. */
	u64 tail_block;
	u32 tail_from;
};

static int begin_step(struct daxfs_tx *tx, struct inode *inode, const struct shrink *shrink, u64 *from,
		      struct daxfs_tree_change **change)
{
	bool announced = DAXFS_I(inode)->raw->operation != DAXFS_OPERATION_NONE, last;

	daxfs_tx_add_core(tx, inode);
	if (shrink->announce)
		daxfs_tx_add_operation(tx, inode);
	if (shrink->tail_block)
		daxfs_tx_add_data(tx, shrink->tail_block, shrink->tail_from, DAXFS_BLOCK_SIZE - shrink->tail_from);
	*change = NULL;
	*from = shrink->first;
	/* A size in the last block there is has none behind it. */
	if (shrink->first < shrink->end)
		*change = daxfs_map_prepare_remove(tx, inode, shrink->first, shrink->end - shrink->first, from);
	if (IS_ERR(*change))
		return PTR_ERR(*change);
	last = *from <= shrink->first;
	if (shrink->announce && announced == last)
		daxfs_tx_orphan(tx, inode->i_ino, !last);
	return daxfs_tx_ready(tx);
}

/* One transaction; the inode lock is held. */
static int shrink_step(struct inode *inode, struct shrink *shrink)
{
	struct daxfs_inode *raw = DAXFS_I(inode)->raw;
	struct daxfs_tx *tx = daxfs_tx_begin(inode->i_sb);
	struct daxfs_tree_change *change;
	u64 from;
	int err;

	if (IS_ERR(tx))
		return PTR_ERR(tx);
	err = begin_step(tx, inode, shrink, &from, &change);
	if (err) {
		daxfs_tx_cancel(tx);
		return err;
	}
	if (shrink->tail_block)
		memset(daxfs_block(DAXFS_SB(inode->i_sb), shrink->tail_block) + shrink->tail_from, 0,
		       DAXFS_BLOCK_SIZE - shrink->tail_from);
	if (change)
		daxfs_map_apply(change);
	if (shrink->set_size)
		daxfs_move_size(inode, shrink->size);
	if (shrink->empties)
		DAXFS_I(inode)->emptied = true;
	if (shrink->announce) {
		bool last = from <= shrink->first;

		raw->operation = last ? DAXFS_OPERATION_NONE : DAXFS_OPERATION_TRUNCATE;
		raw->operation_arg[0] = last ? 0 : cpu_to_le64(shrink->first);
	}
	daxfs_store_inode(inode);
	shrink->tail_block = 0;
	shrink->end = from;
	return daxfs_tx_commit(tx);
}

static int shrink_in_step(struct inode *inode, struct shrink *shrink)
{
	bool truncates = shrink->announce || shrink->set_size, over;
	struct daxfs_step step;
	int err = daxfs_step_resume(inode, &step);

	if (err)
		return err;
	daxfs_end_windows(inode);
	err = shrink_step(inode, shrink);
	shrink->begun |= !err && truncates;
	over = err ? err != -ENOMEM : shrink->end <= shrink->first;
	if (shrink->begun && over)
		daxfs_set_unfinished(inode, err, shrink->first);
	daxfs_step_end(inode, &step);
	return err;
}

/*
 * A truncate that has begun, be it announced or of an orphan, is finished: what the file got behind its new end later would
 * fall to a recovery that goes on with it, and old bytes would come to light when the file grows. Where damage, or a
 * filesystem that nobody writes to any more, does not let it, the inode keeps map and size as they are.
 */
static int shrink_all(struct inode *inode, struct shrink *shrink)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	bool counted = READ_ONCE(sbi->reclaiming) == DAXFS_I(inode);
	int err;

	do {
		if (counted)
			mutex_lock(&sbi->reclaim_step);
		err = shrink_in_step(inode, shrink);
		if (counted) {
			mutex_unlock(&sbi->reclaim_step);
			/* Whoever waits for space need not wait for all of the file. */
			daxfs_note_space(sbi);
			wake_up_all(&sbi->reclaim_wait);
		}
		/* What the page cache had behind the new end is gone; the space of an orphan would be nobody's until the next mount. */
		if (err == -ENOMEM && (shrink->begun || shrink->set_size || !inode->i_nlink)) {
			memalloc_retry_wait(GFP_NOFS);
			err = 0;
		}
		cond_resched();
	} while (!err && shrink->end > shrink->first);
	return err;
}

int daxfs_remove_blocks(struct inode *inode, u64 first, u64 end)
{
	struct shrink shrink = { .first = first, .end = end };

	if (READ_ONCE(DAXFS_I(inode)->unfinished))
		return -EUCLEAN;
	return first < end ? shrink_all(inode, &shrink) : 0;
}

/* Only files and long symbolic links have extents; directories free their trees themselves. */
static bool has_extents(const struct inode *inode)
{
	u8 format = DAXFS_I(inode)->raw->format;

	return format == DAXFS_FORMAT_EXTENTS || format == DAXFS_FORMAT_EXTENT_TREE;
}

int daxfs_free_all_blocks(struct inode *inode)
{
	if (!has_extents(inode) || !DAXFS_I(inode)->raw->fork_count)
		return 0;
	/* Nobody reads it again: an operation that was cut off, and that may have left the map half moved, ends with the file. */
	return shrink_all(inode, &(struct shrink){ .end = DAXFS_END_OF_KEYS });
}

static int lookup_tail(struct inode *inode, struct shrink *shrink)
{
	struct daxfs_map map;
	int err = daxfs_lookup_shared(inode, shrink->size >> DAXFS_BLOCK_SHIFT, &map);

	if (!err && map.state == DAXFS_MAP_WRITTEN)
		err = daxfs_may_store(inode, &map, 1);
	/* The undo log will read it. */
	if (!err && map.state == DAXFS_MAP_WRITTEN && !daxfs_file_readable(inode, shrink->size))
		err = -EIO;
	if (!err && map.state == DAXFS_MAP_WRITTEN) {
		shrink->tail_block = map.disk_block;
		shrink->tail_from = shrink->size & (DAXFS_BLOCK_SIZE - 1);
	}
	return err;
}

static int set_smaller(struct inode *inode, loff_t size)
{
	struct shrink shrink = {
		.first = DIV_ROUND_UP_ULL((u64)size, DAXFS_BLOCK_SIZE),
		.end = DAXFS_END_OF_KEYS,
		.announce = inode->i_nlink > 0,
		.set_size = true,
		.size = size,
		.empties = !size && i_size_read(inode) && daxfs_in_page_cache(inode),
	};
	loff_t old = i_size_read(inode);
	int err = daxfs_flush_to(inode, size);

	if (!err && size & (DAXFS_BLOCK_SIZE - 1))
		err = lookup_tail(inode, &shrink);
	if (!err && IS_DAX(inode))
		err = daxfs_drop_cached(inode, shrink.first, shrink.end);
	if (err)
		return err;
	/* The size first: then no fault that waits for invalidate_lock maps a page that is about to go. */
	i_size_write(inode, size);
	truncate_pagecache(inode, size);
	daxfs_settle_dropped(inode);
	daxfs_point(unmapped);
	err = shrink_all(inode, &shrink);
	/* Nothing happened on the device: the file is as long as it was. */
	if (err && shrink.end == DAXFS_END_OF_KEYS)
		i_size_write(inode, old);
	return err;
}

int daxfs_set_size(struct inode *inode, loff_t size)
{
	lockdep_assert_held_write(&inode->i_rwsem);
	lockdep_assert_held_write(&inode->i_mapping->invalidate_lock);
	if (READ_ONCE(DAXFS_I(inode)->unfinished))
		return -EUCLEAN;
	if (size > i_size_read(inode))
		return daxfs_zero_tail(inode, size) ?: daxfs_commit_size(inode, size);
	return set_smaller(inode, size);
}

int daxfs_resume_truncate(struct inode *inode)
{
	struct shrink shrink = {
		.first = le64_to_cpu(READ_ONCE(DAXFS_I(inode)->raw->operation_arg[0])),
		.end = DAXFS_END_OF_KEYS,
		.begun = true,
		.announce = true,
	};

	return shrink_all(inode, &shrink);
}

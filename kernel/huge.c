// SPDX-License-Identifier: GPL-2.0
/*
 * What makes 2 MiB faults possible again: blocks of a file that lie apart join in one huge page, and cached entries of
 * 4 KiB that nothing uses any more are forgotten.
 *
 * Both are done only while nothing maps the file, under invalidate_lock exclusive: page faults wait, and page tables
 * have no entry to invalidate.
 *
 * Gathering: when a write(2) completes a 2 MiB of the file whose first blocks were placed while the file was small, and
 * whose rest lies in a huge page that has kept room for them, they are copied there; where the rest does not, all of
 * the 2 MiB is copied into a free huge page. i_rwsem keeps readers and writers out. The copies are flushed, and durable
 * with the first fence of the one transaction that maps them and frees the old blocks: a crash leaves the old places or
 * the new ones. Where somebody holds a page of the old blocks (held.c) everything stays: what he stores belongs to the file.
 *
 * Settling: what a file of 2 MiB or more has behind its last whole 2 MiB no fault can map by one entry. It is written where
 * a huge page would have it, as most files grow on. When the last writer has closed the file, or a truncate has made a tail
 * of what was more, and the tail is alone in its huge page, it moves to large holes of broken ones: its huge page is whole
 * again. Only where free huge pages are no longer plenty. What the file grows by later follows its tail (data.c), until its
 * 2 MiB are complete, and gathered.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "alloc.h"
#include "data.h"
#include "daxfs.h"
#include "extent_tree.h"
#include "held.h"
#include "huge.h"
#include "journal.h"
#include "map.h"
#include "persist.h"

#define TAIL_PIECES	8	/* that the tail of a large file may be in */

static bool is_huge(struct inode *inode, const struct daxfs_map *map, u64 first)
{
	return map->count >= DAXFS_HUGE_BLOCKS && (map->state == DAXFS_MAP_HOLE ||
	       daxfs_congruent(DAXFS_SB(inode->i_sb), map->disk_block, first));
}

/*
 * Blocks [first, +512) are not cached any more; what was dirty is written back. Nothing maps them and nothing can:
 * invalidate_lock is held exclusive. The inode lock is not held.
 */
static int forget_cached(struct inode *inode, u64 first)
{
	struct address_space *mapping = inode->i_mapping;
	unsigned long index = first, last = first + DAXFS_HUGE_BLOCKS - 1;
	loff_t start = (loff_t)first << DAXFS_BLOCK_SHIFT;
	int err;

	lockdep_assert_held_write(&mapping->invalidate_lock);
	if (!xa_find(&mapping->i_pages, &index, last, XA_PRESENT))
		return 0;
	err = filemap_write_and_wait_range(mapping, start, start + (1ll << DAXFS_HUGE_SHIFT) - 1);
	/* FENCE: the entries that would make the next fsync() write these lines back go away. */
	daxfs_fence(DAXFS_SB(inode->i_sb));
	return err ?: invalidate_inode_pages2_range(mapping, first, last);
}

static void forget_small(struct inode *inode, u64 first, u64 end)
{
	struct address_space *mapping = inode->i_mapping;
	unsigned long index = first;
	struct daxfs_map map;

	while (index < end && xa_find(&mapping->i_pages, &index, end - 1, XA_PRESENT)) {
		u64 range = round_down(index, DAXFS_HUGE_BLOCKS);

		if (xa_get_order(&mapping->i_pages, index) < DAXFS_HUGE_SHIFT - DAXFS_BLOCK_SHIFT &&
		    (range + DAXFS_HUGE_BLOCKS) << DAXFS_BLOCK_SHIFT <= i_size_read(inode) &&
		    !daxfs_lookup_shared(inode, range, &map) && is_huge(inode, &map, range) &&
		    forget_cached(inode, range))
			return;
		index = range + DAXFS_HUGE_BLOCKS;
		cond_resched();
	}
}

void daxfs_prepare_mapping(struct inode *inode, u64 first, u64 count)
{
	struct address_space *mapping = inode->i_mapping;
	u64 end = min_t(u64, first + count, DIV_ROUND_UP_ULL((u64)i_size_read(inode), DAXFS_BLOCK_SIZE));

	if (!IS_DAX(inode) || mapping_mapped(mapping) || mapping_empty(mapping) || first >= end)
		return;
	filemap_invalidate_lock(mapping);
	if (!mapping_mapped(mapping))
		forget_small(inode, first, end);
	filemap_invalidate_unlock(mapping);
}

/*
 * How many blocks at the start of the 2 MiB at `first` lie apart from a congruent run that reaches its end; all 512
 * where there is no such run. 0: nothing does, or blocks are missing or unwritten. The inode lock is held.
 */
static u32 misplaced(struct inode *inode, u64 first)
{
	u64 at = first, end = first + DAXFS_HUGE_BLOCKS;
	struct daxfs_map map;

	for (; at < end; at += map.count) {
		if (daxfs_map_lookup(inode, at, &map) || map.state != DAXFS_MAP_WRITTEN)
			return 0;
		if (map.count >= end - at && daxfs_congruent(DAXFS_SB(inode->i_sb), map.disk_block, at))
			return at - first;
	}
	return DAXFS_HUGE_BLOCKS;
}

/* Blocks of the file into reserved ones. -EBUSY where a page is held, -EIO where it is poisoned. */
static int copy_blocks(struct inode *inode, u64 first, struct daxfs_run run)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	struct daxfs_map map = { .count = 0 };
	u32 i;

	for (i = 0; i < run.count; i++) {
		void *from, *to = daxfs_block(sbi, run.block + i);

		if (!map.count) {
			int err = daxfs_map_lookup(inode, first + i, &map);

			if (err || map.state != DAXFS_MAP_WRITTEN)
				return err ?: -EUCLEAN;
		}
		from = daxfs_block(sbi, map.disk_block);
		if (daxfs_any_held(sbi, map.disk_block, 1))
			return -EBUSY;
		if (copy_mc_to_kernel(to, from, DAXFS_BLOCK_SIZE))
			return -EIO;
		daxfs_flush(sbi, to, DAXFS_BLOCK_SIZE);
		map.disk_block++;
		map.count--;
	}
	return 0;
}

/* One transaction: the copies become the file's, the old blocks are free. The reservation ends, whatever happens. */
static int commit_move(struct inode *inode, u64 first, struct daxfs_run run)
{
	struct daxfs_tx *tx = daxfs_tx_begin(inode->i_sb);

	if (IS_ERR(tx)) {
		daxfs_unreserve(inode->i_sb, run);
		return PTR_ERR(tx);
	}
	daxfs_tx_add_core(tx, inode);
	daxfs_tx_alloc(tx, run);
	return daxfs_commit_change(tx, inode, daxfs_map_prepare_move(tx, inode, first, run.block, run.count), 0);
}

/* One step. Failing is no error: the blocks stay where they are. */
static void gather_locked(struct inode *inode, u64 first)
{
	u32 head = misplaced(inode, first);
	struct daxfs_path path;
	struct daxfs_run run;

	if (!head)
		return;
	if ((head == DAXFS_HUGE_BLOCKS || daxfs_reserve_kept(inode, first, head, &run)) &&
	    (daxfs_path_find(inode, first, &path) ||
	     daxfs_reserve_data(inode, &path, DAXFS_HUGE_BLOCKS, DAXFS_ALLOC_HUGE, &run)))
		return;
	if (copy_blocks(inode, first, run))
		daxfs_unreserve(inode->i_sb, run);
	else
		commit_move(inode, first, run);
}

static void gather(struct inode *inode, u64 first)
{
	struct daxfs_step step;

	if (daxfs_step_begin(inode, &step))
		return;
	gather_locked(inode, first);
	daxfs_step_end(inode, &step);
}

void daxfs_gather(struct inode *inode, loff_t from, loff_t to)
{
	struct address_space *mapping = inode->i_mapping;
	u64 first = (u64)from >> DAXFS_HUGE_SHIFT << (DAXFS_HUGE_SHIFT - DAXFS_BLOCK_SHIFT);
	struct daxfs_map map;

	lockdep_assert_held_write(&inode->i_rwsem);
	if (!daxfs_completes_huge(from, to) || !IS_DAX(inode) || mapping_mapped(mapping))
		return;
	if (daxfs_lookup_shared(inode, first, &map) || is_huge(inode, &map, first))
		return;
	filemap_invalidate_lock(mapping);
	if (!mapping_mapped(mapping) && !forget_cached(inode, first))
		gather(inode, first);
	filemap_invalidate_unlock(mapping);
}

/* ---- tails ---- */

/*
 * Room for all of `count` blocks in broken huge pages, in a few pieces. Returns how many, 0 for too little room: nothing is
 * reserved then.
 */
static u32 reserve_rooms(struct inode *inode, u64 near, u32 count, struct daxfs_run runs[TAIL_PIECES])
{
	u32 pieces = 0, i;

	while (count && pieces < TAIL_PIECES &&
	       !daxfs_reserve_room(inode->i_sb, inode->i_ino, near, count, DIV_ROUND_UP(count, TAIL_PIECES - pieces),
				   &runs[pieces]))
		count -= runs[pieces++].count;
	if (!count)
		return pieces;
	for (i = 0; i < pieces; i++)
		daxfs_unreserve(inode->i_sb, runs[i]);
	return 0;
}

/* Piece by piece, each whole for itself: what fails stays where it is. */
static void move_pieces(struct inode *inode, u64 first, const struct daxfs_run *runs, u32 pieces)
{
	int err = 0;
	u32 i;

	for (i = 0; i < pieces; first += runs[i++].count) {
		if (!err)
			err = copy_blocks(inode, first, runs[i]);
		if (err)
			daxfs_unreserve(inode->i_sb, runs[i]);
		else
			err = commit_move(inode, first, runs[i]);
	}
}

/* The file's blocks from `first` on, at the start of the last 2 MiB that it has some of, are one congruent run. */
static bool tail_of(struct inode *inode, u64 first, u32 count, struct daxfs_run *run)
{
	struct daxfs_map map;

	if (daxfs_map_lookup(inode, first, &map) || map.state != DAXFS_MAP_WRITTEN || map.count != count ||
	    !daxfs_congruent(DAXFS_SB(inode->i_sb), map.disk_block, first))
		return false;
	*run = (struct daxfs_run){ .block = map.disk_block, .count = count };
	return true;
}

/* Not locked: the answer is good for a look. */
static bool may_settle(struct inode *inode, u64 first, u32 count)
{
	struct daxfs_map map;

	return daxfs_offers(DAXFS_SB(inode->i_sb), DAXFS_OFFERS_ROOM) && !daxfs_lookup_shared(inode, first, &map) &&
	       map.count == count && map.state == DAXFS_MAP_WRITTEN;
}

static void settle(struct inode *inode, u64 first, u32 count)
{
	struct daxfs_run run, runs[TAIL_PIECES];
	struct daxfs_step step;
	u32 pieces;

	if (daxfs_step_begin(inode, &step))
		return;
	/* While the rest of the page is kept nobody places anything there, the tail itself included. */
	if (tail_of(inode, first, count, &run) && daxfs_keep_around(inode, first, run)) {
		pieces = reserve_rooms(inode, run.block, count, runs);
		move_pieces(inode, first, runs, pieces);
		daxfs_end_windows(inode);
	}
	daxfs_step_end(inode, &step);
}

void daxfs_settle_tail_locked(struct inode *inode)
{
	struct address_space *mapping = inode->i_mapping;
	u64 end = DIV_ROUND_UP_ULL((u64)i_size_read(inode), DAXFS_BLOCK_SIZE);
	u64 first = round_down(end, DAXFS_HUGE_BLOCKS);

	lockdep_assert_held_write(&inode->i_rwsem);
	lockdep_assert_held_write(&mapping->invalidate_lock);
	if (!first || first == end || !inode->i_nlink || !IS_DAX(inode) || mapping_mapped(mapping))
		return;
	if (may_settle(inode, first, end - first) && !forget_cached(inode, first))
		settle(inode, first, end - first);
}

void daxfs_settle_tail(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;

	if (i_size_read(inode) < DAXFS_MEDIUM_FILE || !sb_start_write_trylock(sb))
		return;
	if (!daxfs_may_write(sb) && inode_trylock(inode)) {
		filemap_invalidate_lock(inode->i_mapping);
		daxfs_settle_tail_locked(inode);
		filemap_invalidate_unlock(inode->i_mapping);
		inode_unlock(inode);
	}
	sb_end_write(sb);
}

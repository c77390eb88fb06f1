// SPDX-License-Identifier: GPL-2.0
/*
 * Steps that every way to a file's data shares: looking up, reserving, and the transactions that map blocks and move the
 * size.
 */
#include <linux/pagemap.h>
#include <linux/writeback.h>

#include "alloc.h"
#include "data.h"
#include "daxfs.h"
#include "device.h"
#include "error.h"
#include "extent_tree.h"
#include "inode.h"
#include "journal.h"
#include "map.h"
#include "media.h"
#include "persist.h"
#include "trace.h"

void daxfs_set_unfinished(struct inode *inode, bool unfinished, u64 sound_end)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);

	lockdep_assert_held_write(&info->lock);
	if (unfinished && !info->unfinished)
		pr_err("daxfs (%s): inode %lu: a change of its size was cut off; it keeps blocks and size until the next mount\n",
		       inode->i_sb->s_id, inode->i_ino);
	info->sound_end = sound_end;
	WRITE_ONCE(info->unfinished, unfinished);
}

/* Of a file whose operation was given up, what lies in front of the place that it had come to. */
static int sound_part(const struct daxfs_inode_info *info, u64 file_block, struct daxfs_map *map)
{
	if (file_block >= info->sound_end)
		return -EUCLEAN;
	map->count = min(map->count, info->sound_end - file_block);
	return 0;
}

int daxfs_lookup_shared(struct inode *inode, u64 file_block, struct daxfs_map *map)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	int err, gate = daxfs_enter(DAXFS_SB(inode->i_sb));

	if (gate < 0)
		return gate;
	down_read(&info->lock);
	err = daxfs_map_lookup(inode, file_block, map);
	if (!err && unlikely(info->unfinished))
		err = sound_part(info, file_block, map);
	up_read(&info->lock);
	daxfs_leave(gate);
	return err;
}

bool daxfs_file_readable(struct inode *inode, loff_t pos)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	int gate = daxfs_enter(sbi);
	struct daxfs_map map;
	bool readable;

	if (gate < 0)
		return false;
	down_read(&DAXFS_I(inode)->lock);
	readable = !daxfs_map_lookup(inode, pos >> DAXFS_BLOCK_SHIFT, &map) &&
		   (map.state == DAXFS_MAP_HOLE || daxfs_block_readable(sbi, map.disk_block));
	up_read(&DAXFS_I(inode)->lock);
	daxfs_leave(gate);
	return readable;
}

/*
 * The 2 MiB that the path's key lies in begin elsewhere than in a huge page of theirs, up to the key: what goes on there needs
 * none. When they are complete they move (huge.c).
 */
static bool goes_on_apart(struct daxfs_sb_info *sbi, const struct daxfs_path *path, u64 goal)
{
	return path->tree.key % DAXFS_HUGE_BLOCKS && goal && !daxfs_congruent(sbi, goal, path->tree.key) &&
	       path->extent.file_block + path->extent.count == path->tree.key && daxfs_offers(sbi, DAXFS_OFFERS_WHOLE);
}

int daxfs_reserve_data(struct inode *inode, const struct daxfs_path *path, u64 want, enum daxfs_alloc_kind kind,
		       struct daxfs_run *run)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	struct daxfs_alloc request = {
		.kind = kind,
		.ino = inode->i_ino,
		.file_block = path->tree.key,
		.owner = DAXFS_I(inode),
		.want = min_t(u64, want, DAXFS_MAX_RUN),
	};
	u64 goal = daxfs_path_goal(sbi, path);

	if (kind == DAXFS_ALLOC_DATA && goes_on_apart(sbi, path, goal)) {
		request.kind = kind = DAXFS_ALLOC_MEDIUM;
		request.want = min_t(u64, request.want, DAXFS_HUGE_BLOCKS - path->tree.key % DAXFS_HUGE_BLOCKS);
	}
	if (kind == DAXFS_ALLOC_SMALL || kind == DAXFS_ALLOC_MEDIUM || daxfs_congruent(sbi, goal, path->tree.key))
		request.goal = goal;
	return daxfs_reserve(inode->i_sb, &request, run);
}

void daxfs_zero_bytes(struct daxfs_sb_info *sbi, u64 block, u32 from, u32 to)
{
	if (from >= to)
		return;
	memset(daxfs_block(sbi, block) + from, 0, to - from);
	daxfs_flush(sbi, daxfs_block(sbi, block) + from, to - from);
}

static int commit_change(struct daxfs_tx *tx, struct inode *inode, struct daxfs_tree_change *change, loff_t size,
			 bool sizes_only)
{
	int err = PTR_ERR_OR_ZERO(change);

	if (!err)
		err = daxfs_tx_ready(tx);
	if (err) {
		daxfs_tx_cancel(tx);
		return err;
	}
	daxfs_map_apply(change);
	daxfs_grow_size(inode, size);
	if (sizes_only)
		daxfs_store_sizes(inode);
	else
		daxfs_store_inode(inode);
	return daxfs_tx_commit(tx);
}

int daxfs_commit_change(struct daxfs_tx *tx, struct inode *inode, struct daxfs_tree_change *change, loff_t size)
{
	return commit_change(tx, inode, change, size, false);
}

static int commit_run(struct inode *inode, const struct daxfs_path *path, struct daxfs_run run, bool allocated,
		      enum daxfs_extent_state state, loff_t size, bool sparing)
{
	struct daxfs_tx *tx = daxfs_tx_begin(inode->i_sb);
	bool sizes_only;

	if (IS_ERR(tx)) {
		if (allocated)
			daxfs_unreserve(inode->i_sb, run);
		return PTR_ERR(tx);
	}
	/* Appends in a row have one time, for as long as the clock's tick: nothing new in the line that it lies in. */
	sizes_only = daxfs_times_stored(inode);
	if (sizes_only)
		daxfs_tx_add_sizes(tx, inode);
	else
		daxfs_tx_add_core(tx, inode);
	if (allocated)
		daxfs_tx_alloc(tx, run);
	return commit_change(tx, inode, daxfs_map_prepare_set(tx, inode, path, run, state, sparing), size, sizes_only);
}

int daxfs_commit_run(struct inode *inode, const struct daxfs_path *path, struct daxfs_run run, bool allocated,
		     enum daxfs_extent_state state, loff_t size)
{
	return commit_run(inode, path, run, allocated, state, size, true);
}

int daxfs_commit_extent(struct inode *inode, u64 file_block, u64 keep, loff_t size, struct daxfs_map *map)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	u64 before, behind;
	struct daxfs_path path;
	struct daxfs_run run;
	int err = daxfs_map_lookup_to_set(inode, file_block, map, &path);

	if (!err && map->state == DAXFS_MAP_UNWRITTEN)
		err = daxfs_map_lookup_to_set(inode, path.extent.file_block, map, &path);
	if (!err && map->state != DAXFS_MAP_UNWRITTEN)
		err = map->state == DAXFS_MAP_WRITTEN ? -EAGAIN : -ENOSPC;
	if (!err)
		err = daxfs_path_may_change(inode, &path) ?: daxfs_may_store(inode, map, map->count);
	if (err)
		return err;
	before = file_block - map->file_block;
	behind = map->count - before - keep;
	/* Durable with the transaction's first fence. */
	daxfs_zero_blocks(sbi, map->disk_block, before);
	daxfs_zero_blocks(sbi, map->disk_block + before + keep, behind);
	run.block = map->disk_block;
	run.count = map->count;
	return daxfs_commit_run(inode, &path, run, false, DAXFS_EXTENT_WRITTEN, size);
}

/* ---- the size, and blocks that an I/O has filled ---- */

/* Where no change of the map takes the size along. */
static int grow_size_locked(struct inode *inode, loff_t size)
{
	struct daxfs_tx *tx;
	int err;

	if (size <= (loff_t)le64_to_cpu(DAXFS_I(inode)->raw->size))
		return 0;
	tx = daxfs_tx_begin(inode->i_sb);
	if (IS_ERR(tx))
		return PTR_ERR(tx);
	daxfs_tx_add_core(tx, inode);
	err = daxfs_tx_ready(tx);
	if (err) {
		daxfs_tx_cancel(tx);
		return err;
	}
	daxfs_grow_size(inode, size);
	daxfs_store_inode(inode);
	return daxfs_tx_commit(tx);
}

int daxfs_flush_to(struct inode *inode, loff_t size)
{
	u64 from, to = round_up((u64)size, DAXFS_BLOCK_SIZE);

	if (!daxfs_in_page_cache(inode))
		return 0;
	from = round_down((u64)min(daxfs_stored_size(inode), size), DAXFS_BLOCK_SIZE);
	return from < to ? filemap_write_and_wait_range(inode->i_mapping, from, to - 1) : 0;
}

int daxfs_commit_size(struct inode *inode, loff_t size)
{
	struct daxfs_step step;
	int err = daxfs_flush_to(inode, min(size, i_size_read(inode)));

	if (!err)
		err = daxfs_step_begin(inode, &step);
	if (err)
		return err;
	err = grow_size_locked(inode, size);
	daxfs_step_end(inode, &step);
	if (!err && size > i_size_read(inode))
		i_size_write(inode, size);
	return err;
}

/* ---- what writeback will need ---- */

/*
 * Turning a part of an unwritten extent into a written one takes up to two more extents, and so a node of the tree, when
 * write(2) has long returned. For each block that comes into the page cache for unwritten ones a block is taken off the
 * free ones; its conversion gives it back before it begins. So it finds one, and a write that would have none says ENOSPC.
 * Half of what is kept for metadata, and what is kept for root, stays for others, as with struct daxfs_alloc.sparing.
 *
 * A little more may be due than is needed, where a copy ended early or pages were thrown away; eviction settles it.
 */
#define MOST_DUE	1024	/* blocks, for one look at the map */

/* Those of the range that no dirty folio stands for. One folio is one block. */
static u64 clean_blocks(struct inode *inode, u64 first, u64 count)
{
	XA_STATE(xas, &inode->i_mapping->i_pages, first);
	u64 clean = count;
	void *entry;

	rcu_read_lock();
	xas_for_each_marked(&xas, entry, first + count - 1, PAGECACHE_TAG_DIRTY)
		clean--;
	rcu_read_unlock();
	return clean;
}

int daxfs_take_due(struct inode *inode, struct daxfs_map *map, u64 want)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	u64 clean, taken;

	map->count = min3(map->count, want, (u64)MOST_DUE);
	clean = clean_blocks(inode, map->file_block, map->count);
	if (!clean)
		return 0;
	taken = daxfs_count_take(inode->i_sb, clean, sbi->meta_reserve / 2 + sbi->root_reserve);
	if (!taken)
		return -ENOSPC;
	if (taken < clean)
		map->count = taken;
	atomic64_add(taken, &DAXFS_I(inode)->due);
	atomic64_add(taken, &sbi->due);
	return 0;
}

void daxfs_give_due(struct inode *inode, u64 blocks)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	s64 due = atomic64_read(&info->due), given;

	do
		given = min_t(u64, due, blocks);
	while (!atomic64_try_cmpxchg(&info->due, &due, due - given));
	if (!given)
		return;
	atomic64_sub(given, &DAXFS_SB(inode->i_sb)->due);
	daxfs_count_add(inode->i_sb, given);
}

bool daxfs_settle_due(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	s64 before = atomic64_read(&sbi->due);

	if (!before)
		return false;
	try_to_writeback_inodes_sb(sb, WB_REASON_FS_FREE_SPACE);
	flush_workqueue(sbi->convert_wq);
	return atomic64_read(&sbi->due) < before;
}

/* One extent of [first, last), and behind the last one the size. *count: blocks dealt with. */
static int convert_step(struct inode *inode, u64 first, u64 last, loff_t end, bool sparing, u64 *count)
{
	struct daxfs_path path;
	struct daxfs_run run;
	struct daxfs_map map;
	int err = daxfs_map_lookup_to_set(inode, first, &map, &path);

	if (err)
		return err;
	/* Whoever frees blocks waits for I/O to them first. */
	if (map.state == DAXFS_MAP_HOLE)
		return daxfs_corrupt(inode->i_sb, inode->i_ino, inode->i_ino / DAXFS_INODES_PER_BLOCK,
				     "no blocks where data was written, at file block %llu", first);
	*count = min3(map.count, last - first, (u64)U32_MAX);
	end = min_t(u64, end, (first + *count) << DAXFS_BLOCK_SHIFT);
	if (map.state == DAXFS_MAP_WRITTEN)
		return grow_size_locked(inode, end);
	run.block = map.disk_block;
	run.count = *count;
	err = commit_run(inode, &path, run, false, DAXFS_EXTENT_WRITTEN, end, sparing);
	trace_daxfs_convert(inode, first << DAXFS_BLOCK_SHIFT, *count << DAXFS_BLOCK_SHIFT, err);
	return err;
}

int daxfs_convert(struct inode *inode, loff_t pos, loff_t end, bool sparing)
{
	u64 first = pos >> DAXFS_BLOCK_SHIFT, last = DIV_ROUND_UP_ULL((u64)end, DAXFS_BLOCK_SIZE), count = 0;
	struct daxfs_step step;
	int err = 0;

	for (; first < last && !err; first += count) {
		err = daxfs_step_begin(inode, &step);
		if (err)
			return err;
		err = convert_step(inode, first, last, end, sparing, &count);
		daxfs_step_end(inode, &step);
		cond_resched();
	}
	return err;
}

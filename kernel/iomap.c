// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel's iomap and DAX code asks of us: where do bytes of a file lie, and how do they get a place.
 *
 * The rule of this file: nobody ever sees a block that is mapped as written before its bytes are what the file holds.
 * A write(2) keeps the inode lock from iomap_begin to iomap_end: it gets reserved blocks that nothing reaches, fills
 * them once, and one transaction maps them as written and moves the size. A write fault maps a block that it zeroed,
 * all under the inode lock. A crash before the commit word leaves the hole, or the unwritten extent, that was there.
 *
 * Which fence does what: copies and zeros are non-temporal stores or flushed ones, without a fence of their own. The
 * first fence of the transaction that maps them makes them durable, long before its commit word.
 */
#include <linux/fiemap.h>

#include "alloc.h"
#include "claim.h"
#include "data.h"
#include "daxfs.h"
#include "extent_tree.h"
#include "iomap.h"
#include "pages.h"
#include "persist.h"
#include "points.h"
#include "trace.h"

static void fill_iomap(struct inode *inode, const struct daxfs_map *map, unsigned int flags, struct iomap *iomap)
{
	static const u16 types[] = {
		[DAXFS_MAP_HOLE] = IOMAP_HOLE,
		[DAXFS_MAP_WRITTEN] = IOMAP_MAPPED,
		[DAXFS_MAP_UNWRITTEN] = IOMAP_UNWRITTEN,
	};
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);

	iomap->type = types[map->state];
	iomap->flags = 0;
	iomap->bdev = inode->i_sb->s_bdev;
	iomap->dax_dev = sbi->dax_dev;
	iomap->offset = map->file_block << DAXFS_BLOCK_SHIFT;
	/* A hole may reach to 2^63, which is no loff_t: the rest is asked for again. */
	iomap->length = min_t(u64, map->count, 1ull << 50) << DAXFS_BLOCK_SHIFT;
	iomap->validity_cookie = map->sequence;
	iomap->addr = IOMAP_NULL_ADDR;
	/* DAX counts from the start of the dax device, which may hold partitions; block I/O and FIEMAP from that of ours. */
	if (map->state != DAXFS_MAP_HOLE)
		iomap->addr = (flags & IOMAP_DAX ? sbi->dax_start : 0) + (map->disk_block << DAXFS_BLOCK_SHIFT);
}

static __always_inline u64 begin_enter(struct inode *inode, loff_t pos, loff_t length, unsigned int flags)
{
	trace_daxfs_get_blocks_enter(inode, pos, length, flags);
	return daxfs_trace_start(trace_daxfs_get_blocks_exit_enabled());
}

static noinline void trace_exit(struct inode *inode, loff_t pos, const struct daxfs_map *map, u32 allocated, int err,
				u64 start)
{
	trace_daxfs_get_blocks_exit(inode, pos, err ? 0 : map->count << DAXFS_BLOCK_SHIFT,
				    err ? 0 : map->disk_block << DAXFS_BLOCK_SHIFT, err ? 0 : map->state,
				    allocated, err, daxfs_trace_duration(start));
}

static __always_inline int begin_exit(struct inode *inode, loff_t pos, const struct daxfs_map *map, u32 allocated,
				      int err, u64 start)
{
	if (trace_daxfs_get_blocks_exit_enabled())
		trace_exit(inode, pos, map, allocated, err, start);
	return err;
}

static bool found_already(struct daxfs_inode_info *info, u64 file_block, struct daxfs_map *map)
{
	unsigned int seen = read_seqbegin(&info->found_lock);
	u64 skip;

	*map = info->found;
	skip = file_block - map->file_block;
	if (read_seqretry(&info->found_lock, seen) || skip >= map->count ||
	    map->sequence != READ_ONCE(info->map_sequence))
		return false;
	map->file_block += skip;
	map->disk_block += skip;
	map->count -= skip;
	return true;
}

/*
 * For whoever holds i_rwsem or invalidate_lock, in any mode. Written blocks of a DAX file go, or move, only under both
 * of them exclusive; map_sequence moves then. So where it has not, what was found before is true, and it takes neither
 * the gate nor the inode lock to say so.
 */
static int lookup_dax(struct inode *inode, u64 file_block, struct daxfs_map *map)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	int err;

	if (found_already(info, file_block, map))
		return 0;
	err = daxfs_lookup_shared(inode, file_block, map);
	if (!err && map->state == DAXFS_MAP_WRITTEN) {
		write_seqlock(&info->found_lock);
		info->found = *map;
		write_sequnlock(&info->found_lock);
	}
	return err;
}

static u64 blocks_of(loff_t pos, loff_t length)
{
	return ((pos + (u64)length - 1) >> DAXFS_BLOCK_SHIFT) - (pos >> DAXFS_BLOCK_SHIFT) + 1;
}

static int read_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags, struct iomap *iomap,
		      struct iomap *srcmap)
{
	u64 start = begin_enter(inode, pos, length, flags);
	struct daxfs_map map;
	int err = IS_DAX(inode) ? lookup_dax(inode, pos >> DAXFS_BLOCK_SHIFT, &map) :
				  daxfs_lookup_shared(inode, pos >> DAXFS_BLOCK_SHIFT, &map);

	/* SEEK_DATA and FIEMAP ask where it lies, and look at nothing there. */
	if (!err && !(flags & IOMAP_REPORT))
		err = daxfs_may_load(inode, &map, blocks_of(pos, length));
	daxfs_point(read);
	if (!err)
		fill_iomap(inode, &map, flags, iomap);
	return begin_exit(inode, pos, &map, 0, err, start);
}

const struct iomap_ops daxfs_read_iomap_ops = {
	.iomap_begin	= read_begin,
};

/* Through DAX, SEEK_HOLE and SEEK_DATA see unwritten blocks as a hole. Else the page cache may hold data for them. */
static int seek_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags, struct iomap *iomap,
		      struct iomap *srcmap)
{
	int err = read_begin(inode, pos, length, flags, iomap, srcmap);

	if (!err && iomap->type == IOMAP_UNWRITTEN) {
		iomap->type = IOMAP_HOLE;
		iomap->addr = IOMAP_NULL_ADDR;
	}
	return err;
}

static const struct iomap_ops seek_iomap_ops = {
	.iomap_begin	= seek_begin,
};

loff_t daxfs_llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file->f_mapping->host;
	const struct iomap_ops *ops = IS_DAX(inode) ? &seek_iomap_ops : &daxfs_read_iomap_ops;

	if (whence != SEEK_HOLE && whence != SEEK_DATA)
		return generic_file_llseek(file, offset, whence);
	inode_lock_shared(inode);
	if (whence == SEEK_HOLE)
		offset = iomap_seek_hole(inode, offset, ops);
	else
		offset = iomap_seek_data(inode, offset, ops);
	inode_unlock_shared(inode);
	return offset < 0 ? offset : vfs_setpos(file, offset, inode->i_sb->s_maxbytes);
}

int daxfs_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 length)
{
	int err;

	inode_lock_shared(inode);
	err = iomap_fiemap(inode, info, start, length, &daxfs_read_iomap_ops);
	inode_unlock_shared(inode);
	return err;
}

/* Of blocks that are about to hold [pos, end): what the copy does not reach of the first and the last one. */
static void zero_edges(struct daxfs_sb_info *sbi, u64 first, struct daxfs_run run, u64 pos, u64 end)
{
	u64 last = first + run.count - 1;

	if (pos >> DAXFS_BLOCK_SHIFT == first)
		daxfs_zero_bytes(sbi, run.block, 0, pos & (DAXFS_BLOCK_SIZE - 1));
	if ((end - 1) >> DAXFS_BLOCK_SHIFT == last && end & (DAXFS_BLOCK_SIZE - 1))
		daxfs_zero_bytes(sbi, run.block + run.count - 1, end & (DAXFS_BLOCK_SIZE - 1), DAXFS_BLOCK_SIZE);
}

/* Begins a step, which on success write_end() ends, unless the blocks turn out to be written already. */
static int write_begin_fill(struct inode *inode, struct daxfs_write *write, u64 pos, u64 end, struct daxfs_map *map)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	u64 first = pos >> DAXFS_BLOCK_SHIFT;
	u64 want = ((end - 1) >> DAXFS_BLOCK_SHIFT) - first + 1;
	int err;

	daxfs_point(lookup);
	err = daxfs_step_begin(inode, &write->step);
	if (err)
		return err;
	err = daxfs_map_lookup_to_set(inode, first, map, &write->path) ?: daxfs_path_may_change(inode, &write->path);
	/* Not what write_begin() saw, if it looked at all. */
	if (!err && map->state != DAXFS_MAP_HOLE)
		err = daxfs_may_store(inode, map, want);
	if (err || map->state == DAXFS_MAP_WRITTEN)
		goto end;
	want = min(want, map->count);
	write->allocated = map->state == DAXFS_MAP_HOLE;
	if (write->allocated) {
		loff_t size = max(i_size_read(inode), write->end);

		err = daxfs_reserve_data(inode, &write->path, want, daxfs_data_kind(size), &write->run);
		if (err)
			goto end;
	} else {
		write->run.block = map->disk_block;
		write->run.count = min_t(u64, want, DAXFS_MAX_RUN);
	}
	daxfs_point(reserve);
	zero_edges(sbi, first, write->run, pos, end);
	write->filling = true;
	map->disk_block = write->run.block;
	map->count = write->run.count;
	map->state = DAXFS_MAP_WRITTEN;
	return 0;

end:
	daxfs_step_end(inode, &write->step);
	return err;
}

static int write_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags, struct iomap *iomap,
		       struct iomap *srcmap)
{
	struct daxfs_write *write = DAXFS_I(inode)->write;
	u64 start = begin_enter(inode, pos, length, flags);
	struct daxfs_map map;
	u32 allocated = 0;
	int err;

	write->filling = false;
	write->start_ns = daxfs_trace_start(trace_daxfs_write_done_enabled());
	err = write->error;
	/* Most appends meet a hole: whoever looks for one needs the lock exclusive anyway. */
	map.state = DAXFS_MAP_HOLE;
	if (!err && round_down(pos, DAXFS_BLOCK_SIZE) < i_size_read(inode))
		err = lookup_dax(inode, pos >> DAXFS_BLOCK_SHIFT, &map) ?: daxfs_may_store(inode, &map, blocks_of(pos, length));
	if (!err && map.state != DAXFS_MAP_WRITTEN)
		err = write_begin_fill(inode, write, pos, pos + (u64)length, &map);
	if (!err) {
		/* Not IOMAP_F_NEW: that would unmap under the inode lock, which a fault waits for. */
		fill_iomap(inode, &map, flags, iomap);
		if (write->filling && write->allocated)
			allocated = write->run.count;
	}
	return begin_exit(inode, pos, &map, allocated, err, start);
}

/* Gives back the blocks of the run that no byte was copied to. */
static void release_uncopied(struct inode *inode, struct daxfs_write *write, u32 keep)
{
	struct daxfs_run rest = { .block = write->run.block + keep, .count = write->run.count - keep };

	if (write->allocated && rest.count)
		daxfs_unreserve(inode->i_sb, rest);
	write->run.count = keep;
}

/* The run holds [pos, end) of the file now: it becomes part of it. */
static int write_end_fill(struct inode *inode, struct daxfs_write *write, u64 pos, u64 length, u64 written)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	u64 first = write->path.tree.key, end = pos + written;
	struct daxfs_map whole = { };
	int err = 0;

	release_uncopied(inode, write, written ? ((end - 1) >> DAXFS_BLOCK_SHIFT) - first + 1 : 0);
	if (written < length && written) {
		u64 last = write->run.block + write->run.count - 1;
		u32 copied = end & (DAXFS_BLOCK_SIZE - 1);

		/* A copy that a fault ended may have left its last bytes in the cache. */
		if (copied)
			daxfs_zero_bytes(sbi, last, copied, DAXFS_BLOCK_SIZE);
		daxfs_flush(sbi, daxfs_block(sbi, last), copied ? copied : DAXFS_BLOCK_SIZE);
	}
	if (written) {
		err = daxfs_commit_run(inode, &write->path, write->run, write->allocated, DAXFS_EXTENT_WRITTEN, end);
		if (unlikely(err == -ENOSPC) && !write->allocated)
			err = daxfs_commit_extent(inode, first, write->run.count, end, &whole);
		if (!write->allocated)
			trace_daxfs_convert(inode, first << DAXFS_BLOCK_SHIFT,
					    (u64)write->run.count << DAXFS_BLOCK_SHIFT, err);
	}
	daxfs_step_end(inode, &write->step);
	if (!err && written) {
		write->filled_from = min(write->filled_from, whole.count ? whole.file_block : first);
		write->filled_to = max(write->filled_to,
				       whole.count ? whole.file_block + whole.count : first + write->run.count);
	}
	return err;
}

/*
 * A copy that a fault of the source ended may have left its last bytes in the cache: on 6.1 those of the 64 that it was at.
 * No page of the mapping is dirty for them, so no fsync(2) would find them. The caller fences.
 */
static int flush_copied(struct inode *inode, loff_t pos, size_t written, const struct iomap *iomap)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	u64 end = iomap->addr - sbi->dax_start + (pos - iomap->offset) + written, from = end - min_t(size_t, written, 64);
	int gate = daxfs_enter(sbi);
	u32 offset, bytes;

	if (gate < 0)
		return gate;
	/* Block by block: two in a row on the device may be far apart in memory. */
	for (; from < end; from += bytes) {
		offset = from & (DAXFS_BLOCK_SIZE - 1);
		bytes = min_t(u64, end - from, DAXFS_BLOCK_SIZE - offset);
		daxfs_flush(sbi, daxfs_block(sbi, from >> DAXFS_BLOCK_SHIFT) + offset, bytes);
	}
	daxfs_leave(gate);
	return 0;
}

static int write_end(struct inode *inode, loff_t pos, loff_t length, ssize_t written, unsigned int flags,
		     struct iomap *iomap)
{
	struct daxfs_write *write = DAXFS_I(inode)->write;
	u32 allocated = 0;
	int err = 0;

	if (unlikely(!write->filling && written > 0 && written < length))
		err = flush_copied(inode, pos, written, iomap);
	if (err) {
		write->error = err;
		return err;
	}
	if (write->filling) {
		err = write_end_fill(inode, write, pos, length, written);
		allocated = write->allocated && !err ? write->run.count : 0;
		write->filling = false;
		if (!err && written)
			write->fence = false;
	} else if (written && pos + written > i_size_read(inode)) {
		/* Blocks behind the end of file that were written before, by a store to the last page of a mapping. */
		err = daxfs_commit_size(inode, pos + written);
		write->fence = err;
	} else if (written) {
		write->fence = true;
	}
	if (err)
		write->error = err;
	else
		write->done = pos + written;
	if (trace_daxfs_write_done_enabled())
		trace_daxfs_write_done(inode, pos, length, written, i_size_read(inode), allocated, err,
				       daxfs_trace_duration(write->start_ns));
	return err;
}

const struct iomap_ops daxfs_write_iomap_ops = {
	.iomap_begin	= write_begin,
	.iomap_end	= write_end,
};

/*
 * Maps all of [first, first + count) as written zeros, or nothing: errors make a fault of 2 MiB fall back. One step;
 * another fault may have been here before us.
 */
static int fault_fill(struct inode *inode, u64 first, u32 count, struct daxfs_map *map, u32 *allocated)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	enum daxfs_alloc_kind kind;
	struct daxfs_path path DAXFS_NOT_CLEARED;
	struct daxfs_run run;
	bool hole;
	int err = daxfs_map_lookup_to_set(inode, first, map, &path);

	/* Not what fault_begin() saw. */
	if (!err && map->state != DAXFS_MAP_HOLE)
		err = daxfs_may_store(inode, map, count);
	if (err || map->state == DAXFS_MAP_WRITTEN)
		return err;
	if (map->count < count)
		return -EAGAIN;
	hole = map->state == DAXFS_MAP_HOLE;
	if (hole) {
		kind = count == DAXFS_HUGE_BLOCKS ? DAXFS_ALLOC_HUGE : daxfs_data_kind(i_size_read(inode));
		err = daxfs_reserve_data(inode, &path, count, kind, &run);
		if (err)
			return err;
		if (run.count < count) {
			daxfs_unreserve(inode->i_sb, run);
			return -ENOSPC;
		}
	} else {
		if (count == DAXFS_HUGE_BLOCKS && !daxfs_congruent(sbi, map->disk_block, first))
			return -EAGAIN;
		run.block = map->disk_block;
		run.count = count;
	}
	daxfs_point(reserve);
	/* The zeros are durable with the transaction's first fence, before anything maps the blocks. */
	daxfs_zero_blocks(sbi, run.block, count);
	err = daxfs_commit_run(inode, &path, run, hole, DAXFS_EXTENT_WRITTEN, 0);
	if (!hole)
		trace_daxfs_convert(inode, first << DAXFS_BLOCK_SHIFT, (u64)count << DAXFS_BLOCK_SHIFT, err);
	if (err)
		return err;
	*allocated = hole ? count : 0;
	map->disk_block = run.block;
	map->count = count;
	map->state = DAXFS_MAP_WRITTEN;
	return 0;
}

/*
 * Zeros that readers mapped there go before others can learn that the block is written: who overwrites it with write(2) finds
 * nothing to forget, and would see the zeros behind it. The DAX core has locked our entry: nobody maps them again.
 */
static void forget_zeros(struct inode *inode, u64 first, u32 count)
{
	if (daxfs_entry_is_zeros(xa_load(&inode->i_mapping->i_pages, first)))
		unmap_mapping_range(inode->i_mapping, first << DAXFS_BLOCK_SHIFT, (loff_t)count << DAXFS_BLOCK_SHIFT, 0);
}

static int fault_fill_locked(struct inode *inode, u64 first, u32 count, struct daxfs_map *map, u32 *allocated)
{
	struct daxfs_step step;
	int err;

	daxfs_point(lookup);
	err = daxfs_step_begin(inode, &step);
	if (err)
		return err;
	err = fault_fill(inode, first, count, map, allocated);
	if (!err)
		forget_zeros(inode, first, count);
	daxfs_step_end(inode, &step);
	daxfs_point(filled);
	return err;
}

static int fault_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags, struct iomap *iomap,
		       struct iomap *srcmap)
{
	u64 start = begin_enter(inode, pos, length, flags), first = pos >> DAXFS_BLOCK_SHIFT;
	struct daxfs_map map;
	u32 allocated = 0;
	bool filled;
	int err = lookup_dax(inode, first, &map);

	if (!err && flags & IOMAP_WRITE)
		err = daxfs_may_change(inode);
	if (!err)
		err = daxfs_may_load(inode, &map, length >> DAXFS_BLOCK_SHIFT);
	if (!(flags & IOMAP_WRITE))
		daxfs_point(read);
	filled = !err && flags & IOMAP_WRITE && map.state != DAXFS_MAP_WRITTEN;
	if (filled)
		err = fault_fill_locked(inode, first, length >> DAXFS_BLOCK_SHIFT, &map, &allocated);
	if (!err) {
		fill_iomap(inode, &map, flags, iomap);
		/* Zero pages that readers mapped give way. Never IOMAP_F_DIRTY: all is durable already. */
		if (filled)
			iomap->flags |= IOMAP_F_NEW;
		err = daxfs_claim_pages(inode, &map, first, length >> DAXFS_BLOCK_SHIFT, iomap);
	}
	return begin_exit(inode, pos, &map, allocated, err, start);
}

const struct iomap_ops daxfs_fault_iomap_ops = {
	.iomap_begin	= fault_begin,
	.iomap_end	= daxfs_release_pages,
};

/* ---- writes that bypass DAX: through the page cache (buffered.c), and direct (dio.c) ---- */

/* Whether the map is still what it was when iomap_begin looked: asked with the folio locked. */
static bool map_is_valid(struct inode *inode, const struct iomap *iomap)
{
	return iomap->validity_cookie == READ_ONCE(DAXFS_I(inode)->map_sequence);
}

static const daxfs_iomap_folio_ops alloc_folio_ops = {
	.iomap_valid	= map_is_valid,
};

/* Of a hole at `first`, up to `want` blocks become unwritten ones. Somebody may have been here before us. */
static int alloc_unwritten_locked(struct inode *inode, u64 first, u64 want, loff_t size, struct daxfs_map *map,
				  u32 *allocated)
{
	struct daxfs_path path DAXFS_NOT_CLEARED;
	struct daxfs_run run;
	int err = daxfs_map_lookup_to_set(inode, first, map, &path);

	if (err || map->state != DAXFS_MAP_HOLE)
		return err ?: daxfs_may_store(inode, map, want);
	err = daxfs_reserve_data(inode, &path, min(want, map->count), daxfs_data_kind(size), &run);
	if (!err)
		err = daxfs_commit_run(inode, &path, run, true, DAXFS_EXTENT_UNWRITTEN, 0);
	if (err)
		return err;
	*allocated = run.count;
	map->disk_block = run.block;
	map->count = run.count;
	map->state = DAXFS_MAP_UNWRITTEN;
	map->sequence = DAXFS_I(inode)->map_sequence;
	return 0;
}

static int alloc_unwritten(struct inode *inode, u64 first, u64 want, loff_t size, struct daxfs_map *map, u32 *allocated)
{
	struct daxfs_step step;
	int err;

	daxfs_point(lookup);
	err = daxfs_step_begin(inode, &step);
	if (err)
		return err;
	err = alloc_unwritten_locked(inode, first, want, size, map, allocated);
	daxfs_step_end(inode, &step);
	return err;
}

static int alloc_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags, struct iomap *iomap,
		       struct iomap *srcmap)
{
	u64 start = begin_enter(inode, pos, length, flags), end = pos + (u64)length;
	u64 first = pos >> DAXFS_BLOCK_SHIFT;
	struct daxfs_map map;
	u32 allocated = 0;
	u64 blocks = blocks_of(pos, length);
	int err = daxfs_lookup_shared(inode, first, &map) ?: daxfs_may_store(inode, &map, blocks);

	if (!err && map.state == DAXFS_MAP_HOLE)
		err = alloc_unwritten(inode, first, blocks,
				      max_t(u64, i_size_read(inode), end), &map, &allocated);
	/* Direct I/O converts before it returns. */
	if (!err && map.state == DAXFS_MAP_UNWRITTEN && !(flags & IOMAP_DIRECT))
		err = daxfs_take_due(inode, &map, blocks);
	if (!err) {
		fill_iomap(inode, &map, flags, iomap);
		iomap->daxfs_folio_ops = &alloc_folio_ops;
	}
	return begin_exit(inode, pos, &map, allocated, err, start);
}

const struct iomap_ops daxfs_alloc_iomap_ops = {
	.iomap_begin	= alloc_begin,
};

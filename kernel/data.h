/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the data path (iomap, file, fault, buffered, dio, truncate, fallocate) share. */
#ifndef DAXFS_DATA_H
#define DAXFS_DATA_H

#include <linux/ktime.h>

#include <linux/sched/mm.h>

#include "daxfs.h"
#include "map.h"

/* What kind of space a file gets, by its size (alloc.c): smaller files fill holes of any size, ... */
#define DAXFS_SMALL_FILE	(64 << 10)
/* ... up to here they fill large holes; from here on blocks are placed congruently in huge pages. */
#define DAXFS_MEDIUM_FILE	(2 << 20)

/*
 * A step of a change of a file: inside the gate, with the inode lock exclusive, and without reclaim that would enter a
 * filesystem. What may wait for user space, or for long, is done between steps.
 */
struct daxfs_step {
	int gate;
	unsigned int nofs;
};

/* Of an operation that goes on with what the inode announces, or frees all of it; other changes: daxfs_step_begin(). */
static inline int daxfs_step_resume(struct inode *inode, struct daxfs_step *step)
{
	step->gate = daxfs_enter(DAXFS_SB(inode->i_sb));
	if (step->gate < 0)
		return step->gate;
	step->nofs = memalloc_nofs_save();
	down_write(&DAXFS_I(inode)->lock);
	return 0;
}

static inline void daxfs_step_end(struct inode *inode, const struct daxfs_step *step)
{
	up_write(&DAXFS_I(inode)->lock);
	memalloc_nofs_restore(step->nofs);
	daxfs_leave(step->gate);
}

static inline int daxfs_step_begin(struct inode *inode, struct daxfs_step *step)
{
	int err = daxfs_step_resume(inode, step);

	if (!err && unlikely(DAXFS_I(inode)->unfinished)) {
		daxfs_step_end(inode, step);
		err = -EUCLEAN;
	}
	return err;
}

/* In a step of its: the operation is given up, or done. */
void daxfs_set_unfinished(struct inode *inode, bool unfinished, u64 sound_end);

/* A write(2) in progress, at daxfs_inode_info.write: under i_rwsem exclusive there is one an inode. */
struct daxfs_write {
	loff_t end;			/* of the whole call: decides what kind of space it gets */
	loff_t done;			/* everything before this is copied and mapped */
	int error;			/* iomap drops what iomap_end returns once bytes were copied */
	bool fence;			/* bytes were copied over written blocks: no transaction has fenced them */
	/* Between iomap_begin and iomap_end of blocks that are not written yet: one step, see daxfs_step_begin(). */
	bool filling;
	bool allocated;			/* `run` is a reservation, not unwritten blocks of the file */
	struct daxfs_step step;
	struct daxfs_path path;		/* to where `run` comes into the file */
	struct daxfs_run run;
	u64 start_ns;
	/* File blocks that got data behind mapped zero pages: unmapped once the inode lock is dropped. */
	u64 filled_from, filled_to;
};

/* A descriptor may be older than the flag. i_rwsem is held, which who sets the flag holds exclusive. */
static inline ssize_t daxfs_write_checks(struct kiocb *iocb, struct iov_iter *from)
{
	return IS_IMMUTABLE(file_inode(iocb->ki_filp)) ? -EPERM : generic_write_checks(iocb, from);
}

/* Only where somebody listens. */
static inline u64 daxfs_trace_start(bool enabled)
{
	return enabled ? ktime_get_ns() : 0;
}

static inline u64 daxfs_trace_duration(u64 start)
{
	return start ? ktime_get_ns() - start : 0;
}

static inline bool daxfs_congruent(const struct daxfs_sb_info *sbi, u64 disk_block, u64 file_block)
{
	return !((disk_block - sbi->align_blocks - file_block) & (DAXFS_HUGE_BLOCKS - 1));
}

static inline enum daxfs_alloc_kind daxfs_data_kind(loff_t size)
{
	return size < DAXFS_SMALL_FILE ? DAXFS_ALLOC_SMALL :
	       size < DAXFS_MEDIUM_FILE ? DAXFS_ALLOC_MEDIUM : DAXFS_ALLOC_DATA;
}

/* daxfs_map_lookup() inside the gate, with the inode lock shared. */
int daxfs_lookup_shared(struct inode *inode, u64 file_block, struct daxfs_map *map);
/* Space for up to `want` blocks of a hole at the path's key. */
int daxfs_reserve_data(struct inode *inode, const struct daxfs_path *path, u64 want, enum daxfs_alloc_kind kind,
		       struct daxfs_run *run);
/* Zeros into part of a block, flushed; the fence is the caller's. */
void daxfs_zero_bytes(struct daxfs_sb_info *sbi, u64 block, u32 from, u32 to);
/*
 * One transaction, in a step: the run, at the path's key, in `state`, and the size if it grows. `allocated`: the run is a
 * reservation; it ends here, whatever happens.
 */
int daxfs_commit_run(struct inode *inode, const struct daxfs_path *path, struct daxfs_run run, bool allocated,
		     enum daxfs_extent_state state, loff_t size);
/* Ends a transaction that logged the core: applies the change and stores the inode, with `size` if that makes it larger;
 * cancels instead where the change is an ERR_PTR, or the transaction cannot be. */
int daxfs_commit_change(struct daxfs_tx *tx, struct inode *inode, struct daxfs_map_change *change, loff_t size);
/*
 * [pos, end) is on the device, in blocks that are written or unwritten: they become written, and the stored size moves
 * up to `end`. Takes the inode lock, in as many transactions as it takes.
 */
int daxfs_convert(struct inode *inode, loff_t pos, loff_t end);
/* One transaction that makes the size grow. Takes the inode lock. */
int daxfs_commit_size(struct inode *inode, loff_t size);
/* What lies behind the old end of file in its last block becomes zeros, before the size grows to `size`. */
int daxfs_zero_tail(struct inode *inode, loff_t size);
/* Bytes [from, to), all in one block, become zeros where they are data: on the device, or in the page cache. */
int daxfs_zero_in_block(struct inode *inode, loff_t from, loff_t to);
/* File blocks [first, end) become a hole, in as many transactions as it takes. Nothing maps them any more. */
int daxfs_remove_blocks(struct inode *inode, u64 first, u64 end);

/* ---- shift.c. i_rwsem and invalidate_lock are held exclusive. -EINVAL, -EFBIG: not such a range in this file. ---- */
int daxfs_collapse_range(struct inode *inode, loff_t offset, loff_t length);
int daxfs_insert_range(struct inode *inode, loff_t offset, loff_t length);
int daxfs_resume_collapse(struct inode *inode);		/* recovery: of what the inode announces; its arguments are in range */

/* ---- buffered.c: files in the page cache ---- */
ssize_t daxfs_buffered_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t daxfs_buffered_write(struct kiocb *iocb, struct iov_iter *from);
int daxfs_zero_cached(struct inode *inode, loff_t from, loff_t to);
/* What the stored size will cover once it is `size` is on the device, and so is the block that `size` lies in. */
int daxfs_flush_to(struct inode *inode, loff_t size);
/* Before a write that ends at `end`: is there a hole behind the end of file? Then what is there after it failed is its. */
bool daxfs_hole_behind(struct inode *inode, loff_t end);
/* Gives back blocks between the end of file and `end`. i_rwsem is held exclusive. */
void daxfs_release_behind(struct inode *inode, loff_t end);

/* ---- dio.c: direct I/O beside the page cache ---- */
ssize_t daxfs_direct_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t daxfs_direct_write(struct kiocb *iocb, struct iov_iter *from);

#define DAXFS_HUGE_SHIFT	21

/* Whether bytes [from, to) reach the end of a 2 MiB. */
static inline bool daxfs_completes_huge(loff_t from, loff_t to)
{
	return from >> DAXFS_HUGE_SHIFT != to >> DAXFS_HUGE_SHIFT;
}

/* huge.c. Blocks that lie elsewhere of a 2 MiB that a write of [from, to) completed join the rest in one huge page, where
 * nothing maps the file. i_rwsem is held exclusive. */
void daxfs_gather(struct inode *inode, loff_t from, loff_t to);
/* Of a file that nothing maps yet: cached entries of 4 KiB in [first, +count) blocks must not be in the way of 2 MiB. */
void daxfs_prepare_mapping(struct inode *inode, u64 first, u64 count);

/* ---- fault.c ---- */
#define DAXFS_FAULT_BUSY	1	/* somebody is about to map pages of this huge page */
#define DAXFS_FAULT_SMALL	2	/* single pages of it may be mapped */

/* Two huge pages that share a state wait for each other, and look at more pages. */
static inline u8 *daxfs_fault_state(struct daxfs_sb_info *sbi, unsigned long pfn)
{
	return &sbi->fault_state[(pfn / DAXFS_HUGE_BLOCKS) & ((1u << DAXFS_FAULT_BITS) - 1)];
}

static inline bool daxfs_try_lock_pages(u8 *state, u8 add)
{
	u8 old = READ_ONCE(*state) & ~DAXFS_FAULT_BUSY;

	return try_cmpxchg_acquire(state, &old, old | DAXFS_FAULT_BUSY | add);
}

void daxfs_unlock_pages(struct daxfs_sb_info *sbi, u8 *state);
/* daxfs_claim_pages() of written blocks where it is more than a page that nobody has, or has to wait. */
int daxfs_claim_pages_slowly(struct inode *inode, const struct daxfs_map *map, u64 file_block, u64 count,
			     struct iomap *iomap);

/*
 * Between iomap_begin of a fault, which is about to map `count` pages at `file_block`, and its iomap_end: nobody else gives
 * them to another place of a file. -EUCLEAN: they are another's, after saying so for a single page.
 */
static inline int daxfs_claim_pages(struct inode *inode, const struct daxfs_map *map, u64 file_block, u64 count,
				    struct iomap *iomap)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	const struct page *page;
	u8 *state;

	iomap->private = NULL;
	if (map->state != DAXFS_MAP_WRITTEN)
		return 0;
	/* Whoever takes the device away has set this, and waits for invalidate_lock before the pages go. */
	if (daxfs_is_shutdown(sbi))
		return -EIO;
	daxfs_note_exposed(sbi, map->disk_block);
	page = daxfs_page(sbi, map->disk_block);
	state = daxfs_fault_state(sbi, daxfs_pfn(sbi, map->disk_block));
	if (unlikely(count > 1 || READ_ONCE(page->mapping) || !daxfs_try_lock_pages(state, DAXFS_FAULT_SMALL)))
		return daxfs_claim_pages_slowly(inode, map, file_block, count, iomap);
	iomap->private = state;
	/* Once more, now that nobody else can give it away. */
	if (likely(!READ_ONCE(page->mapping)))
		return 0;
	daxfs_unlock_pages(sbi, state);
	return daxfs_claim_pages_slowly(inode, map, file_block, count, iomap);
}

int daxfs_release_pages(struct inode *inode, loff_t pos, loff_t length, ssize_t done, unsigned int flags,
			struct iomap *iomap);	/* an iomap_end */

long daxfs_fallocate(struct file *file, int mode, loff_t offset, loff_t length);
int daxfs_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 length);
loff_t daxfs_llseek(struct file *file, loff_t offset, int whence);

#endif /* DAXFS_DATA_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Steps that every way to a file's data shares (data.c). */
#ifndef DAXFS_DATA_H
#define DAXFS_DATA_H

#include <linux/ktime.h>
#include <linux/sched/mm.h>

#include "alloc.h"
#include "daxfs.h"
#include "device.h"
#include "extent_tree.h"

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

/*
 * A descriptor may be older than the flag. i_rwsem is held, which whoever sets the flag, or begins an operation that may be
 * given up, holds exclusive.
 */
static inline ssize_t daxfs_write_checks(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);

	if (IS_IMMUTABLE(inode))
		return -EPERM;
	if (unlikely(READ_ONCE(DAXFS_I(inode)->unfinished)))
		return -EUCLEAN;
	return generic_write_checks(iocb, from);
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
/*
 * The same for an unwritten extent that cannot become two or three for want of a node: fallocate(2) has promised that nothing
 * of it lacks space. All of it becomes written, with zeros but for `keep` blocks from `file_block` on. *map: that extent;
 * -EAGAIN: it is written already; -ENOSPC: there is a hole.
 */
int daxfs_commit_extent(struct inode *inode, u64 file_block, u64 keep, loff_t size, struct daxfs_map *map);
/* Ends a transaction that logged the core: applies the change and stores the inode, with `size` if that makes it larger;
 * cancels instead where the change is an ERR_PTR, or the transaction cannot be. */
int daxfs_commit_change(struct daxfs_tx *tx, struct inode *inode, struct daxfs_tree_change *change, loff_t size);
/*
 * [pos, end) is on the device, in blocks that are written or unwritten: they become written, and the stored size moves
 * up to `end`. Takes the inode lock, in as many transactions as it takes. Not sparing: the program was told that it is done.
 */
int daxfs_convert(struct inode *inode, loff_t pos, loff_t end, bool sparing);
/*
 * Data comes into the page cache for unwritten blocks, up to `want` of the map. Shortens the map to what writeback will have
 * nodes for; -ENOSPC: not one block.
 */
int daxfs_take_due(struct inode *inode, struct daxfs_map *map, u64 want);
void daxfs_give_due(struct inode *inode, u64 blocks);	/* converted; U64_MAX: there is no such data any more */
/* After -ENOSPC, holding nothing that writeback wants: true, what it had due came back, try again. */
bool daxfs_settle_due(struct super_block *sb);
/* One transaction that makes the size grow. Takes the inode lock. */
int daxfs_commit_size(struct inode *inode, loff_t size);

/* What the stored size will cover once it is `size` is on the device, and so is the block that `size` lies in. */
int daxfs_flush_to(struct inode *inode, loff_t size);
bool daxfs_file_readable(struct inode *inode, loff_t pos);	/* the block there; enters the gate, takes the inode lock */

#endif /* DAXFS_DATA_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Space inside one AG: space.c keeps account of it, alloc.c searches it, window.c keeps some of it for growing files.
 */
#ifndef DAXFS_SPACE_H
#define DAXFS_SPACE_H

#include <linux/bitops.h>
#include <linux/list.h>

#include "ag.h"
#include "daxfs.h"

#define DAXFS_LINE_WORDS	(DAXFS_HUGE_BLOCKS / 64)
#define DAXFS_ROOM_BLOCKS	16u	/* a hole of 64 KiB is room for a medium file */

/* An AG under search: its reserve_lock is held, its bitmap was verified. Blocks are counted from the AG's start. */
struct daxfs_space {
	struct daxfs_sb_info *sbi;
	struct daxfs_ag *ag;
	u32 agno;
};

/* One bits are free blocks: neither used nor reserved. */
static inline u64 daxfs_free_word(const struct daxfs_space *s, u32 word)
{
	const __le64 *map = daxfs_ag_map(s->sbi, s->agno, word / (DAXFS_BITS_PER_MAP_BLOCK / 64));
	u64 used = le64_to_cpu(READ_ONCE(map[word % (DAXFS_BITS_PER_MAP_BLOCK / 64)]));

	return ~(used | s->ag->reserved[word]);
}

/* Huge pages of an AG; what is left at its end counts as one that is never wholly free. */
static inline u32 daxfs_huge_pages(const struct daxfs_ag *ag)
{
	return DIV_ROUND_UP(ag->blocks, DAXFS_HUGE_BLOCKS);
}

static inline bool daxfs_huge_is_free(const struct daxfs_space *s, u32 huge)
{
	return s->ag->page_free[huge] == DAXFS_HUGE_BLOCKS;
}

static inline bool daxfs_has_holes(const struct daxfs_ag *ag)
{
	return ag->free_blocks > ag->free_huge * DAXFS_HUGE_BLOCKS;
}

/* ---- space.c ---- */
/* First block in [from, end) that is free, or that is not; or end. */
u32 daxfs_next_free(const struct daxfs_space *s, u32 from, u32 end);
u32 daxfs_next_used(const struct daxfs_space *s, u32 from, u32 end);
/* Free blocks are reserved; reserved ones, which the bitmap does not have, are free. */
void daxfs_space_take(const struct daxfs_space *s, u32 first, u32 count);
void daxfs_space_release(const struct daxfs_space *s, u32 first, u32 count);
/* So many blocks of a huge page came into a window, or are free again. Their bits in `reserved` say so already. */
void daxfs_space_kept(const struct daxfs_space *s, u32 huge, u32 count);
void daxfs_space_returned(const struct daxfs_space *s, u32 huge, u32 count);
void daxfs_space_used(const struct daxfs_space *s, u32 count);	/* blocks of a window are its owner's */
void daxfs_nothing_kept(const struct daxfs_space *s);	/* no window is left */
/* Somebody looked through the whole huge page, and it has no hole of DAXFS_ROOM_BLOCKS. */
void daxfs_no_room(const struct daxfs_space *s, u32 huge);

/* ---- window.c ---- */
/*
 * The rest of a huge page that a growing file has begun, kept for it: its blocks' bits in daxfs_ag.reserved are set, but
 * filesystem-wide they count as free, and whoever finds nothing else takes them all. Changed under reserve_lock; on the
 * inode's list, and with a place of its own, under the inode lock too.
 */
struct daxfs_window {
	struct list_head in_ag;		/* daxfs_ag.windows, oldest first; empty: used up or stolen */
	struct list_head in_inode;	/* daxfs_inode_info.windows, oldest first */
	u32 agno;
	u32 huge;			/* the huge page, counted from the AG's start */
	u64 shift;			/* a block's file block is its place in the AG plus this, modulo 2^64 */
	DECLARE_BITMAP(blocks, DAXFS_HUGE_BLOCKS);	/* one bits are kept */
};

/* A window without a place, for daxfs_window_keep(); NULL where memory is short. The inode lock is held exclusive. */
struct daxfs_window *daxfs_window_spare(struct super_block *sb, struct daxfs_inode_info *info);
/* Up to `want` blocks at `file_block` out of the inode's windows, reserved for the caller; `congruent` ones only? */
u32 daxfs_window_take(struct super_block *sb, struct daxfs_inode_info *info, u64 file_block, u32 want, bool congruent,
		      struct daxfs_run *run);
/*
 * [first, first + count) was taken for `file_block`. Keeps up to `room` free blocks behind it in its last huge page, or,
 * with `whole`, every free block of that page. True: the spare window is in use.
 */
bool daxfs_window_keep(const struct daxfs_space *s, struct daxfs_inode_info *info, struct daxfs_window *spare, u32 first,
		       u32 count, u64 file_block, bool whole, u32 room);
/* Makes the blocks of the AG's oldest window free. False: there is none. */
bool daxfs_window_steal(const struct daxfs_space *s);

#endif /* DAXFS_SPACE_H */

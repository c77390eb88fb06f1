/* SPDX-License-Identifier: GPL-2.0 */
/* What the two files of free space share: alloc.c, which finds it, and window.c, which keeps it for growing files. */
#ifndef DAXFS_SPACE_H
#define DAXFS_SPACE_H

#include <linux/bitops.h>
#include <linux/list.h>

#include "ag.h"
#include "daxfs.h"

#define DAXFS_LINE_WORDS	(DAXFS_HUGE_BLOCKS / 64)

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

/* How many huge pages from `huge` on, up to `end`, are wholly free; those that reach behind the AG's end are not. */
static inline u32 daxfs_free_huge_run(const struct daxfs_space *s, u32 huge, u32 end)
{
	const u32 lines = DAXFS_BITS_PER_MAP_BLOCK / DAXFS_HUGE_BLOCKS;
	const unsigned long *reserved = &s->ag->reserved[huge * DAXFS_LINE_WORDS];
	const __le64 *line = NULL;
	u32 at;

	end = min(end, s->ag->blocks / DAXFS_HUGE_BLOCKS);
	for (at = huge; at < end; at++) {
		u64 used = 0;
		u32 i;

		if (!line || at % lines == 0)
			line = daxfs_ag_map(s->sbi, s->agno, at / lines) + at % lines * DAXFS_LINE_WORDS;
#pragma GCC unroll 8
		for (i = 0; i < DAXFS_LINE_WORDS; i++)
			used |= (__force u64)READ_ONCE(line[i]) | reserved[i];
		line += DAXFS_LINE_WORDS;
		reserved += DAXFS_LINE_WORDS;
		if (used)
			break;
	}
	return at > huge ? at - huge : 0;
}

static inline bool daxfs_huge_is_free(const struct daxfs_space *s, u32 huge)
{
	return daxfs_free_huge_run(s, huge, huge + 1);
}

/* There may be a hole at `block` now; a large one may reach back to the start of its huge page. */
static inline void daxfs_lower_hints(const struct daxfs_space *s, u32 block)
{
	s->ag->hint = min(s->ag->hint, block);
	s->ag->room_hint = min(s->ag->room_hint, round_down(block, DAXFS_HUGE_BLOCKS));
}

/* First block in [from, end) that is not free, or end. */
u32 daxfs_next_used(const struct daxfs_space *s, u32 from, u32 end);

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

// SPDX-License-Identifier: GPL-2.0
/*
 * Windows: the rest of a huge page is kept for the file that began it, so that what grows slowly still ends in huge
 * pages. They live in DRAM alone. To everybody but their owner kept blocks look reserved; the filesystem's count of free
 * blocks includes them, because they can be had: alloc.c steals them before it says that there is no space.
 *
 * A window ends when the last writer closes the file, when blocks of the file are freed, at eviction, and when it is
 * stolen. The thief takes it off the AG's list under reserve_lock; the owner finds it empty and reuses it.
 */
#include <linux/bitmap.h>
#include <linux/slab.h>

#include "ag.h"
#include "alloc.h"
#include "daxfs.h"
#include "device.h"
#include "space.h"

#define MAX_WINDOWS	4	/* an inode: as many places where a file may grow at once */

static bool in_use(const struct daxfs_window *window)
{
	return !list_empty_careful(&window->in_ag);
}

/* reserve_lock of its AG is held. */
static void free_kept(const struct daxfs_space *s, struct daxfs_window *window)
{
	unsigned long *reserved = s->ag->reserved + window->huge * DAXFS_LINE_WORDS;
	u32 count = bitmap_weight(window->blocks, DAXFS_HUGE_BLOCKS), i;

	for (i = 0; i < DAXFS_LINE_WORDS; i++)
		reserved[i] &= ~window->blocks[i];
	bitmap_zero(window->blocks, DAXFS_HUGE_BLOCKS);
	list_del_init(&window->in_ag);
	daxfs_space_returned(s, window->huge, count);
}

static void end_window(struct super_block *sb, struct daxfs_window *window)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_space s = { .sbi = sbi, .ag = &sbi->ags[window->agno], .agno = window->agno };

	spin_lock(&s.ag->reserve_lock);
	if (!list_empty(&window->in_ag))
		free_kept(&s, window);
	spin_unlock(&s.ag->reserve_lock);
	list_del(&window->in_inode);
}

struct daxfs_window *daxfs_window_spare(struct super_block *sb, struct daxfs_inode_info *info)
{
	struct daxfs_window *window, *oldest = NULL;
	u32 count = 0;

	lockdep_assert_held_write(&info->lock);
	list_for_each_entry(window, &info->windows, in_inode) {
		if (!oldest || !in_use(window))
			oldest = window;
		count++;
	}
	if (oldest && (count == MAX_WINDOWS || !in_use(oldest))) {
		end_window(sb, oldest);
		return oldest;
	}
	window = kmalloc(sizeof(*window), GFP_NOFS | __GFP_NOWARN);
	if (window)
		INIT_LIST_HEAD(&window->in_ag);
	return window;
}

/* After shutdown, and when the device is gone, nobody allocates: the windows go, and the maps are not looked at. */
static void drop_window(struct super_block *sb, struct daxfs_window *window)
{
	struct daxfs_ag *ag = &DAXFS_SB(sb)->ags[window->agno];

	spin_lock(&ag->reserve_lock);
	list_del_init(&window->in_ag);
	spin_unlock(&ag->reserve_lock);
	list_del(&window->in_inode);
}

void daxfs_end_windows(struct inode *inode)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	struct daxfs_window *window, *next;
	int gate;

	if (list_empty(&info->windows))
		return;
	gate = daxfs_enter(DAXFS_SB(inode->i_sb));
	list_for_each_entry_safe(window, next, &info->windows, in_inode) {
		if (gate < 0)
			drop_window(inode->i_sb, window);
		else
			end_window(inode->i_sb, window);
		kfree(window);
	}
	if (gate >= 0)
		daxfs_leave(gate);
}

u32 daxfs_window_take(struct super_block *sb, struct daxfs_inode_info *info, u64 file_block, u32 want, bool congruent,
		      struct daxfs_run *run)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_window *window;

	lockdep_assert_held_write(&info->lock);
	list_for_each_entry(window, &info->windows, in_inode) {
		struct daxfs_space s = { .sbi = sbi, .ag = &sbi->ags[window->agno], .agno = window->agno };
		u64 block = file_block - window->shift;
		u32 first = block % DAXFS_HUGE_BLOCKS, end;

		if (block / DAXFS_HUGE_BLOCKS != window->huge ||
		    (congruent && window->shift % DAXFS_HUGE_BLOCKS))
			continue;
		spin_lock(&s.ag->reserve_lock);
		end = find_next_zero_bit(window->blocks, min_t(u64, DAXFS_HUGE_BLOCKS, (u64)first + want), first);
		bitmap_clear(window->blocks, first, end - first);
		daxfs_space_used(&s, end - first);
		if (bitmap_empty(window->blocks, DAXFS_HUGE_BLOCKS))
			list_del_init(&window->in_ag);
		spin_unlock(&s.ag->reserve_lock);
		if (end == first)
			continue;
		run->block = daxfs_ag_start(sbi, window->agno) + block;
		run->count = end - first;
		return run->count;
	}
	return 0;
}

/* The inode's window on this very place, or the spare one, placed there. */
static struct daxfs_window *window_at(const struct daxfs_space *s, struct daxfs_inode_info *info,
				      struct daxfs_window *spare, u32 huge, u64 shift)
{
	struct daxfs_window *window;

	list_for_each_entry(window, &info->windows, in_inode)
		if (window->agno == s->agno && window->huge == huge && window->shift == shift &&
		    !list_empty(&window->in_ag))
			return window;
	if (!spare)
		return NULL;
	spare->agno = s->agno;
	spare->huge = huge;
	spare->shift = shift;
	bitmap_zero(spare->blocks, DAXFS_HUGE_BLOCKS);
	return spare;
}

/* Those of [from, to), inside the window's huge page, that are free. */
static u32 keep_free(const struct daxfs_space *s, struct daxfs_window *window, u32 from, u32 to)
{
	unsigned long *reserved = s->ag->reserved;
	u32 base = window->huge * DAXFS_LINE_WORDS, word, count = 0;

	for (word = from / 64; word < DIV_ROUND_UP(to, 64); word++) {
		u64 bits = daxfs_free_word(s, word);

		if (word == from / 64)
			bits &= ~0ull << (from % 64);
		if (word == to / 64)
			bits &= (1ull << (to % 64)) - 1;
		reserved[word] |= bits;
		window->blocks[word - base] |= bits;
		count += hweight64(bits);
	}
	return count;
}

bool daxfs_window_keep(const struct daxfs_space *s, struct daxfs_inode_info *info, struct daxfs_window *spare, u32 first,
		       u32 count, u64 file_block, bool whole, u32 room)
{
	u32 huge = (first + count - 1) / DAXFS_HUGE_BLOCKS;
	u32 from = first + count, to = min((huge + 1) * DAXFS_HUGE_BLOCKS, s->ag->blocks), kept;
	struct daxfs_window *window = window_at(s, info, spare, huge, file_block - first);

	if (!window)
		return false;
	if (whole)
		from = huge * DAXFS_HUGE_BLOCKS;
	else if (from < to)
		to = daxfs_next_used(s, from, min_t(u64, to, (u64)from + room));
	kept = from < to ? keep_free(s, window, from, to) : 0;
	daxfs_space_kept(s, huge, kept);
	if (window != spare || !kept)
		return false;
	list_add_tail(&window->in_ag, &s->ag->windows);
	list_add_tail(&window->in_inode, &info->windows);
	return true;
}

bool daxfs_keep_around(struct inode *inode, u64 file_block, struct daxfs_run run)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	struct daxfs_inode_info *info = DAXFS_I(inode);
	u32 agno = daxfs_ag_of(sbi, run.block), first = run.block - daxfs_ag_start(sbi, agno);
	struct daxfs_space s = { .sbi = sbi, .ag = &sbi->ags[agno], .agno = agno };
	struct daxfs_window *spare;
	bool kept;

	if (daxfs_ag_count(inode->i_sb, agno))
		return false;
	spare = daxfs_window_spare(inode->i_sb, info);
	if (!spare)
		return false;
	spin_lock(&s.ag->reserve_lock);
	kept = s.ag->page_free[first / DAXFS_HUGE_BLOCKS] + run.count == DAXFS_HUGE_BLOCKS &&
	       daxfs_window_keep(&s, info, spare, first, run.count, file_block, true, 0);
	spin_unlock(&s.ag->reserve_lock);
	if (!kept)
		kfree(spare);
	return kept;
}

bool daxfs_window_steal(const struct daxfs_space *s)
{
	struct daxfs_window *window = list_first_entry_or_null(&s->ag->windows, struct daxfs_window, in_ag);

	if (!window)
		return false;
	free_kept(s, window);
	return true;
}

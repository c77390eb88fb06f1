// SPDX-License-Identifier: GPL-2.0
/*
 * The account of free space. A block is free when neither its bit in the AG's bitmap nor its bit in the AG's `reserved`
 * array is set; whoever looks does so under reserve_lock, and every change keeps one of the two bits set for as long as
 * the block belongs to somebody:
 *	allocation	reserved is set -> the transaction sets the bitmap -> it commits -> reserved is cleared
 *	free		reserved is set -> the transaction clears the bitmap -> it commits -> reserved is cleared
 *			or, where somebody refers to the block's page, stays set until nobody does (held.c)
 *	window		reserved is set -> its file allocates from it, or it ends and reserved is cleared (window.c)
 *
 * So that nobody who looks for space reads through a bitmap, or through the AGs, there is a summary in DRAM:
 *	page_free	free blocks in each huge page. From it follow one bit a page:
 *	whole_pages	all of its blocks are free
 *	hole_pages	some are, and not all
 *	room_pages	of these: it has a hole of DAXFS_ROOM_BLOCKS, as far as is known. Set where one comes to be, cleared
 *			where somebody looked in vain.
 *	ags_with	of the filesystem, one bit an AG: what it offers. Of an AG whose bitmap nobody has counted yet: all
 *			kinds of space.
 * It takes 1.2 KiB for a GiB. Bits of ags_with change under the AG's reserve_lock; who reads them takes them for hints.
 *
 * How many blocks are free in the whole filesystem is a sum over the processors: what one has taken and freed the others
 * learn when it comes to count_batch blocks, so that no line is written by all of them in turn. What is not told yet is
 * less than untold_blocks: where more than that is to spare nobody asks. Where it is not, all are asked under scarce_lock,
 * so that every block can be had to the last, and what is kept for metadata stays.
 */
#include <linux/bitmap.h>
#include <linux/slab.h>

#include "ag.h"
#include "alloc.h"
#include "daxfs.h"
#include "space.h"

u32 daxfs_next_free(const struct daxfs_space *s, u32 from, u32 end)
{
	while (from < end) {
		u64 word = daxfs_free_word(s, from / 64) >> (from % 64);

		if (word)
			return min(end, from + (u32)__ffs64(word));
		from = (from / 64 + 1) * 64;
	}
	return end;
}

u32 daxfs_next_used(const struct daxfs_space *s, u32 from, u32 end)
{
	while (from < end) {
		u64 word = ~daxfs_free_word(s, from / 64) >> (from % 64);

		if (word)
			return min(end, from + (u32)__ffs64(word));
		from = (from / 64 + 1) * 64;
	}
	return end;
}

/* ---- the summary ---- */

int daxfs_space_alloc(struct daxfs_ag *ag)
{
	u32 pages = daxfs_huge_pages(ag), longs = BITS_TO_LONGS(pages);

	if (ag->page_free)
		return 0;
	ag->whole_pages = kvcalloc(3 * longs + DIV_ROUND_UP(pages, sizeof(long) / sizeof(u16)), sizeof(long), GFP_NOFS);
	if (!ag->whole_pages)
		return -ENOMEM;
	ag->hole_pages = ag->whole_pages + longs;
	ag->room_pages = ag->hole_pages + longs;
	ag->page_free = (u16 *)(ag->room_pages + longs);
	return 0;
}

void daxfs_space_free(struct daxfs_ag *ag)
{
	kvfree(ag->whole_pages);
}

static void set_offers(struct daxfs_sb_info *sbi, u32 agno, u8 offers)
{
	struct daxfs_ag *ag = &sbi->ags[agno];
	unsigned int kind;

	for (kind = 0; kind < DAXFS_OFFERS; kind++) {
		if (!((ag->offers ^ offers) >> kind & 1))
			continue;
		if (offers >> kind & 1)
			set_bit(agno, sbi->ags_with[kind]);
		else
			clear_bit(agno, sbi->ags_with[kind]);
	}
	ag->offers = offers;
}

void daxfs_space_unknown(struct daxfs_sb_info *sbi, u32 agno)
{
	const struct daxfs_ag *ag = &sbi->ags[agno];

	set_offers(sbi, agno, (ag->free_inodes ? BIT(DAXFS_OFFERS_INODES) : 0) |
		   (ag->free_blocks ? BIT(DAXFS_OFFERS_WHOLE) | BIT(DAXFS_OFFERS_ROOM) | BIT(DAXFS_OFFERS_HOLES) : 0));
}

/* An AG with plenty of huge pages need not save them: rooms in broken ones are not asked for. */
static bool saves_pages(const struct daxfs_ag *ag)
{
	return ag->free_huge < ag->blocks / DAXFS_HUGE_BLOCKS / 8 * 7;
}

static __always_inline void note_offers(const struct daxfs_space *s)
{
	const struct daxfs_ag *ag = s->ag;
	u8 offers = (ag->free_huge ? BIT(DAXFS_OFFERS_WHOLE) : 0) |
		    (ag->rooms && saves_pages(ag) ? BIT(DAXFS_OFFERS_ROOM) : 0) |
		    (daxfs_has_holes(ag) ? BIT(DAXFS_OFFERS_HOLES) : 0) |
		    (ag->kept_blocks ? BIT(DAXFS_OFFERS_KEPT) : 0) |
		    (ag->offers & (BIT(DAXFS_OFFERS_KEPT) | BIT(DAXFS_OFFERS_INODES)));

	if (unlikely(offers != ag->offers))
		set_offers(s->sbi, s->agno, offers);
}

/* Only who looks in vain says so: windows come and go with every file that grows. */
void daxfs_nothing_kept(const struct daxfs_space *s)
{
	set_offers(s->sbi, s->agno, s->ag->offers & ~BIT(DAXFS_OFFERS_KEPT));
}

void daxfs_note_inodes(struct daxfs_sb_info *sbi, u32 agno)
{
	const struct daxfs_ag *ag = &sbi->ags[agno];

	if (!ag->free_inodes != !(ag->offers & BIT(DAXFS_OFFERS_INODES)))
		set_offers(sbi, agno, ag->offers ^ BIT(DAXFS_OFFERS_INODES));
}

static void set_room(struct daxfs_ag *ag, u32 huge, bool room)
{
	if (test_bit(huge, ag->room_pages) == room)
		return;
	__assign_bit(huge, ag->room_pages, room);
	ag->rooms += room ? 1 : -1;
}

void daxfs_no_room(const struct daxfs_space *s, u32 huge)
{
	set_room(s->ag, huge, false);
	note_offers(s);
}

/* A huge page becomes full, broken or wholly free. */
static void change_state(struct daxfs_ag *ag, u32 huge, u32 before, u32 now)
{
	bool broken = now % DAXFS_HUGE_BLOCKS;

	if (before == DAXFS_HUGE_BLOCKS || now == DAXFS_HUGE_BLOCKS) {
		__assign_bit(huge, ag->whole_pages, now == DAXFS_HUGE_BLOCKS);
		ag->free_huge += now == DAXFS_HUGE_BLOCKS ? 1 : -1;
	}
	__assign_bit(huge, ag->hole_pages, broken);
	if (!broken || before == DAXFS_HUGE_BLOCKS)
		set_room(ag, huge, broken && now >= DAXFS_ROOM_BLOCKS);
}

/* In one huge page `count` blocks more are free, or fewer. */
static __always_inline void change_page(struct daxfs_ag *ag, u32 huge, s32 count)
{
	u32 before = ag->page_free[huge], now = before + count;

	ag->page_free[huge] = now;
	if (unlikely(before % DAXFS_HUGE_BLOCKS == 0 || now % DAXFS_HUGE_BLOCKS == 0))
		change_state(ag, huge, before, now);
}

static void change_whole(struct daxfs_ag *ag, u32 huge, u32 pages, bool free)
{
	memset16(&ag->page_free[huge], free ? DAXFS_HUGE_BLOCKS : 0, pages);
	if (free)
		bitmap_set(ag->whole_pages, huge, pages);
	else
		bitmap_clear(ag->whole_pages, huge, pages);
	ag->free_huge += free ? pages : -pages;
}

/* Does a hole that these blocks, free now, lie in have room? All of them are in one huge page. */
static bool makes_room(const struct daxfs_space *s, u32 first, u32 count)
{
	u32 base = round_down(first, DAXFS_HUGE_BLOCKS), end = min(base + DAXFS_HUGE_BLOCKS, s->ag->blocks);
	u32 from = first, to = first + count;

	if (count < DAXFS_ROOM_BLOCKS)
		to = daxfs_next_used(s, to, min(end, first + DAXFS_ROOM_BLOCKS));
	while (to - from < DAXFS_ROOM_BLOCKS && from > base && daxfs_free_word(s, (from - 1) / 64) >> (from - 1) % 64 & 1)
		from--;
	return to - from >= DAXFS_ROOM_BLOCKS;
}

/* Part of a huge page: `count` blocks from `first` on. */
static __always_inline void change_part(const struct daxfs_space *s, u32 first, u32 count, bool free)
{
	u32 huge = first / DAXFS_HUGE_BLOCKS;

	change_page(s->ag, huge, free ? count : -count);
	if (free && s->ag->page_free[huge] >= DAXFS_ROOM_BLOCKS && !daxfs_huge_is_free(s, huge) &&
	    !test_bit(huge, s->ag->room_pages) && makes_room(s, first, count))
		set_room(s->ag, huge, true);
}

static void change_many(const struct daxfs_space *s, u32 first, u32 count, bool free)
{
	u32 huge = DIV_ROUND_UP(first, DAXFS_HUGE_BLOCKS), end = first + count, last = end / DAXFS_HUGE_BLOCKS;

	if (first % DAXFS_HUGE_BLOCKS)
		change_part(s, first, huge * DAXFS_HUGE_BLOCKS - first, free);
	if (huge < last)
		change_whole(s->ag, huge, last - huge, free);
	if (end % DAXFS_HUGE_BLOCKS)
		change_part(s, last * DAXFS_HUGE_BLOCKS, end % DAXFS_HUGE_BLOCKS, free);
}

static __always_inline void change(const struct daxfs_space *s, u32 first, u32 count, bool free)
{
	s->ag->free_blocks += free ? count : -count;
	if (likely(first % DAXFS_HUGE_BLOCKS + count <= DAXFS_HUGE_BLOCKS))
		change_part(s, first, count, free);
	else
		change_many(s, first, count, free);
	note_offers(s);
}

/* The AG's bitmap was verified; nobody reserves in it yet. */
void daxfs_count_free(struct super_block *sb, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_space s = { .sbi = sbi, .ag = &sbi->ags[agno], .agno = agno };
	u32 huge, word;

	spin_lock(&s.ag->reserve_lock);
	for (huge = 0; huge < daxfs_huge_pages(s.ag); huge++) {
		u32 free = 0;

		for (word = huge * DAXFS_LINE_WORDS; word < (huge + 1) * DAXFS_LINE_WORDS; word++)
			free += hweight64(daxfs_free_word(&s, word));
		change_page(s.ag, huge, free);
		set_room(s.ag, huge, free % DAXFS_HUGE_BLOCKS >= DAXFS_ROOM_BLOCKS);
	}
	note_offers(&s);
	spin_unlock(&s.ag->reserve_lock);
}

/* ---- how many, in the whole filesystem ---- */

#define COUNT_BATCH_MAX		1024	/* 4 MiB */
#define COUNT_BATCH_MIN		16
#define UNTOLD_PART		256	/* of all blocks */

int daxfs_count_init(struct daxfs_sb_info *sbi)
{
	u64 batch = div_u64(sbi->block_count, UNTOLD_PART * num_possible_cpus());

	sbi->count_batch = clamp_t(u64, batch, COUNT_BATCH_MIN, COUNT_BATCH_MAX);
	sbi->untold_blocks = (s64)sbi->count_batch * num_possible_cpus();
	spin_lock_init(&sbi->scarce_lock);
	return percpu_counter_init(&sbi->free_blocks, 0, GFP_KERNEL);
}

u64 daxfs_free_blocks(struct daxfs_sb_info *sbi)
{
	return percpu_counter_sum_positive(&sbi->free_blocks);
}

bool daxfs_has_free(struct super_block *sb, s64 blocks)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	return daxfs_surely_free(sbi, blocks) || percpu_counter_sum(&sbi->free_blocks) >= blocks;
}

static __always_inline void add(struct daxfs_sb_info *sbi, s64 blocks)
{
	percpu_counter_add_batch(&sbi->free_blocks, blocks, sbi->count_batch);
}

void daxfs_count_add(struct super_block *sb, s64 blocks)
{
	add(DAXFS_SB(sb), blocks);
}

/*
 * Of the last ones. Others who believe that there are plenty do not take the lock: what they took meanwhile is seen
 * behind our own, and given up. Whoever takes looks once more afterwards, so of two at least one sees the other.
 */
static noinline u32 take_scarce(struct daxfs_sb_info *sbi, u32 want, s64 keep)
{
	s64 taken, missing;

	spin_lock(&sbi->scarce_lock);
	taken = clamp_t(s64, percpu_counter_sum(&sbi->free_blocks) - keep, 0, want);
	add(sbi, -taken);
	smp_mb();	/* with that of daxfs_count_take() */
	missing = clamp_t(s64, keep - percpu_counter_sum(&sbi->free_blocks), 0, taken);
	add(sbi, missing);
	spin_unlock(&sbi->scarce_lock);
	return taken - missing;
}

u32 daxfs_count_take(struct super_block *sb, u32 want, s64 keep)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	if (daxfs_surely_free(sbi, keep + want)) {
		add(sbi, -(s64)want);
		smp_mb();	/* ours can be seen before we look: with that of take_scarce() */
		if (daxfs_surely_free(sbi, keep))
			return want;
		add(sbi, want);
	}
	return take_scarce(sbi, want, keep);
}

/* ---- changes ---- */

/* bitmap_set() and bitmap_clear() are slow for one bit, and for a GiB, which is thousands of words. */
static void change_bits(unsigned long *bits, u32 first, u32 count, bool set)
{
	u32 end = first + count, from = round_up(first, 64), to = round_down(end, 64);

	if (count == 1) {
		__assign_bit(first, bits, set);
	} else if (from < to) {
		memset(&bits[from / 64], set ? 0xff : 0, (to - from) / 8);
		change_bits(bits, first, from - first, set);
		change_bits(bits, to, end - to, set);
	} else if (set) {
		bitmap_set(bits, first, count);
	} else {
		bitmap_clear(bits, first, count);
	}
}

void daxfs_space_take(const struct daxfs_space *s, u32 first, u32 count)
{
	change_bits(s->ag->reserved, first, count, true);
	change(s, first, count, false);
}

void daxfs_space_release(const struct daxfs_space *s, u32 first, u32 count)
{
	change_bits(s->ag->reserved, first, count, false);
	change(s, first, count, true);
}

void daxfs_space_kept(const struct daxfs_space *s, u32 huge, u32 count)
{
	s->ag->kept_blocks += count;
	s->ag->free_blocks -= count;
	change_page(s->ag, huge, -count);
	note_offers(s);
}

void daxfs_space_returned(const struct daxfs_space *s, u32 huge, u32 count)
{
	s->ag->kept_blocks -= count;
	s->ag->free_blocks += count;
	change_page(s->ag, huge, count);
	if (s->ag->page_free[huge] >= DAXFS_ROOM_BLOCKS && !daxfs_huge_is_free(s, huge))
		set_room(s->ag, huge, true);
	note_offers(s);
}

void daxfs_space_used(const struct daxfs_space *s, u32 count)
{
	s->ag->kept_blocks -= count;
	note_offers(s);
}

void daxfs_freed_release(struct super_block *sb, u32 agno, u32 first, u32 count)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_space s = { .sbi = sbi, .ag = &sbi->ags[agno], .agno = agno };

	spin_lock(&s.ag->reserve_lock);
	daxfs_space_release(&s, first, count);
	spin_unlock(&s.ag->reserve_lock);
	add(sbi, count);
}

void daxfs_unreserve(struct super_block *sb, struct daxfs_run run)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 agno, first;

	if (!run.count || WARN_ON_ONCE(!daxfs_block_valid(sbi, run.block, run.count)))
		return;
	agno = daxfs_ag_of(sbi, run.block);
	first = run.block - daxfs_ag_start(sbi, agno);
	if (WARN_ON_ONCE(find_next_zero_bit(sbi->ags[agno].reserved, first + run.count, first) < first + run.count))
		return;
	daxfs_freed_release(sb, agno, first, run.count);
}

static void change_reserved(struct super_block *sb, u32 agno, u32 first, u32 count, bool set)
{
	struct daxfs_ag *ag = &DAXFS_SB(sb)->ags[agno];

	spin_lock(&ag->reserve_lock);
	change_bits(ag->reserved, first, count, set);
	spin_unlock(&ag->reserve_lock);
}

void daxfs_reservation_kept(struct super_block *sb, u32 agno, u32 first, u32 count)
{
	change_reserved(sb, agno, first, count, false);
}

void daxfs_freed_hold(struct super_block *sb, u32 agno, u32 first, u32 count)
{
	change_reserved(sb, agno, first, count, true);
}

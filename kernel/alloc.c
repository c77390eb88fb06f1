// SPDX-License-Identifier: GPL-2.0
/*
 * Free space. A block is free when neither its bit in the AG's bitmap nor its bit in the AG's `reserved` array is set;
 * whoever looks does so under reserve_lock, and every change keeps one of the two bits set for as long as the block
 * belongs to somebody:
 *	allocation	reserved is set -> the transaction sets the bitmap -> it commits -> reserved is cleared
 *	free		reserved is set -> the transaction clears the bitmap -> it commits -> reserved is cleared
 *
 * Placement. A huge page is 512 blocks, one cache line of bitmap. Small things go into holes: free blocks in huge pages
 * that are not wholly free. Data of larger files goes where block number in the AG and file block are equal modulo 512,
 * first of all in wholly free huge pages, so that it can be mapped by huge faults.
 *
 * free_huge counts the wholly free huge pages, so that "are there holes?" is a subtraction; `hint` is a lower bound for
 * holes.
 */
#include <linux/bitmap.h>
#include <linux/capability.h>

#include "daxfs.h"
#include "trace.h"

#define LINE_WORDS	(DAXFS_HUGE_BLOCKS / 64)
#define HOLES_TRIED	64

/* An AG under search: reserve_lock is held. */
struct search {
	struct daxfs_sb_info *sbi;
	struct daxfs_ag *ag;
	u32 agno;
};

/* One bits are free blocks. */
static u64 free_word(const struct search *s, u32 word)
{
	const __le64 *map = daxfs_ag_map(s->sbi, s->agno, word / (DAXFS_BITS_PER_MAP_BLOCK / 64));
	u64 used = le64_to_cpu(READ_ONCE(map[word % (DAXFS_BITS_PER_MAP_BLOCK / 64)]));

	return ~(used | s->ag->reserved[word]);
}

/* First free block in [from, end), or end. */
static u32 next_free(const struct search *s, u32 from, u32 end)
{
	while (from < end) {
		u64 word = free_word(s, from / 64) >> (from % 64);

		if (word)
			return min(end, from + (u32)__ffs64(word));
		from = (from / 64 + 1) * 64;
	}
	return end;
}

static u32 next_used(const struct search *s, u32 from, u32 end)
{
	while (from < end) {
		u64 word = ~free_word(s, from / 64) >> (from % 64);

		if (word)
			return min(end, from + (u32)__ffs64(word));
		from = (from / 64 + 1) * 64;
	}
	return end;
}

static bool huge_is_free(const struct search *s, u32 huge)
{
	u32 i;

	if ((huge + 1) * DAXFS_HUGE_BLOCKS > s->ag->blocks)
		return false;
	for (i = 0; i < LINE_WORDS; i++)
		if (free_word(s, huge * LINE_WORDS + i) != ~0ull)
			return false;
	return true;
}

/* The AG's bitmap was verified; nobody reserves in it yet. */
void daxfs_count_free(struct super_block *sb, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct search s = { .sbi = sbi, .ag = &sbi->ags[agno], .agno = agno };
	u32 huge;

	spin_lock(&s.ag->reserve_lock);
	s.ag->free_huge = 0;
	for (huge = 0; huge < s.ag->blocks / DAXFS_HUGE_BLOCKS; huge++)
		s.ag->free_huge += huge_is_free(&s, huge);
	s.ag->hint = 0;
	spin_unlock(&s.ag->reserve_lock);
}

static void take(const struct search *s, u32 first, u32 count)
{
	u32 huge;

	for (huge = first / DAXFS_HUGE_BLOCKS; huge <= (first + count - 1) / DAXFS_HUGE_BLOCKS; huge++) {
		if (!huge_is_free(s, huge))
			continue;
		s->ag->free_huge--;
		s->ag->hint = min(s->ag->hint, huge * DAXFS_HUGE_BLOCKS);
	}
	bitmap_set(s->ag->reserved, first, count);
	s->ag->free_blocks -= count;
}

static void release(const struct search *s, u32 first, u32 count)
{
	u32 huge;

	bitmap_clear(s->ag->reserved, first, count);
	for (huge = first / DAXFS_HUGE_BLOCKS; huge <= (first + count - 1) / DAXFS_HUGE_BLOCKS; huge++)
		s->ag->free_huge += huge_is_free(s, huge);
	s->ag->free_blocks += count;
	s->ag->hint = min(s->ag->hint, first);
}

/*
 * The best of the first holes: the first that is large enough, else the largest seen. Wholly free huge pages are passed
 * over. Returns the blocks found, 0 for none.
 */
static u32 find_hole(const struct search *s, u32 want, u32 *first)
{
	u32 at = s->ag->hint, best = 0, tried = 0;
	bool lowest = true;

	if (s->ag->free_blocks <= s->ag->free_huge * DAXFS_HUGE_BLOCKS)
		return 0;
	while (best < want && tried < HOLES_TRIED) {
		u32 end, stop;

		at = next_free(s, at, s->ag->blocks);
		if (at == s->ag->blocks)
			break;
		end = min((at / DAXFS_HUGE_BLOCKS + 1) * DAXFS_HUGE_BLOCKS, s->ag->blocks);
		if (at % DAXFS_HUGE_BLOCKS == 0 && huge_is_free(s, at / DAXFS_HUGE_BLOCKS)) {
			at = end;
			continue;
		}
		if (lowest)
			s->ag->hint = at;
		lowest = false;
		stop = next_used(s, at, min(end, at + want));
		if (stop - at > best) {
			best = stop - at;
			*first = at;
		}
		at = stop;
		tried++;
	}
	return best;
}

/* A wholly free huge page at or behind `from`, else before it. Found: its first block. */
static bool find_huge(const struct search *s, u32 from, u32 *first)
{
	u32 pages = s->ag->blocks / DAXFS_HUGE_BLOCKS;
	u32 start = from / DAXFS_HUGE_BLOCKS, i;

	if (!s->ag->free_huge)
		return false;
	for (i = 0; i < pages; i++) {
		u32 huge = (start + i) % pages;

		if (huge_is_free(s, huge)) {
			*first = huge * DAXFS_HUGE_BLOCKS;
			return true;
		}
	}
	return false;
}

/* Room at `colour` modulo 512 in a broken huge page: the first that holds all, else the largest. */
static u32 find_colour(const struct search *s, u32 colour, u32 want, u32 *first)
{
	u32 enough = min(want, DAXFS_HUGE_BLOCKS - colour);
	u32 best = 0, at;

	for (at = colour; at < s->ag->blocks && best < enough; at += DAXFS_HUGE_BLOCKS) {
		u32 length = next_used(s, at, min(s->ag->blocks, at + enough)) - at;

		if (length > best) {
			best = length;
			*first = at;
		}
	}
	return best;
}

enum step { STEP_GOAL, STEP_HOLE, STEP_HUGE, STEP_COLOUR };

static u32 find(const struct search *s, const struct daxfs_alloc *request, enum step step, u32 goal, u32 want,
		u32 *first)
{
	u32 colour = request->kind == DAXFS_ALLOC_DATA ? request->file_block % DAXFS_HUGE_BLOCKS : 0;
	u32 end;

	switch (step) {
	case STEP_GOAL:
		if (goal >= s->ag->blocks ||
		    (request->kind == DAXFS_ALLOC_DATA && goal % DAXFS_HUGE_BLOCKS != colour))
			return 0;
		*first = goal;
		break;
	case STEP_HOLE:
		return find_hole(s, want, first);
	case STEP_COLOUR:
		return find_colour(s, colour, want, first);
	case STEP_HUGE:
		if (!find_huge(s, goal, first))
			return 0;
		*first += colour;
		break;
	}
	end = min_t(u64, s->ag->blocks, (u64)*first + want);
	return next_used(s, *first, end) - *first;
}

static u32 try_ag(struct super_block *sb, u32 agno, const struct daxfs_alloc *request, enum step step, u32 goal,
		  u32 want, struct daxfs_run *run)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct search s = { .sbi = sbi, .ag = &sbi->ags[agno], .agno = agno };
	u32 first = 0, count;

	if (!READ_ONCE(s.ag->free_blocks) || daxfs_ag_count(sb, agno))
		return 0;
	spin_lock(&s.ag->reserve_lock);
	count = find(&s, request, step, goal, want, &first);
	if (count)
		take(&s, first, count);
	spin_unlock(&s.ag->reserve_lock);
	run->block = daxfs_ag_start(sbi, agno) + first;
	run->count = count;
	return count;
}

static u32 try_all(struct super_block *sb, const struct daxfs_alloc *request, enum step step, u32 start, u32 goal,
		   u32 want, struct daxfs_run *run)
{
	u32 ags = smp_load_acquire(&DAXFS_SB(sb)->initialised_ags);
	u32 i;

	for (i = 0; i < ags; i++) {
		u32 agno = (start + i) % ags;

		if (try_ag(sb, agno, request, step, i ? 0 : goal, want, run))
			return run->count;
		if (step == STEP_GOAL)
			break;
	}
	return 0;
}

/* The order of preference of each kind; the next AG is opened before what follows `open_after`. */
static const struct {
	enum step steps[4];
	u8 count;
	u8 open_after;
} plans[] = {
	[DAXFS_ALLOC_META] = { { STEP_HOLE, STEP_HUGE }, 2, 2 },
	[DAXFS_ALLOC_SMALL] = { { STEP_GOAL, STEP_HOLE, STEP_HUGE }, 3, 3 },
	[DAXFS_ALLOC_DATA] = { { STEP_GOAL, STEP_HUGE, STEP_COLOUR, STEP_HOLE }, 4, 2 },
	[DAXFS_ALLOC_HUGE] = { { STEP_HUGE }, 1, 1 },
};

static u32 find_space(struct super_block *sb, const struct daxfs_alloc *request, u32 want, struct daxfs_run *run)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u64 near = request->goal ?: request->ino / DAXFS_INODES_PER_BLOCK;
	u32 start = 0, goal = 0, i;
	u32 seen;

	if (daxfs_block_valid(sbi, near, 1)) {
		start = daxfs_ag_of(sbi, near);
		goal = request->goal ? near - daxfs_ag_start(sbi, start) : 0;
	}
again:
	seen = smp_load_acquire(&sbi->initialised_ags);
	if (start >= seen) {
		start = 0;
		goal = 0;
	}
	for (i = 0; i < plans[request->kind].count; i++) {
		if (plans[request->kind].steps[i] == STEP_GOAL && !goal)
			continue;
		if (i == plans[request->kind].open_after && !daxfs_in_tx(sb) && !daxfs_ag_init_next(sb, seen))
			goto again;
		if (try_all(sb, request, plans[request->kind].steps[i], start, goal, want, run))
			return run->count;
	}
	if (i <= plans[request->kind].open_after && !daxfs_in_tx(sb) && !daxfs_ag_init_next(sb, seen))
		goto again;
	return 0;
}

/* Takes up to `want` off the filesystem's free blocks, leaving what others may still need. */
static u32 take_count(struct super_block *sb, const struct daxfs_alloc *request)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 want = min_t(u32, request->want, DAXFS_MAX_RUN);
	s64 keep = request->reserve_ok ? 0 : sbi->meta_reserve + sbi->root_reserve;
	s64 free = atomic64_read(&sbi->free_blocks), taken;

	if (!request->reserve_ok && free - keep < want && capable(CAP_SYS_RESOURCE))
		keep = sbi->meta_reserve;
	do {
		taken = min_t(s64, want, free - keep);
		if (taken <= 0)
			return 0;
	} while (!atomic64_try_cmpxchg(&sbi->free_blocks, &free, free - taken));
	return taken;
}

int daxfs_reserve(struct super_block *sb, const struct daxfs_alloc *request, struct daxfs_run *run)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 got = 0, taken;

	*run = (struct daxfs_run){ };
	if (WARN_ON_ONCE(!request->want || request->kind > DAXFS_ALLOC_HUGE))
		return -EINVAL;
	daxfs_ag_make_room(sb, request->want);
	taken = take_count(sb, request);
	if (taken && (request->kind != DAXFS_ALLOC_HUGE || taken == DAXFS_HUGE_BLOCKS))
		got = find_space(sb, request, taken, run);
	if (got < taken)
		atomic64_add(taken - got, &sbi->free_blocks);
	trace_daxfs_alloc(sb, request->ino, request->kind, request->goal, request->want, run->block, got,
			  got ? 0 : -ENOSPC);
	return got ? 0 : -ENOSPC;
}

void daxfs_freed_release(struct super_block *sb, u32 agno, u32 first, u32 count)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct search s = { .sbi = sbi, .ag = &sbi->ags[agno], .agno = agno };

	spin_lock(&s.ag->reserve_lock);
	release(&s, first, count);
	spin_unlock(&s.ag->reserve_lock);
	atomic64_add(count, &sbi->free_blocks);
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
	if (set)
		bitmap_set(ag->reserved, first, count);
	else
		bitmap_clear(ag->reserved, first, count);
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

void daxfs_freed_drop(struct super_block *sb, u32 agno, u32 first, u32 count)
{
	change_reserved(sb, agno, first, count, false);
}

u64 daxfs_free_blocks(struct super_block *sb)
{
	return max_t(s64, 0, atomic64_read(&DAXFS_SB(sb)->free_blocks));
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Free space. A block is free when neither its bit in the AG's bitmap nor its bit in the AG's `reserved` array is set;
 * whoever looks does so under reserve_lock, and every change keeps one of the two bits set for as long as the block
 * belongs to somebody:
 *	allocation	reserved is set -> the transaction sets the bitmap -> it commits -> reserved is cleared
 *	free		reserved is set -> the transaction clears the bitmap -> it commits -> reserved is cleared
 *			or, where somebody refers to the block's page, stays set until nobody does (held.c)
 *	window		reserved is set -> its file allocates from it, or it ends and reserved is cleared (window.c)
 *
 * Placement. A huge page is 512 blocks, one cache line of bitmap; a hole is free space in one that is not wholly free.
 * A file of less than 2 MiB cannot be mapped by a huge fault, so it need not break a free huge page: metadata and small
 * files go into holes, medium ones into holes where a piece of 64 KiB at least is to be had. From 2 MiB on data goes
 * where block number in the AG and file block are equal modulo 512, in huge pages that were wholly free; what lies
 * elsewhere of the file's first 2 MiB is moved over then (huge.c). While an AG is almost empty medium files get huge
 * pages of their own too: those that grow are spared the move.
 * What a file is expected to grow into is kept in windows. When there is neither hole nor huge page they are taken.
 *
 * free_huge counts the wholly free huge pages, so that "are there holes?" is a subtraction; `hint` and `room_hint` are
 * lower bounds for holes and for large ones.
 */
#include <linux/bitmap.h>
#include <linux/capability.h>
#include <linux/slab.h>

#include "ag.h"
#include "alloc.h"
#include "daxfs.h"
#include "held.h"
#include "inode_blocks.h"
#include "journal.h"
#include "space.h"
#include "trace.h"

#define HOLES_TRIED	64
#define ROOMS_TRIED	256
#define MEDIUM_PIECE	16u	/* blocks: medium files are not cut into smaller pieces while there are huge pages */

/* First free block in [from, end), or end. */
static u32 next_free(const struct daxfs_space *s, u32 from, u32 end)
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
		u32 base = round_down(from, DAXFS_BITS_PER_MAP_BLOCK), stop = min(end, base + DAXFS_BITS_PER_MAP_BLOCK);
		const __le64 *map = daxfs_ag_map(s->sbi, s->agno, base / DAXFS_BITS_PER_MAP_BLOCK);

		for (; from < stop; from = round_down(from, 64) + 64) {
			u64 word = le64_to_cpu(READ_ONCE(map[(from - base) / 64])) | s->ag->reserved[from / 64];

			word >>= from % 64;
			if (word)
				return min(end, from + (u32)__ffs64(word));
		}
	}
	return end;
}

/* The AG's bitmap was verified; nobody reserves in it yet. */
void daxfs_count_free(struct super_block *sb, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_space s = { .sbi = sbi, .ag = &sbi->ags[agno], .agno = agno };
	u32 huge;

	spin_lock(&s.ag->reserve_lock);
	s.ag->free_huge = 0;
	for (huge = 0; huge < s.ag->blocks / DAXFS_HUGE_BLOCKS; huge++)
		s.ag->free_huge += daxfs_huge_is_free(&s, huge);
	s.ag->hint = 0;
	s.ag->room_hint = 0;
	spin_unlock(&s.ag->reserve_lock);
}

/* The wholly free huge pages that [first, first + count), all of it free, reaches into: only the ends need a look. */
static u32 free_huge_in(const struct daxfs_space *s, u32 first, u32 count)
{
	u32 huge = first / DAXFS_HUGE_BLOCKS, last = (first + count - 1) / DAXFS_HUGE_BLOCKS;
	u32 free = daxfs_huge_is_free(s, huge);

	if (huge < last)
		free += daxfs_huge_is_free(s, last) + (last - huge - 1);
	return free;
}

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

static void take(const struct daxfs_space *s, u32 first, u32 count)
{
	u32 huge = free_huge_in(s, first, count);

	if (huge) {
		s->ag->free_huge -= huge;
		daxfs_lower_hints(s, round_down(first, DAXFS_HUGE_BLOCKS));
	}
	change_bits(s->ag->reserved, first, count, true);
	s->ag->free_blocks -= count;
}

static void release(const struct daxfs_space *s, u32 first, u32 count)
{
	change_bits(s->ag->reserved, first, count, false);
	s->ag->free_huge += free_huge_in(s, first, count);
	s->ag->free_blocks += count;
	daxfs_lower_hints(s, first);
}

static bool has_holes(const struct daxfs_space *s)
{
	return s->ag->free_blocks > s->ag->free_huge * DAXFS_HUGE_BLOCKS;
}

/* The next hole at or behind *at, before `end`: its length, at most `want`; 0 for none. Wholly free huge pages are passed
 * over. *at: where it begins. */
static u32 next_hole(const struct daxfs_space *s, u32 *at, u32 end, u32 want)
{
	for (;;) {
		u32 stop;

		*at = next_free(s, *at, end);
		if (*at == end)
			return 0;
		stop = min((*at / DAXFS_HUGE_BLOCKS + 1) * DAXFS_HUGE_BLOCKS, end);
		if (*at % DAXFS_HUGE_BLOCKS || !daxfs_huge_is_free(s, *at / DAXFS_HUGE_BLOCKS))
			return daxfs_next_used(s, *at, min_t(u64, stop, (u64)*at + want)) - *at;
		*at = stop;
	}
}

/*
 * The best of the first holes: the first that is large enough, else the largest seen. Returns the blocks found, 0 for
 * none.
 */
static u32 find_hole(const struct daxfs_space *s, u32 want, u32 *first)
{
	u32 at = s->ag->hint, best = 0, tried;

	if (!has_holes(s))
		return 0;
	for (tried = 0; best < want && tried < HOLES_TRIED; tried++) {
		u32 length = next_hole(s, &at, s->ag->blocks, want);

		if (!length)
			break;
		if (!tried)
			s->ag->hint = at;
		if (length > best) {
			best = length;
			*first = at;
		}
		at += length;
	}
	return best;
}

/*
 * Room for a medium file: as find_hole(), among the holes of MEDIUM_PIECE blocks and more, and nothing shorter than
 * `least`. Low ones first: so the huge pages behind them empty.
 */
static u32 find_room(const struct daxfs_space *s, u32 want, u32 least, u32 *first)
{
	u32 at = max(s->ag->hint, s->ag->room_hint), best = 0, tried;
	bool lowest = true;

	if (!has_holes(s))
		return 0;
	for (tried = 0; best < want && tried < ROOMS_TRIED; tried++) {
		u32 length = next_hole(s, &at, s->ag->blocks, max(want, MEDIUM_PIECE));

		if (lowest && (!length || length >= MEDIUM_PIECE)) {
			s->ag->room_hint = at;
			lowest = false;
		}
		if (!length)
			break;
		if (length > best) {
			best = length;
			*first = at;
		}
		at += length;
	}
	if (lowest)
		s->ag->room_hint = at;
	return best < least ? 0 : best;
}

/* A wholly free huge page at or behind `from`, else before it. Found: its first block. */
static bool find_huge(const struct daxfs_space *s, u32 from, u32 *first)
{
	u32 pages = s->ag->blocks / DAXFS_HUGE_BLOCKS;
	u32 start = from / DAXFS_HUGE_BLOCKS, i;

	if (!s->ag->free_huge)
		return false;
	for (i = 0; i < pages; i++) {
		u32 huge = (start + i) % pages;

		if (daxfs_huge_is_free(s, huge)) {
			*first = huge * DAXFS_HUGE_BLOCKS;
			return true;
		}
	}
	return false;
}

/* Room at `colour` modulo 512 in a broken huge page: the first that holds all, else the largest. */
static u32 find_colour(const struct daxfs_space *s, u32 colour, u32 want, u32 *first)
{
	u32 enough = min(want, DAXFS_HUGE_BLOCKS - colour);
	u32 best = 0, at;

	for (at = colour; at < s->ag->blocks && best < enough; at += DAXFS_HUGE_BLOCKS) {
		u32 length = daxfs_next_used(s, at, min(s->ag->blocks, at + enough)) - at;

		if (length > best) {
			best = length;
			*first = at;
		}
	}
	return best;
}

/* What is free from `first` on: to the end of its huge page, and of data through wholly free ones behind it. */
static u32 extend(const struct daxfs_space *s, const struct daxfs_alloc *request, u32 first, u32 want)
{
	u32 end = min_t(u64, s->ag->blocks, (u64)first + want);
	u32 stop = min((first / DAXFS_HUGE_BLOCKS + 1) * DAXFS_HUGE_BLOCKS, end);
	u32 at = daxfs_next_used(s, first, stop), huge = at / DAXFS_HUGE_BLOCKS;

	if (at == stop && request->kind == DAXFS_ALLOC_DATA)
		at += daxfs_free_huge_run(s, huge, DIV_ROUND_UP(end, DAXFS_HUGE_BLOCKS)) * DAXFS_HUGE_BLOCKS;
	return min(at, end) - first;
}

/* Where the file would go on. No wholly free huge page is begun here, except by data at its start. */
static u32 find_goal(const struct daxfs_space *s, const struct daxfs_alloc *request, u32 goal, u32 want)
{
	u32 count;

	if (goal >= s->ag->blocks)
		return 0;
	if (request->kind == DAXFS_ALLOC_DATA) {
		u32 colour = request->file_block % DAXFS_HUGE_BLOCKS;

		if (goal % DAXFS_HUGE_BLOCKS != colour ||
		    (!colour && !daxfs_huge_is_free(s, goal / DAXFS_HUGE_BLOCKS)))
			return 0;
	} else if (daxfs_huge_is_free(s, goal / DAXFS_HUGE_BLOCKS)) {
		return 0;
	}
	count = extend(s, request, goal, want);
	return request->kind == DAXFS_ALLOC_MEDIUM && count < min_t(u32, want, MEDIUM_PIECE) ? 0 : count;
}

/* As much again as the file has already, at most a huge page: a file that grows is in few pieces. */
static u32 medium_room(const struct daxfs_alloc *request, u32 want)
{
	return clamp_t(u64, request->file_block, want, max_t(u32, want, DAXFS_HUGE_BLOCKS));
}

enum step { STEP_GOAL, STEP_ROOM, STEP_HOLE, STEP_HUGE, STEP_COLOUR, STEP_STEAL };

static u32 find(const struct daxfs_space *s, const struct daxfs_alloc *request, enum step step, u32 goal, u32 want,
		u32 *first)
{
	bool data = request->kind == DAXFS_ALLOC_DATA || request->kind == DAXFS_ALLOC_MEDIUM;
	u32 colour = data ? request->file_block % DAXFS_HUGE_BLOCKS : 0;

	switch (step) {
	case STEP_GOAL:
		*first = goal;
		return find_goal(s, request, goal, want);
	case STEP_ROOM:
		/* An almost empty AG need not save huge pages. */
		if (s->ag->free_huge >= s->ag->blocks / DAXFS_HUGE_BLOCKS / 4 * 3)
			return 0;
		return min(want, find_room(s, medium_room(request, want), min_t(u32, want, MEDIUM_PIECE), first));
	case STEP_STEAL:
		while (!has_holes(s) && daxfs_window_steal(s))
			;
		fallthrough;
	case STEP_HOLE:
		return find_hole(s, want, first);
	case STEP_COLOUR:
		return find_colour(s, colour, want, first);
	case STEP_HUGE:
		if (!find_huge(s, goal, first))
			return 0;
		*first += colour;
		return extend(s, request, *first, want);
	}
	return 0;
}

/* A reservation on its way. */
struct attempt {
	struct super_block *sb;
	const struct daxfs_alloc *request;
	u32 want;
	struct daxfs_run *run;
	struct daxfs_window *spare;	/* to keep the rest of the huge page in; NULL: not */
};

/* Takes what was found, and keeps what the file will grow into. reserve_lock is held. */
static void take_found(const struct daxfs_space *s, struct attempt *attempt, u32 first, u32 count)
{
	const struct daxfs_alloc *request = attempt->request;
	bool whole = daxfs_huge_is_free(s, (first + count - 1) / DAXFS_HUGE_BLOCKS);
	u32 room = DAXFS_HUGE_BLOCKS;

	take(s, first, count);
	if (!attempt->spare)
		return;
	if (request->kind == DAXFS_ALLOC_MEDIUM)
		room = max_t(u64, request->file_block + count, MEDIUM_PIECE);
	if (daxfs_window_keep(s, request->owner, attempt->spare, first, count, request->file_block, whole, room))
		attempt->spare = NULL;
}

static u32 try_ag(struct attempt *attempt, u32 agno, enum step step, u32 goal)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(attempt->sb);
	struct daxfs_space s = { .sbi = sbi, .ag = &sbi->ags[agno], .agno = agno };
	u32 first = 0, count;

	if (!READ_ONCE(s.ag->free_blocks) && (step != STEP_STEAL || !READ_ONCE(s.ag->kept_blocks)))
		return 0;
	if (daxfs_ag_count(attempt->sb, agno))
		return 0;
	spin_lock(&s.ag->reserve_lock);
	count = find(&s, attempt->request, step, goal, attempt->want, &first);
	if (count)
		take_found(&s, attempt, first, count);
	spin_unlock(&s.ag->reserve_lock);
	attempt->run->block = daxfs_ag_start(sbi, agno) + first;
	attempt->run->count = count;
	return count;
}

static u32 try_all(struct attempt *attempt, enum step step, u32 start, u32 goal)
{
	u32 ags = smp_load_acquire(&DAXFS_SB(attempt->sb)->initialised_ags);
	u32 i;

	for (i = 0; i < ags; i++) {
		u32 agno = (start + i) % ags;

		if (try_ag(attempt, agno, step, i ? 0 : goal))
			return attempt->run->count;
		if (step == STEP_GOAL || attempt->request->near_only)
			break;
	}
	return 0;
}

/* The order of preference of each kind; the next AG is opened before what follows `open_after`. */
static const struct {
	enum step steps[6];
	u8 count;
	u8 open_after;
} plans[] = {
	[DAXFS_ALLOC_META] = { { STEP_HOLE, STEP_HUGE, STEP_STEAL }, 3, 2 },
	[DAXFS_ALLOC_SMALL] = { { STEP_GOAL, STEP_HOLE, STEP_HUGE, STEP_STEAL }, 4, 3 },
	[DAXFS_ALLOC_MEDIUM] = { { STEP_GOAL, STEP_ROOM, STEP_HUGE, STEP_HOLE, STEP_STEAL }, 5, 3 },
	[DAXFS_ALLOC_DATA] = { { STEP_GOAL, STEP_HUGE, STEP_COLOUR, STEP_HOLE, STEP_STEAL }, 5, 2 },
	[DAXFS_ALLOC_HUGE] = { { STEP_HUGE }, 1, 1 },
};

static u32 search_ags(struct attempt *attempt)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(attempt->sb);
	const struct daxfs_alloc *request = attempt->request;
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
		if (i == plans[request->kind].open_after && request->near_only)
			return 0;
		if (i == plans[request->kind].open_after && !daxfs_in_tx(attempt->sb) &&
		    !daxfs_ag_init_next(attempt->sb, seen))
			goto again;
		if (try_all(attempt, plans[request->kind].steps[i], start, goal))
			return attempt->run->count;
	}
	if (i <= plans[request->kind].open_after && !daxfs_in_tx(attempt->sb) &&
	    !daxfs_ag_init_next(attempt->sb, seen))
		goto again;
	return 0;
}

static u32 find_space(struct super_block *sb, const struct daxfs_alloc *request, u32 want, struct daxfs_run *run)
{
	struct attempt attempt = { .sb = sb, .request = request, .want = want, .run = run };
	bool congruent = request->kind == DAXFS_ALLOC_DATA;

	if (!request->owner || (!congruent && request->kind != DAXFS_ALLOC_MEDIUM))
		return search_ags(&attempt);
	if (daxfs_window_take(sb, request->owner, request->file_block, want, congruent, run))
		return run->count;
	attempt.spare = daxfs_window_spare(sb, request->owner);
	search_ags(&attempt);
	kfree(attempt.spare);
	return run->count;
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

static __always_inline u32 try_reserve(struct super_block *sb, const struct daxfs_alloc *request, struct daxfs_run *run)
{
	u32 taken = take_count(sb, request), got = 0;

	if (taken && (request->kind != DAXFS_ALLOC_HUGE || taken == DAXFS_HUGE_BLOCKS))
		got = find_space(sb, request, taken, run);
	if (got < taken)
		atomic64_add(taken - got, &DAXFS_SB(sb)->free_blocks);
	return got;
}

/* Those who can do with less ask without knowing whether there is any. */
static bool may_give_inodes(struct super_block *sb, const struct daxfs_alloc *request)
{
	return request->kind != DAXFS_ALLOC_HUGE && !request->near_only && !daxfs_in_tx(sb);
}

bool daxfs_wait_reclaim(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	/* The worker needs transactions itself. */
	if (daxfs_in_tx(sb) || list_empty_careful(&sbi->reclaim))
		return false;
	wait_event(sbi->reclaim_wait, list_empty_careful(&sbi->reclaim));
	return true;
}

int daxfs_reserve(struct super_block *sb, const struct daxfs_alloc *request, struct daxfs_run *run)
{
	u32 got;

	*run = (struct daxfs_run){ };
	if (WARN_ON_ONCE(!request->want || request->kind >= ARRAY_SIZE(plans)))
		return -EINVAL;
	daxfs_ag_make_room(sb, request->want);
	do
		got = try_reserve(sb, request, run);
	while (unlikely(!got) && (daxfs_let_go(sb) || daxfs_wait_reclaim(sb) || (may_give_inodes(sb, request) && daxfs_give_inodes(sb, true))));
	trace_daxfs_alloc(sb, request->ino, request->kind, request->goal, request->want, run->block, got,
			  got ? 0 : -ENOSPC);
	return got ? 0 : -ENOSPC;
}

int daxfs_reserve_kept(struct inode *inode, u64 file_block, u32 want, struct daxfs_run *run)
{
	struct super_block *sb = inode->i_sb;
	struct daxfs_alloc request = { .kind = DAXFS_ALLOC_DATA, .ino = inode->i_ino, .want = want };
	u32 taken = take_count(sb, &request), got = 0;

	*run = (struct daxfs_run){ };
	if (taken == want)
		got = daxfs_window_take(sb, DAXFS_I(inode), file_block, want, true, run);
	if (got < taken)
		atomic64_add(taken - got, &DAXFS_SB(sb)->free_blocks);
	if (got == want) {
		trace_daxfs_alloc(sb, request.ino, request.kind, 0, want, run->block, got, 0);
		return 0;
	}
	if (got)
		daxfs_unreserve(sb, *run);
	return -ENOSPC;
}

void daxfs_freed_release(struct super_block *sb, u32 agno, u32 first, u32 count)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_space s = { .sbi = sbi, .ag = &sbi->ags[agno], .agno = agno };

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

u64 daxfs_free_blocks(struct super_block *sb)
{
	return max_t(s64, 0, atomic64_read(&DAXFS_SB(sb)->free_blocks));
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The search for free space. What is free, and the summary that the search goes by, is told in space.c.
 *
 * Placement. A huge page is 512 blocks, one cache line of bitmap; a hole is free space in one that is not wholly free.
 * A file of less than 2 MiB cannot be mapped by a huge fault, so it need not break a free huge page: metadata and small
 * files go into holes, medium ones into holes where a piece of 64 KiB at least is to be had. From 2 MiB on data goes
 * where block number in the AG and file block are equal modulo 512, in huge pages that were wholly free; what lies
 * elsewhere of the file's first 2 MiB is moved over then (huge.c). While an AG is almost empty medium files get huge
 * pages of their own too: those that grow are spared the move. The tail of a large file, less than 2 MiB, goes back into
 * holes when nobody writes to the file any more.
 * What a file is expected to grow into is kept in windows. When there is neither hole nor huge page they are taken.
 *
 * The search costs the same on every device, however full: it visits AGs that offer what it looks for, and in them huge
 * pages that have it, lowest first, and gives up after so many. Only that there is a free block is never missed: a page
 * in hole_pages has one.
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
#define ROOMS_TRIED	32
#define COLOURS_TRIED	64
#define TAIL_TRIED	512	/* holes for a tail, which nobody waits for */
#define MEDIUM_ROOM	64u	/* blocks; 2 MiB in such pieces are about as many extents as an inode has room for */

/* A reservation on its way. */
struct attempt {
	struct super_block *sb;
	const struct daxfs_alloc *request;
	u32 want;
	struct daxfs_run *run;
	struct daxfs_window *spare;	/* to keep the rest of the huge page in; NULL: not */
	u32 tries;			/* left in this step: holes, huge pages for a colour */
	u32 looks;			/* into AGs and huge pages, so far */
};

/* The first hole of `want` blocks in a huge page, else the largest. Returns its length, 0 for none. */
static u32 hole_in_page(const struct daxfs_space *s, struct attempt *attempt, u32 huge, u32 want, u32 *first)
{
	u32 at = huge * DAXFS_HUGE_BLOCKS, end = min(at + DAXFS_HUGE_BLOCKS, s->ag->blocks), best = 0;

	while (best < want && attempt->tries && (at = daxfs_next_free(s, at, end)) < end) {
		u32 length = daxfs_next_used(s, at, min_t(u64, end, (u64)at + want)) - at;

		if (length > best) {
			best = length;
			*first = at;
		}
		at += length;
		attempt->tries--;
	}
	return best;
}

/*
 * The best of the first holes in `pages`: the first that is large enough, else the largest of those tried. Returns its
 * length, 0 for none.
 */
static u32 find_in(const struct daxfs_space *s, struct attempt *attempt, const unsigned long *pages, u32 want, u32 *first)
{
	u32 end = daxfs_huge_pages(s->ag), best = 0, huge, at;

	for (huge = find_first_bit(pages, end); huge < end && best < want && attempt->tries;
	     huge = find_next_bit(pages, end, huge + 1)) {
		u32 length;

		if (s->ag->page_free[huge] <= best) {
			attempt->tries--;
			continue;
		}
		attempt->looks++;
		length = hole_in_page(s, attempt, huge, want, &at);
		if (length < DAXFS_ROOM_BLOCKS && want >= DAXFS_ROOM_BLOCKS && attempt->tries)
			daxfs_no_room(s, huge);
		if (length > best) {
			best = length;
			*first = at;
		}
	}
	return best;
}

/* A wholly free huge page at or behind `from`, else before it. Found: its first block. */
static bool find_huge(const struct daxfs_space *s, struct attempt *attempt, u32 from, u32 *first)
{
	u32 pages = s->ag->blocks / DAXFS_HUGE_BLOCKS;
	u32 huge = find_next_bit_wrap(s->ag->whole_pages, pages, from / DAXFS_HUGE_BLOCKS);

	attempt->looks++;
	*first = huge * DAXFS_HUGE_BLOCKS;
	return huge < pages;
}

/* Room at `colour` modulo 512 in a broken huge page: the first that holds all, else the largest of some. */
static u32 find_colour(const struct daxfs_space *s, struct attempt *attempt, u32 colour, u32 want, u32 *first)
{
	u32 enough = min(want, DAXFS_HUGE_BLOCKS - colour), end = daxfs_huge_pages(s->ag);
	u32 best = 0, huge;

	for_each_set_bit(huge, s->ag->room_pages, end) {
		u32 at = huge * DAXFS_HUGE_BLOCKS + colour, length;

		if (best >= enough || !attempt->tries)
			break;
		attempt->tries--;
		attempt->looks++;
		length = at < s->ag->blocks ? daxfs_next_used(s, at, min(s->ag->blocks, at + enough)) - at : 0;
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
	u32 at = daxfs_next_used(s, first, stop);

	if (at == stop && stop < end && request->kind == DAXFS_ALLOC_DATA)
		at = find_next_zero_bit(s->ag->whole_pages, daxfs_huge_pages(s->ag), stop / DAXFS_HUGE_BLOCKS) *
		     DAXFS_HUGE_BLOCKS;
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
	return request->kind == DAXFS_ALLOC_MEDIUM && count < min_t(u32, want, DAXFS_ROOM_BLOCKS) ? 0 : count;
}

/*
 * Room for a medium file, as much again as it has already: so one that grows is in few pieces. But not above MEDIUM_ROOM:
 * it would pass over the holes that there are for one in a huge page that is almost empty. Low ones first: so the huge
 * pages behind them empty.
 */
static u32 find_room(const struct daxfs_space *s, struct attempt *attempt, u32 want, u32 *first)
{
	const struct daxfs_alloc *request = attempt->request;
	u32 grown = request->file_block % DAXFS_HUGE_BLOCKS, least = min(want, request->least ?: DAXFS_ROOM_BLOCKS);
	u32 best = find_in(s, attempt, s->ag->room_pages,
			   request->least ?: clamp(max(grown, want), DAXFS_ROOM_BLOCKS, MEDIUM_ROOM), first);

	return best < least ? 0 : best;
}

enum step { STEP_GOAL, STEP_ROOM, STEP_HOLE, STEP_HUGE, STEP_COLOUR, STEP_STEAL };

/* What an AG must offer for a step to be worth a visit, and how much the step tries, in all AGs. */
static const struct {
	u8 offer;
	u8 tries;
} limits[] = {
	[STEP_ROOM] = { DAXFS_OFFERS_ROOM, ROOMS_TRIED },
	[STEP_HOLE] = { DAXFS_OFFERS_HOLES, HOLES_TRIED },
	[STEP_HUGE] = { DAXFS_OFFERS_WHOLE },
	[STEP_COLOUR] = { DAXFS_OFFERS_ROOM, COLOURS_TRIED },
	[STEP_STEAL] = { DAXFS_OFFERS_KEPT, HOLES_TRIED },
};

/* The oldest windows end until something is free. */
static u32 steal(const struct daxfs_space *s, struct attempt *attempt, u32 want, u32 *first)
{
	while (!s->ag->free_blocks && daxfs_window_steal(s))
		;
	if (!s->ag->kept_blocks)
		daxfs_nothing_kept(s);
	if (daxfs_has_holes(s->ag))
		return find_in(s, attempt, s->ag->hole_pages, want, first);
	return find_huge(s, attempt, 0, first) ? extend(s, attempt->request, *first, want) : 0;
}

static u32 find(const struct daxfs_space *s, struct attempt *attempt, enum step step, u32 goal, u32 *first)
{
	const struct daxfs_alloc *request = attempt->request;
	bool data = request->kind == DAXFS_ALLOC_DATA || request->kind == DAXFS_ALLOC_MEDIUM;
	u32 colour = data ? request->file_block % DAXFS_HUGE_BLOCKS : 0, want = attempt->want;

	switch (step) {
	case STEP_GOAL:
		*first = goal;
		return find_goal(s, request, goal, want);
	case STEP_ROOM:
		return find_room(s, attempt, want, first) ? extend(s, request, *first, want) : 0;
	case STEP_HOLE:
		return find_in(s, attempt, s->ag->hole_pages, want, first);
	case STEP_STEAL:
		return steal(s, attempt, want, first);
	case STEP_COLOUR:
		return find_colour(s, attempt, colour, want, first);
	case STEP_HUGE:
		if (!find_huge(s, attempt, goal, first))
			return 0;
		*first += colour;
		return extend(s, request, *first, want);
	}
	return 0;
}

/* Takes what was found, and keeps what the file will grow into. reserve_lock is held. */
static void take_found(const struct daxfs_space *s, struct attempt *attempt, u32 first, u32 count)
{
	const struct daxfs_alloc *request = attempt->request;
	bool whole = daxfs_huge_is_free(s, (first + count - 1) / DAXFS_HUGE_BLOCKS);
	u32 room = DAXFS_HUGE_BLOCKS;

	daxfs_space_take(s, first, count);
	if (!attempt->spare)
		return;
	if (request->kind == DAXFS_ALLOC_MEDIUM)
		room = clamp_t(u64, request->file_block % DAXFS_HUGE_BLOCKS + count, DAXFS_ROOM_BLOCKS, MEDIUM_ROOM);
	if (daxfs_window_keep(s, request->owner, attempt->spare, first, count, request->file_block, whole, room))
		attempt->spare = NULL;
}

static u32 try_ag(struct attempt *attempt, u32 agno, enum step step, u32 goal)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(attempt->sb);
	struct daxfs_space s = { .sbi = sbi, .ag = &sbi->ags[agno], .agno = agno };
	u32 first = 0, count = 0;

	attempt->looks++;
	if (daxfs_ag_count(attempt->sb, agno))
		return 0;
	spin_lock(&s.ag->reserve_lock);
	if (step == STEP_GOAL || s.ag->offers >> limits[step].offer & 1)
		count = find(&s, attempt, step, goal, &first);
	if (count)
		take_found(&s, attempt, first, count);
	spin_unlock(&s.ag->reserve_lock);
	attempt->run->block = daxfs_ag_start(sbi, agno) + first;
	attempt->run->count = count;
	return count;
}

/*
 * Whether an AG with whole pages to spare breaks one rather than to wait for the other AG, which somebody commits in: the
 * price is one broken page more.
 */
static bool keeps_apart(enum step step, const struct daxfs_ag *near, struct daxfs_ag *other)
{
	return (step == STEP_HOLE || step == STEP_ROOM) && other != near && mutex_is_locked(&other->lock) &&
	       READ_ONCE(near->free_huge) > near->blocks / DAXFS_HUGE_BLOCKS / 4;
}

static u32 try_all(struct attempt *attempt, enum step step, u32 start, u32 goal)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(attempt->sb);
	u32 ags = smp_load_acquire(&sbi->initialised_ags), agno;
	const unsigned long *with = sbi->ags_with[limits[step].offer];

	if (step == STEP_GOAL)
		return try_ag(attempt, start, step, goal);
	attempt->tries = attempt->request->kind == DAXFS_ALLOC_TAIL ? TAIL_TRIED : limits[step].tries;
	if (attempt->request->near_only)
		return test_bit(start, with) ? try_ag(attempt, start, step, goal) : 0;
	for_each_set_bit_wrap(agno, with, ags, start) {
		if (keeps_apart(step, &sbi->ags[start], &sbi->ags[agno]))
			continue;
		if (try_ag(attempt, agno, step, agno == start ? goal : 0))
			return attempt->run->count;
		/* Room is there as far as is known: it may be gone, or be of another colour. */
		if (limits[step].offer == DAXFS_OFFERS_ROOM && (!attempt->tries || !--attempt->tries))
			break;
	}
	return 0;
}

#define NEVER	6

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
	[DAXFS_ALLOC_TAIL] = { { STEP_ROOM }, 1, NEVER },
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
	if (!request->goal && !request->near_only && start < READ_ONCE(sbi->initialised_ags))
		start = daxfs_ag_unless_busy(attempt->sb, start);
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
	if (i == plans[request->kind].open_after && !daxfs_in_tx(attempt->sb) &&
	    !daxfs_ag_init_next(attempt->sb, seen))
		goto again;
	return 0;
}

static u32 find_space(struct super_block *sb, const struct daxfs_alloc *request, u32 want, struct daxfs_run *run)
{
	struct attempt attempt = { .sb = sb, .request = request, .want = want, .run = run };
	bool congruent = request->kind == DAXFS_ALLOC_DATA;

	if (request->owner && (congruent || request->kind == DAXFS_ALLOC_MEDIUM)) {
		if (daxfs_window_take(sb, request->owner, request->file_block, want, congruent, run))
			return run->count;
		attempt.spare = daxfs_window_spare(sb, request->owner);
	}
	search_ags(&attempt);
	daxfs_count(DAXFS_SB(sb), looks, attempt.looks);
	kfree(attempt.spare);
	return run->count;
}

/* Takes up to `want` off the filesystem's free blocks, leaving what others may still need. */
static u32 take_count(struct super_block *sb, const struct daxfs_alloc *request)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 want = min_t(u32, request->want, DAXFS_MAX_RUN);
	s64 meta = request->sparing ? sbi->meta_reserve / 2 : sbi->meta_reserve, keep = meta + sbi->root_reserve;

	if (request->reserve_ok && !request->sparing)
		keep = 0;
	else if (sbi->root_reserve && !daxfs_has_free(sb, keep + want) && capable(CAP_SYS_RESOURCE))
		keep = meta;
	return daxfs_count_take(sb, want, keep);
}

static __always_inline u32 try_reserve(struct super_block *sb, const struct daxfs_alloc *request, struct daxfs_run *run)
{
	u32 taken = take_count(sb, request), got = 0;

	if (taken && (request->kind != DAXFS_ALLOC_HUGE || taken == DAXFS_HUGE_BLOCKS))
		got = find_space(sb, request, taken, run);
	if (got < taken)
		daxfs_count_add(sb, taken - got);
	return got;
}

static bool has_come_back(struct daxfs_sb_info *sbi, const struct daxfs_shortage *shortage)
{
	return atomic_read_acquire(&sbi->came_back) != shortage->seen;
}

/* Until some of what one of the large files that nobody has any more holds is free, see reclaim.c. */
static void wait_reclaim(struct super_block *sb, const struct daxfs_shortage *shortage)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	/* The worker needs transactions itself. */
	if (!daxfs_in_tx(sb))
		wait_event_killable(sbi->reclaim_wait, has_come_back(sbi, shortage) || list_empty_careful(&sbi->reclaim));
}

bool daxfs_make_space(struct super_block *sb, struct daxfs_shortage *shortage)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	bool some;

	daxfs_let_go(sb);
	wait_reclaim(sb, shortage);
	if (!has_come_back(sbi, shortage) && !shortage->given) {
		shortage->given = true;
		daxfs_give_inodes(sb, true);
	}
	some = has_come_back(sbi, shortage);
	shortage->seen = atomic_read_acquire(&sbi->came_back);
	return some;
}

/* Those who can do with less wait for nobody: they ask without knowing whether there is any. */
static bool make_space(struct super_block *sb, const struct daxfs_alloc *request, struct daxfs_shortage *shortage)
{
	shortage->given |= request->near_only || daxfs_in_tx(sb);
	return request->kind != DAXFS_ALLOC_HUGE && daxfs_make_space(sb, shortage);
}

int daxfs_reserve(struct super_block *sb, const struct daxfs_alloc *request, struct daxfs_run *run)
{
	struct daxfs_shortage shortage = daxfs_shortage(DAXFS_SB(sb));
	u32 got;

	*run = (struct daxfs_run){ };
	if (WARN_ON_ONCE(!request->want || request->kind >= ARRAY_SIZE(plans)))
		return -EINVAL;
	daxfs_ag_make_room(sb, request->want);
	do
		got = try_reserve(sb, request, run);
	while (unlikely(!got) && make_space(sb, request, &shortage));
	trace_daxfs_alloc(sb, request->ino, request->kind, request->goal, request->want, run->block, got,
			  got ? 0 : -ENOSPC);
	return got ? 0 : -ENOSPC;
}

bool daxfs_offers(struct daxfs_sb_info *sbi, enum daxfs_offer offer)
{
	return !bitmap_empty(sbi->ags_with[offer], smp_load_acquire(&sbi->initialised_ags));
}

int daxfs_reserve_room(struct super_block *sb, u64 ino, u64 near, u32 want, u32 least, struct daxfs_run *run)
{
	struct daxfs_alloc request = {
		.kind = DAXFS_ALLOC_TAIL, .ino = ino, .goal = near, .want = want, .least = least,
	};
	u32 got;

	*run = (struct daxfs_run){ };
	got = try_reserve(sb, &request, run);
	trace_daxfs_alloc(sb, ino, request.kind, near, want, run->block, got, got ? 0 : -ENOSPC);
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
		daxfs_count_add(sb, taken - got);
	if (got == want) {
		trace_daxfs_alloc(sb, request.ino, request.kind, 0, want, run->block, got, 0);
		return 0;
	}
	if (got)
		daxfs_unreserve(sb, *run);
	return -ENOSPC;
}

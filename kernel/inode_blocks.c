// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks of inodes: made in chunks, looked into, and given back.
 *
 * Which of them have a free inode is known in memory alone, and costs a transaction nothing:
 *	open_inodes	has one, as far as was looked. Whoever creates a file looks nowhere else (ialloc.c).
 *	empty_inodes	has eight: can be given back.
 * After a mount nothing is known. The mount, and then a create that finds no open block, look into a few, from the AG's end
 * on, where the youngest are; when those are full the create makes new ones and leaves the rest to the survey, a worker.
 * So the first create costs what others do, whatever the number of inodes. The first chunks of an AG in a mount are small:
 * one block, two, four. They may have been made too early, and make somebody's first create dear.
 *
 * Empty blocks are free space to statfs. All go when space is short and before an unmount; else the worker takes some
 * time later what is more than KEPT_BLOCKS an AG, so that files which come and go move no blocks. A power cut leaves those
 * of the last seconds, which come back when space is short, or by fsck.daxfs. To give a block back, all of its inodes are
 * promised first: then nobody else has one, or will.
 *
 * Counts are the AG's too, and statfs adds them up: no two creates in two AGs write one line.
 *
 * Bits are set under reserve_lock, and only of what the inode map has then. The map loses a block's bit before the
 * promises end, so that whoever got hold of an inode looks at the map once more and then knows.
 */
#include <linux/log2.h>
#include <linux/random.h>

#include "ag.h"
#include "alloc.h"
#include "checksum.h"
#include "daxfs.h"
#include "device.h"
#include "error.h"
#include "inode_blocks.h"
#include "journal.h"
#include "media.h"
#include "persist.h"
#include "points.h"

#define CHUNK_BLOCKS	8		/* 32 KiB: 64 inodes. A power of two */
#define KEPT_BLOCKS	CHUNK_BLOCKS
#define GIVEN_BLOCKS	8		/* in one transaction */
#define TRIM_DELAY	(5 * HZ)
#define SURVEY_DELAY	(HZ / 50)	/* whoever asks for it is in the middle of a create */
#define SURVEY_BLOCKS	64		/* of the worker, before it lets others pass */
#define PREPARED_BLOCKS	8		/* that a mount looks into */

static u64 first_inode(const struct daxfs_sb_info *sbi, u32 agno, u32 bit)
{
	return (daxfs_ag_start(sbi, agno) + bit) * DAXFS_INODES_PER_BLOCK;
}

bool daxfs_inode_bit(struct daxfs_sb_info *sbi, u32 agno, u32 bit)
{
	const __le64 *map = daxfs_ag_map(sbi, agno, sbi->bitmap_blocks + bit / DAXFS_BITS_PER_MAP_BLOCK);

	return le64_to_cpu(READ_ONCE(map[bit % DAXFS_BITS_PER_MAP_BLOCK / 64])) >> (bit % 64) & 1;
}

/* ---- promises; reserve_lock is held ---- */

/* Those of a block. */
static u8 promised(const struct daxfs_ag *ag, u64 first)
{
	const struct daxfs_promise *promise;
	u8 inodes = 0;

	list_for_each_entry(promise, &ag->promises, list)
		if (promise->first == first)
			inodes |= promise->inodes;
	return inodes;
}

static void promise_inodes(struct daxfs_ag *ag, struct daxfs_promise *promise, u64 first, u8 inodes)
{
	promise->first = first;
	promise->inodes = inodes;
	list_add(&promise->list, &ag->promises);
}

static void end_promise(struct daxfs_ag *ag, u64 ino)
{
	struct daxfs_promise *promise;

	list_for_each_entry(promise, &ag->promises, list) {
		u64 place = ino - promise->first;

		if (place >= DAXFS_INODES_PER_BLOCK || !(promise->inodes >> place & 1))
			continue;
		promise->inodes &= ~(1u << place);
		if (!promise->inodes)
			list_del(&promise->list);
		return;
	}
}

/* The first inode of the block that nobody uses or was promised, or DAXFS_INODES_PER_BLOCK. */
static u32 free_slot(struct daxfs_sb_info *sbi, const struct daxfs_ag *ag, u64 first)
{
	u8 taken = promised(ag, first);
	u32 i = 0;

	while (i < DAXFS_INODES_PER_BLOCK && (taken >> i & 1 || READ_ONCE(daxfs_raw_inode(sbi, first + i)->mode)))
		i++;
	return i;
}

/* ---- what is known ---- */

static void set_empty(struct daxfs_ag *ag, u32 bit, bool empty)
{
	if (test_bit(bit, ag->empty_inodes) == empty)
		return;
	__assign_bit(bit, ag->empty_inodes, empty);
	ag->empty_blocks += empty ? 1 : -1;
}

static void set_open(struct daxfs_ag *ag, u32 bit)
{
	__set_bit(bit, ag->open_inodes);
	ag->inode_hint = min(ag->inode_hint, bit);
}

void daxfs_raise_inode_hint(struct daxfs_ag *ag, u32 seen)
{
	spin_lock(&ag->reserve_lock);
	if (ag->inode_hint == seen)
		ag->inode_hint = find_next_bit(ag->open_inodes, ag->blocks, seen);
	spin_unlock(&ag->reserve_lock);
}

static void forget_block(struct daxfs_ag *ag, u32 bit)
{
	__clear_bit(bit, ag->open_inodes);
	set_empty(ag, bit, false);
}

/* From the last one on: files are mostly deleted in the order in which they were made, and then one look is enough. */
static bool is_empty(struct daxfs_sb_info *sbi, struct daxfs_ag *ag, u64 first)
{
	u32 i = DAXFS_INODES_PER_BLOCK;

	while (i && !READ_ONCE(daxfs_raw_inode(sbi, first + i - 1)->mode))
		i--;
	return !i && !promised(ag, first);
}

/* A block of the inode map, an inode of which is free. */
static void note_open(struct daxfs_sb_info *sbi, u32 agno, u32 bit)
{
	struct daxfs_ag *ag = &sbi->ags[agno];

	set_open(ag, bit);
	set_empty(ag, bit, is_empty(sbi, ag, first_inode(sbi, agno, bit)));
}

static void note_block(struct daxfs_sb_info *sbi, u32 agno, u32 bit)
{
	struct daxfs_ag *ag = &sbi->ags[agno];

	if (daxfs_inode_bit(sbi, agno, bit) &&
	    free_slot(sbi, ag, first_inode(sbi, agno, bit)) < DAXFS_INODES_PER_BLOCK)
		note_open(sbi, agno, bit);
	else
		forget_block(ag, bit);
}

/* They are promised: no longer free to others. reserve_lock is held. */
static void count_taken(struct daxfs_sb_info *sbi, u32 agno, u32 count)
{
	struct daxfs_ag *ag = &sbi->ags[agno];

	ag->free_inodes -= min(count, ag->free_inodes);
	daxfs_note_inodes(sbi, agno);
}

bool daxfs_promise_in_block(struct daxfs_sb_info *sbi, u32 agno, u32 bit, struct daxfs_promise *promise)
{
	struct daxfs_ag *ag = &sbi->ags[agno];
	u64 first = first_inode(sbi, agno, bit);
	u32 slot = DAXFS_INODES_PER_BLOCK;

	/* Whoever gives an inode back notes it under the same lock, after the slot shows as free. */
	spin_lock(&ag->reserve_lock);
	if (daxfs_inode_bit(sbi, agno, bit))
		slot = free_slot(sbi, ag, first);
	if (slot < DAXFS_INODES_PER_BLOCK) {
		promise_inodes(ag, promise, first, 1u << slot);
		count_taken(sbi, agno, 1);
		set_empty(ag, bit, false);
	} else {
		forget_block(ag, bit);
	}
	spin_unlock(&ag->reserve_lock);
	return slot < DAXFS_INODES_PER_BLOCK;
}

bool daxfs_promise_used(struct daxfs_sb_info *sbi, u64 ino, struct daxfs_promise *promise)
{
	struct daxfs_ag *ag = &sbi->ags[daxfs_ag_of(sbi, ino / DAXFS_INODES_PER_BLOCK)];
	u64 first = round_down(ino, DAXFS_INODES_PER_BLOCK);
	u8 inode = 1u << (ino - first);
	bool free;

	spin_lock(&ag->reserve_lock);
	free = !(promised(ag, first) & inode);
	if (free)
		promise_inodes(ag, promise, first, inode);
	spin_unlock(&ag->reserve_lock);
	return free;
}

void daxfs_promise_kept(struct daxfs_sb_info *sbi, u32 agno, u64 ino)
{
	struct daxfs_ag *ag = &sbi->ags[agno];

	spin_lock(&ag->reserve_lock);
	end_promise(ag, ino);
	spin_unlock(&ag->reserve_lock);
}

void daxfs_inode_given(struct daxfs_sb_info *sbi, u64 ino)
{
	u64 block = ino / DAXFS_INODES_PER_BLOCK;
	u32 agno = daxfs_ag_of(sbi, block), bit = block - daxfs_ag_start(sbi, agno);
	struct daxfs_ag *ag = &sbi->ags[agno];

	spin_lock(&ag->reserve_lock);
	end_promise(ag, ino);
	ag->free_inodes++;
	daxfs_note_inodes(sbi, agno);
	if (daxfs_inode_bit(sbi, agno, bit))
		note_open(sbi, agno, bit);
	spin_unlock(&ag->reserve_lock);
}

void daxfs_inode_block_refused(struct daxfs_sb_info *sbi, u32 agno, u32 bit)
{
	struct daxfs_ag *ag = &sbi->ags[agno];

	spin_lock(&ag->reserve_lock);
	forget_block(ag, bit);
	spin_unlock(&ag->reserve_lock);
}

void daxfs_inode_refused(struct daxfs_sb_info *sbi, u64 ino)
{
	u64 block = ino / DAXFS_INODES_PER_BLOCK;
	u32 agno = daxfs_ag_of(sbi, block);

	daxfs_promise_kept(sbi, agno, ino);
	daxfs_inode_block_refused(sbi, agno, block - daxfs_ag_start(sbi, agno));
}

void daxfs_inode_blocks_made(struct daxfs_sb_info *sbi, u32 agno, u32 first, u32 count)
{
	struct daxfs_ag *ag = &sbi->ags[agno];
	u32 bit;

	spin_lock(&ag->reserve_lock);
	ag->free_inodes += count * DAXFS_INODES_PER_BLOCK;
	ag->inode_blocks += count;
	daxfs_note_inodes(sbi, agno);
	for (bit = first; bit < first + count; bit++)
		note_open(sbi, agno, bit);
	spin_unlock(&ag->reserve_lock);
}

void daxfs_inode_blocks_gone(struct daxfs_sb_info *sbi, u32 agno, u32 first, u32 count)
{
	struct daxfs_ag *ag = &sbi->ags[agno];
	u64 from = first_inode(sbi, agno, first), end = from + count * DAXFS_INODES_PER_BLOCK;
	struct daxfs_promise *promise, *next;
	u32 bit;

	spin_lock(&ag->reserve_lock);
	for (bit = first; bit < first + count; bit++)
		forget_block(ag, bit);
	ag->inode_blocks -= count;
	ag->leaving_blocks -= count;
	list_for_each_entry_safe(promise, next, &ag->promises, list)
		if (promise->first >= from && promise->first < end)
			list_del(&promise->list);
	spin_unlock(&ag->reserve_lock);
}

void daxfs_count_inodes(struct daxfs_sb_info *sbi, struct daxfs_inode_counts *counts)
{
	u32 agno, ags = smp_load_acquire(&sbi->initialised_ags);

	*counts = (struct daxfs_inode_counts){ };
	for (agno = 0; agno < ags; agno++) {
		struct daxfs_ag *ag = &sbi->ags[agno];

		spin_lock(&ag->reserve_lock);
		counts->inode_blocks += ag->inode_blocks;
		counts->free_inodes += ag->free_inodes;
		counts->empty_blocks += ag->empty_blocks + ag->leaving_blocks;
		spin_unlock(&ag->reserve_lock);
	}
}

/* ---- the survey ---- */

/* The last block of inodes before block `end` of the AG: 1, 0 for none, or an error. */
static int last_inode_block(struct super_block *sb, u32 agno, u32 end, u32 *bit)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	while (end) {
		u32 base = round_down(end - 1, DAXFS_BITS_PER_MAP_BLOCK);
		u32 index = sbi->bitmap_blocks + base / DAXFS_BITS_PER_MAP_BLOCK;
		const __le64 *map = daxfs_ag_map(sbi, agno, index);
		int err = daxfs_ag_verify_map(sb, daxfs_ag_start(sbi, agno) + DAXFS_AG_BITMAP_BLOCK + index);

		if (err)
			return err;
		for (; end > base; end = round_down(end - 1, 64)) {
			u64 word = le64_to_cpu(READ_ONCE(map[(end - 1 - base) / 64])) & (~0ull >> (-end % 64));

			if (word) {
				*bit = round_down(end - 1, 64) + __fls(word);
				return 1;
			}
		}
	}
	return 0;
}

/* The next block that nobody has looked into; survey_lock is held. 1: it has a free inode, 0: not, -ENOENT: none is left. */
static int look_into_next(struct super_block *sb, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_ag *ag = &sbi->ags[agno];
	u32 bit = 0;
	int err = last_inode_block(sb, agno, ag->unseen, &bit);
	bool open = false;

	if (err <= 0) {
		WRITE_ONCE(ag->unseen, 0);
		return err ?: -ENOENT;
	}
	/* One that cannot be read has nothing to give. */
	if (!daxfs_first_touch(sb, 0, daxfs_ag_start(sbi, agno) + bit)) {
		spin_lock(&ag->reserve_lock);
		note_block(sbi, agno, bit);
		open = test_bit(bit, ag->open_inodes);
		spin_unlock(&ag->reserve_lock);
	}
	WRITE_ONCE(ag->unseen, bit);
	return open;
}

int daxfs_look_for_inodes(struct super_block *sb, u32 agno, u32 *blocks)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_ag *ag = &sbi->ags[agno];
	int found = 0;

	mutex_lock(&sbi->survey_lock);
	while (!found && ag->unseen && *blocks) {
		--*blocks;
		found = look_into_next(sb, agno);
		cond_resched();
	}
	/* Once: under a steady load of creates each would put the worker off again. */
	if (!found && ag->unseen && !ag->survey) {
		WRITE_ONCE(ag->survey, true);
		mod_delayed_work(system_unbound_wq, &sbi->inode_work, SURVEY_DELAY);
	}
	mutex_unlock(&sbi->survey_lock);
	return found < 0 && found != -ENOENT ? found : found > 0 ? 0 : -EBUSY;
}

/* Some more of the AG's blocks; inside the gate. False: nothing is left. */
static bool survey_some(struct super_block *sb, u32 agno, u32 blocks)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_ag *ag = &sbi->ags[agno];
	u32 i;
	bool more;

	mutex_lock(&sbi->survey_lock);
	for (i = 0; i < blocks && ag->unseen; i++)
		look_into_next(sb, agno);
	more = ag->unseen;
	if (!more)
		WRITE_ONCE(ag->survey, false);
	mutex_unlock(&sbi->survey_lock);
	cond_resched();
	return more;
}

void daxfs_prepare_inodes(struct super_block *sb, u32 agno)
{
	if (agno < DAXFS_SB(sb)->initialised_ags && !daxfs_ag_count(sb, agno))
		survey_some(sb, agno, PREPARED_BLOCKS);
}

static void survey_ag(struct super_block *sb, u32 agno)
{
	bool more = true;

	/* Gone from the flags when the unmount begins. */
	while (more && READ_ONCE(sb->s_flags) & SB_ACTIVE) {
		int gate = daxfs_enter(DAXFS_SB(sb));

		if (gate < 0)
			return;
		more = survey_some(sb, agno, SURVEY_BLOCKS);
		daxfs_leave(gate);
	}
}

/* ---- new ones ---- */

/* Free inodes in reserved blocks that nothing reaches yet. Flushed; the fence is the commit's. */
static void write_chunk(struct daxfs_sb_info *sbi, struct daxfs_run run)
{
	u64 ino;

	daxfs_zero_blocks(sbi, run.block, run.count);
	for (ino = run.block * DAXFS_INODES_PER_BLOCK; ino < (run.block + run.count) * DAXFS_INODES_PER_BLOCK; ino++) {
		struct daxfs_inode *raw = daxfs_raw_inode(sbi, ino);

		raw->magic = cpu_to_le32(DAXFS_INODE_MAGIC);
		raw->ino = cpu_to_le64(ino);
		raw->generation = cpu_to_le32(get_random_u32());
		daxfs_seal_inode(sbi, raw);
		daxfs_flush(sbi, raw, sizeof(*raw));
	}
}

/* The first inode of a chunk that nobody else knows of, which is to be in the map. */
static void promise_first(struct daxfs_ag *ag, u64 ino, struct daxfs_promise *promise)
{
	spin_lock(&ag->reserve_lock);
	promise_inodes(ag, promise, ino, 1);
	spin_unlock(&ag->reserve_lock);
}

/* The chunk is there, and all of its inodes count as free. */
static int take_first(struct super_block *sb, u32 agno, u64 ino)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_ag *ag = &sbi->ags[agno];

	spin_lock(&ag->reserve_lock);
	count_taken(sbi, agno, 1);
	spin_unlock(&ag->reserve_lock);
	if (!daxfs_first_touch(sb, 0, ino / DAXFS_INODES_PER_BLOCK))
		return 0;
	daxfs_inode_refused(sbi, ino);
	return -EBUSY;
}

int daxfs_add_inodes(struct super_block *sb, u32 near, bool near_only, u32 before, u32 *agno,
		     struct daxfs_promise *promise)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_alloc request = {
		.kind = DAXFS_ALLOC_META,
		.ino = daxfs_ag_start(sbi, near) * DAXFS_INODES_PER_BLOCK,
		.want = before < ilog2(CHUNK_BLOCKS) ? 1 << before : CHUNK_BLOCKS,
		.near_only = near_only,
	};
	struct daxfs_run run;
	struct daxfs_tx *tx;
	u64 ino;
	int err = daxfs_reserve(sb, &request, &run);

	if (err)
		return err;
	tx = daxfs_tx_begin(sb);
	if (IS_ERR(tx)) {
		daxfs_unreserve(sb, run);
		return PTR_ERR(tx);
	}
	write_chunk(sbi, run);
	daxfs_tx_inode_chunk(tx, run);
	*agno = daxfs_ag_of(sbi, run.block);
	ino = run.block * DAXFS_INODES_PER_BLOCK;
	promise_first(&sbi->ags[*agno], ino, promise);
	err = daxfs_tx_ready(tx);
	if (err) {
		daxfs_promise_kept(sbi, *agno, ino);
		daxfs_tx_cancel(tx);
		return err;
	}
	err = daxfs_tx_commit(tx);
	return err ?: take_first(sb, *agno, ino);
}

/* ---- given back ---- */

/* Somebody has it open, whatever the device says by now: he would store an inode where others have put what is theirs. */
static bool in_memory(struct super_block *sb, u64 ino)
{
	bool found;

	rcu_read_lock();
	found = find_inode_by_ino_rcu(sb, ino);
	rcu_read_unlock();
	return found;
}

/* What is promised is free, and an inode: the map alone does not make it one. Somebody may have used it in between. */
static bool is_free_inode(struct super_block *sb, u64 ino)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	const struct daxfs_inode *raw = daxfs_raw_inode(sbi, ino);

	if (READ_ONCE(raw->mode) || in_memory(sb, ino))
		return false;
	if (daxfs_raw_inode_ok(sbi, raw, ino))
		return true;
	daxfs_corrupt(sb, ino, ino / DAXFS_INODES_PER_BLOCK, "free inode: damaged");
	return false;
}

/* Every inode of the block at `bit`, if all are free. */
static bool promise_block(struct super_block *sb, u32 agno, u32 bit, struct daxfs_promise *promise)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_ag *ag = &sbi->ags[agno];
	u64 first = first_inode(sbi, agno, bit);
	bool free;
	u32 i;

	spin_lock(&ag->reserve_lock);
	/* Who was promised one since has stored its mode before his promise ended. */
	free = is_empty(sbi, ag, first);
	if (free)
		promise_inodes(ag, promise, first, (1u << DAXFS_INODES_PER_BLOCK) - 1);
	else
		note_block(sbi, agno, bit);
	spin_unlock(&ag->reserve_lock);
	daxfs_point(promised);
	for (i = 0; free && i < DAXFS_INODES_PER_BLOCK; i++)
		free = is_free_inode(sb, first + i);
	if (!i)
		return false;
	spin_lock(&ag->reserve_lock);
	if (free) {
		count_taken(sbi, agno, DAXFS_INODES_PER_BLOCK);
	} else {
		list_del(&promise->list);
		note_block(sbi, agno, bit);
	}
	spin_unlock(&ag->reserve_lock);
	return free;
}

static void left(struct daxfs_ag *ag, u32 count)
{
	spin_lock(&ag->reserve_lock);
	ag->leaving_blocks -= count;
	spin_unlock(&ag->reserve_lock);
}

/*
 * Blocks of the AG that are known to be empty, all but the first `keep` of them; their inodes are promised. They count as
 * leaving until the transaction that frees them settles, or the caller gives them up.
 */
static u32 promise_empty(struct super_block *sb, u32 agno, u32 keep, u32 bits[GIVEN_BLOCKS],
			 struct daxfs_promise promises[GIVEN_BLOCKS])
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_ag *ag = &sbi->ags[agno];
	u32 found = 0, count = 0, i, bit;

	spin_lock(&ag->reserve_lock);
	for (bit = 0; ag->empty_blocks > keep && found < GIVEN_BLOCKS; bit++) {
		bit = find_next_bit(ag->empty_inodes, ag->blocks, bit);
		if (bit >= ag->blocks)
			break;
		if (keep) {
			keep--;
			continue;
		}
		forget_block(ag, bit);
		ag->leaving_blocks++;
		bits[found++] = bit;
	}
	spin_unlock(&ag->reserve_lock);
	daxfs_point(leaving);
	for (i = 0; i < found; i++)
		if (promise_block(sb, agno, bits[i], &promises[count]))
			bits[count++] = bits[i];
	left(ag, found - count);
	return count;
}

static int give_back(struct super_block *sb, u32 agno, const u32 *bits, u32 count)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_tx *tx = daxfs_tx_begin(sb);
	int err = PTR_ERR_OR_ZERO(tx);
	u32 i;

	if (err)
		return err;
	for (i = 0; i < count; i++)
		daxfs_tx_inode_blocks_free(tx, (struct daxfs_run){
			.block = daxfs_ag_start(sbi, agno) + bits[i], .count = 1 });
	err = daxfs_tx_ready(tx);
	if (err) {
		daxfs_tx_cancel(tx);
		return err;
	}
	return daxfs_tx_commit(tx);
}

/* trim_lock is held: a block that is leaving nobody else would find. */
static void trim(struct super_block *sb, u32 agno, u32 keep)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_promise promises[GIVEN_BLOCKS];
	u32 bits[GIVEN_BLOCKS], count, i;
	int err = 0;

	lockdep_assert_held(&sbi->trim_lock);
	/* The promises end with the transaction, or one by one. */
	while (!err && (count = promise_empty(sb, agno, keep, bits, promises))) {
		err = give_back(sb, agno, bits, count);
		for (i = 0; err && i < count * DAXFS_INODES_PER_BLOCK; i++)
			daxfs_inode_given(sbi, first_inode(sbi, agno, bits[i / DAXFS_INODES_PER_BLOCK]) +
					       i % DAXFS_INODES_PER_BLOCK);
		if (err)
			left(&sbi->ags[agno], count);
		else
			daxfs_note_space(sbi);
	}
}

void daxfs_give_inodes(struct super_block *sb, bool look)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 agno, ags = smp_load_acquire(&sbi->initialised_ags);
	int gate = daxfs_writable(sb) ? daxfs_enter(sbi) : -EROFS;

	if (gate < 0)
		return;
	mutex_lock(&sbi->trim_lock);
	for_each_set_bit(agno, sbi->ags_with[DAXFS_OFFERS_INODES], ags) {
		struct daxfs_ag *ag = &sbi->ags[agno];

		while (look && READ_ONCE(ag->free_inodes) >= DAXFS_INODES_PER_BLOCK && !daxfs_ag_load(sb, agno) &&
		       READ_ONCE(ag->unseen))
			survey_some(sb, agno, SURVEY_BLOCKS);
		if (READ_ONCE(ag->empty_blocks))
			trim(sb, agno, 0);
	}
	mutex_unlock(&sbi->trim_lock);
	daxfs_leave(gate);
}

/* ---- the worker ---- */

static bool many_empty(const struct daxfs_ag *ag)
{
	return READ_ONCE(ag->empty_blocks) >= KEPT_BLOCKS + GIVEN_BLOCKS;
}

/* Not while the filesystem is frozen or has become read-only: false then. */
static bool trim_many(struct super_block *sb, u32 agno)
{
	int gate;

	if (!sb_start_write_trylock(sb))
		return false;
	gate = sb_rdonly(sb) ? -EROFS : daxfs_enter(DAXFS_SB(sb));
	if (gate >= 0) {
		mutex_lock(&DAXFS_SB(sb)->trim_lock);
		trim(sb, agno, KEPT_BLOCKS);
		mutex_unlock(&DAXFS_SB(sb)->trim_lock);
		daxfs_leave(gate);
	}
	sb_end_write(sb);
	return gate >= 0;
}

static void work_on_inodes(struct work_struct *work)
{
	struct daxfs_sb_info *sbi = container_of(to_delayed_work(work), struct daxfs_sb_info, inode_work);
	u32 agno, ags = smp_load_acquire(&sbi->initialised_ags);

	for (agno = 0; agno < ags; agno++) {
		struct daxfs_ag *ag = &sbi->ags[agno];

		if (READ_ONCE(ag->survey))
			survey_ag(sbi->sb, agno);
		if (many_empty(ag) && !trim_many(sbi->sb, agno))
			break;
	}
}

void daxfs_note_empty(struct super_block *sb, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	if (many_empty(&sbi->ags[agno]) && !delayed_work_pending(&sbi->inode_work))
		queue_delayed_work(system_unbound_wq, &sbi->inode_work, TRIM_DELAY);
}

void daxfs_inode_work_init(struct daxfs_sb_info *sbi)
{
	mutex_init(&sbi->survey_lock);
	mutex_init(&sbi->trim_lock);
	INIT_DELAYED_WORK(&sbi->inode_work, work_on_inodes);
}

void daxfs_inode_work_stop(struct daxfs_sb_info *sbi)
{
	cancel_delayed_work_sync(&sbi->inode_work);
}

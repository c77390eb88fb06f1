// SPDX-License-Identifier: GPL-2.0
/*
 * Allocation groups: headers and maps are verified when first touched and believed from then on; what is only in memory
 * is built then too. The next AG is written when the ones before it are nearly full.
 *
 * How many AGs are in use the superblock says, but an older copy of it, put back by hand, says too few. So at mount the
 * AGs behind those are counted for as long as their headers are ours, and an AG whose header says that it holds something
 * is never initialised.
 */
#include <linux/slab.h>

#include "ag.h"
#include "alloc.h"
#include "bits.h"
#include "checksum.h"
#include "daxfs.h"
#include "device.h"
#include "error.h"
#include "journal.h"
#include "media.h"
#include "persist.h"
#include "superblock.h"

/* Usable space of the initialised AGs below which the next is initialised. */
#define AG_SLACK	2048
#define AGS_COMPARED	8

static u32 ag_length(const struct daxfs_sb_info *sbi, u32 agno)
{
	return min_t(u64, 1ull << sbi->ag_shift, sbi->block_count - daxfs_ag_start(sbi, agno));
}

/* Why a header is not that of this AG of this filesystem; NULL: it is. */
static const char *not_ours(struct daxfs_sb_info *sbi, u32 agno, const struct daxfs_ag_header *header)
{
	u64 block = daxfs_ag_start(sbi, agno) + DAXFS_AG_HEADER_BLOCK;

	if (le32_to_cpu(header->magic) != DAXFS_AG_MAGIC)
		return "no magic number";
	if (!daxfs_ag_ok(sbi, header))
		return "checksum";
	if (le64_to_cpu(header->block) != block || header->nonce != sbi->believed.nonce ||
	    le32_to_cpu(header->agno) != agno || le32_to_cpu(header->blocks) != ag_length(sbi, agno))
		return "belongs elsewhere";
	return NULL;
}

/* What is wrong with a header, in words for the log; NULL: nothing. */
static const char *header_damage(struct daxfs_sb_info *sbi, u32 agno, const struct daxfs_ag_header *header)
{
	u32 blocks = ag_length(sbi, agno), inode_blocks = le32_to_cpu(header->inode_blocks);
	const char *damage = not_ours(sbi, agno, header);

	if (damage)
		return damage;
	if (le32_to_cpu(header->free_blocks) > blocks - sbi->map_end || inode_blocks > blocks ||
	    le32_to_cpu(header->free_inodes) > inode_blocks * DAXFS_INODES_PER_BLOCK ||
	    le32_to_cpu(header->orphan_groups) > DIV_ROUND_UP(blocks, DAXFS_ORPHAN_BLOCKS))
		return "counters";
	return NULL;
}

/* *header: as it was when it was checked. */
static int load_header(struct super_block *sb, u32 agno, struct daxfs_ag_header *header)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u64 block = daxfs_ag_start(sbi, agno) + DAXFS_AG_HEADER_BLOCK;
	const char *damage;
	int err = daxfs_first_touch(sb, 0, block);

	if (err)
		return err;
	memcpy(header, daxfs_ag_raw(sbi, agno), sizeof(*header));
	damage = header_damage(sbi, agno, header);
	return damage ? daxfs_corrupt(sb, 0, block, "header of allocation group %u: %s", agno, damage) : 0;
}

/* A damaged header costs its AG, not the mount: daxfs_ag_load() says so again to whoever needs the AG. */
static void add_ag(struct super_block *sb, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_ag *ag = &sbi->ags[agno];
	struct daxfs_ag_header header;

	if (load_header(sb, agno, &header))
		return;
	ag->free_blocks = le32_to_cpu(header.free_blocks);
	ag->free_inodes = le32_to_cpu(header.free_inodes);
	daxfs_space_unknown(sbi, agno);
	ag->inode_blocks = le32_to_cpu(header.inode_blocks);
	daxfs_count_add(sb, ag->free_blocks);
}

/* Whether an AG that is not in use, as far as is known, has a header of ours; *empty: and nothing else. */
static bool has_header(struct super_block *sb, u32 agno, bool *empty)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_ag_header header;

	if (!daxfs_block_readable(sbi, daxfs_ag_start(sbi, agno) + DAXFS_AG_HEADER_BLOCK))
		return false;
	memcpy(&header, daxfs_ag_raw(sbi, agno), sizeof(header));
	*empty = le32_to_cpu(header.free_blocks) == ag_length(sbi, agno) - sbi->map_end && !header.inode_blocks;
	return !not_ours(sbi, agno, &header);
}

static void count_later_ags(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 known = sbi->initialised_ags;
	bool empty;

	while (sbi->initialised_ags < sbi->ag_count && has_header(sb, sbi->initialised_ags, &empty))
		sbi->initialised_ags++;
	if (sbi->initialised_ags > known)
		pr_notice("daxfs (%pg): the superblock knows of %u allocation groups in use, there are %u\n", sb->s_bdev,
			  known, sbi->initialised_ags);
}

int daxfs_ags_open(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 longs = BITS_TO_LONGS(sbi->ag_count), agno, kind;

	sbi->ags = kvcalloc(sbi->ag_count, sizeof(*sbi->ags), GFP_KERNEL);
	sbi->ags_with[0] = kvcalloc(DAXFS_OFFERS * longs, sizeof(long), GFP_KERNEL);
	if (!sbi->ags || !sbi->ags_with[0] || daxfs_count_init(sbi))
		return -ENOMEM;
	for (kind = 1; kind < DAXFS_OFFERS; kind++)
		sbi->ags_with[kind] = sbi->ags_with[0] + kind * longs;
	count_later_ags(sb);
	for (agno = 0; agno < sbi->ag_count; agno++) {
		struct daxfs_ag *ag = &sbi->ags[agno];

		mutex_init(&ag->lock);
		mutex_init(&ag->grow_lock);
		spin_lock_init(&ag->reserve_lock);
		INIT_LIST_HEAD(&ag->windows);
		INIT_LIST_HEAD(&ag->promises);
		ag->blocks = ag_length(sbi, agno);
		if (agno < sbi->initialised_ags)
			add_ag(sb, agno);
		else
			atomic64_add(ag->blocks - sbi->map_end, &sbi->uninitialised_blocks);
	}
	daxfs_count_add(sb, atomic64_read(&sbi->uninitialised_blocks));
	sbi->root_reserve = min_t(u64, le64_to_cpu(sbi->believed.reserved_blocks), sbi->block_count / 2);
	sbi->meta_reserve = min_t(u64, 4096, sbi->block_count / 64);
	return 0;
}

void daxfs_ags_close(struct daxfs_sb_info *sbi)
{
	u32 agno;

	for (agno = 0; sbi->ags && agno < sbi->ag_count; agno++) {
		struct daxfs_ag *ag = &sbi->ags[agno];

		daxfs_space_free(ag);
		kvfree(ag->reserved);
		kvfree(ag->open_inodes);
		kvfree(ag->empty_inodes);
		kvfree(ag->verified);
		kvfree(ag->failed);
		kvfree(ag->orphans);
		kvfree(ag->touched);
		kvfree(ag->held);
		kvfree(ag->nodes);
	}
	percpu_counter_destroy(&sbi->free_blocks);
	kvfree(sbi->ags_with[0]);
	kvfree(sbi->ags);
	sbi->ags = NULL;
}

static int load_locked(struct super_block *sb, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_ag *ag = &sbi->ags[agno];
	size_t map_bytes = (size_t)sbi->bitmap_blocks << DAXFS_BLOCK_SHIFT;
	struct daxfs_ag_header header;
	int err = load_header(sb, agno, &header);

	if (err)
		return err;
	if (!ag->reserved)
		ag->reserved = kvzalloc(map_bytes, GFP_NOFS);
	if (!ag->open_inodes)
		ag->open_inodes = kvzalloc(map_bytes, GFP_NOFS);
	if (!ag->empty_inodes)
		ag->empty_inodes = kvzalloc(map_bytes, GFP_NOFS);
	if (!ag->verified)
		ag->verified = kvzalloc(BITS_TO_LONGS(daxfs_map_blocks(sbi)) * sizeof(long), GFP_NOFS);
	if (!ag->failed)
		ag->failed = kvzalloc(BITS_TO_LONGS(daxfs_map_blocks(sbi)) * sizeof(long), GFP_NOFS);
	if (!ag->reserved || !ag->open_inodes || !ag->empty_inodes || !ag->verified || !ag->failed ||
	    daxfs_space_alloc(ag))
		return -ENOMEM;
	/* Nobody is ever given these, whatever the bitmap comes to say of them. */
	bitmap_set(ag->reserved, 0, daxfs_fixed_blocks(sbi, agno));
	bitmap_set(ag->reserved, ag->blocks, sbi->bitmap_blocks * DAXFS_BITS_PER_MAP_BLOCK - ag->blocks);
	ag->unseen = ag->blocks;
	/* Whoever sees `loaded` sees the arrays. */
	smp_store_release(&ag->loaded, true);
	return 0;
}

int daxfs_ag_load(struct super_block *sb, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_ag *ag;
	int err = 0;

	if (agno >= READ_ONCE(sbi->initialised_ags))
		return daxfs_corrupt(sb, 0, 0, "allocation group %u is not in use", agno);
	ag = &sbi->ags[agno];
	if (smp_load_acquire(&ag->loaded))
		return 0;
	mutex_lock(&ag->lock);
	if (!ag->loaded)
		err = load_locked(sb, agno);
	mutex_unlock(&ag->lock);
	return err;
}

/*
 * Whether a map says of what lies at fixed places, and of what is no part of the AG, what must be said: it is in use, and
 * holds no inodes. Else an inode could be laid over a map or a journal, and whoever owns it would store there.
 */
static bool fixed_bits_ok(const struct daxfs_sb_info *sbi, u32 agno, u32 index)
{
	const __le64 *map = daxfs_ag_map(sbi, agno, index);
	bool used = index < sbi->bitmap_blocks;
	u32 base = index % sbi->bitmap_blocks * DAXFS_BITS_PER_MAP_BLOCK, end = base + DAXFS_BITS_PER_MAP_BLOCK;
	/* Of this map block's bits: those before `fixed`, and those from `blocks` on. */
	u32 fixed = clamp(daxfs_fixed_blocks(sbi, agno), base, end) - base;
	u32 blocks = clamp(sbi->ags[agno].blocks, base, end) - base;

	/* The orphan map has a bit for several blocks, and is asked of inodes that the inode map has. */
	if (index >= 2 * sbi->bitmap_blocks)
		return true;
	return (!fixed || daxfs_odd_word(map, 0, fixed, used) == DAXFS_NO_WORD) &&
	       (blocks == DAXFS_BITS_PER_MAP_BLOCK ||
		daxfs_odd_word(map, blocks, DAXFS_BITS_PER_MAP_BLOCK, used) == DAXFS_NO_WORD);
}

static int verify_map(struct super_block *sb, u32 agno, u32 index)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_ag *ag = &sbi->ags[agno];
	u64 block = daxfs_ag_start(sbi, agno) + DAXFS_AG_BITMAP_BLOCK + index;
	const __le32 *crc = (void *)daxfs_ag_raw(sbi, agno) + daxfs_map_crc_offset(sbi, index);
	bool failed = test_bit(index, ag->failed);
	int err = failed ? 0 : daxfs_first_touch(sb, 0, block);
	const char *wrong = NULL;

	if (err)
		return err;
	if (failed)
		wrong = "found damaged before";
	else if (le32_to_cpu(*crc) != daxfs_map_crc(sbi, block, daxfs_ag_map(sbi, agno, index)))
		wrong = "checksum";
	else if (!fixed_bits_ok(sbi, agno, index))
		wrong = "what lies at fixed places";
	set_bit(index, wrong ? ag->failed : ag->verified);
	return !wrong ? 0 : daxfs_corrupt(sb, 0, block, "%s of allocation group %u: %s",
					  index < sbi->bitmap_blocks ? "block bitmap" :
					  index < 2 * sbi->bitmap_blocks ? "inode map" : "orphan map", agno, wrong);
}

int daxfs_ag_verify_map_locked(struct super_block *sb, u32 agno, u32 index)
{
	return test_bit(index, DAXFS_SB(sb)->ags[agno].verified) ? 0 : verify_map(sb, agno, index);
}

int daxfs_ag_verify_map(struct super_block *sb, u64 map_block)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 agno = daxfs_ag_of(sbi, map_block);
	u32 index = map_block - daxfs_ag_start(sbi, agno) - DAXFS_AG_BITMAP_BLOCK;
	struct daxfs_ag *ag = &sbi->ags[agno];
	int err = daxfs_ag_load(sb, agno);

	if (err || test_bit(index, ag->verified))
		return err;
	mutex_lock(&ag->lock);
	err = daxfs_ag_verify_map_locked(sb, agno, index);
	mutex_unlock(&ag->lock);
	return err;
}

static int count_locked(struct super_block *sb, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 zeros = 0, index, word;
	int err;

	for (index = 0; index < sbi->bitmap_blocks; index++) {
		const __le64 *map = daxfs_ag_map(sbi, agno, index);
		const __le64 *inodes = daxfs_ag_map(sbi, agno, sbi->bitmap_blocks + index);
		__le64 free_inodes = 0;

		err = daxfs_ag_verify_map_locked(sb, agno, index);
		if (!err)
			err = daxfs_ag_verify_map_locked(sb, agno, sbi->bitmap_blocks + index);
		if (err)
			return err;
		for (word = 0; word < DAXFS_BITS_PER_MAP_BLOCK / 64; word++) {
			zeros += 64 - hweight64((__force u64)map[word]);
			free_inodes |= inodes[word] & ~map[word];
		}
		if (free_inodes)
			return daxfs_corrupt(sb, 0, daxfs_ag_start(sbi, agno) + DAXFS_AG_BITMAP_BLOCK + index,
					     "allocation group %u: blocks of inodes that are free", agno);
	}
	if (zeros != le32_to_cpu(daxfs_ag_raw(sbi, agno)->free_blocks))
		return daxfs_corrupt(sb, 0, daxfs_ag_start(sbi, agno) + DAXFS_AG_HEADER_BLOCK,
				     "allocation group %u has %u free blocks, its header says %u", agno, zeros,
				     le32_to_cpu(daxfs_ag_raw(sbi, agno)->free_blocks));
	daxfs_count_free(sb, agno);
	smp_store_release(&sbi->ags[agno].counted, true);
	return 0;
}

int daxfs_ag_count(struct super_block *sb, u32 agno)
{
	struct daxfs_ag *ag = &DAXFS_SB(sb)->ags[agno];
	int err;

	if (smp_load_acquire(&ag->counted))
		return 0;
	err = daxfs_ag_load(sb, agno);
	if (err)
		return err;
	mutex_lock(&ag->lock);
	if (!ag->counted)
		err = count_locked(sb, agno);
	mutex_unlock(&ag->lock);
	return err;
}

int daxfs_inode_in_map(struct super_block *sb, u64 ino)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u64 block = ino / DAXFS_INODES_PER_BLOCK;
	u32 agno, bit, index;
	int err;

	if (!daxfs_block_valid(sbi, block, 1))
		return 0;
	agno = daxfs_ag_of(sbi, block);
	if (agno >= READ_ONCE(sbi->initialised_ags))
		return 0;
	bit = block - daxfs_ag_start(sbi, agno);
	index = sbi->bitmap_blocks + bit / DAXFS_BITS_PER_MAP_BLOCK;
	err = daxfs_ag_verify_map(sb, daxfs_ag_start(sbi, agno) + DAXFS_AG_BITMAP_BLOCK + index);
	if (err)
		return err == -ENOMEM ? err : 0;
	return test_bit_le(bit % DAXFS_BITS_PER_MAP_BLOCK, daxfs_ag_map(sbi, agno, index));
}

bool daxfs_inode_map_lost(struct super_block *sb, u64 ino)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u64 block = ino / DAXFS_INODES_PER_BLOCK;
	u32 agno, bit;

	if (!daxfs_block_valid(sbi, block, 1))
		return false;
	agno = daxfs_ag_of(sbi, block);
	bit = block - daxfs_ag_start(sbi, agno);
	return agno < READ_ONCE(sbi->initialised_ags) && bit >= daxfs_fixed_blocks(sbi, agno) &&
	       daxfs_ag_verify_map(sb, daxfs_ag_start(sbi, agno) + DAXFS_AG_BITMAP_BLOCK + sbi->bitmap_blocks +
					       bit / DAXFS_BITS_PER_MAP_BLOCK);
}

/* ---- the next AG ---- */

static void write_maps(struct daxfs_sb_info *sbi, u32 agno)
{
	u64 start = daxfs_ag_start(sbi, agno);
	u32 bits = sbi->bitmap_blocks * DAXFS_BITS_PER_MAP_BLOCK;
	u32 bit, index;

	daxfs_zero_blocks(sbi, start, sbi->map_end);
	/* Used: what lies at fixed places, and the bits behind the end of a short last AG. */
	for (bit = 0; bit < sbi->map_end; bit++)
		__set_bit_le(bit, daxfs_ag_map(sbi, agno, 0));
	for (bit = sbi->ags[agno].blocks; bit < bits; bit++)
		__set_bit_le(bit % DAXFS_BITS_PER_MAP_BLOCK,
			     daxfs_ag_map(sbi, agno, bit / DAXFS_BITS_PER_MAP_BLOCK));
	for (index = 0; index < daxfs_map_blocks(sbi); index++) {
		__le32 *crc = (void *)daxfs_ag_raw(sbi, agno) + daxfs_map_crc_offset(sbi, index);

		*crc = cpu_to_le32(daxfs_map_crc(sbi, start + DAXFS_AG_BITMAP_BLOCK + index,
						 daxfs_ag_map(sbi, agno, index)));
		cond_resched();
	}
}

/*
 * The head of an AG that nobody counts yet. The header last: a mount that meets it counts the AG, whose maps must be durable
 * then. Flushed: FENCE 1 of the transaction that counts the AG makes the header durable.
 */
static void write_head(struct daxfs_sb_info *sbi, u32 agno)
{
	u64 start = daxfs_ag_start(sbi, agno), block;
	struct daxfs_ag_header *header = daxfs_ag_raw(sbi, agno);
	struct daxfs_super *copy = daxfs_block(sbi, start);

	write_maps(sbi, agno);
	*copy = sbi->believed;
	copy->initialised_ags = cpu_to_le32(agno + 1);
	daxfs_seal_super(sbi, copy);
	for (block = start; block < start + sbi->map_end; block++)
		daxfs_flush(sbi, daxfs_block(sbi, block), DAXFS_BLOCK_SIZE);
	daxfs_fence(sbi);	/* FENCE */
	header->magic = cpu_to_le32(DAXFS_AG_MAGIC);
	header->block = cpu_to_le64(start + DAXFS_AG_HEADER_BLOCK);
	header->nonce = sbi->believed.nonce;
	header->agno = cpu_to_le32(agno);
	header->blocks = cpu_to_le32(sbi->ags[agno].blocks);
	header->free_blocks = cpu_to_le32(sbi->ags[agno].blocks - sbi->map_end);
	daxfs_seal_ag(sbi, header);
	daxfs_flush(sbi, header, sizeof(*header));
}

/* super_lock is held. */
static int init_ag(struct super_block *sb, struct daxfs_tx *tx, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_super next = sbi->believed;
	bool empty;
	int err;

	/* An empty one is left where a transaction like this one failed. */
	if (has_header(sb, agno, &empty) && !empty) {
		daxfs_tx_cancel(tx);
		return daxfs_corrupt(sb, 0, daxfs_ag_start(sbi, agno) + DAXFS_AG_HEADER_BLOCK,
				     "allocation group %u holds something already", agno);
	}
	write_head(sbi, agno);
	next.initialised_ags = cpu_to_le32(agno + 1);
	err = daxfs_commit_super(sb, tx, &next);
	if (err)
		return err;
	sbi->ags[agno].free_blocks = sbi->ags[agno].blocks - sbi->map_end;
	daxfs_space_unknown(sbi, agno);
	atomic64_sub(sbi->ags[agno].free_blocks, &sbi->uninitialised_blocks);
	smp_store_release(&sbi->initialised_ags, agno + 1);
	return 0;
}

int daxfs_ag_init_next(struct super_block *sb, u32 seen)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_tx *tx;
	int err = 0;

	if (READ_ONCE(sbi->initialised_ags) > seen)
		return 0;
	if (seen == sbi->ag_count)
		return -ENOSPC;
	if (!daxfs_writable(sb))
		return -EROFS;
	tx = daxfs_tx_begin_internal(sb);
	if (IS_ERR(tx))
		return PTR_ERR(tx);
	mutex_lock(&sbi->super_lock);
	if (sbi->initialised_ags == seen)
		err = init_ag(sb, tx, seen);
	else
		daxfs_tx_cancel(tx);
	mutex_unlock(&sbi->super_lock);
	return err;
}

/* One more of those that count_later_ags() has found. */
static int store_next_count(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_tx *tx = daxfs_tx_begin_internal(sb);
	struct daxfs_super next;
	int err;

	if (IS_ERR(tx))
		return PTR_ERR(tx);
	mutex_lock(&sbi->super_lock);
	next = sbi->believed;
	le32_add_cpu(&next.initialised_ags, 1);
	err = daxfs_commit_super(sb, tx, &next);
	mutex_unlock(&sbi->super_lock);
	return err;
}

/* One at a time: a rollback that takes more than one back is refused, in the kernel and in the library. */
int daxfs_ags_store_count(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	int err = 0;

	while (!err && le32_to_cpu(sbi->believed.initialised_ags) < sbi->initialised_ags)
		err = store_next_count(sb);
	return err;
}

/* Is the next AG as one that nobody has used? If not, that is damage, which is met when no other AG has space. */
static bool next_is_unused(struct super_block *sb, u32 agno)
{
	bool empty;

	return !has_header(sb, agno, &empty) || empty;
}

void daxfs_ag_make_room(struct super_block *sb, u32 blocks)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	s64 least = atomic64_read(&sbi->uninitialised_blocks) + blocks + AG_SLACK;
	u32 seen = READ_ONCE(sbi->initialised_ags);

	if (daxfs_surely_free(sbi, least))
		return;
	if (seen < sbi->ag_count && !daxfs_in_tx(sb) && !daxfs_has_free(sb, least) && next_is_unused(sb, seen))
		daxfs_ag_init_next(sb, seen);
}

/* ---- which AG ---- */

/* Its lock is held from a transaction's first fence to its last: who comes now would wait. */
static bool is_busy(struct daxfs_ag *ag)
{
	return mutex_is_locked(&ag->lock);
}

static u32 free_in(const struct daxfs_ag *ag)
{
	return READ_ONCE(ag->free_blocks) + READ_ONCE(ag->kept_blocks);
}

static bool is_nearly_full(const struct daxfs_ag *ag)
{
	return free_in(ag) < ag->blocks / 16;
}

/* How many AGs there are to choose from: one for each processor, as far as the device has them, is opened when asked for. */
static u32 ags_to_choose_from(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 ags = smp_load_acquire(&sbi->initialised_ags);

	if (ags < min(sbi->ag_count, num_online_cpus()) && !daxfs_in_tx(sb) && next_is_unused(sb, ags) &&
	    !daxfs_ag_init_next(sb, ags))
		return smp_load_acquire(&sbi->initialised_ags);
	return ags;
}

u32 daxfs_ag_in_turn(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 ags = ags_to_choose_from(sb), turn = atomic_inc_return(&sbi->ag_turn), best = turn % ags, i;

	for (i = 0; i < min(ags, AGS_COMPARED); i++) {
		u32 agno = (turn + i) % ags;
		struct daxfs_ag *ag = &sbi->ags[agno];

		if (!is_nearly_full(ag) && !is_busy(ag))
			return agno;
		if (free_in(ag) > free_in(&sbi->ags[best]))
			best = agno;
	}
	return best;
}

u32 daxfs_ag_unless_full(struct super_block *sb, u32 agno)
{
	struct daxfs_ag *ag = &DAXFS_SB(sb)->ags[agno];

	return is_nearly_full(ag) || is_busy(ag) ? daxfs_ag_in_turn(sb) : agno;
}

u32 daxfs_ag_unless_busy(struct super_block *sb, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 own;

	if (likely(!is_busy(&sbi->ags[agno])))
		return agno;
	own = raw_smp_processor_id() % ags_to_choose_from(sb);
	return is_nearly_full(&sbi->ags[own]) || is_busy(&sbi->ags[own]) ? agno : own;
}

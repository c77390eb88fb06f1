// SPDX-License-Identifier: GPL-2.0
/*
 * Allocation groups: headers and maps are verified when first touched and believed from then on; what is only in memory
 * is built then too. The next AG is written when the ones before it are nearly full.
 */
#include <linux/bitmap.h>
#include <linux/slab.h>

#include "daxfs.h"

/* Usable space of the initialised AGs below which the next is initialised. */
#define AG_SLACK	2048

static u32 ag_length(const struct daxfs_sb_info *sbi, u32 agno)
{
	return min_t(u64, 1ull << sbi->ag_shift, sbi->block_count - daxfs_ag_start(sbi, agno));
}

static int check_header(struct super_block *sb, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	const struct daxfs_ag_header *header = daxfs_ag_raw(sbi, agno);
	u64 block = daxfs_ag_start(sbi, agno) + DAXFS_AG_HEADER_BLOCK;
	u32 blocks = ag_length(sbi, agno), inode_blocks;
	int err = daxfs_first_touch(sb, 0, block);

	if (err)
		return err;
	inode_blocks = le32_to_cpu(header->inode_blocks);
	if (le32_to_cpu(header->magic) != DAXFS_AG_MAGIC)
		return daxfs_corrupt(sb, 0, block, "header of allocation group %u: no magic number", agno);
	if (!daxfs_ag_ok(sbi, header))
		return daxfs_corrupt(sb, 0, block, "header of allocation group %u: checksum", agno);
	if (le64_to_cpu(header->block) != block || header->nonce != sbi->believed.nonce ||
	    le32_to_cpu(header->agno) != agno || le32_to_cpu(header->blocks) != blocks)
		return daxfs_corrupt(sb, 0, block, "header of allocation group %u: belongs elsewhere", agno);
	if (le32_to_cpu(header->free_blocks) > blocks - sbi->map_end || inode_blocks > blocks ||
	    le32_to_cpu(header->free_inodes) > inode_blocks * DAXFS_INODES_PER_BLOCK ||
	    le32_to_cpu(header->orphan_groups) > DIV_ROUND_UP(blocks, DAXFS_ORPHAN_BLOCKS))
		return daxfs_corrupt(sb, 0, block, "header of allocation group %u: counters", agno);
	return 0;
}

/* A damaged header costs its AG, not the mount: daxfs_ag_load() says so again to whoever needs the AG. */
static void add_ag(struct super_block *sb, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	const struct daxfs_ag_header *header = daxfs_ag_raw(sbi, agno);
	struct daxfs_ag *ag = &sbi->ags[agno];

	if (check_header(sb, agno))
		return;
	ag->free_blocks = le32_to_cpu(header->free_blocks);
	ag->free_inodes = le32_to_cpu(header->free_inodes);
	atomic64_add(ag->free_blocks, &sbi->free_blocks);
	atomic64_add(ag->free_inodes, &sbi->free_inodes);
	atomic64_add(le32_to_cpu(header->inode_blocks), &sbi->inode_blocks);
}

int daxfs_ags_open(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 agno;

	sbi->ags = kvcalloc(sbi->ag_count, sizeof(*sbi->ags), GFP_KERNEL);
	if (!sbi->ags)
		return -ENOMEM;
	for (agno = 0; agno < sbi->ag_count; agno++) {
		struct daxfs_ag *ag = &sbi->ags[agno];

		mutex_init(&ag->lock);
		mutex_init(&ag->grow_lock);
		spin_lock_init(&ag->reserve_lock);
		INIT_LIST_HEAD(&ag->windows);
		xa_init(&ag->taken_inodes);
		ag->blocks = ag_length(sbi, agno);
		if (agno < sbi->initialised_ags)
			add_ag(sb, agno);
		else
			atomic64_add(ag->blocks - sbi->map_end, &sbi->uninitialised_blocks);
	}
	atomic64_add(atomic64_read(&sbi->uninitialised_blocks), &sbi->free_blocks);
	sbi->root_reserve = min_t(u64, le64_to_cpu(sbi->believed.reserved_blocks), sbi->block_count / 2);
	sbi->meta_reserve = min_t(u64, 4096, sbi->block_count / 64);
	return 0;
}

void daxfs_ags_close(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 agno;

	for (agno = 0; sbi->ags && agno < sbi->ag_count; agno++) {
		struct daxfs_ag *ag = &sbi->ags[agno];

		kvfree(ag->reserved);
		kvfree(ag->full_inodes);
		kvfree(ag->verified);
		kvfree(ag->orphans);
		kvfree(ag->touched);
		kvfree(ag->held);
		xa_destroy(&ag->taken_inodes);
	}
	kvfree(sbi->ags);
	sbi->ags = NULL;
}

static int load_locked(struct super_block *sb, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_ag *ag = &sbi->ags[agno];
	size_t map_bytes = (size_t)sbi->bitmap_blocks << DAXFS_BLOCK_SHIFT;
	int err = check_header(sb, agno);

	if (err)
		return err;
	if (!ag->reserved)
		ag->reserved = kvzalloc(map_bytes, GFP_NOFS);
	if (!ag->full_inodes)
		ag->full_inodes = kvzalloc(map_bytes, GFP_NOFS);
	if (!ag->verified)
		ag->verified = kvzalloc(BITS_TO_LONGS(daxfs_map_blocks(sbi)) * sizeof(long), GFP_NOFS);
	if (!ag->reserved || !ag->full_inodes || !ag->verified)
		return -ENOMEM;
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

static int verify_map(struct super_block *sb, u32 agno, u32 index)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_ag *ag = &sbi->ags[agno];
	u64 block = daxfs_ag_start(sbi, agno) + DAXFS_AG_BITMAP_BLOCK + index;
	const __le32 *crc = (void *)daxfs_ag_raw(sbi, agno) + daxfs_map_crc_offset(sbi, index);
	int err = daxfs_first_touch(sb, 0, block);

	if (err)
		return err;
	if (le32_to_cpu(*crc) != daxfs_map_crc(sbi, block, daxfs_ag_map(sbi, agno, index)))
		return daxfs_corrupt(sb, 0, block, "%s of allocation group %u: checksum",
				     index < sbi->bitmap_blocks ? "block bitmap" :
				     index < 2 * sbi->bitmap_blocks ? "inode map" : "orphan map", agno);
	set_bit(index, ag->verified);
	return 0;
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

		err = daxfs_ag_verify_map_locked(sb, agno, index);
		if (err)
			return err;
		for (word = 0; word < DAXFS_BITS_PER_MAP_BLOCK / 64; word++)
			zeros += 64 - hweight64((__force u64)map[word]);
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

bool daxfs_inode_in_map(struct super_block *sb, u64 ino)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u64 block = ino / DAXFS_INODES_PER_BLOCK;
	u32 agno, bit, index;

	if (!daxfs_block_valid(sbi, block, 1))
		return false;
	agno = daxfs_ag_of(sbi, block);
	if (agno >= READ_ONCE(sbi->initialised_ags))
		return false;
	bit = block - daxfs_ag_start(sbi, agno);
	index = sbi->bitmap_blocks + bit / DAXFS_BITS_PER_MAP_BLOCK;
	if (daxfs_ag_verify_map(sb, daxfs_ag_start(sbi, agno) + DAXFS_AG_BITMAP_BLOCK + index))
		return false;
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

/* The head of an AG that nobody counts yet. Flushed: FENCE 1 of the transaction that counts it makes it durable. */
static void write_head(struct daxfs_sb_info *sbi, u32 agno)
{
	u64 start = daxfs_ag_start(sbi, agno), block;
	struct daxfs_ag_header *header = daxfs_ag_raw(sbi, agno);
	struct daxfs_super *copy = daxfs_block(sbi, start);

	write_maps(sbi, agno);
	header->magic = cpu_to_le32(DAXFS_AG_MAGIC);
	header->block = cpu_to_le64(start + DAXFS_AG_HEADER_BLOCK);
	header->nonce = sbi->believed.nonce;
	header->agno = cpu_to_le32(agno);
	header->blocks = cpu_to_le32(sbi->ags[agno].blocks);
	header->free_blocks = cpu_to_le32(sbi->ags[agno].blocks - sbi->map_end);
	daxfs_seal_ag(sbi, header);
	*copy = sbi->believed;
	copy->initialised_ags = cpu_to_le32(agno + 1);
	daxfs_seal_super(sbi, copy);
	for (block = start; block < start + sbi->map_end; block++)
		daxfs_flush(sbi, daxfs_block(sbi, block), DAXFS_BLOCK_SIZE);
}

/* super_lock is held. */
static int init_ag(struct super_block *sb, struct daxfs_tx *tx, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_super next = sbi->believed;
	int err;

	write_head(sbi, agno);
	next.initialised_ags = cpu_to_le32(agno + 1);
	err = daxfs_commit_super(sb, tx, &next);
	if (err)
		return err;
	sbi->ags[agno].free_blocks = sbi->ags[agno].blocks - sbi->map_end;
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

void daxfs_ag_make_room(struct super_block *sb, u32 blocks)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 seen = READ_ONCE(sbi->initialised_ags);
	s64 usable = atomic64_read(&sbi->free_blocks) - atomic64_read(&sbi->uninitialised_blocks);

	if (seen < sbi->ag_count && usable - (s64)blocks < AG_SLACK && !daxfs_in_tx(sb))
		daxfs_ag_init_next(sb, seen);
}

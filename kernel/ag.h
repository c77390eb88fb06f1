/* SPDX-License-Identifier: GPL-2.0 */
/* AG headers and maps, first-touch verification, initialising the next AG. */
#ifndef DAXFS_AG_H
#define DAXFS_AG_H

#include "daxfs.h"

int daxfs_ags_open(struct super_block *sb);
void daxfs_ags_close(struct daxfs_sb_info *sbi);
int daxfs_ag_load(struct super_block *sb, u32 agno);			/* header verified, DRAM side built */
int daxfs_ag_verify_map(struct super_block *sb, u64 map_block);		/* 0, damage, or -ENOMEM; cached */
int daxfs_ag_count(struct super_block *sb, u32 agno);			/* daxfs_ag_load(), and the bitmap counted */
int daxfs_ag_verify_map_locked(struct super_block *sb, u32 agno, u32 index);	/* map blocks count from the bitmap on */
int daxfs_ag_init_next(struct super_block *sb, u32 seen);	/* unless there are more than `seen`; -ENOSPC when all are */
int daxfs_ags_store_count(struct super_block *sb);	/* what the mount has counted, if the superblock says another number */
int daxfs_inode_in_map(struct super_block *sb, u64 ino);	/* 1, 0, or -ENOMEM: nobody knows */
bool daxfs_inode_map_lost(struct super_block *sb, u64 ino);	/* the map that would tell is damaged */

/*
 * Where new things go. Directories of the root are dealt out in turn to as many AGs as there are processors, or are in use;
 * everything else goes to the AG of what it belongs to, so that a transaction locks one AG, and a file is freed in one:
 * a file to its directory's, its data and maps to the file's. Only while somebody commits in that AG does what begins
 * anew begin elsewhere: a file, and data without a goal, in the AG of this processor, a directory in the next in turn.
 */
u32 daxfs_ag_in_turn(struct super_block *sb);
u32 daxfs_ag_unless_full(struct super_block *sb, u32 agno);	/* or busy: then the next in turn */
u32 daxfs_ag_unless_busy(struct super_block *sb, u32 agno);	/* then this processor's own */

/* Before a transaction, and before a reservation of `blocks` outside one: the initialised AGs have some room left for
 * the reservations of transactions that are open. */
void daxfs_ag_make_room(struct super_block *sb, u32 blocks);

/* Blocks at the start of an AG that hold structures of fixed place: maps, and in AG 0 the journals. */
static inline u32 daxfs_fixed_blocks(const struct daxfs_sb_info *sbi, u32 agno)
{
	return sbi->map_end + (agno ? 0 : sbi->journal_count * sbi->journal_blocks);
}

static inline u32 daxfs_map_blocks(const struct daxfs_sb_info *sbi)
{
	return 2 * sbi->bitmap_blocks + sbi->orphan_map_blocks;
}

static inline struct daxfs_ag_header *daxfs_ag_raw(const struct daxfs_sb_info *sbi, u32 agno)
{
	return daxfs_block(sbi, daxfs_ag_start(sbi, agno) + DAXFS_AG_HEADER_BLOCK);
}

/* Map block `index` of an AG: the bitmap's blocks, then the inode map's, then the orphan map's. */
static inline __le64 *daxfs_ag_map(const struct daxfs_sb_info *sbi, u32 agno, u32 index)
{
	return daxfs_block(sbi, daxfs_ag_start(sbi, agno) + DAXFS_AG_BITMAP_BLOCK + index);
}

/* Where the checksum of that map block lies in the AG header's block. */
static inline u32 daxfs_map_crc_offset(const struct daxfs_sb_info *sbi, u32 index)
{
	if (index < sbi->bitmap_blocks)
		return DAXFS_AG_BITMAP_CRCS + 4 * index;
	if (index < 2 * sbi->bitmap_blocks)
		return DAXFS_AG_IMAP_CRCS + 4 * (index - sbi->bitmap_blocks);
	return DAXFS_AG_ORPHAN_CRCS + 4 * (index - 2 * sbi->bitmap_blocks);
}

#endif /* DAXFS_AG_H */

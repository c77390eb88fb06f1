/* SPDX-License-Identifier: GPL-2.0 */
/* Whether the maps bear out what an inode says of its blocks. */
#ifndef DAXFS_CLAIM_H
#define DAXFS_CLAIM_H

#include "daxfs.h"

/* Whether blocks that a file owns may lie there: inside one AG in use, behind its maps, clear of the journals. */
bool daxfs_file_blocks_valid(const struct daxfs_sb_info *sbi, u64 block, u64 count);
/* Blocks of a valid place, asked of the maps: 0 or, silently, -EUCLEAN. Unreadable maps make the inode doubtful. */
int daxfs_claim_blocks(struct inode *inode, u64 block, u64 count);
/* The same, of blocks that a node leads to, for metadata alone, before they are used or freed: see claim.c. */
int daxfs_claim_again(struct inode *inode, u64 block, u64 count);
/* Before the first load from a node's block, which is of a valid place and not known: 0, or -EIO, -EUCLEAN after saying
 * so. */
int daxfs_claim_node(struct inode *inode, u64 block);
void daxfs_know_node(struct inode *inode, u64 block);		/* it is believed for the rest of this mount */
void daxfs_forget_node(struct inode *inode, u64 block);		/* it is freed */
int daxfs_refuse_change(struct inode *inode);			/* says that it is doubtful: -EUCLEAN */

/*
 * Whether the block, which may be any number, was believed to be a node in this mount: see tree.c. Every walk asks this of
 * each node that it comes to.
 */
static inline bool daxfs_node_known(const struct daxfs_sb_info *sbi, u64 block)
{
	const unsigned long *known;

	if (!daxfs_block_valid(sbi, block, 1))
		return false;
	known = smp_load_acquire(&sbi->ags[daxfs_ag_of(sbi, block)].nodes);
	return known && test_bit((block - sbi->align_blocks) & ((1u << sbi->ag_shift) - 1), known);
}

/* 0, or -EUCLEAN after saying so. */
static inline int daxfs_may_change(struct inode *inode)
{
	return likely(!READ_ONCE(DAXFS_I(inode)->doubtful)) ? 0 : daxfs_refuse_change(inode);
}

#endif /* DAXFS_CLAIM_H */

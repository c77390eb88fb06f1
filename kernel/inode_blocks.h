/* SPDX-License-Identifier: GPL-2.0 */
/* Blocks of inodes, and where in them inodes are free. */
#ifndef DAXFS_INODE_BLOCKS_H
#define DAXFS_INODE_BLOCKS_H

#include "daxfs.h"

void daxfs_inode_work_init(struct daxfs_sb_info *sbi);
void daxfs_inode_work_stop(struct daxfs_sb_info *sbi);	/* when nobody creates or deletes files any more */
/* Is block `bit` of the AG one of inodes? The map was verified. */
bool daxfs_inode_bit(struct daxfs_sb_info *sbi, u32 agno, u32 bit);
/* How many that nobody has looked into a create looks into before it makes new ones. */
#define DAXFS_INODE_BLOCKS_TRIED	2
/* What the first create in the AG would wait for. Damage is met again by who needs what is damaged. */
void daxfs_prepare_inodes(struct super_block *sb, u32 agno);
/* Looks into at most *blocks blocks that nobody has looked into: 0 when one has a free inode, -EBUSY, or an error. */
int daxfs_look_for_inodes(struct super_block *sb, u32 agno, u32 *blocks);
void daxfs_raise_inode_hint(struct daxfs_ag *ag, u32 seen);	/* if it still is `seen`, to where the first open block is */
/* The first free inode of the block: true, or it has none. Nobody else gets it until the promise is kept or given back. */
bool daxfs_promise_in_block(struct daxfs_sb_info *sbi, u32 agno, u32 bit, struct daxfs_promise *promise);
/* An inode in use, which its owner will free. False: it is promised already, as only a free one can be. */
bool daxfs_promise_used(struct daxfs_sb_info *sbi, u64 ino, struct daxfs_promise *promise);
void daxfs_promise_kept(struct daxfs_sb_info *sbi, u32 agno, u64 ino);	/* the inode is in use */
void daxfs_inode_given(struct daxfs_sb_info *sbi, u64 ino);		/* free, and the promise ends */
/* What a committed transaction did; of blocks that are gone the promises end. */
void daxfs_inode_refused(struct daxfs_sb_info *sbi, u64 ino);		/* not free after all, and the promise ends ... */
void daxfs_inode_block_refused(struct daxfs_sb_info *sbi, u32 agno, u32 bit);	/* ... and nobody looks there again soon */
void daxfs_inode_blocks_made(struct daxfs_sb_info *sbi, u32 agno, u32 first, u32 count);
void daxfs_inode_blocks_gone(struct daxfs_sb_info *sbi, u32 agno, u32 first, u32 count);
struct daxfs_inode_counts {
	u64 inode_blocks, free_inodes;
	u64 empty_blocks;	/* those known to hold no inode, also those being given back */
};
void daxfs_count_inodes(struct daxfs_sb_info *sbi, struct daxfs_inode_counts *counts);	/* of the whole filesystem */
/*
 * A chunk of free inodes, in AG `near` or, without near_only, anywhere: *agno. The first is promised before others know of
 * them; -EBUSY: it cannot be read. `before`: how many chunks were made in the mount.
 */
int daxfs_add_inodes(struct super_block *sb, u32 near, bool near_only, u32 before, u32 *agno,
		     struct daxfs_promise *promise);
void daxfs_note_empty(struct super_block *sb, u32 agno);	/* files of the AG were deleted */
/* Gives all empty blocks of inodes back. look: those too that nobody has looked into. When it returns, others have too. */
void daxfs_give_inodes(struct super_block *sb, bool look);

#endif /* DAXFS_INODE_BLOCKS_H */

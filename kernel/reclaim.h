/* SPDX-License-Identifier: GPL-2.0 */
/* Files of many extents that nobody has any more: their blocks are freed by a worker. */
#ifndef DAXFS_RECLAIM_H
#define DAXFS_RECLAIM_H

#include "daxfs.h"

void daxfs_reclaim_init(struct daxfs_sb_info *sbi);
/* An orphan that is being evicted: true when it is left to the worker. */
bool daxfs_reclaim_later(struct inode *inode);
void daxfs_reclaim_evicted(struct inode *inode);	/* the last call for any inode */
/* All that was left is freed, or cannot be: the next mount goes on with it. Not while the filesystem is frozen. */
void daxfs_reclaim_all(struct super_block *sb);
/* What is free, and what waits to be, in blocks and inodes, as one moment has it. */
void daxfs_reclaim_count(struct super_block *sb, u64 *free, u64 *blocks, u64 *inodes);

#endif /* DAXFS_RECLAIM_H */

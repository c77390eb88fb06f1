/* SPDX-License-Identifier: GPL-2.0 */
/* Giving a file's blocks back, and the size that goes with it. */
#ifndef DAXFS_TRUNCATE_H
#define DAXFS_TRUNCATE_H

#include "daxfs.h"

/* Sets i_size, with everything that belongs to it: zeroing the tail, unmapping, freeing. i_rwsem and invalidate_lock are
 * held exclusive. */
int daxfs_set_size(struct inode *inode, loff_t size);
/* File blocks [first, end) become a hole, in as many transactions as it takes. Nothing maps them any more. */
int daxfs_remove_blocks(struct inode *inode, u64 first, u64 end);
int daxfs_free_all_blocks(struct inode *inode);			/* evict and recovery: every block of the inode */
int daxfs_resume_truncate(struct inode *inode);		/* recovery: of what the inode announces */

#endif /* DAXFS_TRUNCATE_H */

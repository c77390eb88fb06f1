/* SPDX-License-Identifier: GPL-2.0 */
/* Zeros into blocks of a file, or a part of one. */
#ifndef DAXFS_ZERO_H
#define DAXFS_ZERO_H

#include "daxfs.h"

/* What lies behind the old end of file in its last block becomes zeros, before the size grows to `size`. */
int daxfs_zero_tail(struct inode *inode, loff_t size);
/* Bytes [from, to), all in one block, become zeros where they are data: on the device, or in the page cache. */
int daxfs_zero_in_block(struct inode *inode, loff_t from, loff_t to);

/*
 * Through DAX, where a part of the unwritten extent at `file_block` cannot become written for want of a node: all of it
 * does. 0: try again; -ENOSPC: there is no such extent. Takes invalidate_lock.
 */
int daxfs_fill_around(struct inode *inode, u64 file_block);

#endif /* DAXFS_ZERO_H */

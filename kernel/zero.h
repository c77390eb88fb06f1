/* SPDX-License-Identifier: GPL-2.0 */
/* Zeros into a part of a block of a file. */
#ifndef DAXFS_ZERO_H
#define DAXFS_ZERO_H

#include "daxfs.h"

/* What lies behind the old end of file in its last block becomes zeros, before the size grows to `size`. */
int daxfs_zero_tail(struct inode *inode, loff_t size);
/* Bytes [from, to), all in one block, become zeros where they are data: on the device, or in the page cache. */
int daxfs_zero_in_block(struct inode *inode, loff_t from, loff_t to);

#endif /* DAXFS_ZERO_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Inodes for new files. */
#ifndef DAXFS_IALLOC_H
#define DAXFS_IALLOC_H

#include "daxfs.h"

/*
 * A new inode for `dir`, not yet on the device: slot promised in DRAM, fields set from idmap, dir and mode, unhashed state
 * I_NEW. In the caller's transaction: daxfs_tx_new_inode() before daxfs_tx_ready(), daxfs_store_inode() after it.
 * On failure discard_new_inode() after daxfs_forget_new_inode().
 */
struct inode *daxfs_new_inode(IDMAP_ARG, struct inode *dir, umode_t mode, dev_t rdev);
void daxfs_forget_new_inode(struct inode *inode);
void daxfs_tx_new_inode(struct daxfs_tx *tx, struct inode *inode);
/* Of an inode that nobody has and that owns nothing any more: its number is free. */
int daxfs_free_raw_inode(struct inode *inode);

#endif /* DAXFS_IALLOC_H */

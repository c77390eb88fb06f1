/* SPDX-License-Identifier: GPL-2.0 */
/* Inodes in memory. */
#ifndef DAXFS_ICACHE_H
#define DAXFS_ICACHE_H

#include "daxfs.h"

struct inode *daxfs_iget(struct super_block *sb, u64 ino);	/* ERR_PTR(-ESTALE, -EUCLEAN, -ENOMEM) */
struct inode *daxfs_iget_outside(struct super_block *sb, u64 ino, bool orphan);	/* enters the gate */
struct inode *daxfs_iget_orphan(struct super_block *sb, u64 ino);	/* recovery: nlink may be 0 */
void daxfs_set_inode_ops(struct inode *inode);
void daxfs_evict_inode(struct inode *inode);
int daxfs_inode_cache_init(void);
void daxfs_inode_cache_exit(void);
struct inode *daxfs_alloc_inode(struct super_block *sb);
void daxfs_free_inode(struct inode *inode);

#endif /* DAXFS_ICACHE_H */

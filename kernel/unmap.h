/* SPDX-License-Identifier: GPL-2.0 */
/* Page tables and page cache forget. invalidate_lock is held exclusive but for _all. */
#ifndef DAXFS_UNMAP_H
#define DAXFS_UNMAP_H

#include "daxfs.h"

/* Page tables and page cache forget file blocks [first, end); what they hold of others is written back. */
int daxfs_drop_cached(struct inode *inode, u64 first, u64 end);
/* Pages were dropped under i_rwsem and invalidate_lock, both exclusive: where no data is left, nothing is due for it. */
void daxfs_settle_dropped(struct inode *inode);
void daxfs_drop_all(struct inode *inode);	/* at eviction */
/* Bytes [from, last] that were stored through page tables, of a DAX file: flushed and fenced. */
int daxfs_write_back(struct inode *inode, loff_t from, loff_t last);

#endif /* DAXFS_UNMAP_H */

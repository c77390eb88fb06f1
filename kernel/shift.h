/* SPDX-License-Identifier: GPL-2.0 */
/* Collapse and insert. i_rwsem and invalidate_lock are held exclusive. -EINVAL, -EFBIG: not such a range in this file. */
#ifndef DAXFS_SHIFT_H
#define DAXFS_SHIFT_H

#include "daxfs.h"

/* What can be said of such a call before anything of the file changes, its times least of all. i_rwsem is enough. */
int daxfs_check_shift(struct inode *inode, bool collapses, loff_t offset, loff_t length);
int daxfs_collapse_range(struct inode *inode, loff_t offset, loff_t length);
int daxfs_insert_range(struct inode *inode, loff_t offset, loff_t length);
int daxfs_resume_collapse(struct inode *inode);		/* recovery: of what the inode announces; its arguments are in range */

#endif /* DAXFS_SHIFT_H */

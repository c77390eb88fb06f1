/* SPDX-License-Identifier: GPL-2.0 */
/* Files in the page cache. */
#ifndef DAXFS_BUFFERED_H
#define DAXFS_BUFFERED_H

#include "daxfs.h"

ssize_t daxfs_buffered_write(struct kiocb *iocb, struct iov_iter *from);
/* Before a write that ends at `end`: is there a hole behind the end of file? Then what is there after it failed is its. */
bool daxfs_hole_behind(struct inode *inode, loff_t end);
/* Gives back blocks between the end of file and `end`. i_rwsem is held exclusive. */
void daxfs_release_behind(struct inode *inode, loff_t end);

void daxfs_init_ioends(struct daxfs_inode_info *info);	/* of a new inode in memory */
void daxfs_wait_ioends(struct super_block *sb);	/* freezing: until none is under way */
/* Of a file in the page cache: what was written is on the device, and the size with it. Waits; not inside the gate. */
int daxfs_flush_data(struct inode *inode);

extern const struct address_space_operations daxfs_buffered_aops;
extern const struct vm_operations_struct daxfs_buffered_vm_ops;

#endif /* DAXFS_BUFFERED_H */

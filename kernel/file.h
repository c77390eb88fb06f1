/* SPDX-License-Identifier: GPL-2.0 */
/* Files: open, read, write, mmap, fsync. */
#ifndef DAXFS_FILE_H
#define DAXFS_FILE_H

#include "daxfs.h"

extern const struct inode_operations daxfs_file_inode_operations;
extern const struct file_operations daxfs_file_operations;
extern const struct address_space_operations daxfs_dax_aops;

#endif /* DAXFS_FILE_H */

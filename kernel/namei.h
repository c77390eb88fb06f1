/* SPDX-License-Identifier: GPL-2.0 */
/* Operations on names. */
#ifndef DAXFS_NAMEI_H
#define DAXFS_NAMEI_H

#include "daxfs.h"

extern const struct inode_operations daxfs_dir_inode_operations;
extern const struct inode_operations daxfs_special_inode_operations;

#endif /* DAXFS_NAMEI_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Attributes of an inode of any kind. */
#ifndef DAXFS_IOPS_H
#define DAXFS_IOPS_H

#include "daxfs.h"

int daxfs_setattr(IDMAP_ARG, struct dentry *dentry, struct iattr *attr);
int daxfs_getattr(IDMAP_ARG, const struct path *path, struct kstat *stat, u32 mask, unsigned int flags);

#endif /* DAXFS_IOPS_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* ioctl(2), and the flags of chattr(1). */
#ifndef DAXFS_IOCTL_H
#define DAXFS_IOCTL_H

#include "daxfs.h"

struct fileattr;

long daxfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
/* For files and directories. */
int daxfs_fileattr_get(struct dentry *dentry, struct fileattr *fa);
int daxfs_fileattr_set(IDMAP_ARG, struct dentry *dentry, struct fileattr *fa);

#endif /* DAXFS_IOCTL_H */

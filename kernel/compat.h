/* SPDX-License-Identifier: GPL-2.0 */
/* Where Linux 6.1 and 6.12 differ, and nowhere else. */
#ifndef DAXFS_COMPAT_H
#define DAXFS_COMPAT_H

#include <linux/fs.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define IDMAP_ARG struct mnt_idmap *idmap
#define IDMAP idmap
#else
#define IDMAP_ARG struct user_namespace *idmap
#define IDMAP idmap
#endif

#endif /* DAXFS_COMPAT_H */

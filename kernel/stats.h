/* SPDX-License-Identifier: GPL-2.0 */
/* /sys/fs/daxfs/DEVICE/. */
#ifndef DAXFS_STATS_H
#define DAXFS_STATS_H

#include "daxfs.h"

int daxfs_stats_init(void);
void daxfs_stats_exit(void);
int daxfs_stats_add(struct super_block *sb);
void daxfs_stats_remove(struct daxfs_sb_info *sbi);

#endif /* DAXFS_STATS_H */

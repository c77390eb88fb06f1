/* SPDX-License-Identifier: GPL-2.0 */
/* What the device tells: the holder of the dax device, and media errors. */
#ifndef DAXFS_FAILURE_H
#define DAXFS_FAILURE_H

#include "daxfs.h"

int daxfs_dax_get(struct super_block *sb);	/* finds dax_dev, and registers for what it tells */
void daxfs_dax_put(struct daxfs_sb_info *sbi);
void daxfs_failure_init(struct daxfs_sb_info *sbi);
void daxfs_failure_stop(struct daxfs_sb_info *sbi);
void daxfs_failure_closed(struct daxfs_sb_info *sbi);
void daxfs_failure_stopped(struct daxfs_sb_info *sbi);

#endif /* DAXFS_FAILURE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* The device goes away: what was mapped of it. */
#ifndef DAXFS_REMOVAL_H
#define DAXFS_REMOVAL_H

#include "daxfs.h"

void daxfs_device_removed(struct super_block *sb);	/* s_umount is held */
void daxfs_let_device_go(struct daxfs_sb_info *sbi);	/* the same; sbi stays, its superblock only until `closing` */
void daxfs_note_mapped(struct inode *inode);
void daxfs_forget_mapped(struct inode *inode);	/* evict: its pages are gone */

#endif /* DAXFS_REMOVAL_H */

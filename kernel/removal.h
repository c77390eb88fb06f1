/* SPDX-License-Identifier: GPL-2.0 */
/* The device goes away: what was mapped of it. */
#ifndef DAXFS_REMOVAL_H
#define DAXFS_REMOVAL_H

#include "daxfs.h"

void daxfs_device_removed(struct super_block *sb);	/* sb stays: s_umount is held, or failure.c sees to it */
void daxfs_note_mapped(struct inode *inode);
void daxfs_forget_mapped(struct inode *inode);	/* evict: its pages are gone */

#endif /* DAXFS_REMOVAL_H */

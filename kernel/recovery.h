/* SPDX-License-Identifier: GPL-2.0 */
/* At mount, before anything is believed. */
#ifndef DAXFS_RECOVERY_H
#define DAXFS_RECOVERY_H

#include "daxfs.h"

int daxfs_journals_open(struct super_block *sb);	/* verify headers, roll back (unless read-only device) */
int daxfs_recover_orphans(struct super_block *sb);	/* after the root inode is up */

#endif /* DAXFS_RECOVERY_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* The superblock, and the repair intents beside it. */
#ifndef DAXFS_SUPERBLOCK_H
#define DAXFS_SUPERBLOCK_H

#include "daxfs.h"

int daxfs_read_super(struct super_block *sb);	/* geometry and features, in range; not yet the checksum */
/* The journals are rolled back: the checksum too. The filesystem is the one that daxfs_read_super() saw. */
int daxfs_reread_super(struct super_block *sb);
/* Whether a transaction can have changed `old` into what daxfs_read_super() saw, be that torn. */
bool daxfs_super_undo_ok(struct daxfs_sb_info *sbi, const struct daxfs_super *old);
int daxfs_check_intents(struct super_block *sb);	/* no repair was cut off */
/* The end of a transaction: the superblock becomes *next, but for its checksum. super_lock is held. */
int daxfs_commit_super(struct super_block *sb, struct daxfs_tx *tx, const struct daxfs_super *next);
void daxfs_errors_init(struct daxfs_sb_info *sbi);
void daxfs_errors_note(struct super_block *sb);	/* the note that may still be due; s_umount is held exclusive */
int daxfs_set_label(struct super_block *sb, const char *label);	/* shorter than DAXFS_LABEL_SIZE */

#endif /* DAXFS_SUPERBLOCK_H */

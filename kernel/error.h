/* SPDX-License-Identifier: GPL-2.0 */
/* Damage, media errors, shutdown. */
#ifndef DAXFS_ERROR_H
#define DAXFS_ERROR_H

#include "daxfs.h"

/* Says what was found, once a second at most, applies errors=, returns -EUCLEAN. `kind` and the block name the place. */
__printf(4, 5) int daxfs_corrupt(struct super_block *sb, u64 ino, u64 block, const char *format, ...);
/* The same for metadata that the device cannot read; returns -EIO. */
int daxfs_media_error(struct super_block *sb, u64 ino, u64 block);
void daxfs_shutdown(struct super_block *sb, const char *why);

#endif /* DAXFS_ERROR_H */

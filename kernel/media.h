/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that cannot be read. */
#ifndef DAXFS_MEDIA_H
#define DAXFS_MEDIA_H

#include "daxfs.h"

/* Whether a block can be read: not known to be bad, and copied without a machine check. */
bool daxfs_block_readable(struct daxfs_sb_info *sbi, u64 block);
/* Before the first load from a block of metadata in this mount: 0, or -EIO after saying so and errors=. */
int daxfs_first_touch(struct super_block *sb, u64 ino, u64 block);

#endif /* DAXFS_MEDIA_H */

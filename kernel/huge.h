/* SPDX-License-Identifier: GPL-2.0 */
/* What makes blocks of a file one huge page, and keeps it mappable as one. */
#ifndef DAXFS_HUGE_H
#define DAXFS_HUGE_H

#include "daxfs.h"

/* Whether bytes [from, to) reach the end of a 2 MiB. */
static inline bool daxfs_completes_huge(loff_t from, loff_t to)
{
	return from >> DAXFS_HUGE_SHIFT != to >> DAXFS_HUGE_SHIFT;
}

/* huge.c. Blocks that lie elsewhere of a 2 MiB that a write of [from, to) completed join the rest in one huge page, where
 * nothing maps the file. i_rwsem is held exclusive. */
void daxfs_gather(struct inode *inode, loff_t from, loff_t to);
/*
 * What a large file has behind its last whole 2 MiB moves out of a huge page where it is alone, if others have holes for it:
 * the huge page is whole again. Nobody writes to the file any more. Under i_rwsem and invalidate_lock, both exclusive; or
 * without any, and nothing happens where somebody else has the file.
 */
void daxfs_settle_tail_locked(struct inode *inode);
void daxfs_settle_tail(struct inode *inode);
/* Of a file that nothing maps yet: cached entries of 4 KiB in [first, +count) blocks must not be in the way of 2 MiB. */
void daxfs_prepare_mapping(struct inode *inode, u64 first, u64 count);

#endif /* DAXFS_HUGE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Stores that survive. clwb only; the fence is the caller's. */
#ifndef DAXFS_PERSIST_H
#define DAXFS_PERSIST_H

#include "daxfs.h"
#include "sites.h"

void daxfs_flush(struct daxfs_sb_info *sbi, const void *p, size_t bytes);
void daxfs_fence(struct daxfs_sb_info *sbi);
void daxfs_zero_blocks(struct daxfs_sb_info *sbi, u64 block, u64 count);	/* non-temporal zeros; fence is the caller's */

#if defined(DAXFS_SITES) && !defined(DAXFS_DEFINES_PERSIST)
#define daxfs_flush(...)		daxfs_site(daxfs_flush, __VA_ARGS__)
#define daxfs_fence(...)		daxfs_site(daxfs_fence, __VA_ARGS__)
#define daxfs_zero_blocks(...)		daxfs_site(daxfs_zero_blocks, __VA_ARGS__)
#endif

#endif /* DAXFS_PERSIST_H */

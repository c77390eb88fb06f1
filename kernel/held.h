/* SPDX-License-Identifier: GPL-2.0 */
/* Pages that somebody refers to. */
#ifndef DAXFS_HELD_H
#define DAXFS_HELD_H

#include "daxfs.h"

void daxfs_held_prepare(struct daxfs_sb_info *sbi);	/* then _stop() and _exit() */
int daxfs_held_init(struct super_block *sb);		/* once the geometry is known */
void daxfs_held_stop(struct daxfs_sb_info *sbi);		/* when nothing is freed any more; pages may be held on */
void daxfs_held_exit(struct daxfs_sb_info *sbi);
/* Before pages of the huge page that `block` lies in come into page tables. */
static inline void daxfs_note_exposed(struct daxfs_sb_info *sbi, u64 block)
{
	u64 huge = (block - sbi->align_blocks) / DAXFS_HUGE_BLOCKS;

	if (!test_bit(huge, sbi->exposed))
		set_bit(huge, sbi->exposed);
}

/* Whether a page of these blocks is referred to. Where nothing maps them the answer stays no. Inside the gate. */
bool daxfs_any_held(struct daxfs_sb_info *sbi, u64 block, u64 count);
/* A page of the file that is held: what its holder stores is flushed by _flush_held() from now on, until one has found it
 * idle. The device is there. */
void daxfs_note_held(struct inode *inode, unsigned long pfn);
/* Flushed and fenced: those of one file, where its `late` says that there may be some, or all of them. */
void daxfs_flush_held(struct inode *inode);
void daxfs_flush_all_held(struct daxfs_sb_info *sbi);
bool daxfs_any_late(struct daxfs_sb_info *sbi);
/* Before exposed blocks of these are freed: no processor stores to any block that nothing maps. False: none is exposed. */
bool daxfs_end_stores(struct daxfs_sb_info *sbi, u32 agno, u32 first, u32 count);
/* What a committed transaction freed is free, or held. */
void daxfs_freed_settle(struct super_block *sb, u32 agno, u32 first, u32 count);
/* Held blocks that nobody refers to any more become free: when it returns, also those that others were letting go. */
void daxfs_let_go(struct super_block *sb);
/* How many pages that were mapped are referred to, whoever their blocks belong to, and the first of those. */
u64 daxfs_count_held(struct daxfs_sb_info *sbi, u64 *first);
/* Until there are none; says what it waits for, unless `who` is NULL. -EINTR by a signal that `state` (TASK_KILLABLE,
 * TASK_IDLE) is open to, and where the task must not wait for long. Nothing maps pages of the device any more. What their
 * holders stored is durable then. */
int daxfs_wait_unheld(struct daxfs_sb_info *sbi, const char *who, unsigned int state);

#endif /* DAXFS_HELD_H */

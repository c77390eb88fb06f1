// SPDX-License-Identifier: GPL-2.0
/*
 * Stores that survive: a store is durable when its cache line was flushed and a fence followed.
 *
 * A task may be moved to another CPU between flush and fence. The switch itself drains: it contains locked
 * instructions, which order clwb as sfence does.
 */
#include <linux/mm.h>
#include <linux/sched.h>

#define DAXFS_DEFINES_PERSIST
#include "daxfs.h"
#include "persist.h"
#include "points.h"

void daxfs_flush(struct daxfs_sb_info *sbi, const void *p, size_t bytes)
{
	if (!bytes)
		return;
	daxfs_write_lines(p, bytes);
	daxfs_count(sbi, flushed_lines, daxfs_lines_of(p, bytes));
}

void daxfs_fence(struct daxfs_sb_info *sbi)
{
	wmb();
	daxfs_count(sbi, fences, 1);
}

static void zero_block(void *block)
{
#ifdef CONFIG_X86_64
	u64 *word, *end = block + DAXFS_BLOCK_SIZE;

	/* Half the instructions of a memcpy_flushcache() of zeros: nothing is loaded. */
#pragma GCC unroll 8
	for (word = block; word < end; word++)
		asm volatile("movnti %1, %0" : "=m" (*word) : "r" (0ull));
#else
	memcpy_flushcache(block, page_address(ZERO_PAGE(0)), DAXFS_BLOCK_SIZE);
#endif
}

void daxfs_zero_blocks(struct daxfs_sb_info *sbi, u64 block, u64 count)
{
	u64 i;

	daxfs_point(zero);
	for (i = 0; i < count; i++) {
		zero_block(daxfs_block(sbi, block + i));
		if (i % DAXFS_HUGE_BLOCKS == DAXFS_HUGE_BLOCKS - 1)
			cond_resched();
	}
}

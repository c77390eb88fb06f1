/* SPDX-License-Identifier: GPL-2.0 */
/* Stores that survive. clwb only; the fence is the caller's. */
#ifndef DAXFS_PERSIST_H
#define DAXFS_PERSIST_H

#include <linux/libnvdimm.h>
#include <linux/mm.h>
#ifdef CONFIG_X86_64
#include <asm/special_insns.h>
#endif

#include "daxfs.h"
#include "sites.h"

#define DAXFS_LINE	64u

/* The lines that [p, p + bytes) lies in. */
static __always_inline u32 daxfs_lines_of(const void *p, size_t bytes)
{
	return (offset_in_page(p) % DAXFS_LINE + bytes + DAXFS_LINE - 1) / DAXFS_LINE;
}

/* Writes them back. They are counted, and fenced, by the caller. */
static __always_inline void daxfs_write_lines(const void *p, size_t bytes)
{
#ifdef CONFIG_X86_64
	const void *line, *end = p + bytes;

	/* As arch_wb_cache_pmem() does: most ranges are a line or two, and cost less than that call. */
	for (line = PTR_ALIGN_DOWN(p, DAXFS_LINE); line < end; line += DAXFS_LINE)
		clwb((void *)line);
#else
	arch_wb_cache_pmem((void *)p, bytes);
#endif
}

void daxfs_flush(struct daxfs_sb_info *sbi, const void *p, size_t bytes);
void daxfs_fence(struct daxfs_sb_info *sbi);
void daxfs_zero_blocks(struct daxfs_sb_info *sbi, u64 block, u64 count);	/* non-temporal zeros; fence is the caller's */

#if defined(DAXFS_SITES) && !defined(DAXFS_DEFINES_PERSIST)
#define daxfs_flush(...)		daxfs_site(daxfs_flush, __VA_ARGS__)
#define daxfs_fence(...)		daxfs_site(daxfs_fence, __VA_ARGS__)
#define daxfs_zero_blocks(...)		daxfs_site(daxfs_zero_blocks, __VA_ARGS__)
#endif

#endif /* DAXFS_PERSIST_H */

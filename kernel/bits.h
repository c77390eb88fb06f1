/* SPDX-License-Identifier: GPL-2.0 */
/* Bits of maps on the device, and arrays of a bit a block in memory. */
#ifndef DAXFS_BITS_H
#define DAXFS_BITS_H

#include "daxfs.h"

/* The bits of 64-bit word `word` of a map that lie in [first, end), which reaches into it. */
static inline __le64 daxfs_word_mask(u32 word, u32 first, u32 end)
{
	u32 low = max(first, word * 64) - word * 64;
	u32 high = min(end, word * 64 + 64) - word * 64;

	return cpu_to_le64((~0ull >> (64 - (high - low))) << low);
}

#define DAXFS_NO_WORD	U32_MAX
/* The first word of a map block where not all bits of [first, end) are as `set` says. */
u32 daxfs_odd_word(const __le64 *map, u32 first, u32 end, bool set);

/* One of the AG's arrays of a bit a block, made when first asked for. NULL without memory. */
unsigned long *daxfs_ag_bits(struct daxfs_ag *ag, unsigned long **bits);

#endif /* DAXFS_BITS_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * Bits: of maps on the device, and arrays of a bit a block in memory.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "bits.h"
#include "daxfs.h"

unsigned long *daxfs_ag_bits(struct daxfs_ag *ag, unsigned long **bits)
{
	unsigned long *map = smp_load_acquire(bits), *old;

	if (likely(map))
		return map;
	map = kvzalloc(BITS_TO_LONGS(ag->blocks) * sizeof(long), GFP_NOFS);
	old = map ? cmpxchg(bits, NULL, map) : NULL;
	if (old)
		kvfree(map);
	return old ?: map;
}

/* A run of a GiB is thousands of words. Eight at a time, as long as they are all ones, or zeros; where that ends. */
static u32 skip_set(const __le64 *map, u32 word, u32 end)
{
	for (; word + 8 <= end; word += 8) {
		const __le64 *w = &map[word];

		if ((w[0] & w[1] & w[2] & w[3] & w[4] & w[5] & w[6] & w[7]) != cpu_to_le64(~0ull))
			break;
	}
	return word;
}

static u32 skip_clear(const __le64 *map, u32 word, u32 end)
{
	for (; word + 8 <= end; word += 8) {
		const __le64 *w = &map[word];

		if (w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7])
			break;
	}
	return word;
}

u32 daxfs_odd_word(const __le64 *map, u32 first, u32 end, bool set)
{
	u32 word = first / 64, last = (end - 1) / 64;
	__le64 mask = daxfs_word_mask(word, first, end), want = set ? cpu_to_le64(~0ull) : 0;

	if ((READ_ONCE(map[word]) ^ want) & mask)
		return word;
	if (word == last)
		return DAXFS_NO_WORD;
	word = set ? skip_set(map, word + 1, last) : skip_clear(map, word + 1, last);
	for (; word < last; word++)
		if (READ_ONCE(map[word]) != want)
			return word;
	mask = daxfs_word_mask(last, first, end);
	return (READ_ONCE(map[last]) ^ want) & mask ? last : DAXFS_NO_WORD;
}

/* SPDX-License-Identifier: GPL-2.0 */
/* Pages between iomap_begin of a fault and its iomap_end. */
#ifndef DAXFS_PAGES_H
#define DAXFS_PAGES_H

#include "daxfs.h"
#include "held.h"

#define DAXFS_FAULT_BUSY	1	/* somebody is about to map pages of this huge page */
#define DAXFS_FAULT_SMALL	2	/* single pages of it may be mapped */

/* Two huge pages that share a state wait for each other, and look at more pages. */
static inline u8 *daxfs_fault_state(struct daxfs_sb_info *sbi, unsigned long pfn)
{
	return &sbi->fault_state[(pfn / DAXFS_HUGE_BLOCKS) & ((1u << DAXFS_FAULT_BITS) - 1)];
}

static inline bool daxfs_try_lock_pages(u8 *state, u8 add)
{
	u8 old = READ_ONCE(*state) & ~DAXFS_FAULT_BUSY;

	return try_cmpxchg_acquire(state, &old, old | DAXFS_FAULT_BUSY | add);
}

static inline void daxfs_unlock_pages(struct daxfs_sb_info *sbi, u8 *state)
{
	smp_store_release(state, *state & ~DAXFS_FAULT_BUSY);
	smp_mb();	/* whoever waits has seen this, or we see him */
	if (waitqueue_active(&sbi->fault_wait))
		wake_up_all(&sbi->fault_wait);
}

/* daxfs_claim_pages() of written blocks where it is more than a page that nobody has, or has to wait. */
int daxfs_claim_pages_slowly(struct inode *inode, const struct daxfs_map *map, u64 file_block, u64 count,
			     struct iomap *iomap);

/*
 * Between iomap_begin of a fault, which is about to map `count` pages at `file_block`, and its iomap_end: nobody else gives
 * them to another place of a file. -EUCLEAN: they are another's, after saying so for a single page.
 */
static inline int daxfs_claim_pages(struct inode *inode, const struct daxfs_map *map, u64 file_block, u64 count,
				    struct iomap *iomap)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	const struct page *page;
	u8 *state;

	iomap->private = NULL;
	if (map->state != DAXFS_MAP_WRITTEN)
		return 0;
	/* Whoever takes the device away has set this, and waits for invalidate_lock before the pages go. */
	if (daxfs_is_shutdown(sbi))
		return -EIO;
	daxfs_note_exposed(sbi, map->disk_block);
	page = daxfs_page(sbi, map->disk_block);
	state = daxfs_fault_state(sbi, daxfs_pfn(sbi, map->disk_block));
	if (unlikely(count > 1 || READ_ONCE(page->mapping) || !daxfs_try_lock_pages(state, DAXFS_FAULT_SMALL)))
		return daxfs_claim_pages_slowly(inode, map, file_block, count, iomap);
	iomap->private = state;
	/* Once more, now that nobody else can give it away. */
	if (likely(!READ_ONCE(page->mapping)))
		return 0;
	daxfs_unlock_pages(sbi, state);
	return daxfs_claim_pages_slowly(inode, map, file_block, count, iomap);
}

int daxfs_release_pages(struct inode *inode, loff_t pos, loff_t length, ssize_t done, unsigned int flags,
			struct iomap *iomap);	/* an iomap_end */

#endif /* DAXFS_PAGES_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * Whose a page is, while a fault maps it.
 *
 * A page belongs to one place of one file: the DAX core keeps mapping and index in it, from the fault that first maps it to
 * the end of the DAX entry, and warns where it finds another's. Extents of two files that name one block are damage, which
 * only shows here. So a fault looks at the page first, and keeps others off its huge page from there to the end of the
 * DAX core's work. A fault of 2 MiB need not look at 512 pages: who maps single ones leaves a mark for their huge page.
 */
#include <linux/mm.h>

#include "daxfs.h"
#include "error.h"
#include "pages.h"

#define HUGE_COLOUR	(DAXFS_HUGE_BLOCKS - 1)

/* The huge page is locked, and its first page is nobody's. */
static bool has_mapped_pages(u8 *state, const struct page *page, bool is_alone)
{
	u64 i;

	if (!(*state & DAXFS_FAULT_SMALL))
		return false;
	for (i = 1; i < DAXFS_HUGE_BLOCKS; i++)
		if (READ_ONCE(page[i].mapping))
			return true;
	/* None is mapped any more; but where another huge page has the same state, the mark may be for that one. */
	if (is_alone)
		WRITE_ONCE(*state, DAXFS_FAULT_BUSY);
	return false;
}

int daxfs_claim_pages_slowly(struct inode *inode, const struct daxfs_map *map, u64 file_block, u64 count,
			     struct iomap *iomap)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	const struct page *page = daxfs_page(sbi, map->disk_block);
	bool is_alone = sbi->whole && sbi->block_count / DAXFS_HUGE_BLOCKS < (1u << DAXFS_FAULT_BITS) - 1;
	u8 *state, add = count > 1 ? 0 : DAXFS_FAULT_SMALL;

	iomap->private = NULL;
	/* The DAX code falls back. */
	if (count > 1 && (map->count < count || page_to_pfn(page) & HUGE_COLOUR))
		return 0;
	/* Mapped here before: the DAX entry that says so is locked, and stays. */
	if (READ_ONCE(page->mapping) == inode->i_mapping && page->index == file_block)
		return 0;
	state = daxfs_fault_state(sbi, page_to_pfn(page));
	if (unlikely(!daxfs_try_lock_pages(state, add)))
		wait_event(sbi->fault_wait, daxfs_try_lock_pages(state, add));
	if (likely(!READ_ONCE(page->mapping) && (count == 1 || !has_mapped_pages(state, page, is_alone)))) {
		iomap->private = state;
		return 0;
	}
	daxfs_unlock_pages(sbi, state);
	if (count > 1)
		return -EAGAIN;
	return daxfs_corrupt(inode->i_sb, inode->i_ino, map->disk_block,
			     "file block %llu is mapped to a block that is mapped elsewhere", file_block);
}

int daxfs_release_pages(struct inode *inode, loff_t pos, loff_t length, ssize_t done, unsigned int flags,
			struct iomap *iomap)
{
	if (iomap->private)
		daxfs_unlock_pages(DAXFS_SB(inode->i_sb), iomap->private);
	return 0;
}

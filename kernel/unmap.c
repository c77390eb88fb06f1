// SPDX-License-Identifier: GPL-2.0
/*
 * Before blocks leave a file, or move in it: page tables and the page cache forget them. invalidate_lock is held exclusive,
 * so that nothing maps them again meanwhile.
 *
 * The DAX core drops an entry as a whole, and with it the mark that says what was stored through page tables and not
 * flushed yet. An entry of 2 MiB may reach out of the range that goes: what lies outside stays the file's, and is written
 * back first. The order is unmap, write back, drop: a store between the first two faults, and waits.
 *
 * Nobody waits for pages that are still referred to: held.c keeps their blocks out of reach. But the DAX core warns of such
 * a page where it drops an entry by force. Clean entries it drops without force: where a page is held all are cleaned first.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/writeback.h>

#include "data.h"
#include "daxfs.h"
#include "device.h"
#include "extent_tree.h"
#include "held.h"
#include "stores.h"
#include "unmap.h"

int daxfs_write_back(struct inode *inode, loff_t from, loff_t last)
{
	struct writeback_control wbc = { .sync_mode = WB_SYNC_ALL, .range_start = from, .range_end = last };

	/* Not by way of the gate, which is closed after shutdown too. */
	return daxfs_write_stores(inode->i_mapping, &wbc);
}

/* Where an entry of 2 MiB begins before file block `at` and covers it, all of it is unmapped and clean. */
static int clean_across(struct inode *inode, u64 at)
{
	struct address_space *mapping = inode->i_mapping;
	u64 base = round_down(at, DAXFS_HUGE_BLOCKS);
	loff_t from = base << DAXFS_BLOCK_SHIFT, length = 1ll << DAXFS_HUGE_SHIFT;

	if (at == base || !xa_load(&mapping->i_pages, at) || !xa_get_order(&mapping->i_pages, at))
		return 0;
	unmap_mapping_range(mapping, from, length, 1);
	daxfs_note_all_held(inode, base, base + DAXFS_HUGE_BLOCKS - 1);
	return daxfs_write_back(inode, from, from + length - 1);
}

/* Entries of [first, last], which nothing maps, are clean and dropped where a page of them is held. */
static int drop_held(struct inode *inode, u64 first, u64 last)
{
	struct address_space *mapping = inode->i_mapping;
	loff_t end = min_t(u64, last, DAXFS_MAX_FILE_BLOCK);
	int err;

	if (mapping_empty(mapping) || !daxfs_note_all_held(inode, first, last))
		return 0;
	err = daxfs_write_back(inode, first << DAXFS_BLOCK_SHIFT, (end << DAXFS_BLOCK_SHIFT) + DAXFS_BLOCK_SIZE - 1);
	return err ?: invalidate_inode_pages2_range(mapping, first, last);
}

void daxfs_settle_dropped(struct inode *inode)
{
	struct address_space *mapping = inode->i_mapping;

	if (atomic64_read(&DAXFS_I(inode)->due) && !mapping_tagged(mapping, PAGECACHE_TAG_DIRTY) &&
	    !mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK))
		daxfs_give_due(inode, U64_MAX);
}

int daxfs_drop_cached(struct inode *inode, u64 first, u64 end)
{
	struct address_space *mapping = inode->i_mapping;
	bool to_end = end == DAXFS_END_OF_KEYS;
	loff_t from = first << DAXFS_BLOCK_SHIFT, length = to_end ? 0 : (end - first) << DAXFS_BLOCK_SHIFT;
	int err = 0;

	lockdep_assert_held_write(&mapping->invalidate_lock);
	if (first >= end)
		return 0;
	if (IS_DAX(inode)) {
		unmap_mapping_range(mapping, from, length, 1);
		err = clean_across(inode, first) ?: clean_across(inode, end) ?: drop_held(inode, first, end - 1);
	}
	if (err)
		return err;
	if (to_end)
		truncate_pagecache(inode, from);
	else
		truncate_pagecache_range(inode, from, from + length - 1);
	daxfs_settle_dropped(inode);
	return 0;
}

/* At eviction: nothing maps the file, and nobody else knows the inode. */
void daxfs_drop_all(struct inode *inode)
{
	/* An error leaves entries that are dropped by force. */
	if (IS_DAX(inode))
		drop_held(inode, 0, DAXFS_MAX_FILE_BLOCK);
	truncate_inode_pages_final(inode->i_mapping);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Zeros into a part of a block of a file, where its bytes are: on the device, or in the page cache. And into all of an
 * unwritten extent that a fault cannot split.
 */
#include <linux/pagemap.h>

#include "claim.h"
#include "data.h"
#include "daxfs.h"
#include "device.h"
#include "extent_tree.h"
#include "zero.h"

static int zero_mapped(struct inode *inode, loff_t from, loff_t to)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	struct daxfs_map map;
	u32 offset = from & (DAXFS_BLOCK_SIZE - 1);
	int err, gate = daxfs_enter(DAXFS_SB(inode->i_sb));

	if (gate < 0)
		return gate;
	down_read(&info->lock);
	err = daxfs_map_lookup(inode, from >> DAXFS_BLOCK_SHIFT, &map);
	/* A hole and unwritten blocks read as zeros as they are. */
	if (!err && map.state == DAXFS_MAP_WRITTEN)
		err = daxfs_may_store(inode, &map, 1);
	if (!err && map.state == DAXFS_MAP_WRITTEN)
		daxfs_zero_bytes(DAXFS_SB(inode->i_sb), map.disk_block, offset, offset + (to - from));
	up_read(&info->lock);
	daxfs_leave(gate);
	return err;
}

/*
 * The folio at `index`, uptodate and locked: nobody truncates it, but reclaim may take it away in between. Of one block: what
 * the kernel has put together for programs that are read only (khugepaged) goes, as it does when somebody opens the file to
 * write; truncate(2) by path opens nothing.
 */
static struct folio *locked_folio(struct address_space *mapping, pgoff_t index)
{
	for (;;) {
		struct folio *folio = read_mapping_folio(mapping, index, NULL);
		loff_t first, last;
		bool large;

		if (IS_ERR(folio))
			return folio;
		folio_lock(folio);
		if (folio->mapping == mapping && folio_test_uptodate(folio) && !folio_test_large(folio))
			return folio;
		large = folio->mapping == mapping && folio_test_large(folio);
		first = folio_pos(folio);
		last = first + folio_size(folio) - 1;
		folio_unlock(folio);
		folio_put(folio);
		/* It is clean. */
		if (large)
			truncate_inode_pages_range(mapping, first, last);
	}
}

static int zero_cached(struct inode *inode, loff_t from, loff_t to)
{
	struct address_space *mapping = inode->i_mapping;
	struct daxfs_map map;
	struct folio *folio;
	int err = daxfs_lookup_shared(inode, from >> DAXFS_BLOCK_SHIFT, &map);

	if (err || map.state == DAXFS_MAP_HOLE)
		return err;
	/* Only a folio could make anything else than zeros out of unwritten blocks. */
	if (map.state == DAXFS_MAP_UNWRITTEN && !filemap_range_has_page(mapping, from, to - 1))
		return 0;
	folio = locked_folio(mapping, from >> PAGE_SHIFT);
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	folio_wait_stable(folio);
	folio_zero_segment(folio, offset_in_folio(folio, from), offset_in_folio(folio, from) + (to - from));
	folio_mark_dirty(folio);
	folio_unlock(folio);
	folio_put(folio);
	return 0;
}

int daxfs_zero_in_block(struct inode *inode, loff_t from, loff_t to)
{
	if (from >= to)
		return 0;
	return IS_DAX(inode) ? zero_mapped(inode, from, to) : zero_cached(inode, from, to);
}

int daxfs_zero_tail(struct inode *inode, loff_t size)
{
	loff_t old = i_size_read(inode);
	loff_t rest = (DAXFS_BLOCK_SIZE - (old & (DAXFS_BLOCK_SIZE - 1))) & (DAXFS_BLOCK_SIZE - 1);
	loff_t end = old + min(rest, size - old);
	int err;

	if (size <= old)
		return 0;
	err = daxfs_zero_in_block(inode, old, end);
	/* Zeros in the page cache reach the device before a size does that uncovers them. */
	if (!err && old < end)
		err = daxfs_flush_to(inode, old);
	return err;
}

int daxfs_fill_around(struct inode *inode, u64 file_block)
{
	struct address_space *mapping = inode->i_mapping;
	struct daxfs_step step;
	struct daxfs_map map;
	int err;

	/* Readers have mapped zeros there: see forget_zeros() in iomap.c. Here none maps them again before they are gone. */
	filemap_invalidate_lock(mapping);
	err = daxfs_step_begin(inode, &step);
	if (!err) {
		err = daxfs_commit_extent(inode, file_block, 0, 0, &map);
		daxfs_step_end(inode, &step);
	}
	if (!err && !mapping_empty(mapping))
		invalidate_inode_pages2_range(mapping, map.file_block, map.file_block + map.count - 1);
	filemap_invalidate_unlock(mapping);
	return err == -EAGAIN ? 0 : err;
}

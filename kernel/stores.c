// SPDX-License-Identifier: GPL-2.0
/*
 * What was stored through page tables comes out of the processors' caches, and is durable.
 *
 * The DAX core marks an entry as dirty when a page table entry becomes writable, and takes the mark away when it has made it
 * read-only again and flushed: the next store faults. Who refers to the page stores without a fault: direct I/O that began
 * before the flush writes to it after that, and nothing would flush its lines ever. So
 *
 *	pages that are referred to before or behind the flush, or when their entry goes, are flushed again by every fsync(2)
 *	of the file until one has found them idle (held.c), be the inode evicted and read anew meanwhile;
 *	who was done with a page before we looked has told that he stored to it before he let go of it, and it was flushed
 *	then. The mark of the entry cannot say so: it may be gone with its inode.
 *
 * The page frame is what is known of them: the file's map may be out of reach after a shutdown, and blocks move.
 */
#include <linux/dax.h>
#include <linux/pagemap.h>
#include <linux/writeback.h>

#include "daxfs.h"
#include "device.h"
#include "held.h"
#include "persist.h"
#include "stores.h"

#define BATCH	32u

struct batch {
	void *entry[BATCH];
	pgoff_t index[BATCH];
	u32 count;
};

/* The next dirty entries of [first, last]. */
static void find_dirty(struct address_space *mapping, pgoff_t first, pgoff_t last, struct batch *batch)
{
	XA_STATE(xas, &mapping->i_pages, first);
	void *entry;

	batch->count = 0;
	rcu_read_lock();
	xas_for_each_marked(&xas, entry, last, PAGECACHE_TAG_DIRTY) {
		if (xas_retry(&xas, entry))
			continue;
		batch->index[batch->count] = xas.xa_index;
		batch->entry[batch->count++] = entry;
		if (batch->count == BATCH)
			break;
	}
	rcu_read_unlock();
}

/* Notes those of an entry's pages that are held. The entry may be another one by now: then somebody else has looked. */
static bool note_held(struct inode *inode, const void *entry)
{
	unsigned long pfn = daxfs_entry_pfn(entry), end = pfn + (daxfs_entry_is_huge(entry) ? DAXFS_HUGE_BLOCKS : 1);
	bool any = false;

	if (!daxfs_entry_has_pages(entry))
		return false;
	for (; pfn < end; pfn++) {
		if (likely(page_ref_count(pfn_to_page(pfn)) <= 1))
			continue;
		daxfs_note_held(inode, pfn);
		any = true;
	}
	return any;
}

bool daxfs_note_all_held(struct inode *inode, pgoff_t first, pgoff_t last)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	int alive = dax_read_lock();
	unsigned long index;
	bool any = false;
	void *entry;

	if (dax_alive(sbi->dax_dev)) {
		xa_for_each_range(&inode->i_mapping->i_pages, index, entry, first, last) {
			any |= note_held(inode, entry);
			cond_resched();
		}
	}
	dax_read_unlock(alive);
	return any;
}

static int write_back(struct address_space *mapping, pgoff_t first, pgoff_t last, struct writeback_control *wbc)
{
	wbc->range_start = (loff_t)first << PAGE_SHIFT;
	wbc->range_end = ((loff_t)last << PAGE_SHIFT) + PAGE_SIZE - 1;
	return dax_writeback_mapping_range(mapping, DAXFS_SB(mapping->host->i_sb)->dax_dev, wbc);
}

/* For msync(2) of a page. */
static int write_page(struct address_space *mapping, pgoff_t index, struct writeback_control *wbc)
{
	const void *entry = xa_load(&mapping->i_pages, index);
	int err;

	if (!entry)
		return 0;
	note_held(mapping->host, entry);
	err = write_back(mapping, index, index, wbc);
	note_held(mapping->host, entry);
	return err;
}

/* How many entries from the i-th on lie side by side. What lies between others became dirty since, and stays so. */
static u32 run_of(const struct batch *batch, u32 i)
{
	u32 first = i;

	for (; i + 1 < batch->count; i++)
		if (batch->index[i + 1] != batch->index[i] + (daxfs_entry_is_huge(batch->entry[i]) ? DAXFS_HUGE_BLOCKS : 1))
			break;
	return i + 1 - first;
}

static int write_batch(struct address_space *mapping, const struct batch *batch, struct writeback_control *wbc)
{
	u32 i, run;
	int err = 0;

	for (i = 0; i < batch->count; i++)
		note_held(mapping->host, batch->entry[i]);
	for (i = 0; i < batch->count && !err; i += run) {
		run = run_of(batch, i);
		err = write_back(mapping, batch->index[i], batch->index[i + run - 1], wbc);
	}
	for (i = 0; i < batch->count; i++)
		note_held(mapping->host, batch->entry[i]);
	return err;
}

static int write_pages(struct address_space *mapping, pgoff_t first, pgoff_t last, struct writeback_control *wbc)
{
	struct batch batch DAXFS_NOT_CLEARED;
	int err;

	do {
		find_dirty(mapping, first, last, &batch);
		err = write_batch(mapping, &batch, wbc);
		first = batch.count ? batch.index[batch.count - 1] + 1 : last;
		cond_resched();
	} while (!err && batch.count == BATCH && first <= last);
	return err;
}

int daxfs_write_stores(struct address_space *mapping, struct writeback_control *wbc)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(mapping->host->i_sb);
	loff_t from = wbc->range_start, to = wbc->range_end;
	pgoff_t first = from >> PAGE_SHIFT, last = to >> PAGE_SHIFT;
	int err = -EIO, alive;

	/* The core does nothing else: there is no writing ahead of time. */
	if (wbc->sync_mode != WB_SYNC_ALL)
		return 0;
	alive = dax_read_lock();
	/* Where the device is gone so are its pages. */
	if (dax_alive(sbi->dax_dev))
		err = first == last ? write_page(mapping, first, wbc) :
				      write_pages(mapping, first, min_t(u64, last, DAXFS_MAX_FILE_BLOCK), wbc);
	dax_read_unlock(alive);
	wbc->range_start = from;
	wbc->range_end = to;
	/*
	 * The core writes cache lines back and leaves the fence to us. FENCE here, on the processor that flushed: sync(2) and
	 * syncfs(2) come this way in a writeback worker, and nothing behind it fences for them; and the marks are gone, so
	 * that no fsync() would flush these lines again, and fence behind that.
	 */
	daxfs_fence(sbi);
	return err;
}

bool daxfs_flush_folio(struct address_space *mapping, struct folio *folio)
{
	/* Who refers to a page keeps no inode: of the mapping nothing is looked at, nor of the filesystem. */
	daxfs_write_lines(folio_address(folio), folio_size(folio));
	wmb();
	/* Not marked in the page: who stores to it next is to come here again. */
	return false;
}

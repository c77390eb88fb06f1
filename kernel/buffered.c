// SPDX-License-Identifier: GPL-2.0
/*
 * Files that are not accessed through DAX (dax=inode without the flag, dax=never): the page cache, by iomap.
 *
 * Space: a write, or the first store to a mapped page, allocates at once, as unwritten blocks, in a transaction of its
 * own. So the caller is told about a full device, and writeback never allocates; what it may need, nodes of the extent
 * tree, is taken off the free blocks then too, see daxfs_take_due(). When the data is on the device, a transaction turns
 * the blocks into written ones and
 * moves the stored size, by what that I/O wrote. Only then does the folio's writeback end, which fsync(), truncate and
 * punch wait for. Until then the blocks read as zeros: a crash shows no stale byte, and may leave unwritten blocks
 * behind the end of file, as fallocate() with KEEP_SIZE does. A write that fails gives back what lies behind the end.
 *
 * Delayed allocation would save the first of the two transactions, but must keep reservations through truncate, punch
 * and reclaim; on this device a transaction is cheap.
 *
 * Many programs replace a file without fsync(), and names and truncations are durable at once here. So that a crash does
 * not leave an empty file where there was an old one, daxfs_flush_data() goes before a rename that replaces a name, and
 * comes with each close of a writer of a file that was truncated to 0, until there is none.
 *
 * i_size moves as iomap copies; the size on the device follows in completion only, see daxfs_grow_size(). Whoever stores
 * a size himself flushes first what that size covers.
 *
 * One folio is one block. A mapping that iomap works with may be overtaken by writeback's conversion: map_sequence tells.
 *
 * Which fence does what: the driver's copy is of non-temporal stores. Queueing the completion is a locked instruction,
 * which drains them; the first fence of the conversion's transaction comes after it.
 */
#include <linux/blkdev.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/wait_bit.h>
#include <linux/writeback.h>

#include "buffered.h"
#include "data.h"
#include "daxfs.h"
#include "error.h"
#include "inode.h"
#include "iomap.h"
#include "truncate.h"
#include "zero.h"

/* ---- write ---- */

bool daxfs_hole_behind(struct inode *inode, loff_t end)
{
	u64 first = DIV_ROUND_UP_ULL((u64)i_size_read(inode), DAXFS_BLOCK_SIZE);
	u64 last = DIV_ROUND_UP_ULL((u64)end, DAXFS_BLOCK_SIZE);
	struct daxfs_map map;

	if (first >= last)
		return false;
	return !daxfs_lookup_shared(inode, first, &map) && map.state == DAXFS_MAP_HOLE && map.count >= last - first;
}

void daxfs_release_behind(struct inode *inode, loff_t end)
{
	u64 first = DIV_ROUND_UP_ULL((u64)i_size_read(inode), DAXFS_BLOCK_SIZE);

	/* An error leaves unwritten blocks behind the end of file, which do no harm. */
	daxfs_remove_blocks(inode, first, DIV_ROUND_UP_ULL((u64)end, DAXFS_BLOCK_SIZE));
}

/* Where space is short, what is due for dirty pages comes back when they are written. */
static ssize_t copy_in(struct kiocb *iocb, struct iov_iter *from)
{
	struct super_block *sb = file_inode(iocb->ki_filp)->i_sb;
	ssize_t done = 0, count;

	do {
		count = daxfs_file_buffered_write(iocb, from, &daxfs_alloc_iomap_ops);
		if (count > 0)
			done += count;
	} while (count > 0 ? iov_iter_count(from) : count == -ENOSPC && daxfs_settle_due(sb));
	return done ?: count;
}

static ssize_t write_locked(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t count = daxfs_write_checks(iocb, from), done;
	loff_t end = iocb->ki_pos + count;
	bool ours;
	int err;

	if (count <= 0)
		return count;
	/* Blocks that direct I/O is about to convert would be taken for zeros. */
	inode_dio_wait(inode);
	err = file_modified(iocb->ki_filp);
	if (!err)
		err = daxfs_zero_tail(inode, iocb->ki_pos);
	if (err)
		return err;
	ours = daxfs_hole_behind(inode, end);
	done = copy_in(iocb, from);
	if (done < count && ours)
		daxfs_release_behind(inode, end);
	return done;
}

ssize_t daxfs_buffered_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t count;

	inode_lock(inode);
	count = write_locked(iocb, from);
	inode_unlock(inode);
	return count > 0 ? generic_write_sync(iocb, count) : count;
}

/* ---- mapped pages ---- */

static vm_fault_t make_writable(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	vm_fault_t result;

	filemap_invalidate_lock_shared(inode->i_mapping);
	/* Once more, under the lock: see stop_stores(). */
	result = IS_IMMUTABLE(inode) ? VM_FAULT_SIGBUS : iomap_page_mkwrite(vmf, &daxfs_alloc_iomap_ops);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	return result;
}

static vm_fault_t page_mkwrite(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	vm_fault_t result;

	if (daxfs_is_shutdown(DAXFS_SB(inode->i_sb)) || IS_IMMUTABLE(inode))
		return VM_FAULT_SIGBUS;
	sb_start_pagefault(inode->i_sb);
	file_update_time(vmf->vma->vm_file);
	result = make_writable(vmf);
	/* Of several reasons one is a lack of space. */
	if (unlikely(result & VM_FAULT_SIGBUS) && daxfs_settle_due(inode->i_sb))
		result = make_writable(vmf);
	sb_end_pagefault(inode->i_sb);
	return result;
}

const struct vm_operations_struct daxfs_buffered_vm_ops = {
	.fault		= filemap_fault,
	.map_pages	= filemap_map_pages,
	.page_mkwrite	= page_mkwrite,
};

int daxfs_flush_data(struct inode *inode)
{
	return daxfs_in_page_cache(inode) ? filemap_write_and_wait(inode->i_mapping) : 0;
}

/* ---- writeback ---- */

static void end_ioend(struct iomap_ioend *ioend)
{
	int err = blk_status_to_errno(daxfs_ioend_bio(ioend)->bi_status);

	if (ioend->io_type == IOMAP_UNWRITTEN)
		daxfs_give_due(ioend->io_inode, DIV_ROUND_UP_ULL((u64)ioend->io_size, DAXFS_BLOCK_SIZE));
	/* What failed stays unwritten, and the error waits for fsync(). */
	if (!err)
		err = daxfs_convert(ioend->io_inode, ioend->io_offset, ioend->io_offset + ioend->io_size, false);
	iomap_finish_ioends(ioend, err);
}

/* Neighbours are converted in one transaction. The last of them done, the inode may go. */
static void end_ioends(struct work_struct *work)
{
	struct daxfs_inode_info *info = container_of(work, struct daxfs_inode_info, ioend_work);
	struct iomap_ioend *ioend;
	LIST_HEAD(list);

	spin_lock_irq(&info->ioend_lock);
	list_replace_init(&info->ioends, &list);
	spin_unlock_irq(&info->ioend_lock);
	iomap_sort_ioends(&list);
	while ((ioend = list_first_entry_or_null(&list, struct iomap_ioend, io_list))) {
		list_del_init(&ioend->io_list);
		iomap_ioend_try_merge(ioend, &list);
		end_ioend(ioend);
		cond_resched();
	}
}

void daxfs_init_ioends(struct daxfs_inode_info *info)
{
	spin_lock_init(&info->ioend_lock);
	INIT_LIST_HEAD(&info->ioends);
	INIT_WORK(&info->ioend_work, end_ioends);
}

/* The data is on the device. This may be an interrupt. */
static void end_bio(struct bio *bio)
{
	struct iomap_ioend *ioend = daxfs_bio_ioend(bio);
	struct daxfs_sb_info *sbi = DAXFS_SB(ioend->io_inode->i_sb);
	struct daxfs_inode_info *info = DAXFS_I(ioend->io_inode);
	unsigned long flags;

	spin_lock_irqsave(&info->ioend_lock, flags);
	if (list_empty(&info->ioends))
		queue_work(sbi->convert_wq, &info->ioend_work);
	list_add_tail(&ioend->io_list, &info->ioends);
	spin_unlock_irqrestore(&info->ioend_lock, flags);
	if (atomic_dec_and_test(&sbi->ioends))
		wake_up_var(&sbi->ioends);
}

void daxfs_wait_ioends(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	wait_var_event(&sbi->ioends, !atomic_read(&sbi->ioends));
	flush_workqueue(sbi->convert_wq);
}

/*
 * Before submission. All below i_size as it is now is in the folios, so that io_size becomes what this I/O may move the
 * stored size by; a truncate that is under way waits for it.
 */
static int prepare_ioend(struct iomap_ioend *ioend, int status)
{
	/* The last block there is ends at 2^63, which is no loff_t. */
	loff_t end = min_t(u64, (u64)ioend->io_offset + ioend->io_size, i_size_read(ioend->io_inode));

	ioend->io_size = max_t(loff_t, 0, end - ioend->io_offset);
	if (ioend->io_type == IOMAP_UNWRITTEN || end > daxfs_stored_size(ioend->io_inode)) {
		daxfs_ioend_bio(ioend)->bi_end_io = end_bio;
		atomic_inc(&DAXFS_SB(ioend->io_inode->i_sb)->ioends);
	}
	return status;
}

static int map_blocks(DAXFS_MAP_BLOCKS_ARGS)
{
	struct iomap *iomap = &wpc->iomap;
	int err;

	if (daxfs_is_shutdown(DAXFS_SB(inode->i_sb)))
		return -EIO;
	if (offset >= iomap->offset && offset - iomap->offset < iomap->length &&
	    iomap->validity_cookie == READ_ONCE(DAXFS_I(inode)->map_sequence))
		return 0;
	err = daxfs_read_iomap_ops.iomap_begin(inode, offset, DAXFS_BLOCK_SIZE, 0, iomap, NULL);
	/* Dirty folios have blocks: whoever takes them away takes the folios first. */
	if (!err && iomap->type == IOMAP_HOLE)
		err = daxfs_corrupt(inode->i_sb, inode->i_ino, inode->i_ino / DAXFS_INODES_PER_BLOCK,
				    "no blocks behind cached data at byte %lld", offset);
	return err;
}

static const struct iomap_writeback_ops writeback_ops = {
	.map_blocks	= map_blocks,
	.prepare_ioend	= prepare_ioend,
};

/*
 * Nothing begins while the filesystem is frozen, and freezing waits for what has begun, so that no completion stores
 * then or waits for the thaw. sync(2) and the flusher hold s_umount, which a thaw needs: they leave the pages dirty.
 */
static int writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	struct super_block *sb = mapping->host->i_sb;
	struct iomap_writepage_ctx wpc = { };
	int err;

	if (!sb_start_intwrite_trylock(sb)) {
		if (wbc->for_sync || wbc->sync_mode == WB_SYNC_NONE)
			return 0;
		sb_start_intwrite(sb);
	}
	err = iomap_writepages(mapping, wbc, &wpc, &writeback_ops);
	sb_end_intwrite(sb);
	return err;
}

static int read_folio(struct file *file, struct folio *folio)
{
	return iomap_read_folio(folio, &daxfs_read_iomap_ops);
}

static void readahead(struct readahead_control *rac)
{
	iomap_readahead(rac, &daxfs_read_iomap_ops);
}

const struct address_space_operations daxfs_buffered_aops = {
	.read_folio	= read_folio,
	.readahead	= readahead,
	.writepages	= writepages,
	.release_folio	= iomap_release_folio,
	.invalidate_folio = iomap_invalidate_folio,
	.is_partially_uptodate = iomap_is_partially_uptodate,
	.migrate_folio	= filemap_migrate_folio,
	.direct_IO	= noop_direct_IO,	/* says that O_DIRECT may be opened */
	.dirty_folio	= daxfs_dirty_folio,
	.daxfs_error_remove = daxfs_generic_error_remove,
};

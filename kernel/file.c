// SPDX-License-Identifier: GPL-2.0
/*
 * Regular files: read, write, mmap, fsync, through DAX. Files of other access go on in buffered.c and dio.c.
 *
 * read(2) copies with page faults disabled, under i_rwsem.
 *
 * write(2) goes in chunks under it. The source is faulted in before each large one, and copied with page faults
 * disabled: the inode lock is held meanwhile, which a fault on a source that maps this very file would want. A copy that
 * stops short keeps what it got and goes on behind the next fault-in. Zero pages that readers mapped of a hole are
 * unmapped after the inode lock was dropped, still under i_rwsem: invalidating waits for a DAX entry, whose owner may
 * want the lock.
 *
 * Data of a write(2) is flushed by the copy and fenced before the call returns; fsync() has mmap stores and times to
 * bring out.
 */
#include <linux/blkdev.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/splice.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/writeback.h>

#include "alloc.h"
#include "buffered.h"
#include "data.h"
#include "daxfs.h"
#include "device.h"
#include "dio.h"
#include "fallocate.h"
#include "fault.h"
#include "file.h"
#include "held.h"
#include "huge.h"
#include "ioctl.h"
#include "iomap.h"
#include "iops.h"
#include "persist.h"
#include "points.h"
#include "removal.h"
#include "stores.h"
#include "unmap.h"
#include "zero.h"

#define FAULT_CHUNK	(2ull << 20)

/* Fault-ins in a row that the copy afterwards could make nothing of, before the source counts as bad. */
#define MAX_FUTILE	16

/* What the DAX core says of a device that went away in the middle. */
static ssize_t without_device(ssize_t count)
{
	return count == -ENXIO ? -EIO : count;
}

static __always_inline ssize_t read_locked(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t count;

	inode_lock_shared(inode);
	pagefault_disable();
	count = IS_DAX(inode) ? without_device(dax_iomap_rw(iocb, to, &daxfs_read_iomap_ops)) : filemap_read(iocb, to, 0);
	pagefault_enable();
	inode_unlock_shared(inode);
	return count;
}

/*
 * Where the target is not in memory it is brought in outside i_rwsem, and the gate: what a fault there waits for is for
 * whoever serves it, and may be a program that never answers. `count`: of the first try.
 */
static noinline ssize_t read_rest(struct kiocb *iocb, struct iov_iter *to, ssize_t count)
{
	unsigned int futile = 0;
	ssize_t done = 0;
	size_t bytes;

	for (;; count = read_locked(iocb, to)) {
		/* So it is where zeros of a hole could not be stored. */
		if (!count && iocb->ki_pos < i_size_read(file_inode(iocb->ki_filp)))
			count = -EFAULT;
		if (count > 0) {
			done += count;
			futile = 0;
		}
		if (!iov_iter_count(to) || iocb->ki_pos >= i_size_read(file_inode(iocb->ki_filp)) ||
		    !(count > 0 || (count == -EFAULT && futile++ < MAX_FUTILE)))
			break;
		bytes = min_t(u64, iov_iter_count(to), futile > 1 ? PAGE_SIZE : FAULT_CHUNK);
		if (fault_in_iov_iter_writeable(to, bytes) == bytes || fatal_signal_pending(current))
			break;
	}
	return done ?: count;
}

static ssize_t daxfs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t count;

	if (daxfs_is_shutdown(DAXFS_SB(inode->i_sb)))
		return -EIO;
	if (!iov_iter_count(to))
		return 0;
	if (!IS_DAX(inode) && iocb->ki_flags & IOCB_DIRECT)
		return daxfs_direct_read(iocb, to);
	count = read_locked(iocb, to);
	/* Most targets are in memory. */
	if (unlikely(iov_iter_count(to)))
		count = read_rest(iocb, to, count);
	if (IS_DAX(inode))
		file_accessed(iocb->ki_filp);
	return count;
}

/* Copies once, from what was faulted in where `fault_in`. 0 or an error that ends the write. */
static int write_chunk(struct kiocb *iocb, struct iov_iter *from, struct daxfs_write *write, size_t bytes,
		       bool fault_in)
{
	struct address_space *mapping = iocb->ki_filp->f_mapping;
	size_t rest = iov_iter_count(from) - bytes;
	ssize_t count;

	write->filled_from = U64_MAX;
	write->filled_to = 0;
	if (fault_in && fault_in_iov_iter_readable(from, bytes) == bytes)
		return -EFAULT;
	iov_iter_truncate(from, bytes);
	pagefault_disable();
	count = without_device(dax_iomap_rw(iocb, from, &daxfs_write_iomap_ops));
	pagefault_enable();
	iov_iter_reexpand(from, iov_iter_count(from) + rest);
	daxfs_point(invalidate);
	/* A reader of the hole left its entry before it looked for blocks: none now is none. */
	if (write->filled_from < write->filled_to && !mapping_empty(mapping))
		invalidate_inode_pages2_range(mapping, write->filled_from, write->filled_to - 1);
	if (write->error)
		return write->error;
	return count < 0 && count != -EFAULT ? count : 0;
}

/* What was copied and then could not be committed was not written. */
static void forget_uncommitted(struct kiocb *iocb, struct iov_iter *from, struct daxfs_write *write)
{
	iov_iter_revert(from, iocb->ki_pos - write->done);
	iocb->ki_pos = write->done;
	write->error = 0;
}

static ssize_t write_chunks(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	loff_t start = iocb->ki_pos;
	struct daxfs_write write DAXFS_NOT_CLEARED;
	unsigned int futile = 0;
	int err = 0;

	write.end = start + iov_iter_count(from);
	write.done = start;
	write.error = 0;
	write.fence = false;
	DAXFS_I(inode)->write = &write;
	while (!err && iov_iter_count(from)) {
		loff_t before = write.done;
		u64 limit = futile ? PAGE_SIZE : FAULT_CHUNK;
		size_t bytes = min_t(u64, iov_iter_count(from), limit - (before & (limit - 1)));

		/* A small source was most likely just written to: one try without looking. */
		err = write_chunk(iocb, from, &write, bytes, futile || bytes > PAGE_SIZE);
		if (unlikely(err == -ENOSPC)) {
			forget_uncommitted(iocb, from, &write);
			err = daxfs_settle_due(inode->i_sb) ? 0 : err;
		}
		futile = write.done > before ? 0 : futile + 1;
		/* The DAX core says EFAULT too where a part of a bad block was to be written. */
		if (!err && futile > MAX_FUTILE)
			err = daxfs_file_readable(inode, write.done) ? -EFAULT : -EIO;
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	}
	DAXFS_I(inode)->write = NULL;
	if (daxfs_completes_huge(start, write.done))
		daxfs_gather(inode, start, write.done);
	forget_uncommitted(iocb, from, &write);
	if (write.fence)
		daxfs_fence(DAXFS_SB(inode->i_sb));
	return write.done > start ? write.done - start : err;
}

static ssize_t write_locked(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t count = daxfs_write_checks(iocb, from);
	int err;

	if (count <= 0)
		return count;
	err = file_modified(iocb->ki_filp);
	if (!err && iocb->ki_pos > i_size_read(inode))
		err = daxfs_zero_tail(inode, iocb->ki_pos);
	return err ? err : write_chunks(iocb, from);
}

static ssize_t daxfs_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t count = daxfs_may_write(inode->i_sb);

	if (count)
		return count;
	if (!IS_DAX(inode))
		return iocb->ki_flags & IOCB_DIRECT ? daxfs_direct_write(iocb, from) : daxfs_buffered_write(iocb, from);
	inode_lock(inode);
	count = write_locked(iocb, from);
	inode_unlock(inode);
	return count > 0 ? generic_write_sync(iocb, count) : count;
}

/* Through DAX there is no I/O that file_write_and_wait_range() could wait for. */
static int write_out(struct file *file, loff_t start, loff_t end)
{
	struct inode *inode = file->f_mapping->host;
	int err, earlier;

	if (!IS_DAX(inode))
		return file_write_and_wait_range(file, start, end);
	err = mapping_tagged(inode->i_mapping, PAGECACHE_TAG_DIRTY) ? daxfs_write_back(inode, start, end) : 0;
	earlier = file_check_and_advance_wb_err(file);
	return err ?: earlier;
}

static int daxfs_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *inode = file->f_mapping->host;
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	int err;

	if (daxfs_is_shutdown(sbi))
		return -EIO;
	err = write_out(file, start, end);
	/* Size and map are durable already. What can be dirty is times, or on their way in a writeback worker: wait for it. */
	if (!err && inode->i_state & (I_SYNC | (datasync ? I_DIRTY_DATASYNC : I_DIRTY_ALL)))
		err = sync_inode_metadata(inode, 1);
	if (unlikely(READ_ONCE(DAXFS_I(inode)->late)))
		daxfs_flush_held(inode);
	/* Also for what was stored in place and has no dirty page. */
	daxfs_fence(sbi);
	if (!err && !dax_synchronous(sbi->dax_dev))
		err = blkdev_issue_flush(inode->i_sb->s_bdev);
	return err;
}

static int daxfs_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	return daxfs_is_shutdown(DAXFS_SB(mapping->host->i_sb)) ? -EIO : daxfs_write_stores(mapping, wbc);
}

static int daxfs_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(file_inode(file)->i_sb);

	if (daxfs_is_shutdown(sbi))
		return -EIO;
	if (!daxdev_mapping_supported(vma, sbi->dax_dev))
		return -EOPNOTSUPP;
	daxfs_note_mapped(file_inode(file));
	file_accessed(file);
	if (!IS_DAX(file_inode(file))) {
		vma->vm_ops = &daxfs_buffered_vm_ops;
		return 0;
	}
	daxfs_prepare_mapping(file_inode(file), vma->vm_pgoff, vma_pages(vma));
	vma->vm_ops = &daxfs_vm_ops;
	daxfs_vm_flags_set(vma, VM_HUGEPAGE);
	return 0;
}

static int daxfs_open(struct inode *inode, struct file *file)
{
	int err;

	if (daxfs_is_shutdown(DAXFS_SB(inode->i_sb)))
		return -EIO;
	err = generic_file_open(inode, file);
	if (!err && file->f_mode & FMODE_WRITE)
		atomic_inc(&DAXFS_I(inode)->writers);
	return err;
}

/*
 * A file that nobody writes to does not grow: what was kept for it is free again. One that was emptied, to be written
 * anew, gets its data out: at each close of a writer, who need not be the last, and has a claim to his own data. An error
 * stays in the mapping, for fsync().
 */
static int daxfs_release(struct inode *inode, struct file *file)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	bool emptied = READ_ONCE(info->emptied), grew = false;

	if (!(file->f_mode & FMODE_WRITE))
		return 0;
	if (atomic_dec_and_test(&info->writers)) {
		down_write(&info->lock);
		grew = !list_empty(&info->windows);
		daxfs_end_windows(inode);
		emptied |= info->emptied;
		/* Somebody who has opened it meanwhile truncates it under this lock, and closes it after us. */
		if (!atomic_read(&info->writers))
			info->emptied = false;
		up_write(&info->lock);
	}
	if (emptied)
		daxfs_flush_data(inode);
	if (grew)
		daxfs_settle_tail(inode);
	return 0;
}

const struct file_operations daxfs_file_operations = {
	.open		= daxfs_open,
	.release	= daxfs_release,
	.llseek		= daxfs_llseek,
	.read_iter	= daxfs_read_iter,
	.write_iter	= daxfs_write_iter,
	.mmap		= daxfs_mmap,
	.get_unmapped_area = thp_get_unmapped_area,
	.fsync		= daxfs_fsync,
	.fallocate	= daxfs_fallocate,
	.unlocked_ioctl	= daxfs_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.splice_read	= daxfs_splice_read,
	.splice_write	= iter_file_splice_write,
	.daxfs_mmap_sync = DAXFS_MMAP_SYNC,
};

const struct inode_operations daxfs_file_inode_operations = {
	.setattr	= daxfs_setattr,
	.getattr	= daxfs_getattr,
	.fiemap		= daxfs_fiemap,
	.fileattr_get	= daxfs_fileattr_get,
	.fileattr_set	= daxfs_fileattr_set,
};

const struct address_space_operations daxfs_dax_aops = {
	.writepages	= daxfs_writepages,
	.direct_IO	= noop_direct_IO,
	.dirty_folio	= daxfs_flush_folio,
};

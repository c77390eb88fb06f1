// SPDX-License-Identifier: GPL-2.0
/*
 * Direct I/O to files that are not accessed through DAX: the driver copies between the user's pages and the device, past
 * the page cache, which is written back and emptied for the range before and once more afterwards.
 *
 * Holes get unwritten blocks; completion turns them into written ones, and moves the size by what was really written.
 * That runs in iomap's end_io, for asynchronous I/O in a workqueue.
 *
 * Under i_rwsem shared, writes to whole blocks inside the file run beside each other. Exclusive, and waited for before
 * the lock is dropped, are those that move the size, and those of a part of a block: two that each zero the rest of a
 * new block would lose data. Offset and length are multiples of the device's logical block (STATX_DIOALIGN), else EINVAL.
 */
#include <linux/blkdev.h>
#include <linux/pagemap.h>

#include "buffered.h"
#include "data.h"
#include "daxfs.h"
#include "dio.h"
#include "inode.h"
#include "iomap.h"
#include "points.h"
#include "zero.h"

ssize_t daxfs_direct_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct inode *inode = file_inode(file);
	ssize_t count;

	file_accessed(file);
	inode_lock_shared(inode);
	count = iomap_dio_rw(iocb, to, &daxfs_read_iomap_ops, NULL, 0, NULL, 0);
	inode_unlock_shared(inode);
	return count;
}

/* Data of `size` bytes is on the device. Truncate and punch wait for this. */
static int end_write(struct kiocb *iocb, ssize_t size, int error, unsigned int flags)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	loff_t end = iocb->ki_pos + size;

	daxfs_point(io_done);
	/* What failed stays unwritten. */
	if (error || !size)
		return error;
	if (flags & IOMAP_DIO_UNWRITTEN || end > i_size_read(inode) || end > daxfs_stored_size(inode))
		error = daxfs_convert(inode, iocb->ki_pos, end, true);
	/* i_rwsem is held exclusive by whoever waits for this. */
	if (!error && end > i_size_read(inode))
		i_size_write(inode, end);
	return error;
}

static const struct iomap_dio_ops write_ops = {
	.end_io	= end_write,
};

static bool needs_exclusive(struct inode *inode, loff_t pos, size_t count)
{
	return (pos | count) & (DAXFS_BLOCK_SIZE - 1) || pos + (loff_t)count > daxfs_stored_size(inode) ||
	       !IS_NOSEC(inode);
}

static ssize_t write_exclusive(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	size_t count = iov_iter_count(from);
	loff_t end = iocb->ki_pos + count;
	ssize_t done;
	bool ours;
	int err;

	inode_dio_wait(inode);
	err = daxfs_zero_tail(inode, iocb->ki_pos);
	/* The stored size passes over nothing that is still in the page cache. */
	if (!err)
		err = daxfs_flush_to(inode, i_size_read(inode));
	if (err)
		return err;
	ours = daxfs_hole_behind(inode, end);
	done = iomap_dio_rw(iocb, from, &daxfs_alloc_iomap_ops, &write_ops, IOMAP_DIO_FORCE_WAIT, NULL, 0);
	if (done < (ssize_t)count && ours)
		daxfs_release_behind(inode, end);
	return done;
}

static ssize_t write_locked(struct kiocb *iocb, struct iov_iter *from, bool exclusive)
{
	int err = file_modified(iocb->ki_filp);

	if (err)
		return err;
	if (exclusive)
		return write_exclusive(iocb, from);
	return iomap_dio_rw(iocb, from, &daxfs_alloc_iomap_ops, &write_ops, 0, NULL, 0);
}

/* Pages that would not leave the cache, because somebody works with them: the bytes go through it. */
static ssize_t fall_back(struct kiocb *iocb, struct iov_iter *from)
{
	struct address_space *mapping = iocb->ki_filp->f_mapping;
	ssize_t count = daxfs_buffered_write(iocb, from);
	loff_t first = iocb->ki_pos - count, last = iocb->ki_pos - 1;
	int err;

	if (count <= 0)
		return count;
	err = filemap_write_and_wait_range(mapping, first, last);
	if (err)
		return err;
	invalidate_mapping_pages(mapping, first >> PAGE_SHIFT, last >> PAGE_SHIFT);
	return count;
}

ssize_t daxfs_direct_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	bool exclusive = false;
	ssize_t count;

	inode_lock_shared(inode);
	count = daxfs_write_checks(iocb, from);
	if (count > 0 && needs_exclusive(inode, iocb->ki_pos, count)) {
		inode_unlock_shared(inode);
		inode_lock(inode);
		exclusive = true;
		count = daxfs_write_checks(iocb, from);
	}
	if (count > 0 && (iocb->ki_pos | count) & (bdev_logical_block_size(inode->i_sb->s_bdev) - 1))
		count = -EINVAL;
	if (count > 0)
		count = write_locked(iocb, from, exclusive);
	if (exclusive)
		inode_unlock(inode);
	else
		inode_unlock_shared(inode);
	return count == -ENOTBLK ? fall_back(iocb, from) : count;
}

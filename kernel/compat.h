/* SPDX-License-Identifier: GPL-2.0 */
/* Where Linux 6.1 and 6.12 differ, and nowhere else. */
#ifndef DAXFS_COMPAT_H
#define DAXFS_COMPAT_H

#include <linux/blkdev.h>
#include <linux/exportfs.h>
#include <linux/fs.h>
#include <linux/iomap.h>
#include <linux/mm.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define IDMAP_ARG struct mnt_idmap *idmap
#define IDMAP idmap
#define NOP_IDMAP (&nop_mnt_idmap)
#else
#define IDMAP_ARG struct user_namespace *idmap
#define IDMAP idmap
#define NOP_IDMAP (&init_user_ns)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define daxfs_fillattr(idmap, mask, inode, stat) generic_fillattr(idmap, inode, stat)
#else
#define daxfs_fillattr(idmap, mask, inode, stat) generic_fillattr(idmap, mask, inode, stat)
#endif

/* Today's 6.1 has taken inode_get_ctime() and its kin over from 6.6, not those of the other times. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline struct timespec64 inode_get_atime(const struct inode *inode)
{
	return inode->i_atime;
}

static inline struct timespec64 inode_get_mtime(const struct inode *inode)
{
	return inode->i_mtime;
}

static inline struct timespec64 inode_set_atime_to_ts(struct inode *inode, struct timespec64 ts)
{
	inode->i_atime = ts;
	return ts;
}

static inline struct timespec64 inode_set_mtime_to_ts(struct inode *inode, struct timespec64 ts)
{
	inode->i_mtime = ts;
	return ts;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define daxfs_freeze_bdev(bdev) freeze_bdev(bdev)
#define daxfs_thaw_bdev(bdev) thaw_bdev(bdev)
#else
#define daxfs_freeze_bdev(bdev) bdev_freeze(bdev)
#define daxfs_thaw_bdev(bdev) bdev_thaw(bdev)
#endif

/* FS_IOC_GETFSUUID, and where the VFS knows it FS_IOC_GETFSSYSFSPATH: the folder in /sys/fs/daxfs. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
static inline void daxfs_set_identity(struct super_block *sb, const u8 *uuid)
{
	super_set_uuid(sb, uuid, sizeof(sb->s_uuid));
	super_set_sysfs_name_id(sb);
}
#else
struct fsuuid2 {
	__u8 len;
	__u8 uuid[16];
};

#define FS_IOC_GETFSUUID	_IOR(0x15, 0, struct fsuuid2)

static inline void daxfs_set_identity(struct super_block *sb, const u8 *uuid)
{
	memcpy(&sb->s_uuid, uuid, sizeof(sb->s_uuid));
}
#endif

/* iomap: what a write checks a map with, and how writeback's end of I/O finds its ioend. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
typedef struct iomap_folio_ops daxfs_iomap_folio_ops;
#define daxfs_folio_ops folio_ops
#else
typedef struct iomap_page_ops daxfs_iomap_folio_ops;
#define daxfs_folio_ops page_ops
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#define daxfs_ioend_bio(ioend) (&(ioend)->io_bio)
#define daxfs_bio_ioend(bio) iomap_ioend_from_bio(bio)
#else
#define daxfs_ioend_bio(ioend) ((ioend)->io_bio)
#define daxfs_bio_ioend(bio) ((struct iomap_ioend *)(bio)->bi_private)
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#define DAXFS_MAP_BLOCKS_ARGS struct iomap_writepage_ctx *wpc, struct inode *inode, loff_t offset, unsigned int length
#else
#define DAXFS_MAP_BLOCKS_ARGS struct iomap_writepage_ctx *wpc, struct inode *inode, loff_t offset
#endif

static inline ssize_t daxfs_file_buffered_write(struct kiocb *iocb, struct iov_iter *from, const struct iomap_ops *ops)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return iomap_file_buffered_write(iocb, from, ops, NULL);
#else
	ssize_t count = iomap_file_buffered_write(iocb, from, ops);

	if (count > 0)
		iocb->ki_pos += count;
	return count;
#endif
}

/* kill_block_super() in two steps, to wait in between. Also of a mount that failed before it had a device. */
static inline void daxfs_shutdown_super(struct super_block *sb)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
	if (sb->s_bdev)
		sb->s_bdev->bd_super = NULL;
#endif
	generic_shutdown_super(sb);
}

/* The device as a superblock has it open: noted, because an unmount may give it back when the superblock is gone. */
struct daxfs_opened {
	struct block_device *bdev;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	struct file *file;
#else
	fmode_t mode;
#endif
};

static inline void daxfs_note_opened(struct daxfs_opened *opened, const struct super_block *sb)
{
	opened->bdev = sb->s_bdev;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	opened->file = sb->s_bdev_file;
#else
	opened->mode = sb->s_mode;
#endif
}

/*
 * The superblock goes, and the device stays open exclusively. Before Linux 6.6 the holder is the type of filesystem:
 * nothing is to be done. Then it is the superblock, which the block layer calls by way of the holder's operations
 * (freezing, flushing, removal): `opened`, which has none, takes its place. The block layer has no call for that, and
 * giving the device back to open it anew would leave a moment for others. bd_holder_lock keeps those out who call the
 * holder; others who claim the device find either of the two, and are told EBUSY.
 */
static inline void daxfs_outlive_super(struct daxfs_opened *opened)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	mutex_lock(&opened->bdev->bd_holder_lock);
	WRITE_ONCE(opened->bdev->bd_holder, opened);
	opened->bdev->bd_holder_ops = NULL;
	mutex_unlock(&opened->bdev->bd_holder_lock);
	/* By this bdev_fput() knows whose the claim is. */
	opened->file->private_data = opened;
#endif
}

static inline void daxfs_put_bdev(struct daxfs_opened *opened)
{
	sync_blockdev(opened->bdev);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	bdev_fput(opened->file);
#else
	blkdev_put(opened->bdev, opened->mode | FMODE_EXCL);
#endif
}

/* The size of a fault, as a number of pages' order; of others than ours something else. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define DAXFS_FAULT_ORDER_ARG	unsigned int order
#define daxfs_fault_order(order) (order)
#define daxfs_dax_order(order) (order)
#else
#define DAXFS_FAULT_ORDER_ARG	enum page_entry_size order
#define daxfs_fault_order(order) ((order) == PE_SIZE_PTE ? 0 : (order) == PE_SIZE_PMD ? PMD_SHIFT - PAGE_SHIFT : -1)
#define daxfs_dax_order(order) ((order) ? PE_SIZE_PMD : PE_SIZE_PTE)
#endif

static inline void daxfs_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

/* Members of tables of operations, and what they are set to. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define daxfs_splice_read copy_splice_read
#else
#define daxfs_splice_read generic_file_splice_read
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define daxfs_dirty_folio iomap_dirty_folio
#define DAXFS_SHUTDOWN_OP(function) .shutdown = function,
#else
#define daxfs_dirty_folio filemap_dirty_folio
#define DAXFS_SHUTDOWN_OP(function)
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define daxfs_error_remove error_remove_folio
#define daxfs_generic_error_remove generic_error_remove_folio
#else
#define daxfs_error_remove error_remove_page
#define daxfs_generic_error_remove generic_error_remove_page
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define daxfs_mmap_sync fop_flags
#define DAXFS_MMAP_SYNC FOP_MMAP_SYNC
#else
#define daxfs_mmap_sync mmap_supported_flags
#define DAXFS_MMAP_SYNC MAP_SYNC
#endif

/* What dax_direct_access() says of a range with a bad block in it; -EIO before Linux 6.6. */
static inline bool daxfs_is_poison(long error)
{
	return error == -EHWPOISON || error == -EIO;
}

/* 64-bit inode numbers in file handles: the types' names are younger than the numbers. */
#define DAXFS_FILEID_INO64_GEN		0x81
#define DAXFS_FILEID_INO64_GEN_PARENT	0x82

/*
 * What the DAX core keeps of mapped pages in the page cache (fs/dax.c, the same from before 6.1 to behind 6.12): above four
 * flags the number of the first page frame. The second flag says that there are 512, the third that they are the zero page,
 * and the fourth that there is none.
 */
static inline unsigned long daxfs_entry_pfn(const void *entry)
{
	return xa_to_value(entry) >> 4;
}

static inline bool daxfs_entry_is_huge(const void *entry)
{
	return xa_to_value(entry) & 2;
}

static inline bool daxfs_entry_is_zeros(const void *entry)
{
	return xa_is_value(entry) && xa_to_value(entry) & 4;
}

static inline bool daxfs_entry_has_pages(const void *entry)
{
	return xa_is_value(entry) && !(xa_to_value(entry) & 12);
}

#endif /* DAXFS_COMPAT_H */

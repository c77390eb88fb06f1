/* SPDX-License-Identifier: GPL-2.0 */
/* An inode on the device: its locks, and how it is stored. */
#ifndef DAXFS_INODE_H
#define DAXFS_INODE_H

#include "daxfs.h"

/* Regular files that are not accessed through DAX: their data goes through the page cache, or by direct I/O. */
static inline bool daxfs_in_page_cache(const struct inode *inode)
{
	return S_ISREG(inode->i_mode) && !IS_DAX(inode);
}

/*
 * The size of a regular file on the device. Of one in the page cache it trails i_size, which moves as bytes are copied, and
 * follows in the completion of their I/O. Both of these in a transaction, before daxfs_store_inode(), which stores i_size of
 * other inodes alone.
 */
static inline void daxfs_move_size(struct inode *inode, loff_t size)
{
	i_size_write(inode, size);
	DAXFS_I(inode)->raw->size = cpu_to_le64(size);
}

/* Data up to `size` is on the device. */
static inline void daxfs_grow_size(struct inode *inode, loff_t size)
{
	struct daxfs_inode *raw = DAXFS_I(inode)->raw;

	if (!daxfs_in_page_cache(inode) && size > i_size_read(inode))
		i_size_write(inode, size);
	if (size > (loff_t)le64_to_cpu(raw->size))
		raw->size = cpu_to_le64(size);
}

bool daxfs_wants_dax(const struct inode *inode);
loff_t daxfs_stored_size(struct inode *inode);	/* takes the inode lock shared; 0 when the device is gone */
/* VFS fields (mode, owner, nlink, size, times, flags, blocks, change, parent) into the raw inode, sealed. The caller has
 * logged the core and passed daxfs_tx_ready(). The fork is the caller's and is stored before, as is what no inode changes. */
void daxfs_store_inode(struct inode *inode);
/* Size and blocks alone, sealed, where daxfs_times_stored() said before the transaction that the rest is stored. */
void daxfs_store_sizes(struct inode *inode);
/* mtime, ctime and change cookie on the device are those of the VFS. Of atime nobody asks: it is stored when it is due. */
bool daxfs_times_stored(const struct inode *inode);
/* What is behind the core of an inode, from its first word that is not zero to its last. None: *from is *to. */
void daxfs_inode_rest(const struct daxfs_inode *raw, u32 *from, u32 *to);
/* One transaction that stores the inode's core: flags, times. Takes the inode lock. */
int daxfs_commit_inode(struct inode *inode);
/* The same inside the gate, with the lock held exclusive: whoever changed the VFS's fields under it can put them back. */
int daxfs_commit_inode_locked(struct inode *inode);
/* Up to four distinct inodes, NULLs allowed, by ascending number; nested lockdep classes. */
void daxfs_lock_inodes(struct inode *a, struct inode *b, struct inode *c, struct inode *d);
void daxfs_unlock_inodes(struct inode *a, struct inode *b, struct inode *c, struct inode *d);
int daxfs_write_inode(struct inode *inode, struct writeback_control *wbc);

#endif /* DAXFS_INODE_H */

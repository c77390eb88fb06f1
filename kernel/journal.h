/* SPDX-License-Identifier: GPL-2.0 */
/* Transactions, as told in daxfs.h. */
#ifndef DAXFS_JOURNAL_H
#define DAXFS_JOURNAL_H

#include "daxfs.h"
#include "sites.h"

struct daxfs_tx *daxfs_tx_begin(struct super_block *sb);	/* ERR_PTR(-EROFS, -EIO after shutdown) */
void daxfs_tx_add(struct daxfs_tx *tx, u64 block, u32 offset, u32 bytes);	/* inside one block; errors come out of ready */
void daxfs_tx_add_data(struct daxfs_tx *tx, u64 block, u32 offset, u32 bytes);	/* ... of a file's data, which user space may map */
void daxfs_tx_alloc(struct daxfs_tx *tx, struct daxfs_run run);		/* reserved before; takes the reservation over */
void daxfs_tx_free(struct daxfs_tx *tx, struct daxfs_run run);
void daxfs_tx_data_goes(struct daxfs_tx *tx, const struct inode *inode);	/* said before daxfs_tx_free() of data */
void daxfs_tx_inode_take(struct daxfs_tx *tx, u64 ino);			/* a free inode becomes used: counters */
void daxfs_tx_inode_give(struct daxfs_tx *tx, u64 ino);
void daxfs_tx_inode_chunk(struct daxfs_tx *tx, struct daxfs_run run);	/* reserved blocks become free inodes */
/* Blocks of free inodes, every one of which is promised to the caller, become free. If that fails they still are. */
void daxfs_tx_inode_blocks_free(struct daxfs_tx *tx, struct daxfs_run run);
/* An inode counts once, while nlink is 0 or an operation is in progress: not set again for an operation on an orphan. */
void daxfs_tx_orphan(struct daxfs_tx *tx, u64 ino, bool set);
/* Room for `runs` more of daxfs_tx_alloc/free, each of at most DAXFS_MAX_RUN blocks, beside the small things that end an
 * operation (a node on each level and an inode)? Else commit and go on in another. Ask with 1 before each of many. */
bool daxfs_tx_has_room(struct daxfs_tx *tx, u32 runs);
int daxfs_tx_ready(struct daxfs_tx *tx);
int daxfs_tx_commit(struct daxfs_tx *tx);	/* frees tx; fails only after shutdown */
void daxfs_tx_cancel(struct daxfs_tx *tx);	/* frees tx */
bool daxfs_in_tx(struct super_block *sb);	/* does this task have a transaction open? */
/* daxfs_tx_begin() for ag.c and superblock.c: also on a read-only mount, and without looking for space. */
struct daxfs_tx *daxfs_tx_begin_internal(struct super_block *sb);
int daxfs_journals_alloc(struct super_block *sb);
void daxfs_journals_free(struct daxfs_sb_info *sbi);
/* The inode's lock is held exclusive until the commit. inode: all 512 bytes. core: what daxfs_store_inode() stores; sizes:
 * what daxfs_store_sizes() does. operation: its arguments, beside the core. rest: [from, to) behind the core. fork: what
 * `fork` will change of it, all of it in the first `used` bytes; whoever stores a fork logs it so. */
#define DAXFS_CORE_BYTES	offsetof(struct daxfs_inode, rdev_major)
void daxfs_tx_add_inode(struct daxfs_tx *tx, struct inode *inode);
void daxfs_tx_add_core(struct daxfs_tx *tx, struct inode *inode);
void daxfs_tx_add_sizes(struct daxfs_tx *tx, struct inode *inode);
void daxfs_tx_add_operation(struct daxfs_tx *tx, struct inode *inode);
void daxfs_tx_add_rest(struct daxfs_tx *tx, struct inode *inode, u32 from, u32 to);
void daxfs_tx_add_fork(struct daxfs_tx *tx, struct inode *inode, const union daxfs_fork *fork, u32 used);
/* A block's worth of memory, not zeroed, that the transaction owns: gone with its end. NULL without memory. */
void *daxfs_tx_buffer(struct daxfs_tx *tx);

#if defined(DAXFS_SITES) && !defined(DAXFS_DEFINES_TX)
#define daxfs_tx_add(...)		daxfs_site(daxfs_tx_add, __VA_ARGS__)
#define daxfs_tx_add_data(...)		daxfs_site(daxfs_tx_add_data, __VA_ARGS__)
#define daxfs_tx_add_inode(...)		daxfs_site(daxfs_tx_add_inode, __VA_ARGS__)
#define daxfs_tx_add_core(...)		daxfs_site(daxfs_tx_add_core, __VA_ARGS__)
#define daxfs_tx_add_sizes(...)		daxfs_site(daxfs_tx_add_sizes, __VA_ARGS__)
#define daxfs_tx_add_operation(...)	daxfs_site(daxfs_tx_add_operation, __VA_ARGS__)
#define daxfs_tx_add_rest(...)		daxfs_site(daxfs_tx_add_rest, __VA_ARGS__)
#define daxfs_tx_add_fork(...)		daxfs_site(daxfs_tx_add_fork, __VA_ARGS__)
#define daxfs_tx_alloc(...)		daxfs_site(daxfs_tx_alloc, __VA_ARGS__)
#define daxfs_tx_free(...)		daxfs_site(daxfs_tx_free, __VA_ARGS__)
#define daxfs_tx_inode_take(...)	daxfs_site(daxfs_tx_inode_take, __VA_ARGS__)
#define daxfs_tx_inode_give(...)	daxfs_site(daxfs_tx_inode_give, __VA_ARGS__)
#define daxfs_tx_inode_chunk(...)	daxfs_site(daxfs_tx_inode_chunk, __VA_ARGS__)
#define daxfs_tx_inode_blocks_free(...)	daxfs_site(daxfs_tx_inode_blocks_free, __VA_ARGS__)
#define daxfs_tx_orphan(...)		daxfs_site(daxfs_tx_orphan, __VA_ARGS__)
#endif

#endif /* DAXFS_JOURNAL_H */

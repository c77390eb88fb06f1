/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of this module promise each other.
 *
 * Lock order, outermost first:
 *	s_umount > mounts_lock (failure.c) > daxfs_sb_info.device_lock
 *	sb_start_write
 *	inode->i_rwsem
 *	daxfs_ag.grow_lock		one at a time
 *	mmap_lock
 *	sb_start_pagefault
 *	mapping->invalidate_lock
 *	DAX entry lock; of a file in the page cache its folio's lock
 *	daxfs_sb_info.reclaim_step	the worker's, and of who counts free blocks
 *	daxfs_inode_info.lock		several by ascending inode number, see daxfs_lock_inodes()
 *	daxfs_sb_info.trim_lock		around transactions of its owner
 *	a transaction			daxfs_tx_begin(): waits for nobody, and one task has one
 *	daxfs_sb_info.held_lock		only leaves inside
 *	daxfs_sb_info.survey_lock	never inside a transaction, nor around one
 *	AG locks, ascending		only daxfs_tx_ready() takes them
 *	daxfs_sb_info.super_lock
 *	journal slot			in daxfs_tx_ready(), to the commit: whoever has one waits for no lock
 * daxfs_ag.reserve_lock, daxfs_sb_info.scarce_lock and daxfs_inode_info.found_lock are leaves, taken anywhere, never held
 * over a sleep.
 *
 * The gate. Whoever touches the mapped device, metadata or data, does so between daxfs_enter() and daxfs_leave(): while
 * somebody is inside, the driver does not take the mapping away. It is entered for each look at an inode (but one that
 * lookup_dax() remembers: then the DAX core enters it, for the data) or step of a
 * change of it, before the inode lock, and left after it; nesting is fine. Entering never sleeps. Inside, never wait for
 * what only user space can end: a page fault, a pinned page, a thaw (sb_start_*).
 *
 * iomap_begin runs with a DAX entry or a folio locked. Under daxfs_inode_info.lock never invalidate or unmap mappings, or
 * touch user memory, except copies with page faults disabled.
 *
 * How a transaction goes (journal.c):
 *
 *	tx = daxfs_tx_begin(sb);		nofs; nothing may sleep on user memory from here on
 *	daxfs_tx_add(tx, p, n);			notes every range that will change
 *	daxfs_tx_alloc/free(tx, ...);		queues changes of the maps
 *	err = daxfs_tx_ready(tx);		locks the AGs, notes their words, takes a slot of the journals and logs the
 *						old bytes of all ranges, FENCE 1: all undo is durable; then edits the
 *						maps. The last call that can fail.
 *	... stores in place ...			plain stores; seal every unit whose checksum covers them
 *	daxfs_tx_commit(tx);			flushes every logged range, FENCE 2: the new state is durable;
 *						commit word, flush, FENCE 3: the transaction is durable. Then AG locks
 *						drop, reservations end, the slot is free.
 *
 * daxfs_tx_cancel() instead of daxfs_tx_ready(), or when that failed: nothing was stored. It ends the reservations of every
 * run that was queued with daxfs_tx_alloc() or daxfs_tx_inode_chunk(): who queued them must not call daxfs_unreserve().
 * New blocks that nothing reaches yet need no undo: write them, daxfs_flush() them before daxfs_tx_commit().
 * Two open transactions never share a checksummed unit: the lock that covers the unit is held until the commit.
 */
#ifndef DAXFS_KERNEL_H
#define DAXFS_KERNEL_H

#include <linux/fs.h>
#include <linux/completion.h>
#include <linux/dax.h>
#include <linux/iomap.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/percpu_counter.h>
#include <linux/ratelimit.h>
#include <linux/rwsem.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "daxfs_format.h"
#include "daxfs_trace_format.h"
#include "compat.h"

#define DAXFS_MAX_RUN		(1u << 18)	/* blocks in one daxfs_run of a reservation or tx_free: 1 GiB */
#define DAXFS_HUGE_SHIFT	21		/* bytes in a huge page */
#define DAXFS_FAULT_BITS	14

enum daxfs_dax_mode { DAXFS_DAX_ALWAYS, DAXFS_DAX_INODE, DAXFS_DAX_NEVER };
enum daxfs_errors_mode { DAXFS_ERRORS_RO, DAXFS_ERRORS_SHUTDOWN, DAXFS_ERRORS_CONTINUE };

struct daxfs_tx;	/* journal.h */

/* A run of blocks on the device. */
struct daxfs_run {
	u64 block;
	u32 count;
};

/* Kinds of what is free, see space.c. */
enum daxfs_offer {
	DAXFS_OFFERS_WHOLE,	/* wholly free huge pages */
	DAXFS_OFFERS_ROOM,	/* large holes, where huge pages are to be saved */
	DAXFS_OFFERS_HOLES,	/* free blocks in broken huge pages */
	DAXFS_OFFERS_KEPT,	/* windows */
	DAXFS_OFFERS_INODES,	/* free inodes, be that in blocks that nobody has looked into */
	DAXFS_OFFERS
};

/*
 * Inodes of one block that are somebody's, whatever their modes say: he takes them into use, frees them, or gives the block
 * back. There are about as many as tasks that do, so a list is searched sooner than a table is kept.
 */
struct daxfs_promise {
	struct list_head list;		/* daxfs_ag.promises */
	u64 first;			/* number of the block's first inode */
	u8 inodes;			/* bit an inode of the block */
};

/* Those of an AG's header. */
struct daxfs_ag_counters {
	u32 free_blocks, inode_blocks, free_inodes, orphan_groups;
};

/* In-memory side of an allocation group. No two share a cache line: whoever works in one is not slowed down by others. */
struct daxfs_ag {
	struct mutex lock;		/* header, maps and their checksums, orphans, verified, counters: until commit */
	struct daxfs_ag_counters counters;	/* what the transaction that has the lock will store to the header */
	spinlock_t reserve_lock;	/* the fields below */
	unsigned long *reserved;	/* bit a block: promised to somebody, or freed by an open transaction */
	unsigned long *open_inodes;	/* bit a block: a block of inodes that has a free one, as far as was looked */
	unsigned long *empty_inodes;	/* bit a block: of those one that has no other */
	u32 blocks;
	u32 free_blocks;		/* neither allocated nor reserved */
	u32 free_huge;			/* huge pages of such blocks alone */
	u32 kept_blocks;		/* reserved by windows: their files' for as long as there are others */
	u32 held_blocks;		/* bits of `held` */
	unsigned long *held;		/* bit a block: freed while somebody referred to its page, see held.c; NULL: none yet */
	struct list_head windows;	/* struct daxfs_window, oldest first */
	u16 *page_free;			/* free blocks of each huge page; with the bitmaps below in one piece of memory */
	unsigned long *whole_pages;	/* bit a huge page: all of its blocks are free */
	unsigned long *hole_pages;	/* some of them */
	unsigned long *room_pages;	/* those of these where some lie together, as far as is known */
	u32 rooms;			/* bits of `room_pages` */
	u8 offers;			/* bit an enum daxfs_offer: what daxfs_sb_info.ags_with has of it */
	u32 free_inodes;		/* neither used nor taken */
	u32 inode_hint;			/* below it no bit of `open_inodes` is set */
	u32 inode_blocks;
	u32 empty_blocks;		/* bits of `empty_inodes` */
	u32 leaving_blocks;		/* were such, and are being given back */
	u32 unseen;			/* blocks of inodes below this one nobody has looked into yet; under survey_lock */
	bool survey;			/* the survey is to look into them, and is queued; under survey_lock */
	struct list_head promises;	/* struct daxfs_promise */
	struct mutex grow_lock;		/* the two below: one chunk of inodes at a time for who starts from this AG */
	u32 grown;			/* counts them */
	u32 grown_in;			/* the AG where the last one was to be had */
	u8 *orphans;			/* orphans in each group of 64 inodes; NULL: none yet */
	unsigned long *verified;	/* bit a map block: checksum verified in this mount */
	unsigned long *failed;		/* bit a map block: it was wrong; files that lie there ask often */
	unsigned long *touched;		/* bit a block: metadata that was read without a media error; NULL: none yet */
	unsigned long *nodes;		/* bit a block: a node that was believed in this mount, see tree.c; NULL: none yet */
	bool loaded;			/* header verified, arrays allocated */
	bool counted;			/* bitmap verified, free_huge known: needed to allocate and to free */
} ____cacheline_aligned_in_smp;

struct daxfs_journal {
	u32 id;
	u64 block;
	u64 sequence;			/* of the last commit */
	bool voided;			/* nothing that was left in the slot can count any more; the owner's */
	void *slot;			/* in pmem, from daxfs_map_range() */
	unsigned long busy;		/* bit 0: a transaction has it */
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	struct lockdep_map dep_map;	/* the slot is a lock to lockdep */
#endif
} ____cacheline_aligned_in_smp;

/* Since mount, one set a CPU. */
struct daxfs_counters {
	u64 commits, flushed_lines, fences, logged_bytes;
	u64 looks;			/* of the search for space, into an AG or a huge page */
};

struct daxfs_sb_info {
	struct super_block *sb;		/* NULL where the unmount goes on without it */
	struct daxfs_opened opened;
	struct dax_device *dax_dev;
	bool read_only_device;
	u64 dax_start;			/* byte offset of our partition on dax_dev */
	/* Direct map of the device, see daxfs_address(): one range, or pieces of 2^piece_shift blocks. */
	void *whole;
	unsigned long whole_pfn;	/* of the page at `whole` */
	void **pieces;
	u8 piece_shift;
	u64 device_blocks;
	struct daxfs_super *super;	/* in pmem: stored to, and read once */
	struct daxfs_super believed;	/* what it says, where nobody else stores to it. After mounting under super_lock */
	struct mutex super_lock;
	u32 seed;			/* of every checksum */
	u64 hash_key[2];
	u64 block_count;
	u64 root_reserve;		/* only CAP_SYS_RESOURCE allocates the last ones */
	u64 meta_reserve;		/* only daxfs_alloc.reserve_ok allocates the last ones */
	u32 align_blocks;
	u8 ag_shift;
	u32 ag_count;
	u32 initialised_ags;
	u32 head_blocks, bitmap_blocks, orphan_map_blocks;
	u32 map_end;			/* blocks of superblock copy, header and maps */
	struct daxfs_ag *ags;		/* ag_count of them */
	unsigned long *ags_with[DAXFS_OFFERS];	/* bit an AG: it offers this, see space.c; one piece of memory */
	atomic64_t uninitialised_blocks;	/* the part of free_blocks in AGs without a head */
	s32 count_batch;		/* blocks that a CPU may take or free before free_blocks.count knows; see space.c */
	s64 untold_blocks;		/* bounds what all of them have not told */
	struct mutex survey_lock;	/* daxfs_ag.unseen */
	struct mutex trim_lock;		/* giving empty blocks of inodes back: who finds no space waits for who does so */
	struct delayed_work inode_work;
	atomic_t came_back;		/* counts what daxfs_make_space() looks for, see daxfs_note_space() */
	/* reclaim.c: large files that nobody has any more */
	struct mutex reclaim_step;	/* around each transaction of the worker: who counts free blocks misses none */
	spinlock_t reclaim_lock;	/* of the two below; a leaf */
	struct list_head reclaim;
	struct daxfs_inode_info *reclaiming;
	struct work_struct reclaim_work;
	wait_queue_head_t reclaim_wait;	/* until one file less is on the list */
	/* held.c: pages that were mapped, and those that somebody still refers to */
	unsigned long *exposed;		/* bit a huge page, from align_blocks on */
	u64 exposed_bits;
	struct mutex held_lock;		/* letting go: who finds no space waits for who does so */
	atomic64_t held_blocks;		/* freed, and neither free nor anybody's */
	struct delayed_work held_work;
	struct mutex late_lock;
	struct xarray late;		/* pages to be flushed once more, and at each fsync() until then: held.c */
	struct daxfs_journal *journals;
	u32 journal_count, journal_blocks;
	struct daxfs_tx * __percpu *idle_tx;	/* see journal.c */
	wait_queue_head_t journal_wait;
	wait_queue_head_t fault_wait;
	enum daxfs_dax_mode dax_mode;
	struct workqueue_struct *convert_wq;	/* ends writeback, see buffered.c */
	enum daxfs_errors_mode errors_mode;
	bool norecovery;
	bool unrecovered;		/* the journals cannot be read: read-only for good */
	bool orphans_recovered;
	bool recovering;		/* a mount or a remount finishes what was cut off, also where it is read-only */
	bool shutdown;
	bool mounted;			/* from the root on to where nothing of ours runs any more: damage is answered */
	bool damaged;			/* damage was met in this mount */
	bool emergency_ro;		/* it was answered with errors=remount-ro: for good, and not the VFS's SB_RDONLY */
	struct ratelimit_state corrupt_limit;
	struct delayed_work error_work;	/* sets DAXFS_STATE_ERRORS */
	struct kobject kobj;		/* /sys/fs/daxfs/DEVICE */
	struct completion kobj_gone;
	struct daxfs_counters __percpu *counters;
	/* failure.c, removal.c: what the device tells, and what leads to it */
	struct list_head mounts;	/* of all filesystems, under mounts_lock */
	bool dax_holder;		/* dax_dev's holder is ours, on this mount's account */
	atomic_t leaving;		/* how many deal with its removal, without mounts_lock: it stays on the list */
	bool closing;			/* unmounting: the inodes are the VFS's alone */
	struct work_struct unmount_work;	/* waits for pages that are held, when whoever unmounts does not */
	struct rw_semaphore device_lock;	/* shared: acting on what the device told; exclusive: evicting all */
	spinlock_t errors_lock;		/* a leaf */
	struct list_head media_errors;	/* to be looked into by media_work */
	struct work_struct media_work;
	/*
	 * What operations of files write, in cache lines apart from what all of them read above.
	 *
	 * Free blocks of the whole filesystem: reservations taken off, windows and uninitialised AGs counted.
	 */
	struct percpu_counter free_blocks ____cacheline_aligned_in_smp;
	spinlock_t scarce_lock;		/* a leaf: taking some of the last ones */
	atomic_t ag_turn ____cacheline_aligned_in_smp;	/* counts daxfs_ag_in_turn() */
	spinlock_t mapped_lock ____cacheline_aligned_in_smp;	/* a leaf but for i_lock */
	struct list_head mapped;	/* inodes that were mapped */
	atomic_t ioends ____cacheline_aligned_in_smp;	/* writeback under way that the work will complete */
	atomic64_t due;			/* of all inodes */
	/* Of pages that faults map, see pages.c: one a huge page, by its number modulo their count. */
	u8 fault_state[1u << DAXFS_FAULT_BITS] ____cacheline_aligned_in_smp;
};

struct daxfs_map {
	u64 file_block;
	u64 disk_block;		/* 0 for a hole */
	u64 count;		/* blocks from file_block on; a hole reaches to the next extent or DAXFS_MAX_FILE_BLOCK + 1 */
	enum daxfs_map_state state;
	bool by_node;		/* it is not the inode that says so: see daxfs_may_load() */
	u64 sequence;		/* daxfs_inode_info.map_sequence at the lookup */
};

struct daxfs_inode_info {
	struct rw_semaphore lock;	/* the 512-byte inode, its trees and their checksums, until commit */
	spinlock_t ioend_lock;		/* of `ioends`; a leaf, taken where an I/O ends */
	struct list_head ioends;	/* writeback that reached the device; the work completes it */
	struct work_struct ioend_work;
	atomic64_t due;			/* blocks taken off the free ones for what its conversions may need, see data.c */
	struct daxfs_inode *raw;	/* in pmem */
	u32 flags;			/* DAXFS_INODE_* */
	u64 blocks;			/* as in the inode */
	u64 map_sequence;		/* moves with every change of the map, under the lock */
	u64 parent;
	u32 child_ag;			/* of a directory: a hint, 1 + the AG outside its own that has its newest child; or 0 */
	u32 project;
	struct timespec64 btime;
	/*
	 * A truncate, collapse or insert began and was given up, by damage or because nothing is written any more: until
	 * recovery goes on with it at the next mount, map and size stay as they are, and blocks of the file from `sound_end` on
	 * are neither as before nor as after. Under the lock.
	 */
	bool unfinished;
	u64 sound_end;
	struct daxfs_promise promise;	/* of its own number, while it is made and while it is freed */
	bool stored;			/* is on the device: read from it, or daxfs_store_inode() was called */
	bool claimed;			/* the maps have been asked about the extents in the inode, see claim.c */
	bool doubtful;			/* the maps that should vouch for its blocks cannot be read: not to be changed */
	u64 doubtful_leaf;		/* then no node is believed for good: the leaf that was verified last */
	struct list_head mapped;	/* in daxfs_sb_info.mapped, from the first mmap(2) on */
	bool late;			/* pages of it may be in daxfs_sb_info.late */
	struct list_head windows;	/* struct daxfs_window: kept for the file to grow into. Under `lock` */
	atomic_t writers;		/* open files that may write: the last one to go ends the windows */
	bool emptied;			/* truncated to 0 in the page cache: each of them that goes brings out what is there */
	seqlock_t found_lock;		/* of `found`; a leaf */
	struct daxfs_map found;		/* written blocks that a lookup found last, see lookup_dax() in iomap.c */
	struct daxfs_write *write;	/* a write(2) in progress, NULL otherwise; see iomap.h. Under i_rwsem exclusive */
	struct inode vfs_inode;
};

static inline struct daxfs_sb_info *DAXFS_SB(const struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline struct daxfs_inode_info *DAXFS_I(const struct inode *inode)
{
	return container_of(inode, struct daxfs_inode_info, vfs_inode);
}

static inline void *daxfs_address(const struct daxfs_sb_info *sbi, u64 block)
{
	if (likely(sbi->whole))
		return sbi->whole + (block << DAXFS_BLOCK_SHIFT);
	return sbi->pieces[block >> sbi->piece_shift] +
	       ((block & ((1ull << sbi->piece_shift) - 1)) << DAXFS_BLOCK_SHIFT);
}

/* The address of `block`. The caller knows that block < block_count: check what comes from the device first. */
static inline void *daxfs_block(const struct daxfs_sb_info *sbi, u64 block)
{
#ifdef CONFIG_PROVE_LOCKING
	dax_alive(sbi->dax_dev);	/* asserts that we are inside the gate */
#endif
	return daxfs_address(sbi, block);
}

static inline unsigned long daxfs_pfn(const struct daxfs_sb_info *sbi, u64 block)
{
	if (likely(sbi->whole))
		return sbi->whole_pfn + block;
	return page_to_pfn(virt_to_page(daxfs_address(sbi, block)));
}

/* Its page, which lives as long as the device is ours: outside the gate too, where device removal waits for the caller. */
static inline struct page *daxfs_page(const struct daxfs_sb_info *sbi, u64 block)
{
	return pfn_to_page(daxfs_pfn(sbi, block));
}

/* The device offset of a metadata address is not computable from it: units carry or know their block. */
static inline struct daxfs_inode *daxfs_raw_inode(const struct daxfs_sb_info *sbi, u64 ino)
{
	return daxfs_block(sbi, ino >> 3) + ((ino & 7) << DAXFS_INODE_SHIFT);
}

static inline bool daxfs_block_valid(const struct daxfs_sb_info *sbi, u64 block, u64 count)
{
	return block >= sbi->align_blocks && block < sbi->block_count && count <= sbi->block_count - block;
}

static inline u32 daxfs_ag_of(const struct daxfs_sb_info *sbi, u64 block)
{
	return (block - sbi->align_blocks) >> sbi->ag_shift;
}

static inline u64 daxfs_ag_start(const struct daxfs_sb_info *sbi, u32 agno)
{
	return sbi->align_blocks + ((u64)agno << sbi->ag_shift);
}

/*
 * Of a local variable that is large and set member by member before it is read. Kernels that clear the stack
 * (CONFIG_INIT_STACK_ALL_ZERO) do so at a store a word, which is much in front of a short operation.
 */
#define DAXFS_NOT_CLEARED __attribute__((__uninitialized__))

#define daxfs_count(sbi, member, n) this_cpu_add((sbi)->counters->member, n)

static inline bool daxfs_is_shutdown(const struct daxfs_sb_info *sbi)
{
	return READ_ONCE(sbi->shutdown);
}

#endif /* DAXFS_KERNEL_H */

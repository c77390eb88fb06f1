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
 *	daxfs_inode_info.lock		several by ascending inode number, see daxfs_lock_inodes()
 *	journal slot			daxfs_tx_begin()
 *	daxfs_sb_info.survey_lock	never inside a transaction, nor around one
 *	AG locks, ascending		only daxfs_tx_ready() takes them
 *	daxfs_sb_info.super_lock
 * daxfs_ag.reserve_lock and daxfs_inode_info.found_lock are leaves, taken anywhere, never held over a sleep.
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
 *	tx = daxfs_tx_begin(sb);		takes a slot; nofs; nothing may sleep on user memory from here on
 *	daxfs_tx_add(tx, p, n);			logs the old bytes of every range that will change
 *	daxfs_tx_alloc/free(tx, ...);		queues changes of the maps
 *	err = daxfs_tx_ready(tx);		locks the AGs, logs their words, FENCE 1: all undo is durable;
 *						then edits the maps. The last call that can fail.
 *	... stores in place ...			plain stores; seal every unit whose checksum covers them
 *	daxfs_tx_commit(tx);			flushes every logged range, FENCE 2: the new state is durable;
 *						commit word, flush, FENCE 3: the transaction is durable. Then AG locks
 *						drop, reservations end, the slot is free.
 *
 * daxfs_tx_cancel() instead of commit rolls back; before daxfs_tx_ready() nothing was stored, and it costs one commit
 * word where something was logged. It ends the reservations of every run that was queued with daxfs_tx_alloc() or
 * daxfs_tx_inode_chunk(): who queued them must not call daxfs_unreserve().
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
#include <linux/ratelimit.h>
#include <linux/rwsem.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "daxfs_format.h"
#include "compat.h"
#include "points.h"

#define DAXFS_MAX_RUN		(1u << 18)	/* blocks in one daxfs_run of a reservation or tx_free: 1 GiB */
#define DAXFS_FAULT_BITS	14

enum daxfs_dax_mode { DAXFS_DAX_ALWAYS, DAXFS_DAX_INODE, DAXFS_DAX_NEVER };
enum daxfs_errors_mode { DAXFS_ERRORS_RO, DAXFS_ERRORS_SHUTDOWN, DAXFS_ERRORS_CONTINUE };

/* A run of blocks on the device. */
struct daxfs_run {
	u64 block;
	u32 count;
};

/* In-memory side of an allocation group. */
struct daxfs_ag {
	struct mutex lock;		/* header, maps and their checksums, orphans, verified: until commit */
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
	u32 free_inodes;		/* neither used nor taken */
	u32 hint;			/* below this block there are no free ones outside free huge pages */
	u32 room_hint;			/* below it there are no holes of 64 KiB */
	u32 inode_hint;			/* below it no bit of `open_inodes` is set */
	u32 empty_blocks;		/* bits of `empty_inodes` */
	u32 unseen;			/* blocks of inodes below this one nobody has looked into yet; under survey_lock */
	bool survey;			/* the survey is to look into them */
	struct xarray taken_inodes;	/* inode slots promised to an open transaction, by number */
	struct mutex grow_lock;		/* the two below: one chunk of inodes at a time for who starts from this AG */
	u32 grown;			/* counts them */
	u32 grown_in;			/* the AG where the last one was to be had */
	u8 *orphans;			/* orphans in each group of 64 inodes; NULL: none yet */
	unsigned long *verified;	/* bit a map block: checksum verified in this mount */
	unsigned long *failed;		/* bit a map block: it was wrong; files that lie there ask often */
	unsigned long *touched;		/* bit a block: metadata that was read without a media error; NULL: none yet */
	unsigned long *nodes;		/* bit a block: a node that was believed in this mount, see claim.c; NULL: none yet */
	bool loaded;			/* header verified, arrays allocated */
	bool counted;			/* bitmap verified, free_huge known: needed to allocate and to free */
};

struct daxfs_journal {
	u32 id;
	u64 block;
	u64 sequence;			/* of the last commit */
	void *slot;			/* in pmem, from daxfs_map_range() */
	struct daxfs_tx *tx;		/* preallocated: a transaction allocates nothing */
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	struct lockdep_map dep_map;	/* the slot is a lock to lockdep, and the AG locks nest in it */
#endif
};

/* Since mount, one set a CPU. */
struct daxfs_counters {
	u64 commits, flushed_lines, fences, logged_bytes;
};

struct daxfs_sb_info {
	struct super_block *sb;
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
	/* Of the whole filesystem: reservations taken off, windows and uninitialised AGs counted. */
	atomic64_t free_blocks;
	atomic64_t uninitialised_blocks;	/* the part of free_blocks in AGs without a head */
	atomic64_t free_inodes;
	atomic64_t inode_blocks;
	atomic64_t empty_blocks;	/* those known to hold no inode, see inode_blocks.c */
	struct mutex survey_lock;	/* daxfs_ag.unseen */
	struct delayed_work inode_work;
	/* held.c: pages that were mapped, and those that somebody still refers to */
	unsigned long *exposed;		/* bit a huge page, from align_blocks on */
	u64 exposed_bits;
	atomic64_t held_blocks;		/* freed, and neither free nor anybody's */
	struct delayed_work held_work;
	struct daxfs_journal *journals;
	u32 journal_count, journal_blocks;
	unsigned long *journal_busy;	/* bit a slot */
	wait_queue_head_t journal_wait;
	/* Of pages that faults map, see fault.c: one a huge page, by its number modulo their count. */
	u8 fault_state[1u << DAXFS_FAULT_BITS];
	wait_queue_head_t fault_wait;
	enum daxfs_dax_mode dax_mode;
	struct workqueue_struct *convert_wq;	/* ends writeback, see buffered.c */
	atomic_t ioends;		/* writeback under way that the work will complete */
	enum daxfs_errors_mode errors_mode;
	bool norecovery;
	bool unrecovered;		/* the journals cannot be read: read-only for good */
	bool orphans_recovered;
	bool recovering;		/* a mount or a remount finishes what was cut off, also where it is read-only */
	bool shutdown;
	bool damaged;			/* damage was met in this mount */
	bool emergency_ro;		/* it was answered with errors=remount-ro: for good, and not the VFS's SB_RDONLY */
	struct ratelimit_state corrupt_limit;
	struct delayed_work error_work;	/* sets DAXFS_STATE_ERRORS */
	struct kobject kobj;		/* /sys/fs/daxfs/DEVICE */
	struct completion kobj_gone;
	struct daxfs_counters __percpu *counters;
	/* failure.c: the device's removal and its media errors */
	struct list_head mounts;	/* of all filesystems, under mounts_lock */
	bool dax_holder;		/* dax_dev's holder is ours, on this mount's account */
	bool closing;			/* unmounting: the inodes are the VFS's alone */
	struct rw_semaphore device_lock;	/* shared: acting on what the device told; exclusive: unmounting */
	spinlock_t mapped_lock;		/* a leaf but for i_lock */
	struct list_head mapped;	/* inodes that were mapped */
	spinlock_t errors_lock;		/* a leaf */
	struct list_head media_errors;	/* to be looked into by media_work */
	struct work_struct media_work;
};

/* What a range of a file's blocks is mapped to. */
enum daxfs_map_state { DAXFS_MAP_HOLE, DAXFS_MAP_WRITTEN, DAXFS_MAP_UNWRITTEN };

struct daxfs_map {
	u64 file_block;
	u64 disk_block;		/* 0 for a hole */
	u64 count;		/* blocks from file_block on; a hole reaches to the next extent or DAXFS_MAX_FILE_BLOCK + 1 */
	enum daxfs_map_state state;
	u64 sequence;		/* daxfs_inode_info.map_sequence at the lookup */
};

#define DAXFS_VERIFIED_NODES	8

struct daxfs_inode_info {
	struct rw_semaphore lock;	/* the 512-byte inode, its trees and their checksums, until commit */
	spinlock_t ioend_lock;		/* of `ioends`; a leaf, taken where an I/O ends */
	struct list_head ioends;	/* writeback that reached the device; the work completes it */
	struct work_struct ioend_work;
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
	bool stored;			/* is on the device: read from it, or daxfs_store_inode() was called */
	bool claimed;			/* the maps have been asked about the extents in the inode, see claim.c */
	bool doubtful;			/* the maps that should vouch for its blocks cannot be read: not to be changed */
	u64 verified[DAXFS_VERIFIED_NODES];	/* extent tree nodes whose checksum was seen to be right, by block */
	struct list_head mapped;	/* in daxfs_sb_info.mapped, from the first mmap(2) on */
	struct list_head windows;	/* struct daxfs_window: kept for the file to grow into. Under `lock` */
	atomic_t writers;		/* open files that may write: the last one to go ends the windows */
	bool emptied;			/* truncated to 0 in the page cache: that one brings out what was written since */
	seqlock_t found_lock;		/* of `found`; a leaf */
	struct daxfs_map found;		/* written blocks that a lookup found last, see lookup_dax() in iomap.c */
	struct daxfs_write *write;	/* a write(2) in progress, NULL otherwise; see data.h. Under i_rwsem exclusive */
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

/* The bits of 64-bit word `word` of a map that lie in [first, end), which reaches into it. */
static inline __le64 daxfs_word_mask(u32 word, u32 first, u32 end)
{
	u32 low = max(first, word * 64) - word * 64;
	u32 high = min(end, word * 64 + 64) - word * 64;

	return cpu_to_le64((~0ull >> (64 - (high - low))) << low);
}

#define DAXFS_NO_WORD	U32_MAX
/* The first word of a map block where not all bits of [first, end) are as `set` says. */
u32 daxfs_odd_word(const __le64 *map, u32 first, u32 end, bool set);

/* ---- persist.c: stores that survive. clwb only; the fence is the caller's. ---- */
void daxfs_flush(struct daxfs_sb_info *sbi, const void *p, size_t bytes);
void daxfs_fence(struct daxfs_sb_info *sbi);
void daxfs_zero_blocks(struct daxfs_sb_info *sbi, u64 block, u64 count);	/* non-temporal zeros; fence is the caller's */

/* ---- checksum.c ---- */
u32 daxfs_crc(u32 seed, const void *p, size_t bytes);
void daxfs_seal_super(struct daxfs_sb_info *sbi, struct daxfs_super *super);
bool daxfs_super_ok(const struct daxfs_super *super);		/* checksum only, seeded from its own nonce */
void daxfs_seal_ag(struct daxfs_sb_info *sbi, struct daxfs_ag_header *header);
bool daxfs_ag_ok(struct daxfs_sb_info *sbi, const struct daxfs_ag_header *header);
void daxfs_seal_inode(struct daxfs_sb_info *sbi, struct daxfs_inode *raw);
bool daxfs_inode_ok(struct daxfs_sb_info *sbi, const struct daxfs_inode *raw);
void daxfs_seal_node(struct daxfs_sb_info *sbi, struct daxfs_node_header *node);	/* extent leaf, index, dir leaf header */
bool daxfs_node_ok(struct daxfs_sb_info *sbi, const struct daxfs_node_header *node);
void daxfs_seal_dirent(struct daxfs_sb_info *sbi, struct daxfs_dirent *entry);
bool daxfs_dirent_ok(struct daxfs_sb_info *sbi, const struct daxfs_dirent *entry, u8 name_length);
u32 daxfs_map_crc(struct daxfs_sb_info *sbi, u64 block, const void *map_block);
/* The change (xor) of a map block's checksum when its bits [first, end) flip. */
u32 daxfs_map_crc_flip(u32 first, u32 end);
/* `stored`: bytes behind the entry, from daxfs_journal_data_bytes(). */
u32 daxfs_journal_crc(struct daxfs_sb_info *sbi, u32 id, u32 position, const struct daxfs_journal_entry *entry, u32 stored);
u32 daxfs_journal_header_crc(struct daxfs_sb_info *sbi, const struct daxfs_journal_header *header);
u32 daxfs_intent_crc(const struct daxfs_intent *intent);
__le64 daxfs_commit_word(struct daxfs_sb_info *sbi, u32 id, u64 sequence);
void daxfs_checksum_init(void);

/* ---- device.c ---- */
/*
 * The gate that is told of above: a token for daxfs_leave(), or -EIO after shutdown or when the device is gone.
 * It is the DAX core's own: before the driver unmaps the device, kill_dax() clears what dax_alive() reads and waits for
 * everybody inside. So it holds on any kernel, whether or not somebody tells us of the removal.
 */
static inline int daxfs_enter(const struct daxfs_sb_info *sbi)
{
	int gate = dax_read_lock();

	if (likely(!READ_ONCE(sbi->shutdown) && dax_alive(sbi->dax_dev)))
		return gate;
	dax_read_unlock(gate);
	return -EIO;
}

static inline void daxfs_leave(int gate)
{
	dax_read_unlock(gate);
}

/*
 * Whether metadata may change. Every begin of a change asks: transactions do. Calls that would change something outside of
 * them first, in memory or in the data, ask daxfs_may_write() before.
 */
static inline bool daxfs_writable(const struct super_block *sb)
{
	const struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	return !READ_ONCE(sbi->emergency_ro) && (!sb_rdonly(sb) || READ_ONCE(sbi->recovering));
}

int daxfs_device_open(struct super_block *sb);	/* messages say what is missing and what to run */
void daxfs_device_close(struct super_block *sb);
void daxfs_check_alignment(struct super_block *sb);	/* says what stands in the way of 2 MiB faults */
/* Blocks as one range of addresses; NULL without memory. */
void *daxfs_map_range(struct daxfs_sb_info *sbi, u64 block, u32 count);
void daxfs_unmap_range(const void *address);

/* ---- failure.c: removal and media errors ---- */
/* Whether a block can be read: not known to be bad, and copied without a machine check. */
bool daxfs_block_readable(struct daxfs_sb_info *sbi, u64 block);
bool daxfs_file_readable(struct inode *inode, loff_t pos);	/* the block there; enters the gate, takes the inode lock */
/* Before the first load from a block of metadata in this mount: 0, or -EIO after saying so and errors=. */
int daxfs_first_touch(struct super_block *sb, u64 ino, u64 block);
int daxfs_dax_get(struct super_block *sb);	/* finds dax_dev, and registers for what it tells */
void daxfs_dax_put(struct super_block *sb);
void daxfs_device_removed(struct super_block *sb);	/* s_umount or mounts_lock is held: sb stays */
void daxfs_note_mapped(struct inode *inode);
void daxfs_forget_mapped(struct inode *inode);	/* evict: its pages are gone */
void daxfs_failure_init(struct daxfs_sb_info *sbi);
void daxfs_failure_stop(struct daxfs_sb_info *sbi);
void daxfs_failure_stopped(struct daxfs_sb_info *sbi);

/* ---- journal.c: transactions, as told above ---- */
struct daxfs_tx;
struct daxfs_tx *daxfs_tx_begin(struct super_block *sb);	/* ERR_PTR(-EROFS, -EIO after shutdown) */
void daxfs_tx_add(struct daxfs_tx *tx, u64 block, u32 offset, u32 bytes);	/* inside one block; errors come out of ready */
void daxfs_tx_alloc(struct daxfs_tx *tx, struct daxfs_run run);		/* reserved before; takes the reservation over */
void daxfs_tx_free(struct daxfs_tx *tx, struct daxfs_run run);
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
/* daxfs_tx_begin() for ag.c and error.c: also on a read-only mount, and without looking for space. */
struct daxfs_tx *daxfs_tx_begin_internal(struct super_block *sb);
int daxfs_journals_alloc(struct super_block *sb);
void daxfs_journals_free(struct super_block *sb);
/* The inode's lock is held exclusive until the commit. inode: all 512 bytes. core: what daxfs_store_inode() stores. fork:
 * what `fork` will change of it, all of it in the first `used` bytes; whoever stores a fork logs it so. */
void daxfs_tx_add_inode(struct daxfs_tx *tx, struct inode *inode);
void daxfs_tx_add_core(struct daxfs_tx *tx, struct inode *inode);
void daxfs_tx_add_fork(struct daxfs_tx *tx, struct inode *inode, const union daxfs_fork *fork, u32 used);
/* A block's worth of memory, not zeroed, that the transaction owns: gone with its end. NULL without memory. */
void *daxfs_tx_buffer(struct daxfs_tx *tx);

/* ---- recovery.c: at mount, before anything is believed ---- */
int daxfs_journals_open(struct super_block *sb);	/* verify headers, roll back (unless read-only device) */
int daxfs_recover_orphans(struct super_block *sb);	/* after the root inode is up */
/* Bytes that follow the header of an entry, and what they stand for into place, where `length` bytes belong to it. */
static inline u32 daxfs_journal_data_bytes(const struct daxfs_journal_entry *entry)
{
	return entry->kind == cpu_to_le32(DAXFS_JOURNAL_FILL) ? sizeof(u64) : le32_to_cpu(entry->length);
}

static inline void daxfs_journal_restore(const void *data, bool fill, u32 length, void *target)
{
	if (fill)
		memset64(target, *(const u64 *)data, length / sizeof(u64));
	else
		memcpy(target, data, length);
}

/* ---- ag.c: AG headers and maps, first-touch verification, initialising the next AG ---- */
int daxfs_ags_open(struct super_block *sb);
void daxfs_ags_close(struct super_block *sb);
int daxfs_ag_load(struct super_block *sb, u32 agno);			/* header verified, DRAM side built */
int daxfs_ag_verify_map(struct super_block *sb, u64 map_block);		/* 0 or -EUCLEAN; cached */
int daxfs_ag_count(struct super_block *sb, u32 agno);			/* daxfs_ag_load(), and the bitmap counted */
int daxfs_ag_verify_map_locked(struct super_block *sb, u32 agno, u32 index);	/* map blocks count from the bitmap on */
int daxfs_ag_init_next(struct super_block *sb, u32 seen);	/* unless there are more than `seen`; -ENOSPC when all are */
int daxfs_ags_store_count(struct super_block *sb);	/* what the mount has counted, if the superblock says another number */
bool daxfs_inode_in_map(struct super_block *sb, u64 ino);
bool daxfs_inode_map_lost(struct super_block *sb, u64 ino);	/* the map that would tell is damaged */
/* One of the AG's arrays of a bit a block, made when first asked for. NULL without memory. */
unsigned long *daxfs_ag_bits(struct daxfs_ag *ag, unsigned long **bits);

/* Before a transaction, and before a reservation of `blocks` outside one: the initialised AGs have some room left for
 * the reservations of transactions that are open. */
void daxfs_ag_make_room(struct super_block *sb, u32 blocks);

/* Blocks at the start of an AG that hold structures of fixed place: maps, and in AG 0 the journals. */
static inline u32 daxfs_fixed_blocks(const struct daxfs_sb_info *sbi, u32 agno)
{
	return sbi->map_end + (agno ? 0 : sbi->journal_count * sbi->journal_blocks);
}

static inline u32 daxfs_map_blocks(const struct daxfs_sb_info *sbi)
{
	return 2 * sbi->bitmap_blocks + sbi->orphan_map_blocks;
}

static inline struct daxfs_ag_header *daxfs_ag_raw(const struct daxfs_sb_info *sbi, u32 agno)
{
	return daxfs_block(sbi, daxfs_ag_start(sbi, agno) + DAXFS_AG_HEADER_BLOCK);
}

/* Map block `index` of an AG: the bitmap's blocks, then the inode map's, then the orphan map's. */
static inline __le64 *daxfs_ag_map(const struct daxfs_sb_info *sbi, u32 agno, u32 index)
{
	return daxfs_block(sbi, daxfs_ag_start(sbi, agno) + DAXFS_AG_BITMAP_BLOCK + index);
}

/* Where the checksum of that map block lies in the AG header's block. */
static inline u32 daxfs_map_crc_offset(const struct daxfs_sb_info *sbi, u32 index)
{
	if (index < sbi->bitmap_blocks)
		return DAXFS_AG_BITMAP_CRCS + 4 * index;
	if (index < 2 * sbi->bitmap_blocks)
		return DAXFS_AG_IMAP_CRCS + 4 * (index - sbi->bitmap_blocks);
	return DAXFS_AG_ORPHAN_CRCS + 4 * (index - 2 * sbi->bitmap_blocks);
}

/* ---- alloc.c: free space. Reservations live in DRAM and vanish with a crash. ---- */
enum daxfs_alloc_kind {
	DAXFS_ALLOC_META,	/* fills holes, head remainders first */
	DAXFS_ALLOC_SMALL,	/* data of small files: fills holes */
	DAXFS_ALLOC_DATA,	/* congruent: (disk - file) % 512 == 0 where possible, in a huge page of its own */
	DAXFS_ALLOC_HUGE,	/* one whole aligned free huge page, or -ENOSPC */
	DAXFS_ALLOC_MEDIUM,	/* data of files of 64 KiB to 2 MiB: large holes, else as DATA */
};

struct daxfs_alloc {
	enum daxfs_alloc_kind kind;
	u64 ino;		/* for the trace, and the AG to start in when there is no goal */
	u64 goal;		/* block to start at; 0: none */
	u64 file_block;		/* for congruence */
	struct daxfs_inode_info *owner;	/* DATA and MEDIUM: whose windows to use; its lock is held exclusive. Or NULL */
	u32 want;		/* blocks; the result is 1 .. want */
	bool reserve_ok;	/* may use the metadata reserve (conversion, punch, truncate, unlink) */
	bool near_only;		/* META: in the AG of `ino` or not at all, and nothing that is kept for a file */
};
int daxfs_reserve(struct super_block *sb, const struct daxfs_alloc *request, struct daxfs_run *run);
void daxfs_unreserve(struct super_block *sb, struct daxfs_run run);
/* All of `want` congruent blocks at `file_block` that were kept for the file, or -ENOSPC. inode's lock is held exclusive. */
int daxfs_reserve_kept(struct inode *inode, u64 file_block, u32 want, struct daxfs_run *run);
u64 daxfs_free_blocks(struct super_block *sb);
/* What the end of a transaction does to reservations: an allocation is in the bitmap now, a free may be used again. */
void daxfs_reservation_kept(struct super_block *sb, u32 agno, u32 first, u32 count);
void daxfs_freed_hold(struct super_block *sb, u32 agno, u32 first, u32 count);	/* before the bitmap shows it free */
void daxfs_freed_drop(struct super_block *sb, u32 agno, u32 first, u32 count);	/* rolled back: the bitmap has it again */
void daxfs_freed_release(struct super_block *sb, u32 agno, u32 first, u32 count);
/* Of whole-free huge pages and counters: the AG's bitmap was verified and its lock is held. */
void daxfs_count_free(struct super_block *sb, u32 agno);

/* ---- held.c: pages that somebody refers to ---- */
void daxfs_held_prepare(struct daxfs_sb_info *sbi);	/* then daxfs_held_exit() */
int daxfs_held_init(struct super_block *sb);		/* once the geometry is known */
void daxfs_held_exit(struct daxfs_sb_info *sbi);
/* Before pages of the huge page that `block` lies in come into page tables. */
static inline void daxfs_note_exposed(struct daxfs_sb_info *sbi, u64 block)
{
	u64 huge = (block - sbi->align_blocks) / DAXFS_HUGE_BLOCKS;

	if (!test_bit(huge, sbi->exposed))
		set_bit(huge, sbi->exposed);
}

/* Whether a page of these blocks is referred to. Where nothing maps them the answer stays no. Inside the gate. */
bool daxfs_any_held(struct daxfs_sb_info *sbi, u64 block, u64 count);
/* What a committed transaction freed is free, or held. */
void daxfs_freed_settle(struct super_block *sb, u32 agno, u32 first, u32 count);
/* Held blocks that nobody refers to any more become free. True: some did. */
bool daxfs_let_go(struct super_block *sb);
/* Until no page that was mapped is referred to, whoever its block belongs to; says what it waits for. -EINTR by a signal
 * that `state` (TASK_KILLABLE, TASK_IDLE) is open to. Nothing maps pages of the device any more. */
int daxfs_wait_unheld(struct daxfs_sb_info *sbi, const char *who, unsigned int state);

/* ---- window.c: what is kept for files to grow into ---- */
/* What is kept for the inode is free again. Its lock is held exclusive, or nobody else knows it any more. */
void daxfs_end_windows(struct inode *inode);

/* ---- inode.c ---- */
struct inode *daxfs_iget(struct super_block *sb, u64 ino);	/* ERR_PTR(-ESTALE, -EUCLEAN) */
struct inode *daxfs_iget_orphan(struct super_block *sb, u64 ino);	/* recovery: nlink may be 0 */
bool daxfs_raw_inode_ok(struct daxfs_sb_info *sbi, const struct daxfs_inode *raw, u64 ino);
extern const struct export_operations daxfs_export_operations;
/* Regular files that are not accessed through DAX: their data goes through the page cache, or by direct I/O. */
static inline bool daxfs_in_page_cache(const struct inode *inode)
{
	return S_ISREG(inode->i_mode) && !IS_DAX(inode);
}

/*
 * The size on the device. Of a file in the page cache it trails i_size, which moves as bytes are copied, and follows in
 * the completion of their I/O. Both of these in a transaction, before daxfs_store_inode(); for other inodes that stores
 * i_size anyway.
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

	if (!daxfs_in_page_cache(inode)) {
		if (size > i_size_read(inode))
			i_size_write(inode, size);
	} else if (size > (loff_t)le64_to_cpu(raw->size)) {
		raw->size = cpu_to_le64(size);
	}
}

loff_t daxfs_stored_size(struct inode *inode);	/* takes the inode lock shared; 0 when the device is gone */
/* VFS fields (mode, owner, nlink, size, times, flags, blocks, change, parent) into the raw inode, sealed. The caller has
 * logged the inode and passed daxfs_tx_ready(). The fork is the caller's and is stored before. */
void daxfs_store_inode(struct inode *inode);
/* One transaction that stores the inode's core: chmod, times. Takes the inode lock. */
int daxfs_commit_inode(struct inode *inode);
/* Up to four distinct inodes, NULLs allowed, by ascending number; nested lockdep classes. */
void daxfs_lock_inodes(struct inode *a, struct inode *b, struct inode *c, struct inode *d);
void daxfs_unlock_inodes(struct inode *a, struct inode *b, struct inode *c, struct inode *d);
int daxfs_setattr(IDMAP_ARG, struct dentry *dentry, struct iattr *attr);
int daxfs_getattr(IDMAP_ARG, const struct path *path, struct kstat *stat, u32 mask, unsigned int flags);
void daxfs_set_inode_ops(struct inode *inode);
bool daxfs_wants_dax(const struct inode *inode);
void daxfs_evict_inode(struct inode *inode);
int daxfs_write_inode(struct inode *inode, struct writeback_control *wbc);
int daxfs_inode_cache_init(void);
void daxfs_inode_cache_exit(void);
struct inode *daxfs_alloc_inode(struct super_block *sb);
void daxfs_free_inode(struct inode *inode);

/* ---- inode_blocks.c: where inodes are free ---- */
void daxfs_inode_work_init(struct daxfs_sb_info *sbi);
void daxfs_inode_work_stop(struct daxfs_sb_info *sbi);	/* when nobody creates or deletes files any more */
/* Is block `bit` of the AG one of inodes? The map was verified. */
bool daxfs_inode_bit(struct daxfs_sb_info *sbi, u32 agno, u32 bit);
/* How many that nobody has looked into a create looks into before it makes new ones. */
#define DAXFS_INODE_BLOCKS_TRIED	2
/* What the first create in the AG would wait for. Damage is met again by who needs what is damaged. */
void daxfs_prepare_inodes(struct super_block *sb, u32 agno);
/* Looks into at most *blocks blocks that nobody has looked into: 0 when one has a free inode, -EBUSY, or an error. */
int daxfs_look_for_inodes(struct super_block *sb, u32 agno, u32 *blocks);
void daxfs_raise_inode_hint(struct daxfs_ag *ag, u32 seen);	/* if it still is `seen`, to where the first open block is */
void daxfs_inode_block_full(struct daxfs_sb_info *sbi, u32 agno, u32 bit);	/* as far as the caller saw */
void daxfs_inode_taken(struct daxfs_sb_info *sbi, u32 agno, u32 bit);	/* one of this block is promised now */
void daxfs_inode_given(struct daxfs_sb_info *sbi, u64 ino);		/* free, and the promise ends */
/* What a committed transaction did; of blocks that are gone the promises end. */
void daxfs_inode_blocks_made(struct daxfs_sb_info *sbi, u32 agno, u32 first, u32 count);
void daxfs_inode_blocks_gone(struct daxfs_sb_info *sbi, u32 agno, u32 first, u32 count);
/* A chunk of free inodes, in AG `near` or, without near_only, anywhere: *agno. `before`: how many were made in the mount. */
int daxfs_add_inodes(struct super_block *sb, u32 near, bool near_only, u32 before, u32 *agno);
void daxfs_note_empty(struct super_block *sb, u32 agno);	/* files of the AG were deleted */
/* Gives all empty blocks of inodes back. look: those too that nobody has looked into. True: there were some. */
bool daxfs_give_inodes(struct super_block *sb, bool look);

/* ---- ialloc.c: inodes for new files ---- */
/*
 * A new inode for `dir`, not yet on the device: slot promised in DRAM, fields set from idmap, dir and mode, unhashed state
 * I_NEW. In the caller's transaction: daxfs_tx_new_inode() before daxfs_tx_ready(), daxfs_store_inode() after it.
 * On failure discard_new_inode() after daxfs_forget_new_inode().
 */
struct inode *daxfs_new_inode(IDMAP_ARG, struct inode *dir, umode_t mode, dev_t rdev);
void daxfs_forget_new_inode(struct inode *inode);
void daxfs_tx_new_inode(struct daxfs_tx *tx, struct inode *inode);
/* Of an inode that nobody has and that owns nothing any more: its number is free. */
int daxfs_free_raw_inode(struct inode *inode);

/* ---- map.c: a file's extents. Callers hold the inode lock: shared to look up, exclusive to change. ---- */
int daxfs_map_lookup(struct inode *inode, u64 file_block, struct daxfs_map *map);
/*
 * Changing the map, in the caller's transaction. prepare: reserves tree blocks, builds what is new out of place, logs
 * what changes in place and queues allocations; may fail, nothing is stored. apply, after daxfs_tx_ready(): stores the
 * new fork and nodes (the caller stores the inode's core and seals it); cannot fail. A change lives in the transaction's
 * buffers: whoever does not apply it just cancels the transaction.
 */
struct daxfs_map_change;
struct daxfs_path;		/* map.h */
/* As many blocks as `run` has become mapped to it in `state`, from the path's key on. They were a hole, or mapped to the
 * same disk blocks (conversion of a state). */
struct daxfs_map_change *daxfs_map_prepare_set(struct daxfs_tx *tx, struct inode *inode, const struct daxfs_path *path,
					       struct daxfs_run run, enum daxfs_extent_state state);
/* Blocks from file_block on, `count` of them, become a hole; their disk blocks are queued as free. Takes at most what one
 * transaction can; *removed_from tells how far it came, from the END of the range backwards. */
struct daxfs_map_change *daxfs_map_prepare_remove(struct daxfs_tx *tx, struct inode *inode, u64 file_block, u64 count,
						  u64 *removed_from);
/* An extent that `file_block` lies inside of becomes two. What comes to lie at a boundary needs no tree block later. */
struct daxfs_map_change *daxfs_map_prepare_split(struct daxfs_tx *tx, struct inode *inode, u64 file_block);
/*
 * Moving extents along the file, those of one leaf at a time, beside a hole: [*gap, *gap + distance) is not mapped, before
 * and afterwards. Allocates nothing, so it cannot run out of space; logs at most a leaf and the way to it.
 * down: the next extents behind the hole move to its start; *gap is where they end then, or DAXFS_END_OF_KEYS: there
 * are no more. up: the last extents in front of the hole, but at or behind `first`, move to its end; *gap is where they began;
 * `first`: there are no more. Nothing may lie across `first`.
 */
struct daxfs_map_change *daxfs_map_prepare_shift_down(struct daxfs_tx *tx, struct inode *inode, u64 *gap, u64 distance);
struct daxfs_map_change *daxfs_map_prepare_shift_up(struct daxfs_tx *tx, struct inode *inode, u64 first, u64 *gap,
						    u64 distance);
/* Blocks [file_block, +count), all of them written, move to `disk_block`, where the caller copied them; the old blocks
 * are queued as free. -EAGAIN where they are not in one leaf, or too many pieces for one transaction. */
struct daxfs_map_change *daxfs_map_prepare_move(struct daxfs_tx *tx, struct inode *inode, u64 file_block,
						u64 disk_block, u32 count);
void daxfs_map_apply(struct daxfs_map_change *change);

/* ---- truncate.c ---- */
/* Sets i_size, with everything that belongs to it: zeroing the tail, unmapping, freeing. i_rwsem and invalidate_lock are
 * held exclusive. */
int daxfs_set_size(struct inode *inode, loff_t size);
int daxfs_free_all_blocks(struct inode *inode);			/* evict and recovery: every block of the inode */
int daxfs_resume_operation(struct inode *inode);		/* recovery: raw->operation is not none */

/* ---- unmap.c. invalidate_lock is held exclusive but for _all. ---- */
/* Page tables and page cache forget file blocks [first, end); what they hold of others is written back. */
int daxfs_drop_cached(struct inode *inode, u64 first, u64 end);
void daxfs_drop_all(struct inode *inode);	/* at eviction */
/* Bytes [from, last] that were stored through page tables, of a DAX file: flushed and fenced. */
int daxfs_write_back(struct inode *inode, loff_t from, loff_t last);

/* ---- dir.c: names in a directory's tree. dir's inode lock is held: shared to look up, exclusive to change. ---- */
int daxfs_dir_lookup(struct inode *dir, const struct qstr *name, u64 *ino, u8 *type);	/* -ENOENT */
bool daxfs_dir_is_empty(struct inode *dir);
/*
 * A change of one directory in the caller's transaction, of one name or (rename) two. begin, then remove and replace, then
 * add (at most one of remove and of add, in this order), then prepare: all may fail, nothing is stored. apply, after
 * daxfs_tx_ready(): stores nodes and fork, moves dir's DRAM size and blocks; the caller then stores dir's core. Not
 * applied, it ends with the transaction.
 */
struct daxfs_dir_change;
struct daxfs_dir_change *daxfs_dir_begin(struct daxfs_tx *tx, struct inode *dir);
int daxfs_dir_remove(struct daxfs_dir_change *change, const struct qstr *name);
int daxfs_dir_replace(struct daxfs_dir_change *change, const struct qstr *name, u64 ino, u8 type);
int daxfs_dir_add(struct daxfs_dir_change *change, const struct qstr *name, u64 ino, u8 type);
int daxfs_dir_prepare(struct daxfs_dir_change *change);
void daxfs_dir_apply(struct daxfs_dir_change *change);
/* rmdir's evict: every tree block, in transactions of its own; takes the inode lock. */
int daxfs_dir_free_all_blocks(struct inode *dir);
u8 daxfs_dirent_type(umode_t mode);

/* ---- operations, by the file that defines them ---- */
extern const struct inode_operations daxfs_dir_inode_operations;	/* namei.c */
extern const struct inode_operations daxfs_special_inode_operations;	/* namei.c */
extern const struct inode_operations daxfs_symlink_inode_operations;	/* symlink.c */
extern const struct file_operations daxfs_dir_operations;		/* dir.c */
extern const struct inode_operations daxfs_file_inode_operations;	/* file.c */
extern const struct file_operations daxfs_file_operations;		/* file.c */
extern const struct address_space_operations daxfs_dax_aops;		/* file.c */
extern const struct address_space_operations daxfs_buffered_aops;	/* buffered.c */
extern const struct vm_operations_struct daxfs_buffered_vm_ops;		/* buffered.c */
extern const struct vm_operations_struct daxfs_vm_ops;			/* fault.c */
extern const struct iomap_ops daxfs_read_iomap_ops;			/* iomap.c: lookups, seek, fiemap */
extern const struct iomap_ops daxfs_write_iomap_ops;			/* iomap.c: write(2) chunks */
extern const struct iomap_ops daxfs_fault_iomap_ops;			/* iomap.c: page faults */
extern const struct iomap_ops daxfs_alloc_iomap_ops;			/* iomap.c: writes that bypass DAX */
long daxfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg);	/* ioctl.c */
struct fileattr;
int daxfs_fileattr_get(struct dentry *dentry, struct fileattr *fa);	/* ioctl.c: for files and directories */
int daxfs_fileattr_set(IDMAP_ARG, struct dentry *dentry, struct fileattr *fa);

/* ---- buffered.c: writeback ---- */
void daxfs_init_ioends(struct daxfs_inode_info *info);	/* of a new inode in memory */
void daxfs_wait_ioends(struct super_block *sb);	/* freezing: until none is under way */
/* Of a file in the page cache: what was written is on the device, and the size with it. Waits; not inside the gate. */
int daxfs_flush_data(struct inode *inode);

/* ---- error.c ---- */
/* Says what was found, once a second at most, applies errors=, returns -EUCLEAN. `kind` and the block name the place. */
__printf(4, 5) int daxfs_corrupt(struct super_block *sb, u64 ino, u64 block, const char *format, ...);
/* The same for metadata that the device cannot read; returns -EIO. */
int daxfs_media_error(struct super_block *sb, u64 ino, u64 block);
void daxfs_shutdown(struct super_block *sb, const char *why);
void daxfs_errors_init(struct daxfs_sb_info *sbi);
void daxfs_errors_note(struct super_block *sb);	/* the note that may still be due; s_umount is held exclusive */

/* ---- superblock.c ---- */
int daxfs_read_super(struct super_block *sb);	/* geometry and features, in range; not yet the checksum */
/* The journals are rolled back: the checksum too. The filesystem is the one that daxfs_read_super() saw. */
int daxfs_reread_super(struct super_block *sb);
/* Whether a transaction can have changed `old` into what daxfs_read_super() saw, be that torn. */
bool daxfs_super_undo_ok(struct daxfs_sb_info *sbi, const struct daxfs_super *old);
int daxfs_check_intents(struct super_block *sb);	/* no repair was cut off */
/* The end of a transaction: the superblock becomes *next, but for its checksum. super_lock is held. */
int daxfs_commit_super(struct super_block *sb, struct daxfs_tx *tx, const struct daxfs_super *next);
int daxfs_set_label(struct super_block *sb, const char *label);	/* shorter than DAXFS_LABEL_SIZE */

/* ---- stats.c: /sys/fs/daxfs/DEVICE/ ---- */
int daxfs_stats_init(void);
void daxfs_stats_exit(void);
int daxfs_stats_add(struct super_block *sb);
void daxfs_stats_remove(struct super_block *sb);

#define daxfs_count(sbi, member, n) this_cpu_add((sbi)->counters->member, n)

static inline bool daxfs_is_shutdown(const struct daxfs_sb_info *sbi)
{
	return READ_ONCE(sbi->shutdown);
}

static inline int daxfs_may_write(const struct super_block *sb)
{
	if (unlikely(daxfs_is_shutdown(DAXFS_SB(sb))))
		return -EIO;
	return likely(daxfs_writable(sb)) ? 0 : -EROFS;
}

/* Last: it puts macros over functions that are declared above. */
#include "sites.h"

#endif /* DAXFS_KERNEL_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Free space: alloc.c, space.c and window.c. Reservations live in DRAM and vanish with a crash. */
#ifndef DAXFS_ALLOC_H
#define DAXFS_ALLOC_H

#include "daxfs.h"

struct daxfs_alloc {
	enum daxfs_alloc_kind kind;
	u64 ino;		/* for the trace, and the AG to start in when there is no goal */
	u64 goal;		/* block to start at; 0: none */
	u64 file_block;		/* for congruence */
	struct daxfs_inode_info *owner;	/* DATA and MEDIUM: whose windows to use; its lock is held exclusive. Or NULL */
	u32 want;		/* blocks; the result is 1 .. want */
	u32 least;		/* TAIL: of how many blocks a hole must be, if it does not hold all */
	bool reserve_ok;	/* may use the metadata reserve (conversion, punch, truncate, unlink) */
	bool sparing;		/* ... but half of it, and what is kept for root, stays for those who free something */
	bool near_only;		/* META: in the AG of `ino` or not at all, and nothing that is kept for a file */
};
int daxfs_reserve(struct super_block *sb, const struct daxfs_alloc *request, struct daxfs_run *run);
/* `want` blocks, or `least` at least of them, in a large hole, in the AG that block `near` lies in if there is one; or
 * -ENOSPC: nobody gives up anything for it. */
int daxfs_reserve_room(struct super_block *sb, u64 ino, u64 near, u32 want, u32 least, struct daxfs_run *run);
/* Whether some AG has this to offer, as far as is known. */
bool daxfs_offers(struct daxfs_sb_info *sbi, enum daxfs_offer offer);
/* All of `want` congruent blocks at `file_block` that were kept for the file, or -ENOSPC. inode's lock is held exclusive. */
int daxfs_reserve_kept(struct inode *inode, u64 file_block, u32 want, struct daxfs_run *run);

/*
 * Who finds no space. Some has no owner, counts as free to statfs, and is not to be had yet: blocks of inodes that are empty,
 * of large files that are gone, and those that somebody refers to. It may come back between a try and the look for it: so
 * what has is counted, and the count is read before the try.
 */
struct daxfs_shortage {
	u32 seen;
	bool given;	/* blocks of inodes: once, since the caller may take some each time, and leave them empty */
};
static inline struct daxfs_shortage daxfs_shortage(struct daxfs_sb_info *sbi)
{
	return (struct daxfs_shortage){ .seen = atomic_read_acquire(&sbi->came_back) };
}

/* After -ENOSPC, holding nothing that the worker wants: true, try again. */
bool daxfs_make_space(struct super_block *sb, struct daxfs_shortage *shortage);
/* Some came back: it is free, and whoever does not find it any more where it was sees the count. */
static inline void daxfs_note_space(struct daxfs_sb_info *sbi)
{
	atomic_inc_return(&sbi->came_back);	/* orders what is before it and behind it */
}

/* ---- space.c: the account ---- */
int daxfs_count_init(struct daxfs_sb_info *sbi);
u64 daxfs_free_blocks(struct daxfs_sb_info *sbi);		/* asks every CPU */
/* So many are free, whatever is not told yet. */
static inline bool daxfs_surely_free(struct daxfs_sb_info *sbi, s64 blocks)
{
	return likely(percpu_counter_read(&sbi->free_blocks) - sbi->untold_blocks >= blocks);
}
bool daxfs_has_free(struct super_block *sb, s64 blocks);	/* so many; asks them only where it may be otherwise */
/* Up to `want` blocks are free no more, unless fewer than `keep` were left; who does not use them adds them again. */
u32 daxfs_count_take(struct super_block *sb, u32 want, s64 keep);
void daxfs_count_add(struct super_block *sb, s64 blocks);
int daxfs_space_alloc(struct daxfs_ag *ag);	/* the summary; daxfs_count_free() fills it */
void daxfs_space_free(struct daxfs_ag *ag);
void daxfs_space_unknown(struct daxfs_sb_info *sbi, u32 agno);	/* in use from now on, and not counted yet */
void daxfs_note_inodes(struct daxfs_sb_info *sbi, u32 agno);	/* free_inodes has changed; reserve_lock is held */
void daxfs_unreserve(struct super_block *sb, struct daxfs_run run);
/* What the end of a transaction does to reservations: an allocation is in the bitmap now, a free may be used again. */
void daxfs_reservation_kept(struct super_block *sb, u32 agno, u32 first, u32 count);
void daxfs_freed_hold(struct super_block *sb, u32 agno, u32 first, u32 count);	/* before the bitmap shows it free */
void daxfs_freed_release(struct super_block *sb, u32 agno, u32 first, u32 count);
/* Of whole-free huge pages and counters: the AG's bitmap was verified and its lock is held. */
void daxfs_count_free(struct super_block *sb, u32 agno);

/* ---- window.c: what is kept for files to grow into ---- */
/* The run, a piece of the file at `file_block`, is alone in its huge page: the rest of that is kept. The inode lock is held
 * exclusive. */
bool daxfs_keep_around(struct inode *inode, u64 file_block, struct daxfs_run run);
/* What is kept for the inode is free again. Its lock is held exclusive, or nobody else knows it any more. */
void daxfs_end_windows(struct inode *inode);

#endif /* DAXFS_ALLOC_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * Files of many extents that nobody has any more. Freeing a million extents takes thousands of transactions: whoever takes
 * the last name away, or closes the last descriptor, does not wait for them.
 *
 * On the device such a file is an orphan from the transaction on that took its last name, and recovery frees it after a
 * crash. Here its number is noted when it is evicted, and a worker brings it into memory once more and lets it go. Until
 * then its blocks count as free to statfs, and whoever finds no space waits for the worker (daxfs_make_space()). That is
 * safe with an inode's lock held: the worker locks no inode but those that nobody else can have.
 *
 * Small files are freed at once: noting them costs as much.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "alloc.h"
#include "daxfs.h"
#include "device.h"
#include "icache.h"
#include "reclaim.h"

#define SMALL_HEIGHT	1	/* levels of nodes: a few thousand extents */

struct left {
	struct list_head list;
	u64 ino, blocks;
};

static bool is_large(struct inode *inode)
{
	const struct daxfs_inode *raw = DAXFS_I(inode)->raw;
	int gate = daxfs_enter(DAXFS_SB(inode->i_sb));
	bool large;

	if (gate < 0)
		return false;
	large = READ_ONCE(raw->format) == DAXFS_FORMAT_EXTENT_TREE && READ_ONCE(raw->tree_height) > SMALL_HEIGHT;
	daxfs_leave(gate);
	return large;
}

/* Brought into memory since by somebody else, and evicted again. reclaim_lock is held. */
static bool is_on_list(const struct daxfs_sb_info *sbi, u64 ino)
{
	const struct left *left;

	list_for_each_entry(left, &sbi->reclaim, list)
		if (left->ino == ino)
			return true;
	return false;
}

bool daxfs_reclaim_later(struct inode *inode)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	struct daxfs_inode_info *info = DAXFS_I(inode);
	struct left *left;

	/* Not of the worker itself, nor of an unmount. */
	if (READ_ONCE(sbi->reclaiming) == info || !(READ_ONCE(inode->i_sb->s_flags) & SB_ACTIVE) || !is_large(inode))
		return false;
	left = kmalloc(sizeof(*left), GFP_NOFS);
	if (!left)
		return false;
	left->ino = inode->i_ino;
	left->blocks = info->blocks;
	spin_lock(&sbi->reclaim_lock);
	if (!is_on_list(sbi, left->ino)) {
		list_add_tail(&left->list, &sbi->reclaim);
		left = NULL;
	}
	spin_unlock(&sbi->reclaim_lock);
	kfree(left);
	queue_work(system_unbound_wq, &sbi->reclaim_work);
	return true;
}

void daxfs_reclaim_evicted(struct inode *inode)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);

	if (likely(READ_ONCE(sbi->reclaiming) != DAXFS_I(inode)))
		return;
	spin_lock(&sbi->reclaim_lock);
	/* Where somebody else had the last reference, the worker may be through with it. */
	if (sbi->reclaiming == DAXFS_I(inode)) {
		struct left *left = list_first_entry(&sbi->reclaim, struct left, list);

		/* The number may be another's by now. */
		left->ino = 0;
		left->blocks = DAXFS_I(inode)->blocks;
		sbi->reclaiming = NULL;
	}
	spin_unlock(&sbi->reclaim_lock);
}

/* The last one to have it frees it, which may be somebody who found it by its handle: not here then. It is being reclaimed
 * until it is off the list: whoever evicts it frees it himself, or puts it there anew. */
static void reclaim(struct super_block *sb, u64 ino)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct inode *inode;

	/* Else its space would be nobody's until the next mount. */
	while ((inode = daxfs_iget_outside(sb, ino, true)) == ERR_PTR(-ENOMEM))
		memalloc_retry_wait(GFP_KERNEL);
	if (IS_ERR(inode))
		return;
	spin_lock(&sbi->reclaim_lock);
	sbi->reclaiming = DAXFS_I(inode);
	spin_unlock(&sbi->reclaim_lock);
	iput(inode);
}

static struct left *first_left(struct daxfs_sb_info *sbi)
{
	struct left *left;

	spin_lock(&sbi->reclaim_lock);
	left = list_first_entry_or_null(&sbi->reclaim, struct left, list);
	spin_unlock(&sbi->reclaim_lock);
	return left;
}

static void reclaim_left(struct work_struct *work)
{
	struct daxfs_sb_info *sbi = container_of(work, struct daxfs_sb_info, reclaim_work);
	struct left *left;

	/* It stays on the list while it is worked on: whoever waits, waits for it too. */
	while ((left = first_left(sbi))) {
		reclaim(sbi->sb, left->ino);
		daxfs_note_space(sbi);
		spin_lock(&sbi->reclaim_lock);
		sbi->reclaiming = NULL;
		list_del(&left->list);
		spin_unlock(&sbi->reclaim_lock);
		wake_up_all(&sbi->reclaim_wait);
		kfree(left);
		cond_resched();
	}
}

void daxfs_reclaim_all(struct super_block *sb)
{
	flush_work(&DAXFS_SB(sb)->reclaim_work);
}

void daxfs_reclaim_count(struct super_block *sb, u64 *free, u64 *blocks, u64 *inodes)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct left *left;

	*blocks = *inodes = 0;
	mutex_lock(&sbi->reclaim_step);
	spin_lock(&sbi->reclaim_lock);
	list_for_each_entry(left, &sbi->reclaim, list) {
		bool begun = sbi->reclaiming && list_is_first(&left->list, &sbi->reclaim);

		*blocks += begun ? READ_ONCE(sbi->reclaiming->blocks) : left->blocks;
		++*inodes;
	}
	spin_unlock(&sbi->reclaim_lock);
	*free = daxfs_free_blocks(DAXFS_SB(sb));
	mutex_unlock(&sbi->reclaim_step);
}

void daxfs_reclaim_init(struct daxfs_sb_info *sbi)
{
	mutex_init(&sbi->reclaim_step);
	spin_lock_init(&sbi->reclaim_lock);
	INIT_LIST_HEAD(&sbi->reclaim);
	INIT_WORK(&sbi->reclaim_work, reclaim_left);
	init_waitqueue_head(&sbi->reclaim_wait);
}

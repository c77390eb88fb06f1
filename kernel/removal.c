// SPDX-License-Identifier: GPL-2.0
/*
 * The device goes away. The driver's kill_dax() calls notify_failure() (failure.c) for the whole device, and the block
 * layer calls ->shutdown on kernels that have it. When either returns the driver may unmap the device and free its struct
 * pages. Loads and stores of ours are kept out by the gate (device.h); what is left is done here: page tables of user space
 * that lead to the device, references that somebody took on its pages, and DAX entries, which lead to its pages when they
 * are dropped. Only inodes that were mapped have any of these: they are on sbi->mapped until they are evicted.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/wait_bit.h>

#include "daxfs.h"
#include "error.h"
#include "held.h"
#include "removal.h"
#include "unmap.h"

void daxfs_note_mapped(struct inode *inode)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	struct daxfs_inode_info *info = DAXFS_I(inode);

	if (!list_empty_careful(&info->mapped))
		return;
	spin_lock(&sbi->mapped_lock);
	if (list_empty(&info->mapped))
		list_add(&info->mapped, &sbi->mapped);
	spin_unlock(&sbi->mapped_lock);
}

void daxfs_forget_mapped(struct inode *inode)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	struct daxfs_inode_info *info = DAXFS_I(inode);

	if (list_empty_careful(&info->mapped))
		return;
	spin_lock(&sbi->mapped_lock);
	list_del_init(&info->mapped);
	spin_unlock(&sbi->mapped_lock);
	wake_up_var(&sbi->mapped);
}

static void each_mapped(struct daxfs_sb_info *sbi, void (*call)(struct inode *inode))
{
	struct daxfs_inode_info *info;
	struct inode *inode, *last = NULL;

	spin_lock(&sbi->mapped_lock);
	list_for_each_entry(info, &sbi->mapped, mapped) {
		inode = igrab(&info->vfs_inode);
		if (!inode)
			continue;	/* being evicted: nobody maps it, and wait_for_evictions() is to come */
		spin_unlock(&sbi->mapped_lock);
		iput(last);
		call(inode);
		last = inode;
		spin_lock(&sbi->mapped_lock);
	}
	spin_unlock(&sbi->mapped_lock);
	iput(last);
}

/* Faults find the filesystem shut down under the same lock: nothing is mapped again. What was stored is brought out. */
static void unmap(struct inode *inode)
{
	filemap_invalidate_lock(inode->i_mapping);
	unmap_mapping_range(inode->i_mapping, 0, 0, 0);
	if (IS_DAX(inode))
		daxfs_write_back(inode, 0, LLONG_MAX);
	filemap_invalidate_unlock(inode->i_mapping);
}

static void drop_entries(struct inode *inode)
{
	filemap_invalidate_lock(inode->i_mapping);
	if (IS_DAX(inode))
		truncate_inode_pages(inode->i_mapping, 0);
	filemap_invalidate_unlock(inode->i_mapping);
}

static bool any_evicted(struct daxfs_sb_info *sbi)
{
	struct daxfs_inode_info *info;
	bool any = false;

	spin_lock(&sbi->mapped_lock);
	list_for_each_entry(info, &sbi->mapped, mapped)
		any = any || READ_ONCE(info->vfs_inode.i_state) & (I_FREEING | I_WILL_FREE);
	spin_unlock(&sbi->mapped_lock);
	return any;
}

/* Their DAX entries are dropped by whoever evicts them. */
static void wait_for_evictions(struct daxfs_sb_info *sbi)
{
	wait_var_event(&sbi->mapped, !any_evicted(sbi));
}

/* Nothing of the device is mapped any more, nor will be. False: nothing ever was. */
static bool unmap_all(struct daxfs_sb_info *sbi)
{
	bool any = true;

	down_read(&sbi->device_lock);
	/* Where the inodes are evicted nothing is mapped, but pages may be held. */
	if (!sbi->closing) {
		daxfs_shutdown(sbi->sb, "the device is being removed");
		any = READ_ONCE(sbi->sb->s_flags) & SB_ACTIVE;
		if (any)
			each_mapped(sbi, unmap);
	}
	up_read(&sbi->device_lock);
	return any;
}

static void drop_all_entries(struct daxfs_sb_info *sbi)
{
	down_read(&sbi->device_lock);
	if (!sbi->closing) {
		each_mapped(sbi, drop_entries);
		wait_for_evictions(sbi);
	}
	up_read(&sbi->device_lock);
}

/* May be called twice. device_lock is not held over the waiting: an unmount would wait for it with s_umount held. */
void daxfs_let_device_go(struct daxfs_sb_info *sbi)
{
	/* While mounting nothing is mapped. */
	if (!unmap_all(sbi))
		return;
	/* Direct I/O and the like outlive the mapping that they took pages from, so that no inode leads to them. */
	daxfs_wait_unheld(sbi, "the removal", TASK_IDLE);
	drop_all_entries(sbi);
}

void daxfs_device_removed(struct super_block *sb)
{
	daxfs_let_device_go(DAXFS_SB(sb));
}

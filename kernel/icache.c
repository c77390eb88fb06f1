// SPDX-License-Identifier: GPL-2.0
/*
 * Inodes in memory: read and judged once, in daxfs_iget(); given up when the last name and the last user are gone.
 *
 * Inode number x 512 is the inode's place on the device. A number from outside is believed only after its bounds, its
 * bit in the inode map, magic number, checksum, self number, and, where there is one, generation. What is judged and
 * loaded is a copy: the device's bytes may change meanwhile. They may later too, so that what of the fork steers a walk is
 * checked again with each load (tree.c, extent_tree.c, dir.c).
 */
#include <linux/iversion.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "ag.h"
#include "alloc.h"
#include "buffered.h"
#include "checksum.h"
#include "data.h"
#include "daxfs.h"
#include "device.h"
#include "dir.h"
#include "error.h"
#include "file.h"
#include "held.h"
#include "ialloc.h"
#include "icache.h"
#include "inode.h"
#include "media.h"
#include "namei.h"
#include "reclaim.h"
#include "removal.h"
#include "symlink.h"
#include "truncate.h"
#include "unmap.h"

static struct kmem_cache *daxfs_inode_cache;

static void init_once(void *object)
{
	struct daxfs_inode_info *info = object;

	init_rwsem(&info->lock);
	inode_init_once(&info->vfs_inode);
}

int daxfs_inode_cache_init(void)
{
	daxfs_inode_cache = kmem_cache_create("daxfs_inode", sizeof(struct daxfs_inode_info), 0,
					      SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT, init_once);
	return daxfs_inode_cache ? 0 : -ENOMEM;
}

void daxfs_inode_cache_exit(void)
{
	/* Inodes are freed after a grace period. */
	rcu_barrier();
	kmem_cache_destroy(daxfs_inode_cache);
}

struct inode *daxfs_alloc_inode(struct super_block *sb)
{
	struct daxfs_inode_info *info = alloc_inode_sb(sb, daxfs_inode_cache, GFP_KERNEL);

	if (!info)
		return NULL;
	memset((u8 *)info + offsetof(struct daxfs_inode_info, raw), 0,
	       offsetof(struct daxfs_inode_info, vfs_inode) - offsetof(struct daxfs_inode_info, raw));
	daxfs_init_ioends(info);
	atomic64_set(&info->due, 0);
	seqlock_init(&info->found_lock);
	INIT_LIST_HEAD(&info->mapped);
	INIT_LIST_HEAD(&info->windows);
	return &info->vfs_inode;
}

void daxfs_free_inode(struct inode *inode)
{
	kmem_cache_free(daxfs_inode_cache, DAXFS_I(inode));
}

/* ---- reading ---- */

static bool times_ok(const struct daxfs_inode *raw)
{
	return le32_to_cpu(raw->atime_nsec) < NSEC_PER_SEC && le32_to_cpu(raw->mtime_nsec) < NSEC_PER_SEC &&
	       le32_to_cpu(raw->ctime_nsec) < NSEC_PER_SEC && le32_to_cpu(raw->btime_nsec) < NSEC_PER_SEC;
}

static bool fork_ok(const struct daxfs_inode *raw)
{
	u16 count = le16_to_cpu(raw->fork_count);

	switch (raw->format) {
	case DAXFS_FORMAT_NONE:
		return !count && !raw->tree_height;
	case DAXFS_FORMAT_EXTENTS:
		return count <= DAXFS_FORK_EXTENTS && !raw->tree_height;
	case DAXFS_FORMAT_EXTENT_TREE:
		return count && count <= DAXFS_FORK_INDEX && raw->tree_height &&
		       raw->tree_height <= DAXFS_MAX_TREE_HEIGHT;
	case DAXFS_FORMAT_INLINE:
		return !count && !raw->tree_height && le64_to_cpu(raw->size) <= DAXFS_FORK_SIZE;
	case DAXFS_FORMAT_DIRECTORY:
		return count <= DAXFS_FORK_INDEX && raw->tree_height <= DAXFS_MAX_TREE_HEIGHT &&
		       !count == !raw->tree_height;
	}
	return false;
}

static bool format_fits_mode(const struct daxfs_inode *raw)
{
	bool extents = raw->format == DAXFS_FORMAT_EXTENTS || raw->format == DAXFS_FORMAT_EXTENT_TREE;

	switch (le16_to_cpu(raw->mode) & S_IFMT) {
	case S_IFREG:
		return extents;
	case S_IFDIR:
		return raw->format == DAXFS_FORMAT_DIRECTORY;
	case S_IFLNK:
		return (extents || raw->format == DAXFS_FORMAT_INLINE) && raw->size &&
		       le64_to_cpu(raw->size) <= DAXFS_SYMLINK_MAX;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return raw->format == DAXFS_FORMAT_NONE;
	}
	return false;
}

/* What recovery would do is known, possible and in range. */
static bool operation_ok(const struct daxfs_inode *raw)
{
	u64 first = le64_to_cpu(raw->operation_arg[0]), count = le64_to_cpu(raw->operation_arg[1]);
	bool extents = raw->format == DAXFS_FORMAT_EXTENTS || raw->format == DAXFS_FORMAT_EXTENT_TREE;

	switch (raw->operation) {
	case DAXFS_OPERATION_NONE:
		return true;
	case DAXFS_OPERATION_TRUNCATE:
		return extents && first <= DAXFS_MAX_FILE_BLOCK;
	case DAXFS_OPERATION_COLLAPSE:
		return extents && S_ISREG(le16_to_cpu(raw->mode)) && count && first <= DAXFS_MAX_FILE_BLOCK &&
		       count <= DAXFS_MAX_FILE_BLOCK - first;
	}
	return false;
}

/* A directory is as long as its tree has blocks: what adds to it and takes off it stays in range. */
static bool size_ok(struct daxfs_sb_info *sbi, const struct daxfs_inode *raw)
{
	u64 size = le64_to_cpu(raw->size);

	if (S_ISDIR(le16_to_cpu(raw->mode)))
		return size % DAXFS_BLOCK_SIZE == 0 && size / DAXFS_BLOCK_SIZE <= sbi->block_count;
	return size <= MAX_LFS_FILESIZE;
}

static bool rdev_ok(const struct daxfs_inode *raw)
{
	return MAJOR(~(dev_t)0) >= le32_to_cpu(raw->rdev_major) && MINORMASK >= le32_to_cpu(raw->rdev_minor);
}

/* What is wrong with an inode in use, as a word; NULL for nothing. */
static const char *judge(struct daxfs_sb_info *sbi, const struct daxfs_inode *raw)
{
	if (!format_fits_mode(raw))
		return "mode and format";
	if (!fork_ok(raw))
		return "fork";
	if (!size_ok(sbi, raw))
		return "size";
	if (!rdev_ok(raw))
		return "device number";
	if (le64_to_cpu(raw->blocks) > sbi->block_count)
		return "number of blocks";
	if (le32_to_cpu(raw->nlink) > DAXFS_LINK_MAX)
		return "link count";
	if (le32_to_cpu(raw->flags) & ~DAXFS_INODE_FLAGS_KNOWN)
		return "flags";
	if (!times_ok(raw))
		return "timestamp";
	if (!operation_ok(raw))
		return "operation";
	return NULL;
}

static void set_vfs_flags(struct inode *inode, u32 flags)
{
	unsigned int vfs = daxfs_wants_dax(inode) ? S_DAX : 0;

	if (flags & DAXFS_INODE_IMMUTABLE)
		vfs |= S_IMMUTABLE;
	if (flags & DAXFS_INODE_APPEND)
		vfs |= S_APPEND;
	if (flags & DAXFS_INODE_NOATIME)
		vfs |= S_NOATIME;
	if (flags & DAXFS_INODE_SYNC)
		vfs |= S_SYNC;
	if (flags & DAXFS_INODE_DIRSYNC)
		vfs |= S_DIRSYNC;
	inode_set_flags(inode, vfs, S_DAX | S_IMMUTABLE | S_APPEND | S_NOATIME | S_SYNC | S_DIRSYNC);
}

void daxfs_set_inode_ops(struct inode *inode)
{
	set_vfs_flags(inode, DAXFS_I(inode)->flags);
	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = &daxfs_file_inode_operations;
		inode->i_fop = &daxfs_file_operations;
		inode->i_mapping->a_ops = IS_DAX(inode) ? &daxfs_dax_aops : &daxfs_buffered_aops;
		break;
	case S_IFDIR:
		inode->i_op = &daxfs_dir_inode_operations;
		inode->i_fop = &daxfs_dir_operations;
		break;
	case S_IFLNK:
		inode->i_op = &daxfs_symlink_inode_operations;
		break;
	default:
		inode->i_op = &daxfs_special_inode_operations;
		init_special_inode(inode, inode->i_mode, inode->i_rdev);
	}
}

static struct timespec64 raw_time(__le64 sec, __le32 nsec)
{
	return (struct timespec64){ .tv_sec = (s64)le64_to_cpu(sec), .tv_nsec = le32_to_cpu(nsec) };
}

static void load_inode(struct inode *inode, const struct daxfs_inode *raw)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);

	inode->i_mode = le16_to_cpu(raw->mode);
	i_uid_write(inode, le32_to_cpu(raw->uid));
	i_gid_write(inode, le32_to_cpu(raw->gid));
	set_nlink(inode, le32_to_cpu(raw->nlink));
	inode->i_size = le64_to_cpu(raw->size);
	inode->i_generation = le32_to_cpu(raw->generation);
	inode->i_rdev = MKDEV(le32_to_cpu(raw->rdev_major), le32_to_cpu(raw->rdev_minor));
	inode_set_atime_to_ts(inode, raw_time(raw->atime_sec, raw->atime_nsec));
	inode_set_mtime_to_ts(inode, raw_time(raw->mtime_sec, raw->mtime_nsec));
	inode_set_ctime_to_ts(inode, raw_time(raw->ctime_sec, raw->ctime_nsec));
	inode_set_iversion_queried(inode, le64_to_cpu(raw->change));
	info->btime = raw_time(raw->btime_sec, raw->btime_nsec);
	info->flags = le32_to_cpu(raw->flags);
	info->project = le32_to_cpu(raw->project);
	info->blocks = le64_to_cpu(raw->blocks);
	info->parent = le64_to_cpu(raw->parent);
	info->unfinished = raw->operation != DAXFS_OPERATION_NONE;
	info->sound_end = le64_to_cpu(raw->operation_arg[0]);
	info->stored = true;
	/* Since an earlier life in memory. */
	info->late = daxfs_any_late(DAXFS_SB(inode->i_sb));
	inode->i_blocks = info->blocks << (DAXFS_BLOCK_SHIFT - 9);
	daxfs_set_inode_ops(inode);
}

/* 0, -ESTALE, or -ENOMEM. Where nothing is written and the map is lost, the inode itself says what it is: number and checksum. */
static int may_be_inode(struct super_block *sb, u64 ino)
{
	int in_map = daxfs_inode_in_map(sb, ino);

	if (in_map)
		return in_map < 0 ? in_map : 0;
	return !daxfs_writable(sb) && daxfs_inode_map_lost(sb, ino) ? 0 : -ESTALE;
}

static int read_inode(struct inode *inode, bool orphan)
{
	struct super_block *sb = inode->i_sb;
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_inode_info *info = DAXFS_I(inode);
	u64 block = inode->i_ino / DAXFS_INODES_PER_BLOCK;
	struct daxfs_inode raw;
	const char *wrong;
	int err = daxfs_first_touch(sb, inode->i_ino, block);

	if (err)
		return err;
	info->raw = daxfs_raw_inode(sbi, inode->i_ino);
	memcpy(&raw, info->raw, sizeof(raw));
	/* The block was given back in between: what was read is somebody's data. */
	smp_rmb();
	err = may_be_inode(sb, inode->i_ino);
	if (err)
		return err;
	if (!daxfs_raw_inode_ok(sbi, &raw, inode->i_ino))
		return daxfs_corrupt(sb, inode->i_ino, block, "inode: magic number, checksum or own number");
	if (!raw.mode || (!raw.nlink && !orphan))
		return -ESTALE;
	wrong = judge(sbi, &raw);
	if (wrong)
		return daxfs_corrupt(sb, inode->i_ino, block, "inode: %s", wrong);
	load_inode(inode, &raw);
	return 0;
}

/* Of a new one. Inside the gate. */
static struct inode *fill_inode(struct inode *inode, bool orphan)
{
	int err = read_inode(inode, orphan);

	if (err) {
		iget_failed(inode);
		return ERR_PTR(err);
	}
	unlock_new_inode(inode);
	return inode;
}

static struct inode *get_inode(struct super_block *sb, u64 ino, bool orphan)
{
	struct inode *inode;
	int err = may_be_inode(sb, ino);

	if (err)
		return ERR_PTR(err);
	inode = iget_locked(sb, ino);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	return inode->i_state & I_NEW ? fill_inode(inode, orphan) : inode;
}

struct inode *daxfs_iget(struct super_block *sb, u64 ino)
{
	return get_inode(sb, ino, false);
}

struct inode *daxfs_iget_orphan(struct super_block *sb, u64 ino)
{
	return get_inode(sb, ino, true);
}

struct inode *daxfs_iget_outside(struct super_block *sb, u64 ino, bool orphan)
{
	int gate = daxfs_enter(DAXFS_SB(sb));
	struct inode *inode;
	int err;

	if (gate < 0)
		return ERR_PTR(gate);
	err = may_be_inode(sb, ino);
	daxfs_leave(gate);
	if (err)
		return ERR_PTR(err);
	/* Outside the gate: one that is being freed is waited for, and that waits for a thaw. */
	inode = iget_locked(sb, ino);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (!(inode->i_state & I_NEW))
		return inode;
	gate = daxfs_enter(DAXFS_SB(sb));
	if (gate < 0) {
		iget_failed(inode);
		return ERR_PTR(gate);
	}
	inode = fill_inode(inode, orphan);
	daxfs_leave(gate);
	return inode;
}

/* ---- the end of an inode ---- */

static int free_blocks(struct inode *inode)
{
	switch (DAXFS_I(inode)->raw->format) {
	case DAXFS_FORMAT_EXTENTS:
	case DAXFS_FORMAT_EXTENT_TREE:
		return daxfs_free_all_blocks(inode);
	case DAXFS_FORMAT_DIRECTORY:
		return daxfs_dir_free_all_blocks(inode);
	}
	return 0;
}

static int free_all(struct inode *inode)
{
	int err, gate = daxfs_enter(DAXFS_SB(inode->i_sb));

	if (gate < 0)
		return gate;
	err = free_blocks(inode);
	if (!err)
		err = daxfs_free_raw_inode(inode);
	daxfs_leave(gate);
	return err;
}

static void free_orphan(struct inode *inode)
{
	int err;

	sb_start_intwrite(inode->i_sb);
	/* Else its space would be nobody's until the next mount. */
	while ((err = free_all(inode)) == -ENOMEM)
		memalloc_retry_wait(GFP_NOFS);
	sb_end_intwrite(inode->i_sb);
	if (err)
		pr_warn("daxfs (%pg): inode %lu: not freed: error %d; the next mount tries again\n", inode->i_sb->s_bdev,
			inode->i_ino, err);
}

void daxfs_evict_inode(struct inode *inode)
{
	bool free = !inode->i_nlink && DAXFS_I(inode)->stored && !is_bad_inode(inode);

	daxfs_drop_all(inode);
	daxfs_give_due(inode, U64_MAX);
	daxfs_forget_mapped(inode);
	daxfs_end_windows(inode);
	if (free && !daxfs_may_write(inode->i_sb) && !daxfs_reclaim_later(inode))
		free_orphan(inode);
	clear_inode(inode);
	daxfs_reclaim_evicted(inode);
}

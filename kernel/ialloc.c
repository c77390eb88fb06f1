// SPDX-License-Identifier: GPL-2.0
/*
 * Inodes for new files: found, promised to whoever creates one, and free again.
 *
 * A free inode is promised (struct daxfs_promise) from the moment when it is found until it is in use on the device; one
 * that is being freed is promised from before its mode becomes 0 until that is durable.
 */
#include <linux/iversion.h>
#include <linux/random.h>

#include "ag.h"
#include "checksum.h"
#include "daxfs.h"
#include "error.h"
#include "ialloc.h"
#include "icache.h"
#include "inode.h"
#include "inode_blocks.h"
#include "journal.h"
#include "media.h"
#include "points.h"

static u64 promised_inode(const struct daxfs_promise *promise)
{
	return promise->first + __ffs(promise->inodes);
}

/* Promises an inode in the block of inodes at `bit`: 0, -EBUSY for none, or an error. Of a block with a damaged one, or
 * that cannot be read, nobody is given one until something there is freed. */
static int claim_in_block(struct super_block *sb, u32 agno, u32 bit, struct daxfs_promise *promise)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u64 block = daxfs_ag_start(sbi, agno) + bit, ino;
	int err = daxfs_first_touch(sb, 0, block);

	if (err) {
		daxfs_inode_block_refused(sbi, agno, bit);
		return err;
	}
	daxfs_point(claim);
	if (!daxfs_promise_in_block(sbi, agno, bit, promise))
		return -EBUSY;
	ino = promised_inode(promise);
	if (likely(daxfs_raw_inode_ok(sbi, daxfs_raw_inode(sbi, ino), ino)))
		return 0;
	daxfs_inode_refused(sbi, ino);
	return daxfs_corrupt(sb, ino, block, "free inode: damaged");
}

/* First fit, from the lowest block that is known to have a free inode on. What is wrong with one is said, and keeps nobody
 * from the next, or from new ones. */
static int claim_in_open(struct super_block *sb, u32 agno, struct daxfs_promise *promise)
{
	struct daxfs_ag *ag = &DAXFS_SB(sb)->ags[agno];
	u32 start = READ_ONCE(ag->inode_hint), bit = find_next_bit(ag->open_inodes, ag->blocks, start);
	int err = -EBUSY;

	while (bit < ag->blocks) {
		err = claim_in_block(sb, agno, bit, promise);
		if (!err || err == -ENOMEM)
			break;
		err = -EBUSY;
		bit = find_next_bit(ag->open_inodes, ag->blocks, bit + 1);
	}
	if (bit != start)
		daxfs_raise_inode_hint(ag, start);
	return err;
}

/* In the AG, of whose other blocks at most *unseen are looked into: 0, -EBUSY for none, or an error. */
static int claim_in_ag(struct super_block *sb, u32 agno, u32 *unseen, struct daxfs_promise *promise)
{
	struct daxfs_ag *ag = &DAXFS_SB(sb)->ags[agno];
	int err = daxfs_ag_load(sb, agno);

	while (!err) {
		err = claim_in_open(sb, agno, promise);
		if (err != -EBUSY || !READ_ONCE(ag->unseen))
			return err;
		err = daxfs_look_for_inodes(sb, agno, unseen);
	}
	return err;
}

/*
 * A new chunk, whose first inode is promised, unless somebody made one since `seen` was read: what many found missing at once
 * is made once. -EBUSY: somebody did, or the inode cannot be used; there are others. *agno: where.
 */
static int grow(struct super_block *sb, u32 near, bool near_only, u32 seen, u32 *agno, struct daxfs_promise *promise)
{
	struct daxfs_ag *ag = &DAXFS_SB(sb)->ags[near];
	int err = -EBUSY;

	mutex_lock(&ag->grow_lock);
	if (ag->grown == seen) {
		err = daxfs_add_inodes(sb, near, near_only, seen, &ag->grown_in, promise);
		if (!err || err == -EBUSY)
			WRITE_ONCE(ag->grown, seen + 1);
	}
	*agno = ag->grown_in;
	mutex_unlock(&ag->grow_lock);
	return err;
}

/*
 * A free inode in `near`, or a new one there or, without near_only, anywhere. Others may take all of a chunk that they did
 * not make: whoever comes around again has seen somebody else get one, and what he makes himself is his.
 */
static int claim_or_grow(struct super_block *sb, u32 near, bool near_only, u32 *unseen,
			 struct daxfs_promise *promise)
{
	struct daxfs_ag *ag = &DAXFS_SB(sb)->ags[near];
	u32 agno = near, seen;
	int err;

	do {
		seen = READ_ONCE(ag->grown);
		if (READ_ONCE(DAXFS_SB(sb)->ags[agno].free_inodes)) {
			err = claim_in_ag(sb, agno, unseen, promise);
			if (err != -EBUSY)
				return err;
		}
		if (near_only && !READ_ONCE(ag->free_blocks))
			return -ENOSPC;
		err = grow(sb, near, near_only, seen, &agno, promise);
	} while (err == -EBUSY);
	return err;
}

/* A free inode of any AG, from `start` on: 0, or -ENOSPC. What is wrong with one of them keeps nobody from the next. */
static int claim_anywhere(struct super_block *sb, u32 start, u32 *unseen, struct daxfs_promise *promise)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 ags = smp_load_acquire(&sbi->initialised_ags), agno;

	for_each_set_bit_wrap(agno, sbi->ags_with[DAXFS_OFFERS_INODES], ags, start) {
		/* Nothing is known of one that nobody has loaded. */
		if (!*unseen && !READ_ONCE(sbi->ags[agno].loaded))
			continue;
		if (!claim_in_ag(sb, agno, unseen, promise))
			return 0;
	}
	return -ENOSPC;
}

static u32 choose_ag(struct inode *dir, umode_t mode)
{
	struct super_block *sb = dir->i_sb;
	u32 own = daxfs_ag_of(DAXFS_SB(sb), dir->i_ino / DAXFS_INODES_PER_BLOCK);

	if (!S_ISDIR(mode))
		return daxfs_ag_unless_busy(sb, own);
	if (dir->i_ino == le64_to_cpu(DAXFS_SB(sb)->believed.root_ino))
		return daxfs_ag_in_turn(sb);
	return daxfs_ag_unless_full(sb, own);
}

/*
 * In the chosen AG for as long as it has free inodes, or blocks to make them from; then what is free in others is used
 * before they grow. There the search goes on where it ended for the directory's last child. When no space is left, all is
 * looked into.
 */
static int promise_inode(struct inode *dir, umode_t mode, struct daxfs_promise *promise)
{
	struct super_block *sb = dir->i_sb;
	struct daxfs_inode_info *info = DAXFS_I(dir);
	u32 own = choose_ag(dir, mode), start = READ_ONCE(info->child_ag), unseen = DAXFS_INODE_BLOCKS_TRIED;
	int err = claim_or_grow(sb, own, true, &unseen, promise);

	if (err != -ENOSPC)
		return err;
	start = start ? start - 1 : own;
	err = claim_anywhere(sb, start, &unseen, promise);
	if (err)
		err = claim_or_grow(sb, start, false, &unseen, promise);
	unseen = U32_MAX;
	if (err == -ENOSPC)
		err = claim_anywhere(sb, start, &unseen, promise);
	if (!err)
		WRITE_ONCE(info->child_ag, daxfs_ag_of(DAXFS_SB(sb), promise->first / DAXFS_INODES_PER_BLOCK) + 1);
	return err;
}

static u32 inherited_flags(const struct inode *dir, umode_t mode)
{
	u32 flags = DAXFS_I(dir)->flags & (DAXFS_INODE_NOATIME | DAXFS_INODE_NODUMP | DAXFS_INODE_SYNC |
					   DAXFS_INODE_DIRSYNC | DAXFS_INODE_DAX);

	if (!S_ISDIR(mode))
		flags &= ~DAXFS_INODE_DIRSYNC;
	if (!S_ISDIR(mode) && !S_ISREG(mode))
		flags &= DAXFS_INODE_NOATIME | DAXFS_INODE_NODUMP;
	return flags;
}

struct inode *daxfs_new_inode(IDMAP_ARG, struct inode *dir, umode_t mode, dev_t rdev)
{
	struct super_block *sb = dir->i_sb;
	struct daxfs_inode_info *info;
	struct inode *inode;
	struct timespec64 now;
	u64 ino;
	int err;

	inode = new_inode(sb);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	info = DAXFS_I(inode);
	err = promise_inode(dir, mode, &info->promise);
	if (err)
		goto put;
	ino = promised_inode(&info->promise);
	inode->i_ino = ino;
	info->raw = daxfs_raw_inode(DAXFS_SB(sb), ino);
	info->flags = inherited_flags(dir, mode);
	info->parent = dir->i_ino;
	info->project = DAXFS_I(dir)->project;
	inode_init_owner(IDMAP, inode, dir, mode);
	inode->i_generation = get_random_u32();
	inode->i_rdev = rdev;
	now = inode_set_ctime_current(inode);
	inode_set_atime_to_ts(inode, now);
	inode_set_mtime_to_ts(inode, now);
	info->btime = now;
	inode_set_iversion(inode, 1);
	daxfs_set_inode_ops(inode);
	if (insert_inode_locked(inode)) {
		daxfs_inode_refused(DAXFS_SB(sb), ino);
		err = daxfs_corrupt(sb, ino, ino / DAXFS_INODES_PER_BLOCK, "a free inode is in use in memory");
		goto put;
	}
	return inode;
put:
	/* Without a number of its own it must not look unlinked to evict. */
	iput(inode);
	return ERR_PTR(err);
}

void daxfs_forget_new_inode(struct inode *inode)
{
	daxfs_inode_given(DAXFS_SB(inode->i_sb), inode->i_ino);
}

void daxfs_tx_new_inode(struct daxfs_tx *tx, struct inode *inode)
{
	u32 from, to;

	/* Of files and directories the core is all that will not be zero. */
	if (S_ISREG(inode->i_mode) || S_ISDIR(inode->i_mode)) {
		daxfs_inode_rest(DAXFS_I(inode)->raw, &from, &to);
		daxfs_tx_add_core(tx, inode);
		daxfs_tx_add_rest(tx, inode, from, to);
	} else {
		daxfs_tx_add_inode(tx, inode);
	}
	daxfs_tx_inode_take(tx, inode->i_ino);
}

/* ---- free again ---- */

/* What a free inode is: all zero but magic, own number and generation. [from, to): what is not zero behind the core. */
static void clear_raw(struct daxfs_sb_info *sbi, struct daxfs_inode *raw, u32 from, u32 to)
{
	__le32 generation = raw->generation;

	memset((void *)raw + offsetof(struct daxfs_inode, mode), 0, DAXFS_CORE_BYTES - offsetof(struct daxfs_inode, mode));
	if (from < to)
		memset((void *)raw + from, 0, to - from);
	raw->generation = generation;
	daxfs_seal_inode(sbi, raw);
}

int daxfs_free_raw_inode(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;
	struct daxfs_inode_info *info = DAXFS_I(inode);
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 agno = daxfs_ag_of(sbi, inode->i_ino / DAXFS_INODES_PER_BLOCK);
	struct daxfs_tx *tx;
	u32 from, to;
	int err;

	/* Nobody takes it before the commit: settling the transaction ends this. */
	if (!daxfs_promise_used(sbi, inode->i_ino, &info->promise))
		return daxfs_corrupt(sb, inode->i_ino, inode->i_ino / DAXFS_INODES_PER_BLOCK,
				     "an inode that is in use was free on the device");
	down_write(&info->lock);
	tx = daxfs_tx_begin(sb);
	err = PTR_ERR_OR_ZERO(tx);
	if (err)
		goto unlock;
	daxfs_inode_rest(info->raw, &from, &to);
	daxfs_tx_add_core(tx, inode);
	daxfs_tx_add_rest(tx, inode, from, to);
	/* In the order that their maps have: nothing to sort. */
	daxfs_tx_orphan(tx, inode->i_ino, false);
	daxfs_tx_inode_give(tx, inode->i_ino);
	err = daxfs_tx_ready(tx);
	if (err) {
		daxfs_tx_cancel(tx);
		goto unlock;
	}
	clear_raw(sbi, info->raw, from, to);
	err = daxfs_tx_commit(tx);
unlock:
	up_write(&info->lock);
	if (err)
		daxfs_promise_kept(sbi, agno, inode->i_ino);
	else
		daxfs_note_empty(sb, agno);
	return err;
}

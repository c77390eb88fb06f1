// SPDX-License-Identifier: GPL-2.0
/*
 * An inode as it is stored: whole, under its lock, in a transaction.
 */
#include <linux/iversion.h>
#include <linux/writeback.h>

#include "checksum.h"
#include "daxfs.h"
#include "device.h"
#include "inode.h"
#include "journal.h"

void daxfs_lock_inodes(struct inode *a, struct inode *b, struct inode *c, struct inode *d)
{
	struct inode *inodes[] = { a, b, c, d };
	unsigned int i, j;

	for (i = 1; i < ARRAY_SIZE(inodes); i++)
		for (j = i; j && inodes[j] && (!inodes[j - 1] || inodes[j - 1]->i_ino > inodes[j]->i_ino); j--)
			swap(inodes[j - 1], inodes[j]);
	for (i = 0; i < ARRAY_SIZE(inodes) && inodes[i]; i++)
		if (!i || inodes[i] != inodes[i - 1])
			down_write_nested(&DAXFS_I(inodes[i])->lock, i);
}

void daxfs_unlock_inodes(struct inode *a, struct inode *b, struct inode *c, struct inode *d)
{
	if (a)
		up_write(&DAXFS_I(a)->lock);
	if (b && b != a)
		up_write(&DAXFS_I(b)->lock);
	if (c && c != a && c != b)
		up_write(&DAXFS_I(c)->lock);
	if (d && d != a && d != b && d != c)
		up_write(&DAXFS_I(d)->lock);
}

/* What S_DAX should be, by mount option and flag. It is what it was when the inode came into memory. */
bool daxfs_wants_dax(const struct inode *inode)
{
	switch (DAXFS_SB(inode->i_sb)->dax_mode) {
	case DAXFS_DAX_ALWAYS:
		return S_ISREG(inode->i_mode);
	case DAXFS_DAX_INODE:
		return S_ISREG(inode->i_mode) && DAXFS_I(inode)->flags & DAXFS_INODE_DAX;
	case DAXFS_DAX_NEVER:
		break;
	}
	return false;
}

void daxfs_inode_rest(const struct daxfs_inode *raw, u32 *from, u32 *to)
{
	const u64 *words = (const void *)raw;
	u32 first = DAXFS_CORE_BYTES / 8, last = DAXFS_INODE_SIZE / 8, i;
	u64 any = 0;

	BUILD_BUG_ON(DAXFS_CORE_BYTES % 8 || DAXFS_INODE_SIZE % 64 || DAXFS_CORE_BYTES % 64);
	*from = *to = 0;
	for (i = first; i < last; i += 8)
		any |= words[i] | words[i + 1] | words[i + 2] | words[i + 3] | words[i + 4] | words[i + 5] | words[i + 6] |
		       words[i + 7];
	if (likely(!any))
		return;
	while (first < last && !words[first])
		first++;
	while (first < last && !words[last - 1])
		last--;
	*from = first * 8;
	*to = last * 8;
}

/* ---- storing ---- */

/*
 * What every transaction may change of size and blocks. The size of a regular file moves by daxfs_move_size() and
 * daxfs_grow_size() alone: i_size is ahead of it where data is in the page cache, and behind it where a truncate that has not
 * begun on the device keeps faults off. Another task may store the inode's times meanwhile.
 */
static void store_sizes(struct inode *inode, struct daxfs_inode *raw)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);

	/* Before the first time it is whatever a free inode says. */
	if (!S_ISREG(inode->i_mode) || !info->stored)
		raw->size = cpu_to_le64(i_size_read(inode));
	raw->blocks = cpu_to_le64(info->blocks);
	inode->i_blocks = info->blocks << (DAXFS_BLOCK_SHIFT - 9);
}

void daxfs_store_sizes(struct inode *inode)
{
	struct daxfs_inode *raw = DAXFS_I(inode)->raw;

	store_sizes(inode, raw);
	daxfs_seal_inode(DAXFS_SB(inode->i_sb), raw);
}

static bool is_time(struct timespec64 time, __le64 sec, __le32 nsec)
{
	return cpu_to_le64(time.tv_sec) == sec && cpu_to_le32(time.tv_nsec) == nsec;
}

bool daxfs_times_stored(const struct inode *inode)
{
	const struct daxfs_inode *raw = DAXFS_I(inode)->raw;

	return is_time(inode_get_mtime(inode), raw->mtime_sec, raw->mtime_nsec) &&
	       is_time(inode_get_ctime(inode), raw->ctime_sec, raw->ctime_nsec) &&
	       raw->change == cpu_to_le64(inode_peek_iversion(inode));
}

/* mode stays 0 where the inode is being freed: this is for inodes in use. */
void daxfs_store_inode(struct inode *inode)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	struct daxfs_inode *raw = info->raw;
	struct timespec64 atime = inode_get_atime(inode), mtime = inode_get_mtime(inode), ctime = inode_get_ctime(inode);

	raw->mode = cpu_to_le16(inode->i_mode);
	raw->flags = cpu_to_le32(info->flags);
	raw->nlink = cpu_to_le32(inode->i_nlink);
	raw->uid = cpu_to_le32(i_uid_read(inode));
	raw->gid = cpu_to_le32(i_gid_read(inode));
	raw->project = cpu_to_le32(info->project);
	raw->generation = cpu_to_le32(inode->i_generation);
	store_sizes(inode, raw);
	raw->atime_sec = cpu_to_le64(atime.tv_sec);
	raw->mtime_sec = cpu_to_le64(mtime.tv_sec);
	raw->ctime_sec = cpu_to_le64(ctime.tv_sec);
	raw->btime_sec = cpu_to_le64(info->btime.tv_sec);
	raw->atime_nsec = cpu_to_le32(atime.tv_nsec);
	raw->mtime_nsec = cpu_to_le32(mtime.tv_nsec);
	raw->ctime_nsec = cpu_to_le32(ctime.tv_nsec);
	raw->btime_nsec = cpu_to_le32(info->btime.tv_nsec);
	raw->change = cpu_to_le64(inode_peek_iversion(inode));
	raw->parent = cpu_to_le64(info->parent);
	daxfs_seal_inode(DAXFS_SB(inode->i_sb), raw);
	info->stored = true;
}

loff_t daxfs_stored_size(struct inode *inode)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	int gate = daxfs_enter(DAXFS_SB(inode->i_sb));
	loff_t size;

	if (gate < 0)
		return 0;
	/* A size that is not committed yet does not count: under the lock there is none. */
	down_read(&info->lock);
	size = le64_to_cpu(info->raw->size);
	up_read(&info->lock);
	daxfs_leave(gate);
	return size;
}

int daxfs_commit_inode_locked(struct inode *inode)
{
	struct daxfs_tx *tx = daxfs_tx_begin(inode->i_sb);
	int err;

	lockdep_assert_held_write(&DAXFS_I(inode)->lock);
	if (IS_ERR(tx))
		return PTR_ERR(tx);
	daxfs_tx_add_core(tx, inode);
	err = daxfs_tx_ready(tx);
	if (err) {
		daxfs_tx_cancel(tx);
		return err;
	}
	daxfs_store_inode(inode);
	return daxfs_tx_commit(tx);
}

int daxfs_commit_inode(struct inode *inode)
{
	int err, gate = daxfs_enter(DAXFS_SB(inode->i_sb));

	if (gate < 0)
		return gate;
	down_write(&DAXFS_I(inode)->lock);
	err = daxfs_commit_inode_locked(inode);
	up_write(&DAXFS_I(inode)->lock);
	daxfs_leave(gate);
	return err;
}

/* Times, which the VFS keeps dirty; everything else was durable when it changed. */
int daxfs_write_inode(struct inode *inode, struct writeback_control *wbc)
{
	if (!daxfs_writable(inode->i_sb) || !DAXFS_I(inode)->stored || !inode->i_nlink)
		return 0;
	return daxfs_commit_inode(inode);
}

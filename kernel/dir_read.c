// SPDX-License-Identifier: GPL-2.0
/*
 * readdir. A position is the key of the last entry given out (1 and 2 for "." and ".."): d_off of an entry is its own
 * key, and reading resumes behind it, wherever insertions and removals have moved the entries in the meantime. A leaf
 * is copied and sorted under the directory's lock and given out after the lock was dropped, because giving out touches
 * user memory.
 *
 * Programs of 32 bits without large files, and NFS version 2, keep positions of 31 bits: the top of a key, which names may
 * share. Such a position stands for the first entry that has it, and is where reading resumes: seeking may give out
 * entries of one position again, but leaves none out. A reader that goes on where a full buffer stopped it among them gets
 * the rest alone: the key that comes next is in file->private_data, until it seeks.
 */
#include <linux/compat.h>
#include <linux/slab.h>

#include "daxfs.h"
#include "device.h"
#include "dir.h"
#include "ioctl.h"

#define POS_DOT_DOT	2	/* behind ".." */
#define SMALL_POS_FIRST	3
#define SMALL_POS_END	INT_MAX	/* behind all entries */
#define SMALL_POS_SHIFT	32

/* A server says what its client takes; for others, what the system call does. */
static bool has_small_positions(const struct file *file)
{
	if (file->f_mode & (FMODE_32BITHASH | FMODE_64BITHASH))
		return file->f_mode & FMODE_32BITHASH;
	return in_compat_syscall();
}

static u64 small_position(u64 key)
{
	return clamp_t(u64, key >> SMALL_POS_SHIFT, SMALL_POS_FIRST, SMALL_POS_END - 1);
}

/* The key that reading goes on from. A small position that somebody with large ones left is a key that few are below. */
static u64 resume_key(const struct file *file, u64 pos, bool small)
{
	u64 next = (unsigned long)file->private_data;

	if (!small || pos < SMALL_POS_FIRST || pos > SMALL_POS_END)
		return pos + 1;
	if (pos == SMALL_POS_END)
		return DAXFS_DIR_KEY_END;
	if (next && small_position(next) == pos)
		return next;
	return pos == SMALL_POS_FIRST ? pos : pos << SMALL_POS_SHIFT;
}

/* The first leaf that has keys of at least *from, which moves behind that leaf; -ENOENT at the end. */
static int next_leaf(struct inode *dir, u64 *from, struct dir_scratch *scratch)
{
	struct daxfs_tree_path path;
	int err = -ENOENT, gate = daxfs_enter(DAXFS_SB(dir->i_sb));

	if (gate < 0)
		return gate;
	down_read(&DAXFS_I(dir)->lock);
	while (*from < DAXFS_DIR_KEY_END) {
		err = daxfs_dir_find(dir, NULL, *from, &path);
		if (!err)
			err = daxfs_dir_collect(dir, &path, *from, 0, scratch);
		if (err)
			break;
		*from = path.step[0].high;
		if (scratch->count)
			break;
		/* An image may have any number of empty leaves. */
		err = fatal_signal_pending(current) ? -EINTR : -ENOENT;
		if (err != -ENOENT)
			break;
		cond_resched();
	}
	up_read(&DAXFS_I(dir)->lock);
	daxfs_leave(gate);
	return err;
}

/* A small position is that of the entry that comes next; to come behind ".." is the first one's too. */
static bool emit_leaf(struct file *file, struct dir_context *ctx, const struct dir_scratch *scratch, bool small)
{
	unsigned int i;

	for (i = 0; i < scratch->count; i++) {
		const struct daxfs_dirent *entry = (const void *)scratch->leaf + scratch->sorted[i].offset;
		u64 key = scratch->sorted[i].key;

		if (small && ctx->pos != POS_DOT_DOT)
			ctx->pos = small_position(key);
		if (small)
			file->private_data = (void *)(unsigned long)key;
		if (!dir_emit(ctx, (const char *)(entry + 1), entry->name_length, le64_to_cpu(entry->ino),
			      fs_ftype_to_dtype(entry->type)))
			return false;
		ctx->pos = small ? small_position(key) : key;
		if (small)
			file->private_data = (void *)(unsigned long)(key + 1);
	}
	return true;
}

static int daxfs_iterate(struct file *file, struct dir_context *ctx)
{
	struct inode *dir = file_inode(file);
	bool small = has_small_positions(file);
	struct dir_scratch *scratch;
	u64 from;
	int err;

	if (daxfs_is_shutdown(DAXFS_SB(dir->i_sb)))
		return -EIO;
	if (!dir_emit_dots(file, ctx))
		return 0;
	scratch = kmalloc(sizeof(*scratch), GFP_KERNEL);
	if (!scratch)
		return -ENOMEM;
	from = resume_key(file, ctx->pos, small);
	do {
		err = next_leaf(dir, &from, scratch);
		if (fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	} while (!err && emit_leaf(file, ctx, scratch, small));
	kfree(scratch);
	if (err == -ENOENT && small)
		ctx->pos = SMALL_POS_END;
	return err == -ENOENT ? 0 : err;
}

/* Any position up to the largest key is a place to resume from. */
static loff_t daxfs_dir_llseek(struct file *file, loff_t offset, int whence)
{
	if (whence != SEEK_CUR || offset)
		file->private_data = NULL;
	return generic_file_llseek_size(file, offset, whence, LLONG_MAX,
					has_small_positions(file) ? SMALL_POS_END : LLONG_MAX);
}

/* Names are durable already; times may not be. */
static int daxfs_dir_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *dir = file_inode(file);

	if (daxfs_is_shutdown(DAXFS_SB(dir->i_sb)))
		return -EIO;
	return sync_inode_metadata(dir, 1);
}

const struct file_operations daxfs_dir_operations = {
	.llseek		= daxfs_dir_llseek,
	.read		= generic_read_dir,
	.iterate_shared	= daxfs_iterate,
	.fsync		= daxfs_dir_fsync,
	.unlocked_ioctl	= daxfs_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

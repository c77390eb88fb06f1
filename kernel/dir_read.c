// SPDX-License-Identifier: GPL-2.0
/*
 * readdir. A position is the key of the last entry given out (1 and 2 for "." and ".."): d_off of an entry is its own
 * key, and reading resumes behind it, wherever insertions and removals have moved the entries in the meantime. A leaf
 * is copied and sorted under the directory's lock and given out after the lock was dropped, because giving out touches
 * user memory.
 */
#include <linux/slab.h>

#include "dir.h"

/* The first leaf that has keys of at least *from, which moves behind that leaf; -ENOENT at the end. */
static int next_leaf(struct inode *dir, u64 *from, struct dir_scratch *scratch)
{
	struct dir_path path;
	int err = -ENOENT, gate = daxfs_enter(DAXFS_SB(dir->i_sb));

	if (gate < 0)
		return gate;
	down_read(&DAXFS_I(dir)->lock);
	while (*from < DAXFS_DIR_KEY_END) {
		err = daxfs_dir_find(dir, NULL, *from, &path);
		if (!err)
			err = daxfs_dir_collect(dir, &path, *from, scratch);
		if (err)
			break;
		*from = path.high;
		if (scratch->count)
			break;
		err = -ENOENT;
	}
	up_read(&DAXFS_I(dir)->lock);
	daxfs_leave(gate);
	return err;
}

static bool emit_leaf(struct inode *dir, struct dir_context *ctx, const struct dir_scratch *scratch)
{
	unsigned int i;

	for (i = 0; i < scratch->count; i++) {
		const struct daxfs_dirent *entry = (const void *)scratch->leaf + scratch->sorted[i].offset;

		if (!dir_emit(ctx, (const char *)(entry + 1), entry->name_length, le64_to_cpu(entry->ino),
			      fs_ftype_to_dtype(entry->type)))
			return false;
		ctx->pos = scratch->sorted[i].key;
	}
	return true;
}

static int daxfs_iterate(struct file *file, struct dir_context *ctx)
{
	struct inode *dir = file_inode(file);
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
	from = ctx->pos + 1;
	do {
		err = next_leaf(dir, &from, scratch);
		if (fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	} while (!err && emit_leaf(dir, ctx, scratch));
	kfree(scratch);
	return err == -ENOENT ? 0 : err;
}

/* Any position up to the largest key is a place to resume from. */
static loff_t daxfs_dir_llseek(struct file *file, loff_t offset, int whence)
{
	return generic_file_llseek_size(file, offset, whence, LLONG_MAX, LLONG_MAX);
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

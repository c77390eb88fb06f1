/* SPDX-License-Identifier: GPL-2.0 */
/* A directory's names: dir.c keeps them in the leaves of a tree, dir_read.c lists them. */
#ifndef DAXFS_KERNEL_DIR_H
#define DAXFS_KERNEL_DIR_H

#include "daxfs.h"
#include "tree.h"

/* ---- dir.c: names. dir's inode lock is held: shared to look up, exclusive to change. ---- */
int daxfs_dir_lookup(struct inode *dir, const struct qstr *name, u64 *ino, u8 *type);	/* -ENOENT */
int daxfs_dir_check_empty(struct inode *dir);	/* 0, -ENOTEMPTY, or an error */
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

/* ---- what dir.c and dir_read.c share, and failure.c walks ---- */
#define DAXFS_DIR_KEY_END	(1ull << 63)	/* keys are readdir cookies: below this */
#define DAXFS_DIR_LEAF_BYTES	(DAXFS_BLOCK_SIZE - DAXFS_DIR_LEAF_START)
/* Names of at least one byte make records of at least 32. */
#define DAXFS_DIR_LEAF_COUNT	(DAXFS_DIR_LEAF_BYTES / (sizeof(struct daxfs_dirent) + 8))

extern const struct daxfs_tree daxfs_dir_tree;

/* To the leaf that `key` belongs into; -ENOENT in an empty directory. `change` may be NULL: as it lies in pmem. */
static inline int daxfs_dir_find(struct inode *dir, struct daxfs_tree_change *change, u64 key,
				 struct daxfs_tree_path *path)
{
	int err = daxfs_tree_find(&daxfs_dir_tree, dir, change, key, path);

	return err || path->height ? err : -ENOENT;
}

/* A record of a leaf. */
struct dir_found {
	u64 key;
	u16 offset;
	u8 next;		/* while they are sorted */
};

/* A leaf to work from while the leaf itself is rewritten, or after the lock was dropped. */
struct dir_scratch {
	u8 leaf[DAXFS_BLOCK_SIZE];
	unsigned int count;
	struct dir_found found[DAXFS_DIR_LEAF_COUNT + 1];
	struct dir_found sorted[DAXFS_DIR_LEAF_COUNT + 1];
};

int daxfs_dir_collect(struct inode *dir, const struct daxfs_tree_path *path, u64 from, u64 new_key,
		      struct dir_scratch *scratch);

extern const struct file_operations daxfs_dir_operations;

#endif /* DAXFS_KERNEL_DIR_H */

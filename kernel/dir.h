/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A directory's tree of keys, shared by dir_tree.c (nodes), dir.c (names in leaves) and dir_read.c (readdir).
 *
 * A change works on copies in DRAM, in the transaction's buffers: every node that will change, and the fork, is copied
 * on first touch and edited there; reads of the same change see the copies. daxfs_dir_prepare() seals the copies and logs the old bytes;
 * daxfs_dir_apply() copies the changed ranges to pmem and cannot fail. So one change may carry several names.
 */
#ifndef DAXFS_KERNEL_DIR_H
#define DAXFS_KERNEL_DIR_H

#include "daxfs.h"

/* ---- dir.c: names. dir's inode lock is held: shared to look up, exclusive to change. ---- */
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

/* ---- the tree: what dir.c, dir_tree.c and dir_read.c share ---- */
#define DAXFS_DIR_KEY_END	(1ull << 63)	/* keys are readdir cookies: below this */
#define DAXFS_DIR_LEAF_BYTES	(DAXFS_BLOCK_SIZE - DAXFS_DIR_LEAF_START)
/* Names of at least one byte make records of at least 32. */
#define DAXFS_DIR_LEAF_COUNT	(DAXFS_DIR_LEAF_BYTES / (sizeof(struct daxfs_dirent) + 8))

/*
 * Nodes that one change touches at most. Adding a name: a node and its new sibling at each level, and a level more.
 * Removing one: the nodes above it, and the spine of the neighbour that inherits its keys.
 */
#define DAXFS_DIR_CHANGE_NODES	(4 * DAXFS_MAX_TREE_HEIGHT + 2)
#define DAXFS_DIR_DIRTY_RANGES	4

/* A node as it will be. */
struct dir_node {
	struct daxfs_node_header *copy;		/* DAXFS_BLOCK_SIZE bytes */
	u64 block;
	bool fresh;		/* nothing reaches it before the commit: written whole, no undo */
	bool freed;
	bool doubt;		/* a new leaf with names out of one that is in doubt */
	u8 dirty_count;
	struct {
		u16 from, to;
	} dirty[DAXFS_DIR_DIRTY_RANGES];	/* beside the header, which always changes */
};

struct daxfs_dir_change {
	struct daxfs_tx *tx;
	struct inode *dir;
	union daxfs_fork fork;
	u16 fork_count;
	u8 height;
	bool removed;		/* a name went; the leaf at removed_key may be empty */
	int blocks;		/* nodes made minus nodes freed */
	unsigned int node_count;
	u64 removed_key;
	struct dir_node nodes[DAXFS_DIR_CHANGE_NODES];
};

/*
 * The way from the fork (step 0) down to the leaf that holds a key. Counts and keys were loaded once and checked: memory may
 * change.
 */
struct dir_step {
	const struct daxfs_index_entry *entries;
	u64 block;		/* of the node; 0 for the fork */
	u64 low;		/* its first key */
	u16 count;
	u16 index;		/* the child that was taken */
};

struct dir_path {
	struct dir_step step[DAXFS_MAX_TREE_HEIGHT];
	unsigned int height;	/* steps in use; the leaf's parent is the last */
	const struct daxfs_node_header *leaf;
	u16 names;		/* how many the leaf says it has */
	bool doubt;		/* not all names in the leaf are names */
	u64 block;		/* of the leaf */
	u64 low, high;		/* keys low .. high - 1 live in the leaf */
};

/* dir_tree.c. `change` may be NULL: the tree as it lies in pmem. */
int daxfs_dir_find(struct inode *dir, struct daxfs_dir_change *change, u64 key, struct dir_path *path);
struct dir_node *daxfs_dir_edit_leaf(struct daxfs_dir_change *change, const struct dir_path *path);
void daxfs_dir_dirty(struct dir_node *node, u32 from, u32 to);
struct dir_node *daxfs_dir_new_node(struct daxfs_dir_change *change, unsigned int level, u64 low_key);
void daxfs_dir_first_leaf(struct daxfs_dir_change *change, struct dir_node *leaf);
int daxfs_dir_link_leaf(struct daxfs_dir_change *change, struct dir_path *path, u64 key, u64 block);
int daxfs_dir_prune_leaf(struct daxfs_dir_change *change, struct dir_path *path);

/* dir.c. Whether all that the records of the leaf name can be a name. Says nothing. */
bool daxfs_dir_names_ok(const void *leaf);

/* dir_read.c */
struct dir_sorted {
	u64 key;
	u32 offset;
};

/* A leaf to work from while the leaf itself is rewritten, or after the lock was dropped. */
struct dir_scratch {
	u8 leaf[DAXFS_BLOCK_SIZE];
	unsigned int count;
	struct dir_sorted sorted[DAXFS_DIR_LEAF_COUNT + 1];
};
int daxfs_dir_collect(struct inode *dir, const struct dir_path *path, u64 from, struct dir_scratch *scratch);

extern const struct file_operations daxfs_dir_operations;

#endif /* DAXFS_KERNEL_DIR_H */

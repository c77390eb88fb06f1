/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The B+tree below an inode's fork: of a file's extents (extent_tree.c looks them up, map.c changes them) and of a
 * directory's names (dir.c). What the leaves hold is theirs; the way to a leaf (tree.c) and the index levels above it
 * (tree_change.c) are the same.
 */
#ifndef DAXFS_TREE_H
#define DAXFS_TREE_H

#include "daxfs.h"

/*
 * A node on the way, or the fork. Keys of its subtree: low <= key < high. What it says of itself was loaded once and
 * checked, and is not loaded again: memory may change.
 */
struct daxfs_tree_step {
	const void *entries;	/* in pmem, or in the copy of a change */
	u64 block;		/* that it lies in */
	u64 low, high;
	u16 count;
	u16 index;		/* the child that was taken */
};

/* By level: step[height] is the fork, step[0] holds the records. Pointers hold while the inode lock does. */
struct daxfs_tree_path {
	u64 key;		/* that was looked for */
	u8 height;		/* levels of nodes; 0: the records are in the fork */
	bool doubt;		/* what the leaf holds was not all believed, see daxfs_tree.verify_leaf */
	struct daxfs_tree_step step[DAXFS_MAX_TREE_HEIGHT + 1];
};

/* What makes it a tree of extents, or of names. */
struct daxfs_tree {
	const char *name;
	u32 magic;
	u8 format;		/* of an inode with such a tree */
	u8 flat_format;		/* of one without nodes: its fork holds at most flat_count records */
	u8 flat_count;
	u8 record_bytes;	/* 0: they lie anywhere in a leaf, whose checksum covers the header alone */
	u16 leaf_min, leaf_max;	/* records in a leaf */
	bool reserve_ok;	/* a full device must still convert, punch and finish a write */
	bool clustered;		/* nodes lie near each other, or the inode */
	u64 end;		/* of keys */
	/*
	 * Asked of a leaf when it is met for the first time in the mount. Not 0: it is asked again the next time. -EUCLEAN,
	 * silently: some of what it holds is sound, and each record is to be asked for itself when it is used.
	 */
	int (*verify_leaf)(struct inode *inode, const struct daxfs_tree_step *leaf);
};

#define DAXFS_TREE_DIRTY_RANGES	4
/*
 * Nodes that one change touches at most. Adding a record: a node and its new sibling at each level, and a level more.
 * Removing one: the nodes above it, and the spine of the neighbour that inherits its keys. A rename does both.
 */
#define DAXFS_TREE_CHANGE_NODES	(4 * DAXFS_MAX_TREE_HEIGHT + 2)

/* A node as it will be. */
struct daxfs_tree_node {
	struct daxfs_node_header *copy;		/* a block's worth; used as far as the records reach */
	/* Of a leaf of names that nobody had to read yet: the copy has its header and what is dirty, the rest is here. */
	const void *source;
	u64 block;
	bool fresh;		/* nothing reaches it before the commit: written whole, no undo */
	bool freed;
	bool doubt;		/* a leaf with records out of one that is in doubt */
	u8 dirty_count;
	struct {
		u16 from, to;
	} dirty[DAXFS_TREE_DIRTY_RANGES];	/* beside the header, which always changes */
};

/*
 * A change works on copies in DRAM, in the transaction's buffers: the fork, and every node that will change, is copied on
 * first touch and edited there; daxfs_tree_find() sees the copies. daxfs_tree_finish() seals them, writes the new ones and
 * logs the old bytes of the others; daxfs_tree_store() copies what is dirty to pmem and cannot fail. Between them lies
 * daxfs_tx_ready(), and the caller's transaction owns it all: not stored, the change ends with it.
 */
struct daxfs_tree_change {
	const struct daxfs_tree *tree;
	struct daxfs_tx *tx;
	struct inode *inode;
	s64 blocks;			/* what the inode owns more, or less */
	union daxfs_fork fork;
	u16 fork_count;
	u16 fork_bytes;			/* behind these there is nothing, before the change and after it */
	u8 format, height;
	bool fork_changed;
	bool sparing;			/* see struct daxfs_alloc */
	/* Of extents: all that happens is that this one, in the fork, gets this length (map.c). Then nothing below is set. */
	bool lengthens;
	u8 longer;
	u32 length;
	unsigned int node_count;
	struct daxfs_tree_node nodes[DAXFS_TREE_CHANGE_NODES];
};

static inline const struct daxfs_node_header *daxfs_step_node(const struct daxfs_tree_step *step)
{
	return step->entries - sizeof(struct daxfs_node_header);
}

static inline unsigned int daxfs_node_count(const struct daxfs_tree_node *node)
{
	return le16_to_cpu(node->copy->count);
}

/* The copy has all of the node. */
void daxfs_tree_fill(struct daxfs_tree_node *node);
/* The copy of a node that is in the change, or NULL. */
struct daxfs_tree_node *daxfs_tree_copy(struct daxfs_tree_change *change, u64 block);
/* The tree is not what it was a moment ago, or names one node twice: -EUCLEAN after saying so. */
int daxfs_tree_changed(const struct daxfs_tree_change *change, u64 block);
/* From the fork, which is in path->step[height], down. */
int daxfs_tree_descend(const struct daxfs_tree *tree, struct inode *inode, struct daxfs_tree_change *change,
		       struct daxfs_tree_path *path);
int daxfs_tree_refuse_fork(const struct daxfs_tree *tree, struct inode *inode, const struct daxfs_tree_path *path,
			   unsigned int count);
/* The node at step->block, checked against what the step and the level say of it, and loaded into the step. */
int daxfs_tree_enter(const struct daxfs_tree *tree, struct inode *inode, struct daxfs_tree_change *change,
		     unsigned int level, struct daxfs_tree_step *step, bool *doubt);

/*
 * To where `key`, below the tree's end, belongs: 0, or -EUCLEAN after saying what is wrong. `change`, which may be NULL: the
 * tree as it will be. An inode without nodes is found with height 0. The inode was verified when it was read; what bounds
 * a loop or an index is looked at each time.
 */
static __always_inline int daxfs_tree_find(const struct daxfs_tree *tree, struct inode *inode,
					   struct daxfs_tree_change *change, u64 key, struct daxfs_tree_path *path)
{
	const struct daxfs_inode *raw = DAXFS_I(inode)->raw;
	const union daxfs_fork *fork = change ? &change->fork : &raw->fork;
	unsigned int count = change ? change->fork_count : le16_to_cpu(READ_ONCE(raw->fork_count));
	u8 format = change ? change->format : READ_ONCE(raw->format);
	struct daxfs_tree_step *root;

	path->key = key;
	path->doubt = false;
	path->height = change ? change->height : READ_ONCE(raw->tree_height);
	if (path->height ? format != tree->format || path->height > DAXFS_MAX_TREE_HEIGHT || !count ||
			   count > DAXFS_FORK_INDEX || fork->index[0].key :
			   count > (format == tree->flat_format ? tree->flat_count : 0))
		return daxfs_tree_refuse_fork(tree, inode, path, count);
	root = &path->step[path->height];
	root->entries = fork;
	root->block = inode->i_ino / DAXFS_INODES_PER_BLOCK;
	root->low = 0;
	root->high = tree->end;
	root->count = count;
	return path->height ? daxfs_tree_descend(tree, inode, change, path) : 0;
}

#endif /* DAXFS_TREE_H */

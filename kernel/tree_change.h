/* SPDX-License-Identifier: GPL-2.0 */
/* Changes of a tree, see struct daxfs_tree_change. The inode lock is held exclusive until the commit. */
#ifndef DAXFS_TREE_CHANGE_H
#define DAXFS_TREE_CHANGE_H

#include "tree.h"

void daxfs_tree_begin(struct daxfs_tree_change *change, const struct daxfs_tree *tree, struct daxfs_tx *tx,
		      struct inode *inode);
/* Of the node that `path` has on `level`, or of the one that it is now. */
struct daxfs_tree_node *daxfs_tree_edit(struct daxfs_tree_change *change, const struct daxfs_tree_path *path,
					unsigned int level);
void daxfs_tree_dirty(struct daxfs_tree_node *node, u32 from, u32 to);	/* bytes of the block */
struct daxfs_tree_node *daxfs_tree_new_node(struct daxfs_tree_change *change, unsigned int level, u64 low);
/* The tree becomes one new leaf. */
void daxfs_tree_first_leaf(struct daxfs_tree_change *change, const struct daxfs_tree_node *leaf);
/* A new node right of the one that `path` has on its level: both are children then. The path is stale afterwards. */
int daxfs_tree_link(struct daxfs_tree_change *change, const struct daxfs_tree_path *path,
		    const struct daxfs_tree_node *right);
/* The leaf that `path` leads to goes, with all nodes that have no other child. The path is stale afterwards. */
int daxfs_tree_remove_leaf(struct daxfs_tree_change *change, const struct daxfs_tree_path *path);
/* The leaf that `path` leads to begins at another key, and so does every node that it is the first in. */
int daxfs_tree_set_low_key(struct daxfs_tree_change *change, const struct daxfs_tree_path *path, u64 low);
/* Records went: the tree may have levels that it does not need any more. Paths are stale afterwards. */
void daxfs_tree_shrink(struct daxfs_tree_change *change);
/* What comes between the last edit and daxfs_tx_ready(). */
int daxfs_tree_finish(struct daxfs_tree_change *change);
void daxfs_tree_store(struct daxfs_tree_change *change);

#endif /* DAXFS_TREE_CHANGE_H */

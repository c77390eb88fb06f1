/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file's extents: looked up, and the way from an inode's fork to one place among them, which changing them (map.c) goes
 * too. Pointers lead into pmem and hold while the inode lock does.
 */
#ifndef DAXFS_EXTENT_TREE_H
#define DAXFS_EXTENT_TREE_H

#include "claim.h"
#include "daxfs.h"

#define DAXFS_END_OF_KEYS	(DAXFS_MAX_FILE_BLOCK + 1)

/*
 * A node on the way. `index`: the child that was taken. Keys of its subtree: low <= key < high. What the node says of
 * itself was loaded once and checked, and is not loaded again: memory may change.
 */
struct daxfs_path_step {
	const struct daxfs_node_header *node;
	u64 block;
	u64 low, high;
	u16 count;		/* entries: at least one, at most as many as fit */
	u16 index;
	u8 level;
	bool believed;		/* nothing is left to be asked of the maps */
};

/* An extent in the CPU's order, checked: it lies in its leaf's range and where data may lie on the device. */
struct daxfs_extent_view {
	u64 file_block;
	u64 disk_block;
	u64 count;
	u8 state;
};

struct daxfs_path {
	u64 key;				/* the file block that was looked for */
	u8 height;				/* levels of nodes; 0: the extents are in the fork */
	bool doubt;				/* the maps, or the order of the leaf's extents, deny one of them */
	u16 fork_count;				/* entries of the fork */
	u16 fork_index;				/* the fork's child that was taken */
	struct daxfs_path_step step[DAXFS_MAX_TREE_HEIGHT];	/* by level */
	const struct daxfs_extent *extents;	/* of the leaf, or in the fork */
	u16 count;
	u64 low, high;				/* file blocks that belong into this leaf */
	int at;					/* the last extent that starts at or before the key; -1: none */
	struct daxfs_extent_view extent;	/* that one; of 0 blocks where there is none */
};

static inline const struct daxfs_index_entry *daxfs_node_index(const struct daxfs_node_header *node)
{
	return (const void *)(node + 1);
}

static inline const struct daxfs_extent *daxfs_node_extents(const struct daxfs_node_header *node)
{
	return (const void *)(node + 1);
}

/* 0, or -EUCLEAN after saying what is wrong. */
int daxfs_path_find(struct inode *inode, u64 file_block, struct daxfs_path *path);
int daxfs_path_extent(struct inode *inode, const struct daxfs_path *path, int at, struct daxfs_extent_view *view);
/* The node at `block`, checked against what its parent says of it: 0, or -EUCLEAN. */
int daxfs_extent_node(struct inode *inode, u64 block, unsigned int level, u64 low, u64 high,
		      struct daxfs_path_step *step);
/* The path has something doubtful in it: says so, -EUCLEAN. */
int daxfs_refuse_path(struct inode *inode, const struct daxfs_path *path);

/* What is changed along a path has nothing doubtful in it: 0, or -EUCLEAN after saying so. */
static inline int daxfs_path_may_change(struct inode *inode, const struct daxfs_path *path)
{
	return likely(!path->doubt) ? daxfs_may_change(inode) : daxfs_refuse_path(inode, path);
}

int daxfs_map_lookup(struct inode *inode, u64 file_block, struct daxfs_map *map);
/*
 * daxfs_map_lookup(), but a hole ends where the leaf does: what one daxfs_map_prepare_set() can take, with `path`, under
 * the same hold of the lock.
 */
int daxfs_map_lookup_to_set(struct inode *inode, u64 file_block, struct daxfs_map *map, struct daxfs_path *path);
/* Where the path's key would continue the extent before it on the device; 0: nowhere in particular. */
u64 daxfs_path_goal(const struct daxfs_sb_info *sbi, const struct daxfs_path *path);

#endif /* DAXFS_EXTENT_TREE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file's extents: looked up, and the way from an inode's fork to one place among them, which changing them (map.c) goes
 * too.
 */
#ifndef DAXFS_EXTENT_TREE_H
#define DAXFS_EXTENT_TREE_H

#include "claim.h"
#include "daxfs.h"
#include "tree.h"

#define DAXFS_END_OF_KEYS	(DAXFS_MAX_FILE_BLOCK + 1)

/* An extent in the CPU's order, checked: it lies in its leaf's range and where data may lie on the device. */
struct daxfs_extent_view {
	u64 file_block;
	u64 disk_block;
	u64 count;
	u8 state;
};

struct daxfs_path {
	struct daxfs_tree_path tree;		/* to the leaf of the file block that was looked for */
	int at;					/* the last extent that starts at or before it; -1: none */
	struct daxfs_extent_view extent;	/* that one; of 0 blocks where there is none */
};

extern const struct daxfs_tree daxfs_extent_tree;

/* 0, or -EUCLEAN after saying what is wrong. */
int daxfs_path_find(struct inode *inode, u64 file_block, struct daxfs_path *path);
int daxfs_path_extent(struct inode *inode, const struct daxfs_path *path, int at, struct daxfs_extent_view *view);
/* The path has something doubtful in it: says so, -EUCLEAN. */
int daxfs_refuse_path(struct inode *inode, const struct daxfs_path *path);

/* What is changed along a path has nothing doubtful in it: 0, or -EUCLEAN after saying so. */
static inline int daxfs_path_may_change(struct inode *inode, const struct daxfs_path *path)
{
	return likely(!path->tree.doubt) ? daxfs_may_change(inode) : daxfs_refuse_path(inode, path);
}

/* No metadata lies in the blocks, which a node's extent leads to: 0, or -EUCLEAN after saying so. */
int daxfs_ask_again(struct inode *inode, u64 block, u64 count);

/* Up to `count` blocks of the map, if they are blocks at all, may be read: 0, or -EUCLEAN after saying so. */
static inline int daxfs_may_load(struct inode *inode, const struct daxfs_map *map, u64 count)
{
	if (likely(!map->by_node) || map->state == DAXFS_MAP_HOLE)
		return 0;
	return daxfs_ask_again(inode, map->disk_block, min(map->count, count));
}

/* ... and stored to in place. */
static inline int daxfs_may_store(struct inode *inode, const struct daxfs_map *map, u64 count)
{
	return daxfs_may_change(inode) ?: daxfs_may_load(inode, map, count);
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

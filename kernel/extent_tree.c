// SPDX-License-Identifier: GPL-2.0
/*
 * Looking up a file's extents: in the inode's fork, or in the leaf that tree.c finds.
 *
 * Every extent is range-checked before anybody acts on it, and each of its fields is loaded once: memory may change. The
 * maps are asked about all of a leaf, or of the fork, where it is believed first.
 * The caller holds the inode lock.
 */
#include "claim.h"
#include "daxfs.h"
#include "device.h"
#include "error.h"
#include "extent_tree.h"

static int extent_search(const struct daxfs_extent *extents, unsigned int count, u64 key)
{
	int low = -1, high = count;

	while (high - low > 1) {
		int middle = (low + high) / 2;

		if (le64_to_cpu(extents[middle].file_block) <= key)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Each field of an extent is loaded once, here. True: it may be what its leaf's range and the device's geometry allow. */
static bool load_extent(const struct daxfs_sb_info *sbi, const struct daxfs_tree_step *leaf, int at,
			struct daxfs_extent_view *view)
{
	const struct daxfs_extent *raw = (const struct daxfs_extent *)leaf->entries + at;

	view->file_block = le64_to_cpu(READ_ONCE(raw->file_block));
	view->disk_block = le64_to_cpu(READ_ONCE(raw->disk_block));
	view->count = le32_to_cpu(READ_ONCE(raw->length));
	view->state = READ_ONCE(raw->state);
	return view->file_block >= leaf->low && view->file_block < leaf->high && view->count &&
	       view->count <= leaf->high - view->file_block &&
	       (view->state == DAXFS_EXTENT_WRITTEN || view->state == DAXFS_EXTENT_UNWRITTEN) &&
	       daxfs_file_blocks_valid(sbi, view->disk_block, view->count);
}

/*
 * Whether all extents of the leaf, or of the fork, are in order, and the maps say nothing against them. Where one is
 * wrong the others can still be read: each is asked of the maps then whenever it is used. Nothing beside it is changed.
 */
static int check_extents(struct inode *inode, const struct daxfs_tree_step *leaf)
{
	struct daxfs_extent_view view;
	u64 next = leaf->low;
	int at, err;

	for (at = 0; at < leaf->count; at++) {
		if (!load_extent(DAXFS_SB(inode->i_sb), leaf, at, &view) || view.file_block < next)
			return -EUCLEAN;
		err = daxfs_claim_blocks(inode, view.disk_block, view.count);
		if (err)
			return err;
		next = view.file_block + view.count;
	}
	return 0;
}

const struct daxfs_tree daxfs_extent_tree = {
	.name		= "an extent tree",
	.magic		= DAXFS_EXTENT_NODE_MAGIC,
	.format		= DAXFS_FORMAT_EXTENT_TREE,
	.flat_format	= DAXFS_FORMAT_EXTENTS,
	.flat_count	= DAXFS_FORK_EXTENTS,
	.record_bytes	= sizeof(struct daxfs_extent),
	.leaf_min	= 1,
	.leaf_max	= DAXFS_NODE_EXTENTS,
	.reserve_ok	= true,
	.end		= DAXFS_END_OF_KEYS,
	.verify_leaf	= check_extents,
};

/* The fork's extents are asked of the maps once in the inode's life. */
static noinline int check_fork(struct inode *inode, struct daxfs_path *path)
{
	int err = check_extents(inode, path->tree.step);

	if (!err)
		WRITE_ONCE(DAXFS_I(inode)->claimed, true);
	path->tree.doubt = err;
	return err == -EUCLEAN ? 0 : err;
}

int daxfs_path_find(struct inode *inode, u64 file_block, struct daxfs_path *path)
{
	const struct daxfs_tree_step *leaf = path->tree.step;
	int err = daxfs_tree_find(&daxfs_extent_tree, inode, NULL, file_block, &path->tree);

	if (!err && !path->tree.height && unlikely(!READ_ONCE(DAXFS_I(inode)->claimed)))
		err = check_fork(inode, path);
	if (unlikely(err))
		return err;
	path->at = extent_search(leaf->entries, leaf->count, file_block);
	path->extent.file_block = path->extent.count = 0;
	return path->at < 0 ? 0 : daxfs_path_extent(inode, path, path->at, &path->extent);
}

int daxfs_path_extent(struct inode *inode, const struct daxfs_path *path, int at, struct daxfs_extent_view *view)
{
	bool ok = load_extent(DAXFS_SB(inode->i_sb), path->tree.step, at, view);
	int err = ok && path->tree.doubt ? daxfs_claim_blocks(inode, view->disk_block, view->count) : 0;

	if (ok && !err)
		return 0;
	if (ok && err != -EUCLEAN)
		return err;
	return daxfs_corrupt(inode->i_sb, inode->i_ino, path->tree.step[0].block,
			     "extent at file block %llu: %llu blocks at %llu, state %u%s", view->file_block, view->count,
			     view->disk_block, view->state, ok ? ": free blocks, or metadata" : "");
}

int daxfs_refuse_path(struct inode *inode, const struct daxfs_path *path)
{
	return daxfs_corrupt(inode->i_sb, inode->i_ino, path->tree.step[0].block, "extents around file block %llu",
			     path->tree.key);
}

/* The first file block from `from` on, where a leaf begins, that is mapped; leaves are never empty. */
static int next_mapped(struct inode *inode, u64 from, u64 *next)
{
	struct daxfs_extent_view view;
	struct daxfs_path path DAXFS_NOT_CLEARED;
	int err;

	*next = DAXFS_END_OF_KEYS;
	if (from == DAXFS_END_OF_KEYS)
		return 0;
	err = daxfs_path_find(inode, from, &path);
	if (err || !path.tree.step[0].count)
		return err;
	err = daxfs_path_extent(inode, &path, 0, &view);
	if (!err && view.file_block < from)
		return daxfs_corrupt(inode->i_sb, inode->i_ino, path.tree.step[0].block,
				     "extents out of order at file block %llu", view.file_block);
	*next = view.file_block;
	return err;
}

/* A hole at the path's key, up to the next extent; behind the leaf's last one it is said to end with the leaf. */
static int hole_at(struct inode *inode, const struct daxfs_path *path, struct daxfs_map *map)
{
	struct daxfs_extent_view view = { .file_block = path->tree.step[0].high };
	int err = 0;

	if (path->at + 1 < path->tree.step[0].count)
		err = daxfs_path_extent(inode, path, path->at + 1, &view);
	if (err)
		return err;
	if (view.file_block <= path->tree.key)
		return daxfs_corrupt(inode->i_sb, inode->i_ino, inode->i_ino >> 3,
				     "extents out of order at file block %llu", view.file_block);
	map->disk_block = 0;
	map->count = view.file_block - path->tree.key;
	map->state = DAXFS_MAP_HOLE;
	return 0;
}

static __always_inline int lookup(struct inode *inode, u64 file_block, struct daxfs_map *map, struct daxfs_path *path)
{
	const struct daxfs_extent_view *extent = &path->extent;
	int err;
	u64 skip;

	lockdep_assert_held(&DAXFS_I(inode)->lock);
	map->sequence = DAXFS_I(inode)->map_sequence;
	map->file_block = file_block;
	err = daxfs_path_find(inode, file_block, path);
	if (err)
		return err;
	map->by_node = path->tree.height;
	skip = file_block - extent->file_block;
	if (skip >= extent->count)
		return hole_at(inode, path, map);
	map->disk_block = extent->disk_block + skip;
	map->count = extent->count - skip;
	map->state = extent->state == DAXFS_EXTENT_WRITTEN ? DAXFS_MAP_WRITTEN : DAXFS_MAP_UNWRITTEN;
	return 0;
}

int daxfs_map_lookup_to_set(struct inode *inode, u64 file_block, struct daxfs_map *map, struct daxfs_path *path)
{
	return lookup(inode, file_block, map, path);
}

int daxfs_map_lookup(struct inode *inode, u64 file_block, struct daxfs_map *map)
{
	struct daxfs_path path DAXFS_NOT_CLEARED;
	int err = lookup(inode, file_block, map, &path);
	u64 next;

	if (err || map->state != DAXFS_MAP_HOLE || path.at + 1 < path.tree.step[0].count)
		return err;
	err = next_mapped(inode, path.tree.step[0].high, &next);
	if (!err)
		map->count = next - file_block;
	return err;
}

int daxfs_ask_again(struct inode *inode, u64 block, u64 count)
{
	int gate = daxfs_enter(DAXFS_SB(inode->i_sb)), err;

	if (gate < 0)
		return gate;
	err = daxfs_claim_again(inode, block, count);
	if (err == -EUCLEAN)
		daxfs_corrupt(inode->i_sb, inode->i_ino, block, "%llu blocks of a file hold metadata", count);
	daxfs_leave(gate);
	return err;
}

u64 daxfs_path_goal(const struct daxfs_sb_info *sbi, const struct daxfs_path *path)
{
	const struct daxfs_extent_view *extent = &path->extent;
	u64 goal;

	/* Far behind the last extent the place would be arbitrary. */
	if (!extent->count || path->tree.key - extent->file_block - extent->count > DAXFS_HUGE_BLOCKS)
		return 0;
	goal = extent->disk_block + (path->tree.key - extent->file_block);
	return daxfs_file_blocks_valid(sbi, goal, 1) ? goal : 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Looking up a file's extents: in the inode's fork, or in the tree below it.
 *
 * Nothing here trusts the device. Every node is checked on each use against what leads to it (magic, owner, own
 * address, level, low key, count; the checksum at first), so that a walk takes at most DAXFS_MAX_TREE_HEIGHT steps and a node of
 * another file, or of an older tree, is not entered. Every extent is range-checked before anybody acts on it.
 * What is checked was loaded once: the device's bytes may change between two loads, by a stray store or by DMA.
 * The caller holds the inode lock.
 */
#include "checksum.h"
#include "claim.h"
#include "daxfs.h"
#include "error.h"
#include "extent_tree.h"

/* Whether the checksum was right when this inode's nodes were last looked at: only we change them since. */
static bool is_verified(const struct inode *inode, u64 block)
{
	return READ_ONCE(DAXFS_I(inode)->verified[block % DAXFS_VERIFIED_NODES]) == block;
}

static void believe(struct inode *inode, struct daxfs_path_step *step)
{
	daxfs_know_node(inode, step->block);
	WRITE_ONCE(DAXFS_I(inode)->verified[step->block % DAXFS_VERIFIED_NODES], step->block);
	step->believed = true;
}

/* What is wrong with a node, in words for the log; NULL: nothing. */
static const char *node_damage(struct inode *inode, struct daxfs_path_step *step)
{
	const struct daxfs_node_header *node = step->node;

	step->count = le16_to_cpu(READ_ONCE(node->count));
	if (le32_to_cpu(node->magic) != DAXFS_EXTENT_NODE_MAGIC)
		return "magic";
	if (le64_to_cpu(node->owner) != inode->i_ino)
		return "owner";
	if (le64_to_cpu(node->block) != step->block)
		return "address";
	if (le16_to_cpu(node->level) != step->level)
		return "level";
	if (le64_to_cpu(node->low_key) != step->low)
		return "low key";
	if (!step->count || step->count > (step->level ? DAXFS_NODE_INDEX : DAXFS_NODE_EXTENTS))
		return "count";
	if (!step->believed && !daxfs_node_ok(DAXFS_SB(inode->i_sb), node))
		return "checksum";
	if (step->level && le64_to_cpu(daxfs_node_index(node)->key) != step->low)
		return "first key";
	return NULL;
}

int daxfs_extent_node(struct inode *inode, u64 block, unsigned int level, u64 low, u64 high,
		      struct daxfs_path_step *step)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	const char *damage = "range";
	bool known;
	int err = 0;

	*step = (struct daxfs_path_step){ .block = block, .low = low, .high = high, .level = level };
	step->believed = is_verified(inode, block);
	known = step->believed || daxfs_node_known(sbi, block);
	if (low >= high) {
		damage = "key order";
	} else if (known || daxfs_file_blocks_valid(sbi, block, 1)) {
		if (!known)
			err = daxfs_claim_node(inode, block);
		if (err)
			return err;
		step->node = daxfs_block(sbi, block);
		damage = node_damage(inode, step);
		/* A leaf is known with its extents, see believe_extents(). */
		if (!damage && (level || known) && !step->believed)
			believe(inode, step);
		if (!damage)
			return 0;
	}
	return daxfs_corrupt(inode->i_sb, inode->i_ino, block, "extent tree node, level %u: wrong %s", level, damage);
}

/* The last of `count` entries whose key is at most `key`; the first one stands for everything before the second. */
static unsigned int index_search(const struct daxfs_index_entry *entries, unsigned int count, u64 key)
{
	unsigned int low = 0, high = count;

	while (high - low > 1) {
		unsigned int middle = (low + high) / 2;

		if (le64_to_cpu(entries[middle].key) <= key)
			low = middle;
		else
			high = middle;
	}
	return low;
}

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
static bool load_extent(const struct daxfs_sb_info *sbi, const struct daxfs_path *path, int at,
			struct daxfs_extent_view *view)
{
	const struct daxfs_extent *raw = &path->extents[at];

	view->file_block = le64_to_cpu(READ_ONCE(raw->file_block));
	view->disk_block = le64_to_cpu(READ_ONCE(raw->disk_block));
	view->count = le32_to_cpu(READ_ONCE(raw->length));
	view->state = READ_ONCE(raw->state);
	return view->file_block >= path->low && view->file_block < path->high && view->count &&
	       view->count <= path->high - view->file_block &&
	       (view->state == DAXFS_EXTENT_WRITTEN || view->state == DAXFS_EXTENT_UNWRITTEN) &&
	       daxfs_file_blocks_valid(sbi, view->disk_block, view->count);
}

/* Whether all extents of the leaf, or of the fork, are in order, and the maps say nothing against them. */
static int check_extents(struct inode *inode, const struct daxfs_path *path)
{
	struct daxfs_extent_view view;
	u64 next = path->low;
	int at, err;

	for (at = 0; at < path->count; at++) {
		if (!load_extent(DAXFS_SB(inode->i_sb), path, at, &view) || view.file_block < next)
			return -EUCLEAN;
		err = daxfs_claim_blocks(inode, view.disk_block, view.count);
		if (err)
			return err;
		next = view.file_block + view.count;
	}
	return 0;
}

/*
 * Where one is wrong the others can still be read: each is asked of the maps then whenever it is used. Nothing beside it
 * is changed.
 */
static int believe_extents(struct inode *inode, struct daxfs_path *path)
{
	int err = check_extents(inode, path);

	path->doubt = err;
	if (err)
		return err == -EUCLEAN ? 0 : err;
	if (path->height)
		believe(inode, &path->step[0]);
	else
		WRITE_ONCE(DAXFS_I(inode)->claimed, true);
	return 0;
}

/* The inode was verified when it was read; what bounds a loop or an index is looked at again each time. */
static int load_fork(struct inode *inode, const struct daxfs_inode *raw, struct daxfs_path *path)
{
	u8 format = READ_ONCE(raw->format);

	path->height = READ_ONCE(raw->tree_height);
	path->fork_count = le16_to_cpu(READ_ONCE(raw->fork_count));
	switch (format) {
	case DAXFS_FORMAT_NONE:
	case DAXFS_FORMAT_EXTENTS:
		if (path->fork_count <= (format == DAXFS_FORMAT_NONE ? 0 : DAXFS_FORK_EXTENTS) && !path->height)
			return 0;
		break;
	case DAXFS_FORMAT_EXTENT_TREE:
		if (path->fork_count && path->fork_count <= DAXFS_FORK_INDEX && path->height &&
		    path->height <= DAXFS_MAX_TREE_HEIGHT && !raw->fork.index[0].key)
			return 0;
		break;
	}
	return daxfs_corrupt(inode->i_sb, inode->i_ino, inode->i_ino >> 3,
			     "inode: map of format %u, height %u, %u entries", format, path->height, path->fork_count);
}

int daxfs_path_find(struct inode *inode, u64 file_block, struct daxfs_path *path)
{
	const struct daxfs_inode *raw = DAXFS_I(inode)->raw;
	const struct daxfs_index_entry *entries = raw->fork.index;
	int err = load_fork(inode, raw, path);
	unsigned int count = path->fork_count;
	bool believed = READ_ONCE(DAXFS_I(inode)->claimed);
	int level;

	if (err)
		return err;
	path->key = file_block;
	path->low = 0;
	path->high = DAXFS_END_OF_KEYS;
	path->extents = raw->fork.extents;
	path->count = count;
	path->doubt = false;
	for (level = path->height - 1; level >= 0; level--) {
		unsigned int index = index_search(entries, count, file_block);
		struct daxfs_path_step *step = &path->step[level];

		if (level == path->height - 1)
			path->fork_index = index;
		else
			step[1].index = index;
		path->low = le64_to_cpu(READ_ONCE(entries[index].key));
		if (index + 1 < count)
			path->high = min(path->high, le64_to_cpu(READ_ONCE(entries[index + 1].key)));
		err = daxfs_extent_node(inode, le64_to_cpu(READ_ONCE(entries[index].block)), level, path->low, path->high,
					step);
		if (err)
			return err;
		entries = daxfs_node_index(step->node);
		count = step->count;
		path->extents = daxfs_node_extents(step->node);
		path->count = count;
		believed = step->believed;
	}
	if (file_block < path->low || file_block >= path->high)
		return daxfs_corrupt(inode->i_sb, inode->i_ino, inode->i_ino >> 3,
				     "extent tree: file block %llu looked for in %llu to %llu", file_block, path->low,
				     path->high);
	if (unlikely(!believed))
		err = believe_extents(inode, path);
	path->at = extent_search(path->extents, path->count, file_block);
	path->extent.file_block = path->extent.count = 0;
	return err || path->at < 0 ? err : daxfs_path_extent(inode, path, path->at, &path->extent);
}

static u64 leaf_block(const struct inode *inode, const struct daxfs_path *path)
{
	return path->height ? path->step[0].block : inode->i_ino / DAXFS_INODES_PER_BLOCK;
}

int daxfs_path_extent(struct inode *inode, const struct daxfs_path *path, int at, struct daxfs_extent_view *view)
{
	bool ok = load_extent(DAXFS_SB(inode->i_sb), path, at, view);
	int err = ok && path->doubt ? daxfs_claim_blocks(inode, view->disk_block, view->count) : 0;

	if (ok && !err)
		return 0;
	if (ok && err != -EUCLEAN)
		return err;
	return daxfs_corrupt(inode->i_sb, inode->i_ino, leaf_block(inode, path),
			     "extent at file block %llu: %llu blocks at %llu, state %u%s", view->file_block, view->count,
			     view->disk_block, view->state, ok ? ": free blocks, or inodes" : "");
}

int daxfs_refuse_path(struct inode *inode, const struct daxfs_path *path)
{
	return daxfs_corrupt(inode->i_sb, inode->i_ino, leaf_block(inode, path), "extents around file block %llu",
			     path->key);
}

/* The first file block from `from` on, where a leaf begins, that is mapped; leaves are never empty. */
static int next_mapped(struct inode *inode, u64 from, u64 *next)
{
	struct daxfs_extent_view view;
	struct daxfs_path path;
	int err;

	*next = DAXFS_END_OF_KEYS;
	if (from == DAXFS_END_OF_KEYS)
		return 0;
	err = daxfs_path_find(inode, from, &path);
	if (err || !path.count)
		return err;
	err = daxfs_path_extent(inode, &path, 0, &view);
	if (!err && view.file_block < from)
		return daxfs_corrupt(inode->i_sb, inode->i_ino, leaf_block(inode, &path),
				     "extents out of order at file block %llu", view.file_block);
	*next = view.file_block;
	return err;
}

/* A hole at the path's key, up to the next extent; behind the leaf's last one it is said to end with the leaf. */
static int hole_at(struct inode *inode, const struct daxfs_path *path, struct daxfs_map *map)
{
	struct daxfs_extent_view view = { .file_block = path->high };
	int err = 0;

	if (path->at + 1 < path->count)
		err = daxfs_path_extent(inode, path, path->at + 1, &view);
	if (err)
		return err;
	if (view.file_block <= path->key)
		return daxfs_corrupt(inode->i_sb, inode->i_ino, inode->i_ino >> 3,
				     "extents out of order at file block %llu", view.file_block);
	map->disk_block = 0;
	map->count = view.file_block - path->key;
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
	struct daxfs_path path;
	int err = lookup(inode, file_block, map, &path);
	u64 next;

	if (err || map->state != DAXFS_MAP_HOLE || path.at + 1 < path.count)
		return err;
	err = next_mapped(inode, path.high, &next);
	if (!err)
		map->count = next - file_block;
	return err;
}

u64 daxfs_path_goal(const struct daxfs_sb_info *sbi, const struct daxfs_path *path)
{
	const struct daxfs_extent_view *extent = &path->extent;
	u64 goal;

	/* Far behind the last extent the place would be arbitrary. */
	if (!extent->count || path->key - extent->file_block - extent->count > DAXFS_HUGE_BLOCKS)
		return 0;
	goal = extent->disk_block + (path->key - extent->file_block);
	return daxfs_file_blocks_valid(sbi, goal, 1) ? goal : 0;
}

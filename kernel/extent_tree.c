// SPDX-License-Identifier: GPL-2.0
/*
 * Looking up a file's extents: in the inode's fork, or in the tree below it.
 *
 * Nothing here trusts the device. Every node is checked on each use against what leads to it (magic, owner, own
 * address, level, low key, count; the checksum at first), so that a walk takes at most DAXFS_MAX_TREE_HEIGHT steps and a node of
 * another file, or of an older tree, is not entered. Every extent is range-checked before anybody acts on it.
 * The caller holds the inode lock.
 */
#include "map.h"

bool daxfs_file_blocks_valid(const struct daxfs_sb_info *sbi, u64 block, u64 count)
{
	u64 first, journals, journal_end;
	u32 ag_blocks = 1u << sbi->ag_shift;

	if (!count || !daxfs_block_valid(sbi, block, count))
		return false;
	first = (block - sbi->align_blocks) & (ag_blocks - 1);
	if (first < sbi->map_end || count > ag_blocks - first)
		return false;
	journals = sbi->journals[0].block;
	journal_end = journals + (u64)sbi->journal_count * sbi->journal_blocks;
	return block >= journal_end || block + count <= journals;
}

/* Whether the checksum was right when this inode's nodes were last looked at: only we change them since. */
static bool is_verified(const struct inode *inode, u64 block)
{
	return READ_ONCE(DAXFS_I(inode)->verified[block % DAXFS_VERIFIED_NODES]) == block;
}

static bool checksum_ok(struct inode *inode, const struct daxfs_node_header *node, u64 block)
{
	if (is_verified(inode, block))
		return true;
	if (!daxfs_node_ok(DAXFS_SB(inode->i_sb), node))
		return false;
	WRITE_ONCE(DAXFS_I(inode)->verified[block % DAXFS_VERIFIED_NODES], block);
	return true;
}

/* What is wrong with a node, in words for the log; NULL: nothing. */
static const char *node_damage(struct inode *inode, const struct daxfs_node_header *node, u64 block,
			       unsigned int level, u64 low)
{
	unsigned int count = le16_to_cpu(node->count);

	if (le32_to_cpu(node->magic) != DAXFS_EXTENT_NODE_MAGIC)
		return "magic";
	if (le64_to_cpu(node->owner) != inode->i_ino)
		return "owner";
	if (le64_to_cpu(node->block) != block)
		return "address";
	if (le16_to_cpu(node->level) != level)
		return "level";
	if (le64_to_cpu(node->low_key) != low)
		return "low key";
	if (!count || count > (level ? DAXFS_NODE_INDEX : DAXFS_NODE_EXTENTS))
		return "count";
	if (!checksum_ok(inode, node, block))
		return "checksum";
	if (level && le64_to_cpu(daxfs_node_index(node)->key) != low)
		return "first key";
	return NULL;
}

const struct daxfs_node_header *daxfs_extent_node(struct inode *inode, u64 block, unsigned int level, u64 low,
						  u64 high)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	const struct daxfs_node_header *node;
	const char *damage = "range";
	int err = 0;

	if (low >= high) {
		damage = "key order";
	} else if (daxfs_file_blocks_valid(sbi, block, 1)) {
		if (!is_verified(inode, block))
			err = daxfs_first_touch(inode->i_sb, inode->i_ino, block);
		if (err)
			return ERR_PTR(err);
		node = daxfs_block(sbi, block);
		damage = node_damage(inode, node, block, level, low);
		if (!damage)
			return node;
	}
	return ERR_PTR(daxfs_corrupt(inode->i_sb, inode->i_ino, block, "extent tree node, level %u: wrong %s", level,
				     damage));
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

/* The inode was verified when it was read; what bounds a loop or an index is looked at again each time. */
static int fork_is_sane(struct inode *inode, const struct daxfs_inode *raw)
{
	unsigned int count = le16_to_cpu(raw->fork_count);

	switch (raw->format) {
	case DAXFS_FORMAT_NONE:
	case DAXFS_FORMAT_EXTENTS:
		if (count <= DAXFS_FORK_EXTENTS && !raw->tree_height)
			return 0;
		break;
	case DAXFS_FORMAT_EXTENT_TREE:
		if (count && count <= DAXFS_FORK_INDEX && raw->tree_height &&
		    raw->tree_height <= DAXFS_MAX_TREE_HEIGHT && !raw->fork.index[0].key)
			return 0;
		break;
	}
	return daxfs_corrupt(inode->i_sb, inode->i_ino, inode->i_ino >> 3,
			     "inode: map of format %u, height %u, %u entries", raw->format, raw->tree_height, count);
}

int daxfs_path_find(struct inode *inode, u64 file_block, struct daxfs_path *path)
{
	const struct daxfs_inode *raw = DAXFS_I(inode)->raw;
	const struct daxfs_index_entry *entries = raw->fork.index;
	unsigned int count = le16_to_cpu(raw->fork_count);
	int err = fork_is_sane(inode, raw);
	int level;

	if (err)
		return err;
	path->key = file_block;
	path->low = 0;
	path->high = DAXFS_END_OF_KEYS;
	path->height = raw->tree_height;
	path->extents = raw->fork.extents;
	path->count = raw->format == DAXFS_FORMAT_NONE ? 0 : count;
	for (level = path->height - 1; level >= 0; level--) {
		unsigned int index = index_search(entries, count, file_block);
		const struct daxfs_node_header *node;

		if (level == path->height - 1)
			path->fork_index = index;
		else
			path->step[level + 1].index = index;
		path->low = le64_to_cpu(entries[index].key);
		if (index + 1 < count)
			path->high = min(path->high, le64_to_cpu(entries[index + 1].key));
		node = daxfs_extent_node(inode, le64_to_cpu(entries[index].block), level, path->low, path->high);
		if (IS_ERR(node))
			return PTR_ERR(node);
		path->step[level].node = node;
		path->step[level].low = path->low;
		path->step[level].high = path->high;
		path->step[level].index = 0;
		entries = daxfs_node_index(node);
		count = le16_to_cpu(node->count);
		path->extents = daxfs_node_extents(node);
		path->count = count;
	}
	path->at = extent_search(path->extents, path->count, file_block);
	path->extent.file_block = path->extent.count = 0;
	return path->at < 0 ? 0 : daxfs_path_extent(inode, path, path->at, &path->extent);
}

int daxfs_path_extent(struct inode *inode, const struct daxfs_path *path, int at, struct daxfs_extent_view *view)
{
	const struct daxfs_extent *raw = &path->extents[at];

	view->file_block = le64_to_cpu(raw->file_block);
	view->disk_block = le64_to_cpu(raw->disk_block);
	view->count = le32_to_cpu(raw->length);
	view->state = raw->state;
	if (view->file_block >= path->low && view->file_block < path->high && view->count &&
	    view->count <= path->high - view->file_block &&
	    (view->state == DAXFS_EXTENT_WRITTEN || view->state == DAXFS_EXTENT_UNWRITTEN) &&
	    daxfs_file_blocks_valid(DAXFS_SB(inode->i_sb), view->disk_block, view->count))
		return 0;
	return daxfs_corrupt(inode->i_sb, inode->i_ino,
			     path->height ? le64_to_cpu(path->step[0].node->block) : inode->i_ino >> 3,
			     "extent at file block %llu: %llu blocks at %llu, state %u", view->file_block, view->count,
			     view->disk_block, view->state);
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
	if (!err)
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

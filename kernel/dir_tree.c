// SPDX-License-Identifier: GPL-2.0
/*
 * The nodes of a directory's tree: every node is verified against what its parent promises before it is believed
 * (address, owner, level, first key, checksum), so that a walk goes down one level a step and ends on any image. What of
 * it steers us is loaded once, with that check. A copy is checked again when it is made: it is what will be edited.
 * From then on only we change it, and what is left to ask is whether it is the node that its parent promises.
 *
 * Splits keep the left half in place and put the right half into a new block. An emptied leaf is freed, and with it
 * every node above that has no other child. What one change logs is bounded: a leaf whole, an index node whole on at
 * most one level for an addition and one for a removal, on the other levels headers and half nodes; with
 * DAXFS_MAX_TREE_HEIGHT levels that is below 24 KiB a directory, and DAXFS_MIN_JOURNAL_BLOCKS has room for two.
 */
#include <linux/slab.h>

#include "alloc.h"
#include "checksum.h"
#include "claim.h"
#include "daxfs.h"
#include "dir.h"
#include "error.h"
#include "journal.h"

static struct daxfs_index_entry *node_entries(struct daxfs_node_header *node)
{
	return (struct daxfs_index_entry *)(node + 1);
}

static int check_index_node(struct super_block *sb, u64 ino, u64 block, const struct daxfs_node_header *node, u16 count)
{
	const struct daxfs_index_entry *entries = (const struct daxfs_index_entry *)(node + 1);

	if (!count || count > DAXFS_NODE_INDEX)
		return daxfs_corrupt(sb, ino, block, "directory node with %u children", count);
	if (entries[0].key != node->low_key)
		return daxfs_corrupt(sb, ino, block, "directory node whose first key is %llu, not %llu",
				     le64_to_cpu(entries[0].key), le64_to_cpu(node->low_key));
	return 0;
}

static int check_node(struct inode *dir, u64 block, unsigned int level, u64 low_key,
		      const struct daxfs_node_header *node, u16 *count)
{
	struct super_block *sb = dir->i_sb;

	*count = le16_to_cpu(READ_ONCE(node->count));
	if (le32_to_cpu(node->magic) != DAXFS_DIR_NODE_MAGIC || le64_to_cpu(node->block) != block)
		return daxfs_corrupt(sb, dir->i_ino, block, "no directory node where one should be");
	if (le64_to_cpu(node->owner) != dir->i_ino || le32_to_cpu(node->owner_generation) != dir->i_generation)
		return daxfs_corrupt(sb, dir->i_ino, block, "directory node of inode %llu generation %u",
				     le64_to_cpu(node->owner), le32_to_cpu(node->owner_generation));
	if (le16_to_cpu(node->level) != level || le64_to_cpu(node->low_key) != low_key)
		return daxfs_corrupt(sb, dir->i_ino, block,
				     "directory node of level %u and first key %llu where its parent says %u and %llu",
				     le16_to_cpu(node->level), le64_to_cpu(node->low_key), level, low_key);
	if (level) {
		int err = check_index_node(sb, dir->i_ino, block, node, *count);

		if (err)
			return err;
	} else if (*count > DAXFS_DIR_LEAF_COUNT) {
		return daxfs_corrupt(sb, dir->i_ino, block, "directory leaf with %u names", *count);
	}
	return 0;
}

/* Of a copy, which is a sound node. */
static bool is_promised(const struct dir_node *node, unsigned int level, u64 low_key)
{
	return le16_to_cpu(node->copy->level) == level && le64_to_cpu(node->copy->low_key) == low_key;
}

static struct dir_node *find_copy(struct daxfs_dir_change *change, u64 block)
{
	unsigned int i;

	for (i = 0; i < change->node_count; i++)
		if (change->nodes[i].block == block)
			return &change->nodes[i];
	return NULL;
}

/* What was loaded of a node when it was checked. */
struct seen_node {
	u16 count;
	bool doubt;
};

/* The node at `block`, from the change's copies or from pmem. Copies are sealed only at the end: no checksum there. */
static const struct daxfs_node_header *load_node(struct inode *dir, struct daxfs_dir_change *change, u64 block,
						 unsigned int level, u64 low_key, struct seen_node *seen)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(dir->i_sb);
	struct dir_node *copy = change ? find_copy(change, block) : NULL;
	const struct daxfs_node_header *node;
	bool known = copy || daxfs_node_known(sbi, block);
	int err = 0;

	seen->doubt = false;
	if (copy && copy->freed)
		return ERR_PTR(daxfs_corrupt(dir->i_sb, dir->i_ino, block, "directory node that two parents name"));
	if (copy && likely(is_promised(copy, level, low_key))) {
		seen->count = le16_to_cpu(copy->copy->count);
		return copy->copy;
	}
	if (!known && !daxfs_file_blocks_valid(sbi, block, 1))
		return ERR_PTR(daxfs_corrupt(dir->i_sb, dir->i_ino, block, "directory node where none can be"));
	if (!known)
		err = daxfs_claim_node(dir, block);
	if (err)
		return ERR_PTR(err);
	node = copy ? copy->copy : daxfs_block(sbi, block);
	err = check_node(dir, block, level, low_key, node, &seen->count);
	if (err)
		return ERR_PTR(err);
	if (copy)
		return node;
	if (!daxfs_node_ok(sbi, node))
		return ERR_PTR(daxfs_corrupt(dir->i_sb, dir->i_ino, block, "checksum of a directory node"));
	if (known)
		return node;
	seen->doubt = !level && !daxfs_dir_names_ok(node);
	if (!seen->doubt)
		daxfs_know_node(dir, block);
	return node;
}

/* The last child whose key is at most `key`. Ends whatever the order of the keys. */
static unsigned int child_of(const struct daxfs_index_entry *entries, unsigned int count, u64 key)
{
	unsigned int low = 0, high = count;

	while (high - low > 1) {
		unsigned int middle = low + (high - low) / 2;

		if (le64_to_cpu(entries[middle].key) <= key)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static int fork_step(struct inode *dir, struct daxfs_dir_change *change, struct dir_path *path)
{
	const struct daxfs_inode *raw = DAXFS_I(dir)->raw;
	struct dir_step *step = &path->step[0];

	if (change) {
		step->entries = change->fork.index;
		step->count = change->fork_count;
		path->height = change->height;
	} else {
		step->entries = raw->fork.index;
		step->count = le16_to_cpu(READ_ONCE(raw->fork_count));
		path->height = READ_ONCE(raw->tree_height);
	}
	step->block = 0;
	step->low = 0;
	if (!step->count && !path->height)
		return -ENOENT;
	if (raw->format != DAXFS_FORMAT_DIRECTORY || !step->count || step->count > DAXFS_FORK_INDEX ||
	    !path->height || path->height > DAXFS_MAX_TREE_HEIGHT || step->entries[0].key)
		return daxfs_corrupt(dir->i_sb, dir->i_ino, dir->i_ino >> 3,
				     "directory tree of height %u with %u children in the inode", path->height,
				     step->count);
	return 0;
}

/* -ENOENT in an empty directory. */
int daxfs_dir_find(struct inode *dir, struct daxfs_dir_change *change, u64 key, struct dir_path *path)
{
	unsigned int depth;
	int err = fork_step(dir, change, path);

	if (err)
		return err;
	path->high = DAXFS_DIR_KEY_END;
	for (depth = 0; depth < path->height; depth++) {
		struct dir_step *step = &path->step[depth];
		unsigned int level = path->height - 1 - depth;
		const struct daxfs_node_header *node;
		struct seen_node seen;

		step->index = child_of(step->entries, step->count, key);
		path->low = le64_to_cpu(READ_ONCE(step->entries[step->index].key));
		if (step->index + 1 < step->count)
			path->high = min(path->high, le64_to_cpu(READ_ONCE(step->entries[step->index + 1].key)));
		if (path->low < step->low || path->low > key || key >= path->high)
			return daxfs_corrupt(dir->i_sb, dir->i_ino, step->block,
					     "keys of a directory node out of order");
		path->block = le64_to_cpu(READ_ONCE(step->entries[step->index].block));
		node = load_node(dir, change, path->block, level, path->low, &seen);
		if (IS_ERR(node))
			return PTR_ERR(node);
		if (!level) {
			path->leaf = node;
			path->names = seen.count;
			path->doubt = seen.doubt;
			return 0;
		}
		step[1].entries = (const struct daxfs_index_entry *)(node + 1);
		step[1].count = seen.count;
		step[1].block = path->block;
		step[1].low = path->low;
	}
	return -EUCLEAN;	/* not reached: the last level is 0 */
}

static struct dir_node *add_copy(struct daxfs_dir_change *change, u64 block)
{
	struct dir_node *node;

	if (WARN_ON_ONCE(change->node_count == DAXFS_DIR_CHANGE_NODES))
		return ERR_PTR(-EFBIG);
	node = &change->nodes[change->node_count];
	node->copy = daxfs_tx_buffer(change->tx);
	if (!node->copy)
		return ERR_PTR(-ENOMEM);
	node->block = block;
	node->fresh = false;
	node->freed = false;
	node->doubt = false;
	node->dirty_count = 0;
	change->node_count++;
	return node;
}

/* The copy of a node that daxfs_dir_find() or load_node() has verified. */
static struct dir_node *edit(struct daxfs_dir_change *change, u64 block, unsigned int level, u64 low_key)
{
	struct dir_node *node = find_copy(change, block);
	u16 count;
	int err;

	if (node && likely(is_promised(node, level, low_key)))
		return node;
	if (!node) {
		node = add_copy(change, block);
		if (IS_ERR(node))
			return node;
		memcpy(node->copy, daxfs_block(DAXFS_SB(change->dir->i_sb), block), DAXFS_BLOCK_SIZE);
	}
	err = check_node(change->dir, block, level, low_key, node->copy, &count);
	return err ? ERR_PTR(err) : node;
}

struct dir_node *daxfs_dir_edit_leaf(struct daxfs_dir_change *change, const struct dir_path *path)
{
	return edit(change, path->block, 0, path->low);
}

/* The node of a step of the path, which is not the fork. */
static struct dir_node *edit_step(struct daxfs_dir_change *change, const struct dir_path *path, unsigned int depth)
{
	return edit(change, path->step[depth].block, path->height - depth, path->step[depth].low);
}

/* The tree is not what it was a moment ago. */
static int tree_changed(const struct daxfs_dir_change *change, u64 block)
{
	return daxfs_corrupt(change->dir->i_sb, change->dir->i_ino, block, "a directory's tree changes under us");
}

void daxfs_dir_dirty(struct dir_node *node, u32 from, u32 to)
{
	unsigned int i;

	for (i = 0; i < node->dirty_count; i++)
		if (from <= node->dirty[i].to && to >= node->dirty[i].from)
			break;
	if (i == DAXFS_DIR_DIRTY_RANGES)
		i--;
	if (i == node->dirty_count) {
		node->dirty[i].from = from;
		node->dirty[i].to = to;
		node->dirty_count++;
	} else {
		node->dirty[i].from = min_t(u32, node->dirty[i].from, from);
		node->dirty[i].to = max_t(u32, node->dirty[i].to, to);
	}
}

static void dirty_entries(struct dir_node *node, unsigned int from, unsigned int to)
{
	daxfs_dir_dirty(node, sizeof(struct daxfs_node_header) + from * sizeof(struct daxfs_index_entry),
			sizeof(struct daxfs_node_header) + to * sizeof(struct daxfs_index_entry));
}

struct dir_node *daxfs_dir_new_node(struct daxfs_dir_change *change, unsigned int level, u64 low_key)
{
	struct inode *dir = change->dir;
	struct daxfs_alloc request = {
		.kind = DAXFS_ALLOC_META,
		.ino = dir->i_ino,
		.goal = change->fork_count ? le64_to_cpu(change->fork.index[0].block) : dir->i_ino >> 3,
		.want = 1,
	};
	struct dir_node *node = add_copy(change, 0);
	struct daxfs_run run;
	int err;

	if (IS_ERR(node))
		return node;
	err = daxfs_reserve(dir->i_sb, &request, &run);
	if (err) {
		change->node_count--;
		return ERR_PTR(err);
	}
	daxfs_tx_alloc(change->tx, run);
	change->blocks++;
	node->block = run.block;
	node->fresh = true;
	memset(node->copy, 0, DAXFS_BLOCK_SIZE);
	node->copy->magic = cpu_to_le32(DAXFS_DIR_NODE_MAGIC);
	node->copy->owner = cpu_to_le64(dir->i_ino);
	node->copy->owner_generation = cpu_to_le32(dir->i_generation);
	node->copy->block = cpu_to_le64(run.block);
	node->copy->low_key = cpu_to_le64(low_key);
	node->copy->level = cpu_to_le16(level);
	return node;
}

static void free_node(struct daxfs_dir_change *change, u64 block)
{
	struct dir_node *copy = find_copy(change, block);
	struct daxfs_run run = { .block = block, .count = 1 };

	if (copy)
		copy->freed = true;
	daxfs_tx_free(change->tx, run);
	daxfs_forget_node(change->dir, block);
	change->blocks--;
}

void daxfs_dir_first_leaf(struct daxfs_dir_change *change, struct dir_node *leaf)
{
	change->fork.index[0].key = 0;
	change->fork.index[0].block = cpu_to_le64(leaf->block);
	change->fork_count = 1;
	change->height = 1;
}

static void insert_entry(struct daxfs_index_entry *entries, unsigned int count, unsigned int at, u64 key, u64 block)
{
	memmove(&entries[at + 1], &entries[at], (count - at) * sizeof(*entries));
	entries[at].key = cpu_to_le64(key);
	entries[at].block = cpu_to_le64(block);
}

static void insert_in_node(struct dir_node *node, unsigned int at, u64 key, u64 block)
{
	unsigned int count = le16_to_cpu(node->copy->count);

	insert_entry(node_entries(node->copy), count, at, key, block);
	node->copy->count = cpu_to_le16(count + 1);
	dirty_entries(node, at, count + 1);
}

/* The fork is full: its children move into a node of their own, below a fork of one child. */
static struct dir_node *grow(struct daxfs_dir_change *change)
{
	struct dir_node *node;

	if (change->height == DAXFS_MAX_TREE_HEIGHT)
		return ERR_PTR(-ENOSPC);
	node = daxfs_dir_new_node(change, change->height, 0);
	if (IS_ERR(node))
		return node;
	memcpy(node_entries(node->copy), change->fork.index, sizeof(change->fork.index));
	node->copy->count = cpu_to_le16(DAXFS_FORK_INDEX);
	change->fork.index[0].block = cpu_to_le64(node->block);
	change->fork_count = 1;
	change->height++;
	return node;
}

/* The upper half of a full index node moves to a new one. */
static struct dir_node *split_index(struct daxfs_dir_change *change, struct dir_node *left)
{
	struct daxfs_index_entry *entries = node_entries(left->copy);
	const unsigned int half = DAXFS_NODE_INDEX / 2;
	struct dir_node *right;

	right = daxfs_dir_new_node(change, le16_to_cpu(left->copy->level), le64_to_cpu(entries[half].key));
	if (IS_ERR(right))
		return right;
	memcpy(node_entries(right->copy), &entries[half], (DAXFS_NODE_INDEX - half) * sizeof(*entries));
	right->copy->count = cpu_to_le16(DAXFS_NODE_INDEX - half);
	left->copy->count = cpu_to_le16(half);
	return right;
}

/* A new leaf right of the one that `path` leads to. The path is stale afterwards. */
int daxfs_dir_link_leaf(struct daxfs_dir_change *change, struct dir_path *path, u64 key, u64 block)
{
	unsigned int depth = path->height - 1;
	struct dir_node *node, *right;

	for (; depth > 0; depth--) {
		unsigned int at = path->step[depth].index + 1;

		node = edit_step(change, path, depth);
		if (IS_ERR(node))
			return PTR_ERR(node);
		if (at > le16_to_cpu(node->copy->count))
			return tree_changed(change, node->block);
		if (le16_to_cpu(node->copy->count) < DAXFS_NODE_INDEX) {
			insert_in_node(node, at, key, block);
			return 0;
		}
		right = split_index(change, node);
		if (IS_ERR(right))
			return PTR_ERR(right);
		if (at <= DAXFS_NODE_INDEX / 2)
			insert_in_node(node, at, key, block);
		else
			insert_in_node(right, at - DAXFS_NODE_INDEX / 2, key, block);
		key = le64_to_cpu(right->copy->low_key);
		block = right->block;
	}
	if (change->fork_count < DAXFS_FORK_INDEX) {
		insert_entry(change->fork.index, change->fork_count++, path->step[0].index + 1, key, block);
		return 0;
	}
	node = grow(change);
	if (IS_ERR(node))
		return PTR_ERR(node);
	insert_in_node(node, path->step[0].index + 1, key, block);
	return 0;
}

/* The node at `block` inherits keys to its left: it and its first children down to the leaf start at `to`. */
static int move_low_key(struct daxfs_dir_change *change, u64 block, unsigned int level, u64 from, u64 to)
{
	for (;; level--) {
		struct seen_node seen;
		const struct daxfs_node_header *old = load_node(change->dir, change, block, level, from, &seen);
		struct dir_node *node;

		if (IS_ERR(old))
			return PTR_ERR(old);
		node = edit(change, block, level, from);
		if (IS_ERR(node))
			return PTR_ERR(node);
		node->copy->low_key = cpu_to_le64(to);
		if (!level)
			return 0;
		node_entries(node->copy)[0].key = cpu_to_le64(to);
		dirty_entries(node, 0, 1);
		block = le64_to_cpu(node_entries(node->copy)[0].block);
	}
}

static void remove_entry(struct daxfs_index_entry *entries, unsigned int count, unsigned int at, u64 low)
{
	memmove(&entries[at], &entries[at + 1], (count - at - 1) * sizeof(*entries));
	memset(&entries[count - 1], 0, sizeof(*entries));
	if (!at && count > 1)
		entries[0].key = cpu_to_le64(low);
}

/* Index levels that the fork has room for go away. Half the fork stays free, so that growing again is not next. */
static int lower(struct daxfs_dir_change *change)
{
	while (change->height > 1 && change->fork_count == 1) {
		u64 block = le64_to_cpu(change->fork.index[0].block);
		struct seen_node seen;
		const struct daxfs_node_header *node = load_node(change->dir, change, block, change->height - 1, 0, &seen);

		if (IS_ERR(node))
			return PTR_ERR(node);
		if (seen.count > DAXFS_FORK_INDEX / 2)
			return 0;
		memcpy(change->fork.index, node + 1, seen.count * sizeof(change->fork.index[0]));
		change->fork_count = seen.count;
		change->height--;
		free_node(change, block);
	}
	return 0;
}

/* The leaf that `path` leads to goes, and with it all nodes that have no other child. The path is stale afterwards. */
int daxfs_dir_prune_leaf(struct daxfs_dir_change *change, struct dir_path *path)
{
	unsigned int depth = path->height - 1;
	struct dir_step *step = &path->step[depth];
	struct daxfs_index_entry *entries = change->fork.index;
	struct dir_node *node = NULL;
	unsigned int count;
	u64 old_key;
	int err;

	free_node(change, path->block);
	for (; depth > 0 && step->count == 1; depth--, step--)
		free_node(change, step->block);
	count = step->count;
	if (depth) {
		node = edit_step(change, path, depth);
		if (IS_ERR(node))
			return PTR_ERR(node);
		entries = node_entries(node->copy);
		count = le16_to_cpu(node->copy->count);
		if (count < 2 || step->index >= count)
			return tree_changed(change, node->block);
	}
	old_key = count > 1 ? le64_to_cpu(entries[1].key) : 0;
	remove_entry(entries, count, step->index, step->low);
	if (node) {
		node->copy->count = cpu_to_le16(count - 1);
		dirty_entries(node, step->index, count);
	} else if (!--change->fork_count) {
		change->height = 0;
		return 0;
	}
	if (!step->index) {
		err = move_low_key(change, le64_to_cpu(entries[0].block), path->height - 1 - depth, old_key, step->low);
		if (err)
			return err;
	}
	return lower(change);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Changing a file's extents: one step is one leaf's worth of change, in the caller's transaction.
 *
 * prepare works on copies in DRAM: of the fork, and of every node that changes ("shadows"), sealed there, all in the
 * transaction's buffers. So the undo
 * log gets just the bytes that differ, and apply is plain copying that cannot fail. New nodes are written where nothing
 * reaches them yet, and flushed; the transaction's second fence makes them durable before the commit word.
 * A leaf that overflows keeps its lower part in place and hands the upper part to a new node; an empty node leaves the
 * tree, and the node that then comes first takes over its parent's low key, down to its leaf.
 * A shadow's header is what was checked on the way to the node, not what the node says when it is copied: memory may
 * change, and its entries, which are as long as the header says, are all that may be wrong.
 * The caller holds the inode lock exclusive until the commit.
 */
#include <linux/slab.h>

#include "alloc.h"
#include "checksum.h"
#include "claim.h"
#include "daxfs.h"
#include "error.h"
#include "extent_tree.h"
#include "journal.h"
#include "map.h"
#include "persist.h"

/* A split touches two nodes a level; removing a node touches the way up and the leftmost way down beside it. */
#define DAXFS_MAX_SHADOWS	(2 * DAXFS_MAX_TREE_HEIGHT + 3)

/* A leaf's extents change from one run to at most this many: what is left on both sides, and the new one. */
#define DAXFS_MAX_PIECES	3

struct daxfs_shadow {
	u64 block;
	struct daxfs_node_header *node;		/* the copy: 4 KiB */
	bool fresh;				/* a new node, nothing to undo */
	u32 from, to;				/* bytes that differ behind the header; of the used part */
};

struct daxfs_map_change {
	struct daxfs_tx *tx;
	struct inode *inode;
	s64 blocks;				/* what the inode owns more, or less */
	bool fork_changed;
	u8 format, height;
	u16 fork_count, old_fork_count;
	union daxfs_fork fork;
	unsigned int shadow_count;
	struct daxfs_shadow shadow[DAXFS_MAX_SHADOWS];
};

static struct daxfs_extent *shadow_extents(struct daxfs_shadow *shadow)
{
	return (void *)(shadow->node + 1);
}

static struct daxfs_index_entry *shadow_index(struct daxfs_shadow *shadow)
{
	return (void *)(shadow->node + 1);
}

static unsigned int node_count(const struct daxfs_node_header *node)
{
	return le16_to_cpu(node->count);
}

static size_t entry_size(const struct daxfs_node_header *node)
{
	return node->level ? sizeof(struct daxfs_index_entry) : sizeof(struct daxfs_extent);
}

static struct daxfs_shadow *add_shadow(struct daxfs_map_change *change, u64 block)
{
	struct daxfs_shadow *shadow;

	if (WARN_ON_ONCE(change->shadow_count == DAXFS_MAX_SHADOWS))
		return ERR_PTR(-EIO);
	shadow = &change->shadow[change->shadow_count];
	shadow->node = daxfs_tx_buffer(change->tx);
	if (!shadow->node)
		return ERR_PTR(-ENOMEM);
	shadow->block = block;
	shadow->fresh = false;
	shadow->from = DAXFS_BLOCK_SIZE;
	shadow->to = 0;
	change->shadow_count++;
	return shadow;
}

/* The tree is not what it was a moment ago, or names one node twice. */
static int tree_changed(const struct daxfs_map_change *change, u64 block)
{
	return daxfs_corrupt(change->inode->i_sb, change->inode->i_ino, block, "a tree that is not one, or changes under us");
}

static struct daxfs_shadow *shadow_of(struct daxfs_map_change *change, const struct daxfs_path_step *step)
{
	struct daxfs_shadow *shadow;
	size_t entry = step->level ? sizeof(struct daxfs_index_entry) : sizeof(struct daxfs_extent);
	unsigned int i;

	for (i = 0; i < change->shadow_count; i++) {
		shadow = &change->shadow[i];
		if (shadow->block != step->block)
			continue;
		if (le16_to_cpu(shadow->node->level) != step->level)
			return ERR_PTR(tree_changed(change, step->block));
		return shadow;
	}
	shadow = add_shadow(change, step->block);
	if (IS_ERR(shadow))
		return shadow;
	memcpy(shadow->node, step->node, sizeof(*step->node) + step->count * entry);
	shadow->node->block = cpu_to_le64(step->block);
	shadow->node->level = cpu_to_le16(step->level);
	shadow->node->count = cpu_to_le16(step->count);
	return shadow;
}

static struct daxfs_shadow *new_node(struct daxfs_map_change *change, unsigned int level, u64 low)
{
	struct inode *inode = change->inode;
	struct daxfs_alloc request = {
		.kind = DAXFS_ALLOC_META,
		.ino = inode->i_ino,
		.want = 1,
		.reserve_ok = true,	/* a full device must still convert, punch and finish a write */
	};
	struct daxfs_shadow *shadow;
	struct daxfs_run run;
	int err = daxfs_reserve(inode->i_sb, &request, &run);

	if (err)
		return ERR_PTR(err);
	shadow = add_shadow(change, run.block);
	if (IS_ERR(shadow)) {
		daxfs_unreserve(inode->i_sb, run);
		return shadow;
	}
	daxfs_tx_alloc(change->tx, run);
	change->blocks++;
	shadow->fresh = true;
	memset(shadow->node, 0, DAXFS_BLOCK_SIZE);
	shadow->node->magic = cpu_to_le32(DAXFS_EXTENT_NODE_MAGIC);
	shadow->node->owner = cpu_to_le64(inode->i_ino);
	shadow->node->block = cpu_to_le64(run.block);
	shadow->node->low_key = cpu_to_le64(low);
	shadow->node->level = cpu_to_le16(level);
	shadow->node->owner_generation = cpu_to_le32(inode->i_generation);
	return shadow;
}

static void free_node(struct daxfs_map_change *change, u64 block)
{
	struct daxfs_run run = { .block = block, .count = 1 };

	daxfs_tx_free(change->tx, run);
	daxfs_forget_node(change->inode, block);
	change->blocks--;
}

static void touch(struct daxfs_shadow *shadow, unsigned int from_entry, unsigned int to_entry)
{
	size_t size = entry_size(shadow->node);

	shadow->from = min_t(u32, shadow->from, sizeof(*shadow->node) + from_entry * size);
	shadow->to = max_t(u32, shadow->to, sizeof(*shadow->node) + to_entry * size);
}

/* In an array of `count` entries of `size` bytes, `drop` entries at `at` give way to `add`. */
static void splice_entries(void *entries, size_t size, unsigned int count, unsigned int at, unsigned int drop,
			   const void *add, unsigned int add_count)
{
	void *place = entries + at * size;

	memmove(place + add_count * size, place + drop * size, (count - at - drop) * size);
	memcpy(place, add, add_count * size);
}

/* The same in a shadow that has room for it. */
static int splice_node(struct daxfs_map_change *change, struct daxfs_shadow *shadow, unsigned int at, unsigned int drop,
		       const void *add, unsigned int add_count)
{
	unsigned int count = node_count(shadow->node), now = count - drop + add_count;

	if (at + drop > count)
		return tree_changed(change, shadow->block);
	splice_entries(shadow->node + 1, entry_size(shadow->node), count, at, drop, add, add_count);
	shadow->node->count = cpu_to_le16(now);
	touch(shadow, at, drop == add_count ? at + drop : now);
	return 0;
}

/* Cuts entries [split, total) of `all` off into a new node beside `left`, which keeps those before. */
static struct daxfs_shadow *split_node(struct daxfs_map_change *change, struct daxfs_shadow *left, const void *all,
				       unsigned int total, unsigned int split, unsigned int changed_from)
{
	size_t size = entry_size(left->node);
	/* Both kinds of entry begin with their key. */
	u64 low = le64_to_cpu(*(const __le64 *)(all + split * size));
	struct daxfs_shadow *right = new_node(change, le16_to_cpu(left->node->level), low);

	if (IS_ERR(right))
		return right;
	memcpy(right->node + 1, all + split * size, (total - split) * size);
	right->node->count = cpu_to_le16(total - split);
	memcpy(left->node + 1, all, split * size);
	left->node->count = cpu_to_le16(split);
	if (changed_from < split)
		touch(left, changed_from, split);
	return right;
}

/* Where to cut: growth at the end leaves the full node as it is, so that a file written in order has full leaves. */
static unsigned int split_point(unsigned int old_count, unsigned int at, unsigned int drop, unsigned int add_count)
{
	unsigned int total = old_count - drop + add_count;

	return at + drop == old_count ? min(total - 1, old_count) : total / 2;
}

/* The fork's children have become too many: they move into a node of their own, and the tree is one level higher. */
static int grow_fork(struct daxfs_map_change *change, const struct daxfs_index_entry *entries, unsigned int count)
{
	struct daxfs_shadow *node;

	if (change->height == DAXFS_MAX_TREE_HEIGHT)
		return -EFBIG;
	node = new_node(change, change->height, 0);
	if (IS_ERR(node))
		return PTR_ERR(node);
	memcpy(shadow_index(node), entries, count * sizeof(*entries));
	node->node->count = cpu_to_le16(count);
	memset(&change->fork, 0, sizeof(change->fork));
	change->fork.index[0].block = cpu_to_le64(node->block);
	change->fork_count = 1;
	change->height++;
	return 0;
}

static int insert_into_fork(struct daxfs_map_change *change, unsigned int at, const struct daxfs_index_entry *entry)
{
	struct daxfs_index_entry all[DAXFS_FORK_INDEX + 1];

	change->fork_changed = true;
	if (change->fork_count < DAXFS_FORK_INDEX) {
		splice_entries(change->fork.index, sizeof(*entry), change->fork_count, at, 0, entry, 1);
		change->fork_count++;
		return 0;
	}
	memcpy(all, change->fork.index, sizeof(change->fork.index));
	splice_entries(all, sizeof(*entry), DAXFS_FORK_INDEX, at, 0, entry, 1);
	return grow_fork(change, all, DAXFS_FORK_INDEX + 1);
}

/* `right` was cut off the node that `path` takes on its level: it gets its entry above, and so on up. */
static int insert_child(struct daxfs_map_change *change, const struct daxfs_path *path, struct daxfs_shadow *right,
			void *scratch)
{
	unsigned int level = le16_to_cpu(right->node->level) + 1;
	struct daxfs_index_entry top;

	for (; level < path->height; level++) {
		struct daxfs_index_entry entry = { .key = right->node->low_key, .block = right->node->block };
		struct daxfs_shadow *node = shadow_of(change, &path->step[level]);
		unsigned int count, at = path->step[level].index + 1;

		if (IS_ERR(node))
			return PTR_ERR(node);
		count = node_count(node->node);
		if (count < DAXFS_NODE_INDEX)
			return splice_node(change, node, at, 0, &entry, 1);
		memcpy(scratch, shadow_index(node), count * sizeof(entry));
		splice_entries(scratch, sizeof(entry), count, at, 0, &entry, 1);
		right = split_node(change, node, scratch, count + 1, split_point(count, at, 0, 1), at);
		if (IS_ERR(right))
			return PTR_ERR(right);
	}
	top.key = right->node->low_key;
	top.block = right->node->block;
	return insert_into_fork(change, path->fork_index + 1, &top);
}

/* The subtree under `entry` (its root is of `level`) has become the first of its parent: its low key goes down. */
static int lower_key(struct daxfs_map_change *change, struct daxfs_index_entry *entry, int level, u64 high, u64 low)
{
	u64 block = le64_to_cpu(entry->block), old = le64_to_cpu(entry->key);

	entry->key = cpu_to_le64(low);
	for (; level >= 0; level--) {
		struct daxfs_path_step step;
		struct daxfs_shadow *shadow;
		int err = daxfs_extent_node(change->inode, block, level, old, high, &step);

		if (err)
			return err;
		shadow = shadow_of(change, &step);
		if (IS_ERR(shadow))
			return PTR_ERR(shadow);
		shadow->node->low_key = cpu_to_le64(low);
		if (!level)
			break;
		block = le64_to_cpu(shadow_index(shadow)->block);
		shadow_index(shadow)->key = cpu_to_le64(low);
		touch(shadow, 0, 1);
	}
	return 0;
}

static int remove_from_fork(struct daxfs_map_change *change, const struct daxfs_path *path)
{
	unsigned int at = path->fork_index;

	change->fork_changed = true;
	splice_entries(change->fork.index, sizeof(change->fork.index[0]), change->fork_count, at, 1, NULL, 0);
	change->fork_count--;
	memset(&change->fork.index[change->fork_count], 0, sizeof(change->fork.index[0]));
	if (!change->fork_count) {
		change->format = DAXFS_FORMAT_EXTENTS;
		change->height = 0;
		return 0;
	}
	if (at)
		return 0;
	return lower_key(change, &change->fork.index[0], path->height - 1, DAXFS_END_OF_KEYS, 0);
}

/* The leaf that `path` ends at is empty: it leaves the tree, and with it every node above that has no other child. */
static int remove_leaf(struct daxfs_map_change *change, const struct daxfs_path *path)
{
	unsigned int level = 0;

	for (;;) {
		const struct daxfs_path_step *step = &path->step[level];
		struct daxfs_shadow *shadow;

		if (level && step->count > 1) {
			int err;

			shadow = shadow_of(change, step);
			if (IS_ERR(shadow))
				return PTR_ERR(shadow);
			err = splice_node(change, shadow, step->index, 1, NULL, 0);
			if (err || step->index)
				return err;
			touch(shadow, 0, 1);
			return lower_key(change, shadow_index(shadow), level - 1, step->high, step->low);
		}
		free_node(change, step->block);
		if (++level == path->height)
			return remove_from_fork(change, path);
	}
}

/* Extents that do not fit the fork any more become the first leaf of a tree. */
static int fork_to_leaf(struct daxfs_map_change *change, const struct daxfs_extent *extents, unsigned int count)
{
	struct daxfs_shadow *leaf = new_node(change, 0, 0);

	if (IS_ERR(leaf))
		return PTR_ERR(leaf);
	memcpy(shadow_extents(leaf), extents, count * sizeof(*extents));
	leaf->node->count = cpu_to_le16(count);
	memset(&change->fork, 0, sizeof(change->fork));
	change->fork.index[0].block = cpu_to_le64(leaf->block);
	change->fork_count = 1;
	change->height = 1;
	change->format = DAXFS_FORMAT_EXTENT_TREE;
	return 0;
}

static int replace_in_fork(struct daxfs_map_change *change, unsigned int at, unsigned int drop,
			   const struct daxfs_extent *add, unsigned int add_count)
{
	struct daxfs_extent all[DAXFS_FORK_EXTENTS + DAXFS_MAX_PIECES], *extents = change->fork.extents;
	unsigned int count = change->fork_count, total = count - drop + add_count;

	change->fork_changed = true;
	change->format = DAXFS_FORMAT_EXTENTS;
	if (total > DAXFS_FORK_EXTENTS) {
		memcpy(all, extents, count * sizeof(*all));
		splice_entries(all, sizeof(*all), count, at, drop, add, add_count);
		return fork_to_leaf(change, all, total);
	}
	splice_entries(extents, sizeof(*extents), count, at, drop, add, add_count);
	if (total < count)
		memset(extents + total, 0, (count - total) * sizeof(*extents));
	change->fork_count = total;
	return 0;
}

/* In the leaf of `path`, `drop` extents at `at` give way to `add`. */
static int replace_extents(struct daxfs_map_change *change, const struct daxfs_path *path, unsigned int at,
			   unsigned int drop, const struct daxfs_extent *add, unsigned int add_count)
{
	unsigned int total = path->count - drop + add_count;
	struct daxfs_extent *all;
	struct daxfs_shadow *leaf;
	int err;

	if (!path->height)
		return replace_in_fork(change, at, drop, add, add_count);
	if (!total)
		return remove_leaf(change, path);
	leaf = shadow_of(change, &path->step[0]);
	if (IS_ERR(leaf))
		return PTR_ERR(leaf);
	if (total <= DAXFS_NODE_EXTENTS)
		return splice_node(change, leaf, at, drop, add, add_count);
	all = kmalloc(DAXFS_BLOCK_SIZE + DAXFS_MAX_PIECES * sizeof(*all), GFP_NOFS);
	if (!all)
		return -ENOMEM;
	memcpy(all, shadow_extents(leaf), path->count * sizeof(*all));
	splice_entries(all, sizeof(*all), path->count, at, drop, add, add_count);
	leaf = split_node(change, leaf, all, total, split_point(path->count, at, drop, add_count), at);
	err = IS_ERR(leaf) ? PTR_ERR(leaf) : insert_child(change, path, leaf, all);
	kfree(all);
	return err;
}

static struct daxfs_map_change *change_begin(struct daxfs_tx *tx, struct inode *inode)
{
	const struct daxfs_inode *raw = DAXFS_I(inode)->raw;
	struct daxfs_map_change *change;

	lockdep_assert_held_write(&DAXFS_I(inode)->lock);
	BUILD_BUG_ON(sizeof(*change) > DAXFS_BLOCK_SIZE);
	BUILD_BUG_ON(sizeof(struct daxfs_node_header) + DAXFS_NODE_EXTENTS * sizeof(struct daxfs_extent) > DAXFS_BLOCK_SIZE);
	BUILD_BUG_ON(sizeof(struct daxfs_node_header) + DAXFS_NODE_INDEX * sizeof(struct daxfs_index_entry) >
		     DAXFS_BLOCK_SIZE);
	change = daxfs_tx_buffer(tx);
	if (!change)
		return ERR_PTR(-ENOMEM);
	change->tx = tx;
	change->inode = inode;
	change->blocks = 0;
	change->fork_changed = false;
	change->format = READ_ONCE(raw->format);
	change->height = READ_ONCE(raw->tree_height);
	change->old_fork_count = change->fork_count = le16_to_cpu(READ_ONCE(raw->fork_count));
	memcpy(&change->fork, &raw->fork, sizeof(change->fork));
	change->shadow_count = 0;
	return change;
}

/* What path says of the fork was checked, and is what the change works on; and all of it may be changed. */
static int check_path(const struct daxfs_map_change *change, const struct daxfs_path *path)
{
	if (change->height != path->height || change->fork_count != path->fork_count)
		return tree_changed(change, change->inode->i_ino / DAXFS_INODES_PER_BLOCK);
	return daxfs_path_may_change(change->inode, path);
}

static int find_path(const struct daxfs_map_change *change, u64 file_block, struct daxfs_path *path)
{
	int err = daxfs_path_find(change->inode, file_block, path);

	return err ? err : check_path(change, path);
}

/* Bytes of the fork behind which there is nothing, before the change and after it. */
static u32 fork_used(const struct daxfs_map_change *change)
{
	u32 count = max(change->fork_count, change->old_fork_count);

	return min_t(u32, count * sizeof(struct daxfs_extent), sizeof(change->fork));
}

/* Seals what changed, writes the new nodes and logs the rest. */
static void change_finish(struct daxfs_map_change *change)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(change->inode->i_sb);
	unsigned int i;

	for (i = 0; i < change->shadow_count; i++) {
		struct daxfs_shadow *shadow = &change->shadow[i];

		daxfs_seal_node(sbi, shadow->node);
		if (shadow->fresh) {
			memcpy(daxfs_block(sbi, shadow->block), shadow->node, DAXFS_BLOCK_SIZE);
			daxfs_flush(sbi, daxfs_block(sbi, shadow->block), DAXFS_BLOCK_SIZE);
			continue;
		}
		daxfs_tx_add(change->tx, shadow->block, 0, sizeof(*shadow->node));
		if (shadow->from < shadow->to)
			daxfs_tx_add(change->tx, shadow->block, shadow->from, shadow->to - shadow->from);
	}
	if (change->fork_changed)
		daxfs_tx_add_fork(change->tx, change->inode, &change->fork, fork_used(change));
}

static struct daxfs_map_change *change_end(struct daxfs_map_change *change, int err)
{
	if (!err && change->blocks < 0 && DAXFS_I(change->inode)->blocks < (u64)-change->blocks)
		err = daxfs_corrupt(change->inode->i_sb, change->inode->i_ino,
				    change->inode->i_ino / DAXFS_INODES_PER_BLOCK, "fewer blocks than it has extents for");
	if (err)
		return ERR_PTR(err);
	change_finish(change);
	return change;
}

void daxfs_map_apply(struct daxfs_map_change *change)
{
	struct daxfs_inode_info *info = DAXFS_I(change->inode);
	struct daxfs_sb_info *sbi = DAXFS_SB(change->inode->i_sb);
	unsigned int i;

	for (i = 0; i < change->shadow_count; i++) {
		const struct daxfs_shadow *shadow = &change->shadow[i];
		void *target = daxfs_block(sbi, shadow->block);

		if (shadow->fresh) {
			daxfs_know_node(change->inode, shadow->block);
			continue;
		}
		memcpy(target, shadow->node, sizeof(*shadow->node));
		if (shadow->from < shadow->to)
			memcpy(target + shadow->from, (void *)shadow->node + shadow->from, shadow->to - shadow->from);
	}
	if (change->fork_changed) {
		u32 used = fork_used(change);

		info->raw->format = change->format;
		info->raw->tree_height = change->height;
		info->raw->fork_count = cpu_to_le16(change->fork_count);
		memcpy(&info->raw->fork, &change->fork, used);
	}
	WRITE_ONCE(info->map_sequence, info->map_sequence + 1);
	info->blocks += change->blocks;
	change->inode->i_blocks = info->blocks << (DAXFS_BLOCK_SHIFT - 9);
}

static struct daxfs_extent raw_extent(const struct daxfs_extent_view *view)
{
	struct daxfs_extent raw = {
		.file_block = cpu_to_le64(view->file_block),
		.disk_block = cpu_to_le64(view->disk_block),
		.length = cpu_to_le32(view->count),
		.state = view->state,
	};
	return raw;
}

/* Whether `b` continues `a` in the file, on the device and in state, and both fit one extent. */
static bool continues(const struct daxfs_extent_view *a, const struct daxfs_extent_view *b)
{
	return a->file_block + a->count == b->file_block && a->disk_block + a->count == b->disk_block &&
	       a->state == b->state && a->count + b->count <= U32_MAX;
}

/* Appends to a list of pieces, joining with the last one where it continues it. -ESTALE: only extents that overlap are so
 * many. */
static int add_piece(struct daxfs_extent_view *pieces, unsigned int *count, const struct daxfs_extent_view *piece)
{
	if (!piece->count)
		return 0;
	if (*count && continues(&pieces[*count - 1], piece)) {
		pieces[*count - 1].count += piece->count;
		return 0;
	}
	if (*count == DAXFS_MAX_PIECES)
		return -ESTALE;
	pieces[(*count)++] = *piece;
	return 0;
}

/* Extents [at, at + drop) of the leaf become the pieces. Neighbours that did not change are not touched. */
static int replace_by_pieces(struct daxfs_map_change *change, const struct daxfs_path *path, unsigned int at,
			     unsigned int drop, const struct daxfs_extent_view *pieces, unsigned int count)
{
	struct daxfs_extent add[DAXFS_MAX_PIECES];
	unsigned int i;

	for (i = 0; i < count; i++)
		add[i] = raw_extent(&pieces[i]);
	return replace_extents(change, path, at, drop, add, count);
}

/* The part of `view` before `end`, and the part from `start` on. */
static struct daxfs_extent_view part_before(const struct daxfs_extent_view *view, u64 end)
{
	struct daxfs_extent_view part = *view;

	part.count = end > view->file_block ? min(view->count, end - view->file_block) : 0;
	return part;
}

static struct daxfs_extent_view part_from(const struct daxfs_extent_view *view, u64 start)
{
	struct daxfs_extent_view part = *view;
	u64 skip = start > view->file_block ? min(view->count, start - view->file_block) : 0;

	part.file_block += skip;
	part.disk_block += skip;
	part.count -= skip;
	return part;
}

/* `set` lies in one extent, or in one hole: the old extent's rest stays on both sides, neighbours join if they can. */
static int set_in_leaf(struct daxfs_map_change *change, const struct daxfs_path *path,
		       const struct daxfs_extent_view *set)
{
	struct inode *inode = change->inode;
	struct daxfs_extent_view old = path->extent, neighbour = path->extent, piece, pieces[DAXFS_MAX_PIECES];
	unsigned int count = 0, at = path->at + 1, drop = 0;
	int err;

	if (old.count && set->file_block - old.file_block < old.count) {
		if (set->file_block - old.file_block != set->disk_block - old.disk_block ||
		    set->count > old.count - (set->file_block - old.file_block))
			return -ESTALE;
		at = path->at;
		drop = 1;
		if (at) {
			err = daxfs_path_extent(inode, path, at - 1, &neighbour);
			if (err)
				return err;
		}
	} else {
		old.count = 0;
		change->blocks += set->count;
	}
	if (at && continues(&neighbour, set)) {
		at--;
		drop++;
		add_piece(pieces, &count, &neighbour);
	}
	piece = part_before(&old, set->file_block);
	err = add_piece(pieces, &count, &piece);
	if (!err)
		err = add_piece(pieces, &count, set);
	piece = part_from(&old, set->file_block + set->count);
	if (!err)
		err = add_piece(pieces, &count, &piece);
	if (err)
		return err;
	if (at + drop < path->count) {
		err = daxfs_path_extent(inode, path, at + drop, &neighbour);
		if (err)
			return err;
		if (neighbour.file_block < set->file_block + set->count)
			return -ESTALE;
		if (continues(&pieces[count - 1], &neighbour)) {
			drop++;
			add_piece(pieces, &count, &neighbour);
		}
	}
	return replace_by_pieces(change, path, at, drop, pieces, count);
}

/* `set` lies in the hole behind the last extent of the leaf, and continues it: most appends. It becomes longer. */
static int grow_last_extent(struct daxfs_map_change *change, const struct daxfs_path *path, u32 by)
{
	struct daxfs_extent *extents = change->fork.extents;

	if (path->height) {
		struct daxfs_shadow *leaf = shadow_of(change, &path->step[0]);

		if (IS_ERR(leaf))
			return PTR_ERR(leaf);
		touch(leaf, path->at, path->at + 1);
		extents = shadow_extents(leaf);
	} else {
		change->fork_changed = true;
	}
	extents[path->at].length = cpu_to_le32(path->extent.count + by);
	change->blocks += by;
	return 0;
}

static int set_extent(struct daxfs_map_change *change, const struct daxfs_path *path,
		      const struct daxfs_extent_view *set)
{
	if (!set->count || set->count > path->high - path->key)
		return -ESTALE;
	if (path->extent.count && path->at + 1 == path->count && continues(&path->extent, set))
		return grow_last_extent(change, path, set->count);
	return set_in_leaf(change, path, set);
}

struct daxfs_map_change *daxfs_map_prepare_set(struct daxfs_tx *tx, struct inode *inode, const struct daxfs_path *path,
					       struct daxfs_run run, enum daxfs_extent_state state)
{
	struct daxfs_extent_view set = {
		.file_block = path->key, .disk_block = run.block, .count = run.count, .state = state,
	};
	struct daxfs_map_change *change = change_begin(tx, inode);
	int err;

	if (IS_ERR(change))
		return change;
	err = check_path(change, path);
	if (!err)
		err = set_extent(change, path, &set);
	/* The range is not what the caller looked up under the same lock: extents overlap. */
	if (err == -ESTALE)
		err = daxfs_corrupt(inode->i_sb, inode->i_ino, run.block, "extents overlap at file block %llu", path->key);
	return change_end(change, err);
}

/* Frees blocks of `part` from its end backwards, in runs, while the transaction has room. Returns where it stopped. */
static u64 free_part(struct daxfs_map_change *change, const struct daxfs_extent_view *part)
{
	u64 left = part->count;

	while (left && daxfs_tx_has_room(change->tx, 1)) {
		struct daxfs_run run = { .count = min_t(u64, left, DAXFS_MAX_RUN) };

		left -= run.count;
		run.block = part->disk_block + left;
		daxfs_tx_free(change->tx, run);
		change->blocks -= run.count;
	}
	return part->file_block + left;
}

/*
 * Frees what [first, end) covers in one leaf, last extent first, until the transaction is full. What is left of the
 * extents at both ends stays.
 */
static int remove_in_leaf(struct daxfs_map_change *change, const struct daxfs_path *path, u64 first, u64 end,
			  u64 *removed_from)
{
	struct daxfs_extent_view view, part, pieces[DAXFS_MAX_PIECES];
	struct daxfs_extent_view left = { .count = 0 }, right = { .count = 0 };
	unsigned int count = 0;
	u64 low = end;
	int at, lowest, err;

	lowest = path->at + 1;
	for (at = path->at; at >= 0; at--) {
		err = daxfs_path_extent(change->inode, path, at, &view);
		if (err)
			return err;
		if (view.file_block + view.count <= first) {
			low = first;
			break;
		}
		part = part_before(&view, end);
		part = part_from(&part, first);
		low = free_part(change, &part);
		if (low == part.file_block + part.count)
			break;
		if (at == path->at)
			right = part_from(&view, end);
		left = part_before(&view, low);
		lowest = at;
		if (low > part.file_block)
			break;
	}
	if (at < 0 || low < first)
		low = max(first, path->low);
	*removed_from = low;
	if (lowest > path->at)
		return low == end ? -ENOSPC : 0;
	add_piece(pieces, &count, &left);
	add_piece(pieces, &count, &right);
	return replace_by_pieces(change, path, lowest, path->at + 1 - lowest, pieces, count);
}

struct daxfs_map_change *daxfs_map_prepare_remove(struct daxfs_tx *tx, struct inode *inode, u64 file_block, u64 count,
						  u64 *removed_from)
{
	struct daxfs_map_change *change = change_begin(tx, inode);
	u64 end = file_block + count;
	struct daxfs_path path;
	int err;

	if (IS_ERR(change))
		return change;
	*removed_from = end;
	for (;;) {
		err = find_path(change, *removed_from - 1, &path);
		if (err || path.at >= 0 || path.low <= file_block)
			break;
		/* Nothing in this leaf: the one before it. */
		*removed_from = path.low;
	}
	end = *removed_from;
	if (!err && path.at < 0)
		*removed_from = file_block;
	else if (!err)
		err = remove_in_leaf(change, &path, file_block, end, removed_from);
	return change_end(change, err);
}

struct daxfs_map_change *daxfs_map_prepare_split(struct daxfs_tx *tx, struct inode *inode, u64 file_block)
{
	struct daxfs_map_change *change = change_begin(tx, inode);
	struct daxfs_extent_view parts[2];
	struct daxfs_path path;
	int err;

	if (IS_ERR(change))
		return change;
	err = find_path(change, file_block, &path);
	if (!err && path.at >= 0) {
		parts[0] = part_before(&path.extent, file_block);
		parts[1] = part_from(&path.extent, file_block);
		/* As they are: joined they would be the extent that there was. */
		if (parts[0].count && parts[1].count)
			err = replace_by_pieces(change, &path, path.at, 1, parts, 2);
	}
	return change_end(change, err);
}

/* The leaf of `path` begins at another key: its own low key, that of every node it is the first in, and their entries. */
static int set_low_key(struct daxfs_map_change *change, const struct daxfs_path *path, u64 low)
{
	unsigned int level;

	for (level = 0; level < path->height; level++) {
		const struct daxfs_path_step *step = &path->step[level];
		struct daxfs_shadow *shadow = shadow_of(change, step);

		if (IS_ERR(shadow))
			return PTR_ERR(shadow);
		if (level) {
			shadow_index(shadow)[step->index].key = cpu_to_le64(low);
			touch(shadow, step->index, step->index + 1);
			if (step->index)
				return 0;
		}
		shadow->node->low_key = cpu_to_le64(low);
	}
	change->fork.index[path->fork_index].key = cpu_to_le64(low);
	change->fork_changed = true;
	return 0;
}

/*
 * The extents from number `at` on of the leaf that `path` ends at move by `distance` blocks. Where the first of them
 * now continues the one before it they become one, as others among them that could have been one.
 * No extent that moves lies outside [from, end). *moved_end: where the last of them ends now.
 */
static int move_extents(struct daxfs_map_change *change, const struct daxfs_path *path, unsigned int at, u64 from,
			u64 end, s64 distance, u64 *moved_end)
{
	struct daxfs_shadow *leaf = path->height ? shadow_of(change, &path->step[0]) : NULL;
	struct daxfs_extent_view last = { .count = 0 }, view;
	struct daxfs_extent *out;
	unsigned int first = at, count = at, i;
	int err;

	if (IS_ERR(leaf))
		return PTR_ERR(leaf);
	out = leaf ? shadow_extents(leaf) : change->fork.extents;
	if (at) {
		err = daxfs_path_extent(change->inode, path, at - 1, &last);
		if (err)
			return err;
		count--;
	}
	for (i = at; i < path->count; i++) {
		err = daxfs_path_extent(change->inode, path, i, &view);
		if (err)
			return err;
		if (view.file_block < from || view.file_block >= end || view.count > end - view.file_block)
			return -ESTALE;
		from = view.file_block + view.count;
		view.file_block += distance;
		if (last.count && continues(&last, &view)) {
			first = min(first, count);
			last.count += view.count;
			continue;
		}
		if (last.count)
			out[count++] = raw_extent(&last);
		last = view;
	}
	out[count++] = raw_extent(&last);
	*moved_end = last.file_block + last.count;
	if (leaf) {
		leaf->node->count = cpu_to_le16(count);
		touch(leaf, first, count);
		return 0;
	}
	memset(out + count, 0, (change->fork_count - count) * sizeof(*out));
	change->fork_count = count;
	change->fork_changed = true;
	return 0;
}

/* The extents are not as the hole that is said to be there demands. */
static int not_a_hole(struct inode *inode, int err, u64 gap, u64 distance)
{
	if (err != -ESTALE)
		return err;
	return daxfs_corrupt(inode->i_sb, inode->i_ino, inode->i_ino / DAXFS_INODES_PER_BLOCK,
			     "extents at file block %llu, in a hole of %llu blocks that moves through the file", gap,
			     distance);
}

struct daxfs_map_change *daxfs_map_prepare_shift_down(struct daxfs_tx *tx, struct inode *inode, u64 *gap, u64 distance)
{
	struct daxfs_map_change *change = change_begin(tx, inode);
	u64 from = *gap + distance;
	struct daxfs_path path;
	unsigned int at;
	int err;

	if (IS_ERR(change))
		return change;
	for (;;) {
		err = find_path(change, from, &path);
		if (err)
			return change_end(change, err);
		at = path.at + 1;
		if (path.at >= 0 && path.extent.file_block == from)
			at--;
		if (at < path.count || path.high == DAXFS_END_OF_KEYS)
			break;
		from = path.high;
	}
	if (at == path.count) {
		*gap = DAXFS_END_OF_KEYS;
		return change_end(change, 0);
	}
	/* In front of the hole there is nothing to move: a leaf that begins behind its start lies wholly behind it. */
	err = path.low > *gap && at ? -ESTALE : 0;
	if (!err)
		err = move_extents(change, &path, at, *gap + distance, path.high, -(s64)distance, &from);
	if (!err && path.low > *gap)
		err = set_low_key(change, &path, max(path.low, *gap + distance) - distance);
	*gap = path.high == DAXFS_END_OF_KEYS ? DAXFS_END_OF_KEYS : from;
	return change_end(change, not_a_hole(inode, err, from, distance));
}

struct daxfs_map_change *daxfs_map_prepare_shift_up(struct daxfs_tx *tx, struct inode *inode, u64 first, u64 *gap,
						    u64 distance)
{
	struct daxfs_map_change *change = change_begin(tx, inode);
	struct daxfs_path path;
	unsigned int at = 0;
	u64 end;
	int err;

	if (IS_ERR(change))
		return change;
	err = find_path(change, *gap - 1, &path);
	if (!err && path.low < first) {
		/* The leaf that `first` lies in: what is before it stays. */
		err = find_path(change, first, &path);
		at = path.at + 1;
		if (!err && path.at >= 0 && path.extent.file_block == first)
			at--;
	}
	if (!err && at < path.count)
		err = move_extents(change, &path, at, max(first, path.low), *gap, distance, &end);
	if (!err && path.low && path.low >= first)
		err = set_low_key(change, &path, path.low + distance);
	*gap = max(first, path.low);
	return change_end(change, not_a_hole(inode, err, *gap, distance));
}

/* All that `to` covers lies in this leaf, in extents without holes between them: they give way to `to`. */
static int move_in_leaf(struct daxfs_map_change *change, const struct daxfs_path *path,
			const struct daxfs_extent_view *to)
{
	struct daxfs_extent_view view, part, pieces[DAXFS_MAX_PIECES];
	struct daxfs_extent_view left = { .count = 0 }, right = { .count = 0 };
	u64 end = to->file_block + to->count, low = end;
	unsigned int count = 0, drop;
	int at, err;

	for (at = path->at; low > to->file_block; at--) {
		if (at < 0)
			return -EAGAIN;
		err = daxfs_path_extent(change->inode, path, at, &view);
		if (err)
			return err;
		part = part_before(&view, end);
		part = part_from(&part, to->file_block);
		if (view.state != to->state || !part.count || part.file_block + part.count != low)
			return -EAGAIN;
		low = part.file_block;
		if (free_part(change, &part) > low)
			return -EAGAIN;
		if (at == path->at)
			right = part_from(&view, end);
		left = part_before(&view, to->file_block);
	}
	at++;
	drop = path->at + 1 - at;
	if (!left.count && at > 0) {
		err = daxfs_path_extent(change->inode, path, at - 1, &view);
		if (err)
			return err;
		if (continues(&view, to)) {
			left = view;
			at--;
			drop++;
		}
	}
	if (!right.count && at + drop < path->count) {
		err = daxfs_path_extent(change->inode, path, at + drop, &view);
		if (err)
			return err;
		if (continues(to, &view)) {
			right = view;
			drop++;
		}
	}
	change->blocks += to->count;
	add_piece(pieces, &count, &left);
	add_piece(pieces, &count, to);
	add_piece(pieces, &count, &right);
	return replace_by_pieces(change, path, at, drop, pieces, count);
}

struct daxfs_map_change *daxfs_map_prepare_move(struct daxfs_tx *tx, struct inode *inode, u64 file_block,
						u64 disk_block, u32 count)
{
	const struct daxfs_extent_view to = {
		.file_block = file_block, .disk_block = disk_block, .count = count, .state = DAXFS_EXTENT_WRITTEN,
	};
	struct daxfs_map_change *change = change_begin(tx, inode);
	struct daxfs_path path;
	int err;

	if (IS_ERR(change))
		return change;
	err = find_path(change, file_block + count - 1, &path);
	if (!err)
		err = file_block < path.low ? -EAGAIN : move_in_leaf(change, &path, &to);
	return change_end(change, err);
}

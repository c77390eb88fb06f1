// SPDX-License-Identifier: GPL-2.0
/*
 * Changing a file's extents: one step is one leaf's worth of change, in the caller's transaction.
 *
 * prepare works on copies in DRAM, of the fork and of the nodes that change (tree_change.c), so the undo log gets just the
 * bytes that differ, and apply is plain copying that cannot fail. A leaf that overflows keeps its lower part in place and
 * hands the upper part to a new node.
 * The caller holds the inode lock exclusive until the commit.
 */
#include <linux/slab.h>

#include "claim.h"
#include "daxfs.h"
#include "error.h"
#include "extent_tree.h"
#include "journal.h"
#include "map.h"
#include "tree_change.h"

/* A leaf's extents change from one run to at most this many: what is left on both sides, and the new one. */
#define DAXFS_MAX_PIECES	3

static struct daxfs_extent *leaf_extents(const struct daxfs_tree_node *leaf)
{
	return (void *)(leaf->copy + 1);
}

static void touch(struct daxfs_tree_node *leaf, unsigned int from, unsigned int to)
{
	daxfs_tree_dirty(leaf, sizeof(struct daxfs_node_header) + from * sizeof(struct daxfs_extent),
			 sizeof(struct daxfs_node_header) + to * sizeof(struct daxfs_extent));
}

/* Among `count` extents `drop` of them, at `at`, give way to `add`. */
static void splice(struct daxfs_extent *extents, unsigned int count, unsigned int at, unsigned int drop,
		   const struct daxfs_extent *add, unsigned int add_count)
{
	memmove(&extents[at + add_count], &extents[at + drop], (count - at - drop) * sizeof(*extents));
	memcpy(&extents[at], add, add_count * sizeof(*extents));
}

/* Extents that do not fit the fork any more become the first leaf of a tree. */
static int fork_to_leaf(struct daxfs_tree_change *change, const struct daxfs_extent *extents, unsigned int count)
{
	struct daxfs_tree_node *leaf = daxfs_tree_new_node(change, 0, 0);

	if (IS_ERR(leaf))
		return PTR_ERR(leaf);
	memcpy(leaf_extents(leaf), extents, count * sizeof(*extents));
	leaf->copy->count = cpu_to_le16(count);
	daxfs_tree_first_leaf(change, leaf);
	return 0;
}

static int replace_in_fork(struct daxfs_tree_change *change, unsigned int at, unsigned int drop,
			   const struct daxfs_extent *add, unsigned int add_count)
{
	struct daxfs_extent all[DAXFS_FORK_EXTENTS + DAXFS_MAX_PIECES];
	unsigned int count = change->fork_count, total = count - drop + add_count;

	change->fork_changed = true;
	change->format = DAXFS_FORMAT_EXTENTS;
	if (total > DAXFS_FORK_EXTENTS) {
		memcpy(all, change->fork.extents, count * sizeof(*all));
		splice(all, count, at, drop, add, add_count);
		return fork_to_leaf(change, all, total);
	}
	splice(change->fork.extents, count, at, drop, add, add_count);
	change->fork_count = total;
	return 0;
}

/* Where to cut: growth at the end leaves the full leaf as it is, so that a file written in order has full leaves. */
static unsigned int split_point(unsigned int old_count, unsigned int at, unsigned int drop, unsigned int total)
{
	return at + drop == old_count ? min(total - 1, old_count) : total / 2;
}

/* The leaf has no room for that: what is from the split point on moves to a new one. */
static int replace_and_split(struct daxfs_tree_change *change, const struct daxfs_path *path,
			     struct daxfs_tree_node *left, unsigned int at, unsigned int drop,
			     const struct daxfs_extent *add, unsigned int add_count)
{
	unsigned int count = daxfs_node_count(left), total = count - drop + add_count;
	unsigned int kept = split_point(count, at, drop, total);
	struct daxfs_extent *all = kmalloc_array(total, sizeof(*all), GFP_NOFS);
	struct daxfs_tree_node *right;
	int err;

	if (!all)
		return -ENOMEM;
	memcpy(all, leaf_extents(left), count * sizeof(*all));
	splice(all, count, at, drop, add, add_count);
	right = daxfs_tree_new_node(change, 0, le64_to_cpu(all[kept].file_block));
	err = PTR_ERR_OR_ZERO(right);
	if (!err) {
		memcpy(leaf_extents(right), &all[kept], (total - kept) * sizeof(*all));
		right->copy->count = cpu_to_le16(total - kept);
		memcpy(leaf_extents(left), all, kept * sizeof(*all));
		left->copy->count = cpu_to_le16(kept);
		touch(left, min(at, kept), kept);
		err = daxfs_tree_link(change, &path->tree, right);
	}
	kfree(all);
	return err;
}

/* In the leaf of `path`, `drop` extents at `at` give way to `add`. */
static int replace_extents(struct daxfs_tree_change *change, const struct daxfs_path *path, unsigned int at,
			   unsigned int drop, const struct daxfs_extent *add, unsigned int add_count)
{
	unsigned int count = path->tree.step[0].count, total = count - drop + add_count;
	struct daxfs_tree_node *leaf;

	if (!path->tree.height)
		return replace_in_fork(change, at, drop, add, add_count);
	if (!total)
		return daxfs_tree_remove_leaf(change, &path->tree);
	leaf = daxfs_tree_edit(change, &path->tree, 0);
	if (IS_ERR(leaf))
		return PTR_ERR(leaf);
	if (total > DAXFS_NODE_EXTENTS)
		return replace_and_split(change, path, leaf, at, drop, add, add_count);
	splice(leaf_extents(leaf), count, at, drop, add, add_count);
	leaf->copy->count = cpu_to_le16(total);
	touch(leaf, at, drop == add_count ? at + drop : total);
	if (total < count)
		daxfs_tree_shrink(change);
	return 0;
}

static struct daxfs_tree_change *change_begin(struct daxfs_tx *tx, struct inode *inode)
{
	struct daxfs_tree_change *change = daxfs_tx_buffer(tx);

	BUILD_BUG_ON(sizeof(*change) > DAXFS_BLOCK_SIZE);
	if (!change)
		return ERR_PTR(-ENOMEM);
	daxfs_tree_begin(change, &daxfs_extent_tree, tx, inode);
	return change;
}

/* What path says of the fork was checked, and is what the change works on; and all of it may be changed. */
static int check_path(const struct daxfs_tree_change *change, const struct daxfs_path *path)
{
	const struct daxfs_tree_step *fork = &path->tree.step[path->tree.height];

	if (change->height != path->tree.height || change->fork_count != fork->count)
		return daxfs_tree_changed(change, fork->block);
	return daxfs_path_may_change(change->inode, path);
}

static int find_path(const struct daxfs_tree_change *change, u64 file_block, struct daxfs_path *path)
{
	int err = daxfs_path_find(change->inode, file_block, path);

	return err ? err : check_path(change, path);
}

static struct daxfs_tree_change *change_end(struct daxfs_tree_change *change, int err)
{
	err = err ?: daxfs_tree_finish(change);
	return err ? ERR_PTR(err) : change;
}

void daxfs_map_apply(struct daxfs_tree_change *change)
{
	struct daxfs_inode_info *info = DAXFS_I(change->inode);

	if (change->lengthens) {
		info->raw->fork.extents[change->longer].length = cpu_to_le32(change->length);
		info->blocks += change->blocks;
	} else {
		daxfs_tree_store(change);
	}
	WRITE_ONCE(info->map_sequence, info->map_sequence + 1);
	info->vfs_inode.i_blocks = info->blocks << (DAXFS_BLOCK_SHIFT - 9);
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
static int replace_by_pieces(struct daxfs_tree_change *change, const struct daxfs_path *path, unsigned int at,
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
static int set_in_leaf(struct daxfs_tree_change *change, const struct daxfs_path *path,
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
	if (at + drop < path->tree.step[0].count) {
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

/* `set` lies in the hole behind the last extent of a leaf, and continues it. It becomes longer. */
static int grow_last_extent(struct daxfs_tree_change *change, const struct daxfs_path *path, u32 by)
{
	struct daxfs_tree_node *leaf = daxfs_tree_edit(change, &path->tree, 0);

	if (IS_ERR(leaf))
		return PTR_ERR(leaf);
	touch(leaf, path->at, path->at + 1);
	leaf_extents(leaf)[path->at].length = cpu_to_le32(path->extent.count + by);
	change->blocks += by;
	return 0;
}

static int set_extent(struct daxfs_tree_change *change, const struct daxfs_path *path,
		      const struct daxfs_extent_view *set)
{
	if (!set->count || set->count > path->tree.step[0].high - path->tree.key)
		return -ESTALE;
	if (path->tree.height && path->extent.count && path->at + 1 == path->tree.step[0].count &&
	    continues(&path->extent, set))
		return grow_last_extent(change, path, set->count);
	return set_in_leaf(change, path, set);
}

/* `set` lies in the hole behind the last extent of the fork, and continues it. */
static bool lengthens_fork(const struct daxfs_path *path, const struct daxfs_extent_view *set)
{
	return !path->tree.height && path->extent.count && path->at + 1 == path->tree.step[0].count && set->count &&
	       continues(&path->extent, set);
}

/* Most appends: one word of the fork. Nothing is copied for that. */
static struct daxfs_tree_change *lengthen(struct daxfs_tx *tx, struct inode *inode, const struct daxfs_path *path,
					  const struct daxfs_extent_view *set)
{
	u32 at = offsetof(struct daxfs_inode, fork.extents) + path->at * sizeof(struct daxfs_extent) +
		 offsetof(struct daxfs_extent, length);
	struct daxfs_tree_change *change = daxfs_tx_buffer(tx);
	int err = daxfs_path_may_change(inode, path);

	BUILD_BUG_ON(offsetof(struct daxfs_inode, fork.extents) % 8 || offsetof(struct daxfs_extent, length) % 8 ||
		     sizeof(struct daxfs_extent) % 8);
	if (!change || err)
		return ERR_PTR(err ?: -ENOMEM);
	change->inode = inode;
	change->blocks = set->count;
	change->lengthens = true;
	change->longer = path->at;
	change->length = path->extent.count + set->count;
	daxfs_tx_add_rest(tx, inode, at, at + 8);
	return change;
}

struct daxfs_tree_change *daxfs_map_prepare_set(struct daxfs_tx *tx, struct inode *inode, const struct daxfs_path *path,
						struct daxfs_run run, enum daxfs_extent_state state, bool sparing)
{
	struct daxfs_extent_view set = {
		.file_block = path->tree.key, .disk_block = run.block, .count = run.count, .state = state,
	};
	struct daxfs_tree_change *change;
	int err;

	if (lengthens_fork(path, &set))
		return lengthen(tx, inode, path, &set);
	change = change_begin(tx, inode);
	if (IS_ERR(change))
		return change;
	change->sparing = sparing;
	err = check_path(change, path);
	if (!err)
		err = set_extent(change, path, &set);
	/* The range is not what the caller looked up under the same lock: extents overlap. */
	if (err == -ESTALE)
		err = daxfs_corrupt(inode->i_sb, inode->i_ino, run.block, "extents overlap at file block %llu", path->tree.key);
	return change_end(change, err);
}

/* What nodes lead to is asked once more. */
static int may_free(struct daxfs_tree_change *change, const struct daxfs_path *path, const struct daxfs_extent_view *part)
{
	return path->tree.height ? daxfs_ask_again(change->inode, part->disk_block, part->count) : 0;
}

/* Frees blocks of `part` from its end backwards, in runs, while the transaction has room. Returns where it stopped. */
static u64 free_part(struct daxfs_tree_change *change, const struct daxfs_extent_view *part)
{
	u64 left = part->count;

	daxfs_tx_data_goes(change->tx, change->inode);
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
static int remove_in_leaf(struct daxfs_tree_change *change, const struct daxfs_path *path, u64 first, u64 end,
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
		err = may_free(change, path, &part);
		if (err)
			return err;
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
		low = max(first, path->tree.step[0].low);
	*removed_from = low;
	if (lowest > path->at)
		return low == end ? -ENOSPC : 0;
	add_piece(pieces, &count, &left);
	add_piece(pieces, &count, &right);
	return replace_by_pieces(change, path, lowest, path->at + 1 - lowest, pieces, count);
}

struct daxfs_tree_change *daxfs_map_prepare_remove(struct daxfs_tx *tx, struct inode *inode, u64 file_block, u64 count,
						   u64 *removed_from)
{
	struct daxfs_tree_change *change = change_begin(tx, inode);
	u64 end = file_block + count;
	struct daxfs_path path;
	int err;

	if (IS_ERR(change))
		return change;
	*removed_from = end;
	for (;;) {
		err = find_path(change, *removed_from - 1, &path);
		if (err || path.at >= 0 || path.tree.step[0].low <= file_block)
			break;
		/* Nothing in this leaf: the one before it. */
		*removed_from = path.tree.step[0].low;
	}
	end = *removed_from;
	if (!err && path.at < 0)
		*removed_from = file_block;
	else if (!err)
		err = remove_in_leaf(change, &path, file_block, end, removed_from);
	return change_end(change, err);
}

struct daxfs_tree_change *daxfs_map_prepare_split(struct daxfs_tx *tx, struct inode *inode, u64 file_block)
{
	struct daxfs_tree_change *change = change_begin(tx, inode);
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

/*
 * The extents from number `at` on of the leaf that `path` ends at move by `distance` blocks. Where the first of them
 * now continues the one before it they become one, as others among them that could have been one.
 * No extent that moves lies outside [from, end). *moved_end: where the last of them ends now.
 */
static int move_extents(struct daxfs_tree_change *change, const struct daxfs_path *path, unsigned int at, u64 from,
			u64 end, s64 distance, u64 *moved_end)
{
	struct daxfs_tree_node *leaf = path->tree.height ? daxfs_tree_edit(change, &path->tree, 0) : NULL;
	struct daxfs_extent_view last = { .count = 0 }, view;
	struct daxfs_extent *out;
	unsigned int first = at, count = at, i;
	int err;

	if (IS_ERR(leaf))
		return PTR_ERR(leaf);
	out = leaf ? leaf_extents(leaf) : change->fork.extents;
	if (at) {
		err = daxfs_path_extent(change->inode, path, at - 1, &last);
		if (err)
			return err;
		count--;
	}
	for (i = at; i < path->tree.step[0].count; i++) {
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
		leaf->copy->count = cpu_to_le16(count);
		touch(leaf, first, count);
		return 0;
	}
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

struct daxfs_tree_change *daxfs_map_prepare_shift_down(struct daxfs_tx *tx, struct inode *inode, u64 *gap, u64 distance)
{
	struct daxfs_tree_change *change = change_begin(tx, inode);
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
		if (at < path.tree.step[0].count || path.tree.step[0].high == DAXFS_END_OF_KEYS)
			break;
		from = path.tree.step[0].high;
	}
	if (at == path.tree.step[0].count) {
		*gap = DAXFS_END_OF_KEYS;
		return change_end(change, 0);
	}
	/* In front of the hole there is nothing to move: a leaf that begins behind its start lies wholly behind it. */
	err = path.tree.step[0].low > *gap && at ? -ESTALE : 0;
	if (!err)
		err = move_extents(change, &path, at, *gap + distance, path.tree.step[0].high, -(s64)distance, &from);
	if (!err && path.tree.step[0].low > *gap)
		err = daxfs_tree_set_low_key(change, &path.tree, max(path.tree.step[0].low, *gap + distance) - distance);
	*gap = path.tree.step[0].high == DAXFS_END_OF_KEYS ? DAXFS_END_OF_KEYS : from;
	return change_end(change, not_a_hole(inode, err, from, distance));
}

struct daxfs_tree_change *daxfs_map_prepare_shift_up(struct daxfs_tx *tx, struct inode *inode, u64 first, u64 *gap,
						     u64 distance)
{
	struct daxfs_tree_change *change = change_begin(tx, inode);
	struct daxfs_path path;
	unsigned int at = 0;
	u64 end;
	int err;

	if (IS_ERR(change))
		return change;
	err = find_path(change, *gap - 1, &path);
	if (!err && path.tree.step[0].low < first) {
		/* The leaf that `first` lies in: what is before it stays. */
		err = find_path(change, first, &path);
		at = path.at + 1;
		if (!err && path.at >= 0 && path.extent.file_block == first)
			at--;
		else if (!err && path.at >= 0 && path.extent.file_block + path.extent.count > first)
			err = daxfs_corrupt(inode->i_sb, inode->i_ino, path.extent.disk_block,
					    "an extent lies across file block %llu, which was split there", first);
	}
	if (!err && at < path.tree.step[0].count)
		err = move_extents(change, &path, at, max(first, path.tree.step[0].low), *gap, distance, &end);
	if (!err && path.tree.step[0].low && path.tree.step[0].low >= first)
		err = daxfs_tree_set_low_key(change, &path.tree, path.tree.step[0].low + distance);
	*gap = max(first, path.tree.step[0].low);
	return change_end(change, not_a_hole(inode, err, *gap, distance));
}

/* All that `to` covers lies in this leaf, in extents without holes between them: they give way to `to`. */
static int move_in_leaf(struct daxfs_tree_change *change, const struct daxfs_path *path,
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
		err = may_free(change, path, &part);
		if (err)
			return err;
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
	if (!right.count && at + drop < path->tree.step[0].count) {
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

struct daxfs_tree_change *daxfs_map_prepare_move(struct daxfs_tx *tx, struct inode *inode, u64 file_block,
						 u64 disk_block, u32 count)
{
	const struct daxfs_extent_view to = {
		.file_block = file_block, .disk_block = disk_block, .count = count, .state = DAXFS_EXTENT_WRITTEN,
	};
	struct daxfs_tree_change *change = change_begin(tx, inode);
	struct daxfs_path path;
	int err;

	if (IS_ERR(change))
		return change;
	err = find_path(change, file_block + count - 1, &path);
	if (!err)
		err = file_block < path.tree.step[0].low ? -EAGAIN : move_in_leaf(change, &path, &to);
	return change_end(change, err);
}

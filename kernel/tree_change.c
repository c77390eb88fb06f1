// SPDX-License-Identifier: GPL-2.0
/*
 * Changing the nodes of a tree, in the caller's transaction: copies of what changes, new nodes, and the index levels. What
 * is in the leaves map.c and dir.c change.
 *
 * A copy's header is what was checked on the way to the node, not what the node says when it is copied: memory may
 * change, and its entries, which are as long as the header says, are all that may be wrong. Of a leaf of names most changes
 * touch a record or two: the rest is copied when somebody reads it (daxfs_tree_fill()).
 *
 * Splits keep the lower half in place and put the upper half into a new block, which is written where nothing reaches it
 * yet, and flushed: the transaction's second fence makes it durable before the commit word. An emptied leaf is freed, and
 * with it every node above that has no other child; the node that then comes first takes over its parent's low key, down
 * to its leaf. Levels and leaves that half of the fork has room for go too, so that growing again is not next: freed nodes
 * need no undo, and until the commit nobody gets their blocks. They need not go: damage that is met on the way is said, and
 * keeps nobody from what he changes.
 *
 * What one change logs is bounded: a leaf whole, an index node whole on at most one level for an addition and one for a
 * removal, on the other levels headers and half nodes; with DAXFS_MAX_TREE_HEIGHT levels that is below 24 KiB, and
 * DAXFS_MIN_JOURNAL_BLOCKS has room for two.
 */
#include "alloc.h"
#include "checksum.h"
#include "claim.h"
#include "daxfs.h"
#include "error.h"
#include "journal.h"
#include "persist.h"
#include "tree_change.h"

static struct daxfs_index_entry *node_entries(const struct daxfs_tree_node *node)
{
	return (void *)(node->copy + 1);
}

/* Bytes of a fork that are in use. */
static u32 fork_bytes(const struct daxfs_tree *tree, u8 height, unsigned int count)
{
	u32 bytes = count * (height ? sizeof(struct daxfs_index_entry) : tree->record_bytes);

	return min_t(u32, bytes, sizeof(union daxfs_fork));
}

void daxfs_tree_begin(struct daxfs_tree_change *change, const struct daxfs_tree *tree, struct daxfs_tx *tx,
		      struct inode *inode)
{
	const struct daxfs_inode *raw = DAXFS_I(inode)->raw;

	lockdep_assert_held_write(&DAXFS_I(inode)->lock);
	BUILD_BUG_ON(sizeof(struct daxfs_node_header) + DAXFS_NODE_EXTENTS * sizeof(struct daxfs_extent) > DAXFS_BLOCK_SIZE);
	BUILD_BUG_ON(sizeof(struct daxfs_node_header) + DAXFS_NODE_INDEX * sizeof(struct daxfs_index_entry) >
		     DAXFS_BLOCK_SIZE);
	change->tree = tree;
	change->tx = tx;
	change->inode = inode;
	change->blocks = 0;
	change->fork = raw->fork;
	change->fork_count = le16_to_cpu(READ_ONCE(raw->fork_count));
	change->format = READ_ONCE(raw->format);
	change->height = READ_ONCE(raw->tree_height);
	change->fork_bytes = fork_bytes(tree, change->height, change->fork_count);
	change->fork_changed = change->lengthens = change->sparing = false;
	change->node_count = 0;
}

static struct daxfs_tree_node *add_copy(struct daxfs_tree_change *change, u64 block)
{
	struct daxfs_tree_node *node = &change->nodes[change->node_count];

	if (WARN_ON_ONCE(change->node_count == DAXFS_TREE_CHANGE_NODES))
		return ERR_PTR(-EFBIG);
	node->copy = daxfs_tx_buffer(change->tx);
	if (!node->copy)
		return ERR_PTR(-ENOMEM);
	node->source = NULL;
	node->block = block;
	node->fresh = node->freed = node->doubt = false;
	node->dirty_count = 0;
	change->node_count++;
	return node;
}

static void set_header(const struct daxfs_tree_change *change, const struct daxfs_tree_node *node, unsigned int level,
		       u64 low, unsigned int count)
{
	*node->copy = (struct daxfs_node_header){
		.magic = cpu_to_le32(change->tree->magic),
		.owner = cpu_to_le64(change->inode->i_ino),
		.block = cpu_to_le64(node->block),
		.low_key = cpu_to_le64(low),
		.level = cpu_to_le16(level),
		.count = cpu_to_le16(count),
		.owner_generation = cpu_to_le32(change->inode->i_generation),
	};
}

/* The copy of a node that was entered, in pmem or as a copy. */
static struct daxfs_tree_node *edit(struct daxfs_tree_change *change, unsigned int level,
				    const struct daxfs_tree_step *step, bool doubt)
{
	struct daxfs_tree_node *node = daxfs_tree_copy(change, step->block);
	size_t entry = level ? sizeof(struct daxfs_index_entry) : change->tree->record_bytes;

	if (node) {
		if (le16_to_cpu(node->copy->level) != level || le64_to_cpu(node->copy->low_key) != step->low)
			return ERR_PTR(daxfs_tree_changed(change, step->block));
		daxfs_tree_fill(node);
		return node;
	}
	node = add_copy(change, step->block);
	if (IS_ERR(node))
		return node;
	if (entry)
		memcpy(node->copy + 1, step->entries, step->count * entry);
	else
		node->source = daxfs_step_node(step);
	set_header(change, node, level, step->low, step->count);
	node->doubt = doubt;
	return node;
}

struct daxfs_tree_node *daxfs_tree_edit(struct daxfs_tree_change *change, const struct daxfs_tree_path *path,
					unsigned int level)
{
	return edit(change, level, &path->step[level], !level && path->doubt);
}

void daxfs_tree_dirty(struct daxfs_tree_node *node, u32 from, u32 to)
{
	unsigned int i;

	if (from == to)
		return;
	for (i = 0; i < node->dirty_count; i++)
		if (from <= node->dirty[i].to && to >= node->dirty[i].from)
			break;
	if (i == DAXFS_TREE_DIRTY_RANGES) {
		/* What is between the two becomes dirty too. */
		daxfs_tree_fill(node);
		i--;
	}
	if (i == node->dirty_count) {
		node->dirty[i].from = from;
		node->dirty[i].to = to;
		node->dirty_count++;
	} else {
		node->dirty[i].from = min_t(u32, node->dirty[i].from, from);
		node->dirty[i].to = max_t(u32, node->dirty[i].to, to);
	}
}

static void dirty_entries(struct daxfs_tree_node *node, unsigned int from, unsigned int to)
{
	daxfs_tree_dirty(node, sizeof(struct daxfs_node_header) + from * sizeof(struct daxfs_index_entry),
			 sizeof(struct daxfs_node_header) + to * sizeof(struct daxfs_index_entry));
}

struct daxfs_tree_node *daxfs_tree_new_node(struct daxfs_tree_change *change, unsigned int level, u64 low)
{
	struct inode *inode = change->inode;
	struct daxfs_alloc request = {
		.kind = DAXFS_ALLOC_META,
		.ino = inode->i_ino,
		.want = 1,
		.reserve_ok = change->tree->reserve_ok,
		.sparing = change->sparing,
	};
	struct daxfs_tree_node *node = add_copy(change, 0);
	struct daxfs_run run;
	int err;

	if (IS_ERR(node))
		return node;
	if (change->tree->clustered)
		request.goal = change->height ? le64_to_cpu(change->fork.index[0].block) :
						inode->i_ino / DAXFS_INODES_PER_BLOCK;
	err = daxfs_reserve(inode->i_sb, &request, &run);
	if (err) {
		change->node_count--;
		return ERR_PTR(err);
	}
	daxfs_tx_alloc(change->tx, run);
	change->blocks++;
	node->block = run.block;
	node->fresh = true;
	memset(node->copy, 0, DAXFS_BLOCK_SIZE);
	set_header(change, node, level, low, 0);
	return node;
}

static void free_node(struct daxfs_tree_change *change, u64 block)
{
	struct daxfs_tree_node *copy = daxfs_tree_copy(change, block);
	struct daxfs_run run = { .block = block, .count = 1 };

	if (copy)
		copy->freed = true;
	daxfs_tx_free(change->tx, run);
	daxfs_forget_node(change->inode, block);
	change->blocks--;
}

void daxfs_tree_first_leaf(struct daxfs_tree_change *change, const struct daxfs_tree_node *leaf)
{
	change->fork.index[0].key = 0;
	change->fork.index[0].block = cpu_to_le64(leaf->block);
	change->fork_count = 1;
	change->fork_changed = true;
	change->height = 1;
	change->format = change->tree->format;
}

static void insert_entry(struct daxfs_index_entry *entries, unsigned int count, unsigned int at, u64 key, u64 block)
{
	memmove(&entries[at + 1], &entries[at], (count - at) * sizeof(*entries));
	entries[at].key = cpu_to_le64(key);
	entries[at].block = cpu_to_le64(block);
}

static void insert_in_node(struct daxfs_tree_node *node, unsigned int at, u64 key, u64 block)
{
	unsigned int count = daxfs_node_count(node);

	insert_entry(node_entries(node), count, at, key, block);
	node->copy->count = cpu_to_le16(count + 1);
	dirty_entries(node, at, count + 1);
}

/* The fork is full: its children move into a node of their own, below a fork of one child. */
static struct daxfs_tree_node *grow(struct daxfs_tree_change *change)
{
	struct daxfs_tree_node *node;

	if (change->height == DAXFS_MAX_TREE_HEIGHT)
		return ERR_PTR(-ENOSPC);
	node = daxfs_tree_new_node(change, change->height, 0);
	if (IS_ERR(node))
		return node;
	memcpy(node_entries(node), change->fork.index, sizeof(change->fork.index));
	node->copy->count = cpu_to_le16(DAXFS_FORK_INDEX);
	change->fork.index[0].block = cpu_to_le64(node->block);
	change->fork_count = 1;
	change->height++;
	return node;
}

/*
 * A full index node gets an entry at `at`. Growth at the end leaves it as it is, so that what is written in order has full
 * nodes; else its upper half moves to the new one, which is returned.
 */
static struct daxfs_tree_node *split_index(struct daxfs_tree_change *change, struct daxfs_tree_node *left,
					   unsigned int at, u64 key, u64 block)
{
	struct daxfs_index_entry *entries = node_entries(left);
	const unsigned int kept = at == DAXFS_NODE_INDEX ? at : DAXFS_NODE_INDEX / 2, moved = DAXFS_NODE_INDEX - kept;
	struct daxfs_tree_node *right;

	right = daxfs_tree_new_node(change, le16_to_cpu(left->copy->level), moved ? le64_to_cpu(entries[kept].key) : key);
	if (IS_ERR(right))
		return right;
	memcpy(node_entries(right), &entries[kept], moved * sizeof(*entries));
	right->copy->count = cpu_to_le16(moved);
	left->copy->count = cpu_to_le16(kept);
	if (at <= kept && moved)
		insert_in_node(left, at, key, block);
	else
		insert_in_node(right, at - kept, key, block);
	return right;
}

int daxfs_tree_link(struct daxfs_tree_change *change, const struct daxfs_tree_path *path,
		    const struct daxfs_tree_node *right)
{
	unsigned int level = le16_to_cpu(right->copy->level) + 1, at = path->step[path->height].index + 1;
	struct daxfs_tree_node *node;
	u64 key, block;

	for (; level < path->height; level++) {
		const struct daxfs_tree_step *step = &path->step[level];

		key = le64_to_cpu(right->copy->low_key);
		node = daxfs_tree_edit(change, path, level);
		if (IS_ERR(node))
			return PTR_ERR(node);
		if (step->count < DAXFS_NODE_INDEX) {
			insert_in_node(node, step->index + 1, key, right->block);
			return 0;
		}
		right = split_index(change, node, step->index + 1, key, right->block);
		if (IS_ERR(right))
			return PTR_ERR(right);
	}
	key = le64_to_cpu(right->copy->low_key);
	block = right->block;
	change->fork_changed = true;
	if (change->fork_count < DAXFS_FORK_INDEX) {
		insert_entry(change->fork.index, change->fork_count++, at, key, block);
		return 0;
	}
	node = grow(change);
	if (IS_ERR(node))
		return PTR_ERR(node);
	insert_in_node(node, at, key, block);
	return 0;
}

/* The subtree of `step`, a node of `level`, inherits keys to its left: it and its first children down to the leaf. */
static int move_low_key(struct daxfs_tree_change *change, unsigned int level, struct daxfs_tree_step *step, u64 low)
{
	for (;; level--) {
		const struct daxfs_index_entry *child;
		struct daxfs_tree_node *node;
		bool doubt = false;
		int err = daxfs_tree_enter(change->tree, change->inode, change, level, step, &doubt);

		if (err)
			return err;
		node = edit(change, level, step, doubt);
		if (IS_ERR(node))
			return PTR_ERR(node);
		node->copy->low_key = cpu_to_le64(low);
		if (!level)
			return 0;
		child = node_entries(node);
		step->block = le64_to_cpu(child->block);
		if (step->count > 1)
			step->high = min(step->high, le64_to_cpu(child[1].key));
		node_entries(node)->key = cpu_to_le64(low);
		dirty_entries(node, 0, 1);
	}
}

int daxfs_tree_set_low_key(struct daxfs_tree_change *change, const struct daxfs_tree_path *path, u64 low)
{
	unsigned int level;

	for (level = 0; level < path->height; level++) {
		unsigned int index = path->step[level].index;
		struct daxfs_tree_node *node = daxfs_tree_edit(change, path, level);

		if (IS_ERR(node))
			return PTR_ERR(node);
		if (level) {
			node_entries(node)[index].key = cpu_to_le64(low);
			dirty_entries(node, index, index + 1);
			if (index)
				return 0;
		}
		node->copy->low_key = cpu_to_le64(low);
	}
	change->fork.index[path->step[level].index].key = cpu_to_le64(low);
	change->fork_changed = true;
	return 0;
}

/* Index levels that the fork has room for go away. A node that cannot be believed stays where it is. */
static void lower(struct daxfs_tree_change *change)
{
	while (change->height > 1 && change->fork_count == 1) {
		struct daxfs_tree_step step = {
			.block = le64_to_cpu(change->fork.index[0].block), .high = change->tree->end,
		};
		bool doubt;

		if (daxfs_tree_enter(change->tree, change->inode, change, change->height - 1, &step, &doubt) ||
		    step.count > DAXFS_FORK_INDEX / 2)
			return;
		memcpy(change->fork.index, step.entries, step.count * sizeof(change->fork.index[0]));
		change->fork_count = step.count;
		change->fork_changed = true;
		change->height--;
		free_node(change, step.block);
	}
}

/* So do leaves whose records it has room for. What is damaged, or in doubt, stays where it is. */
static void gather(struct daxfs_tree_change *change)
{
	const struct daxfs_tree *tree = change->tree;
	const struct daxfs_index_entry *child = change->fork.index;
	unsigned int children = change->fork_count, count = 0, i;
	union daxfs_fork fork = {};

	if (change->height != 1 || children > tree->flat_count / 2)
		return;
	for (i = 0; i < children; i++) {
		struct daxfs_tree_step step = {
			.block = le64_to_cpu(child[i].block), .low = le64_to_cpu(child[i].key),
			.high = i + 1 < children ? le64_to_cpu(child[i + 1].key) : tree->end,
		};
		bool doubt = false;

		if (daxfs_tree_enter(tree, change->inode, change, 0, &step, &doubt) || doubt ||
		    count + step.count > tree->flat_count / 2)
			return;
		memcpy((void *)&fork + count * tree->record_bytes, step.entries, step.count * tree->record_bytes);
		count += step.count;
	}
	for (i = 0; i < children; i++)
		free_node(change, le64_to_cpu(child[i].block));
	change->fork = fork;
	change->fork_count = count;
	change->fork_changed = true;
	change->height = 0;
	change->format = tree->flat_format;
}

void daxfs_tree_shrink(struct daxfs_tree_change *change)
{
	lower(change);
	gather(change);
}

int daxfs_tree_remove_leaf(struct daxfs_tree_change *change, const struct daxfs_tree_path *path)
{
	const struct daxfs_tree_step *step = path->step;
	struct daxfs_index_entry *entries = change->fork.index;
	struct daxfs_tree_step first;
	unsigned int level = 0, count;
	struct daxfs_tree_node *node;
	u64 low;
	int err;

	do {
		free_node(change, step->block);
		step++;
	} while (++level < path->height && step->count == 1);
	count = step->count - 1;
	if (level < path->height) {
		node = daxfs_tree_edit(change, path, level);
		if (IS_ERR(node))
			return PTR_ERR(node);
		entries = node_entries(node);
		node->copy->count = cpu_to_le16(count);
		dirty_entries(node, step->index, count);
	} else {
		change->fork_changed = true;
		change->fork_count = count;
	}
	memmove(&entries[step->index], &entries[step->index + 1], (count - step->index) * sizeof(*entries));
	if (!count) {
		change->height = 0;
		change->format = change->tree->flat_format;
		return 0;
	}
	if (!step->index) {
		low = le64_to_cpu(entries->key);
		first = (struct daxfs_tree_step){
			.block = le64_to_cpu(entries->block), .low = low,
			.high = count > 1 ? le64_to_cpu(entries[1].key) : step->high,
		};
		entries->key = cpu_to_le64(step->low);
		err = move_low_key(change, level - 1, &first, step->low);
		if (err)
			return err;
	}
	daxfs_tree_shrink(change);
	return 0;
}

int daxfs_tree_finish(struct daxfs_tree_change *change)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(change->inode->i_sb);
	unsigned int i, j;
	u32 used;

	/* Counts come from the device. */
	if (change->blocks < 0 && DAXFS_I(change->inode)->blocks < (u64)-change->blocks)
		return daxfs_corrupt(change->inode->i_sb, change->inode->i_ino,
				     change->inode->i_ino / DAXFS_INODES_PER_BLOCK, "fewer blocks than what is freed of it");
	for (i = 0; i < change->node_count; i++) {
		struct daxfs_tree_node *node = &change->nodes[i];
		void *block;

		if (node->freed)
			continue;
		daxfs_seal_node(sbi, node->copy);
		if (node->fresh) {
			block = daxfs_block(sbi, node->block);
			memcpy(block, node->copy, DAXFS_BLOCK_SIZE);
			daxfs_flush(sbi, block, DAXFS_BLOCK_SIZE);
			continue;
		}
		daxfs_tx_add(change->tx, node->block, 0, sizeof(struct daxfs_node_header));
		for (j = 0; j < node->dirty_count; j++)
			daxfs_tx_add(change->tx, node->block, node->dirty[j].from, node->dirty[j].to - node->dirty[j].from);
	}
	if (!change->fork_changed)
		return 0;
	used = fork_bytes(change->tree, change->height, change->fork_count);
	if (used < change->fork_bytes)
		memset((void *)&change->fork + used, 0, change->fork_bytes - used);
	else
		change->fork_bytes = used;
	daxfs_tx_add_fork(change->tx, change->inode, &change->fork, change->fork_bytes);
	return 0;
}

/* Logged ranges: the commit flushes them, and its second fence makes them durable. The caller seals the fork's inode. */
void daxfs_tree_store(struct daxfs_tree_change *change)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(change->inode->i_sb);
	struct daxfs_inode_info *info = DAXFS_I(change->inode);
	unsigned int i, j;

	for (i = 0; i < change->node_count; i++) {
		const struct daxfs_tree_node *node = &change->nodes[i];
		void *to = daxfs_block(sbi, node->block);

		if (node->fresh && !node->doubt && !node->freed)
			daxfs_know_node(change->inode, node->block);
		if (node->fresh || node->freed)
			continue;
		memcpy(to, node->copy, sizeof(struct daxfs_node_header));
		for (j = 0; j < node->dirty_count; j++)
			memcpy(to + node->dirty[j].from, (const void *)node->copy + node->dirty[j].from,
			       node->dirty[j].to - node->dirty[j].from);
	}
	if (change->fork_changed) {
		info->raw->format = change->format;
		info->raw->tree_height = change->height;
		info->raw->fork_count = cpu_to_le16(change->fork_count);
		memcpy(&info->raw->fork, &change->fork, change->fork_bytes);
	}
	info->blocks += change->blocks;
}

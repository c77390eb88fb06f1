// SPDX-License-Identifier: GPL-2.0
/*
 * The way down a tree of extents or names, and whether its nodes can be believed.
 *
 * Nothing here trusts the device. Every node is held, on each use, against what leads to it (magic, owner, own address,
 * level, low key, count), and each step narrows the range of keys: so a walk takes at most DAXFS_MAX_TREE_HEIGHT steps on
 * any image, and a node of another inode, or of an older tree, is not entered. What steers us is loaded once, with that
 * check: the device's bytes may change between two loads, by a stray store or by DMA.
 *
 * The rest is asked once in a mount, where a node is met first: whether a node may lie there and the maps say so
 * (claim.c), its checksum, and its records. Then it is believed, as other filesystems believe what they have in a cache,
 * for only we change it, under the lock of its inode. The price: bytes that somebody else turns in a node that was
 * believed (a stray store of the kernel, a device without ECC) are not noticed by their checksum before the next mount or
 * fsck.daxfs. Until then they are as bad as such a store into any cache: a file's block or a name may be another one's,
 * or lost, but no walk leaves the tree, no extent leaves the blocks that files may have, and a block that was checked
 * for one kind of node is not taken for another.
 */
#include "checksum.h"
#include "claim.h"
#include "daxfs.h"
#include "error.h"
#include "points.h"
#include "tree.h"

int daxfs_tree_refuse_fork(const struct daxfs_tree *tree, struct inode *inode, const struct daxfs_tree_path *path,
			   unsigned int count)
{
	return daxfs_corrupt(inode->i_sb, inode->i_ino, inode->i_ino / DAXFS_INODES_PER_BLOCK,
			     "inode: %s of height %u with %u entries in the fork", tree->name, path->height, count);
}

static int refuse_node(const struct daxfs_tree *tree, struct inode *inode, unsigned int level,
		       const struct daxfs_tree_step *step, const char *why)
{
	return daxfs_corrupt(inode->i_sb, inode->i_ino, step->block, "node of %s, level %u, first key %llu: %s", tree->name,
			     level, step->low, why);
}

/* What is wrong with a node, in words for the log; NULL: nothing. */
static __always_inline const char *node_damage(const struct daxfs_tree *tree, const struct inode *inode,
					       unsigned int level, const struct daxfs_node_header *node,
					       struct daxfs_tree_step *step)
{
	step->entries = node + 1;
	step->count = le16_to_cpu(READ_ONCE(node->count));
	if (le32_to_cpu(node->magic) != tree->magic)
		return "magic";
	if (le64_to_cpu(node->owner) != inode->i_ino)
		return "owner";
	if (le64_to_cpu(node->block) != step->block)
		return "address";
	if (le16_to_cpu(node->level) != level)
		return "level";
	if (le64_to_cpu(node->low_key) != step->low)
		return "low key";
	if (level ? !step->count || step->count > DAXFS_NODE_INDEX :
		    step->count < tree->leaf_min || step->count > tree->leaf_max)
		return "count";
	return NULL;
}

static const char *first_damage(const struct daxfs_tree *tree, const struct inode *inode, unsigned int level,
				struct daxfs_tree_step *step)
{
	const struct daxfs_node_header *node = daxfs_step_node(step);
	const char *damage = node_damage(tree, inode, level, node, step);

	if (damage)
		return damage;
	if (le32_to_cpu(node->owner_generation) != inode->i_generation)
		return "owner's generation";
	if (level && le64_to_cpu(((const struct daxfs_index_entry *)step->entries)->key) != step->low)
		return "first key";
	return daxfs_node_ok(DAXFS_SB(inode->i_sb), node) ? NULL : "checksum";
}

/* For the first time in this mount, or again as long as it was not believed. */
static noinline int meet(const struct daxfs_tree *tree, struct inode *inode, unsigned int level,
			 struct daxfs_tree_step *step, bool *doubt)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	struct daxfs_inode_info *info = DAXFS_I(inode);
	const char *damage;
	int err;

	if (!daxfs_file_blocks_valid(sbi, step->block, 1))
		return refuse_node(tree, inode, level, step, "place");
	daxfs_point(meet);
	err = daxfs_claim_node(inode, step->block);
	if (err)
		return err;
	step->entries = daxfs_block(sbi, step->block) + sizeof(struct daxfs_node_header);
	damage = first_damage(tree, inode, level, step);
	if (damage)
		return refuse_node(tree, inode, level, step, damage);
	err = level ? 0 : tree->verify_leaf(inode, step);
	if (!err)
		daxfs_know_node(inode, step->block);
	/* Whoever reads a leaf record by record is not to have it verified as often. */
	if (!err && !level && READ_ONCE(info->doubtful))
		WRITE_ONCE(info->doubtful_leaf, step->block);
	*doubt = err;
	return err == -EUCLEAN ? 0 : err;
}

int daxfs_tree_changed(const struct daxfs_tree_change *change, u64 block)
{
	return daxfs_corrupt(change->inode->i_sb, change->inode->i_ino, block, "%s: not a tree, or changes under us",
			     change->tree->name);
}

struct daxfs_tree_node *daxfs_tree_copy(struct daxfs_tree_change *change, u64 block)
{
	unsigned int i;

	for (i = 0; i < change->node_count; i++)
		if (change->nodes[i].block == block)
			return &change->nodes[i];
	return NULL;
}

void daxfs_tree_fill(struct daxfs_tree_node *node)
{
	u32 at = sizeof(*node->copy), from, to, i;

	for (; node->source && at < DAXFS_BLOCK_SIZE; at = to) {
		from = to = DAXFS_BLOCK_SIZE;
		for (i = 0; i < node->dirty_count; i++) {
			if (node->dirty[i].to <= at || node->dirty[i].from >= from)
				continue;
			from = max_t(u32, node->dirty[i].from, at);
			to = node->dirty[i].to;
		}
		memcpy((void *)node->copy + at, node->source + at, from - at);
	}
	node->source = NULL;
}

/* A copy is a node of this tree: what is left to ask is whether it is the one that its parent promises. */
static int enter_copy(const struct daxfs_tree_change *change, struct daxfs_tree_node *node, unsigned int level,
		      struct daxfs_tree_step *step, bool *doubt)
{
	if (node->freed || le16_to_cpu(node->copy->level) != level || le64_to_cpu(node->copy->low_key) != step->low)
		return daxfs_tree_changed(change, step->block);
	daxfs_tree_fill(node);
	step->entries = node->copy + 1;
	step->count = daxfs_node_count(node);
	*doubt = node->doubt;
	return 0;
}

static __always_inline int enter(const struct daxfs_tree *tree, struct inode *inode, struct daxfs_tree_change *change,
				 unsigned int level, struct daxfs_tree_step *step, bool *doubt)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	struct daxfs_tree_node *copy = change ? daxfs_tree_copy(change, step->block) : NULL;
	const char *damage;

	if (copy)
		return enter_copy(change, copy, level, step, doubt);
	if (unlikely(!daxfs_node_known(sbi, step->block) && READ_ONCE(DAXFS_I(inode)->doubtful_leaf) != step->block))
		return meet(tree, inode, level, step, doubt);
	damage = node_damage(tree, inode, level, daxfs_block(sbi, step->block), step);
	return likely(!damage) ? 0 : refuse_node(tree, inode, level, step, damage);
}

int daxfs_tree_enter(const struct daxfs_tree *tree, struct inode *inode, struct daxfs_tree_change *change,
		     unsigned int level, struct daxfs_tree_step *step, bool *doubt)
{
	return enter(tree, inode, change, level, step, doubt);
}

/* The last child whose key is at most `key`, or the first one. Ends whatever the order of the keys. */
static __always_inline unsigned int child_of(const struct daxfs_index_entry *entries, unsigned int count, u64 key)
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

int daxfs_tree_descend(const struct daxfs_tree *tree, struct inode *inode, struct daxfs_tree_change *change,
		       struct daxfs_tree_path *path)
{
	struct daxfs_tree_step *step = &path->step[path->height];
	unsigned int level = path->height;
	u64 key = path->key;

	while (level--) {
		const struct daxfs_index_entry *child = step->entries;
		u64 low, high = step->high;
		int err;

		step->index = child_of(child, step->count, key);
		child += step->index;
		low = le64_to_cpu(READ_ONCE(child->key));
		if (step->index + 1 < step->count)
			high = min(high, le64_to_cpu(READ_ONCE(child[1].key)));
		if (unlikely(low < step->low || low > key || key >= high))
			return refuse_node(tree, inode, level + 1, step, "order of keys");
		step--;
		step->block = le64_to_cpu(READ_ONCE(child->block));
		step->low = low;
		step->high = high;
		err = enter(tree, inode, change, level, step, &path->doubt);
		if (err)
			return err;
	}
	return 0;
}

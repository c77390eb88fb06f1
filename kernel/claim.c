// SPDX-License-Identifier: GPL-2.0
/*
 * Whether a file may own what it claims: blocks behind the fixed structures of one AG in use, which the AG's block bitmap
 * says are used and its inode map says hold no inodes. Whoever wrote to others, or freed them, would destroy metadata
 * that is in use, or data that the allocator gave to somebody else.
 *
 * The place of extents is looked at each time. The maps are once, where a claim is first believed: of an inode's own
 * extents in the inode's life, of a node (its place, and the extents in it) in the mount, with all else of it (tree.c).
 * What an image says twice can make a node some other file's data, which that file's owner may write: so blocks that a
 * node's extents lead to are asked for metadata once more before they are read, stored to in place, or freed.
 * What is claimed later the allocator gave, and it gives nothing that the bitmap has. A claim that the maps deny is damage.
 * Where the maps are damaged themselves the file can be read, so that its data can be copied off; daxfs_may_change()
 * refuses to change it.
 */
#include "ag.h"
#include "bits.h"
#include "claim.h"
#include "daxfs.h"
#include "device.h"
#include "error.h"
#include "media.h"

bool daxfs_file_blocks_valid(const struct daxfs_sb_info *sbi, u64 block, u64 count)
{
	/* Of a block in front of the first AG this is large. */
	u64 from_start = block - sbi->align_blocks, agno = from_start >> sbi->ag_shift;
	u32 ag_blocks = 1u << sbi->ag_shift, first = from_start & (ag_blocks - 1);

	/* The last AG may be shorter than the others. */
	return agno < sbi->initialised_ags && first >= daxfs_fixed_blocks(sbi, agno) && count - 1 < ag_blocks - first &&
	       block + count <= sbi->block_count;
}

/* Whether bits [first, end) of the AG's map that begins at map block `base` are all set, or all clear. */
static int bits_are(struct super_block *sb, u32 agno, u32 base, u32 first, u32 end, bool set)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	while (first < end) {
		u32 index = base + first / DAXFS_BITS_PER_MAP_BLOCK;
		u32 from = first % DAXFS_BITS_PER_MAP_BLOCK;
		u32 to = min(from + (end - first), DAXFS_BITS_PER_MAP_BLOCK);
		int err = daxfs_ag_verify_map(sb, daxfs_ag_start(sbi, agno) + DAXFS_AG_BITMAP_BLOCK + index);

		if (err)
			return err == -ENOMEM ? err : -ENODATA;
		if (daxfs_odd_word(daxfs_ag_map(sbi, agno, index), from, to, set) != DAXFS_NO_WORD)
			return -EUCLEAN;
		first += to - from;
	}
	return 0;
}

/* As who walks by way of it sees it: he does not ask its checksum again, which a store by the wrong owner has spoiled. */
static bool is_node(struct daxfs_sb_info *sbi, u64 block)
{
	const struct daxfs_node_header *node = daxfs_block(sbi, block);
	u32 magic = le32_to_cpu(READ_ONCE(node->magic));

	return (magic == DAXFS_EXTENT_NODE_MAGIC || magic == DAXFS_DIR_NODE_MAGIC) &&
	       le64_to_cpu(READ_ONCE(node->block)) == block;
}

/*
 * Whether a node that was met lies in bits [first, end) of the AG. That it was met is not enough: where an image let its
 * block be freed as data of another file, it may be anybody's by now.
 */
static bool has_nodes(struct daxfs_sb_info *sbi, u32 agno, u32 first, u32 end)
{
	const unsigned long *nodes = smp_load_acquire(&sbi->ags[agno].nodes);

	for (; nodes && (first = find_next_bit(nodes, end, first)) < end; first++)
		if (is_node(sbi, daxfs_ag_start(sbi, agno) + first))
			return true;
	return false;
}

/* Asked of the two maps alone. */
static int claim(struct inode *inode, u64 block, u64 count)
{
	struct super_block *sb = inode->i_sb;
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 agno = daxfs_ag_of(sbi, block), first = block - daxfs_ag_start(sbi, agno);
	int err = bits_are(sb, agno, 0, first, first + count, true);

	if (!err)
		err = bits_are(sb, agno, sbi->bitmap_blocks, first, first + count, false);
	if (err != -ENODATA)
		return err;
	WRITE_ONCE(DAXFS_I(inode)->doubtful, true);
	return 0;
}

int daxfs_claim_blocks(struct inode *inode, u64 block, u64 count)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	u32 agno = daxfs_ag_of(sbi, block), first = block - daxfs_ag_start(sbi, agno);

	return has_nodes(sbi, agno, first, first + count) ? -EUCLEAN : claim(inode, block, count);
}

int daxfs_claim_again(struct inode *inode, u64 block, u64 count)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	u32 agno = daxfs_ag_of(sbi, block), first = block - daxfs_ag_start(sbi, agno);
	int err;

	if (has_nodes(sbi, agno, first, first + count))
		return -EUCLEAN;
	err = bits_are(inode->i_sb, agno, sbi->bitmap_blocks, first, first + count, false);
	return err == -ENODATA ? 0 : err;
}

static unsigned long *known_nodes(struct daxfs_sb_info *sbi, u64 block, u32 *bit)
{
	struct daxfs_ag *ag = &sbi->ags[daxfs_ag_of(sbi, block)];

	*bit = (block - sbi->align_blocks) & ((1u << sbi->ag_shift) - 1);
	return daxfs_ag_bits(ag, &ag->nodes);
}

int daxfs_claim_node(struct inode *inode, u64 block)
{
	int err = daxfs_first_touch(inode->i_sb, inode->i_ino, block);

	/* Another who meets it at this moment may know it already. A node of another tree says so itself. */
	if (!err)
		err = claim(inode, block, 1);
	if (err == -EUCLEAN)
		daxfs_corrupt(inode->i_sb, inode->i_ino, block, "a node of a tree lies in a block that is free, or holds inodes");
	return err;
}

void daxfs_know_node(struct inode *inode, u64 block)
{
	u32 bit;
	unsigned long *known = known_nodes(DAXFS_SB(inode->i_sb), block, &bit);

	if (known && !test_bit(bit, known) && !READ_ONCE(DAXFS_I(inode)->doubtful))
		set_bit(bit, known);
}

void daxfs_forget_node(struct inode *inode, u64 block)
{
	u32 bit;
	unsigned long *known = known_nodes(DAXFS_SB(inode->i_sb), block, &bit);

	if (known)
		clear_bit(bit, known);
}

int daxfs_refuse_change(struct inode *inode)
{
	return daxfs_corrupt(inode->i_sb, inode->i_ino, inode->i_ino / DAXFS_INODES_PER_BLOCK,
			     "a file whose blocks no map vouches for is not changed");
}

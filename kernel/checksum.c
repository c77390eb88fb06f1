// SPDX-License-Identifier: GPL-2.0
/*
 * Checksums: CRC32C of each unit with its own `crc` member taken as zero (daxfs_format.h), and the change of a map
 * block's checksum without reading the block.
 *
 * Without inversion a CRC is linear: crc(seed, a) ^ crc(seed, b) = crc(0, a ^ b) for a and b of one length. So each bit
 * of a map block that flips changes the block's checksum by a number of its own, whatever the other bits are, and a
 * table of their sums from the end of the block answers for any run of bits with two loads.
 */
#include <linux/crc32c.h>
#include <linux/module.h>

#define DAXFS_DEFINES_SEALS
#include "checksum.h"
#include "daxfs.h"

#define CRC32C_POLY	0x82f63b78u	/* bit 31 is x^0 */

/* What flipping bits [i, DAXFS_BITS_PER_MAP_BLOCK) of a map block changes (xor) in its checksum. */
static u32 flips[DAXFS_BITS_PER_MAP_BLOCK + 1] __ro_after_init;

/*
 * Most units are a few hundred bytes: the instruction itself is quicker than a call of the crypto API, which for longer
 * ones also saves the FPU's registers. From here on its folding pays.
 */
#define LONG_UNIT	1024

#ifdef CONFIG_X86_64
static __always_inline u32 crc_by_instruction(u32 seed, const void *p, size_t bytes)
{
	u64 crc = seed;

	for (; bytes >= 64; p += 64, bytes -= 64) {
		const u64 *word = p;

		crc = daxfs_crc_word(daxfs_crc_word(daxfs_crc_word(daxfs_crc_word(crc, word[0]), word[1]), word[2]), word[3]);
		crc = daxfs_crc_word(daxfs_crc_word(daxfs_crc_word(daxfs_crc_word(crc, word[4]), word[5]), word[6]), word[7]);
	}
	for (; bytes >= 8; p += 8, bytes -= 8)
		crc = daxfs_crc_word(crc, *(const u64 *)p);
	if (bytes & 4) {
		asm("crc32l %1, %k0" : "+r" (crc) : "m" (*(const u32 *)p));
		p += 4;
	}
	for (bytes &= 3; bytes; p++, bytes--)
		asm("crc32b %1, %0" : "+r" (crc) : "m" (*(const u8 *)p));
	return crc;
}
#else
static inline u32 crc_by_instruction(u32 seed, const void *p, size_t bytes)
{
	return 0;
}
#endif

u32 daxfs_crc(u32 seed, const void *p, size_t bytes)
{
	if (bytes < LONG_UNIT && daxfs_have_crc_instruction())
		return crc_by_instruction(seed, p, bytes);
	return crc32c(seed, p, bytes);
}

/* Of two numbers as they lie on the device, one behind the other. */
static __always_inline u32 crc_of_pair(u32 seed, u32 low, u32 high)
{
	__le64 pair = cpu_to_le64((u64)high << 32 | low);

	if (daxfs_have_crc_instruction())
		return daxfs_crc_word(seed, (__force u64)pair);
	return crc32c(seed, &pair, sizeof(pair));
}

/*
 * The CRC of `bytes` bytes, at least 8 more than `hole`, with the 4 bytes at `hole` taken as zero. Inline: where the
 * lengths are known there is no loop for what is short.
 */
static __always_inline u32 crc_around(u32 seed, const void *p, size_t bytes, size_t hole)
{
	u32 next = le32_to_cpu(*(const __le32 *)(p + hole + sizeof(__le32)));
	size_t behind = hole + 2 * sizeof(__le32);
	u32 crc;

	if (bytes < LONG_UNIT && daxfs_have_crc_instruction()) {
		crc = crc_of_pair(crc_by_instruction(seed, p, hole), 0, next);
		return crc_by_instruction(crc, p + behind, bytes - behind);
	}
	crc = crc_of_pair(crc32c(seed, p, hole), 0, next);
	return crc32c(crc, p + behind, bytes - behind);
}

static u32 super_crc(const struct daxfs_super *super)
{
	u32 seed = daxfs_crc(~0u, &super->nonce, sizeof(super->nonce));

	return crc_around(seed, super, sizeof(*super), offsetof(struct daxfs_super, crc));
}

void daxfs_seal_super(struct daxfs_sb_info *sbi, struct daxfs_super *super)
{
	super->crc = cpu_to_le32(super_crc(super));
}

bool daxfs_super_ok(const struct daxfs_super *super)
{
	return le32_to_cpu(super->crc) == super_crc(super);
}

static u32 ag_crc(struct daxfs_sb_info *sbi, const struct daxfs_ag_header *header)
{
	return crc_around(sbi->seed, header, sizeof(*header), offsetof(struct daxfs_ag_header, crc));
}

void daxfs_seal_ag(struct daxfs_sb_info *sbi, struct daxfs_ag_header *header)
{
	header->crc = cpu_to_le32(ag_crc(sbi, header));
}

bool daxfs_ag_ok(struct daxfs_sb_info *sbi, const struct daxfs_ag_header *header)
{
	return le32_to_cpu(header->crc) == ag_crc(sbi, header);
}

static u32 inode_crc(struct daxfs_sb_info *sbi, const struct daxfs_inode *raw)
{
	return crc_around(sbi->seed, raw, sizeof(*raw), offsetof(struct daxfs_inode, crc));
}

void daxfs_seal_inode(struct daxfs_sb_info *sbi, struct daxfs_inode *raw)
{
	raw->crc = cpu_to_le32(inode_crc(sbi, raw));
}

bool daxfs_inode_ok(struct daxfs_sb_info *sbi, const struct daxfs_inode *raw)
{
	return le32_to_cpu(raw->crc) == inode_crc(sbi, raw);
}

/* `count` comes from the device: what is covered stays inside the block. */
static size_t node_bytes(const struct daxfs_node_header *node)
{
	size_t entry = sizeof(struct daxfs_index_entry);

	if (!node->level)
		entry = le32_to_cpu(node->magic) == DAXFS_EXTENT_NODE_MAGIC ? sizeof(struct daxfs_extent) : 0;
	return min_t(size_t, DAXFS_BLOCK_SIZE, sizeof(*node) + entry * le16_to_cpu(node->count));
}

static u32 node_crc(struct daxfs_sb_info *sbi, const struct daxfs_node_header *node)
{
	return crc_around(sbi->seed, node, node_bytes(node), offsetof(struct daxfs_node_header, crc));
}

void daxfs_seal_node(struct daxfs_sb_info *sbi, struct daxfs_node_header *node)
{
	node->crc = cpu_to_le32(node_crc(sbi, node));
}

bool daxfs_node_ok(struct daxfs_sb_info *sbi, const struct daxfs_node_header *node)
{
	return le32_to_cpu(node->crc) == node_crc(sbi, node);
}

static u32 dirent_crc(struct daxfs_sb_info *sbi, const struct daxfs_dirent *entry, u8 name_length)
{
	return crc_around(sbi->seed, entry, sizeof(*entry) + name_length, offsetof(struct daxfs_dirent, crc));
}

void daxfs_seal_dirent(struct daxfs_sb_info *sbi, struct daxfs_dirent *entry)
{
	entry->crc = cpu_to_le32(dirent_crc(sbi, entry, entry->name_length));
}

/* The length is the caller's: what the entry says of it may have changed since. */
bool daxfs_dirent_ok(struct daxfs_sb_info *sbi, const struct daxfs_dirent *entry, u8 name_length)
{
	return le32_to_cpu(entry->crc) == dirent_crc(sbi, entry, name_length);
}

u32 daxfs_map_crc(struct daxfs_sb_info *sbi, u64 block, const void *map_block)
{
	__le64 number = cpu_to_le64(block);

	return daxfs_crc(daxfs_crc(sbi->seed, &number, sizeof(number)), map_block, DAXFS_BLOCK_SIZE);
}

u32 daxfs_map_crc_flip(u32 first, u32 end)
{
	return flips[first] ^ flips[end];
}

/* The entry's header and data lie in one piece, its crc member is zero or what is to be compared. */
u32 daxfs_journal_crc(struct daxfs_sb_info *sbi, u32 id, u32 position, const struct daxfs_journal_entry *entry, u32 stored)
{
	return crc_around(crc_of_pair(sbi->seed, id, position), entry, sizeof(*entry) + stored,
			  offsetof(struct daxfs_journal_entry, crc));
}

u32 daxfs_journal_header_crc(struct daxfs_sb_info *sbi, const struct daxfs_journal_header *header)
{
	return crc_around(sbi->seed, header, sizeof(*header), offsetof(struct daxfs_journal_header, crc));
}

/* Seeded with ~0: the nonce may be what is repaired. */
u32 daxfs_intent_crc(const struct daxfs_intent *intent)
{
	return crc_around(~0u, intent, sizeof(*intent), offsetof(struct daxfs_intent, crc));
}

__le64 daxfs_commit_word(struct daxfs_sb_info *sbi, u32 id, u64 sequence)
{
	__le32 number = cpu_to_le32(id);
	u32 crc = crc_of_pair(daxfs_crc(sbi->seed, &number, sizeof(number)), sequence, sequence >> 32);

	return cpu_to_le64(((u64)(crc & 0xffff) << DAXFS_SEQUENCE_BITS) | sequence);
}

void daxfs_checksum_init(void)
{
	u32 bit, flip = 1;

	/* A one in the last bit goes through the polynomial once, one in the bit before it once more, and so on. */
	for (bit = DAXFS_BITS_PER_MAP_BLOCK; bit-- > 0;) {
		flip = (flip >> 1) ^ (flip & 1 ? CRC32C_POLY : 0);
		flips[bit] = flips[bit + 1] ^ flip;
	}
}

bool daxfs_raw_inode_ok(struct daxfs_sb_info *sbi, const struct daxfs_inode *raw, u64 ino)
{
	return le32_to_cpu(raw->magic) == DAXFS_INODE_MAGIC && le64_to_cpu(raw->ino) == ino && daxfs_inode_ok(sbi, raw);
}

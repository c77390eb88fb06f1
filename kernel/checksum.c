// SPDX-License-Identifier: GPL-2.0
/*
 * Checksums: CRC32C of each unit with its own `crc` member taken as zero (daxfs_format.h), and the change of a map
 * block's checksum without reading the block.
 *
 * Without inversion a CRC is linear: crc(seed, a) ^ crc(seed, b) = crc(0, a ^ b) for a and b of one length. Leading
 * zeros do not change crc(0, ...), and trailing zero bits multiply it by x each, modulo the polynomial. So the change of
 * word i of 512 is crc(0, delta) * x^(64 * (511 - i)).
 */
#include <linux/crc32c.h>
#include <linux/module.h>

#include "daxfs.h"

#define CRC32C_POLY	0x82f63b78u	/* bit 31 is x^0 */
#define MAP_WORDS	512

static u32 shift_words[MAP_WORDS];	/* x^(64 * i) modulo the polynomial */
static u32 ones_crc[MAP_WORDS + 1];	/* crc(0, i words of one bits) */

/*
 * Most units are a few hundred bytes: the instruction itself is quicker than a call of the crypto API, which for longer
 * ones also saves the FPU's registers. From here on its folding pays.
 */
#define LONG_UNIT	1024

#ifdef CONFIG_X86_64
static __always_inline bool have_instruction(void)
{
	return static_cpu_has(X86_FEATURE_XMM4_2);
}

static u32 crc_by_instruction(u32 seed, const void *p, size_t bytes)
{
	u64 crc = seed;

	for (; bytes >= 32; p += 32, bytes -= 32) {
		asm("crc32q %1, %0" : "+r" (crc) : "m" (*(const u64 *)p));
		asm("crc32q %1, %0" : "+r" (crc) : "m" (*(const u64 *)(p + 8)));
		asm("crc32q %1, %0" : "+r" (crc) : "m" (*(const u64 *)(p + 16)));
		asm("crc32q %1, %0" : "+r" (crc) : "m" (*(const u64 *)(p + 24)));
	}
	for (; bytes >= 8; p += 8, bytes -= 8)
		asm("crc32q %1, %0" : "+r" (crc) : "m" (*(const u64 *)p));
	for (; bytes; p++, bytes--)
		asm("crc32b %1, %0" : "+r" (crc) : "m" (*(const u8 *)p));
	return crc;
}
#else
static inline bool have_instruction(void)
{
	return false;
}

static inline u32 crc_by_instruction(u32 seed, const void *p, size_t bytes)
{
	return 0;
}
#endif

u32 daxfs_crc(u32 seed, const void *p, size_t bytes)
{
	if (bytes < LONG_UNIT && have_instruction())
		return crc_by_instruction(seed, p, bytes);
	return crc32c(seed, p, bytes);
}

/* The CRC of `bytes` bytes, at least 8 more than `hole`, with the 4 bytes at `hole` taken as zero. */
static u32 crc_around(u32 seed, const void *p, size_t bytes, size_t hole)
{
	__le32 around[2] = { 0, *(const __le32 *)(p + hole + sizeof(__le32)) };
	u32 crc = daxfs_crc(seed, p, hole);

	crc = daxfs_crc(crc, around, sizeof(around));
	return daxfs_crc(crc, p + hole + sizeof(around), bytes - hole - sizeof(around));
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

static u32 dirent_crc(struct daxfs_sb_info *sbi, const struct daxfs_dirent *entry)
{
	return crc_around(sbi->seed, entry, sizeof(*entry) + entry->name_length, offsetof(struct daxfs_dirent, crc));
}

void daxfs_seal_dirent(struct daxfs_sb_info *sbi, struct daxfs_dirent *entry)
{
	entry->crc = cpu_to_le32(dirent_crc(sbi, entry));
}

bool daxfs_dirent_ok(struct daxfs_sb_info *sbi, const struct daxfs_dirent *entry)
{
	return le32_to_cpu(entry->crc) == dirent_crc(sbi, entry);
}

u32 daxfs_map_crc(struct daxfs_sb_info *sbi, u64 block, const void *map_block)
{
	__le64 number = cpu_to_le64(block);

	return daxfs_crc(daxfs_crc(sbi->seed, &number, sizeof(number)), map_block, DAXFS_BLOCK_SIZE);
}

/* a * b modulo the polynomial, without carries. */
static u32 multiply(u32 a, u32 b)
{
	u32 product = 0;

	while (a) {
		if (a & 0x80000000u)
			product ^= b;
		a <<= 1;
		b = (b >> 1) ^ (b & 1 ? CRC32C_POLY : 0);
	}
	return product;
}

/* crc(0, ...) of the words that bits [first, end) are ones of; then zeros up to the end of the block. */
u32 daxfs_map_crc_flip(u32 first, u32 end)
{
	u32 word = first / 64, last = (end - 1) / 64, inner = last - word;
	__le64 mask = daxfs_word_mask(word, first, end);
	u32 crc = daxfs_crc(0, &mask, sizeof(mask));

	if (inner > 1)
		crc = multiply(crc, shift_words[inner - 1]) ^ ones_crc[inner - 1];
	if (inner) {
		mask = daxfs_word_mask(last, first, end);
		crc = daxfs_crc(crc, &mask, sizeof(mask));
	}
	return multiply(crc, shift_words[MAP_WORDS - 1 - last]);
}

/* The entry's header and data lie in one piece, its crc member is zero or what is to be compared. */
u32 daxfs_journal_crc(struct daxfs_sb_info *sbi, u32 id, u32 position, const struct daxfs_journal_entry *entry)
{
	__le32 place[2] = { cpu_to_le32(id), cpu_to_le32(position) };

	return crc_around(daxfs_crc(sbi->seed, place, sizeof(place)), entry, sizeof(*entry) + daxfs_journal_data_bytes(entry),
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
	__le64 wide = cpu_to_le64(sequence);
	u32 crc = daxfs_crc(daxfs_crc(sbi->seed, &number, sizeof(number)), &wide, sizeof(wide));

	return cpu_to_le64(((u64)(crc & 0xffff) << DAXFS_SEQUENCE_BITS) | sequence);
}

int daxfs_checksum_init(void)
{
	static const __le64 ones = cpu_to_le64(~0ull);
	u32 word = 0x80000000u;
	int i;

	for (i = 0; i < 64; i++)
		word = (word >> 1) ^ (word & 1 ? CRC32C_POLY : 0);
	shift_words[0] = 0x80000000u;
	for (i = 1; i < MAP_WORDS; i++)
		shift_words[i] = multiply(word, shift_words[i - 1]);
	for (i = 1; i <= MAP_WORDS; i++)
		ones_crc[i] = daxfs_crc(ones_crc[i - 1], &ones, sizeof(ones));
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0 */
/* Checksums of every unit: made (seal) and checked (ok). */
#ifndef DAXFS_CHECKSUM_H
#define DAXFS_CHECKSUM_H

#ifdef CONFIG_X86_64
#include <asm/cpufeature.h>
#endif

#include "daxfs.h"
#include "sites.h"

#ifdef CONFIG_X86_64
static __always_inline bool daxfs_have_crc_instruction(void)
{
	return static_cpu_has(X86_FEATURE_XMM4_2);
}

/* Of 8 bytes as they lie in memory. */
static __always_inline u64 daxfs_crc_word(u64 crc, u64 word)
{
	asm("crc32q %1, %0" : "+r" (crc) : "rm" (word));
	return crc;
}
#else
static inline bool daxfs_have_crc_instruction(void)
{
	return false;
}

static inline u64 daxfs_crc_word(u64 crc, u64 word)
{
	return crc;
}
#endif

u32 daxfs_crc(u32 seed, const void *p, size_t bytes);
void daxfs_seal_super(struct daxfs_sb_info *sbi, struct daxfs_super *super);
bool daxfs_super_ok(const struct daxfs_super *super);		/* checksum only, seeded from its own nonce */
void daxfs_seal_ag(struct daxfs_sb_info *sbi, struct daxfs_ag_header *header);
bool daxfs_ag_ok(struct daxfs_sb_info *sbi, const struct daxfs_ag_header *header);
void daxfs_seal_inode(struct daxfs_sb_info *sbi, struct daxfs_inode *raw);
bool daxfs_inode_ok(struct daxfs_sb_info *sbi, const struct daxfs_inode *raw);
bool daxfs_raw_inode_ok(struct daxfs_sb_info *sbi, const struct daxfs_inode *raw, u64 ino);	/* and what it says it is */
void daxfs_seal_node(struct daxfs_sb_info *sbi, struct daxfs_node_header *node);	/* extent leaf, index, dir leaf header */
bool daxfs_node_ok(struct daxfs_sb_info *sbi, const struct daxfs_node_header *node);
void daxfs_seal_dirent(struct daxfs_sb_info *sbi, struct daxfs_dirent *entry);
bool daxfs_dirent_ok(struct daxfs_sb_info *sbi, const struct daxfs_dirent *entry, u8 name_length);
u32 daxfs_map_crc(struct daxfs_sb_info *sbi, u64 block, const void *map_block);
/* The change (xor) of a map block's checksum when its bits [first, end) flip. */
u32 daxfs_map_crc_flip(u32 first, u32 end);
/* `stored`: bytes behind the entry: 8 of one that fills, else its length. */
u32 daxfs_journal_crc(struct daxfs_sb_info *sbi, u32 id, u32 position, const struct daxfs_journal_entry *entry, u32 stored);
u32 daxfs_journal_header_crc(struct daxfs_sb_info *sbi, const struct daxfs_journal_header *header);
u32 daxfs_intent_crc(const struct daxfs_intent *intent);
__le64 daxfs_commit_word(struct daxfs_sb_info *sbi, u32 id, u64 sequence);
void daxfs_checksum_init(void);

#if defined(DAXFS_SITES) && !defined(DAXFS_DEFINES_SEALS)
#define daxfs_seal_super(...)		daxfs_site(daxfs_seal_super, __VA_ARGS__)
#define daxfs_seal_ag(...)		daxfs_site(daxfs_seal_ag, __VA_ARGS__)
#define daxfs_seal_inode(...)		daxfs_site(daxfs_seal_inode, __VA_ARGS__)
#define daxfs_seal_node(...)		daxfs_site(daxfs_seal_node, __VA_ARGS__)
#define daxfs_seal_dirent(...)		daxfs_site(daxfs_seal_dirent, __VA_ARGS__)
#endif

#endif /* DAXFS_CHECKSUM_H */

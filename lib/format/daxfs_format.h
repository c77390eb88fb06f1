/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The daxfs on-disk format, version 1: one header, four readers (kernel, BPF, C, C++).
 *
 * Little-endian; 4096-byte blocks; block numbers count from the start of the device.
 *
 * Checksums.  CRC32C in the kernel's convention (no inversion).  With
 *	seed = crc32c(~0, superblock.nonce as 8 little-endian bytes)
 * the checksum of a unit is crc32c(seed, bytes of the unit with its `crc` member taken as zero).  The units:
 *	superblock		struct daxfs_super (512 bytes)
 *	AG header		struct daxfs_ag_header (its first 128 bytes; the map checksums behind it guard themselves)
 *	map block		4096 bytes, seeded with crc32c(seed, its block number as 8 bytes), kept in the AG header
 *	inode			struct daxfs_inode (512 bytes)
 *	tree node		struct daxfs_node_header and its `count` entries; of a directory leaf the header alone
 *	directory entry		its first 24 + name_length bytes
 *	journal header		struct daxfs_journal_header (64 bytes)
 *	journal entry		seeded with crc32c(seed, journal id as 4 bytes, offset in the slot as 4 bytes): header and data
 *	repair intent		struct daxfs_intent (64 bytes)
 *
 * Layout of the device.
 *	block 0			superblock
 *	blocks 1, 2		repair intents (fixed: found without a superblock)
 *	align_blocks		allocation group (AG) 0; AG n starts at align_blocks + (n << ag_blocks_log2)
 * align_blocks is 0 or at least 8, and makes AG starts 2 MiB aligned in physical memory.
 *
 * Layout of an AG, in blocks from its start; head_blocks in all, a multiple of 512:
 *	0			superblock copy (AG 0 with align_blocks 0: the superblock itself)
 *	1, 2			reserved (AG 0 with align_blocks 0: the repair intents)
 *	3			AG header
 *	4			block bitmap, B = max(1, ag_blocks / 32768) blocks
 *	4 + B			inode map, B blocks
 *	4 + 2B			orphan map, O = max(1, ag_blocks / 262144) blocks
 *	4 + 2B + O		AG 0: the journals; then small metadata
 * B and O follow from ag_blocks_log2 alone, also in a short last AG.
 */
#ifndef DAXFS_FORMAT_H
#define DAXFS_FORMAT_H

#ifdef __cplusplus
#include <cstddef>
#include <cstdint>
#include "lib/base/endian.h"
using daxfs_u8 = std::uint8_t;
using daxfs_le16 = daxfs::Le<std::uint16_t>;
using daxfs_le32 = daxfs::Le<std::uint32_t>;
using daxfs_le64 = daxfs::Le<std::uint64_t>;
#define DAXFS_ASSERT_SIZE(type, size) static_assert(sizeof(type) == (size), #type)
#elif defined(__KERNEL__)
#include <linux/build_bug.h>
#include <linux/types.h>
typedef __u8 daxfs_u8;
typedef __le16 daxfs_le16;
typedef __le32 daxfs_le32;
typedef __le64 daxfs_le64;
#define DAXFS_ASSERT_SIZE(type, size) static_assert(sizeof(struct type) == (size))
#else
#include <stdint.h>
typedef uint8_t daxfs_u8;
typedef uint16_t daxfs_le16;
typedef uint32_t daxfs_le32;
typedef uint64_t daxfs_le64;
#define DAXFS_ASSERT_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)
#endif

#define DAXFS_VERSION_1			1u
#define DAXFS_SUPER_MAGIC		0x31534658414450ffull	/* bytes ff "PDAXFS1" at offset 0 */
#define DAXFS_AG_MAGIC			0x47415844u		/* "DXAG" */
#define DAXFS_INODE_MAGIC		0x4e495844u		/* "DXIN" */
#define DAXFS_EXTENT_NODE_MAGIC		0x58455844u		/* "DXEX": extent tree, leaf or index */
#define DAXFS_DIR_NODE_MAGIC		0x52445844u		/* "DXDR": directory tree, leaf or index */
#define DAXFS_JOURNAL_MAGIC		0x4e4a5844u		/* "DXJN" */
#define DAXFS_INTENT_MAGIC		0x54495844u		/* "DXIT" */

#define DAXFS_BLOCK_SHIFT		12
#define DAXFS_BLOCK_SIZE		4096u
#define DAXFS_HUGE_BLOCKS		512u			/* 2 MiB: one cache line of bitmap */
#define DAXFS_INODE_SHIFT		9
#define DAXFS_INODE_SIZE		512u
#define DAXFS_INODES_PER_BLOCK		8u
#define DAXFS_ORPHAN_BLOCKS		8u			/* blocks under one bit of the orphan map: 64 inodes */

#define DAXFS_MIN_AG_BLOCKS_LOG2	12			/* 16 MiB */
#define DAXFS_MAX_AG_BLOCKS_LOG2	23			/* 32 GiB */
#define DAXFS_MIN_AG_SPARE_BLOCKS	64u			/* a last AG with fewer blocks behind its head is not used */
#define DAXFS_MAX_AGS			(1u << 24)
#define DAXFS_MIN_ALIGN_BLOCKS		8u
#define DAXFS_BITS_PER_MAP_BLOCK	32768u

#define DAXFS_AG_SUPER_BLOCK		0u
#define DAXFS_AG_HEADER_BLOCK		3u
#define DAXFS_AG_BITMAP_BLOCK		4u
#define DAXFS_INTENT_BLOCK_A		1u
#define DAXFS_INTENT_BLOCK_B		2u

#define DAXFS_LABEL_SIZE		64u			/* NUL-terminated UTF-8 */
#define DAXFS_UUID_SIZE			16u
#define DAXFS_NAME_MAX			255u
#define DAXFS_LINK_MAX			0x7fffffffu
#define DAXFS_SYMLINK_MAX		4095u
#define DAXFS_MAX_FILE_BLOCK		((1ull << 51) - 1)	/* last block of a file of 2^63 - 1 bytes */

#define DAXFS_FORK_SIZE			240u
#define DAXFS_FORK_EXTENTS		10u
#define DAXFS_FORK_INDEX		15u
#define DAXFS_XATTR_TAIL_SIZE		112u
#define DAXFS_NODE_EXTENTS		168u			/* extents in a leaf */
#define DAXFS_NODE_INDEX		252u			/* entries in an index node */
#define DAXFS_MAX_TREE_HEIGHT		6u			/* levels of nodes below an inode's fork */

#define DAXFS_MIN_JOURNALS		1u
#define DAXFS_MAX_JOURNALS		256u
#define DAXFS_MIN_JOURNAL_BLOCKS	32u			/* 128 KiB: room for the largest transaction */
#define DAXFS_MAX_JOURNAL_BLOCKS	1024u
#define DAXFS_JOURNAL_COMMIT_OFFSET	64u			/* the commit word: a cache line of its own */
#define DAXFS_JOURNAL_BODY_OFFSET	128u
#define DAXFS_JOURNAL_MAX_DATA		4096u			/* old bytes that one entry restores */
#define DAXFS_SEQUENCE_BITS		48

/* Feature words. An unknown compat bit is ignored, ro_compat allows only reading, incompat allows nothing. */
#define DAXFS_COMPAT_KNOWN		0u
#define DAXFS_RO_COMPAT_KNOWN		0u
#define DAXFS_INCOMPAT_KNOWN		0u

/* Superblock state bits. */
#define DAXFS_STATE_ERRORS		1u			/* damage was found since the last fsck */

/* Block 0, and block 0 of every initialised AG. Copies are written when the AG is initialised and by tools. */
struct daxfs_super {
	daxfs_le64 magic;
	daxfs_le32 crc;
	daxfs_le32 version;
	daxfs_le32 compat;
	daxfs_le32 ro_compat;
	daxfs_le32 incompat;
	daxfs_le32 state;
	daxfs_u8 uuid[DAXFS_UUID_SIZE];
	daxfs_le64 nonce;		/* drawn by mkfs; seeds every checksum */
	daxfs_le64 hash_key[2];		/* SipHash-2-4 key of directory hashes */
	daxfs_le64 block_count;		/* align_blocks and all AGs */
	daxfs_le64 reserved_blocks;	/* only root allocates the last ones */
	daxfs_le64 root_ino;
	daxfs_le64 journal_block;	/* first block of journal 0; the others follow */
	daxfs_le64 created_sec;		/* seconds since 1970 */
	daxfs_le32 align_blocks;
	daxfs_le32 ag_count;
	daxfs_le32 initialised_ags;	/* AGs 0 .. n-1 have a head; moves last, fenced */
	daxfs_le32 journal_count;
	daxfs_le32 journal_blocks;	/* blocks in one journal slot */
	daxfs_u8 ag_blocks_log2;
	daxfs_u8 block_log2;		/* 12 */
	daxfs_u8 inode_log2;		/* 9 */
	daxfs_u8 reserved0;
	daxfs_u8 label[DAXFS_LABEL_SIZE];
	daxfs_u8 reserved[312];
};
DAXFS_ASSERT_SIZE(daxfs_super, 512);

/*
 * Block 3 of an AG. Behind these 128 bytes lie the checksums of the maps, 4 bytes each:
 * bitmap blocks at DAXFS_AG_BITMAP_CRCS, inode map at DAXFS_AG_IMAP_CRCS, orphan map at DAXFS_AG_ORPHAN_CRCS.
 */
struct daxfs_ag_header {
	daxfs_le32 magic;
	daxfs_le32 crc;
	daxfs_le64 block;		/* its own address */
	daxfs_le64 nonce;		/* as in the superblock */
	daxfs_le32 agno;
	daxfs_le32 blocks;		/* in this AG; fewer than the others only in the last */
	daxfs_le32 free_blocks;		/* zero bits of the block bitmap */
	daxfs_le32 inode_blocks;	/* one bits of the inode map */
	daxfs_le32 free_inodes;		/* inodes with mode 0 in those blocks */
	daxfs_le32 orphan_groups;	/* one bits of the orphan map */
	daxfs_u8 reserved[80];
};
DAXFS_ASSERT_SIZE(daxfs_ag_header, 128);
#define DAXFS_AG_BITMAP_CRCS		128u	/* 256 x 4 bytes */
#define DAXFS_AG_IMAP_CRCS		1152u	/* 256 x 4 bytes */
#define DAXFS_AG_ORPHAN_CRCS		2176u	/* 32 x 4 bytes */
#define DAXFS_AG_HEADER_END		2304u	/* the rest of the block is zero */

/* 0 is no state, so that a zeroed extent is damage. */
enum daxfs_extent_state {
	DAXFS_EXTENT_WRITTEN = 1,
	DAXFS_EXTENT_UNWRITTEN = 2,	/* allocated by fallocate() or direct I/O in flight; reads as zeros */
};

/* One run of a file's blocks. `state` says whether the disk blocks hold file data yet. */
struct daxfs_extent {
	daxfs_le64 file_block;
	daxfs_le64 disk_block;
	daxfs_le32 length;		/* in blocks, never 0 */
	daxfs_u8 state;			/* enum daxfs_extent_state */
	daxfs_u8 reserved[3];
};
DAXFS_ASSERT_SIZE(daxfs_extent, 24);

/* A child of an index node or of an inode's fork: everything from `key` up to the next entry's key is below `block`. */
struct daxfs_index_entry {
	daxfs_le64 key;			/* first file block, or first directory key; of the first entry 0 */
	daxfs_le64 block;
};
DAXFS_ASSERT_SIZE(daxfs_index_entry, 16);

/* First bytes of every block of an extent tree or a directory tree. */
struct daxfs_node_header {
	daxfs_le32 magic;
	daxfs_le32 crc;
	daxfs_le64 owner;		/* inode */
	daxfs_le64 block;		/* its own address */
	daxfs_le64 low_key;		/* the key of its entry in the parent */
	daxfs_le16 level;		/* 0 is a leaf */
	daxfs_le16 count;		/* entries; in a directory leaf the live ones */
	daxfs_le32 owner_generation;	/* inode's generation when the node was made */
	daxfs_u8 reserved[24];
};
DAXFS_ASSERT_SIZE(daxfs_node_header, 64);

/* Inode map formats. */
enum daxfs_inode_format {
	DAXFS_FORMAT_NONE = 0,		/* devices, FIFOs, sockets; free inodes */
	DAXFS_FORMAT_EXTENTS = 1,	/* fork.extents[fork_count], sorted */
	DAXFS_FORMAT_EXTENT_TREE = 2,	/* fork.index[fork_count], children at level tree_height - 1 */
	DAXFS_FORMAT_INLINE = 3,	/* fork.data[size]: a symlink's target */
	DAXFS_FORMAT_DIRECTORY = 4,	/* fork.index[fork_count], children at level tree_height - 1; empty: both 0 */
};

/* A long operation cut into several transactions; recovery finishes it. */
enum daxfs_inode_operation {
	DAXFS_OPERATION_NONE = 0,
	DAXFS_OPERATION_TRUNCATE = 1,	/* free every block at or behind file block operation_arg[0] */
	/* free operation_arg[1] blocks from file block operation_arg[0] on, and move all behind them down by as many */
	DAXFS_OPERATION_COLLAPSE = 2,
};

/* Inode flags, a subset of FS_IOC_GETFLAGS with numbers of their own. */
#define DAXFS_INODE_IMMUTABLE		0x01u
#define DAXFS_INODE_APPEND		0x02u
#define DAXFS_INODE_NOATIME		0x04u
#define DAXFS_INODE_NODUMP		0x08u
#define DAXFS_INODE_SYNC		0x10u
#define DAXFS_INODE_DIRSYNC		0x20u
#define DAXFS_INODE_DAX			0x40u
#define DAXFS_INODE_FLAGS_KNOWN		0x7fu

union daxfs_fork {
	struct daxfs_extent extents[DAXFS_FORK_EXTENTS];
	struct daxfs_index_entry index[DAXFS_FORK_INDEX];
	daxfs_u8 data[DAXFS_FORK_SIZE];
	daxfs_le64 words[DAXFS_FORK_SIZE / 8];
};

/* 512 bytes; inode number x 512 = byte offset on the device. mode 0 is a free inode: all but magic, crc, ino and
 * generation zero. */
struct daxfs_inode {
	daxfs_le32 magic;
	daxfs_le32 crc;
	daxfs_le64 ino;			/* its own number */
	daxfs_le16 mode;		/* S_IFMT and permissions */
	daxfs_u8 format;		/* enum daxfs_inode_format */
	daxfs_u8 tree_height;		/* levels of nodes below the fork; 0 without a tree */
	daxfs_le16 fork_count;		/* entries in use in the fork */
	daxfs_u8 operation;		/* enum daxfs_inode_operation */
	daxfs_u8 reserved0;
	daxfs_le32 flags;
	daxfs_le32 nlink;		/* 0: orphan, its group's bit is set in the orphan map */
	daxfs_le32 uid;
	daxfs_le32 gid;
	daxfs_le32 project;
	daxfs_le32 generation;		/* random at allocation */
	daxfs_le64 size;		/* bytes; of a directory 4096 x its tree blocks */
	daxfs_le64 blocks;		/* data, tree and xattr blocks owned */
	daxfs_le64 atime_sec;		/* signed */
	daxfs_le64 mtime_sec;
	daxfs_le64 ctime_sec;
	daxfs_le64 btime_sec;
	daxfs_le32 atime_nsec;
	daxfs_le32 mtime_nsec;
	daxfs_le32 ctime_nsec;
	daxfs_le32 btime_nsec;
	daxfs_le64 change;		/* change cookie (i_version) */
	daxfs_le64 parent;		/* a directory that names it, for reattaching; of a directory, the one */
	daxfs_le32 rdev_major;
	daxfs_le32 rdev_minor;
	daxfs_le64 operation_arg[2];
	daxfs_le64 xattr_block;		/* 0: none */
	union daxfs_fork fork;
	daxfs_u8 xattr_tail[DAXFS_XATTR_TAIL_SIZE];	/* zero until extended attributes exist */
};
DAXFS_ASSERT_SIZE(daxfs_inode, 512);

/*
 * Directory entries tile a leaf from byte 64 to 4096. type 0 is free space (name_length, key and ino zero).
 * A name's key is (hash << 16) | ordinal, where hash is the top 47 bits of SipHash-2-4(hash_key, name), at least 1,
 * and ordinals tell apart names of one hash. Keys are the readdir cookies: below 2^63, above those of "." (1), ".." (2).
 */
enum daxfs_dirent_type {
	DAXFS_DIRENT_FREE = 0,
	DAXFS_DIRENT_REG = 1,
	DAXFS_DIRENT_DIR = 2,
	DAXFS_DIRENT_CHR = 3,
	DAXFS_DIRENT_BLK = 4,
	DAXFS_DIRENT_FIFO = 5,
	DAXFS_DIRENT_SOCK = 6,
	DAXFS_DIRENT_LNK = 7,
};

#define DAXFS_DIR_LEAF_START		64u
#define DAXFS_DIR_KEY_HASH_SHIFT	16
#define DAXFS_DIR_HASH_BITS		47
#define DAXFS_DIR_HASH_DROP		17	/* siphash >> 17 leaves 47 bits */

struct daxfs_dirent {
	daxfs_le32 crc;
	daxfs_le16 length;		/* of the record: a multiple of 8, at least 24 + name_length */
	daxfs_u8 name_length;
	daxfs_u8 type;			/* enum daxfs_dirent_type */
	daxfs_le64 key;
	daxfs_le64 ino;
	/* name_length bytes of name follow: no '/', no NUL */
};
DAXFS_ASSERT_SIZE(daxfs_dirent, 24);

/*
 * A journal slot: this header, the commit word at offset 64, undo entries from offset 128.
 * Commit word: bits 0-47 the sequence S of the last committed transaction, bits 48-63 the low 16 bits of
 * crc32c(seed, journal id as 4 bytes, S as 8 bytes). Entries with sequence S + 1, from offset 128 on, consecutive
 * ordinals from 0, up to the first that does not check out, are the old bytes of a transaction that did not commit.
 */
struct daxfs_journal_header {
	daxfs_le32 magic;
	daxfs_le32 crc;
	daxfs_le32 id;
	daxfs_le32 blocks;
	daxfs_le64 block;		/* its own address */
	daxfs_u8 reserved[40];
};
DAXFS_ASSERT_SIZE(daxfs_journal_header, 64);

enum daxfs_journal_kind {
	DAXFS_JOURNAL_BYTES = 0,	/* `length` bytes follow, padded with zeros to a multiple of 8 */
	DAXFS_JOURNAL_FILL = 1,		/* 8 bytes follow, which repeat over the range; length is a multiple of 8 */
};

struct daxfs_journal_entry {
	daxfs_le32 crc;
	daxfs_le32 ordinal;
	daxfs_le64 sequence;
	daxfs_le64 offset;		/* on the device, in bytes */
	daxfs_le32 length;		/* 1 .. 4096: of the range that is restored */
	daxfs_le32 kind;		/* enum daxfs_journal_kind */
};
DAXFS_ASSERT_SIZE(daxfs_journal_entry, 32);

/*
 * Blocks 1 and 2: a repair by fsck that is being applied. All zero: none. redo_bytes 0: what a repair changed is being
 * put back from a file outside, with the checksum redo_crc; redo_block is 0 then.
 */
struct daxfs_intent {
	daxfs_le32 magic;
	daxfs_le32 crc;			/* seeded with ~0: the nonce may be what is repaired */
	daxfs_le64 redo_block;		/* first block of the redo list */
	daxfs_le64 redo_bytes;		/* a multiple of 8 */
	daxfs_le32 redo_crc;		/* of the list, seeded with ~0 */
	daxfs_u8 reserved[36];
};
DAXFS_ASSERT_SIZE(daxfs_intent, 64);

#define DAXFS_MAX_REDO_BYTES		(1u << 28)	/* what is more goes in several lists, one behind the other */

/*
 * A redo list: records in contiguous blocks, ascending and apart from each other. None touches the intents or the list,
 * none leaves its block: so applying them once more, from wherever it ended, does no harm.
 */
struct daxfs_redo_record {
	daxfs_le64 offset;		/* on the device, in bytes */
	daxfs_le32 length;		/* 1 .. 4096 */
	daxfs_u8 reserved[4];
	/* `length` bytes follow, padded with zeros to a multiple of 8 */
};
DAXFS_ASSERT_SIZE(daxfs_redo_record, 16);

#endif /* DAXFS_FORMAT_H */

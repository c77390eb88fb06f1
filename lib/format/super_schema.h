// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/format/schema.h"

namespace daxfs {

inline constexpr std::array kSuperMagics{
    NamedValue{DAXFS_SUPER_MAGIC, "DAXFS_SUPER_MAGIC", "bytes ff \"PDAXFS1\""},
};
inline constexpr std::array kSuperStates{
    NamedValue{DAXFS_STATE_ERRORS, "errors", "damage was found since the last check"},
};
// The most that AGs of the largest size and the widest alignment can make.
inline constexpr std::uint64_t kMaxBlockCount =
    (std::uint64_t{DAXFS_MAX_AGS} << DAXFS_MAX_AG_BLOCKS_LOG2) + 0xffffffffu;
// One short AG: its head and the least behind it.
inline constexpr std::uint64_t kMinBlockCount = DAXFS_HUGE_BLOCKS + DAXFS_MIN_AG_SPARE_BLOCKS;

template <>
struct Schema<daxfs_super> {
    using S = daxfs_super;
    static constexpr std::string_view kName = "daxfs_super";
    static constexpr std::string_view kTitle = "superblock";
    // clang-format off
    static constexpr std::array kFields{
        DAXFS_FIELD(S, magic,             0, kMagic,  "Bytes ff \"PDAXFS1\".", .names = kSuperMagics),
        DAXFS_FIELD(S, crc,               8, kCrc,    "Of these 512 bytes, seeded with this copy's nonce."),
        DAXFS_FIELD(S, version,          12, kDec,    "Of the format.", .min = DAXFS_VERSION_1, .max = DAXFS_VERSION_1),
        DAXFS_FIELD(S, compat,           16, kFlags,  "Features; a reader ignores the ones it does not know."),
        DAXFS_FIELD(S, ro_compat,        20, kFlags,  "Features; who does not know one may only read.", .max = DAXFS_RO_COMPAT_KNOWN),
        DAXFS_FIELD(S, incompat,         24, kFlags,  "Features; who does not know one must keep away.", .max = DAXFS_INCOMPAT_KNOWN),
        DAXFS_FIELD(S, state,            28, kFlags,  "State bits.", .max = DAXFS_STATE_ERRORS, .names = kSuperStates),
        DAXFS_FIELD(S, uuid,             32, kUuid,   "Of the filesystem."),
        DAXFS_FIELD(S, nonce,            48, kHex,    "Random; seeds every checksum. A new UUID leaves it alone."),
        DAXFS_FIELD(S, hash_key,         56, kHex,    "SipHash-2-4 key of directory hashes."),
        DAXFS_FIELD(S, block_count,      72, kDec,    "align_blocks and all allocation groups.", .min = kMinBlockCount, .max = kMaxBlockCount),
        DAXFS_FIELD(S, reserved_blocks,  80, kDec,    "Only root allocates the last ones."),
        DAXFS_FIELD(S, root_ino,         88, kInode,  "The root directory.", .min = 1),
        DAXFS_FIELD(S, journal_block,    96, kBlock,  "Start of journal 0; the others follow.", .min = 1),
        DAXFS_FIELD(S, created_sec,     104, kTime,   "When mkfs made it."),
        DAXFS_FIELD(S, align_blocks,    112, kDec,    "Blocks before allocation group 0: 0, or at least 8."),
        DAXFS_FIELD(S, ag_count,        116, kDec,    "Allocation groups.", .min = 1, .max = DAXFS_MAX_AGS),
        DAXFS_FIELD(S, initialised_ags, 120, kDec,    "Groups 0 to n-1 have a head; moves last, fenced.", .min = 1, .max = DAXFS_MAX_AGS),
        DAXFS_FIELD(S, journal_count,   124, kDec,    "Journal slots.", .min = DAXFS_MIN_JOURNALS, .max = DAXFS_MAX_JOURNALS),
        DAXFS_FIELD(S, journal_blocks,  128, kDec,    "Blocks in one slot.", .min = DAXFS_MIN_JOURNAL_BLOCKS, .max = DAXFS_MAX_JOURNAL_BLOCKS),
        DAXFS_FIELD(S, ag_blocks_log2,  132, kDec,    "Blocks in an allocation group, as a power of two.", .min = DAXFS_MIN_AG_BLOCKS_LOG2, .max = DAXFS_MAX_AG_BLOCKS_LOG2),
        DAXFS_FIELD(S, block_log2,      133, kDec,    "Block size, as a power of two.", .min = DAXFS_BLOCK_SHIFT, .max = DAXFS_BLOCK_SHIFT),
        DAXFS_FIELD(S, inode_log2,      134, kDec,    "Inode size, as a power of two.", .min = DAXFS_INODE_SHIFT, .max = DAXFS_INODE_SHIFT),
        DAXFS_FIELD(S, reserved0,       135, kHidden, "Zero."),
        DAXFS_FIELD(S, label,           136, kString, "UTF-8."),
        DAXFS_FIELD(S, reserved,        200, kHidden, "Zero."),
    };
    // clang-format on
};

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/format/schema.h"

namespace daxfs {

inline constexpr std::array kAgMagics{
    NamedValue{DAXFS_AG_MAGIC, "DAXFS_AG_MAGIC", "bytes \"DXAG\""},
};
inline constexpr std::uint64_t kMaxAgBlocks = std::uint64_t{1} << DAXFS_MAX_AG_BLOCKS_LOG2;
// A head and the least behind it.
inline constexpr std::uint64_t kAgMinBlocks = DAXFS_HUGE_BLOCKS + DAXFS_MIN_AG_SPARE_BLOCKS;

template <>
struct Schema<daxfs_ag_header> {
    using S = daxfs_ag_header;
    static constexpr std::string_view kName = "daxfs_ag_header";
    static constexpr std::string_view kTitle = "allocation group header";
    // clang-format off
    static constexpr std::array kFields{
        DAXFS_FIELD(S, magic,          0, kMagic,  "Bytes \"DXAG\".", .names = kAgMagics),
        DAXFS_FIELD(S, crc,            4, kCrc,    "Of these 128 bytes; the map checksums behind them guard themselves."),
        DAXFS_FIELD(S, block,          8, kBlock,  "Its own address.", .min = 3),
        DAXFS_FIELD(S, nonce,         16, kHex,    "As in the superblock."),
        DAXFS_FIELD(S, agno,          24, kDec,    "Its own number.", .max = DAXFS_MAX_AGS - 1),
        DAXFS_FIELD(S, blocks,        28, kDec,    "In this group; fewer than in the others only in the last.", .min = kAgMinBlocks, .max = kMaxAgBlocks),
        DAXFS_FIELD(S, free_blocks,   32, kDec,    "Zero bits of the block bitmap.", .max = kMaxAgBlocks),
        DAXFS_FIELD(S, inode_blocks,  36, kDec,    "One bits of the inode map.", .max = kMaxAgBlocks),
        DAXFS_FIELD(S, free_inodes,   40, kDec,    "Inodes with mode 0 in those blocks.", .max = kMaxAgBlocks * DAXFS_INODES_PER_BLOCK),
        DAXFS_FIELD(S, orphan_groups, 44, kDec,    "One bits of the orphan map.", .max = kMaxAgBlocks / DAXFS_ORPHAN_BLOCKS),
        DAXFS_FIELD(S, reserved,      48, kHidden, "Zero."),
    };
    // clang-format on
};

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// The blocks of extent trees and directory trees: one header, and the entries of index nodes.
#pragma once

#include "lib/format/schema.h"

namespace daxfs {

inline constexpr std::array kNodeMagics{
    NamedValue{DAXFS_EXTENT_NODE_MAGIC, "DAXFS_EXTENT_NODE_MAGIC", "bytes \"DXEX\": extent tree"},
    NamedValue{DAXFS_DIR_NODE_MAGIC, "DAXFS_DIR_NODE_MAGIC", "bytes \"DXDR\": directory tree"},
};

template <>
struct Schema<daxfs_index_entry> {
    using S = daxfs_index_entry;
    static constexpr std::string_view kName = "daxfs_index_entry";
    static constexpr std::string_view kTitle = "index entry";
    // clang-format off
    static constexpr std::array kFields{
        DAXFS_FIELD(S, key,   0, kKey,   "First file block or first directory key below this entry; of the first entry of a tree 0.", .max = (1ull << 63) - 1),
        DAXFS_FIELD(S, block, 8, kBlock, "The child.", .min = 1),
    };
    // clang-format on
};

template <>
struct Schema<daxfs_node_header> {
    using S = daxfs_node_header;
    static constexpr std::string_view kName = "daxfs_node_header";
    static constexpr std::string_view kTitle = "tree node";
    // clang-format off
    static constexpr std::array kFields{
        DAXFS_FIELD(S, magic,             0, kMagic,  "Which tree the block belongs to.", .names = kNodeMagics),
        DAXFS_FIELD(S, crc,               4, kCrc,    "Of the header and its count entries; of a directory leaf the header alone."),
        DAXFS_FIELD(S, owner,             8, kInode,  "The inode whose tree it is.", .min = 1),
        DAXFS_FIELD(S, block,            16, kBlock,  "Its own address.", .min = 1),
        DAXFS_FIELD(S, low_key,          24, kKey,    "The key of its entry in the parent.", .max = (1ull << 63) - 1),
        DAXFS_FIELD(S, level,            32, kDec,    "0 is a leaf.", .max = DAXFS_MAX_TREE_HEIGHT - 1),
        DAXFS_FIELD(S, count,            34, kDec,    "Entries; in a directory leaf the live ones.", .max = DAXFS_NODE_INDEX),
        DAXFS_FIELD(S, owner_generation, 36, kHex,    "The inode's generation when the node was made."),
        DAXFS_FIELD(S, reserved,         40, kHidden, "Zero."),
    };
    // clang-format on
};

}  // namespace daxfs

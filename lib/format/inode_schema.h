// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/format/extent_schema.h"
#include "lib/format/node_schema.h"
#include "lib/format/schema.h"

namespace daxfs {

inline constexpr std::array kInodeMagics{
    NamedValue{DAXFS_INODE_MAGIC, "DAXFS_INODE_MAGIC", "bytes \"DXIN\""},
};
inline constexpr std::array kInodeFormats{
    NamedValue{DAXFS_FORMAT_NONE, "none", "devices, FIFOs, sockets; free inodes"},
    NamedValue{DAXFS_FORMAT_EXTENTS, "extents", "fork.extents[fork_count], sorted by file block"},
    NamedValue{DAXFS_FORMAT_EXTENT_TREE, "extent_tree", "fork.index[fork_count], children at level tree_height - 1"},
    NamedValue{DAXFS_FORMAT_INLINE, "inline", "fork.data[size]: the target of a short symbolic link"},
    NamedValue{DAXFS_FORMAT_DIRECTORY, "directory",
               "fork.index[fork_count], children at level tree_height - 1; an empty directory: both 0"},
};
inline constexpr std::array kInodeOperations{
    NamedValue{DAXFS_OPERATION_NONE, "none", "nothing in progress"},
    NamedValue{DAXFS_OPERATION_TRUNCATE, "truncate", "free every block at or behind file block operation_arg[0]"},
    NamedValue{
        DAXFS_OPERATION_COLLAPSE, "collapse",
        "free operation_arg[1] blocks from file block operation_arg[0] on, and move all behind them down by as many"},
};
inline constexpr std::array kInodeFlags{
    NamedValue{DAXFS_INODE_IMMUTABLE, "immutable", "no change at all"},
    NamedValue{DAXFS_INODE_APPEND, "append", "writes only append"},
    NamedValue{DAXFS_INODE_NOATIME, "noatime", "reads do not move atime"},
    NamedValue{DAXFS_INODE_NODUMP, "nodump", "backup programs skip it"},
    NamedValue{DAXFS_INODE_SYNC, "sync", "writes are synchronous"},
    NamedValue{DAXFS_INODE_DIRSYNC, "dirsync", "directory changes are synchronous (they always are)"},
    NamedValue{DAXFS_INODE_DAX, "dax", "mapped directly under dax=inode"},
};

template <>
struct Schema<daxfs_fork> {
    using S = daxfs_fork;
    static constexpr std::string_view kName = "daxfs_fork";
    static constexpr std::string_view kTitle = "inode fork";
    static constexpr std::uint32_t kIndexCases = 1u << DAXFS_FORMAT_EXTENT_TREE | 1u << DAXFS_FORMAT_DIRECTORY;
    // clang-format off
    static constexpr std::array kFields{
        DAXFS_FIELD(S, extents, 0, kStruct, "Under format extents.", .nested = &kSchema<daxfs_extent>, .cases = 1u << DAXFS_FORMAT_EXTENTS),
        DAXFS_FIELD(S, index,   0, kStruct, "Under formats extent_tree and directory.", .nested = &kSchema<daxfs_index_entry>, .cases = kIndexCases),
        DAXFS_FIELD(S, data,    0, kBytes,  "Under format inline.", .cases = 1u << DAXFS_FORMAT_INLINE),
    };
    // clang-format on
};

template <>
struct Schema<daxfs_inode> {
    using S = daxfs_inode;
    static constexpr std::string_view kName = "daxfs_inode";
    static constexpr std::string_view kTitle = "inode";
    static constexpr std::uint64_t kMaxNanoseconds = 999'999'999;
    // clang-format off
    static constexpr std::array kFields{
        DAXFS_FIELD(S, magic,           0, kMagic,  "Bytes \"DXIN\".", .names = kInodeMagics),
        DAXFS_FIELD(S, crc,             4, kCrc,    "Of these 512 bytes."),
        DAXFS_FIELD(S, ino,             8, kInode,  "Its own number.", .min = 1),
        DAXFS_FIELD(S, mode,           16, kMode,   "Type and permissions; 0 is a free inode."),
        DAXFS_FIELD(S, format,         18, kEnum,   "What the fork holds.", .names = kInodeFormats),
        DAXFS_FIELD(S, tree_height,    19, kDec,    "Levels of nodes below the fork; 0 without a tree.", .max = DAXFS_MAX_TREE_HEIGHT),
        DAXFS_FIELD(S, fork_count,     20, kDec,    "Entries in use in the fork.", .max = DAXFS_FORK_INDEX),
        DAXFS_FIELD(S, operation,      22, kEnum,   "A long operation cut into several transactions; recovery finishes it.", .names = kInodeOperations),
        DAXFS_FIELD(S, reserved0,      23, kHidden, "Zero."),
        DAXFS_FIELD(S, flags,          24, kFlags,  "Inode flags.", .max = DAXFS_INODE_FLAGS_KNOWN, .names = kInodeFlags),
        DAXFS_FIELD(S, nlink,          28, kDec,    "Names; 0 is an orphan, whose group's bit is set in the orphan map.", .max = DAXFS_LINK_MAX),
        DAXFS_FIELD(S, uid,            32, kDec,    "Owner."),
        DAXFS_FIELD(S, gid,            36, kDec,    "Group."),
        DAXFS_FIELD(S, project,        40, kDec,    "Project."),
        DAXFS_FIELD(S, generation,     44, kHex,    "Random at allocation."),
        DAXFS_FIELD(S, size,           48, kDec,    "In bytes; of a directory 4096 times its tree blocks.", .max = (1ull << 63) - 1),
        DAXFS_FIELD(S, blocks,         56, kDec,    "Data, tree and extended attribute blocks owned."),
        DAXFS_FIELD(S, atime_sec,      64, kTime,   "Last access."),
        DAXFS_FIELD(S, mtime_sec,      72, kTime,   "Last change of the content."),
        DAXFS_FIELD(S, ctime_sec,      80, kTime,   "Last change of content or inode."),
        DAXFS_FIELD(S, btime_sec,      88, kTime,   "Creation."),
        DAXFS_FIELD(S, atime_nsec,     96, kDec,    "Nanoseconds of atime.", .max = kMaxNanoseconds),
        DAXFS_FIELD(S, mtime_nsec,    100, kDec,    "Nanoseconds of mtime.", .max = kMaxNanoseconds),
        DAXFS_FIELD(S, ctime_nsec,    104, kDec,    "Nanoseconds of ctime.", .max = kMaxNanoseconds),
        DAXFS_FIELD(S, btime_nsec,    108, kDec,    "Nanoseconds of btime.", .max = kMaxNanoseconds),
        DAXFS_FIELD(S, change,        112, kDec,    "Change cookie (i_version)."),
        DAXFS_FIELD(S, parent,        120, kInode,  "A directory that names it, for reattaching; of a directory, the one."),
        DAXFS_FIELD(S, rdev_major,    128, kDec,    "Of a device node.", .max = 0xfff),
        DAXFS_FIELD(S, rdev_minor,    132, kDec,    "Of a device node.", .max = 0xfffff),
        DAXFS_FIELD(S, operation_arg, 136, kDec,    "Arguments of operation."),
        DAXFS_FIELD(S, xattr_block,   152, kBlock,  "Extended attributes; 0: none."),
        DAXFS_FIELD(S, fork,          160, kStruct, "The map of the file, as format says.", .nested = &kSchema<daxfs_fork>, .selector = "format"),
        DAXFS_FIELD(S, xattr_tail,    400, kHidden, "Zero until extended attributes exist."),
    };
    // clang-format on
};

}  // namespace daxfs

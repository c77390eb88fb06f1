// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/format/schema.h"

namespace daxfs {

inline constexpr std::array kDirentTypes{
    NamedValue{DAXFS_DIRENT_FREE, "free", "free space: name_length, key and ino are zero"},
    NamedValue{DAXFS_DIRENT_REG, "reg", "regular file"},
    NamedValue{DAXFS_DIRENT_DIR, "dir", "directory"},
    NamedValue{DAXFS_DIRENT_CHR, "chr", "character device"},
    NamedValue{DAXFS_DIRENT_BLK, "blk", "block device"},
    NamedValue{DAXFS_DIRENT_FIFO, "fifo", "FIFO"},
    NamedValue{DAXFS_DIRENT_SOCK, "sock", "socket"},
    NamedValue{DAXFS_DIRENT_LNK, "lnk", "symbolic link"},
};

template <>
struct Schema<daxfs_dirent> {
    using S = daxfs_dirent;
    static constexpr std::string_view kName = "daxfs_dirent";
    static constexpr std::string_view kTitle = "directory entry";
    static constexpr std::uint64_t kMaxLength = DAXFS_BLOCK_SIZE - DAXFS_DIR_LEAF_START;
    // clang-format off
    static constexpr std::array kFields{
        DAXFS_FIELD(S, crc,          0, kCrc,   "Of the first 24 + name_length bytes of the record."),
        DAXFS_FIELD(S, length,       4, kDec,   "Of the record: at least 24 + name_length bytes.", .min = sizeof(S), .max = kMaxLength, .multiple = 8),
        DAXFS_FIELD(S, name_length,  6, kDec,   "Bytes of name behind the entry: no slash, no NUL."),
        DAXFS_FIELD(S, type,         7, kEnum,  "Of the inode.", .names = kDirentTypes),
        DAXFS_FIELD(S, key,          8, kKey,   "Hash and ordinal; the readdir cookie.", .max = (1ull << 63) - 1),
        DAXFS_FIELD(S, ino,         16, kInode, "The inode that it names."),
    };
    // clang-format on
};

}  // namespace daxfs

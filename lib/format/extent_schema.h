// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/format/schema.h"

namespace daxfs {

inline constexpr std::array kExtentStates{
    NamedValue{DAXFS_EXTENT_WRITTEN, "written", "the blocks hold file data"},
    NamedValue{DAXFS_EXTENT_UNWRITTEN, "unwritten",
               "allocated, by fallocate(2) or direct I/O in flight; reads as zeros"},
};

template <>
struct Schema<daxfs_extent> {
    using S = daxfs_extent;
    static constexpr std::string_view kName = "daxfs_extent";
    static constexpr std::string_view kTitle = "extent";
    // clang-format off
    static constexpr std::array kFields{
        DAXFS_FIELD(S, file_block,  0, kDec,    "First block in the file.", .max = DAXFS_MAX_FILE_BLOCK),
        DAXFS_FIELD(S, disk_block,  8, kBlock,  "First block on the device.", .min = 1),
        DAXFS_FIELD(S, length,     16, kDec,    "Blocks in the run.", .min = 1),
        DAXFS_FIELD(S, state,      20, kEnum,   "Whether the blocks hold file data yet. 0 is no state, so that a zeroed extent is damage.", .names = kExtentStates),
        DAXFS_FIELD(S, reserved,   21, kHidden, "Zero."),
    };
    // clang-format on
};

}  // namespace daxfs

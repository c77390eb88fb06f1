// SPDX-License-Identifier: GPL-2.0-or-later
// Where copies of the superblock lie.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lib/base/strong.h"
#include "lib/format/daxfs_format.h"

namespace daxfs {

// Groups that have a copy of the superblock from mkfs on, if there are so many: those behind group 0 are not in use
// yet.
constexpr std::uint32_t kGroupsWithCopy = 3;

// Calls look(block) for the places where a copy is looked for when no superblock says where they are: group 0, where a
// small alignment shifts it, and the first groups of every size.
template <typename Look>
void for_each_copy_place(std::uint64_t device_blocks, const Look& look) {
    constexpr std::uint64_t kAlignmentsTried = 1024;
    constexpr std::uint64_t kAgsTried = 64;
    for (std::uint64_t block = DAXFS_MIN_ALIGN_BLOCKS; block < std::min(kAlignmentsTried, device_blocks); ++block)
        look(BlockNo{block});
    for (unsigned log2 = DAXFS_MAX_AG_BLOCKS_LOG2; log2 >= DAXFS_MIN_AG_BLOCKS_LOG2; --log2) {
        for (std::uint64_t ag = 1; ag <= kAgsTried && ag << log2 < device_blocks; ++ag)
            look(BlockNo{ag << log2});
    }
}

}  // namespace daxfs

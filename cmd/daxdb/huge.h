// SPDX-License-Identifier: GPL-2.0-or-later
// When blocks of a file can be one huge page.
#pragma once

#include "lib/tree/extent.h"
#include "lib/tree/volume.h"

namespace daxfs::daxdb {

inline constexpr std::uint64_t kHuge = DAXFS_HUGE_BLOCKS;

// Blocks of the device and of the file are equal modulo 2 MiB.
inline bool is_congruent(const Volume& volume, const Extent& extent) {
    return (extent.disk_block.value - volume.geometry.align_blocks - extent.file_block.value) % kHuge == 0;
}

}  // namespace daxfs::daxdb

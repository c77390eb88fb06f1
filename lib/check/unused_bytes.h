// SPDX-License-Identifier: GPL-2.0-or-later
// Bytes of a group header's block that belong to nothing: no checksum of a map that the group has lies there.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "lib/format/geometry.h"

namespace daxfs {

// [first, second) each, in bytes.
inline std::array<std::pair<std::size_t, std::size_t>, 3> unused_in_ag_header(const Geometry& geometry) {
    const std::size_t bitmap = std::size_t{4} * geometry.bitmap_blocks();
    const std::size_t orphans = std::size_t{4} * geometry.orphan_map_blocks();
    return {{{DAXFS_AG_BITMAP_CRCS + bitmap, DAXFS_AG_IMAP_CRCS},
             {DAXFS_AG_IMAP_CRCS + bitmap, DAXFS_AG_ORPHAN_CRCS},
             {DAXFS_AG_ORPHAN_CRCS + orphans, DAXFS_BLOCK_SIZE}}};
}

}  // namespace daxfs

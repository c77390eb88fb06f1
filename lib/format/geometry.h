// SPDX-License-Identifier: GPL-2.0-or-later
// Where everything lies, computed from a few superblock fields. Nothing here reads the device.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lib/base/checked.h"
#include "lib/base/strong.h"
#include "lib/format/daxfs_format.h"

namespace daxfs {

// A geometry is valid when `check_geometry` says so; its members may then be used without overflow checks.
struct Geometry {
    std::uint64_t block_count = 0;  // align_blocks and all AGs
    std::uint32_t align_blocks = 0;
    std::uint32_t ag_count = 0;
    std::uint8_t ag_blocks_log2 = 0;
    BlockNo journal_block;
    std::uint32_t journal_count = 0;
    std::uint32_t journal_blocks = 0;  // in one slot

    static Geometry of(const daxfs_super& super);

    std::uint64_t ag_blocks() const { return std::uint64_t{1} << ag_blocks_log2; }
    std::uint32_t bitmap_blocks() const {
        return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, ag_blocks() / DAXFS_BITS_PER_MAP_BLOCK));
    }
    std::uint32_t orphan_map_blocks() const {
        return static_cast<std::uint32_t>(
            std::max<std::uint64_t>(1, ag_blocks() / DAXFS_ORPHAN_BLOCKS / DAXFS_BITS_PER_MAP_BLOCK));
    }
    // Blocks of superblock copy, reserved blocks, header and maps.
    std::uint32_t map_end() const { return DAXFS_AG_BITMAP_BLOCK + 2 * bitmap_blocks() + orphan_map_blocks(); }
    std::uint32_t head_blocks() const { return round_up(map_end(), DAXFS_HUGE_BLOCKS); }

    BlockNo ag_start(AgNo ag) const { return BlockNo{align_blocks + (ag.value << ag_blocks_log2)}; }
    // Fewer than ag_blocks() only in the last AG.
    std::uint64_t ag_length(AgNo ag) const { return std::min(ag_blocks(), block_count - ag_start(ag).value); }
    // `block` is at least align_blocks.
    AgNo ag_of(BlockNo block) const { return AgNo{(block.value - align_blocks) >> ag_blocks_log2}; }

    BlockNo ag_header(AgNo ag) const { return ag_start(ag) + DAXFS_AG_HEADER_BLOCK; }
    BlockNo bitmap(AgNo ag) const { return ag_start(ag) + DAXFS_AG_BITMAP_BLOCK; }
    BlockNo inode_map(AgNo ag) const { return bitmap(ag) + bitmap_blocks(); }
    BlockNo orphan_map(AgNo ag) const { return inode_map(ag) + bitmap_blocks(); }

    BlockNo journal_slot(std::uint32_t id) const { return journal_block + std::uint64_t{id} * journal_blocks; }
    // Blocks at the start of `ag` that hold format structures of fixed place: maps, and in AG 0 the journals.
    std::uint64_t fixed_blocks(AgNo ag) const {
        return map_end() + (ag.value == 0 ? std::uint64_t{journal_count} * journal_blocks : 0);
    }
    bool contains(BlockNo block) const { return block.value >= align_blocks && block.value < block_count; }
};

inline Geometry Geometry::of(const daxfs_super& super) {
    return {.block_count = super.block_count,
            .align_blocks = super.align_blocks,
            .ag_count = super.ag_count,
            .ag_blocks_log2 = super.ag_blocks_log2,
            .journal_block = BlockNo{super.journal_block},
            .journal_count = super.journal_count,
            .journal_blocks = super.journal_blocks};
}

// What is wrong with `geometry` on a device of `device_blocks`, as one phrase; nullptr when nothing is. The journals
// start at map_end() of AG 0 and lie inside AG 0; the last AG holds its head and DAXFS_MIN_AG_SPARE_BLOCKS more.
const char* check_geometry(const Geometry& geometry, std::uint64_t device_blocks);

// Blocks to put before AG 0 so that AGs are 2 MiB aligned on a device whose first byte lies at this physical address
// (a multiple of 4096).
std::uint32_t align_blocks_for(std::uint64_t physical_start);

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Gives blocks of inodes back that hold none. The kernel does so itself, but for a few that it keeps for files to come,
// and those of the last seconds before a power cut; before it did, a filesystem could be full of them. Nothing is wrong
// with such blocks: this is no finding, and groups with so few of them that they may be kept are left alone.
//
// Trusts the passes: every inode of such a block checks out and is free.
#include <vector>

#include "lib/check/mending.h"

namespace daxfs {
namespace {

constexpr std::size_t kMayBeKept = 16;  // blocks in a group

bool is_empty(const InodeTable& inodes, std::size_t block) {
    for (std::size_t slot = 0; slot < DAXFS_INODES_PER_BLOCK; ++slot) {
        const InodeState& state = inodes.state(block * DAXFS_INODES_PER_BLOCK + slot);
        if (state.used() || state.damaged)
            return false;
    }
    return true;
}

// Ascending.
std::vector<BlockNo> blocks_to_give(const Checker& checker) {
    const InodeTable& inodes = checker.inodes;
    const Geometry& geometry = checker.volume.geometry;
    std::vector<BlockNo> blocks;
    std::size_t first_of_group = 0;
    const auto end_group = [&] {
        if (blocks.size() - first_of_group <= kMayBeKept)
            blocks.resize(first_of_group);
        first_of_group = blocks.size();
    };
    for (std::size_t i = 0; i < inodes.blocks().size(); ++i) {
        if (!is_empty(inodes, i))
            continue;
        const BlockNo block = inodes.blocks()[i];
        if (blocks.size() > first_of_group && geometry.ag_of(block) != geometry.ag_of(blocks.back()))
            end_group();
        blocks.push_back(block);
    }
    end_group();
    return blocks;
}

}  // namespace

std::uint64_t give_back_inode_blocks(Mending& m) {
    const std::vector<BlockNo> empty = blocks_to_give(m.checker);
    for (const BlockNo block : empty) {
        const AgNo ag = m.volume.geometry.ag_of(block);
        m.set_map_bit(ag, MapKind::kInodes, block - m.volume.geometry.ag_start(ag), false);
        m.checker.claims.release(block, 1);
        --m.checker.ags[ag.value].inode_blocks;
        m.checker.ags[ag.value].free_inodes -= DAXFS_INODES_PER_BLOCK;
    }
    if (!empty.empty())
        rewrite_maps(m);
    return empty.size();
}

}  // namespace daxfs

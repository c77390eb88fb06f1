// SPDX-License-Identifier: GPL-2.0-or-later
// Gives blocks of inodes back that hold none. The kernel does so itself, but for a few that it keeps for files to come,
// and those of the last seconds before a power cut; before it did, a filesystem could be full of them. Nothing is wrong
// with such blocks: this is no finding, and groups with so few of them that they may be kept are left alone.
//
// Trusts the passes: every inode of such a block checks out and is free.
#include <vector>

#include "lib/check/repair.h"
#include "lib/check/space_editor.h"

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

Result<std::uint64_t> give_back_inode_blocks(Checker& checker, Image& image) {
    const std::vector<BlockNo> empty = blocks_to_give(checker);
    if (empty.empty())
        return std::uint64_t{0};
    DAXFS_TRY_ASSIGN(RepairTransaction transaction, RepairTransaction::open(image, checker.volume));
    SpaceEditor editor(transaction, checker.volume, checker.claims);
    const auto commit = [&]() -> Result<void> {
        if (!editor.seal())
            return fail("{}: a map or its header is unreadable", image.path());
        return transaction.commit();
    };
    for (const BlockNo block : empty) {
        if (!transaction.has_room(RepairTransaction::cost(SpaceEditor::kLinesPerInodeBlock)))
            DAXFS_TRY(commit());
        if (!editor.free_inode_block(block))
            return fail("{}: block {}: a map or its header is unreadable", image.path(), block);
    }
    DAXFS_TRY(commit());
    return empty.size();
}

}  // namespace daxfs

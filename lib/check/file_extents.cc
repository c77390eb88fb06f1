// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/file_extents.h"

#include <algorithm>

#include "lib/tree/ag.h"
#include "lib/tree/extent.h"

namespace daxfs {
namespace {

std::uint64_t end_of(const daxfs_extent& extent) {
    return extent.file_block + extent.length;
}

// [from, end) of `extent`, which it holds.
daxfs_extent part_of(const daxfs_extent& extent, std::uint64_t from, std::uint64_t end) {
    daxfs_extent part = extent;
    part.file_block = from;
    part.disk_block = extent.disk_block + (from - extent.file_block);
    part.length = static_cast<std::uint32_t>(end - from);
    return part;
}

// A leaf that does not check out may still be the one: its extents are judged one by one.
bool looks_like_leaf_of(const TreeNode& node, InodeNo ino) {
    return node.level == 0 && node.header != nullptr && node.header->magic == DAXFS_EXTENT_NODE_MAGIC &&
           node.header->owner == ino.value && node.header->block == node.block.value;
}

bool is_plausible(const Mending& m, const daxfs_extent& extent) {
    if (check_extent(m.volume, extent, InodeNo{0}, BlockNo{0}, 0))
        return false;
    const BlockNo start{extent.disk_block};
    const AgNo ag = m.volume.geometry.ag_of(start);
    const AgMap bitmap(m.volume, ag, MapKind::kBlocks);
    const std::uint64_t first = start - m.volume.geometry.ag_start(ag);
    bool known = false;
    for (std::uint64_t bit = first; bit < first + extent.length; ++bit) {
        if (bit == first || bit % DAXFS_BITS_PER_MAP_BLOCK == 0)
            known = !bitmap.verify(static_cast<std::uint32_t>(bit / DAXFS_BITS_PER_MAP_BLOCK));
        if (m.checker.claims.is_claimed(bitmap.device_block(bit)) || (known && !bitmap.test(bit)))
            return false;
    }
    return true;
}

}  // namespace

// Into the gaps that are left for it.
void FileExtents::add(const daxfs_extent& extent) {
    std::uint64_t from = extent.file_block;
    const std::uint64_t end = end_of(extent);
    auto next = std::ranges::upper_bound(extents_, from, {}, [](const daxfs_extent& e) { return e.file_block; });
    if (next != extents_.begin())
        from = std::max(from, end_of(*std::prev(next)));
    while (from < end) {
        const std::uint64_t limit = next == extents_.end() ? end : std::min<std::uint64_t>(end, next->file_block);
        if (from < limit)
            next = std::next(extents_.insert(next, part_of(extent, from, limit)));
        if (next == extents_.end())
            break;
        from = end_of(*next);
        ++next;
    }
}

void FileExtents::add_if_free(Mending& m, const daxfs_extent& extent) {
    if (is_plausible(m, extent))
        add(extent);
}

FileExtents FileExtents::collect(Mending& m, const daxfs_inode& inode, InodeNo ino, LostLeaves* lost) {
    FileExtents found;
    std::vector<TreeNode> damaged;
    std::uint64_t mapped = 0;
    const auto add_sound = [&](std::span<const daxfs_extent> extents) {
        for (const daxfs_extent& extent : extents) {
            if (check_extent(m.volume, extent, ino, BlockNo{0}, 0))
                continue;
            mapped += extent.length;
            if (mapped <= m.volume.geometry.block_count)
                found.add(extent);
            else
                ++found.too_many_;
        }
    };
    if (inode.format == DAXFS_FORMAT_EXTENTS)
        add_sound({inode.fork.extents, std::min<std::size_t>(inode.fork_count, DAXFS_FORK_EXTENTS)});
    TreeCursor tree(m.volume, TreeKind::kExtents, inode);
    while (const auto node = tree.next()) {
        if (node->damage)
            damaged.push_back(*node);
        else if (node->level == 0)
            add_sound(leaf_extents(*node));
    }
    if (lost != nullptr) {
        const bool any_generation = m.memory.distrusted.contains(ino);
        for (const LostLeaf& leaf : lost->of(ino, TreeKind::kExtents)) {
            const TreeNode node{.block = leaf.block, .header = m.volume.image->at<daxfs_node_header>(leaf.block)};
            if (node.header != nullptr && (any_generation || leaf.generation == inode.generation)) {
                for (const daxfs_extent& extent : leaf_extents(node))
                    found.add_if_free(m, extent);
            }
        }
    }
    for (const TreeNode& node : damaged) {
        if (m.volume.is_allocatable(node.block) && looks_like_leaf_of(node, ino)) {
            for (const daxfs_extent& extent : leaf_extents(node))
                found.add_if_free(m, extent);
        }
        const auto at = std::ranges::lower_bound(found.extents_, node.low_key, {},
                                                 [](const daxfs_extent& e) { return std::uint64_t{e.file_block}; });
        if (at == found.extents_.end() || at->file_block >= node.high_key)
            found.gaps_.push_back({node.low_key, node.high_key});
    }
    return found;
}

Result<void> rebuild_file(Mending& m, InodeNo ino, daxfs_inode inode, std::vector<daxfs_extent> extents) {
    StagingSink sink(m.image());
    DAXFS_TRY_ASSIGN(const TreeRoot root, build_extent_tree(m.tree_target(ino, inode.generation, sink), extents));
    inode.fork = {};
    root.store_in(inode);
    std::uint64_t blocks = root.node_blocks;
    for (const daxfs_extent& extent : extents)
        blocks += extent.length;
    inode.blocks = blocks;
    m.store_inode(ino, inode);
    return {};
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/tree/extent.h"

#include <algorithm>

namespace daxfs {

std::optional<Damage> check_extent(const Volume& volume, const daxfs_extent& raw, InodeNo owner, BlockNo block,
                                   std::uint32_t offset) {
    Damage damage{.kind = DamageKind::kValue, .unit = Unit::kExtent, .block = block, .offset = offset, .owner = owner};
    const auto because = [&](DamageKind kind, const char* detail) {
        damage.kind = kind;
        damage.detail = detail;
        return damage;
    };
    if (raw.length == 0)
        return because(DamageKind::kValue, "length 0");
    if (raw.state != DAXFS_EXTENT_WRITTEN && raw.state != DAXFS_EXTENT_UNWRITTEN)
        return because(DamageKind::kValue, "unknown state");
    if (!range_inside<std::uint64_t>(raw.file_block, raw.length, DAXFS_MAX_FILE_BLOCK + 1))
        return because(DamageKind::kRange, "behind the largest file");
    if (!volume.is_allocatable(BlockNo{raw.disk_block}, raw.length)) {
        damage.found = raw.disk_block;
        return because(DamageKind::kRange, "blocks outside the data area of an allocation group");
    }
    return std::nullopt;
}

ExtentCursor::ExtentCursor(const Volume& volume, const daxfs_inode& inode, FileBlock from)
    : volume_(&volume), owner_{inode.ino}, from_(from) {
    if (inode.format == DAXFS_FORMAT_EXTENT_TREE) {
        tree_.emplace(volume, TreeKind::kExtents, inode, from.value);
        if (tree_->fork_damage())
            note(*tree_->fork_damage());
    } else if (inode.format == DAXFS_FORMAT_EXTENTS) {
        const std::size_t count = std::min<std::size_t>(inode.fork_count, DAXFS_FORK_EXTENTS);
        leaf_.assign(inode.fork.extents, inode.fork.extents + count);
        leaf_block_ = volume.block_of(owner_);
        leaf_offset_ = volume.offset_of(owner_) + offsetof(daxfs_inode, fork);
        leaf_high_ = UINT64_MAX;
    }
}

bool ExtentCursor::load_next_leaf() {
    if (!tree_)
        return false;
    while (const auto node = tree_->next()) {
        if (node->damage) {
            note(*node->damage);
        } else if (node->level == 0) {
            const auto extents = leaf_extents(*node);
            leaf_.assign(extents.begin(), extents.end());
            leaf_block_ = node->block;
            leaf_offset_ = sizeof(daxfs_node_header);
            end_ = std::max(end_, node->low_key);
            leaf_high_ = node->high_key;
            next_ = 0;
            return true;
        }
    }
    return false;
}

std::optional<Extent> ExtentCursor::next() {
    while (next_ < leaf_.size() || load_next_leaf()) {
        if (next_ == leaf_.size())
            continue;
        const std::uint32_t offset = leaf_offset_ + static_cast<std::uint32_t>(next_ * sizeof(daxfs_extent));
        const daxfs_extent& raw = leaf_[next_++];
        if (const auto damage = check_extent(*volume_, raw, owner_, leaf_block_, offset)) {
            note(*damage);
            continue;
        }
        if (raw.file_block < end_ || raw.file_block + raw.length > leaf_high_) {
            note({.kind = DamageKind::kOrder,
                  .unit = Unit::kExtent,
                  .block = leaf_block_,
                  .offset = offset,
                  .owner = owner_,
                  .detail = "outside the range left for it"});
            continue;
        }
        end_ = raw.file_block + raw.length;
        if (end_ <= from_.value)
            continue;
        return Extent{.file_block = FileBlock{raw.file_block},
                      .disk_block = BlockNo{raw.disk_block},
                      .length = raw.length,
                      .unwritten = raw.state == DAXFS_EXTENT_UNWRITTEN};
    }
    return std::nullopt;
}

std::optional<Extent> find_extent(const Volume& volume, const daxfs_inode& inode, FileBlock block) {
    ExtentCursor cursor(volume, inode, block);
    const auto extent = cursor.next();
    if (!extent || extent->file_block > block)
        return std::nullopt;
    return extent;
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/tree/node.h"

#include <algorithm>

namespace daxfs {
namespace {

constexpr std::uint64_t kEndOfKeys = UINT64_MAX;

Unit unit_of(TreeKind kind) {
    return kind == TreeKind::kExtents ? Unit::kExtentNode : Unit::kDirectoryNode;
}

std::uint32_t max_count(TreeKind kind, std::uint32_t level) {
    if (level > 0)
        return DAXFS_NODE_INDEX;
    if (kind == TreeKind::kExtents)
        return DAXFS_NODE_EXTENTS;
    return (DAXFS_BLOCK_SIZE - DAXFS_DIR_LEAF_START) / (sizeof(daxfs_dirent) + 8);
}

// The keys of an index node ascend from its own low key and end below its high key.
std::optional<Damage> check_keys(const TreeNode& node, Damage damage) {
    const auto entries = index_entries(node);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        damage.offset = static_cast<std::uint32_t>(sizeof(daxfs_node_header) + i * sizeof(daxfs_index_entry));
        damage.found = damage.expected = 0;
        if (i == 0 && entries[0].key != node.low_key) {
            damage.kind = DamageKind::kLowKey;
            damage.detail = "first key";
            damage.found = entries[0].key;
            damage.expected = node.low_key;
            return damage;
        }
        damage.kind = DamageKind::kOrder;
        damage.detail = "keys of an index node";
        if ((i > 0 && entries[i].key <= entries[i - 1].key) || entries[i].key >= node.high_key)
            return damage;
    }
    return std::nullopt;
}

}  // namespace

std::span<const daxfs_extent> leaf_extents(const TreeNode& leaf) {
    const auto* first = reinterpret_cast<const daxfs_extent*>(leaf.bytes() + sizeof(daxfs_node_header));
    return {first, std::min<std::size_t>(leaf.header->count, DAXFS_NODE_EXTENTS)};
}

std::span<const daxfs_index_entry> index_entries(const TreeNode& node) {
    const auto* first = reinterpret_cast<const daxfs_index_entry*>(node.bytes() + sizeof(daxfs_node_header));
    return {first, std::min<std::size_t>(node.header->count, DAXFS_NODE_INDEX)};
}

std::optional<Damage> check_node(const Volume& volume, TreeKind kind, InodeNo owner, const TreeNode& node) {
    Damage damage{.kind = DamageKind::kUnreadable, .unit = unit_of(kind), .block = node.block, .owner = owner};
    const auto differs = [&](DamageKind what, std::uint64_t found, std::uint64_t expected) {
        damage.kind = what;
        damage.found = found;
        damage.expected = expected;
        return found != expected;
    };
    if (!volume.is_allocatable(node.block)) {
        damage.kind = DamageKind::kRange;
        damage.detail = "no node can lie there";
        return damage;
    }
    if (node.header == nullptr)
        return damage;
    const daxfs_node_header& header = *node.header;
    const std::uint32_t magic = kind == TreeKind::kExtents ? DAXFS_EXTENT_NODE_MAGIC : DAXFS_DIR_NODE_MAGIC;
    if (differs(DamageKind::kMagic, header.magic, magic) ||
        differs(DamageKind::kChecksum, header.crc,
                node_checksum(volume.seed, BlockBytes{node.bytes(), DAXFS_BLOCK_SIZE})) ||
        differs(DamageKind::kOwner, header.owner, owner.value) ||
        differs(DamageKind::kAddress, header.block, node.block.value) ||
        differs(DamageKind::kLevel, header.level, node.level) ||
        differs(DamageKind::kLowKey, header.low_key, node.low_key))
        return damage;
    const std::uint32_t limit = max_count(kind, node.level);
    const bool may_be_empty = kind == TreeKind::kDirectory && node.level == 0;
    if (header.count > limit || (header.count == 0 && !may_be_empty)) {
        differs(DamageKind::kCount, header.count, limit);
        return damage;
    }
    return node.level > 0 ? check_keys(node, damage) : std::nullopt;
}

TreeCursor::TreeCursor(const Volume& volume, TreeKind kind, const daxfs_inode& inode, std::uint64_t from)
    : volume_(&volume), kind_(kind), owner_{inode.ino}, from_(from), fork_(inode.fork) {
    const auto wanted = kind == TreeKind::kExtents ? DAXFS_FORMAT_EXTENT_TREE : DAXFS_FORMAT_DIRECTORY;
    const std::uint32_t count = inode.fork_count;
    if (inode.format != wanted || count == 0)
        return;
    Damage damage{.kind = DamageKind::kCount,
                  .unit = Unit::kInode,
                  .block = volume.block_of(owner_),
                  .offset = volume.offset_of(owner_),
                  .owner = owner_,
                  .detail = "tree in the fork"};
    if (count > DAXFS_FORK_INDEX || inode.tree_height == 0 || inode.tree_height > DAXFS_MAX_TREE_HEIGHT) {
        fork_damage_ = damage;
        return;
    }
    damage.kind = DamageKind::kOrder;
    damage.detail = "keys of the tree in the fork";
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint64_t key = fork_.index[i].key;
        if (i == 0 ? key != 0 : key <= fork_.index[i - 1].key || key == kEndOfKeys) {
            fork_damage_ = damage;
            return;
        }
    }
    frames_.push_back({.block = BlockNo{0}, .level = inode.tree_height, .count = count, .high_key = kEndOfKeys});
}

daxfs_index_entry TreeCursor::entry(const Frame& frame, std::uint32_t index) const {
    if (frame.block.value == 0)
        return fork_.index[index];
    const std::size_t offset = sizeof(daxfs_node_header) + index * sizeof(daxfs_index_entry);
    const auto* raw = volume_->image->at<daxfs_index_entry>(frame.block, offset);
    return raw == nullptr ? daxfs_index_entry{} : *raw;
}

std::optional<TreeNode> TreeCursor::next() {
    while (!frames_.empty()) {
        Frame& frame = frames_.back();
        if (frame.next == frame.count) {
            frames_.pop_back();
            continue;
        }
        const daxfs_index_entry child = entry(frame, frame.next);
        ++frame.next;
        const std::uint64_t high =
            frame.next < frame.count ? std::uint64_t{entry(frame, frame.next).key} : frame.high_key;
        if (high <= from_)
            continue;
        TreeNode node{.block = BlockNo{child.block},
                      .level = frame.level - 1,
                      .low_key = child.key,
                      .high_key = high,
                      .header = volume_->image->at<daxfs_node_header>(BlockNo{child.block}),
                      .damage = std::nullopt};
        node.damage = check_node(*volume_, kind_, owner_, node);
        if (!node.damage && node.level > 0)
            frames_.push_back(
                {.block = node.block, .level = node.level, .count = node.header->count, .high_key = high});
        return node;
    }
    return std::nullopt;
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/directory_names.h"

#include <string_view>
#include <unordered_set>

#include "lib/tree/directory.h"

namespace daxfs {
namespace {

class NameCollector {
  public:
    NameCollector(Mending& m, const daxfs_inode& inode, InodeNo ino) : m_(m), inode_(inode), ino_(ino) {}

    FoundNames run(LostLeaves* lost) {
        TreeCursor tree(m_.volume, TreeKind::kDirectory, inode_);
        found_.lost_some = tree.fork_damage().has_value();
        while (const auto node = tree.next()) {
            if (!node->damage && node->level == 0)
                read_leaf(*node);
            else if (node->damage)
                damaged_.push_back(*node);
        }
        if (lost != nullptr)
            read_lost(*lost);
        for (const TreeNode& node : damaged_) {
            if (looks_like_leaf(node))
                search(node.bytes(), DAXFS_DIR_LEAF_START);
            found_.lost_some = true;
        }
        return std::move(found_);
    }

  private:
    void read_leaf(const TreeNode& leaf) {
        LeafCursor records(m_.volume, ino_, leaf);
        std::uint32_t end = DAXFS_DIR_LEAF_START;
        while (const auto record = records.next()) {
            end = record->offset + record->raw->length;
            add(leaf.bytes(), record->offset);
        }
        // Behind a record whose length breaks the chain others may be whole.
        if (records.damage())
            search(leaf.bytes(), end);
    }

    void read_lost(LostLeaves& lost) {
        const bool any_generation = m_.memory.distrusted.contains(ino_);
        for (const LostLeaf& leaf : lost.of(ino_, TreeKind::kDirectory)) {
            const auto* header = m_.volume.image->at<daxfs_node_header>(leaf.block);
            if (header != nullptr && (any_generation || leaf.generation == inode_.generation))
                read_leaf({.block = leaf.block, .high_key = UINT64_MAX, .header = header});
        }
    }

    bool looks_like_leaf(const TreeNode& node) const {
        return node.level == 0 && node.header != nullptr && m_.volume.is_allocatable(node.block) &&
               (node.header->magic == DAXFS_DIR_NODE_MAGIC || node.header->owner == ino_.value);
    }

    // Records begin at multiples of 8, and have checksums of their own.
    void search(const std::byte* leaf, std::uint32_t from) {
        while (from + sizeof(daxfs_dirent) <= DAXFS_BLOCK_SIZE)
            from += add(leaf, from) ? std::uint32_t{reinterpret_cast<const daxfs_dirent*>(leaf + from)->length} : 8;
    }

    // Whether a live record that checks out lies there.
    bool add(const std::byte* leaf, std::uint32_t offset) {
        const auto& raw = *reinterpret_cast<const daxfs_dirent*>(leaf + offset);
        const std::size_t room = DAXFS_BLOCK_SIZE - offset;
        const std::size_t named = sizeof(raw) + raw.name_length;
        if (named > room || raw.type == DAXFS_DIRENT_FREE || raw.type > DAXFS_DIRENT_LNK || raw.length < named ||
            raw.length % 8 != 0 || raw.length > room ||
            raw.crc != dirent_checksum(m_.volume.seed, {leaf + offset, room}))
            return false;
        const std::string_view name(reinterpret_cast<const char*>(&raw + 1), raw.name_length);
        if (name_fault(name) != nullptr)
            return true;
        if (seen_.emplace(name).second)
            found_.names.push_back({.key = 0, .ino = InodeNo{raw.ino}, .type = raw.type, .name = std::string(name)});
        return true;
    }

    Mending& m_;
    const daxfs_inode& inode_;
    InodeNo ino_;
    FoundNames found_;
    std::vector<TreeNode> damaged_;
    std::unordered_set<std::string> seen_;
};

}  // namespace

FoundNames collect_names(Mending& mending, const daxfs_inode& inode, InodeNo ino, LostLeaves* lost) {
    return NameCollector(mending, inode, ino).run(lost);
}

Result<void> rebuild_directory(Mending& m, InodeNo ino, daxfs_inode inode, std::vector<NewDirent> names) {
    DAXFS_TRY(assign_keys(m.volume.super, names));
    StagingSink sink(m.image());
    DAXFS_TRY_ASSIGN(const TreeRoot root, build_directory_tree(m.tree_target(ino, inode.generation, sink), names));
    inode.fork = {};
    root.store_in(inode);
    inode.blocks = root.node_blocks;
    inode.size = root.node_blocks * DAXFS_BLOCK_SIZE;
    m.store_inode(ino, inode);
    return {};
}

}  // namespace daxfs

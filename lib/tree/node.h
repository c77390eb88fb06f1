// SPDX-License-Identifier: GPL-2.0-or-later
// A walk over the nodes of an inode's extent tree or directory tree, parents before children, in key order.
//
// Ends on any input: a child must carry exactly the level below its parent's and, as low_key, exactly the key that
// leads to it; keys ascend inside their parent's range. So no node is entered twice and the depth is bounded.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lib/tree/damage.h"
#include "lib/tree/volume.h"

namespace daxfs {

enum class TreeKind : std::uint8_t { kExtents, kDirectory };

struct TreeNode {
    BlockNo block;
    std::uint32_t level = 0;                    // that its parent promises; 0 is a leaf
    std::uint64_t low_key = 0;                  // that its parent promises
    std::uint64_t high_key = 0;                 // first key behind it
    const daxfs_node_header* header = nullptr;  // of a 4096-byte block; nullptr when it is unreadable
    std::optional<Damage> damage;               // set: not entered, `header` is for display only

    const std::byte* bytes() const { return reinterpret_cast<const std::byte*>(header); }
};

// The header, checksum and (in an index node) the order of keys of one node.
std::optional<Damage> check_node(const Volume& volume, TreeKind kind, InodeNo owner, const TreeNode& node);

std::span<const daxfs_extent> leaf_extents(const TreeNode& leaf);        // of a node without damage
std::span<const daxfs_index_entry> index_entries(const TreeNode& node);  // of a node without damage

class TreeCursor {
  public:
    // Copies what it needs from `inode`. `from`: children that end before this key are passed over unread.
    TreeCursor(const Volume& volume, TreeKind kind, const daxfs_inode& inode, std::uint64_t from = 0);

    // Damage in the fork itself: then nothing (more) is walked.
    const std::optional<Damage>& fork_damage() const { return fork_damage_; }
    // The next node, damaged ones included; empty at the end.
    std::optional<TreeNode> next();

  private:
    struct Frame {
        BlockNo block;  // an index node; of the fork 0
        std::uint32_t level = 0;
        std::uint32_t next = 0;
        std::uint32_t count = 0;
        std::uint64_t high_key = 0;
    };
    daxfs_index_entry entry(const Frame& frame, std::uint32_t index) const;

    const Volume* volume_;
    TreeKind kind_;
    InodeNo owner_;
    std::uint64_t from_;
    daxfs_fork fork_;
    std::optional<Damage> fork_damage_;
    std::vector<Frame> frames_;  // at most DAXFS_MAX_TREE_HEIGHT
};

}  // namespace daxfs

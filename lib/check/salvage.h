// SPDX-License-Identifier: GPL-2.0-or-later
// Tree nodes that nothing leads to any more, found by what they say of themselves.
//
// A node that was freed still says the same, so one is believed only where the bitmap calls its block used and nobody
// owns it, and where it was made for this generation of its inode.
#pragma once

#include <span>
#include <vector>

#include "lib/check/checker.h"
#include "lib/tree/node.h"

namespace daxfs {

struct LostLeaf {
    InodeNo owner;
    BlockNo block;
    TreeKind kind{};
    std::uint64_t low_key = 0;
    std::uint32_t generation = 0;
};

class LostLeaves {
  public:
    // Looks at every block that no claim covers; once, when it is first asked.
    explicit LostLeaves(const Checker& checker) : checker_(checker) {}

    // Ascending by key.
    std::span<const LostLeaf> of(InodeNo owner, TreeKind kind);

  private:
    void search();
    void look_at(BlockNo block);

    const Checker& checker_;
    bool searched_ = false;
    std::vector<LostLeaf> leaves_;  // by owner, kind, key
};

}  // namespace daxfs

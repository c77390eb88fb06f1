// SPDX-License-Identifier: GPL-2.0-or-later
// Names both owners of blocks that were claimed twice, by a second walk over everything that owns blocks. Runs only
// when there are such blocks.
#include <algorithm>
#include <map>

#include "lib/check/checker.h"
#include "lib/tree/extent.h"

namespace daxfs {
namespace {

using Collision = ClaimMap::Collision;

class OwnerSearch {
  public:
    explicit OwnerSearch(Checker& checker)
        : checker_(checker), collisions_(checker.claims.collisions()), first_(collisions_.size(), kNobody) {
        for (std::size_t i = 0; i < collisions_.size(); ++i)
            longest_ = std::max(longest_, collisions_[i].length);
        for (std::size_t i = 0; i < collisions_.size(); ++i)
            by_start_.emplace(collisions_[i].start.value, i);
    }

    void run() {
        for (const BlockNo block : checker_.inodes.blocks())
            see(block, 1, InodeNo{0});
        for (std::size_t i = 0; i < checker_.inodes.size(); ++i) {
            const InodeState& state = checker_.inodes.state(i);
            if (state.used() && !state.damaged)
                walk(checker_.inodes.number(i), state.type == DAXFS_DIRENT_DIR);
        }
        for (std::size_t i = 0; i < collisions_.size(); ++i)
            checker_.report.add({.problem = Problem::kDoubleClaim,
                                 .ino = collisions_[i].owner,
                                 .block = collisions_[i].start,
                                 .at = (first_[i] == kNobody ? collisions_[i].owner : first_[i]).value,
                                 .count = collisions_[i].length,
                                 .detail = name_of(first_[i])});
    }

  private:
    static constexpr InodeNo kNobody{UINT64_MAX};

    static std::string name_of(InodeNo owner) {
        return owner == kNobody ? "itself" : owner.value == 0 ? "the inode map" : fmt::format("inode {}", owner);
    }

    void walk(InodeNo ino, bool directory) {
        const InodeReading reading = read_mapped_inode(checker_.volume, ino);
        if (reading.damage)
            return;
        TreeCursor tree(checker_.volume, directory ? TreeKind::kDirectory : TreeKind::kExtents, *reading.raw);
        while (const auto node = tree.next()) {
            if (!node->damage)
                see(node->block, 1, ino);
        }
        ExtentCursor extents(checker_.volume, *reading.raw);
        while (const auto extent = extents.next())
            see(extent->disk_block, extent->length, ino);
    }

    void see(BlockNo start, std::uint64_t length, InodeNo owner) {
        const std::uint64_t from = start.value < longest_ ? 0 : start.value - longest_;
        for (auto it = by_start_.lower_bound(from); it != by_start_.end() && it->first < start.value + length; ++it) {
            const Collision& collision = collisions_[it->second];
            const bool overlaps = start < collision.start + collision.length;
            if (overlaps && owner != collision.owner && first_[it->second] == kNobody)
                first_[it->second] = owner;
        }
    }

    Checker& checker_;
    const std::vector<Collision>& collisions_;
    std::vector<InodeNo> first_;  // who came first
    std::multimap<std::uint64_t, std::size_t> by_start_;
    std::uint64_t longest_ = 0;
};

}  // namespace

void name_collisions(Checker& checker) {
    if (!checker.claims.collisions().empty())
        OwnerSearch(checker).run();
}

}  // namespace daxfs

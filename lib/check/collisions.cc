// SPDX-License-Identifier: GPL-2.0-or-later
// Names both owners of blocks that were claimed twice, by a second walk over everything that owns blocks. Runs only
// when there are such blocks.
#include <map>
#include <unordered_map>

#include "lib/check/checker.h"
#include "lib/tree/extent.h"

namespace daxfs {
namespace {

using Collision = ClaimMap::Collision;

// Who owned first what is owned twice. Walks in the order in which the passes claim.
class OwnerSearch {
  public:
    explicit OwnerSearch(Checker& checker) : checker_(checker), collisions_(checker.claims.collisions()) { cut(); }

    void run() {
        for (const BlockNo block : checker_.inodes.blocks())
            see(block, 1, InodeNo{0});
        for (const bool directories : {false, true}) {
            for (std::size_t i = 0; i < checker_.inodes.size() && !open_.empty(); ++i) {
                const InodeState& state = checker_.inodes.state(i);
                if (state.used() && !state.damaged && (state.type == DAXFS_DIRENT_DIR) == directories)
                    walk(checker_.inodes.number(i), directories);
            }
        }
        for (const Collision& collision : collisions_) {
            const auto it = owners_.find(collision.start.value);
            const InodeNo first = it == owners_.end() ? collision.owner : it->second;
            checker_.report.add({.problem = Problem::kDoubleClaim,
                                 .ino = collision.owner,
                                 .block = collision.start,
                                 .at = first.value,
                                 .count = collision.length,
                                 .detail = first == collision.owner ? "itself" : name_of(first)});
        }
        checker_.report.add_unseen(Problem::kDoubleClaim, checker_.claims.collision_count() - collisions_.size());
    }

  private:
    static std::string name_of(InodeNo owner) {
        return owner.value == 0 ? "the inode map" : fmt::format("inode {}", owner);
    }

    // Runs of blocks that lie in the same collisions.
    void cut() {
        std::map<std::uint64_t, std::int64_t> changes;
        for (const Collision& collision : collisions_) {
            ++changes[collision.start.value];
            --changes[collision.start.value + collision.length];
        }
        std::int64_t covered = 0;
        for (auto it = changes.begin(); it != changes.end(); ++it) {
            covered += it->second;
            if (covered > 0)
                open_.emplace_hint(open_.end(), it->first, std::next(it)->first);
        }
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

    // A run whose first owner is known is not looked at again.
    void see(BlockNo start, std::uint64_t length, InodeNo owner) {
        auto it = open_.upper_bound(start.value);
        if (it != open_.begin() && std::prev(it)->second > start.value)
            --it;
        while (it != open_.end() && it->first < start.value + length) {
            owners_.emplace(it->first, owner);
            it = open_.erase(it);
        }
    }

    Checker& checker_;
    const std::vector<Collision>& collisions_;
    std::map<std::uint64_t, std::uint64_t> open_;        // [first, second) each
    std::unordered_map<std::uint64_t, InodeNo> owners_;  // by the first block of a run
};

}  // namespace

void name_collisions(Checker& checker) {
    if (!checker.claims.collisions().empty())
        OwnerSearch(checker).run();
}

}  // namespace daxfs

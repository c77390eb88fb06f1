// SPDX-License-Identifier: GPL-2.0-or-later
// The maps check out, the block bitmaps say what passes 1 to 3 claimed, and the counters of the AG headers add up.
//
// Trusts the claims. Where something that could own blocks was damaged, a used block without an owner proves nothing
// and is only counted.
#include <bit>

#include "lib/check/checker.h"
#include "lib/tree/ag.h"

namespace daxfs {
namespace {

class AgCheck {
  public:
    AgCheck(Checker& checker, AgNo ag) : checker_(checker), ag_(ag), bitmap_(checker.volume, ag, MapKind::kBlocks) {}

    void run() {
        check_checksums(bitmap_);
        check_checksums(AgMap(checker_.volume, ag_, MapKind::kOrphans));
        compare_bitmap();
        for (const MapKind kind : kAllMaps)
            check_tail(AgMap(checker_.volume, ag_, kind));
        if (checker_.ags[ag_.value].header_valid)
            check_counters();
    }

  private:
    // A run of blocks on which claims and bitmap disagree in one direction.
    struct Run {
        Problem problem;
        std::uint64_t start = 0;
        std::uint64_t length = 0;
    };

    void check_checksums(const AgMap& map) {
        for (std::uint32_t i = 0; i < map.blocks(); ++i) {
            const auto damage = map.verify(i);
            if (!damage)
                continue;
            const bool unreadable = damage->kind == DamageKind::kUnreadable;
            checker_.report.add({.problem = unreadable ? Problem::kMapUnreadable : Problem::kMapChecksum,
                                 .block = map.block(i),
                                 .ag = ag_,
                                 .found = damage->found,
                                 .expected = damage->expected,
                                 .detail = unit_name(map.unit())});
        }
    }

    // The bits of the map's last block that stand for nothing. Those of a short AG before its full length are compared
    // with the claims, which cover them.
    void check_tail(const AgMap& map) {
        const std::uint64_t full = checker_.volume.geometry.ag_blocks();
        const bool bitmap = map.unit() == Unit::kBlockBitmap;
        const std::uint64_t from = map.unit() == Unit::kOrphanMap ? full / DAXFS_ORPHAN_BLOCKS : full;
        const std::uint64_t right = bitmap ? ~std::uint64_t{0} : 0;
        for (std::uint64_t i = from / 64; i < std::uint64_t{map.blocks()} * DAXFS_BITS_PER_MAP_BLOCK / 64; ++i) {
            if (map.word(i) == right)
                continue;
            checker_.report.add({.problem = Problem::kMapTail,
                                 .block = map.block(static_cast<std::uint32_t>(i * 64 / DAXFS_BITS_PER_MAP_BLOCK)),
                                 .ag = ag_,
                                 .detail = unit_name(map.unit())});
            return;
        }
    }

    void compare_bitmap() {
        const std::uint64_t words = checker_.volume.geometry.ag_blocks() / 64;
        for (std::uint64_t i = 0; i < words; ++i) {
            const std::uint64_t used = bitmap_.word(i);
            const std::uint64_t claimed = checker_.claims.word(ag_, i);
            claimed_ += static_cast<unsigned>(std::popcount(claimed));
            marked_ += static_cast<unsigned>(std::popcount(used));
            extend(free_, i, claimed & ~used);
            extend(unowned_, i, used & ~claimed);
        }
        finish(free_);
        finish(unowned_);
    }

    void extend(Run& run, std::uint64_t word, std::uint64_t bits) {
        while (bits != 0) {
            const auto low = static_cast<unsigned>(std::countr_zero(bits));
            const auto length = static_cast<unsigned>(std::countr_one(bits >> low));
            const std::uint64_t start = word * 64 + low;
            if (run.length != 0 && run.start + run.length == start) {
                run.length += length;
            } else {
                finish(run);
                run.start = start;
                run.length = length;
            }
            bits &= length + low == 64 ? 0 : ~std::uint64_t{0} << (low + length);
        }
    }

    void finish(Run& run) {
        if (run.length == 0)
            return;
        if (run.problem == Problem::kBlockMarkedUsed && checker_.owners_incomplete)
            checker_.skipped_blocks += run.length;
        else
            checker_.report.add(
                {.problem = run.problem, .block = bitmap_.device_block(run.start), .ag = ag_, .count = run.length});
        run.length = 0;
    }

    void check_counters() {
        const Volume& volume = checker_.volume;
        const AgReading reading = read_ag_header(volume, ag_);
        if (reading.damage)
            return;
        const AgState& state = checker_.ags[ag_.value];
        const auto compare = [&](Problem problem, std::uint64_t found, std::uint64_t expected) {
            if (found != expected)
                checker_.report.add({.problem = problem,
                                     .block = volume.geometry.ag_header(ag_),
                                     .ag = ag_,
                                     .found = found,
                                     .expected = expected});
        };
        // What the bitmap will say once it is right.
        const std::uint64_t used = checker_.owners_incomplete ? marked_ : claimed_;
        compare(Problem::kFreeBlocksWrong, reading.raw->free_blocks, volume.geometry.ag_blocks() - used);
        compare(Problem::kInodeBlocksWrong, reading.raw->inode_blocks, state.inode_blocks);
        if (!checker_.owners_incomplete)
            compare(Problem::kFreeInodesWrong, reading.raw->free_inodes, state.free_inodes);
        compare(Problem::kOrphanGroupsWrong, reading.raw->orphan_groups, orphan_groups());
    }

    std::uint64_t orphan_groups() const {
        const AgMap map(checker_.volume, ag_, MapKind::kOrphans);
        std::uint64_t groups = 0;
        for (auto bit = map.next_set(0); bit; bit = map.next_set(*bit + 1))
            ++groups;
        return groups;
    }

    Checker& checker_;
    AgNo ag_;
    AgMap bitmap_;
    std::uint64_t claimed_ = 0;
    std::uint64_t marked_ = 0;
    Run free_{.problem = Problem::kBlockMarkedFree};
    Run unowned_{.problem = Problem::kBlockMarkedUsed};
};

}  // namespace

void check_maps(Checker& checker) {
    for (AgNo ag; ag.value < checker.volume.initialised_ags(); ++ag) {
        checker.tell(5, ag.value, checker.volume.initialised_ags());
        AgCheck(checker, ag).run();
    }
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Bitmaps, orphan maps and counters, written again from what the passes found. Every transaction leaves maps and their
// checksums in agreement; one that is missing is found and made by the next run.
#include <algorithm>
#include <bit>
#include <set>

#include "lib/check/repair.h"
#include "lib/check/space_editor.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kWordsPerBlock = DAXFS_BLOCK_SIZE / sizeof(std::uint64_t);

class MapRepair {
  public:
    MapRepair(Checker& checker, Image& image, RepairTransaction& transaction, AgNo ag)
        : checker_(checker),
          image_(image),
          transaction_(transaction),
          ag_(ag),
          editor_(transaction, checker.volume, checker.claims) {}

    Result<void> run() {
        std::uint64_t used = 0;
        const std::uint64_t words = checker_.volume.geometry.ag_blocks() / 64;
        for (std::uint64_t i = 0; i < words; ++i)
            used += static_cast<unsigned>(std::popcount(checker_.claims.word(ag_, i)));
        const auto free = static_cast<std::uint32_t>(checker_.volume.geometry.ag_blocks() - used);
        DAXFS_TRY(rewrite(MapKind::kBlocks, words, [&](std::uint64_t i) { return checker_.claims.word(ag_, i); }));
        const auto groups = orphan_words();
        DAXFS_TRY(rewrite(MapKind::kOrphans, groups.size(), [&](std::uint64_t i) { return groups[i]; }));
        std::uint32_t set = 0;
        for (const std::uint64_t word : groups)
            set += static_cast<unsigned>(std::popcount(word));
        const AgState& state = checker_.ags[ag_.value];
        if (!editor_.set_counters(ag_, free, state.inode_blocks, state.free_inodes, set))
            return unreadable();
        return commit();
    }

  private:
    template <typename Wanted>
    Result<void> rewrite(MapKind kind, std::uint64_t words, const Wanted& wanted) {
        const AgMap map(checker_.volume, ag_, kind);
        for (std::uint32_t block = 0; block < map.blocks(); ++block) {
            if (!transaction_.has_room(RepairTransaction::cost(kLinesPerBlock)))
                DAXFS_TRY(commit());
            if (map.verify(block))
                editor_.touch(ag_, kind, block);
            const std::uint64_t end = std::min(words, (block + 1) * kWordsPerBlock);
            for (std::uint64_t i = block * kWordsPerBlock; i < end; ++i) {
                if (map.word(i) != wanted(i) && !editor_.set_word(ag_, kind, i, wanted(i)))
                    return unreadable();
            }
        }
        return {};
    }

    std::vector<std::uint64_t> orphan_words() const {
        const Geometry& geometry = checker_.volume.geometry;
        std::vector<std::uint64_t> words(div_round_up<std::uint64_t>(geometry.ag_blocks(), DAXFS_ORPHAN_BLOCKS * 64));
        const auto first = std::ranges::lower_bound(checker_.recovery_groups, geometry.ag_start(ag_));
        for (auto it = first; it != checker_.recovery_groups.end() && geometry.ag_of(*it) == ag_; ++it) {
            const std::uint64_t bit = (*it - geometry.ag_start(ag_)) / DAXFS_ORPHAN_BLOCKS;
            words[bit / 64] |= std::uint64_t{1} << (bit % 64);
        }
        return words;
    }

    Result<void> commit() {
        if (!editor_.seal())
            return unreadable();
        return transaction_.commit();
    }

    tl::unexpected<Error> unreadable() const {
        return fail("{}: AG {}: a map or its header is unreadable", image_.path(), ag_);
    }

    // A map block, and in the header its checksum and the counters.
    static constexpr std::uint64_t kLinesPerBlock = 64 + 4;

    Checker& checker_;
    Image& image_;
    RepairTransaction& transaction_;
    AgNo ag_;
    SpaceEditor editor_;
};

constexpr Problem kOfMaps[] = {Problem::kBlockMarkedFree,   Problem::kBlockMarkedUsed,  Problem::kMapChecksum,
                               Problem::kFreeBlocksWrong,   Problem::kInodeBlocksWrong, Problem::kFreeInodesWrong,
                               Problem::kOrphanGroupsWrong, Problem::kOrphanBitStale,   Problem::kOrphanBitMissing};

bool is_of_maps(Problem problem) {
    return std::ranges::find(kOfMaps, problem) != std::end(kOfMaps);
}

AgNo ag_of(const Checker& checker, const Finding& finding) {
    // Findings about an inode carry its block, not its AG.
    return finding.ino.value != 0 ? checker.volume.geometry.ag_of(finding.block) : finding.ag;
}

}  // namespace

bool claims_are_complete(const Checker& checker) {
    return !checker.owners_incomplete && !checker.names_incomplete &&
           std::ranges::none_of(checker.report.counts(), [](const auto& entry) {
               const auto id = static_cast<unsigned>(entry.first);
               return id > 100 && id < 400;
           });
}

Result<void> repair_maps(Checker& checker, Image& image, bool also_corrupt) {
    if (!claims_are_complete(checker))
        return {};
    std::set<AgNo> wanted;
    std::set<AgNo> refused;
    for (const Finding& finding : checker.report.findings()) {
        if (!is_of_maps(finding.problem))
            continue;
        const AgNo ag = ag_of(checker, finding);
        wanted.insert(ag);
        if (!checker.ags[ag.value].header_valid || (finding.problem == Problem::kBlockMarkedFree && !also_corrupt))
            refused.insert(ag);
    }
    if (wanted.empty())
        return {};
    DAXFS_TRY_ASSIGN(RepairTransaction transaction, RepairTransaction::open(image, checker.volume));
    for (const AgNo ag : wanted) {
        if (refused.contains(ag))
            continue;
        DAXFS_TRY(MapRepair(checker, image, transaction, ag).run());
        for (const Problem problem : kOfMaps)
            checker.report.mark_fixed(problem, [&](const Finding& f) { return ag_of(checker, f) == ag; });
    }
    return {};
}

}  // namespace daxfs

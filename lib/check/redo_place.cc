// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/redo_place.h"

#include <algorithm>
#include <bit>

namespace daxfs {
namespace {

constexpr std::size_t kMostRuns = 256;
constexpr std::uint64_t kShortest = 2;

class FreeRuns {
  public:
    void add(BlockNo start, std::uint64_t length) {
        if (!runs_.empty() && runs_.back().start + runs_.back().length == start)
            runs_.back().length += length;
        else
            runs_.push_back({start, length});
        if (runs_.size() > 4 * kMostRuns)
            keep_longest();
    }

    std::vector<BlockRun> take() {
        keep_longest();
        std::erase_if(runs_, [](const BlockRun& run) { return run.length < kShortest; });
        return std::move(runs_);
    }

  private:
    void keep_longest() {
        std::ranges::sort(runs_, std::ranges::greater{}, &BlockRun::length);
        runs_.resize(std::min(runs_.size(), kMostRuns));
    }

    std::vector<BlockRun> runs_;
};

std::uint64_t owned_before(const Checker& before, const Checker& after, AgNo ag, std::uint64_t word) {
    // Another superblock may have been believed: then its claims say nothing of these blocks.
    const Geometry& was = before.volume.geometry;
    const Geometry& is = after.volume.geometry;
    const bool same = was.align_blocks == is.align_blocks && was.ag_blocks_log2 == is.ag_blocks_log2;
    return same && ag.value < before.volume.initialised_ags() ? before.claims.word(ag, word) : 0;
}

// Between rounds the next fsck.daxfs finds whatever came so far: what nothing reaches yet comes first, and what calls
// blocks free last.
int rank_of(const Checker& before, const Checker& after, BlockNo block) {
    const Geometry& geometry = after.volume.geometry;
    if (block.value == 0)
        return 3;
    if (!geometry.contains(block))
        return 1;
    const AgNo ag = geometry.ag_of(block);
    const std::uint64_t bit = block - geometry.ag_start(ag);
    if (bit < geometry.map_end())
        return 2;
    const bool fresh =
        ag.value < after.volume.initialised_ags() && (owned_before(before, after, ag, bit / 64) >> (bit % 64) & 1) == 0;
    return fresh ? 0 : 1;
}

}  // namespace

RedoPlace redo_place(const Checker& before, const Checker& after) {
    FreeRuns free;
    const Geometry& geometry = after.volume.geometry;
    for (AgNo ag; ag.value < after.volume.initialised_ags(); ++ag) {
        for (std::uint64_t i = 0; i < geometry.ag_blocks() / 64; ++i) {
            std::uint64_t open = ~(after.claims.word(ag, i) | owned_before(before, after, ag, i));
            while (open != 0) {
                const auto low = static_cast<unsigned>(std::countr_zero(open));
                const auto length = static_cast<unsigned>(std::countr_one(open >> low));
                free.add(geometry.ag_start(ag) + (i * 64 + low), length);
                open &= length + low == 64 ? 0 : ~std::uint64_t{0} << (low + length);
            }
        }
    }
    RedoPlace place{.runs = free.take(),
                    .rank = [&before, &after](BlockNo block) { return rank_of(before, after, block); }};
    if (place.runs.empty())
        place.runs = journal_runs(before.volume);
    return place;
}

}  // namespace daxfs

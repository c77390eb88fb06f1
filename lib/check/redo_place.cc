// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/redo_place.h"

#include <algorithm>
#include <bit>

#include "lib/tree/ag.h"

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

// Another superblock may have been believed: then what was found says nothing of these blocks.
bool same_places(const Checker& before, const Checker& after, AgNo ag) {
    const Geometry& was = before.volume.geometry;
    const Geometry& is = after.volume.geometry;
    return was.align_blocks == is.align_blocks && was.ag_blocks_log2 == is.ag_blocks_log2 &&
           ag.value < before.volume.initialised_ags();
}

std::uint64_t owned_before(const Checker& before, const Checker& after, AgNo ag, std::uint64_t word) {
    return same_places(before, after, ag) ? before.claims.word(ag, word) : 0;
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

std::vector<BlockRun> free_runs(const Checker& before, const Checker& after, const MarkedBlocks* marked) {
    FreeRuns free;
    const Geometry& geometry = after.volume.geometry;
    for (AgNo ag; ag.value < after.volume.initialised_ags(); ++ag) {
        const bool known = marked != nullptr && same_places(before, after, ag);
        for (std::uint64_t i = 0; i < geometry.ag_blocks() / 64; ++i) {
            std::uint64_t open =
                ~(after.claims.word(ag, i) | owned_before(before, after, ag, i) | (known ? marked->word(ag, i) : 0));
            while (open != 0) {
                const auto low = static_cast<unsigned>(std::countr_zero(open));
                const auto length = static_cast<unsigned>(std::countr_one(open >> low));
                free.add(geometry.ag_start(ag) + (i * 64 + low), length);
                open &= length + low == 64 ? 0 : ~std::uint64_t{0} << (low + length);
            }
        }
    }
    return free.take();
}

}  // namespace

MarkedBlocks::MarkedBlocks(const Checker& found) {
    if (!found.owners_incomplete)
        return;
    const Volume& volume = found.volume;
    words_ = volume.geometry.ag_blocks() / 64;
    bits_.reserve(volume.initialised_ags() * words_);
    constexpr std::uint64_t kWordsOfABlock = DAXFS_BITS_PER_MAP_BLOCK / 64;
    for (AgNo ag; ag.value < volume.initialised_ags(); ++ag) {
        const AgMap map(volume, ag, MapKind::kBlocks);
        bool sound = false;
        for (std::uint64_t i = 0; i < words_; ++i) {
            if (i % kWordsOfABlock == 0)
                sound = !map.verify(static_cast<std::uint32_t>(i / kWordsOfABlock));
            bits_.push_back(sound ? map.word(i) : ~std::uint64_t{0});
        }
    }
}

std::uint64_t MarkedBlocks::word(AgNo ag, std::uint64_t index) const {
    const std::uint64_t at = ag.value * words_ + index;
    return index < words_ && at < bits_.size() ? bits_[at] : 0;
}

std::vector<BlockRun> unmarked_runs(const Volume& volume) {
    FreeRuns free;
    for (AgNo ag; ag.value < volume.initialised_ags(); ++ag) {
        if (read_ag_header(volume, ag).damage)
            continue;
        const AgMap map(volume, ag, MapKind::kBlocks);
        bool sound = false;
        std::uint64_t verified = 0;  // bits before it are of map blocks that were
        for (auto run = map.run(volume.geometry.fixed_blocks(ag)); run; run = map.run(run->start + run->length)) {
            if (run->set)
                continue;
            // Piece by piece of one map block.
            for (std::uint64_t bit = run->start, end = bit + run->length; bit < end;) {
                const std::uint64_t index = bit / DAXFS_BITS_PER_MAP_BLOCK;
                if (bit >= verified) {
                    sound = !map.verify(static_cast<std::uint32_t>(index));
                    verified = (index + 1) * DAXFS_BITS_PER_MAP_BLOCK;
                }
                const std::uint64_t stop = std::min(end, (index + 1) * DAXFS_BITS_PER_MAP_BLOCK);
                if (sound)
                    free.add(map.device_block(bit), stop - bit);
                bit = stop;
            }
        }
    }
    return free.take();
}

RedoPlace redo_place(const Checker& before, const Checker& after, const MarkedBlocks& marked, bool may_lose) {
    RedoPlace place{.runs = free_runs(before, after, &marked),
                    .rank = [&before, &after](BlockNo block) { return rank_of(before, after, block); }};
    if (place.runs.empty())
        place.runs = journal_runs(before.volume);
    if (place.runs.empty() && may_lose)
        place.runs = free_runs(before, after, nullptr);
    return place;
}

}  // namespace daxfs

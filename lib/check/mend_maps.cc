// SPDX-License-Identifier: GPL-2.0-or-later
// Bitmaps, orphan maps and counters, written again from what the passes found.
//
// Trusts the claims: nothing that could own a block is unknown.
#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "lib/check/mending.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kWordsPerBlock = DAXFS_BLOCK_SIZE / sizeof(std::uint64_t);

class MapMend {
  public:
    MapMend(Mending& m, AgNo ag) : m_(m), ag_(ag) {}

    void run() {
        const std::uint64_t words = m_.volume.geometry.ag_blocks() / 64;
        std::uint64_t used = 0;
        for (std::uint64_t i = 0; i < words; ++i)
            used += static_cast<unsigned>(std::popcount(m_.checker.claims.word(ag_, i)));
        rewrite(MapKind::kBlocks, words, [&](std::uint64_t i) { return m_.checker.claims.word(ag_, i); });
        const std::vector<std::uint64_t> groups = orphan_words();
        std::uint64_t set = 0;
        for (const std::uint64_t word : groups)
            set += static_cast<unsigned>(std::popcount(word));
        rewrite(MapKind::kOrphans, groups.size(), [&](std::uint64_t i) { return groups[i]; });
        rewrite_counters(m_.volume.geometry.ag_blocks() - used, set);
    }

  private:
    template <typename Wanted>
    void rewrite(MapKind kind, std::uint64_t words, const Wanted& wanted) {
        const AgMap map(m_.volume, ag_, kind);
        for (std::uint32_t block = 0; block < map.blocks(); ++block) {
            const std::uint64_t first = block * kWordsPerBlock;
            // Behind the end of the AG the bitmap calls everything used.
            const std::uint64_t behind = kind == MapKind::kBlocks ? ~std::uint64_t{0} : 0;
            const auto word = [&](std::uint64_t i) { return i < words ? wanted(i) : behind; };
            bool differs = map.verify(block).has_value();
            for (std::uint64_t i = first; i < first + kWordsPerBlock && !differs; ++i)
                differs = map.word(i) != word(i);
            if (!differs)
                continue;
            auto* stored = m_.edit<daxfs_le64>(map.block(block));
            for (std::uint64_t i = first; i < first + kWordsPerBlock; ++i)
                stored[i - first] = word(i);
            m_.seal_map(ag_, kind, block);
        }
    }

    std::vector<std::uint64_t> orphan_words() const {
        const Geometry& geometry = m_.volume.geometry;
        std::vector<std::uint64_t> words(div_round_up<std::uint64_t>(geometry.ag_blocks(), DAXFS_ORPHAN_BLOCKS * 64));
        const auto& groups = m_.checker.recovery_groups;
        const auto first = std::ranges::lower_bound(groups, geometry.ag_start(ag_));
        for (auto it = first; it != groups.end() && geometry.ag_of(*it) == ag_; ++it) {
            const std::uint64_t bit = (*it - geometry.ag_start(ag_)) / DAXFS_ORPHAN_BLOCKS;
            words[bit / 64] |= std::uint64_t{1} << (bit % 64);
        }
        return words;
    }

    void rewrite_counters(std::uint64_t free_blocks, std::uint64_t orphan_groups) {
        const AgState& state = m_.checker.ags[ag_.value];
        const AgReading reading = read_ag_header(m_.volume, ag_);
        if (reading.damage)
            return;
        daxfs_ag_header header = *reading.raw;
        header.free_blocks = static_cast<std::uint32_t>(free_blocks);
        header.inode_blocks = state.inode_blocks;
        header.free_inodes = state.free_inodes;
        header.orphan_groups = static_cast<std::uint32_t>(orphan_groups);
        header.crc = checksum(m_.volume.seed, header);
        if (std::memcmp(&header, reading.raw, sizeof(header)) != 0)
            m_.store(m_.volume.geometry.ag_header(ag_), 0, std::as_bytes(std::span(&header, 1)));
    }

    Mending& m_;
    AgNo ag_;
};

}  // namespace

void rewrite_maps(Mending& m) {
    for (AgNo ag; ag.value < m.volume.initialised_ags(); ++ag)
        MapMend(m, ag).run();
}

Result<void> mend_maps(Mending& m) {
    if (m.is_structure_sound())
        rewrite_maps(m);
    return {};
}

Result<void> mend_state(Mending& m) {
    if (!m.has_work(Problem::kSuperStateErrors) || m.volume.super_block.value != 0 || m.volume.primary_damage)
        return {};
    daxfs_super super = m.volume.super;
    super.state = super.state & ~DAXFS_STATE_ERRORS;
    super.crc = checksum(m.volume.seed, super);
    m.store(BlockNo{0}, 0, std::as_bytes(std::span(&super, 1)));
    return {};
}

}  // namespace daxfs

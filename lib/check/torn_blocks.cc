// SPDX-License-Identifier: GPL-2.0-or-later
// Metadata that memory has failed under, in part: what the passes could read of it, they have judged. A block of which
// nothing can be read is theirs to name, but for what no pass reads: the bodies of journals.
//
// Trusts the passes: of what inodes own only nodes that check out count, since a pointer may lead anywhere.
#include <algorithm>

#include "lib/check/checker.h"

namespace daxfs {
namespace {

void add(Checker& checker, BlockNo block, std::uint64_t lost_bytes) {
    checker.report.add({.problem = Problem::kBlockTorn, .block = block, .count = lost_bytes});
}

bool is_fixed(const Volume& volume, BlockNo block) {
    const Geometry& geometry = volume.geometry;
    if (!geometry.contains(block))
        return block.value == 0 || block.value == DAXFS_INTENT_BLOCK_A || block.value == DAXFS_INTENT_BLOCK_B;
    const AgNo ag = geometry.ag_of(block);
    return ag.value < volume.initialised_ags() && block - geometry.ag_start(ag) < geometry.fixed_blocks(ag);
}

void check_journals(Checker& checker) {
    const Geometry& geometry = checker.volume.geometry;
    const Image& image = *checker.volume.image;
    const ByteOffset start{geometry.journal_block.value * DAXFS_BLOCK_SIZE};
    const std::uint64_t length = std::uint64_t{geometry.journal_count} * geometry.journal_blocks * DAXFS_BLOCK_SIZE;
    for (const ByteRange& bad : image.bad_blocks().inside(start, length)) {
        for (BlockNo block{bad.start.value / DAXFS_BLOCK_SIZE}; block.value * DAXFS_BLOCK_SIZE < bad.end(); ++block) {
            const bool is_header = (block - geometry.journal_block) % geometry.journal_blocks == 0;
            if (is_header || image.is_staged(block) || image.is_torn(block))
                continue;
            const std::uint64_t from = block.value * DAXFS_BLOCK_SIZE;
            add(checker, block,
                std::min(bad.end(), from + DAXFS_BLOCK_SIZE) - std::max<std::uint64_t>(bad.start.value, from));
        }
    }
}

}  // namespace

void check_torn_blocks(Checker& checker) {
    check_journals(checker);
    std::ranges::sort(checker.torn);
    for (const Image::TornBlock& torn : checker.volume.image->torn_blocks()) {
        if (is_fixed(checker.volume, torn.block) || std::ranges::binary_search(checker.torn, torn.block))
            add(checker, torn.block, torn.lost_bytes);
    }
}

}  // namespace daxfs

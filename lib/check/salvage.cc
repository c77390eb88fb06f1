// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/salvage.h"

#include <algorithm>
#include <bit>
#include <tuple>

#include "lib/tree/ag.h"
#include "lib/tree/node.h"

namespace daxfs {
namespace {

auto place_of(const LostLeaf& leaf) {
    return std::tuple(leaf.owner, leaf.kind, leaf.low_key);
}

}  // namespace

void LostLeaves::look_at(BlockNo block) {
    const Volume& volume = checker_.volume;
    const auto* header = volume.image->at<daxfs_node_header>(block);
    if (header == nullptr || header->level != 0 || header->block != block.value)
        return;
    const bool extents = header->magic == DAXFS_EXTENT_NODE_MAGIC;
    if (!extents && header->magic != DAXFS_DIR_NODE_MAGIC)
        return;
    const auto* bytes = reinterpret_cast<const std::byte*>(header);
    if (header->crc == node_checksum(volume.seed, BlockBytes{bytes, DAXFS_BLOCK_SIZE}))
        leaves_.push_back({.owner = InodeNo{header->owner},
                           .block = block,
                           .kind = extents ? TreeKind::kExtents : TreeKind::kDirectory,
                           .low_key = header->low_key,
                           .generation = header->owner_generation});
}

void LostLeaves::search() {
    const Volume& volume = checker_.volume;
    for (AgNo ag; ag.value < volume.initialised_ags(); ++ag) {
        const AgMap bitmap(volume, ag, MapKind::kBlocks);
        bool damaged = false;
        for (std::uint64_t i = 0; i < volume.geometry.ag_blocks() / 64; ++i) {
            // A bitmap that does not check out says nothing.
            if (i * 64 % DAXFS_BITS_PER_MAP_BLOCK == 0)
                damaged = bitmap.verify(static_cast<std::uint32_t>(i * 64 / DAXFS_BITS_PER_MAP_BLOCK)).has_value();
            const std::uint64_t used = damaged ? ~std::uint64_t{0} : bitmap.word(i);
            for (std::uint64_t bits = used & ~checker_.claims.word(ag, i); bits != 0; bits &= bits - 1)
                look_at(volume.geometry.ag_start(ag) + (i * 64 + static_cast<unsigned>(std::countr_zero(bits))));
        }
    }
    std::ranges::sort(leaves_, {}, place_of);
}

std::span<const LostLeaf> LostLeaves::of(InodeNo owner, TreeKind kind) {
    if (!searched_)
        search();
    searched_ = true;
    const auto same = std::ranges::equal_range(leaves_, std::tuple(owner, kind), {},
                                               [](const LostLeaf& leaf) { return std::tuple(leaf.owner, leaf.kind); });
    return {same.begin(), same.end()};
}

}  // namespace daxfs

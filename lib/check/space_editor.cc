// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/space_editor.h"

#include <algorithm>
#include <bit>

namespace daxfs {
namespace {

constexpr std::uint64_t kWordsPerBlock = DAXFS_BLOCK_SIZE / sizeof(std::uint64_t);

std::uint32_t crc_offset(MapKind kind) {
    switch (kind) {
        case MapKind::kBlocks:
            return DAXFS_AG_BITMAP_CRCS;
        case MapKind::kInodes:
            return DAXFS_AG_IMAP_CRCS;
        case MapKind::kOrphans:
            return DAXFS_AG_ORPHAN_CRCS;
    }
    return 0;
}

}  // namespace

// A line of bitmap is DAXFS_HUGE_BLOCKS blocks. Each AG adds its header, and each map block a checksum in it.
std::uint64_t SpaceEditor::lines_to_free(const std::vector<OwnedRun>& runs) const {
    std::uint64_t lines = 0;
    std::uint64_t next_line = 0;
    std::uint64_t next_map = 0;
    std::uint64_t next_ag = 0;
    const auto count = [&lines](std::uint64_t first, std::uint64_t last, std::uint64_t& next, std::uint64_t each) {
        first = std::max(first, next);
        if (last >= first)
            lines += (last - first + 1) * each;
        next = std::max(next, last + 1);
    };
    for (const OwnedRun& run : runs) {
        const std::uint64_t first = run.start.value - volume_.geometry.align_blocks;
        const std::uint64_t last = first + run.length - 1;
        count(first / DAXFS_HUGE_BLOCKS, last / DAXFS_HUGE_BLOCKS, next_line, 1);
        count(first / DAXFS_BITS_PER_MAP_BLOCK, last / DAXFS_BITS_PER_MAP_BLOCK, next_map, 1);
        count(first >> volume_.geometry.ag_blocks_log2, last >> volume_.geometry.ag_blocks_log2, next_ag, 3);
    }
    return lines;
}

daxfs_ag_header* SpaceEditor::header(AgNo ag) {
    headers_.insert(ag);
    return transaction_.edit_as<daxfs_ag_header>(volume_.geometry.ag_header(ag), 0);
}

bool SpaceEditor::set_word(AgNo ag, MapKind kind, std::uint64_t index, std::uint64_t bits) {
    const auto map_block = static_cast<std::uint32_t>(index / kWordsPerBlock);
    const BlockNo block = AgMap(volume_, ag, kind).block(map_block);
    auto* word = transaction_.edit_as<daxfs_le64>(
        block, static_cast<std::uint32_t>(index % kWordsPerBlock * sizeof(std::uint64_t)));
    if (word == nullptr)
        return false;
    *word = bits;
    touch(ag, kind, map_block);
    return true;
}

bool SpaceEditor::set_bits(AgNo ag, MapKind kind, std::uint64_t from, std::uint64_t length, bool value) {
    const AgMap map(volume_, ag, kind);
    for (std::uint64_t bit = from; bit < from + length;) {
        const std::uint64_t index = bit / 64;
        const std::uint64_t count = std::min(from + length - bit, 64 - bit % 64);
        const std::uint64_t ones = count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
        const std::byte* block = transaction_.read(map.block(static_cast<std::uint32_t>(index / kWordsPerBlock)));
        if (block == nullptr)
            return false;
        const std::uint64_t old = reinterpret_cast<const daxfs_le64*>(block)[index % kWordsPerBlock];
        const std::uint64_t mask = ones << (bit % 64);
        if (!set_word(ag, kind, index, value ? old | mask : old & ~mask))
            return false;
        bit += count;
    }
    return true;
}

bool SpaceEditor::free(OwnedRun run) {
    const AgNo ag = volume_.geometry.ag_of(run.start);
    daxfs_ag_header* counts = header(ag);
    if (counts == nullptr ||
        !set_bits(ag, MapKind::kBlocks, run.start - volume_.geometry.ag_start(ag), run.length, false))
        return false;
    counts->free_blocks = static_cast<std::uint32_t>(counts->free_blocks + run.length);
    claims_.release(run.start, run.length);
    return true;
}

std::optional<BlockNo> SpaceEditor::allocate(AgNo near, InodeNo owner) {
    const std::uint64_t ags = volume_.initialised_ags();
    for (std::uint64_t i = 0; i < ags; ++i) {
        const AgNo ag{(near.value + i) % ags};
        const std::uint64_t words = volume_.geometry.ag_blocks() / 64;
        for (std::uint64_t index = 0; index < words; ++index) {
            const std::uint64_t claimed = claims_.word(ag, index);
            if (claimed == ~std::uint64_t{0})
                continue;
            const std::uint64_t bit = index * 64 + static_cast<unsigned>(std::countr_one(claimed));
            const BlockNo block = volume_.geometry.ag_start(ag) + bit;
            daxfs_ag_header* counts = header(ag);
            if (counts == nullptr || !set_bits(ag, MapKind::kBlocks, bit, 1, true))
                return std::nullopt;
            counts->free_blocks = counts->free_blocks - 1;
            claims_.claim(block, 1, owner);
            return block;
        }
    }
    return std::nullopt;
}

bool SpaceEditor::free_inode(InodeNo ino) {
    auto* inode = transaction_.edit_as<daxfs_inode>(volume_.block_of(ino), volume_.offset_of(ino));
    daxfs_ag_header* counts = header(volume_.geometry.ag_of(volume_.block_of(ino)));
    if (inode == nullptr || counts == nullptr)
        return false;
    const std::uint32_t generation = inode->generation;
    *inode = daxfs_inode{};
    inode->magic = DAXFS_INODE_MAGIC;
    inode->ino = ino.value;
    inode->generation = generation;
    inode->crc = checksum(volume_.seed, *inode);
    counts->free_inodes = counts->free_inodes + 1;
    return true;
}

bool SpaceEditor::free_inode_block(BlockNo block) {
    const AgNo ag = volume_.geometry.ag_of(block);
    daxfs_ag_header* counts = header(ag);
    if (counts == nullptr || !free({block, 1}) ||
        !set_bits(ag, MapKind::kInodes, block - volume_.geometry.ag_start(ag), 1, false))
        return false;
    counts->inode_blocks = counts->inode_blocks - 1;
    counts->free_inodes = counts->free_inodes - DAXFS_INODES_PER_BLOCK;
    return true;
}

bool SpaceEditor::clear_orphan_group(BlockNo group) {
    const AgNo ag = volume_.geometry.ag_of(group);
    const std::uint64_t bit = (group - volume_.geometry.ag_start(ag)) / DAXFS_ORPHAN_BLOCKS;
    daxfs_ag_header* counts = header(ag);
    if (counts == nullptr || !set_bits(ag, MapKind::kOrphans, bit, 1, false))
        return false;
    counts->orphan_groups = counts->orphan_groups - 1;
    return true;
}

bool SpaceEditor::set_counters(AgNo ag, std::uint32_t free_blocks, std::uint32_t inode_blocks,
                               std::uint32_t free_inodes, std::uint32_t orphan_groups) {
    daxfs_ag_header* counts = header(ag);
    if (counts == nullptr)
        return false;
    counts->free_blocks = free_blocks;
    counts->inode_blocks = inode_blocks;
    counts->free_inodes = free_inodes;
    counts->orphan_groups = orphan_groups;
    return true;
}

bool SpaceEditor::seal() {
    for (const TouchedMap& touched : maps_) {
        const BlockNo block = AgMap(volume_, touched.ag, touched.kind).block(touched.block);
        const std::byte* bytes = transaction_.read(block);
        const auto offset = static_cast<std::uint32_t>(crc_offset(touched.kind) + touched.block * sizeof(daxfs_le32));
        auto* crc = transaction_.edit_as<daxfs_le32>(volume_.geometry.ag_header(touched.ag), offset);
        if (bytes == nullptr || crc == nullptr)
            return false;
        *crc = map_checksum(volume_.seed, block, BlockBytes{bytes, DAXFS_BLOCK_SIZE});
    }
    for (const AgNo ag : headers_) {
        daxfs_ag_header* counts = header(ag);
        counts->crc = checksum(volume_.seed, *counts);
    }
    maps_.clear();
    headers_.clear();
    return true;
}

}  // namespace daxfs

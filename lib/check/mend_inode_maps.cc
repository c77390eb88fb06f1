// SPDX-License-Identifier: GPL-2.0-or-later
// Which blocks hold inodes. A block is one of inodes if one of its eight checks out: their checksums are seeded with
// the filesystem's nonce, and each says its own number, so nothing else at that place looks like one. A block given
// back may still look so, but holds free inodes alone: what the map does not have needs an inode in use.
//
// Trusts the geometry.
#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <vector>

#include "lib/base/zeros.h"
#include "lib/check/mending.h"
#include "lib/tree/inode.h"

namespace daxfs {
namespace {

struct BlockOfInodes {
    bool valid = false;  // one checks out
    bool used = false;   // and one of those is in use
};

BlockOfInodes look(const Volume& volume, BlockNo block) {
    BlockOfInodes found;
    for (std::uint32_t i = 0; i < DAXFS_INODES_PER_BLOCK; ++i) {
        const InodeReading reading = read_mapped_inode(volume, InodeNo{block.value * DAXFS_INODES_PER_BLOCK + i});
        if (reading.damage)
            continue;
        found.valid = true;
        found.used = found.used || !is_free(*reading.raw);
    }
    return found;
}

// What the block of the map should say; false: -p has to leave it.
bool survey(Mending& m, const AgMap& map, std::uint32_t map_block, std::vector<std::uint64_t>& words) {
    const std::uint64_t first = std::uint64_t{map_block} * DAXFS_BITS_PER_MAP_BLOCK;
    const std::uint64_t end = std::min<std::uint64_t>(first + DAXFS_BITS_PER_MAP_BLOCK, map.bits());
    for (std::uint64_t bit = first; bit < end; ++bit) {
        const BlockNo block = map.device_block(bit);
        if (!m.volume.is_allocatable(block))
            continue;
        const bool marked = map.test(bit);
        if (!marked && m.checker.claims.is_claimed(block))
            continue;
        const BlockOfInodes found = look(m.volume, block);
        if (marked && !found.valid && !m.may_lose())
            return false;
        if (marked ? found.valid : found.used)
            words[(bit - first) / 64] |= std::uint64_t{1} << (bit % 64);
    }
    return true;
}

void mend_map(Mending& m, AgNo ag, BlockNo block) {
    const AgMap map(m.volume, ag, MapKind::kInodes);
    const auto map_block = static_cast<std::uint32_t>(block - map.block(0));
    std::vector<std::uint64_t> words(DAXFS_BITS_PER_MAP_BLOCK / 64);
    if (!survey(m, map, map_block, words))
        return;
    auto* stored = m.edit<daxfs_le64>(block);
    for (std::size_t i = 0; i < words.size(); ++i)
        stored[i] = words[i];
    m.seal_map(ag, MapKind::kInodes, map_block);
}

void forget_block(Mending& m, BlockNo block) {
    const AgNo ag = m.volume.geometry.ag_of(block);
    m.set_map_bit(ag, MapKind::kInodes, block - m.volume.geometry.ag_start(ag), false);
}

// Bits behind the end of the AG. The other maps are written again from the claims, this one is not.
void clear_tail(Mending& m, AgNo ag, BlockNo block) {
    const AgMap map(m.volume, ag, MapKind::kInodes);
    if (block < map.block(0) || !(block < map.block(map.blocks())))
        return;
    const auto map_block = static_cast<std::uint32_t>(block - map.block(0));
    const std::uint64_t first = std::uint64_t{map_block} * (DAXFS_BITS_PER_MAP_BLOCK / 64);
    auto* words = m.edit<daxfs_le64>(block);
    for (std::uint64_t i = std::max(first, m.volume.geometry.ag_blocks() / 64);
         i < first + DAXFS_BITS_PER_MAP_BLOCK / 64; ++i)
        words[i - first] = 0;
    m.seal_map(ag, MapKind::kInodes, map_block);
}

// A name leads to an inode that checks out, but the map does not have it.
void find_named(Mending& m, InodeNo ino) {
    const BlockNo block = m.volume.block_of(ino);
    if (!m.volume.is_allocatable(block) || m.checker.claims.is_claimed(block) || !look(m.volume, block).used)
        return;
    const AgNo ag = m.volume.geometry.ag_of(block);
    m.set_map_bit(ag, MapKind::kInodes, block - m.volume.geometry.ag_start(ag), true);
}

bool is_all_zero(const Image& image, BlockNo block) {
    const std::byte* bytes = image.try_block(block);
    return bytes != nullptr && is_zero(bytes, DAXFS_BLOCK_SIZE);
}

// Whether inodes may have been in `block`, though the map that says so is not to be believed.
bool may_have_held_inodes(const Mending& m, AgNo ag, BlockNo block) {
    const AgMap used(m.volume, ag, MapKind::kBlocks);
    return used.test(block - m.volume.geometry.ag_start(ag)) && !m.checker.claims.is_claimed(block) &&
           !is_all_zero(*m.volume.image, block);
}

// Of a map that does not check out, most of what it says may be wrong: a line for a block of which nothing is left, and
// one for all the others.
void forget_blocks(Mending& m) {
    std::set<BlockNo> unbelieved;  // blocks of maps
    for (const Finding& finding : m.work(Problem::kInodeMapDamaged))
        unbelieved.insert(finding.block);
    std::map<AgNo, std::uint64_t> others;
    for (const Finding& finding : m.work(Problem::kInodeBlockDamaged)) {
        const std::uint64_t bit = finding.block - m.volume.geometry.ag_start(finding.ag);
        const BlockNo map_block = m.volume.geometry.inode_map(finding.ag) + bit / DAXFS_BITS_PER_MAP_BLOCK;
        if (unbelieved.contains(map_block) && !may_have_held_inodes(m, finding.ag, finding.block))
            ++others[finding.ag];
        else
            m.lose(InodeNo{0}, fmt::format("block {}: up to eight inodes", finding.block));
        forget_block(m, finding.block);
    }
    for (const auto& [ag, count] : others)
        m.lose(InodeNo{0},
               fmt::format("AG {}: {} blocks hold no inodes, though its damaged inode map said so", ag, count));
}

}  // namespace

Result<void> mend_inode_maps(Mending& m) {
    for (const Finding& finding : m.work(Problem::kInodeMapDamaged))
        mend_map(m, finding.ag, finding.block);
    for (const Finding& finding : m.work(Problem::kMapTail))
        clear_tail(m, finding.ag, finding.block);
    for (const Finding& finding : m.work(Problem::kInodeBlockPlace))
        forget_block(m, finding.block);
    for (const Finding& finding : m.work(Problem::kEntryDangling))
        find_named(m, InodeNo{finding.at});
    if (const InodeNo root{m.volume.super.root_ino}; m.has_work(Problem::kRootDamaged) && !m.checker.inodes.find(root))
        find_named(m, root);
    if (m.may_lose())
        forget_blocks(m);
    return {};
}

}  // namespace daxfs

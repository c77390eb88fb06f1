// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/mending.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "lib/check/path.h"

namespace daxfs {

const std::vector<Finding>& Mending::work(Problem problem) const {
    static const std::vector<Finding> kNone;
    const auto it = work_.find(problem);
    return it == work_.end() ? kNone : it->second;
}

bool Mending::is_structure_sound() const {
    return !checker.owners_incomplete && !checker.names_incomplete && std::ranges::none_of(work_, [](const auto& row) {
        const auto id = static_cast<unsigned>(row.first);
        return id == 30 || id == 31 || (id > 100 && id < 400);
    });
}

void Mending::store(BlockNo block, std::uint32_t offset, std::span<const std::byte> bytes) {
    if (auto* to = edit<std::byte>(block, offset))
        std::memcpy(to, bytes.data(), bytes.size());
}

void Mending::store_inode(InodeNo ino, daxfs_inode inode) {
    inode.magic = DAXFS_INODE_MAGIC;
    inode.ino = ino.value;
    inode.crc = checksum(volume.seed, inode);
    store(volume.block_of(ino), volume.offset_of(ino), std::as_bytes(std::span(&inode, 1)));
}

void Mending::free_inode(InodeNo ino, std::uint32_t generation) {
    daxfs_inode inode{};
    inode.generation = generation;
    store_inode(ino, inode);
}

void Mending::set_map_bit(AgNo ag, MapKind kind, std::uint64_t bit, bool value) {
    const auto map_block = static_cast<std::uint32_t>(bit / DAXFS_BITS_PER_MAP_BLOCK);
    const BlockNo block = AgMap(volume, ag, kind).block(map_block);
    if (auto* word = edit<daxfs_le64>(block, static_cast<std::uint32_t>(bit % DAXFS_BITS_PER_MAP_BLOCK / 64 * 8))) {
        const std::uint64_t mask = std::uint64_t{1} << (bit % 64);
        *word = value ? *word | mask : *word & ~mask;
    }
    seal_map(ag, kind, map_block);
}

void Mending::seal_map(AgNo ag, MapKind kind, std::uint32_t map_block) {
    const AgMap map(volume, ag, kind);
    const auto actual = map.actual_checksum(map_block);
    if (auto* crc = edit<daxfs_le32>(volume.geometry.ag_header(ag), map.checksum_offset(map_block)); crc && actual)
        *crc = *actual;
}

bool Mending::is_free(AgNo ag, std::uint64_t bit) const {
    const AgMap map(volume, ag, MapKind::kBlocks);
    return !map.test(bit) || map.verify(static_cast<std::uint32_t>(bit / DAXFS_BITS_PER_MAP_BLOCK));
}

std::optional<BlockNo> Mending::allocate(AgNo near, InodeNo owner) {
    const std::uint64_t ags = volume.initialised_ags();
    const std::uint64_t words = volume.geometry.ag_blocks() / 64;
    const std::uint64_t all = ags * words;
    std::uint64_t at = std::max(next_free_, near.value * words);
    for (std::uint64_t tried = 0; tried < all; ++tried, ++at) {
        const AgNo ag{at / words % ags};
        const std::uint64_t index = at % words;
        for (std::uint64_t open = ~checker.claims.word(ag, index); open != 0; open &= open - 1) {
            const std::uint64_t bit = index * 64 + static_cast<unsigned>(std::countr_zero(open));
            if (!is_free(ag, bit))
                continue;
            const BlockNo block = volume.geometry.ag_start(ag) + bit;
            checker.claims.claim(block, 1, owner);
            next_free_ = at % all;
            return block;
        }
    }
    return std::nullopt;
}

TreeTarget Mending::tree_target(InodeNo ino, std::uint32_t generation, BlockSink& sink) {
    const AgNo near = volume.geometry.ag_of(volume.block_of(ino));
    return {.seed = volume.seed,
            .owner = ino,
            .generation = generation,
            .allocate = [this, near, ino]() -> Result<BlockNo> {
                if (const auto block = allocate(near, ino))
                    return *block;
                return fail("inode {}: no free block for a node of its tree", ino);
            },
            .sink = &sink};
}

void Mending::lose(InodeNo ino, std::string what) {
    Loss loss{.ino = ino, .what = std::move(what)};
    if (ino.value != 0)
        loss.path = cheap_path(volume, ino, path_budget_);
    memory.losses.push_back(std::move(loss));
}

}  // namespace daxfs

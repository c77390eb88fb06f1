// SPDX-License-Identifier: GPL-2.0-or-later
// One wrong bit of anything with a checksum is put right. Loses nothing.
//
// Trusts the superblock's nonce, and a corrected unit only if it also says that it is what belongs there.
#include <array>
#include <bit>
#include <cstring>
#include <optional>

#include "lib/check/mending.h"
#include "lib/check/one_bit.h"
#include "lib/tree/directory.h"

namespace daxfs {
namespace {

struct alignas(64) Copy {
    std::array<std::byte, DAXFS_BLOCK_SIZE> bytes;
};

std::optional<Copy> copy_of(const Volume& volume, BlockNo block) {
    const std::byte* from = volume.image->try_block(block);
    if (from == nullptr)
        return std::nullopt;
    Copy copy;
    std::memcpy(copy.bytes.data(), from, DAXFS_BLOCK_SIZE);
    return copy;
}

void correct_inode(Mending& m, InodeNo ino) {
    const auto* raw = m.volume.image->at<daxfs_inode>(m.volume.block_of(ino), m.volume.offset_of(ino));
    if (raw == nullptr)
        return;
    daxfs_inode inode = *raw;
    const std::span bytes(reinterpret_cast<std::byte*>(&inode), sizeof(inode));
    const bool corrected = correct_wrong_bit(bytes, sizeof(inode), offsetof(daxfs_inode, crc),
                                             [&] { return checksum(m.volume.seed, inode); });
    if (corrected && inode.magic == DAXFS_INODE_MAGIC && inode.ino == ino.value)
        m.store_inode(ino, inode);
}

void correct_node(Mending& m, BlockNo block, InodeNo owner) {
    auto copy = m.volume.is_allocatable(block) ? copy_of(m.volume, block) : std::nullopt;
    if (!copy)
        return;
    auto& header = *reinterpret_cast<daxfs_node_header*>(copy->bytes.data());
    const auto actual = [&] { return node_checksum(m.volume.seed, copy->bytes); };
    // Magic number, level and count say how much the checksum covers.
    const auto try_bits_of = [&](auto& member) {
        return try_each_bit({reinterpret_cast<std::byte*>(&member), sizeof(member)},
                            [&] { return header.crc == actual(); });
    };
    if (header.crc == actual())
        return;
    const bool corrected =
        correct_wrong_bit(copy->bytes, covered_node_bytes(header), offsetof(daxfs_node_header, crc), actual) ||
        try_bits_of(header.magic) || try_bits_of(header.level) || try_bits_of(header.count);
    if (corrected && header.block == block.value && header.owner == owner.value)
        m.store(block, 0, copy->bytes);
}

// A record's own length fields say what is covered.
void correct_entry(Mending& m, BlockNo block, std::uint32_t offset) {
    auto copy = copy_of(m.volume, block);
    if (!copy || offset % 8 != 0 || offset < DAXFS_DIR_LEAF_START || offset + sizeof(daxfs_dirent) > DAXFS_BLOCK_SIZE)
        return;
    const std::span record = std::span(copy->bytes).subspan(offset);
    const auto& raw = *reinterpret_cast<const daxfs_dirent*>(record.data());
    const auto right = [&] {
        const std::size_t named = sizeof(raw) + raw.name_length;
        return named <= record.size() && raw.length >= named && raw.length % 8 == 0 && raw.length <= record.size() &&
               raw.crc == dirent_checksum(m.volume.seed, record);
    };
    const std::size_t most = std::min<std::size_t>(record.size(), sizeof(raw) + DAXFS_NAME_MAX);
    if (!right() && try_each_bit(record.first(most), right))
        m.store(block, 0, copy->bytes);
}

void correct_header(Mending& m, BlockNo block) {
    const auto* raw = m.volume.image->at<daxfs_ag_header>(block);
    if (raw == nullptr)
        return;
    daxfs_ag_header header = *raw;
    const std::span bytes(reinterpret_cast<std::byte*>(&header), sizeof(header));
    if (correct_wrong_bit(bytes, sizeof(header), offsetof(daxfs_ag_header, crc),
                          [&] { return checksum(m.volume.seed, header); }) &&
        header.block == block.value)
        m.store(block, 0, bytes);
}

// The checksum of a map block lies in the header, which does not cover it: either may have the wrong bit.
void correct_map(Mending& m, AgNo ag, BlockNo block) {
    for (const MapKind kind : kAllMaps) {
        const AgMap map(m.volume, ag, kind);
        if (block < map.block(0) || !(block < map.block(map.blocks())))
            continue;
        const auto index = static_cast<std::uint32_t>(block - map.block(0));
        const auto stored = map.stored_checksum(index);
        const auto actual = map.actual_checksum(index);
        if (!stored || !actual || *stored == *actual)
            return;
        if (std::has_single_bit(*stored ^ *actual)) {
            m.seal_map(ag, kind, index);
        } else if (const auto bit = wrong_bit(*stored ^ *actual, DAXFS_BLOCK_SIZE)) {
            *m.edit<std::byte>(block, static_cast<std::uint32_t>(*bit / 8)) ^= static_cast<std::byte>(1u << *bit % 8);
        }
    }
}

// Of 64 words one bit away the check of 16 bits accepts more than one now and then: then nobody can tell.
void correct_commit_word(Mending& m, std::uint32_t journal) {
    const BlockNo block = m.volume.geometry.journal_slot(journal);
    const auto* raw = m.volume.image->at<daxfs_le64>(block, DAXFS_JOURNAL_COMMIT_OFFSET);
    if (raw == nullptr)
        return;
    constexpr std::uint64_t kSequence = (std::uint64_t{1} << DAXFS_SEQUENCE_BITS) - 1;
    std::optional<std::uint64_t> found;
    for (unsigned bit = 0; bit < 64; ++bit) {
        const std::uint64_t word = *raw ^ std::uint64_t{1} << bit;
        if (word != commit_word(m.volume.seed, journal, word & kSequence))
            continue;
        if (found)
            return;
        found = word;
    }
    if (found)
        *m.edit<daxfs_le64>(block, DAXFS_JOURNAL_COMMIT_OFFSET) = *found;
}

// An intent that is not there has no bit set.
void clear_intent(Mending& m, BlockNo block) {
    const auto* raw = m.volume.image->at<daxfs_intent>(block);
    if (raw == nullptr)
        return;
    int bits = 0;
    for (const std::byte byte : std::as_bytes(std::span(raw, 1)))
        bits += std::popcount(static_cast<unsigned>(byte));
    if (bits == 1)
        *m.edit<daxfs_intent>(block) = daxfs_intent{};
}

}  // namespace

Result<void> mend_bits(Mending& m) {
    using P = Problem;
    m.each({P::kInodeDamaged}, [&](const Finding& f) { correct_inode(m, f.ino); });
    m.each({P::kExtentNodeDamaged, P::kDirectoryNodeDamaged},
           [&](const Finding& f) { correct_node(m, f.block, f.ino); });
    m.each({P::kEntryDamaged}, [&](const Finding& f) { correct_entry(m, f.block, f.offset); });
    m.each({P::kAgHeaderDamaged}, [&](const Finding& f) { correct_header(m, f.block); });
    m.each({P::kInodeMapDamaged, P::kMapChecksum}, [&](const Finding& f) { correct_map(m, f.ag, f.block); });
    m.each({P::kIntentDamaged}, [&](const Finding& f) { clear_intent(m, f.block); });
    m.each({P::kCommitWordDamaged},
           [&](const Finding& f) { correct_commit_word(m, static_cast<std::uint32_t>(f.at)); });
    return {};
}

}  // namespace daxfs

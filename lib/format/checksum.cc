// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/format/checksum.h"

#include <algorithm>
#include <cstddef>

#include "lib/base/checked.h"
#include "lib/base/crc32c.h"
#include "lib/base/siphash.h"

namespace daxfs {
namespace {

constexpr std::uint32_t kZero = 0;

// The CRC of `size` bytes with the 4 bytes at `crc_offset` taken as zero.
std::uint32_t crc_around(std::uint32_t seed, const void* data, std::size_t size, std::size_t crc_offset) {
    const auto* bytes = static_cast<const std::byte*>(data);
    const std::size_t behind = crc_offset + sizeof(kZero);
    std::uint32_t crc = crc32c(seed, bytes, crc_offset);
    crc = crc32c(crc, &kZero, sizeof(kZero));
    return crc32c(crc, bytes + behind, size - behind);
}

std::uint32_t crc_of_le32(std::uint32_t seed, std::uint32_t value) {
    daxfs_le32 stored;
    stored = value;
    return crc32c(seed, &stored, sizeof(stored));
}

std::uint32_t crc_of_le64(std::uint32_t seed, std::uint64_t value) {
    daxfs_le64 stored;
    stored = value;
    return crc32c(seed, &stored, sizeof(stored));
}

}  // namespace

std::size_t covered_node_bytes(const daxfs_node_header& header) {
    const bool leaf = header.level == 0;
    std::size_t entry = sizeof(daxfs_index_entry);
    if (leaf)
        entry = header.magic == DAXFS_EXTENT_NODE_MAGIC ? sizeof(daxfs_extent) : 0;
    return std::min<std::size_t>(DAXFS_BLOCK_SIZE, sizeof(header) + entry * header.count);
}

ChecksumSeed ChecksumSeed::of(std::uint64_t nonce) {
    return {crc_of_le64(~0u, nonce)};
}

std::uint32_t checksum(ChecksumSeed seed, const daxfs_super& super) {
    return crc_around(seed.value, &super, sizeof(super), offsetof(daxfs_super, crc));
}

std::uint32_t checksum(ChecksumSeed seed, const daxfs_ag_header& header) {
    return crc_around(seed.value, &header, sizeof(header), offsetof(daxfs_ag_header, crc));
}

std::uint32_t checksum(ChecksumSeed seed, const daxfs_inode& inode) {
    return crc_around(seed.value, &inode, sizeof(inode), offsetof(daxfs_inode, crc));
}

std::uint32_t checksum(ChecksumSeed seed, const daxfs_journal_header& header) {
    return crc_around(seed.value, &header, sizeof(header), offsetof(daxfs_journal_header, crc));
}

std::uint32_t checksum(const daxfs_intent& intent) {
    return crc_around(~0u, &intent, sizeof(intent), offsetof(daxfs_intent, crc));
}

std::uint32_t map_checksum(ChecksumSeed seed, BlockNo block, std::span<const std::byte> map_block) {
    return crc32c(crc_of_le64(seed.value, block.value), map_block.data(), map_block.size());
}

std::uint32_t node_checksum(ChecksumSeed seed, std::span<const std::byte> node) {
    const auto& header = *reinterpret_cast<const daxfs_node_header*>(node.data());
    const std::size_t covered = std::min(node.size(), covered_node_bytes(header));
    return crc_around(seed.value, node.data(), covered, offsetof(daxfs_node_header, crc));
}

std::uint32_t dirent_checksum(ChecksumSeed seed, std::span<const std::byte> record) {
    const auto& entry = *reinterpret_cast<const daxfs_dirent*>(record.data());
    const std::size_t covered = std::min(record.size(), sizeof(entry) + entry.name_length);
    return crc_around(seed.value, record.data(), covered, offsetof(daxfs_dirent, crc));
}

std::uint32_t journal_entry_checksum(ChecksumSeed seed, std::uint32_t journal, std::uint32_t position,
                                     std::span<const std::byte> entry) {
    const std::uint32_t placed = crc_of_le32(crc_of_le32(seed.value, journal), position);
    return crc_around(placed, entry.data(), entry.size(), offsetof(daxfs_journal_entry, crc));
}

std::uint64_t commit_word(ChecksumSeed seed, std::uint32_t journal, std::uint64_t sequence) {
    sequence &= (std::uint64_t{1} << DAXFS_SEQUENCE_BITS) - 1;
    const std::uint64_t check = crc_of_le64(crc_of_le32(seed.value, journal), sequence) & 0xffff;
    return check << DAXFS_SEQUENCE_BITS | sequence;
}

std::uint64_t directory_key(const daxfs_super& super, std::span<const std::byte> name) {
    const std::uint64_t hash = siphash24({super.hash_key[0], super.hash_key[1]}, name) >> DAXFS_DIR_HASH_DROP;
    return std::max<std::uint64_t>(hash, 1) << DAXFS_DIR_KEY_HASH_SHIFT;
}

}  // namespace daxfs

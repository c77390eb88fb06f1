// SPDX-License-Identifier: GPL-2.0-or-later
// The checksum of each metadata unit, as the top of daxfs_format.h defines it.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/strong.h"
#include "lib/format/daxfs_format.h"

namespace daxfs {

// crc32c(~0, nonce): seeds every checksum of one filesystem.
struct ChecksumSeed {
    std::uint32_t value = 0;
    static ChecksumSeed of(std::uint64_t nonce);
};

std::uint32_t checksum(ChecksumSeed, const daxfs_super&);  // callers seed it from its own nonce
std::uint32_t checksum(ChecksumSeed, const daxfs_ag_header&);
std::uint32_t checksum(ChecksumSeed, const daxfs_inode&);
std::uint32_t checksum(ChecksumSeed, const daxfs_journal_header&);
std::uint32_t checksum(const daxfs_intent&);
// `map_block` is 4096 bytes at `block`.
std::uint32_t map_checksum(ChecksumSeed, BlockNo block, std::span<const std::byte> map_block);
// Bytes of a node that its checksum covers, as the header says; at most a block.
std::size_t covered_node_bytes(const daxfs_node_header& header);
// `node` is a 4096-byte block whose header says how much of it is covered; a `count` too large covers the whole block.
std::uint32_t node_checksum(ChecksumSeed, std::span<const std::byte> node);
// `record` starts at a daxfs_dirent and holds at least 24 + name_length bytes.
std::uint32_t dirent_checksum(ChecksumSeed, std::span<const std::byte> record);
// `entry` is header and unpadded data; `position` its offset in the slot.
std::uint32_t journal_entry_checksum(ChecksumSeed, std::uint32_t journal, std::uint32_t position,
                                     std::span<const std::byte> entry);
// The whole commit word: sequence and check.
std::uint64_t commit_word(ChecksumSeed, std::uint32_t journal, std::uint64_t sequence);

// (hash << 16) of a file name: the key of ordinal 0.
std::uint64_t directory_key(const daxfs_super&, std::span<const std::byte> name);

}  // namespace daxfs

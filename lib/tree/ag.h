// SPDX-License-Identifier: GPL-2.0-or-later
// Allocation group headers and their three maps.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "lib/tree/damage.h"
#include "lib/tree/volume.h"

namespace daxfs {

struct AgReading {
    const daxfs_ag_header* raw = nullptr;  // nullptr: unreadable
    std::optional<Damage> damage;
};

// Checks magic, checksum, address, nonce, number and length. `ag` is below initialised_ags().
AgReading read_ag_header(const Volume& volume, AgNo ag);

enum class MapKind : std::uint8_t { kBlocks, kInodes, kOrphans };
inline constexpr std::array kAllMaps{MapKind::kBlocks, MapKind::kInodes, MapKind::kOrphans};

// One map of one initialised AG. Bit i stands for block i of the AG; in the orphan map for blocks 8i .. 8i + 7.
// Reading bits does not check the checksum: `verify` does, one map block at a time.
class AgMap {
  public:
    AgMap(const Volume& volume, AgNo ag, MapKind kind);

    std::uint64_t bits() const { return bits_; }      // that stand for something
    std::uint32_t blocks() const { return blocks_; }  // of the map
    BlockNo block(std::uint32_t index) const { return first_ + index; }
    // The block of the device that `bit` stands for (the first of them in the orphan map).
    BlockNo device_block(std::uint64_t bit) const;
    Unit unit() const;

    // Where the checksum of a map block lies in the block of the AG header.
    std::uint32_t checksum_offset(std::uint32_t index) const {
        return crc_offset_ + static_cast<std::uint32_t>(sizeof(daxfs_le32)) * index;
    }
    // Wrong checksum or unreadable. A header that is unreadable says so for every map block.
    std::optional<Damage> verify(std::uint32_t index) const;
    // Checksum kept in the AG header, and the one the map block has. Empty when one of them is unreadable.
    std::optional<std::uint32_t> stored_checksum(std::uint32_t index) const;
    std::optional<std::uint32_t> actual_checksum(std::uint32_t index) const;

    // 64 bits from bit 64 x `index`, bit 0 lowest; those behind bits() as they are. An unreadable block reads as 0.
    std::uint64_t word(std::uint64_t index) const;
    bool test(std::uint64_t bit) const { return ((word(bit / 64) >> (bit % 64)) & 1) != 0; }
    // First set bit at or behind `from`.
    std::optional<std::uint64_t> next_set(std::uint64_t from) const;

    struct Run {
        std::uint64_t start = 0;
        std::uint64_t length = 0;
        bool set = false;
    };
    // The run of equal bits that starts at `from`; empty at the end.
    std::optional<Run> run(std::uint64_t from) const;

  private:
    const Volume* volume_;
    AgNo ag_;
    MapKind kind_;
    BlockNo first_;
    std::uint32_t blocks_;
    std::uint64_t bits_;
    std::uint32_t crc_offset_;  // of map block 0's checksum in the AG header's block
};

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Which blocks somebody owns: one bit a block of the initialised AGs, and the ranges that were claimed twice. Who came
// first is looked up later, for those ranges alone.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/tree/volume.h"

namespace daxfs {

class ClaimMap {
  public:
    // The fixed structures of every initialised AG are claimed from the start.
    explicit ClaimMap(const Volume& volume);

    struct Collision {
        BlockNo start;
        std::uint64_t length = 0;
        InodeNo owner;  // who came second
    };

    // The run is allocatable (Volume::is_allocatable). `owner` 0: the inode map.
    void claim(BlockNo start, std::uint64_t length, InodeNo owner);
    // Takes back a claim that was no collision.
    void release(BlockNo start, std::uint64_t length);
    bool is_claimed(BlockNo block) const;
    // 64 bits from bit 64 x `index` of `ag`; bits behind the AG's end are set, as in its bitmap.
    std::uint64_t word(AgNo ag, std::uint64_t index) const;

    // At most kMaxCollisions are kept: as many as a round of repairs works on.
    const std::vector<Collision>& collisions() const { return collisions_; }
    std::uint64_t collision_count() const { return collision_count_; }
    static constexpr std::size_t kMaxCollisions = 200'000;

  private:
    std::uint64_t index_of(BlockNo block) const { return block.value - start_.value; }
    void collide(BlockNo start, std::uint64_t length, InodeNo owner);

    Geometry geometry_;
    BlockNo start_;
    std::vector<std::uint64_t> bits_;
    std::vector<Collision> collisions_;
    std::uint64_t collision_count_ = 0;  // kept or not
    Collision last_{};
};

}  // namespace daxfs

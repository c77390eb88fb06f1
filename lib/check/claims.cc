// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/claims.h"

#include <algorithm>
#include <bit>

namespace daxfs {
namespace {

// The bits of word `index` that [from, to) covers.
std::uint64_t mask_of(std::uint64_t index, std::uint64_t from, std::uint64_t to) {
    const std::uint64_t low = std::max(from, index * 64) - index * 64;
    const std::uint64_t high = std::min(to, index * 64 + 64) - index * 64;
    const std::uint64_t count = high - low;
    return (count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1) << low;
}

}  // namespace

ClaimMap::ClaimMap(const Volume& volume) : geometry_(volume.geometry), start_(volume.geometry.ag_start(AgNo{0})) {
    const std::uint64_t ags = volume.initialised_ags();
    const std::uint64_t bits = ags << geometry_.ag_blocks_log2;
    bits_.resize(bits / 64);
    const auto set = [&](std::uint64_t from, std::uint64_t to) {
        for (std::uint64_t i = from / 64; i * 64 < to; ++i)
            bits_[i] |= mask_of(i, from, to);
    };
    for (AgNo ag; ag.value < ags; ++ag) {
        const std::uint64_t first = ag.value << geometry_.ag_blocks_log2;
        set(first, first + geometry_.fixed_blocks(ag));
        set(first + geometry_.ag_length(ag), first + geometry_.ag_blocks());
    }
}

void ClaimMap::claim(BlockNo start, std::uint64_t length, InodeNo owner) {
    const std::uint64_t from = index_of(start);
    const std::uint64_t to = from + length;
    for (std::uint64_t i = from / 64; i * 64 < to; ++i) {
        const std::uint64_t mask = mask_of(i, from, to);
        for (std::uint64_t both = bits_[i] & mask; both != 0;) {
            const unsigned low = static_cast<unsigned>(std::countr_zero(both));
            const unsigned run = static_cast<unsigned>(std::countr_one(both >> low));
            collide(start_ + (i * 64 + low), run, owner);
            both &= ~mask_of(0, low, low + run);
        }
        bits_[i] |= mask;
    }
}

void ClaimMap::release(BlockNo start, std::uint64_t length) {
    const std::uint64_t from = index_of(start);
    for (std::uint64_t i = from / 64; i * 64 < from + length; ++i)
        bits_[i] &= ~mask_of(i, from, from + length);
}

bool ClaimMap::is_claimed(BlockNo block) const {
    const std::uint64_t bit = index_of(block);
    return (bits_[bit / 64] >> (bit % 64) & 1) != 0;
}

std::uint64_t ClaimMap::word(AgNo ag, std::uint64_t index) const {
    return bits_[(ag.value << geometry_.ag_blocks_log2) / 64 + index];
}

void ClaimMap::collide(BlockNo start, std::uint64_t length, InodeNo owner) {
    if (collision_count_ > 0 && last_.owner == owner && last_.start + last_.length == start) {
        last_.length += length;
        if (collision_count_ <= kMaxCollisions)
            collisions_.back() = last_;
        return;
    }
    last_ = {start, length, owner};
    if (++collision_count_ <= kMaxCollisions)
        collisions_.push_back(last_);
}

}  // namespace daxfs

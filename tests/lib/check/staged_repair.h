// SPDX-License-Identifier: GPL-2.0-or-later
// A small device, and repairs of it that say nothing but which bytes change.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <set>

#include "lib/check/redo.h"
#include "lib/format/checksum.h"
#include "tests/images/rich_image.h"
#include "tests/lib/check/crash_states.h"

namespace daxfs::test {

constexpr std::uint64_t kDeviceBlocks = 400;
constexpr BlockRun kPlace{BlockNo{300}, 90};
constexpr BlockNo kIntentA{DAXFS_INTENT_BLOCK_A};
constexpr BlockNo kIntentB{DAXFS_INTENT_BLOCK_B};

// The first blocks of a filesystem, and noise behind them.
inline Bytes make_device() {
    Bytes device(kDeviceBlocks * DAXFS_BLOCK_SIZE);
    for (const auto& [number, block] : test::rich_image().blocks)
        if (number < BlockNo{200})
            std::memcpy(device[number], block.bytes, DAXFS_BLOCK_SIZE);
    std::mt19937 random(1);
    for (BlockNo block{200}; block < device.end(); ++block)
        std::ranges::generate(std::span(device[block], DAXFS_BLOCK_SIZE),
                              [&] { return static_cast<std::byte>(random()); });
    return device;
}

// Some lines of some blocks, the whole of others.
inline void edit_at_random(Image& image, std::uint32_t seed, std::size_t blocks) {
    std::mt19937 random(seed);
    std::set<std::uint64_t> chosen;
    while (chosen.size() < blocks)
        chosen.insert(3 + random() % 290);
    for (const std::uint64_t number : chosen) {
        std::byte* block = image.stage(BlockNo{number});
        for (auto n = random() % 3 == 0 ? 64 : 1 + random() % 6; n > 0; --n)
            block[random() % DAXFS_BLOCK_SIZE] ^= std::byte{0x5a};
        if (random() % 4 == 0)
            std::fill_n(block, DAXFS_BLOCK_SIZE, static_cast<std::byte>(random()));
    }
}

inline void relabel(Image& image) {
    auto& super = *reinterpret_cast<daxfs_super*>(image.stage(BlockNo{0}));
    super.label[0] = 'z';
    super.crc = checksum(ChecksumSeed::of(super.nonce), super);
}

inline bool is_scratch(BlockNo block) {
    return block == kIntentA || block == kIntentB || (block >= kPlace.start && block - kPlace.start < kPlace.length);
}

inline bool same_but_for_scratch(const Bytes& a, const Bytes& b) {
    for (BlockNo block; block < a.end(); ++block)
        if (!is_scratch(block) && !a.same(block, b))
            return false;
    return true;
}

inline bool is_zero(const std::byte* block) {
    return std::all_of(block, block + DAXFS_BLOCK_SIZE, [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace daxfs::test

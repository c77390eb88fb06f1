// SPDX-License-Identifier: GPL-2.0-or-later
// What a power cut leaves of a device while an image writes to it: all that came before the last flush, and of the
// stores since then any part of any of them.
#pragma once

#include <cstring>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "lib/image/image.h"
#include "tests/images/rich_image.h"

namespace daxfs::test {

// Stores, and flushes between them.
struct StoreTrace {
    struct Event {
        std::optional<BlockNo> block;  // none: a flush
        Block bytes;
    };
    std::vector<Event> events;

    // `image` is to live as long.
    void record(Image& image) {
        image.before_stores([this](const Store& store) -> Result<void> {
            Event& event = events.emplace_back(Event{.block = store.block, .bytes = {}});
            if (store.block)
                std::memcpy(event.bytes.bytes, store.bytes.data(), DAXFS_BLOCK_SIZE);
            return {};
        });
    }
    std::size_t flushes() const {
        return static_cast<std::size_t>(std::ranges::count_if(events, [](const Event& e) { return !e.block; }));
    }
};

// A device in memory.
class Bytes {
  public:
    explicit Bytes(std::uint64_t size_bytes) : blocks_(size_bytes / DAXFS_BLOCK_SIZE) {}
    explicit Bytes(const RichImage& rich) : Bytes(rich.size_bytes) {
        for (const auto& [number, block] : rich.blocks)
            blocks_[number.value] = block;
    }
    std::byte* operator[](BlockNo number) { return blocks_[number.value].bytes; }
    const std::byte* operator[](BlockNo number) const { return blocks_[number.value].bytes; }
    bool same(BlockNo number, const Bytes& other) const {
        return std::memcmp((*this)[number], other[number], DAXFS_BLOCK_SIZE) == 0;
    }
    BlockNo end() const { return BlockNo{blocks_.size()}; }
    std::span<std::byte> all() { return std::as_writable_bytes(std::span(blocks_)); }
    Image image() { return Image::over(all()); }

  private:
    std::vector<Block> blocks_;
};

// How much of a store reached the device: of each 8 bytes of the block, whether they did.
using Tear = std::function<bool(std::size_t word)>;

inline void store_torn(std::byte* device, const std::byte* bytes, const Tear& tear) {
    for (std::size_t word = 0; word < DAXFS_BLOCK_SIZE / 8; ++word)
        if (tear(word))
            std::memcpy(device + word * 8, bytes + word * 8, 8);
}

enum class Fate { kDropped, kWhole, kLines, kWords, kPrefix };

inline void store_as(Fate fate, std::byte* device, const std::byte* bytes, std::mt19937& random) {
    const auto seed = random();
    std::mt19937 own(seed);
    const std::size_t cut = seed % (DAXFS_BLOCK_SIZE / 8);
    std::uint64_t lines = (std::uint64_t{own()} << 32) | own();
    switch (fate) {
        case Fate::kDropped:
            return;
        case Fate::kWhole:
            return store_torn(device, bytes, [](std::size_t) { return true; });
        case Fate::kLines:
            return store_torn(device, bytes, [&](std::size_t word) { return (lines >> (word / 8) & 1) != 0; });
        case Fate::kWords:
            return store_torn(device, bytes, [&](std::size_t) { return (own() & 1) != 0; });
        case Fate::kPrefix:
            return store_torn(device, bytes, [&](std::size_t word) { return word < cut; });
    }
}

// Calls judge(state, flushes that were over) for states that the trace could leave of `start`: for each stretch between
// two flushes every store dropped alone and done alone, all up to each of them, and `random_states` of any mixture.
inline void for_each_crash_state(const Bytes& start, const StoreTrace& trace, std::size_t random_states,
                                 std::mt19937& random, const std::function<void(Bytes&, std::size_t)>& judge) {
    Bytes durable = start;
    std::size_t flushes = 0;
    std::vector<const StoreTrace::Event*> stretch;
    const auto state = [&](const std::function<Fate(std::size_t)>& fate) {
        Bytes bytes = durable;
        for (std::size_t i = 0; i < stretch.size(); ++i)
            store_as(fate(i), bytes[*stretch[i]->block], stretch[i]->bytes.bytes, random);
        judge(bytes, flushes);
    };
    const auto any_fate = [&](std::size_t) { return static_cast<Fate>(random() % 5); };
    const auto explore = [&] {
        for (std::size_t only = 0; only < stretch.size(); ++only) {
            state([&](std::size_t i) { return i == only ? Fate::kDropped : Fate::kWhole; });
            state([&](std::size_t i) { return i == only ? Fate::kWhole : Fate::kDropped; });
            state([&](std::size_t i) { return i < only ? Fate::kWhole : i == only ? Fate::kWords : Fate::kDropped; });
            state([&](std::size_t i) { return i < only ? Fate::kWhole : i == only ? Fate::kPrefix : Fate::kDropped; });
        }
        for (std::size_t i = 0; i < random_states; ++i)
            state(any_fate);
    };
    for (const StoreTrace::Event& event : trace.events) {
        if (event.block) {
            stretch.push_back(&event);
            continue;
        }
        explore();
        for (const StoreTrace::Event* store : stretch)
            std::memcpy(durable[*store->block], store->bytes.bytes, DAXFS_BLOCK_SIZE);
        stretch.clear();
        ++flushes;
    }
    explore();
    judge(durable, flushes);
}

}  // namespace daxfs::test

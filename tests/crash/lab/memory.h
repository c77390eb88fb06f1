// SPDX-License-Identifier: GPL-2.0-or-later
// What a processor cache may still hold back from persistent memory, and so what a power cut may leave.
//
// The rules (Intel SDM 3, chapter 11; SNIA NVM programming model):
// - a word of 8 bytes becomes durable wholly or not at all;
// - plain stores to one line become durable in their order: a line is written back as it is at that moment;
// - lines are written back in any order, at any time, flushed or not;
// - a store is surely durable once its line was flushed after it and the same processor fenced after that;
// - a non-temporal store is surely durable after a fence of its processor, and before that in no order, even in a line.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "tests/crash/lab/trace.h"

namespace daxfs::crash {

using LineBytes = std::array<std::uint64_t, kLine / kWord>;

// A line that a power cut may leave in several ways.
struct Choice {
    std::uint64_t line = 0;  // byte offset on the device
    // What it may be: the first as it surely is, the last with every store, no two equal neighbours.
    std::vector<LineBytes> options;
    std::uint64_t pc = 0;  // of the last store
};

class Memory {
  public:
    // `durable` is the device as it surely is, the caller's, and changes with every fence. `on_change` hears of each
    // word before it does: its offset, old and new value.
    using OnChange = std::function<void(std::uint64_t offset, std::uint64_t before, std::uint64_t after)>;
    Memory(std::span<std::byte> durable, OnChange on_change) : durable_(durable), on_change_(std::move(on_change)) {}

    // kStore, kNtStore, kFlush, kFence; others change nothing.
    void apply(const Event& event);
    // Everything becomes durable, as if the cache had been written back.
    void settle();

    std::vector<Choice> choices() const;

  private:
    struct Store {
        std::uint8_t word = 0;  // in the line
        std::uint8_t cpu = 0;
        bool non_temporal = false;
        bool flushed = false;  // waits for a fence of `flusher`
        std::uint8_t flusher = 0;
        std::uint64_t mask = 0;  // of the bytes it stored
        std::uint64_t value = 0;
        std::uint64_t pc = 0;
    };
    struct Line {
        std::vector<Store> stores;
    };

    void store(const Event& event);
    void fence(std::uint8_t cpu);
    LineBytes durable_line(std::uint64_t line) const;
    static void put(LineBytes& bytes, const Store& store);
    void make_durable(std::uint64_t line, const Store& store);

    std::span<std::byte> durable_;
    OnChange on_change_;
    std::map<std::uint64_t, Line> lines_;  // by byte offset
    std::vector<std::uint64_t> to_fence_;  // lines with something flushed or non-temporal
};

}  // namespace daxfs::crash

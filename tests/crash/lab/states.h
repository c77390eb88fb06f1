// SPDX-License-Identifier: GPL-2.0-or-later
// Which of the states that a power cut may leave are looked at: all of them up to kExhaustive, else nothing lost,
// everything lost, one or two lines alone lost or kept, and random ones.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "tests/crash/lab/memory.h"

namespace daxfs::crash {

// The option taken for each Choice.
using State = std::vector<std::uint16_t>;

struct StateBudget {
    std::uint64_t exhaustive = 4096;  // up to so many states all are generated
    std::uint64_t pairs = 512;        // of each sort, where there are more
    std::uint64_t random = 128;
};

// Calls for each state, no combination twice in the exhaustive case. `visit` returns false to stop.
void each_state(std::span<const Choice> choices, const StateBudget& budget, std::uint64_t seed,
                const std::function<bool(const State&)>& visit);

}  // namespace daxfs::crash

// SPDX-License-Identifier: GPL-2.0-or-later
// Two calls at once on two processors, which take turns at random stores.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/crash/guest/operations.h"

namespace daxfs::crash {

std::size_t count_pairs();
// The case's name is the pair's and the seed's. `pair` counts from 0, and goes round.
Operation pair_of(std::uint64_t pair);
// run() of an Operation that pair_of() returned follows this schedule from here on.
void set_schedule(std::uint64_t seed);

}  // namespace daxfs::crash

// SPDX-License-Identifier: GPL-2.0-or-later
// Chance that is the same everywhere: a function of seed and number alone.
#pragma once

#include <cstdint>
#include <iterator>
#include <random>

namespace daxfs::hostile {

class Dice {
  public:
    Dice(std::uint64_t seed, std::uint64_t number) : engine_(seed * 0x9e3779b97f4a7c15u + number) {}

    std::uint64_t next() { return engine_(); }
    // 0 where `bound` is 0.
    std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : engine_() % bound; }
    std::uint64_t between(std::uint64_t first, std::uint64_t last) { return first + below(last - first + 1); }
    bool one_in(std::uint64_t times) { return below(times) == 0; }

    template <typename Container>
    const auto& pick(const Container& from) {
        return *std::next(std::begin(from), static_cast<std::ptrdiff_t>(below(std::size(from))));
    }

  private:
    std::mt19937_64 engine_;
};

}  // namespace daxfs::hostile

// SPDX-License-Identifier: GPL-2.0-or-later
// The Agrawal profile: which files come, and which go, so that sizes, ages and places of those that are there are
// distributed as N. Agrawal and others found them on 60,000 machines ("A Five-Year Study of File-System Metadata", FAST
// 2007). The three tables are the figures that Geriatrix ages with (github.com/saurabhkadekodi/geriatrix,
// profiles/agrawal); how they are used is ours:
//
//   size    a row by its weight, then log-uniform from the row before up to its bound (from a quarter of it in the
//   first) place   a depth by its weight, then one of the directories that it has, each as likely as the others age a
//   bound is a share of the time since the beginning, as the last bound is all of it. Who goes is of the row
//           that has most above its weight, each file of it as likely as the others
//
// A file comes while less than the wanted share of the space is used, and one goes otherwise. Time is counted in
// operations.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace ageing {

struct Row {
    double bound;
    unsigned weight;
};
inline constexpr std::array<Row, 11> kSizes{{{8, 1},  // bytes
                                             {32, 7},
                                             {128, 16},
                                             {512, 40},
                                             {2048, 50},
                                             {8192, 46},
                                             {32768, 35},
                                             {131072, 20},
                                             {524288, 10},
                                             {2097152, 4},
                                             {8388608, 1}}};
inline constexpr std::array<Row, 10> kAges{{{10.74, 1},  // hours
                                            {31, 2},
                                            {85.98, 8},
                                            {240, 20},
                                            {687.87, 44},
                                            {1945.59, 75},
                                            {5502.98, 144},
                                            {15768, 146},
                                            {44023.9, 23},
                                            {122640, 1}}};
struct Depth {
    unsigned weight;
    unsigned directories;
};
inline constexpr std::array<Depth, 15> kDepths{{{1, 1},  // depth 1, 2, ...
                                                {2, 5},
                                                {14, 13},
                                                {15, 19},
                                                {23, 30},
                                                {24, 36},
                                                {42, 32},
                                                {22, 26},
                                                {15, 22},
                                                {12, 17},
                                                {7, 8},
                                                {4, 5},
                                                {3, 2},
                                                {2, 1},
                                                {1, 1}}};

template <typename Table>
constexpr unsigned total_weight(const Table& table) {
    return std::accumulate(table.begin(), table.end(), 0u,
                           [](unsigned sum, const auto& row) { return sum + row.weight; });
}

// `dice`: below the total weight.
template <typename Table>
std::size_t row_at(const Table& table, std::uint64_t dice) {
    std::size_t row = 0;
    while (dice >= table[row].weight)
        dice -= table[row++].weight;
    return row;
}

// What the profile asks of a source of chance: below(N), even over 0 .. N-1.
template <typename Dice>
std::uint64_t some_size(Dice& dice) {
    const std::size_t row = row_at(kSizes, dice.below(total_weight(kSizes)));
    const double high = kSizes[row].bound, low = row == 0 ? high / 4 : kSizes[row - 1].bound;
    constexpr std::uint64_t kSteps = 1 << 20;
    const double part = static_cast<double>(dice.below(kSteps) + 1) / kSteps;
    return static_cast<std::uint64_t>(std::ceil(low * std::pow(high / low, part)));
}

// Names of directories from the top: "a0/b3/c11". Those of a depth are dealt out to the directories above.
inline std::string directory_name(std::size_t depth, std::size_t number) {
    const std::string name = static_cast<char>('a' + depth) + std::to_string(number);
    return depth == 0 ? name : directory_name(depth - 1, number % kDepths[depth - 1].directories) + "/" + name;
}

template <typename Dice>
std::string some_directory(Dice& dice) {
    const std::size_t depth = row_at(kDepths, dice.below(total_weight(kDepths)));
    return directory_name(depth, dice.below(kDepths[depth].directories));
}

// The files that are there, by when they came. At least one; `births` ascend and are at most `now`.
class Ages {
  public:
    // Files of each row of kAges: [first, last) of `births`, the oldest files first.
    static std::array<std::pair<std::size_t, std::size_t>, kAges.size()> rows(const std::vector<std::uint64_t>& births,
                                                                              std::uint64_t now) {
        std::array<std::pair<std::size_t, std::size_t>, kAges.size()> rows;
        std::size_t last = births.size();
        for (std::size_t row = 0; row < kAges.size(); ++row) {
            const double age = static_cast<double>(now) * kAges[row].bound / kAges.back().bound;
            const auto oldest = static_cast<std::uint64_t>(std::max(0.0, std::ceil(static_cast<double>(now) - age)));
            const auto first = std::lower_bound(births.begin(), births.end(), oldest) - births.begin();
            rows[row] = {row + 1 == kAges.size() ? 0 : static_cast<std::size_t>(first), last};
            last = rows[row].first;
        }
        return rows;
    }

    // Which one goes.
    template <typename Dice>
    static std::size_t victim(const std::vector<std::uint64_t>& births, std::uint64_t now, Dice& dice) {
        const auto all = rows(births, now);
        std::size_t chosen = 0;
        double most = -1;
        for (std::size_t row = 0; row < kAges.size(); ++row) {
            const double count = static_cast<double>(all[row].second - all[row].first);
            const double above = count - static_cast<double>(births.size()) * kAges[row].weight / total_weight(kAges);
            if (count > 0 && above > most) {
                most = above;
                chosen = row;
            }
        }
        const auto [first, last] = all[chosen];
        return first + dice.below(last - first);
    }
};

}  // namespace ageing

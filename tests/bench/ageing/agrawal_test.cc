// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/ageing/agrawal.h"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace ageing {
namespace {

class Dice {
  public:
    std::uint64_t below(std::uint64_t n) { return engine_() % n; }

  private:
    std::mt19937_64 engine_{20261130};
};

constexpr int kDraws = 200'000;

TEST(Agrawal, SizesHaveTheSharesOfTheirRows) {
    Dice dice;
    std::array<int, kSizes.size()> seen{};
    for (int i = 0; i < kDraws; ++i) {
        const auto size = static_cast<double>(some_size(dice));
        const auto row = std::find_if(kSizes.begin(), kSizes.end(), [&](const Row& r) { return size <= r.bound; });
        ASSERT_NE(row, kSizes.end()) << size;
        ++seen[static_cast<std::size_t>(row - kSizes.begin())];
    }
    EXPECT_EQ(total_weight(kSizes), 230u);
    for (std::size_t row = 0; row < kSizes.size(); ++row)
        EXPECT_NEAR(seen[row] / double{kDraws}, kSizes[row].weight / 230.0, 0.004) << row;
}

TEST(Agrawal, SizesOfARowAreLogUniform) {
    Dice dice;
    int below = 0, all = 0;
    for (int i = 0; i < kDraws; ++i) {
        const std::uint64_t size = some_size(dice);
        below += size > 2048 && size <= 4096 ? 1 : 0;
        all += size > 2048 && size <= 8192 ? 1 : 0;
    }
    EXPECT_NEAR(below / double(all), 0.5, 0.01);
}

TEST(Agrawal, PlacesHaveTheSharesOfTheirDepths) {
    Dice dice;
    std::array<int, kDepths.size()> seen{};
    std::map<std::string, int> directories;
    for (int i = 0; i < kDraws; ++i) {
        const std::string name = some_directory(dice);
        ++seen[static_cast<std::size_t>(std::count(name.begin(), name.end(), '/'))];
        ++directories[name];
    }
    EXPECT_EQ(directories.size(), 218u);
    for (std::size_t depth = 0; depth < kDepths.size(); ++depth)
        EXPECT_NEAR(seen[depth] / double{kDraws}, kDepths[depth].weight / double{total_weight(kDepths)}, 0.004)
            << depth;
}

TEST(Agrawal, EachDirectoryLiesInOneOfTheDepthAbove) {
    EXPECT_EQ(directory_name(0, 0), "a0");
    EXPECT_EQ(directory_name(2, 12), "a0/b2/c12");
    EXPECT_EQ(directory_name(3, 18), "a0/b0/c5/d18");
}

TEST(Agrawal, AFileIsInTheRowOfItsAge) {
    // Of 122,640 hours: one now, one at each bound's end, and the first of all.
    const std::vector<std::uint64_t> births{0, 100'000, 122'600, 122'640};
    const auto rows = Ages::rows(births, 122'640);
    EXPECT_EQ(rows[0], std::make_pair(std::size_t{3}, std::size_t{4}));
    EXPECT_EQ(rows[2], std::make_pair(std::size_t{2}, std::size_t{3}));
    EXPECT_EQ(rows[8], std::make_pair(std::size_t{1}, std::size_t{2}));
    EXPECT_EQ(rows[9], std::make_pair(std::size_t{0}, std::size_t{1}));
}

// How far the ages are from their shares when files have come and gone for long: 0 is not at all, 1 wholly.
template <typename Choose>
double distance_after(std::uint64_t operations, std::size_t files, Choose choose) {
    std::vector<std::uint64_t> births;
    std::uint64_t now = 0;
    for (; now < operations; ++now) {
        if (births.size() < files)
            births.push_back(now);
        else
            births.erase(births.begin() + static_cast<std::ptrdiff_t>(choose(births, now)));
    }
    const auto rows = Ages::rows(births, now);
    double apart = 0;
    for (std::size_t row = 0; row < kAges.size(); ++row)
        apart += std::abs(double(rows[row].second - rows[row].first) / double(births.size()) -
                          kAges[row].weight / double{total_weight(kAges)});
    return apart / 2;
}

TEST(Agrawal, AgesApproachTheSharesOfTheirRows) {
    Dice dice;
    EXPECT_LT(
        distance_after(60'000, 200, [&](const auto& births, auto now) { return Ages::victim(births, now, dice); }),
        0.05);
    EXPECT_GT(distance_after(60'000, 200, [&](const auto& births, auto) { return dice.below(births.size()); }), 0.4);
}

}  // namespace
}  // namespace ageing

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/image/dm_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/dm-ioctl.h>

#include <cstring>

namespace daxfs {
namespace {

// As the kernel answers: each target's `next` counts from the start of the data.
std::vector<std::byte> answer(const std::vector<DmTarget>& targets) {
    std::vector<std::byte> data;
    for (const DmTarget& target : targets) {
        dm_target_spec spec{};
        spec.sector_start = target.start;
        spec.length = target.sectors;
        target.type.copy(spec.target_type, sizeof(spec.target_type) - 1);
        const std::size_t at = data.size();
        const std::size_t bytes = (sizeof(spec) + target.parameters.size() + 1 + 7) / 8 * 8;
        spec.next = static_cast<std::uint32_t>(at + bytes);
        data.resize(at + bytes);
        std::memcpy(data.data() + at, &spec, sizeof(spec));
        std::memcpy(data.data() + at + sizeof(spec), target.parameters.c_str(), target.parameters.size());
    }
    return data;
}

const std::vector<DmTarget> kVolume{{0, 8192, "linear", "259:0 821248"}, {8192, 8192, "linear", "259:0 2048"}};

TEST(DmTable, TargetsAreReadAsTheKernelGivesThem) {
    const auto data = answer(kVolume);
    const auto targets = parse_dm_targets(data, 2);
    ASSERT_EQ(targets.size(), 2u);
    EXPECT_EQ(targets[1].start, 8192u);
    EXPECT_EQ(targets[1].sectors, 8192u);
    EXPECT_EQ(targets[1].type, "linear");
    EXPECT_EQ(targets[1].parameters, "259:0 2048");
}

TEST(DmTable, AnAnswerThatIsCutOffEndsTheList) {
    const auto data = answer(kVolume);
    EXPECT_EQ(parse_dm_targets(data, 7).size(), 2u);
    EXPECT_EQ(parse_dm_targets(std::span(data).first(20), 2).size(), 0u);
    EXPECT_EQ(parse_dm_targets(std::span(data).first(data.size() / 2 + 8), 2).size(), 1u);
    std::vector<std::byte> endless(sizeof(dm_target_spec) + 8);
    EXPECT_EQ(parse_dm_targets(endless, 1000).size(), 1u);
}

TEST(DmTable, PartsOfWholeTwoMiBAreNoObstacle) {
    EXPECT_EQ(dm_obstacle({}), std::nullopt);
    EXPECT_EQ(dm_obstacle(kVolume), std::nullopt);
    EXPECT_EQ(dm_obstacle({{0, 1u << 20, "striped", "2 4096 259:0 0 259:1 0"}}), std::nullopt);
}

TEST(DmTable, SmallerPartsAndStripesAreNamed) {
    EXPECT_THAT(dm_obstacle({{0, 2048, "linear", "259:0 8192"}, {2048, 8192, "linear", "259:0 0"}}).value_or(""),
                testing::HasSubstr("sector 2048"));
    EXPECT_THAT(dm_obstacle({{0, 1u << 20, "striped", "2 128 259:0 0 259:1 0"}}).value_or(""),
                testing::HasSubstr("stripes of 64 KiB"));
}

TEST(DmTable, PartsThatFollowEachOtherOnOneDeviceAreOne) {
    EXPECT_EQ(dm_obstacle({{0, 2048, "linear", "259:0 8192"}, {2048, 8192, "linear", "259:0 10240"}}), std::nullopt);
    EXPECT_NE(dm_obstacle({{0, 2048, "linear", "259:0 8192"}, {2048, 8192, "linear", "259:1 10240"}}), std::nullopt);
}

}  // namespace
}  // namespace daxfs

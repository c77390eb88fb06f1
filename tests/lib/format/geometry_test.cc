// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/format/geometry.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "lib/format/features.h"

namespace daxfs {
namespace {

// 1 GiB: 4 AGs of 256 MiB.
Geometry sound() {
    Geometry geometry{.block_count = 262144,
                      .align_blocks = 0,
                      .ag_count = 4,
                      .ag_blocks_log2 = 16,
                      .journal_block = {},
                      .journal_count = 8,
                      .journal_blocks = 32};
    geometry.journal_block = BlockNo{geometry.map_end()};
    return geometry;
}

std::string problem(const Geometry& geometry) {
    const char* text = check_geometry(geometry, 262144);
    return text == nullptr ? "" : text;
}

TEST(Geometry, ASoundOneHasNoProblem) {
    EXPECT_EQ(problem(sound()), "");
    EXPECT_EQ(sound().map_end(), 4u + 2 + 2 + 1);
    EXPECT_EQ(sound().head_blocks(), 512u);
}

TEST(Geometry, TheLargestAgHasAHeadOfTwoHugePages) {
    Geometry geometry = sound();
    geometry.ag_blocks_log2 = DAXFS_MAX_AG_BLOCKS_LOG2;
    EXPECT_EQ(geometry.bitmap_blocks(), 256u);
    EXPECT_EQ(geometry.orphan_map_blocks(), 32u);
    EXPECT_EQ(geometry.head_blocks(), 1024u);
}

TEST(Geometry, EachFieldOutOfRangeIsNamed) {
    const auto with = [](auto change) {
        Geometry geometry = sound();
        change(geometry);
        return problem(geometry);
    };
    EXPECT_EQ(with([](Geometry& g) { g.ag_blocks_log2 = 11; }), "the allocation group size is out of range");
    EXPECT_EQ(with([](Geometry& g) { g.ag_blocks_log2 = 255; }), "the allocation group size is out of range");
    EXPECT_EQ(with([](Geometry& g) { g.align_blocks = 7; }), "align_blocks is out of range");
    EXPECT_EQ(with([](Geometry& g) { g.block_count = ~std::uint64_t{0}; }), "the block count is out of range");
    EXPECT_EQ(with([](Geometry& g) { g.block_count = 262145; }), "the block count exceeds the device");
    EXPECT_EQ(with([](Geometry& g) { g.block_count = 0; }), "the block count leaves no room for an allocation group");
    EXPECT_EQ(with([](Geometry& g) { g.ag_count = 0; }), "the number of allocation groups is out of range");
    EXPECT_EQ(with([](Geometry& g) { g.ag_count = 3; }),
              "the number of allocation groups disagrees with the block count");
    EXPECT_EQ(with([](Geometry& g) { g.block_count = 3 * 65536 + 575; }), "the last allocation group is too short");
    EXPECT_EQ(with([](Geometry& g) { g.block_count = 3 * 65536 + 576; }), "");
    EXPECT_EQ(with([](Geometry& g) { g.journal_count = 0; }), "the number of journals is out of range");
    EXPECT_EQ(with([](Geometry& g) { g.journal_blocks = 31; }), "the journal size is out of range");
    EXPECT_EQ(with([](Geometry& g) { g.journal_block = BlockNo{8}; }),
              "the journals are not behind the maps of the first allocation group");
    EXPECT_EQ(with([](Geometry& g) { g.journal_count = 256, g.journal_blocks = 1024; }),
              "the journals do not fit the first allocation group");
}

RC_GTEST_PROP(Geometry, AnyNumbersAreRefusedOrStayInsideTheDevice, ()) {
    Geometry geometry = sound();
    const auto device_blocks = *rc::gen::arbitrary<std::uint64_t>();
    geometry.ag_blocks_log2 = *rc::gen::inRange<std::uint8_t>(10, 26);
    geometry.align_blocks = *rc::gen::element<std::uint32_t>(0, 8, 511, ~0u);
    geometry.block_count = *rc::gen::oneOf(rc::gen::arbitrary<std::uint64_t>(),
                                           rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << 40));
    const std::uint64_t ags = div_round_up(geometry.block_count, geometry.ag_blocks());
    geometry.ag_count = *rc::gen::element(static_cast<std::uint32_t>(ags), *rc::gen::arbitrary<std::uint32_t>());
    geometry.journal_count = *rc::gen::inRange<std::uint32_t>(0, 300);
    geometry.journal_blocks = *rc::gen::inRange<std::uint32_t>(0, 1100);
    geometry.journal_block = geometry.ag_start(AgNo{0}) + geometry.map_end();
    if (check_geometry(geometry, device_blocks) != nullptr)
        return;
    const AgNo last{geometry.ag_count - 1};
    RC_ASSERT(geometry.block_count <= device_blocks);
    RC_ASSERT(geometry.ag_start(last).value + geometry.ag_length(last) == geometry.block_count);
    RC_ASSERT(geometry.ag_length(last) >= geometry.head_blocks() + DAXFS_MIN_AG_SPARE_BLOCKS);
    RC_ASSERT(geometry.journal_slot(geometry.journal_count).value <= geometry.block_count);
    RC_ASSERT(geometry.ag_of(BlockNo{geometry.block_count - 1}) == last);
}

TEST(Features, UnknownBitsSayWhatIsStillAllowed) {
    daxfs_super super{};
    super.version = 1;
    super.compat = ~0u;
    EXPECT_EQ(feature_problem(super, FeatureUse::kWrite), "");
    super.ro_compat = 4;
    EXPECT_EQ(feature_problem(super, FeatureUse::kRead), "");
    EXPECT_EQ(feature_problem(super, FeatureUse::kWrite), "unknown ro_compat features 0x4; it can only be read here");
    super.incompat = 0x80000000;
    EXPECT_EQ(feature_problem(super, FeatureUse::kRead),
              "unknown incompat features 0x80000000; newer tools are needed");
    super.version = 2;
    EXPECT_EQ(feature_problem(super, FeatureUse::kRead),
              "format version 2 is not known here (only 1); newer tools are needed");
}

TEST(Geometry, AlignmentPutsTheFirstAgOnAHugePage) {
    constexpr std::uint64_t kHuge = std::uint64_t{DAXFS_HUGE_BLOCKS} * DAXFS_BLOCK_SIZE;
    EXPECT_EQ(align_blocks_for(0), 0u);
    EXPECT_EQ(align_blocks_for(5 * kHuge), 0u);
    for (std::uint64_t start = 4096; start < kHuge; start += 4096) {
        const std::uint64_t align = align_blocks_for(start);
        EXPECT_GE(align, DAXFS_MIN_ALIGN_BLOCKS);
        EXPECT_EQ((start + align * DAXFS_BLOCK_SIZE) % (kHuge), 0u);
    }
}

}  // namespace
}  // namespace daxfs

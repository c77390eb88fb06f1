// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <set>

#include "lib/check/check.h"
#include "lib/tree/intent.h"
#include "tests/images/broken_images.h"

namespace daxfs {
namespace {

using test::BrokenImage;
using test::ImageEditor;

std::string text_of(const Report& report) {
    std::string text;
    for (const Finding& finding : report.findings())
        text += fmt::format("[{:03}] {}\n", info(finding.problem).id(), message_of(finding));
    return text;
}

CheckResult check(Image& image, CheckMode mode) {
    auto result = check_image(image, {.mode = mode});
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? *std::move(result) : CheckResult{};
}

class BrokenImages : public testing::TestWithParam<BrokenImage> {};

Image damaged(const BrokenImage& broken) {
    ImageEditor editor;
    broken.damage(editor);
    return editor.image();
}

TEST_P(BrokenImages, AreCalledByName) {
    Image image = damaged(GetParam());
    const CheckResult result = check(image, CheckMode::kReport);
    EXPECT_GT(result.report.count(GetParam().expected), 0u) << text_of(result.report);
    EXPECT_LE(result.report.findings().size(), 16u) << "one piece of damage is told in few lines:\n"
                                                    << text_of(result.report);
}

TEST_P(BrokenImages, AreRepaired) {
    Image image = damaged(GetParam());
    const CheckResult repaired = check(image, CheckMode::kYes);
    EXPECT_EQ(repaired.repair_error, "");
    EXPECT_EQ(repaired.remaining, 0u) << text_of(repaired.report);
    EXPECT_EQ(repaired.report.unfixed(), 0u);
    const CheckResult after = check(image, CheckMode::kReport);
    EXPECT_TRUE(after.clean()) << text_of(after.report);
}

TEST_P(BrokenImages, AreLeftAloneByPreenOrRepairedWithoutLoss) {
    Image image = damaged(GetParam());
    const CheckResult repaired = check(image, CheckMode::kPreen);
    EXPECT_EQ(repaired.repair_error, "");
    EXPECT_TRUE(repaired.losses.empty()) << repaired.losses.front().what;
    EXPECT_LE(repaired.remaining, repaired.report.total());
    EXPECT_TRUE(repaired.report.has(Severity::kCorrupt) || repaired.remaining == 0) << text_of(repaired.report);
    EXPECT_EQ(check(image, CheckMode::kReport).report.total(), repaired.remaining);
}

INSTANTIATE_TEST_SUITE_P(All, BrokenImages, testing::ValuesIn(test::broken_images()), [](const auto& param) {
    std::string name = param.param.name;
    std::ranges::replace(name, '-', '_');
    return name;
});

TEST(BrokenImagesList, HasOneForEveryProblemButTheseFew) {
    std::set<Problem> covered;
    for (const BrokenImage& broken : test::broken_images())
        covered.insert(broken.expected);
    // Orphans come from the builder (recovery_test.cc), a short device is below; what is unreadable is in
    // bad_blocks_test.cc.
    for (const Problem problem : {Problem::kOrphan, Problem::kMapUnreadable, Problem::kDeviceShort, Problem::kBlockTorn,
                                  Problem::kDataUnreadable})
        covered.insert(problem);
    for (const ProblemInfo& problem : problem_catalogue())
        EXPECT_TRUE(covered.contains(problem.problem)) << problem.name;
}

// A copy that failed: the second group ends early, the third is not there.
TEST(ShortDevice, IsCheckedAsFarAsItGoesAndNotWritten) {
    const test::RichImage& rich = test::rich_image();
    const std::uint64_t bytes = rich.size_bytes - (20u << 20);
    test::Blocks blocks = rich.blocks;
    std::erase_if(blocks, [&](const auto& block) { return block.first.value >= bytes / DAXFS_BLOCK_SIZE; });
    Image image = test::image_of(bytes, blocks);
    const CheckResult result = check(image, CheckMode::kReport);
    EXPECT_EQ(result.report.count(Problem::kDeviceShort), 1u);
    EXPECT_EQ(result.report.count(Problem::kSuperDamaged), 0u) << text_of(result.report);
    EXPECT_EQ(result.volume.missing_blocks, (20u << 20) / DAXFS_BLOCK_SIZE);
    EXPECT_GT(result.inodes, 1500u);
    for (const CheckMode mode : {CheckMode::kPreen, CheckMode::kYes}) {
        const auto refused = check_image(image, {.mode = mode});
        ASSERT_FALSE(refused);
        EXPECT_NE(refused.error().message.find("lacks 20971520 bytes"), std::string::npos) << refused.error().message;
        EXPECT_NE(refused.error().message.find("truncate -s 50331648 "), std::string::npos) << refused.error().message;
    }
    EXPECT_EQ(test::blocks_of(image).size(), blocks.size());
}

// daxfs-undo was cut off: only it knows what else is to be put back.
TEST(AnnouncedUndo, IsLeftToDaxfsUndo) {
    const std::vector<std::uint32_t> places[] = {
        {DAXFS_INTENT_BLOCK_A}, {DAXFS_INTENT_BLOCK_B}, {DAXFS_INTENT_BLOCK_A, DAXFS_INTENT_BLOCK_B}};
    for (const auto& blocks : places) {
        ImageEditor editor;
        for (const std::uint32_t block : blocks) {
            auto& intent = editor.at<daxfs_intent>(BlockNo{block});
            intent.magic = DAXFS_INTENT_MAGIC;
            intent.redo_crc = 0x12345678;
            intent.crc = checksum(intent);
        }
        editor.super().state = DAXFS_STATE_ERRORS;
        editor.seal_super();
        Image image = editor.image();
        const auto found = check_image(image, {.mode = CheckMode::kReport, .plan = true});
        ASSERT_TRUE(found);
        EXPECT_EQ(found->report.count(Problem::kIntentPresent), blocks.size());
        EXPECT_NE(text_of(found->report).find("run daxfs-undo again"), std::string::npos) << text_of(found->report);
        EXPECT_FALSE(found->plan);
        for (const CheckMode mode : {CheckMode::kPreen, CheckMode::kYes}) {
            const auto refused = check_image(image, {.mode = mode});
            ASSERT_FALSE(refused);
            EXPECT_NE(refused.error().message.find("run daxfs-undo again"), std::string::npos)
                << refused.error().message;
            for (const std::uint32_t block : blocks)
                EXPECT_FALSE(read_intent(image, BlockNo{block}).damage);
            EXPECT_TRUE(read_intent(image, BlockNo{blocks[0]}).present);
        }
    }
}

// What a map that is no map says of thousands of blocks is not told as thousands of losses.
TEST(DamagedInodeMap, LosesOnlyWhatWasThere) {
    for (const bool with_a_lost_block : {false, true}) {
        ImageEditor editor;
        std::memset(editor.block(editor.volume().geometry.inode_map(AgNo{0})), 0xff, DAXFS_BLOCK_SIZE);
        // Of inodes that own nothing.
        const BlockNo lost =
            editor.volume().block_of(editor.entry(editor.rich().big_directory, "name-00700-of-many").ino);
        if (with_a_lost_block)
            std::memset(editor.block(lost), 0x5a, DAXFS_BLOCK_SIZE);
        Image image = editor.image();
        const CheckResult repaired = check(image, CheckMode::kYes);
        EXPECT_EQ(repaired.remaining, 0u);
        const std::string name = fmt::format("block {}: up to eight inodes", lost);
        const auto lines = std::ranges::count_if(repaired.losses, [](const Loss& loss) { return loss.ino.value == 0; });
        const auto named = std::ranges::count_if(repaired.losses, [&](const Loss& loss) { return loss.what == name; });
        EXPECT_EQ(named, with_a_lost_block ? 1 : 0);
        EXPECT_LE(lines, with_a_lost_block ? 2 : 1) << repaired.losses.front().what;
        EXPECT_GT(repaired.inodes, 1500u);
    }
}

TEST(ShortDevice, LacksTheBytesThatItLacks) {
    const test::RichImage& rich = test::rich_image();
    Image image = test::image_of(rich.size_bytes - 1, rich.blocks);
    const CheckResult result = check(image, CheckMode::kReport);
    EXPECT_EQ(result.report.count(Problem::kDeviceShort), 1u);
    EXPECT_NE(text_of(result.report).find("lacks 1 bytes"), std::string::npos) << text_of(result.report);
}

TEST(RichImage, IsClean) {
    Image image = test::rich_image().image();
    const CheckResult result = check(image, CheckMode::kReport);
    EXPECT_TRUE(result.clean()) << text_of(result.report);
    EXPECT_GT(result.inodes, 1500u);
}

}  // namespace
}  // namespace daxfs

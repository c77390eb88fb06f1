// SPDX-License-Identifier: GPL-2.0-or-later
// A repair of each broken image, cut off at any store: the next run finds a filesystem that it brings in order,
// whatever of the stores since the last flush reached the device.
#include <gtest/gtest.h>

#include "lib/check/check.h"
#include "tests/images/broken_images.h"
#include "tests/lib/check/crash_states.h"

namespace daxfs {
namespace {

constexpr std::uint32_t kCuts = 6;  // of each image

class KilledRepair : public testing::TestWithParam<test::BrokenImage> {};

// All stores before the flush that was the last one over, and of those behind it, up to the cut, any part.
void cut_at(test::Bytes& device, const test::StoreTrace& trace, std::size_t cut, std::mt19937& random) {
    std::size_t durable = 0;
    for (std::size_t i = 0; i < cut; ++i) {
        if (!trace.events[i].block)
            durable = i;
    }
    for (std::size_t i = 0; i < cut; ++i) {
        const auto& event = trace.events[i];
        if (event.block)
            test::store_as(i < durable ? test::Fate::kWhole : static_cast<test::Fate>(random() % 5),
                           device[*event.block], event.bytes.bytes, random);
    }
}

TEST_P(KilledRepair, IsFinishedOrMadeAgainByTheNextRun) {
    test::ImageEditor editor;
    GetParam().damage(editor);
    test::RichImage broken = editor.rich();
    broken.blocks = editor.blocks();
    const test::Bytes before(broken);
    test::StoreTrace trace;
    {
        test::Bytes device = before;
        Image image = device.image();
        trace.record(image);
        ASSERT_EQ(test::must(check_image(image, {.mode = CheckMode::kYes})).remaining, 0u);
    }
    ASSERT_FALSE(trace.events.empty());
    std::mt19937 random(7);
    for (std::uint32_t i = 0; i < kCuts; ++i) {
        test::Bytes device = before;
        const std::size_t cut = random() % (trace.events.size() + 1);
        SCOPED_TRACE(fmt::format("cut behind {} of {} stores and flushes", cut, trace.events.size()));
        cut_at(device, trace, cut, random);
        Image image = device.image();
        const CheckResult next = test::must(check_image(image, {.mode = CheckMode::kYes}));
        EXPECT_EQ(next.repair_error, "");
        EXPECT_EQ(next.remaining, 0u);
        // What was announced can be finished, but for the intent that an image began with.
        const bool began_with_one = GetParam().expected == Problem::kIntentPresent;
        EXPECT_TRUE(began_with_one || std::ranges::none_of(next.losses, [](const Loss& loss) {
                        return loss.what.find("cannot be finished") != std::string::npos;
                    }));
        Image again = device.image();
        EXPECT_TRUE(test::must(check_image(again, {.mode = CheckMode::kReport})).clean());
    }
}

// A repair of several rounds begins with a rollback: a round must not end a transaction whose old bytes wait for the
// next.
TEST(KilledRepair, OfSeveralRoundsKeepsAnOpenTransactionWhole) {
    test::ImageEditor editor;
    std::vector<test::ImageEditor::Range> ranges;
    std::vector<InodeNo> inodes;
    for (const InodeNo ino : {editor.rich().small_file, editor.rich().linked_file, editor.rich().tree_file}) {
        inodes.push_back(ino);
        ranges.push_back(editor.range_of(ino));
    }
    const BlockNo maps[] = {editor.volume().geometry.bitmap(AgNo{0}), editor.volume().geometry.inode_map(AgNo{0})};
    for (const BlockNo map : maps) {
        for (std::uint32_t at = 0; at < DAXFS_BLOCK_SIZE; at += 512)
            ranges.push_back({.offset = ByteOffset{map.value * DAXFS_BLOCK_SIZE + at}, .length = 512});
    }
    editor.log_undo(0, ranges);
    for (const InodeNo ino : inodes)
        std::memset(&editor.inode(ino), 0xa5, sizeof(daxfs_inode));
    // No line is as it was: more than a list takes.
    for (const BlockNo map : maps)
        std::for_each_n(editor.block(map), DAXFS_BLOCK_SIZE, [](std::byte& byte) { byte ^= std::byte{0xa5}; });
    test::RichImage open = editor.rich();
    open.blocks = editor.blocks();
    const test::Bytes before(open);
    const CheckOptions preen{.mode = CheckMode::kPreen, .longest_list = 2};
    test::StoreTrace trace;
    {
        test::Bytes device = before;
        Image image = device.image();
        trace.record(image);
        const CheckResult result = test::must(check_image(image, preen));
        ASSERT_EQ(result.remaining, 0u);
        ASSERT_EQ(result.repair_error, "");
    }
    std::mt19937 random(11);
    for (std::size_t cut = 0; cut <= trace.events.size(); ++cut) {
        SCOPED_TRACE(fmt::format("cut behind {} of {} stores and flushes", cut, trace.events.size()));
        test::Bytes device = before;
        cut_at(device, trace, cut, random);
        Image image = device.image();
        const CheckResult next = test::must(check_image(image, preen));
        EXPECT_EQ(next.repair_error, "");
        EXPECT_EQ(next.remaining, 0u);
        EXPECT_TRUE(next.losses.empty());
    }
}

// What a damaged inode owns is claimed by nobody, and marked: no list lies there, whether it is kept or given up.
TEST(KilledRepair, WritesNoListOverWhatADamagedInodeMayOwn) {
    constexpr std::uint64_t kLeft = 8;
    test::ImageEditor editor;
    std::memset(&editor.inode(editor.rich().small_file).mode, 0xa5, 64);
    // Something that can be put right without asking who owns what.
    editor.inode(editor.rich().linked_file).blocks = 77;
    editor.seal_inode(editor.rich().linked_file);
    // All that is free could be its own, but for a few blocks.
    std::vector<BlockNo> free;
    for (AgNo ag; ag.value < editor.volume().initialised_ags(); ++ag) {
        const AgMap map(editor.volume(), ag, MapKind::kBlocks);
        for (std::uint64_t bit = 0; bit < map.bits(); ++bit) {
            if (map.test(bit))
                continue;
            if (free.size() < kLeft)
                free.push_back(map.device_block(bit));
            else
                editor.set_map_bit(MapKind::kBlocks, ag, bit, true);
        }
        editor.seal_header(ag);
    }
    ASSERT_EQ(free.size(), kLeft);
    test::RichImage broken = editor.rich();
    broken.blocks = editor.blocks();
    for (const CheckMode mode : {CheckMode::kPreen, CheckMode::kYes}) {
        test::Bytes device(broken);
        test::StoreTrace trace;
        Image image = device.image();
        trace.record(image);
        EXPECT_EQ(test::must(check_image(image, {.mode = mode})).repair_error, "");
        std::size_t stores = 0;
        for (; stores < trace.events.size() && trace.events[stores].block; ++stores)
            EXPECT_NE(std::ranges::find(free, *trace.events[stores].block), free.end())
                << trace.events[stores].block->value;
        EXPECT_GT(stores, 0u);
    }
}

INSTANTIATE_TEST_SUITE_P(All, KilledRepair, testing::ValuesIn(test::broken_images()), [](const auto& param) {
    std::string name = param.param.name;
    std::ranges::replace(name, '-', '_');
    return name;
});

}  // namespace
}  // namespace daxfs

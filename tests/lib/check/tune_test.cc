// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/tune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "lib/check/check.h"
#include "lib/check/redo_place.h"
#include "lib/format/copy_places.h"
#include "tests/images/broken_images.h"
#include "tests/lib/check/crash_states.h"

namespace daxfs {
namespace {

using test::must;
using testing::HasSubstr;

const test::RichImage& small_image() {
    static const test::RichImage image = test::make_rich_image({.extents = 20, .names = 20});
    return image;
}

Tuning everything() {
    Uuid uuid{};
    uuid.fill(0x7e);
    return {.label = "another name", .uuid = uuid, .reserved_bytes = 1 << 20};
}

// Label, UUID and reserve of the superblock and of all copies.
std::vector<daxfs_super> superblocks(const Image& image) {
    const Volume volume = must(open_volume(image));
    std::vector<daxfs_super> found;
    for (AgNo ag; ag.value < volume.geometry.ag_count; ++ag) {
        const SuperblockReading reading = read_superblock(image, volume.geometry.ag_start(ag));
        if (!reading.damage)
            found.push_back(*reading.raw);
    }
    return found;
}

bool same_names(const daxfs_super& a, const daxfs_super& b) {
    return label_of(a) == label_of(b) && std::ranges::equal(a.uuid, b.uuid) && a.reserved_blocks == b.reserved_blocks;
}

void expect_all_like(const Image& image, const daxfs_super& wanted) {
    const auto found = superblocks(image);
    EXPECT_EQ(found.size(), kGroupsWithCopy);
    for (const daxfs_super& super : found)
        EXPECT_TRUE(same_names(super, wanted)) << label_of(super);
}

TEST(Tune, ChangesTheSuperblockAndEveryCopy) {
    test::Bytes device(small_image());
    Image image = device.image();
    const TuneOutcome outcome = must(tune(image, everything(), {}));
    EXPECT_EQ(outcome.blocks, kGroupsWithCopy);
    EXPECT_EQ(label_of(outcome.before), "rich");
    EXPECT_EQ(label_of(outcome.after), "another name");
    EXPECT_EQ(outcome.after.uuid[0], 0x7e);
    EXPECT_EQ(outcome.after.reserved_blocks, 256u);
    EXPECT_EQ(outcome.after.nonce, outcome.before.nonce);
    Image again = device.image();
    expect_all_like(again, outcome.after);
    EXPECT_TRUE(must(check_image(again, {})).clean());
}

TEST(Tune, LeavesWhatIsNotAskedFor) {
    test::Bytes device(small_image());
    Image image = device.image();
    const TuneOutcome outcome = must(tune(image, {.label = ""}, {}));
    EXPECT_EQ(label_of(outcome.after), "");
    daxfs_super other = outcome.after;
    std::ranges::copy(outcome.before.label, other.label);
    other.crc = outcome.before.crc;
    EXPECT_EQ(std::memcmp(&other, &outcome.before, sizeof(other)), 0);
    Image again = device.image();
    EXPECT_EQ(must(tune(again, {.label = ""}, {})).blocks, 0u);
}

TEST(Tune, OnlySaysWhatItWouldDoWithoutAccess) {
    test::Bytes device(small_image());
    const test::Bytes before = device;
    Image image = device.image();
    EXPECT_EQ(must(tune(image, everything(), {.access = Access::kRead})).blocks, kGroupsWithCopy);
    for (BlockNo block; block < device.end(); ++block)
        ASSERT_TRUE(device.same(block, before)) << block.value;
}

// At every store, dropped, whole or in part.
TEST(Tune, APowerCutLeavesAllOfItOrNothing) {
    const test::Bytes before(small_image());
    test::StoreTrace trace;
    TuneOutcome outcome;
    {
        test::Bytes device = before;
        Image image = device.image();
        trace.record(image);
        outcome = must(tune(image, everything(), {}));
    }
    // The list, the announcement, the changes, the end.
    ASSERT_EQ(trace.flushes(), 4u);
    std::mt19937 random(5);
    int states = 0, finished = 0;
    std::set<bool> ends;
    test::for_each_crash_state(before, trace, 4, random, [&](test::Bytes& state, std::size_t flushes) {
        SCOPED_TRACE(fmt::format("state {}, behind {} flushes", states, flushes));
        ++states;
        Image cut = state.image();
        const AnnouncedOutcome announced = must(finish_announced(cut, Access::kWrite));
        ASSERT_NE(announced.what, Announced::kRefused);
        finished += announced.what == Announced::kFinished ? 1 : 0;
        Image image = state.image();
        const bool is_new = same_names(must(open_volume(image)).super, outcome.after);
        ends.insert(is_new);
        EXPECT_TRUE(flushes < 2 || is_new);
        EXPECT_TRUE(flushes > 0 || !is_new);
        expect_all_like(image, is_new ? outcome.after : outcome.before);
        // An intent that was cut off when it was written or cleared announces nothing, and is damage to be cleared.
        EXPECT_EQ(must(check_image(image, {.mode = CheckMode::kYes})).remaining, 0u);
        Image again = state.image();
        EXPECT_TRUE(must(check_image(again, {})).clean());
        expect_all_like(again, is_new ? outcome.after : outcome.before);
    });
    EXPECT_GT(finished, 10);
    EXPECT_EQ(ends.size(), 2u);
}

// As a tool that is killed leaves it: the first stores in their order, and no more.
TEST(Tune, AKillLeavesWhatTheNextRunOfFsckFinishes) {
    for (std::size_t stores = 0;; ++stores) {
        test::Bytes device(small_image());
        Image image = device.image();
        std::size_t left = stores;
        image.before_stores(
            [&](const Store&) -> Result<void> { return left-- == 0 ? fail("cut off") : Result<void>{}; });
        const auto done = tune(image, everything(), {});
        Image look = device.image();
        const Report found_first = must(check_image(look, {})).report;
        EXPECT_EQ(found_first.total(), found_first.count(Problem::kIntentPresent)) << stores;
        Image cut = device.image();
        const CheckResult preened = must(check_image(cut, {.mode = CheckMode::kPreen}));
        EXPECT_EQ(preened.remaining, 0u) << stores;
        Image again = device.image();
        EXPECT_TRUE(must(check_image(again, {})).clean()) << stores;
        const auto found = superblocks(again);
        for (const daxfs_super& super : found)
            EXPECT_TRUE(same_names(super, found.front())) << stores;
        if (done)
            return;
        EXPECT_THAT(done.error().message, HasSubstr("cut off"));
    }
}

TEST(Tune, RefusesWhatIsNotSoundAndWritesNothing) {
    for (const char* name : {"uncommitted-transaction", "superblock-bit", "superblock-errors", "ag-header-bit"}) {
        test::ImageEditor editor;
        for (const test::BrokenImage& image : test::broken_images())
            if (std::string_view(image.name) == name)
                image.damage(editor);
        Image image = editor.image();
        image.before_stores([](const Store&) -> Result<void> {
            ADD_FAILURE();
            return {};
        });
        const auto refused = tune(image, everything(), {});
        ASSERT_FALSE(refused) << name;
        EXPECT_THAT(refused.error().message, HasSubstr("Run fsck.daxfs -p first")) << name;
    }
    Image sound = small_image().image();
    EXPECT_THAT(tune(sound, {.reserved_bytes = small_image().size_bytes}, {}).error().message,
                HasSubstr("half of the device"));
}

TEST(Tune, RefusesARepairThatIsOpen) {
    test::ImageEditor editor;
    auto& intent = editor.at<daxfs_intent>(BlockNo{DAXFS_INTENT_BLOCK_B});
    intent.magic = DAXFS_INTENT_MAGIC;
    intent.crc = checksum(intent);
    Image image = editor.image();
    EXPECT_THAT(tune(image, everything(), {}).error().message, HasSubstr("not finished"));
}

TEST(Tune, RefusesWhatNewerToolsMade) {
    test::ImageEditor editor;
    editor.super().ro_compat = 8;
    editor.seal_super();
    Image image = editor.image();
    EXPECT_THAT(tune(image, everything(), {}).error().message, HasSubstr("can only be read here"));
}

// More copies than a journal has room to announce.
TEST(Tune, ChangesManyCopiesFromFreeSpace) {
    FormatOptions options = test::rich_options();
    options.device_bytes = 10ull << 30;
    MemorySink sink(options.device_bytes);
    FilesystemBuilder builder(must(plan_filesystem(options)), sink);
    must(builder.begin());
    const FileRun most[] = {{.file_block = 0, .length = (9ull << 30) / DAXFS_BLOCK_SIZE}};
    must(builder.add_file(builder.root(), "large", 9ull << 30, most));
    must(builder.finish());
    Image image = sink.image();
    const Volume volume = must(open_volume(image));
    ASSERT_GT(volume.initialised_ags(), 550u);
    bool in_journal = false;
    image.before_stores([&](const Store& store) -> Result<void> {
        in_journal = in_journal || (store.block && *store.block >= volume.geometry.journal_slot(0) &&
                                    *store.block < volume.geometry.journal_slot(volume.geometry.journal_count));
        return {};
    });
    const TuneOutcome outcome = must(tune(image, everything(), {}));
    EXPECT_EQ(outcome.blocks, volume.initialised_ags());
    EXPECT_FALSE(in_journal);
    image.forget_staged();
    for (AgNo ag; ag.value < volume.initialised_ags(); ++ag)
        ASSERT_TRUE(same_names(*read_superblock(image, volume.geometry.ag_start(ag)).raw, outcome.after)) << ag.value;
    EXPECT_TRUE(must(check_image(image, {})).clean());
}

TEST(Tune, TakesNoSpaceThatABitmapCallsUsedOrThatIsFixed) {
    test::ImageEditor editor;
    // One that says so of everything, with a right checksum, and one that does not check out.
    const Geometry& geometry = editor.volume().geometry;
    for (std::uint64_t bit = 0; bit < geometry.fixed_blocks(AgNo{0}); ++bit)
        editor.set_map_bit(MapKind::kBlocks, AgNo{0}, bit, false);
    editor.flip(geometry.bitmap(AgNo{1}), 0);
    const Image image = editor.image();
    const Volume volume = must(open_volume(image));
    const auto runs = unmarked_runs(volume);
    ASSERT_FALSE(runs.empty());
    const AgMap map(volume, AgNo{0}, MapKind::kBlocks);
    for (const BlockRun& run : runs) {
        for (std::uint64_t i = 0; i < run.length; ++i) {
            const std::uint64_t bit = run.start + i - geometry.ag_start(AgNo{0});
            ASSERT_LT(bit, map.bits());
            ASSERT_GE(bit, geometry.fixed_blocks(AgNo{0}));
            ASSERT_FALSE(map.test(bit));
        }
    }
}

}  // namespace
}  // namespace daxfs

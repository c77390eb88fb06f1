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

INSTANTIATE_TEST_SUITE_P(All, KilledRepair, testing::ValuesIn(test::broken_images()), [](const auto& param) {
    std::string name = param.param.name;
    std::ranges::replace(name, '-', '_');
    return name;
});

}  // namespace
}  // namespace daxfs

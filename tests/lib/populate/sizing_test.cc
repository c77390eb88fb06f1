// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/populate/sizing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lib/populate/filled.h"

namespace daxfs {
namespace {

using test::bytes_of;
using test::file;
using test::ListSource;

constexpr std::uint64_t kMiB = 1 << 20;

Fill fill_with(const std::vector<ListSource::Item>& items) {
    return [items](FilesystemBuilder& builder) -> Result<void> {
        ListSource source(items);
        Populator populator(builder, {});
        DAXFS_TRY(populator.add(source));
        DAXFS_TRY(populator.finish());
        return {};
    };
}

std::vector<ListSource::Item> mixed() {
    std::vector<ListSource::Item> items;
    for (int i = 0; i < 300; ++i)
        items.push_back(file(fmt::format("d{}/f{}", i % 9, i), bytes_of(100 + i * 300)));
    for (int i = 0; i < 6; ++i)
        items.push_back(file(fmt::format("large{}", i), bytes_of(3 * kMiB + 5)));
    return items;
}

TEST(Sizing, CapacityIsWhatCanBeAllocated) {
    for (const std::uint64_t bytes : {8 * kMiB, 64 * kMiB, 1000 * kMiB + 12288}) {
        const daxfs_super super = plan_filesystem(test::filled_options(bytes)).value();
        const std::uint64_t capacity = capacity_blocks(super);
        const auto file_of = [](std::uint64_t blocks) {
            return [blocks](FilesystemBuilder& builder) -> Result<void> {
                const FileRun run{.file_block = 0, .length = static_cast<std::uint32_t>(blocks)};
                DAXFS_TRY(builder.add_file(builder.root(), "f", 0, std::span(&run, 1)));
                return {};
            };
        };
        // Beside the file: the block of the first inodes, the root's leaf, and where the file has more than 10 extents,
        // one an AG at the least, a node of them.
        const std::uint64_t groups = super.ag_count;
        EXPECT_FALSE(fits(super, file_of(capacity - 1)).value());
        EXPECT_TRUE(fits(super, file_of(capacity - 2 - (groups > 4 ? 1 : 0))).value()) << bytes;
    }
}

TEST(Sizing, TheSmallestHoldsItAndLessDoesNot) {
    const FormatOptions options = test::filled_options(0);
    const Fill fill = fill_with(mixed());
    const std::uint64_t needed = needed_blocks(options, fill).value();
    const std::uint64_t smallest = smallest_bytes(options, needed, fill).value();
    EXPECT_EQ(smallest % DAXFS_BLOCK_SIZE, 0u);
    FormatOptions sized = options;
    sized.device_bytes = smallest;
    EXPECT_TRUE(fits(plan_filesystem(sized).value(), fill).value());
    sized.device_bytes = smallest - smallest / 256;
    EXPECT_FALSE(fits(plan_filesystem(sized).value(), fill).value());
}

TEST(Sizing, ARoomyOneHasATenthFree) {
    const FormatOptions options = test::filled_options(0);
    const std::uint64_t needed = needed_blocks(options, fill_with(mixed())).value();
    FormatOptions sized = options;
    sized.device_bytes = roomy_bytes(options, needed).value();
    EXPECT_EQ(sized.device_bytes % kMiB, 0u);
    const std::uint64_t capacity = capacity_blocks(plan_filesystem(sized).value());
    EXPECT_GE(capacity, needed + needed / 10);
    EXPECT_LE(capacity, needed + needed / 10 + 6 * kMiB / DAXFS_BLOCK_SIZE);
}

TEST(Sizing, NothingTakesTheSmallestFilesystemThereIs) {
    const FormatOptions options = test::filled_options(0);
    const Fill nothing = fill_with({});
    EXPECT_EQ(smallest_bytes(options, needed_blocks(options, nothing).value(), nothing).value(), minimum_bytes(0));
}

TEST(Sizing, WhatNoSizeHoldsAndWhatTheFillSaysAreErrors) {
    const FormatOptions options = test::filled_options(0);
    const Fill broken = [](FilesystemBuilder&) -> Result<void> { return fail("no such thing"); };
    EXPECT_EQ(needed_blocks(options, broken).error().message, "no such thing");
    EXPECT_EQ(fits(plan_filesystem(test::filled_options()).value(), broken).error().message, "no such thing");
    EXPECT_THAT(bytes_for(options, std::uint64_t{1} << 50, 4096).error().message, testing::HasSubstr("too large"));
    FormatOptions wrong = options;
    wrong.ag_bytes = 12345;
    EXPECT_THAT(bytes_for(wrong, 10, 4096).error().message, testing::HasSubstr("power of two"));
}

}  // namespace
}  // namespace daxfs

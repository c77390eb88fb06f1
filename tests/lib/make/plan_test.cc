// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/make/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "lib/format/geometry.h"
#include "lib/make/filesystem.h"
#include "lib/tree/ag.h"
#include "lib/tree/volume.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kGiB = 1 << 30;
constexpr std::uint64_t kTiB = kMiB << 20;

Geometry geometry_for(std::uint64_t bytes) {
    return Geometry::of(plan_filesystem({.device_bytes = bytes}).value());
}

std::string error_for(const FormatOptions& options) {
    const auto super = plan_filesystem(options);
    return super ? "" : super.error().message;
}

TEST(Plan, ChoosesTheAgSizeByTheDevice) {
    EXPECT_EQ(geometry_for(16 * kMiB).ag_blocks(), 4096u);
    EXPECT_EQ(geometry_for(kGiB).ag_count, 4u);
    EXPECT_EQ(geometry_for(kGiB).ag_blocks() * DAXFS_BLOCK_SIZE, 256 * kMiB);
    EXPECT_EQ(geometry_for(100 * kGiB).ag_blocks() * DAXFS_BLOCK_SIZE, kGiB);
    EXPECT_EQ(geometry_for(64 * kTiB).ag_count, 4096u);
    EXPECT_EQ(geometry_for(std::uint64_t{1} << 59).ag_count, DAXFS_MAX_AGS);
}

TEST(Plan, LeavesOutALastAgWithoutRoom) {
    const std::uint64_t bytes = 4 * kGiB;
    EXPECT_EQ(geometry_for(bytes + 575 * DAXFS_BLOCK_SIZE).block_count, bytes / DAXFS_BLOCK_SIZE);
    EXPECT_EQ(geometry_for(bytes + 576 * DAXFS_BLOCK_SIZE).ag_count, 5u);
}

TEST(Plan, SaysWhatCannotBe) {
    EXPECT_EQ(error_for({.device_bytes = 8 * kMiB - 1}), "8388607 bytes are too small: at least 8 MiB");
    EXPECT_EQ(error_for({.device_bytes = INT64_MAX}), "9223372036854775807 bytes are too large: at most 512P");
    EXPECT_EQ(error_for({.device_bytes = ~std::uint64_t{0}}), "18446744073709551615 bytes are too large: at most 512P");
    EXPECT_THAT(error_for({.device_bytes = kGiB, .ag_bytes = 3 * kMiB}), testing::HasSubstr("power of two"));
    EXPECT_THAT(error_for({.device_bytes = kGiB, .ag_bytes = 0}), testing::HasSubstr("power of two"));
    EXPECT_THAT(error_for({.device_bytes = std::uint64_t{1} << 59, .ag_bytes = 16 * kMiB}),
                testing::HasSubstr("make them larger"));
    EXPECT_THAT(error_for({.device_bytes = kGiB, .journals = 0}), testing::HasSubstr("from 1 to 256, not 0"));
    EXPECT_THAT(error_for({.device_bytes = kGiB, .journal_bytes = 131073}), testing::HasSubstr("multiple of 4K"));
    EXPECT_THAT(error_for({.device_bytes = 16 * kMiB, .journals = 256}), testing::HasSubstr("do not fit"));
    EXPECT_THAT(error_for({.device_bytes = kGiB, .reserved_bytes = kGiB}), testing::HasSubstr("half of the device"));
    EXPECT_THAT(error_for({.device_bytes = kGiB, .align_blocks = 7}), testing::HasSubstr("not 7"));
    EXPECT_THAT(error_for({.device_bytes = kGiB, .label = std::string(64, 'x')}), testing::HasSubstr("63 bytes"));
}

TEST(Plan, SecretsFollowFromTheUuidAndFromNothingElse) {
    const Uuid one = {1};
    const Uuid two = {2};
    EXPECT_EQ(Secrets::derived_from(one).nonce, Secrets::derived_from(one).nonce);
    EXPECT_NE(Secrets::derived_from(one).nonce, Secrets::derived_from(two).nonce);
    EXPECT_NE(Secrets::derived_from(one).hash_key[0], Secrets::derived_from(one).hash_key[1]);
    EXPECT_NE(Secrets::random()->nonce, Secrets::random()->nonce);
}

RC_GTEST_PROP(Plan, AnyWishYieldsAFilesystemThatOpensOrACleanError, ()) {
    FormatOptions options;
    // Of every magnitude, and around powers of two.
    const auto bits = *rc::gen::inRange(10, 64);
    const auto below = *rc::gen::inRange<std::uint64_t>(0, 1 << 20);
    options.device_bytes =
        *rc::gen::element<std::uint64_t>(~std::uint64_t{0} >> (63 - bits), (std::uint64_t{1} << bits) - below,
                                         (std::uint64_t{1} << bits) + below * DAXFS_BLOCK_SIZE);
    if (*rc::gen::arbitrary<bool>())
        options.ag_bytes = std::uint64_t{1} << *rc::gen::inRange(20, 40);
    if (*rc::gen::arbitrary<bool>())
        options.journals = *rc::gen::inRange<std::uint32_t>(0, 300);
    if (*rc::gen::arbitrary<bool>())
        options.journal_bytes = std::uint64_t{4096} * *rc::gen::inRange<std::uint64_t>(0, 1100);
    if (*rc::gen::arbitrary<bool>())
        options.reserved_bytes = *rc::gen::arbitrary<std::uint64_t>();
    options.align_blocks = *rc::gen::element<std::uint64_t>(0, 1, 8, 256, 519, 262144, ~std::uint64_t{0});
    const auto super = plan_filesystem(options);
    if (!super) {
        RC_ASSERT(!super.error().message.empty());
        return;
    }
    RC_ASSERT(check_geometry(Geometry::of(*super), options.device_bytes / DAXFS_BLOCK_SIZE) == nullptr);
    RC_ASSERT(super->reserved_blocks <= super->block_count / 2);
    if (options.device_bytes > 64 * kTiB)
        return;  // no address space for the image
    MemorySink sink(options.device_bytes);
    FilesystemBuilder builder(*super, sink);
    RC_ASSERT(builder.begin());
    RC_ASSERT(builder.finish());
    const Image image = sink.image();
    const auto volume = open_volume(image);
    RC_ASSERT(volume);
    RC_ASSERT(!read_ag_header(*volume, AgNo{0}).damage);
}

}  // namespace
}  // namespace daxfs

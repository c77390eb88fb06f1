// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/size.h"

#include <gtest/gtest.h>

namespace daxfs {
namespace {

TEST(Size, TakesBytesAndBinaryUnits) {
    EXPECT_EQ(parse_size("0").value(), 0u);
    EXPECT_EQ(parse_size("4097").value(), 4097u);
    EXPECT_EQ(parse_size("16M").value(), 16u << 20);
    EXPECT_EQ(parse_size("2g").value(), std::uint64_t{2} << 30);
    EXPECT_EQ(parse_size("1TiB").value(), std::uint64_t{1} << 40);
    EXPECT_EQ(parse_size("9223372036854775807").value(), std::uint64_t{INT64_MAX});
}

TEST(Size, RefusesWhatIsNoSizeOrTooLarge) {
    for (const char* text : {"", "M", "-1", "+1", " 1", "1 M", "1.5G", "12x", "1KB", "1MiBs", "0x10"})
        EXPECT_FALSE(parse_size(text)) << text;
    for (const char* text : {"9223372036854775808", "8E", "9000P", "99999999999999999999999"}) {
        const auto size = parse_size(text);
        ASSERT_FALSE(size) << text;
        EXPECT_NE(size.error().message.find("too large"), std::string::npos) << text;
    }
}

TEST(Size, IsPrintedInTheLargestUnitThatFits) {
    EXPECT_EQ(format_size(12), "12 bytes");
    EXPECT_EQ(format_size(4096), "4 KiB");
    EXPECT_EQ(format_size(3u << 29), "1.5 GiB");
    EXPECT_EQ(format_size(100u << 20), "100 MiB");
    EXPECT_EQ(format_size(~std::uint64_t{0}), "16 EiB");
}

}  // namespace
}  // namespace daxfs

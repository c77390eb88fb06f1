// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/crc32c.h"

#include <gtest/gtest.h>

#include <string_view>

namespace daxfs {
namespace {

// RFC 3720 B.4 and the catalogue check value 0xe3069283, which invert before and after.
TEST(Crc32c, MatchesThePublishedCheckValue) {
    constexpr std::string_view kDigits = "123456789";
    EXPECT_EQ(~crc32c(~0u, kDigits.data(), kDigits.size()), 0xe3069283u);
}

TEST(Crc32c, ContinuesOverTwoPieces) {
    constexpr std::string_view kDigits = "123456789";
    EXPECT_EQ(crc32c(crc32c(~0u, kDigits.data(), 4), kDigits.data() + 4, 5), crc32c(~0u, kDigits.data(), 9));
}

}  // namespace
}  // namespace daxfs

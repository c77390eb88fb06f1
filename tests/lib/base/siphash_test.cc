// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/siphash.h"

#include <gtest/gtest.h>

#include <array>

namespace daxfs {
namespace {

constexpr SipKey kKey = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

std::uint64_t hash_of_counting_bytes(std::size_t length) {
    std::array<std::byte, 64> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::byte>(i);
    return siphash24(kKey, std::span(bytes).first(length));
}

// Appendix A of the SipHash paper (15 bytes), and the vectors published beside it (key 00..0f, input 00, 01, ...).
TEST(Siphash, MatchesThePublishedVectors) {
    EXPECT_EQ(hash_of_counting_bytes(15), 0xa129ca6149be45e5u);
    EXPECT_EQ(hash_of_counting_bytes(0), 0x726fdb47dd0e0e31u);
    EXPECT_EQ(hash_of_counting_bytes(1), 0x74f839c593dc67fdu);
    EXPECT_EQ(hash_of_counting_bytes(2), 0x0d6c8009d9a94f5au);
    EXPECT_EQ(hash_of_counting_bytes(7), 0xab0200f58b01d137u);
    EXPECT_EQ(hash_of_counting_bytes(8), 0x93f5f5799a932462u);
    EXPECT_EQ(hash_of_counting_bytes(63), 0x958a324ceb064572u);
}

TEST(Siphash, DependsOnTheKey) {
    const std::array<std::byte, 3> name = {std::byte{'a'}, std::byte{'b'}, std::byte{'c'}};
    EXPECT_NE(siphash24({1, 2}, name), siphash24({1, 3}, name));
}

}  // namespace
}  // namespace daxfs

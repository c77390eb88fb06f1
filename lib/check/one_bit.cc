// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/one_bit.h"

#include <array>

#include "lib/base/crc32c.h"

namespace daxfs {

// What a wrong bit does to a CRC depends on its distance from the end alone: walking backwards, each effect is that of
// the byte behind it followed by one more zero byte.
std::optional<std::size_t> wrong_bit(std::uint32_t difference, std::size_t bytes) {
    std::array<std::uint32_t, 8> effects{};
    for (unsigned bit = 0; bit < 8; ++bit) {
        const auto byte = static_cast<std::uint8_t>(1u << bit);
        effects[bit] = crc32c(0, &byte, 1);
    }
    constexpr std::uint8_t kZero = 0;
    for (std::size_t at = bytes; at-- > 0;) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            if (effects[bit] == difference)
                return at * 8 + bit;
            effects[bit] = crc32c(effects[bit], &kZero, 1);
        }
    }
    return std::nullopt;
}

}  // namespace daxfs

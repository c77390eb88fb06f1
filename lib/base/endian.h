// SPDX-License-Identifier: GPL-2.0-or-later
// Little-endian integers as they lie on the device. Same size and alignment as the plain integer, so that a struct of
// them is the on-disk layout.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>

namespace daxfs {

template <std::unsigned_integral T>
constexpr T byte_swap_if_big(T value) {
    if constexpr (std::endian::native == std::endian::little || sizeof(T) == 1)
        return value;
    else if constexpr (sizeof(T) == 2)
        return __builtin_bswap16(value);
    else if constexpr (sizeof(T) == 4)
        return __builtin_bswap32(value);
    else
        return __builtin_bswap64(value);
}

template <std::unsigned_integral T>
struct Le {
    T raw;

    constexpr operator T() const { return byte_swap_if_big(raw); }
    constexpr Le& operator=(T value) {
        raw = byte_swap_if_big(value);
        return *this;
    }
};

}  // namespace daxfs

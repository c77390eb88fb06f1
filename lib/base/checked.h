// SPDX-License-Identifier: GPL-2.0-or-later
// Arithmetic on numbers that an image or a user chose: overflow is an empty optional, never a wrapped value.
#pragma once

#include <concepts>
#include <optional>

namespace daxfs {

template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_add(T a, T b) {
    T sum;
    if (__builtin_add_overflow(a, b, &sum))
        return std::nullopt;
    return sum;
}

template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_mul(T a, T b) {
    T product;
    if (__builtin_mul_overflow(a, b, &product))
        return std::nullopt;
    return product;
}

// Whether [start, start + length) lies inside [0, limit). An empty range at `limit` does.
template <std::unsigned_integral T>
[[nodiscard]] constexpr bool range_inside(T start, T length, T limit) {
    return start <= limit && length <= limit - start;
}

template <std::unsigned_integral T>
[[nodiscard]] constexpr T div_round_up(T value, T unit) {
    return value / unit + (value % unit != 0);
}

// `unit` is a power of two. The caller knows that the result fits.
template <std::unsigned_integral T>
[[nodiscard]] constexpr T round_up(T value, T unit) {
    return (value + unit - 1) & ~(unit - 1);
}

}  // namespace daxfs

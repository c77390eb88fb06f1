// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

namespace daxfs {

// Whether all bytes are zero, as fast as they can be compared.
inline bool is_zero(const void* bytes, std::size_t count) {
    const auto* at = static_cast<const unsigned char*>(bytes);
    return count == 0 || (*at == 0 && std::memcmp(at, at + 1, count - 1) == 0);
}

template <typename T>
bool is_zero(std::span<const T> bytes) {
    static_assert(sizeof(T) == 1);
    return is_zero(bytes.data(), bytes.size());
}

template <typename T, std::size_t N>
bool is_zero(const T (&bytes)[N]) {
    return is_zero(std::span<const T>(bytes));
}

}  // namespace daxfs

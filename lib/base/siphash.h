// SPDX-License-Identifier: GPL-2.0-or-later
// SipHash-2-4 (Aumasson and Bernstein, 2012), 64-bit result: the keyed hash of directory names.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace daxfs {

// Two little-endian halves of the 128-bit key, first half first.
using SipKey = std::array<std::uint64_t, 2>;

[[nodiscard]] std::uint64_t siphash24(const SipKey& key, std::span<const std::byte> data);

}  // namespace daxfs

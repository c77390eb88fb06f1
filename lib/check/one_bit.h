// SPDX-License-Identifier: GPL-2.0-or-later
// The one wrong bit that explains a wrong checksum. CRC32C keeps units of a block and less at least four bits apart: a
// bit that explains the checksum is the only one that does, and two wrong bits never look like one.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "lib/format/daxfs_format.h"

namespace daxfs {

// Which bit (8 x byte + bit in it) of `bytes` bytes changes their CRC by `difference`.
std::optional<std::size_t> wrong_bit(std::uint32_t difference, std::size_t bytes);

// Puts right the one bit of `unit` that makes its checksum, kept at `crc_offset`, what `actual(unit)` computes over
// `covered` bytes from its start. False, and nothing changed: more is wrong, or nothing.
template <typename Checksum>
bool correct_wrong_bit(std::span<std::byte> unit, std::size_t covered, std::size_t crc_offset, const Checksum& actual) {
    auto& stored = *reinterpret_cast<daxfs_le32*>(unit.data() + crc_offset);
    const std::uint32_t difference = stored ^ actual();
    if (std::has_single_bit(difference)) {
        stored = stored ^ difference;
        return true;
    }
    const auto bit = difference == 0 ? std::nullopt : wrong_bit(difference, covered);
    if (!bit || (*bit / 8 >= crc_offset && *bit / 8 < crc_offset + sizeof(stored)))
        return false;
    const auto mask = static_cast<std::byte>(1u << (*bit % 8));
    unit[*bit / 8] ^= mask;
    if (stored == actual())
        return true;
    unit[*bit / 8] ^= mask;
    return false;
}

// The same by trying each bit of `unit`: where the wrong bit may lie in what says how much is covered. `right()` judges
// the unit as it is.
template <typename Right>
bool try_each_bit(std::span<std::byte> unit, const Right& right) {
    for (std::size_t bit = 0; bit < unit.size() * 8; ++bit) {
        const auto mask = static_cast<std::byte>(1u << (bit % 8));
        unit[bit / 8] ^= mask;
        if (right())
            return true;
        unit[bit / 8] ^= mask;
    }
    return false;
}

}  // namespace daxfs

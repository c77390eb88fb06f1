// SPDX-License-Identifier: GPL-2.0-or-later
// Numbers that must not mix: a block is not a byte, a file block is not a disk block.
// Arithmetic exists only where it has a meaning: position + count, position - position.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

#include <fmt/format.h>

namespace daxfs {

template <typename Tag>
struct Position {
    std::uint64_t value = 0;

    constexpr auto operator<=>(const Position&) const = default;
    constexpr Position operator+(std::uint64_t count) const { return {value + count}; }
    constexpr Position operator-(std::uint64_t count) const { return {value - count}; }
    constexpr std::uint64_t operator-(Position other) const { return value - other.value; }
    constexpr Position& operator++() {
        ++value;
        return *this;
    }
};

using BlockNo = Position<struct BlockNoTag>;        // block on the device, from its start
using FileBlock = Position<struct FileBlockTag>;    // block in a file, from its start
using ByteOffset = Position<struct ByteOffsetTag>;  // byte on the device, from its start
using InodeNo = Position<struct InodeNoTag>;        // byte offset on the device / 512
using AgNo = Position<struct AgNoTag>;              // allocation group

}  // namespace daxfs

template <typename Tag>
struct std::hash<daxfs::Position<Tag>> {
    std::size_t operator()(daxfs::Position<Tag> p) const noexcept { return std::hash<std::uint64_t>{}(p.value); }
};

template <typename Tag>
struct fmt::formatter<daxfs::Position<Tag>> : fmt::formatter<std::uint64_t> {
    template <typename Context>
    auto format(daxfs::Position<Tag> p, Context& context) const {
        return fmt::formatter<std::uint64_t>::format(p.value, context);
    }
};

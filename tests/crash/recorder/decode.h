// SPDX-License-Identifier: GPL-2.0-or-later
// What an x86-64 instruction does to persistent memory, as far as QEMU does not tell: whether its stores are
// non-temporal, whether it flushes a line and which, whether it is a fence.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "tests/crash/trace/format.h"

namespace daxfs::crash {

enum class Action : std::uint8_t { kOther, kNtStore, kFlush, kFence, kMark };

// A memory operand: base + index * scale + displacement, in a segment whose base is zero in 64-bit mode unless it is fs
// or gs.
struct Operand {
    static constexpr std::uint8_t kNone = 0xff;
    static constexpr std::uint8_t kRip = 16;  // the address of the next instruction
    std::uint8_t base = kNone;                // as the processor numbers registers: 0 rax, 1 rcx, ... 15 r15
    std::uint8_t index = kNone;
    std::uint8_t scale_shift = 0;
    std::int32_t displacement = 0;
    enum class Segment : std::uint8_t { kFlat, kFs, kGs } segment = Segment::kFlat;
};

struct Decoded {
    Action action = Action::kOther;
    std::uint8_t detail = 0;  // Flush or Fence
    Operand operand{};        // of a flush
};

// `bytes` is the whole instruction, at most 15 bytes.
Decoded decode(std::span<const std::uint8_t> bytes);

// The store that carries a mark: mov %rax, kMarkDisplacement(%rbx). No compiler makes a displacement of this value.
constexpr std::uint32_t kMarkDisplacement = 0x4c435844;

}  // namespace daxfs::crash

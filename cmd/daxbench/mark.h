// SPDX-License-Identifier: GPL-2.0-or-later
// Instructions that do nothing and tell the emulator's profiler (tests/bench/profile) where the measured part of a
// batch begins and ends. No compiler makes a nop with such a displacement.
#pragma once

#include <cstdint>

namespace daxfs::bench {

inline constexpr std::uint32_t kMarkBegin = 0x42584144;
inline constexpr std::uint32_t kMarkEnd = 0x45584144;

template <std::uint32_t kMark>
void mark() {
#ifdef __x86_64__
    asm volatile("nopl %c0(%%rax)" : : "i"(kMark) : "memory");
#endif
}

}  // namespace daxfs::bench

// SPDX-License-Identifier: GPL-2.0-or-later
// How a program in the guest speaks to the recorder: one store that no compiler would write. Without a recorder it is a
// store like any other.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "tests/crash/recorder/decode.h"
#include "tests/crash/trace/format.h"

namespace daxfs::crash {

inline void say(Mark kind, std::string_view text = {}) {
    static thread_local struct {
        std::uint64_t kind;
        std::uint64_t length;
        char text[512];
    } message;
    message.length = std::min(text.size(), sizeof message.text);
    std::memcpy(message.text, text.data(), message.length);
    const std::uint64_t base = reinterpret_cast<std::uint64_t>(&message) - kMarkDisplacement;
    asm volatile("mov %%rax, %c2(%%rbx)"
                 :
                 : "a"(static_cast<std::uint64_t>(kind)), "b"(base), "i"(kMarkDisplacement)
                 : "memory");
}

}  // namespace daxfs::crash

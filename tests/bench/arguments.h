// SPDX-License-Identifier: GPL-2.0-or-later
// The arguments of a plugin of QEMU: words KEY=VALUE.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace daxfs::bench {

// Calls set(KEY, VALUE) for each; false as soon as that says that there is no such key.
template <typename Set>
bool set_arguments(std::span<char* const> words, Set set) {
    for (const std::string_view word : words) {
        const std::size_t equals = word.find('=');
        const bool alone = equals == std::string_view::npos;
        if (!set(word.substr(0, equals), std::string(alone ? "" : word.substr(equals + 1))))
            return false;
    }
    return true;
}

}  // namespace daxfs::bench

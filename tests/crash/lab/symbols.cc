// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/lab/symbols.h"

#include <cstdlib>

#include <fmt/format.h>

namespace daxfs::crash {

void Symbols::add(std::string_view line) {
    const std::string text(line);
    char* end = nullptr;
    const std::uint64_t address = std::strtoull(text.c_str(), &end, 16);
    // " t name\t[daxfs]"
    const std::string rest(end);
    if (rest.size() < 4)
        return;
    const std::size_t stop = rest.find_first_of(" \t", 3);
    names_[address] = rest.substr(3, stop == std::string::npos ? stop : stop - 3);
}

std::string Symbols::name(std::uint64_t address) const {
    constexpr std::uint64_t kLongest = 0x4000;  // no function of the module has more bytes
    auto found = names_.upper_bound(address);
    if (found == names_.begin() || address - (--found)->first > kLongest)
        return fmt::format("{:#x}", address);
    return fmt::format("{}+{:#x}", found->second, address - found->first);
}

}  // namespace daxfs::crash

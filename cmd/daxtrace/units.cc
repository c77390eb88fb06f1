// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxtrace/units.h"

#include <array>

#include <fmt/format.h>

#include "lib/cli/text.h"

namespace daxfs::trace {
namespace {

// Three significant digits of a value from 1 to 999.
std::string three_digits(double value) {
    if (value < 9.995)
        return fmt::format("{:.2f}", value);
    if (value < 99.95)
        return fmt::format("{:.1f}", value);
    return fmt::format("{:.0f}", value);
}

}  // namespace

std::string format_duration(std::uint64_t ns) {
    if (ns < 1000)
        return fmt::format("{} ns", ns);
    constexpr std::array kUnits{"us", "ms", "s"};
    double value = static_cast<double>(ns);
    for (std::size_t i = 0; i < kUnits.size(); ++i) {
        value /= 1000;
        if (value < 999.5 || i + 1 == kUnits.size())
            return fmt::format("{} {}", three_digits(value), kUnits[i]);
    }
    return {};
}

std::string format_count(std::uint64_t count) {
    const std::string digits = std::to_string(count);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i != 0 && (digits.size() - i) % 3 == 0)
            text += ',';
        text += digits[i];
    }
    return text;
}

std::string format_counted(std::uint64_t count, std::string_view noun, std::string_view plural) {
    return fmt::format("{} {}", format_count(count), cli::noun_of(count, noun, plural));
}

std::string format_bytes(std::uint64_t bytes) {
    constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    std::size_t unit = 0;
    double value = static_cast<double>(bytes);
    while (value >= 1024 && unit + 1 < kUnits.size()) {
        value /= 1024;
        ++unit;
    }
    const bool whole = value == static_cast<double>(static_cast<std::uint64_t>(value));
    return whole ? fmt::format("{:.0f} {}", value, kUnits[unit])
                 : fmt::format("{} {}", three_digits(value), kUnits[unit]);
}

}  // namespace daxfs::trace

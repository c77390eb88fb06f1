// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/size.h"

#include <charconv>

#include "lib/base/checked.h"

namespace daxfs {
namespace {

constexpr std::string_view kUnits = "KMGTPE";

// Power of 1024 that `suffix` stands for; -1: none.
int power_of(std::string_view suffix) {
    if (suffix.empty())
        return 0;
    if (suffix.size() != 1 && suffix.substr(1) != "iB")
        return -1;
    const char unit = static_cast<char>(suffix[0] & ~0x20);
    const std::size_t at = kUnits.find(unit);
    return at == std::string_view::npos ? -1 : static_cast<int>(at) + 1;
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc::result_out_of_range)
        return fail("size \"{}\" is too large", text);
    const int power = power_of(text.substr(static_cast<std::size_t>(end - text.data())));
    if (error != std::errc() || power < 0)
        return fail("\"{}\" is not a size: a number of bytes, or of K, M, G, T or P", text);
    const auto bytes = checked_mul(number, std::uint64_t{1} << (10 * power));
    if (!bytes || *bytes > INT64_MAX)
        return fail("size \"{}\" is too large", text);
    return *bytes;
}

std::string format_size(std::uint64_t bytes) {
    std::size_t power = 0;
    while (power < kUnits.size() && bytes >> (10 * (power + 1)) != 0)
        ++power;
    if (power == 0)
        return fmt::format("{} bytes", bytes);
    const double value = static_cast<double>(bytes) / static_cast<double>(std::uint64_t{1} << (10 * power));
    std::string text = fmt::format("{:.2f}", value);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.')
        text.pop_back();
    return fmt::format("{} {}iB", text, kUnits[power - 1]);
}

}  // namespace daxfs

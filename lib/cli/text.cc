// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/cli/text.h"

#include <ostream>

#include <fmt/format.h>

namespace daxfs::cli {

std::string noun_of(std::uint64_t count, std::string_view noun, std::string_view plural) {
    if (count == 1)
        return std::string(noun);
    return plural.empty() ? std::string(noun) + 's' : std::string(plural);
}

std::string counted(std::uint64_t count, std::string_view noun, std::string_view plural) {
    return fmt::format("{} {}", count, noun_of(count, noun, plural));
}

void StatusLine::show(std::string_view text) {
    if (text == shown_)
        return;
    const std::size_t rest = shown_.size() > text.size() ? shown_.size() - text.size() : 0;
    out_ << '\r' << text << std::string(rest, ' ') << std::flush;
    shown_ = text;
}

void StatusLine::clear() {
    if (shown_.empty())
        return;
    out_ << '\r' << std::string(shown_.size(), ' ') << '\r' << std::flush;
    shown_.clear();
}

}  // namespace daxfs::cli

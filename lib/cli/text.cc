// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/cli/text.h"

#include <algorithm>
#include <ostream>

#include <fmt/format.h>

#include "lib/base/utf8.h"

namespace daxfs::cli {

std::string noun_of(std::uint64_t count, std::string_view noun, std::string_view plural) {
    if (count == 1)
        return std::string(noun);
    return plural.empty() ? std::string(noun) + 's' : std::string(plural);
}

std::string counted(std::uint64_t count, std::string_view noun, std::string_view plural) {
    return fmt::format("{} {}", count, noun_of(count, noun, plural));
}

std::string printable(std::string_view text) {
    std::string safe;
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
        const auto first = static_cast<unsigned char>(character[0]);
        const bool c1 = first == 0xc2 && character.size() == 2 && static_cast<unsigned char>(character[1]) < 0xa0;
        if (length == 0 || first < 0x20 || first == 0x7f || c1)
            for (const char byte : character)
                safe += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
        else
            safe += character;
        text.remove_prefix(character.size());
    }
    return safe;
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

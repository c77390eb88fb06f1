// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/printable.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/base/utf8.h"

namespace daxfs {

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

}  // namespace daxfs

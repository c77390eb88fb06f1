// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

namespace daxfs {

// The first line of `text`, without its end, which leaves `text`.
inline std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

}  // namespace daxfs

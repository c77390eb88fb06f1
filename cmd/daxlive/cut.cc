// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxlive/cut.h"

#include <charconv>
#include <cstdint>

namespace daxfs::live {

Cut parse_cut(std::string_view text) {
    constexpr std::uint32_t kDayMs = 24 * 60 * 60 * 1000;
    std::uint32_t ms = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
    if (error == std::errc{} && end == text.data() + text.size() && ms <= kDayMs)
        return CutAfterTime{std::chrono::milliseconds(ms)};
    return CutAtMarker{std::string(text)};
}

bool MarkerWatch::feed(std::string_view bytes) {
    for (const char byte : bytes) {
        if (byte != '\n') {
            // One byte more than the marker is enough to know that a line is another.
            if (current_.size() <= line_.size())
                current_ += byte;
            continue;
        }
        if (current_.ends_with('\r') && !line_.ends_with('\r'))
            current_.pop_back();
        seen_ = seen_ || current_ == line_;
        current_.clear();
    }
    return seen_;
}

}  // namespace daxfs::live

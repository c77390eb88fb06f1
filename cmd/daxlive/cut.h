// SPDX-License-Identifier: GPL-2.0-or-later
// When the power is cut: some time after the command started, or when it prints a line.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <variant>

namespace daxfs::live {

struct CutAfterTime {
    std::chrono::milliseconds delay;
};
struct CutAtMarker {
    std::string line;
};
using Cut = std::variant<CutAfterTime, CutAtMarker>;

// Digits alone are milliseconds; anything else is the line to wait for. Digits beyond a day are a line too.
Cut parse_cut(std::string_view text);

// Watches the command's output for one whole line, however the bytes arrive.
class MarkerWatch {
  public:
    explicit MarkerWatch(std::string line) : line_(std::move(line)) {}

    // Whether the line has been printed, up to and including these bytes.
    bool feed(std::string_view bytes);

  private:
    std::string line_;
    std::string current_;
    bool seen_ = false;
};

}  // namespace daxfs::live

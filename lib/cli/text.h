// SPDX-License-Identifier: GPL-2.0-or-later
// Text for people: counts with their noun, foreign bytes on a terminal, a line of progress.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

#include "lib/base/printable.h"

namespace daxfs::cli {

// "block" or "blocks", as `count` wants it.
std::string noun_of(std::uint64_t count, std::string_view noun, std::string_view plural = {});

// "1 block", "2 blocks"; with `plural`: "1 directory", "0 directories".
std::string counted(std::uint64_t count, std::string_view noun, std::string_view plural = {});

using daxfs::printable;

// A line of progress that is written over, on a terminal of any kind: without escape sequences.
class StatusLine {
  public:
    explicit StatusLine(std::ostream& out) : out_(out) {}
    StatusLine(const StatusLine&) = delete;
    StatusLine& operator=(const StatusLine&) = delete;
    ~StatusLine() { clear(); }

    void show(std::string_view text);
    void clear();

  private:
    std::ostream& out_;
    std::string shown_;
};

}  // namespace daxfs::cli

// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxlive/console.h"

#include <algorithm>
#include <array>
#include <utility>

namespace daxfs::live {
namespace {

// How reports begin. The kernel tests, lockdep, KASAN, UBSAN and kmemleak have no common prefix.
constexpr std::array<std::string_view, 18> kReports{
    "Kernel panic - not syncing",
    "BUG: ",
    "kernel BUG at ",
    "Oops: ",
    "WARNING: CPU: ",
    "WARNING: possible ",
    "WARNING: suspicious ",
    "WARNING: bad unlock balance",
    "WARNING: lock held",
    "WARNING: held lock",
    "WARNING: inconsistent lock state",
    "WARNING: Nested lock",
    "INFO: task ",
    "general protection fault",
    "UBSAN: ",
    "kmemleak: ",
    "divide error: ",
    "Unable to handle ",
};

constexpr std::array<std::string_view, 4> kFatal{
    "Kernel panic - not syncing",
    "kernel BUG at ",
    "Oops: ",
    "general protection fault",
};

std::string_view without_stamp(std::string_view line) {
    if (!line.starts_with('['))
        return line;
    const std::size_t end = line.find("] ");
    return end == std::string_view::npos ? line : line.substr(end + 2);
}

template <std::size_t size>
bool opens_with(std::string_view line, const std::array<std::string_view, size>& prefixes) {
    const std::string_view text = without_stamp(line);
    return std::any_of(prefixes.begin(), prefixes.end(), [&](auto prefix) { return text.starts_with(prefix); });
}

}  // namespace

bool is_complaint(std::string_view line) {
    // "INFO: task NAME:PID blocked for more than N seconds" is a hang; kmemleak also announces that it starts.
    const std::string_view text = without_stamp(line);
    if (text.starts_with("INFO: task "))
        return text.find(" blocked for more than ") != std::string_view::npos;
    if (text.starts_with("kmemleak: "))
        return text.find("new suspected memory leaks") != std::string_view::npos;
    return opens_with(line, kReports);
}

bool is_fatal(std::string_view line) {
    return opens_with(line, kFatal);
}

void ConsoleWatch::feed(std::string_view bytes) {
    for (const char byte : bytes) {
        if (byte == '\n')
            take_line(std::exchange(current_, {}));
        else if (byte != '\r' && current_.size() < kMaxLine)
            current_ += byte;
    }
}

void ConsoleWatch::take_line(std::string line) {
    died_ = died_ || is_fatal(line);
    if ((complained() || is_complaint(line)) && report_.size() < kReportLines)
        report_.push_back(line);
    tail_.push_back(std::move(line));
    if (tail_.size() > kTailLines)
        tail_.pop_front();
}

}  // namespace daxfs::live

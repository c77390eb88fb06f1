// SPDX-License-Identifier: GPL-2.0-or-later
// Reads the kernel's console: keeps its end, and notices when the kernel reports a bug.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace daxfs::live {

// Whether a console line, with or without its time stamp, opens a report that no healthy run prints.
bool is_complaint(std::string_view line);

// Whether it says that the machine will not go on.
bool is_fatal(std::string_view line);

class ConsoleWatch {
  public:
    void feed(std::string_view bytes);

    bool complained() const { return !report_.empty(); }
    bool died() const { return died_; }

    // The first report and what follows it, at most kReportLines lines.
    const std::vector<std::string>& report() const { return report_; }

    // The last lines printed.
    const std::deque<std::string>& tail() const { return tail_; }

    static constexpr std::size_t kReportLines = 40;
    static constexpr std::size_t kTailLines = 20;
    static constexpr std::size_t kMaxLine = 4096;

  private:
    void take_line(std::string line);

    std::string current_;
    std::vector<std::string> report_;
    std::deque<std::string> tail_;
    bool died_ = false;
};

}  // namespace daxfs::live

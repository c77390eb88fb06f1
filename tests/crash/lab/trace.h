// SPDX-License-Identifier: GPL-2.0-or-later
// Reads a store trace, and believes it only if replaying it ends in the device that the machine really had.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "tests/crash/trace/format.h"

namespace daxfs::crash {

struct Event {
    Record record;
    std::span<const std::byte> payload;  // in the trace

    std::string_view text() const { return {reinterpret_cast<const char*>(payload.data()), payload.size()}; }
};

class Trace {
  public:
    // Reads PATH and PATH.base, and replays them. The error says what does not fit.
    static Result<Trace> open(const std::string& path);

    const Header& header() const { return header_; }
    const std::vector<std::byte>& base() const { return base_; }
    const std::vector<Event>& events() const { return events_; }  // without kEnd

  private:
    Result<void> parse(const std::string& path);
    Result<void> replay(const std::string& path) const;

    Header header_{};
    std::vector<std::byte> base_;
    std::vector<std::byte> file_;
    std::vector<Event> events_;
    std::vector<std::uint64_t> end_hashes_;
};

}  // namespace daxfs::crash

// SPDX-License-Identifier: GPL-2.0-or-later
// The tracepoints that kernel/trace.h declares, read as text: for daxfs(5).
#pragma once

#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace daxfs {

struct TracepointMember {
    std::string_view type;
    std::string_view name;
    std::string_view meaning;  // the comment behind it; may be empty
};

struct Tracepoint {
    std::string_view name;
    std::vector<std::string_view> arguments;  // TP_ARGS
    std::vector<TracepointMember> members;    // TP_STRUCT__entry
};

// In the order of `header`, which must outlive them. It is written as ours is: TRACE_EVENT( begins a line, TP_ARGS() is
// one, and so is each __field(). What else could declare an event or a member is an error that names the line.
Result<std::vector<Tracepoint>> parse_tracepoints(std::string_view header);

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/dump/tracepoints.h"

#include <algorithm>
#include <optional>

#include "lib/dump/lines.h"

namespace daxfs {
namespace {

std::string_view trim(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// What stands between `open` and `close` at or behind `from`; `from` moves behind it.
std::optional<std::string_view> between(std::string_view line, std::string_view open, std::string_view close,
                                        std::size_t& from) {
    const std::size_t begin = line.find(open, from);
    if (begin == std::string_view::npos)
        return std::nullopt;
    const std::size_t end = line.find(close, begin + open.size());
    if (end == std::string_view::npos)
        return std::nullopt;
    from = end + close.size();
    return trim(line.substr(begin + open.size(), end - begin - open.size()));
}

std::vector<std::string_view> split_list(std::string_view list) {
    std::vector<std::string_view> words;
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        words.push_back(trim(list.substr(0, comma)));
        list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    }
    return words;
}

std::optional<TracepointMember> parse_field(std::string_view line) {
    std::size_t at = 0;
    const auto inside = between(line, "__field(", ")", at);
    if (!inside)
        return std::nullopt;
    const std::vector<std::string_view> words = split_list(*inside);
    if (words.size() != 2)
        return std::nullopt;
    return TracepointMember{words[0], words[1], between(line, "/*", "*/", at).value_or("")};
}

// Adds what the line says to `events`. False: it cannot be understood.
bool take(std::string_view line, std::vector<Tracepoint>& events) {
    constexpr std::string_view kEvent = "TRACE_EVENT(";
    if (line.starts_with(kEvent)) {
        events.push_back({.name = line.substr(kEvent.size(), line.find(',') - kEvent.size())});
        return line.ends_with(',');
    }
    const std::string_view text = trim(line);
    std::size_t at = 0;
    if (text.starts_with("TP_ARGS(")) {
        const auto list = between(text, "(", ")", at);
        if (events.empty() || !list)
            return false;
        events.back().arguments = split_list(*list);
        return true;
    }
    if (text.starts_with("__field(")) {
        const auto member = parse_field(text);
        if (events.empty() || !member)
            return false;
        events.back().members.push_back(*member);
        return true;
    }
    // The assignments, __entry->...
    return text.starts_with("__entry") || (!text.starts_with("__") && text.find("_EVENT") == std::string_view::npos &&
                                           text.find("_CLASS") == std::string_view::npos);
}

}  // namespace

Result<std::vector<Tracepoint>> parse_tracepoints(std::string_view header) {
    std::vector<Tracepoint> events;
    for (std::size_t number = 1; !header.empty(); ++number) {
        const std::string_view line = take_line(header);
        if (!take(line, events))
            return fail("trace.h:{}: not understood: {}", number, trim(line));
    }
    for (const Tracepoint& event : events)
        if (event.members.empty() || event.arguments.empty())
            return fail("trace.h: {} has no members or arguments", event.name);
    return events;
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// What a person wants first: what was traced, whether anything was lost, how many faults were huge, why the others were
// not and what to do about it; then the tables, then the histograms.
//
// Colour means: green, a huge page; yellow, a fallback; red, an error or a loss.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "cmd/daxtrace/reasons.h"
#include "cmd/daxtrace/report.h"
#include "cmd/daxtrace/units.h"
#include "lib/cli/text.h"

namespace daxfs::trace {
namespace {

constexpr std::size_t kLabelWidth = 36;
constexpr std::size_t kBarWidth = 40;
constexpr std::size_t kLineWidth = 100;

enum class Paint { kPlain, kBold, kGreen, kYellow, kRed };

class Page {
  public:
    explicit Page(bool color) : color_(color) {}

    template <typename... Args>
    void line(Paint paint, fmt::format_string<Args...> format, Args&&... args) {
        const std::string text = fmt::format(format, std::forward<Args>(args)...);
        text_ += color_ && paint != Paint::kPlain ? fmt::format("{}{}\033[0m\n", code(paint), text) : text + '\n';
    }
    void heading(std::string_view text) {
        text_ += '\n';
        line(Paint::kBold, "{}", text);
    }
    void wrapped(std::string_view first, std::string_view indent, std::string_view words);
    std::string take() { return std::move(text_); }

  private:
    static const char* code(Paint paint) {
        switch (paint) {
            case Paint::kBold:
                return "\033[1m";
            case Paint::kGreen:
                return "\033[32m";
            case Paint::kYellow:
                return "\033[33m";
            case Paint::kRed:
                return "\033[31m";
            case Paint::kPlain:
                break;
        }
        return "";
    }

    bool color_;
    std::string text_;
};

void Page::wrapped(std::string_view first, std::string_view indent, std::string_view words) {
    std::string current(first);
    bool empty = true;
    bool break_here = false;
    while (!words.empty()) {
        const std::size_t space = words.find_first_of(" \n");
        const std::string_view word = words.substr(0, space);
        const bool new_line = space != std::string_view::npos && words[space] == '\n';
        words.remove_prefix(space == std::string_view::npos ? words.size() : space + 1);
        if (!empty && (break_here || current.size() + 1 + word.size() > kLineWidth)) {
            text_ += current + '\n';
            current = indent;
            empty = true;
        }
        if (!empty)
            current += ' ';
        current += word;
        empty = false;
        break_here = new_line;
    }
    text_ += current + '\n';
}

std::string command_line(const Summary& summary) {
    std::string text;
    for (const std::string& word : summary.command)
        text += (text.empty() ? "" : " ") + word;
    constexpr std::size_t kShown = 70;
    if (text.size() > kShown)
        text = text.substr(0, kShown) + "...";
    return cli::printable(text);
}

void print_events(Page& page, const Summary& summary) {
    const std::uint64_t dropped = summary.dropped();
    page.line(dropped != 0 ? Paint::kRed : Paint::kPlain, "Events: {} seen = {} recorded + {} dropped{}",
              format_count(summary.seen()), format_count(summary.totals.recorded), format_count(dropped),
              summary.adds_up() ? "" : " (does not add up: please report this)");
    if (summary.totals.dropped_no_start != 0)
        page.line(Paint::kPlain, "  {} began before the trace, or there was no memory to remember their start",
                  format_count(summary.totals.dropped_no_start));
    if (summary.kernel_missed != 0)
        page.line(Paint::kPlain, "  {} came while the kernel ran the same program on that CPU",
                  format_count(summary.kernel_missed));
    if (summary.totals.other_device + summary.totals.other_task != 0)
        page.line(Paint::kPlain, "Left out: {} of other devices, {} of other processes",
                  format_count(summary.totals.other_device), format_count(summary.totals.other_task));
    if (summary.totals.children_missed != 0)
        page.line(Paint::kRed, "{} could not be followed: no memory",
                  format_counted(summary.totals.children_missed, "child process", "child processes"));
}

void print_head(Page& page, const Summary& summary) {
    if (summary.command.empty())
        page.line(Paint::kBold, "daxtrace: {}", format_duration(summary.duration_ns));
    else
        page.line(Paint::kBold, "daxtrace: {} (exit {}, {})", command_line(summary), summary.exit_status.value_or(0),
                  format_duration(summary.duration_ns));
    page.line(Paint::kPlain, "Linux {}; {}; {}", summary.kernel,
              summary.device.empty() ? "all devices" : cli::printable(summary.device), summary.processes);
    print_events(page, summary);
    for (const std::string& note : summary.notes)
        page.wrapped("Note: ", "      ", note);
}

void print_verdict(Page& page, const Summary& summary) {
    const std::uint64_t huge = summary.huge_faults();
    const std::uint64_t small = summary.small_faults();
    const std::uint64_t fallbacks = summary.op(DAXTRACE_OP_FAULT_PMD_FALLBACK).count;
    if (huge + small + fallbacks == 0)
        return;
    constexpr std::uint64_t kHugeBytes = DAXTRACE_PMD_SIZE;
    page.line(fallbacks != 0 ? Paint::kYellow : (huge != 0 ? Paint::kGreen : Paint::kPlain),
              "Huge pages: {} of 2 MiB mapped {}; {} fell back; {} of 4 KiB", format_counted(huge, "fault"),
              format_bytes(huge * kHugeBytes), format_count(fallbacks), format_counted(small, "fault"));
}

Paint row_paint(daxtrace_op_id id, const daxtrace_op& op) {
    if (op.count == 0)
        return Paint::kPlain;
    if (op.errors != 0 || id == DAXTRACE_OP_FAULT_ERROR)
        return Paint::kRed;
    if (id == DAXTRACE_OP_FAULT_PMD_FALLBACK)
        return Paint::kYellow;
    return id == DAXTRACE_OP_FAULT_PMD_READ || id == DAXTRACE_OP_FAULT_PMD_WRITE ? Paint::kGreen : Paint::kPlain;
}

void print_row(Page& page, daxtrace_op_id id, const daxtrace_op& op) {
    if (op.count == 0) {
        page.line(Paint::kPlain, "  {:<{}} {:>11}", op_name(id).label, kLabelWidth, 0);
        return;
    }
    page.line(row_paint(id, op), "  {:<{}} {:>11} {:>7} {:>9} {:>9} {:>9} {:>9}", op_name(id).label, kLabelWidth,
              format_count(op.count), op.errors == 0 ? "-" : format_count(op.errors),
              format_duration(op.total_ns / op.count), format_duration(quantile_bound(op, 0.5)),
              format_duration(quantile_bound(op, 0.99)), format_duration(op.max_ns));
}

// A table of the rows in [first, last]; nothing if all are zero. `always` rows are shown even at zero.
void print_table(Page& page, const Summary& summary, const char* title, daxtrace_op_id first, daxtrace_op_id last,
                 unsigned always) {
    std::uint64_t count = 0;
    for (unsigned id = first; id <= last; ++id)
        count += summary.ops[id].count;
    if (count == 0)
        return;
    page.heading(fmt::format("{:<{}} {:>11} {:>7} {:>9} {:>9} {:>9} {:>9}", title, kLabelWidth + 2, "count", "errors",
                             "mean", "50% <=", "99% <=", "longest"));
    for (unsigned id = first; id <= last; ++id)
        if (summary.ops[id].count != 0 || id - first < always)
            print_row(page, static_cast<daxtrace_op_id>(id), summary.ops[id]);
}

void print_reasons(Page& page, const Summary& summary, bool fallback, const char* title) {
    bool any = false;
    for (const Reason& reason : reasons()) {
        const std::uint64_t count = summary.totals.reasons[reason.code];
        if (reason.fallback != fallback || count == 0)
            continue;
        if (!any)
            page.heading(title);
        any = true;
        page.line(fallback ? Paint::kYellow : Paint::kPlain, "  {:>9}  {}", format_count(count), reason.meaning);
        page.wrapped("             remedy: ", "                     ", reason.remedy);
    }
}

void print_sync(Page& page, const Summary& summary) {
    if (summary.totals.sync_faults != 0)
        page.line(Paint::kPlain, "  MAP_SYNC faults: {}, of which {} had metadata to flush first",
                  format_count(summary.totals.sync_faults), format_count(summary.totals.sync_dirty));
}

std::string per_commit(std::uint64_t sum, std::uint64_t count) {
    return fmt::format("{:.1f}", static_cast<double>(sum) / static_cast<double>(count));
}

void print_commits(Page& page, const Summary& summary) {
    const daxtrace_totals& totals = summary.totals;
    const std::uint64_t commits = summary.op(DAXTRACE_OP_COMMIT).count;
    if (commits == 0)
        return;
    page.line(Paint::kPlain, "  Undo log: {}, {} ({} a commit)",
              format_counted(totals.commit_entries, "entry", "entries"), format_bytes(totals.commit_logged_bytes),
              format_bytes(totals.commit_logged_bytes / commits));
    page.line(Paint::kPlain, "  Flushed lines: {} ({} a commit); fences: {} ({} a commit)",
              format_count(totals.commit_flushed_lines), per_commit(totals.commit_flushed_lines, commits),
              format_count(totals.commit_fences), per_commit(totals.commit_fences, commits));
}

void print_allocations(Page& page, const daxtrace_totals& totals) {
    std::string text;
    for (std::size_t kind = 0; kind < DAXTRACE_ALLOC_KINDS; ++kind)
        if (totals.alloc_calls[kind] != 0)
            text +=
                fmt::format("{}{} {} ({})", text.empty() ? "" : ", ", alloc_kind_name(kind),
                            format_count(totals.alloc_blocks[kind]), format_counted(totals.alloc_calls[kind], "call"));
    if (!text.empty())
        page.line(Paint::kPlain, "  Blocks reserved: {}", text);
    if (totals.alloc_errors != 0)
        page.line(Paint::kRed, "  Allocations that failed: {}", format_count(totals.alloc_errors));
}

void print_map_states(Page& page, const daxtrace_totals& totals) {
    std::string text;
    for (std::size_t state = 0; state < DAXTRACE_MAP_STATES; ++state)
        if (totals.map_states[state] != 0)
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", map_state_name(state),
                                format_count(totals.map_states[state]));
    if (!text.empty())
        page.line(Paint::kPlain, "  Mapped to: {}", text);
}

void print_daxfs(Page& page, const Summary& summary) {
    const daxtrace_totals& totals = summary.totals;
    const daxtrace_op& writes = summary.op(DAXTRACE_OP_WRITE_DONE);
    if (writes.count != 0)
        page.line(Paint::kPlain, "  Written: {}, {} newly taken, {}", format_bytes(writes.bytes),
                  format_counted(writes.allocated, "block"),
                  format_counted(totals.short_writes, "short copy", "short copies"));
    print_commits(page, summary);
    print_allocations(page, totals);
    if (totals.converted != 0)
        page.line(totals.convert_errors != 0 ? Paint::kRed : Paint::kPlain,
                  "  Unwritten made written: {} in {}, {} failed", format_bytes(totals.converted_bytes),
                  format_counted(totals.converted, "step"), format_count(totals.convert_errors));
    if (totals.recoveries != 0)
        page.line(Paint::kYellow, "  Rolled back at mount: {}, {}, {}",
                  format_counted(totals.recoveries, "transaction"),
                  format_counted(totals.recovery_entries, "entry", "entries"), format_bytes(totals.recovery_bytes));
}

void print_histogram(Page& page, daxtrace_op_id id, const daxtrace_op& op) {
    const auto* begin = std::begin(op.histogram);
    const auto* end = std::end(op.histogram);
    const auto used = [](std::uint64_t count) { return count != 0; };
    const auto* first = std::find_if(begin, end, used);
    if (first == end)
        return;
    const auto* last = std::find_if(std::make_reverse_iterator(end), std::make_reverse_iterator(begin), used).base();
    const std::uint64_t most = *std::max_element(first, last);
    page.line(Paint::kPlain, "  {}", op_name(id).label);
    for (const auto* bucket = first; bucket != last; ++bucket) {
        const auto index = static_cast<unsigned>(bucket - begin);
        // Any count shows at least one mark.
        const auto marks =
            static_cast<std::size_t>(static_cast<double>(*bucket) / static_cast<double>(most) * kBarWidth);
        const std::size_t length = *bucket == 0 ? 0 : std::max<std::size_t>(1, marks);
        const std::string from = format_duration(index == 0 ? 0 : std::uint64_t{1} << index);
        const std::string below =
            index + 1 == DAXTRACE_BUCKETS ? "more" : format_duration(std::uint64_t{1} << (index + 1));
        page.line(Paint::kPlain, "    {:>8} to {:<8} |{:<{}}| {}", from, below, std::string(length, '#'), kBarWidth,
                  format_count(*bucket));
    }
}

void print_histograms(Page& page, const Summary& summary) {
    bool any = false;
    for (unsigned id = 0; id < DAXTRACE_OP_COUNT; ++id) {
        if (summary.ops[id].count == 0)
            continue;
        if (!any)
            page.heading("Latency");
        any = true;
        print_histogram(page, static_cast<daxtrace_op_id>(id), summary.ops[id]);
    }
}

void print_cost(Page& page, const Summary& summary) {
    if (summary.cost.empty())
        return;
    page.heading(fmt::format("{:<{}} {:>11} {:>9} {:>9}", "Cost of tracing", kLabelWidth + 2, "runs", "each", "total"));
    for (const ProgramCost& cost : summary.cost)
        if (cost.runs != 0)
            page.line(Paint::kPlain, "  {:<{}} {:>11} {:>9} {:>9}", cost.probe, kLabelWidth, format_count(cost.runs),
                      format_duration(cost.total_ns / cost.runs), format_duration(cost.total_ns));
}

}  // namespace

std::string text_report(const Summary& summary, bool color) {
    Page page(color);
    print_head(page, summary);
    if (summary.seen() == 0)
        page.line(Paint::kPlain, "No DAX operation was seen: is the file on a filesystem mounted with DAX?");
    print_verdict(page, summary);
    print_table(page, summary, "Faults", DAXTRACE_OP_FAULT_PMD_READ, DAXTRACE_OP_SYNC_FLUSH, 3);
    print_sync(page, summary);
    print_reasons(page, summary, true, "Why faults of 2 MiB fell back");
    print_reasons(page, summary, false, "4 KiB faults without a 2 MiB attempt");
    print_table(page, summary, "Mappings asked for (get_blocks)", DAXTRACE_OP_MAP_READ, DAXTRACE_OP_MAP_OTHER, 0);
    print_map_states(page, summary.totals);
    print_table(page, summary, "Writes, commits, flushes", DAXTRACE_OP_WRITE_DONE, DAXTRACE_OP_WRITEBACK, 0);
    print_daxfs(page, summary);
    print_histograms(page, summary);
    print_cost(page, summary);
    return page.take();
}

}  // namespace daxfs::trace

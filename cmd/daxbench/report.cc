// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxbench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "cmd/daxbench/html.h"

namespace daxfs::bench {
namespace {

const Row* find_row(const Target& target, const std::string& operation) {
    const auto found = std::find_if(target.rows.begin(), target.rows.end(),
                                    [&](const Row& row) { return row.operation == operation; });
    return found == target.rows.end() ? nullptr : &*found;
}

const Target* find_target(const Suite& suite, const std::string& name) {
    const auto found =
        std::find_if(suite.targets.begin(), suite.targets.end(), [&](const Target& t) { return t.name == name; });
    return found == suite.targets.end() ? nullptr : &*found;
}

// In the order of the first target that has them.
std::vector<std::string> all_operations(const Suite& suite) {
    std::vector<std::string> names;
    for (const Target& target : suite.targets)
        for (const Row& row : target.rows)
            if (std::find(names.begin(), names.end(), row.operation) == names.end())
                names.push_back(row.operation);
    return names;
}

struct Cell {
    double value = 0;   // median; 0 where there is none
    double ratio = 0;   // to the baseline; 0 where there is none
    double spread = 0;  // (max - min) / median
    std::string error;
};

Cell cell(const Suite& suite, const Target& target, const std::string& operation, const std::string& baseline) {
    const Row* row = find_row(target, operation);
    if (row == nullptr || row->samples.empty())
        return {.error = row == nullptr ? "not run" : row->error};
    Cell result{.value = row->median(), .error = {}};
    result.spread = result.value > 0 ? (row->maximum() - row->minimum()) / result.value : 0;
    const Target* reference = find_target(suite, baseline);
    if (reference == nullptr || reference == &target)
        return result;
    if (const Row* base = find_row(*reference, operation); base != nullptr && base->median() > 0)
        result.ratio = result.value / base->median();
    return result;
}

std::string cell_text(const Cell& cell) {
    if (cell.value <= 0)
        return "-";
    return cell.ratio > 0 ? fmt::format("{} ({:.2f}x)", short_figure(cell.value), cell.ratio)
                          : short_figure(cell.value);
}

std::string unit_text(const Suite& suite) {
    return suite.instructions ? "instructions a call (QEMU -icount)" : "nanoseconds a call";
}

std::string persistence_row(const Row& row) {
    const Persistence& p = *row.persistence;
    return fmt::format("| {} | {:.2f} | {:.2f} | {:.1f} | {:.0f} |\n", row.operation, p.commits, p.fences,
                       p.flushed_lines, p.logged_bytes);
}

std::string persistence_markdown(const Suite& suite) {
    std::string rows;
    for (const Target& target : suite.targets)
        for (const Row& row : target.rows)
            if (row.persistence && !row.samples.empty())
                rows += persistence_row(row);
    if (rows.empty())
        return {};
    return "\nWhat daxfs persists a call, by the module's own counters (a fence costs nothing under -icount):\n\n"
           "| operation | transactions | fences | flushed lines | logged bytes |\n|---|--:|--:|--:|--:|\n" +
           rows;
}

// The bar of the cheapest figure has length 0.04, that of the dearest 1.
double bar_length(double value, double least, double most) {
    if (value <= 0 || most <= least)
        return value > 0 ? 1 : 0;
    return 0.04 + 0.96 * std::log(value / least) / std::log(most / least);
}

std::pair<double, double> extremes(const Suite& suite) {
    double least = 0;
    double most = 0;
    for (const Target& target : suite.targets)
        for (const Row& row : target.rows) {
            const double value = row.median();
            if (value <= 0)
                continue;
            least = least == 0 ? value : std::min(least, value);
            most = std::max(most, value);
        }
    return {least, most};
}

std::string html_cell(const Cell& cell, double least, double most) {
    if (cell.value <= 0)
        return fmt::format("<td class=none title=\"{}\">-</td>", escaped(cell.error));
    const char* verdict = cell.ratio == 0 ? "base" : cell.ratio >= 1 ? "dearer" : "cheaper";
    return fmt::format(
        "<td title=\"{:.1f}, spread {:.1f}%\"><span class=\"bar {}\" style=\"width:{:.1f}em\"></span>{}</td>",
        cell.value, cell.spread * 100, verdict, 7 * bar_length(cell.value, least, most), cell_text(cell));
}

constexpr const char* kBarStyle =
    ".bar{display:inline-block;height:.7em;margin-right:.5em;border-radius:2px}"
    ".base{background:#4477aa}.dearer{background:#bbbbbb}.cheaper{background:#ee6677}.none{color:#999}";

}  // namespace

std::string short_figure(double value) {
    if (value < 999.5)
        return value < 9.995 ? fmt::format("{:.2f}", value) : fmt::format("{:.0f}", value);
    const bool millions = value >= 999'500;
    const double scaled = value / (millions ? 1e6 : 1e3);
    const int digits = scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
    return fmt::format("{:.{}f}{}", scaled, digits, millions ? "M" : "k");
}

std::string markdown_report(const Suite& suite, const std::string& baseline) {
    std::string text = fmt::format(
        "# What file operations cost\n\nKernel {}, {}. Figures are {}, the median of "
        "the samples",
        suite.kernel, suite.cpu, unit_text(suite));
    if (find_target(suite, baseline) != nullptr)
        text += fmt::format("; in brackets the ratio to {}: above 1 is dearer than {}", baseline, baseline);
    text += ".\n\n| operation |";
    for (const Target& target : suite.targets)
        text += fmt::format(" {} |", target.name);
    text += "\n|---|";
    for (std::size_t i = 0; i < suite.targets.size(); ++i)
        text += "--:|";
    text += '\n';
    for (const std::string& operation : all_operations(suite)) {
        text += fmt::format("| {} |", operation);
        for (const Target& target : suite.targets)
            text += fmt::format(" {} |", cell_text(cell(suite, target, operation, baseline)));
        text += '\n';
    }
    return text + persistence_markdown(suite);
}

std::string html_report(const Suite& suite, const std::string& baseline) {
    const auto [least, most] = extremes(suite);
    std::string text = fmt::format(
        "<!doctype html>\n<html lang=en><meta charset=utf-8><title>daxbench</title><style>{}{}</style>\n"
        "<h1>What file operations cost</h1>\n<p>Kernel {}, {}. Figures are {}, the median of the samples; the ratio is "
        "to {}. Bars are logarithmic: grey costs more than {}, red less.</p>\n<table><tr><th>operation</th>",
        kPageStyle, kBarStyle, escaped(suite.kernel), escaped(suite.cpu), unit_text(suite), escaped(baseline),
        escaped(baseline));
    for (const Target& target : suite.targets)
        text += fmt::format("<th>{}</th>", escaped(target.name));
    text += "</tr>\n";
    for (const std::string& operation : all_operations(suite)) {
        text += fmt::format("<tr><td>{}</td>", escaped(operation));
        for (const Target& target : suite.targets)
            text += html_cell(cell(suite, target, operation, baseline), least, most);
        text += "</tr>\n";
    }
    text += "</table>\n";
    std::string counts;
    for (const Target& target : suite.targets)
        for (const Row& row : target.rows)
            if (row.persistence && !row.samples.empty())
                counts +=
                    fmt::format("<tr><td>{}</td><td>{:.2f}</td><td>{:.2f}</td><td>{:.1f}</td><td>{:.0f}</td></tr>\n",
                                escaped(row.operation), row.persistence->commits, row.persistence->fences,
                                row.persistence->flushed_lines, row.persistence->logged_bytes);
    if (!counts.empty())
        text +=
            "<h2>What daxfs persists a call</h2>\n<table><tr><th>operation</th><th>transactions</th><th>fences</th>"
            "<th>flushed lines</th><th>logged bytes</th></tr>\n" +
            counts + "</table>\n";
    return text + "</html>\n";
}

}  // namespace daxfs::bench

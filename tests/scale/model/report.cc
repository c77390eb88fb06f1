// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/scale/model/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

namespace daxfs::scale {
namespace {

constexpr double kWorthNaming = 0.02;  // of all processors' time
constexpr std::size_t kNamed = 2;
constexpr int kRowsPerDoubling = 2;

std::string short_count(double value) {
    return value < 10'000 ? fmt::format("{:.0f}", value) : fmt::format("{:.1f}k", value / 1000);
}

std::string what_limits(const Point& point) {
    std::string text;
    for (std::size_t i = 0; i < std::min(kNamed, point.losses.size()); ++i) {
        const Loss& loss = point.losses[i];
        if (loss.share >= kWorthNaming)
            text += fmt::format("{}{} of `{}` {:.0f} %", text.empty() ? "" : ", ", loss.is_lock ? "lock" : "line",
                                loss.name, loss.share * 100);
    }
    return text.empty() ? "-" : text;
}

bool is_known(const Curve& curve, std::size_t i) {
    return i < curve.points.size() && !curve.points[i].stuck;
}

std::string remark_of(const Curve& curve) {
    if (curve.points.empty())
        return curve.error;
    if (!curve.points.back().stuck)
        return what_limits(curve.points.back());
    const auto stuck =
        std::find_if(curve.points.begin(), curve.points.end(), [](const Point& point) { return point.stuck; });
    return fmt::format("from {} on tries for locks fail, and the way that was recorded ends in a circle",
                       stuck->processors);
}

std::vector<std::string> operations_of(const std::vector<Curve>& curves) {
    std::vector<std::string> names;
    for (const Curve& curve : curves)
        if (std::find(names.begin(), names.end(), curve.operation) == names.end())
            names.push_back(curve.operation);
    return names;
}

const std::vector<Point>* points_of_any(const std::vector<Curve>& curves) {
    const auto found =
        std::find_if(curves.begin(), curves.end(), [](const Curve& curve) { return !curve.points.empty(); });
    return found == curves.end() ? nullptr : &found->points;
}

void table(std::string& text, const std::vector<Curve>& curves, bool own) {
    const std::vector<Point>* any = points_of_any(curves);
    if (any == nullptr)
        return;
    const auto out = std::back_inserter(text);
    fmt::format_to(out, "| operation | | instructions |");
    for (std::size_t i = 1; i < any->size(); ++i)
        fmt::format_to(out, " {} |", (*any)[i].processors);
    fmt::format_to(out, " of their time at {}, processors wait for |\n|---|---|--:|", any->back().processors);
    for (std::size_t i = 1; i < any->size(); ++i)
        text += "--:|";
    text += "---|\n";
    for (const std::string& operation : operations_of(curves))
        for (const Curve& curve : curves) {
            if (curve.operation != operation || curve.own_directories != own)
                continue;
            fmt::format_to(out, "| {} | {} | {} |", operation, curve.filesystem, short_count(curve.instructions));
            for (std::size_t i = 1; i < any->size(); ++i)
                text += is_known(curve, i) ? fmt::format(" {:.1f} |", curve.points[i].speed) : " - |";
            fmt::format_to(out, " {} |\n", remark_of(curve));
        }
}

// A letter a filesystem, both axes logarithmic; where letters meet, the first.
void plot(std::string& text, const std::vector<Curve>& curves, const std::string& operation, bool own) {
    std::vector<const Curve*> drawn;
    for (const Curve& curve : curves)
        if (curve.operation == operation && curve.own_directories == own && !curve.points.empty())
            drawn.push_back(&curve);
    if (drawn.empty())
        return;
    constexpr std::size_t kStep = 6;
    const auto& columns = drawn.front()->points;
    const int top = static_cast<int>(std::ceil(std::log2(columns.back().processors))) * kRowsPerDoubling;
    std::vector<std::string> rows(top + 1, std::string(columns.size() * kStep, ' '));
    for (auto curve = drawn.rbegin(); curve != drawn.rend(); ++curve)
        for (std::size_t i = 0; i < columns.size(); ++i) {
            if (!is_known(**curve, i))
                continue;
            const double height = std::log2(std::max(1.0, (*curve)->points[i].speed)) * kRowsPerDoubling;
            rows[std::min<long>(top, std::lround(height))][i * kStep + kStep / 2] = (*curve)->filesystem[0];
        }
    const auto out = std::back_inserter(text);
    fmt::format_to(out, "    {}, {}\n", operation, own ? "a directory each" : "all in one directory");
    for (int row = top; row >= 0; --row) {
        const std::string scale = row % kRowsPerDoubling == 0 ? std::to_string(1 << (row / kRowsPerDoubling)) : "";
        fmt::format_to(out, "    {:>4} |{}\n", scale, rows[row].substr(0, rows[row].find_last_not_of(' ') + 1));
    }
    fmt::format_to(out, "         +{}\n          ", std::string(columns.size() * kStep, '-'));
    for (const Point& point : columns)
        fmt::format_to(out, "{:^{}}", point.processors, kStep);
    text.erase(text.find_last_not_of(' ') + 1);
    text += "\n\n";
}

nlohmann::json json_of(const Point& point) {
    nlohmann::json losses = nlohmann::json::array();
    for (const Loss& loss : point.losses)
        losses.push_back({{"name", loss.name}, {"lock", loss.is_lock}, {"share", loss.share}});
    return {{"processors", point.processors},
            {"speed", point.stuck ? nlohmann::json() : nlohmann::json(point.speed)},
            {"losses", losses}};
}

}  // namespace

Curve curve_of(const Trace& trace, std::span<const unsigned> processors, const Costs& costs) {
    Curve curve{.error = unusable(trace), .instructions = instructions_alone(trace)};
    double operations = 0;
    for (const Task& task : trace.tasks)
        for (const Operation& operation : task.operations) {
            operations += !operation.interrupted;
            for (const Event& event : operation.events)
                curve.fences += event.step == Step::kFence;
        }
    curve.fences /= std::max(1.0, operations);
    if (curve.error.empty())
        curve.points = scale::curve(trace, processors, costs);
    return curve;
}

std::string markdown_of(const std::vector<Curve>& curves, const Costs& costs) {
    std::string text = fmt::format(
        "Operations in a time, relative to one processor. A line of another processor costs {} instructions, a fence "
        "behind flushed lines {}.\n",
        costs.line, costs.fence);
    for (const bool own : {true, false}) {
        fmt::format_to(std::back_inserter(text), "\n### {}\n\n",
                       own ? "Each processor in a directory of its own" : "All processors in one directory");
        table(text, curves, own);
    }
    text += "\n### Curves\n\nOperations in a time over processors; d is daxfs, e ext4, x XFS.\n\n";
    for (const std::string& operation : operations_of(curves))
        for (const bool own : {true, false})
            plot(text, curves, operation, own);
    text.erase(text.find_last_not_of('\n') + 1);
    return text + "\n";
}

std::string json_of(const std::vector<Curve>& curves, const Costs& costs) {
    nlohmann::json rows = nlohmann::json::array();
    for (const Curve& curve : curves) {
        nlohmann::json points = nlohmann::json::array();
        for (const Point& point : curve.points)
            points.push_back(json_of(point));
        rows.push_back({{"filesystem", curve.filesystem},
                        {"operation", curve.operation},
                        {"directories", curve.own_directories ? "own" : "one"},
                        {"instructions", curve.instructions},
                        {"fences", curve.fences},
                        {"error", curve.error},
                        {"points", points}});
    }
    const nlohmann::json document = {{"schema", "daxfs-scale"},
                                     {"version", 1},
                                     {"costs", {{"line", costs.line}, {"fence", costs.fence}}},
                                     {"curves", rows}};
    return document.dump(2) + "\n";
}

}  // namespace daxfs::scale

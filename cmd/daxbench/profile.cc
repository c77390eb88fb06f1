// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxbench/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <numeric>
#include <set>
#include <sstream>

#include "cmd/daxbench/html.h"
#include "cmd/daxbench/result.h"

namespace daxfs::bench {
namespace {

constexpr std::size_t kRows = 30;       // of a table by function
constexpr double kLeastShown = 0.0002;  // of the page's width: a frame that is drawn
constexpr int kFrameHeight = 18;        // pixels

enum class Kind : std::uint8_t { kOwnModule, kOtherModule, kKernel, kProgram };
constexpr struct {
    const char* name;
    const char* style;
} kKinds[] = {{"the filesystem's module", "own"},
              {"other modules", "other"},
              {"VFS and the rest of the kernel", "kernel"},
              {"the program", "program"}};

Kind kind_of(const std::string& function, const std::string& filesystem) {
    if (function.ends_with(" [" + filesystem + "]"))
        return Kind::kOwnModule;
    if (function.ends_with("]") && !function.starts_with("["))
        return Kind::kOtherModule;
    return function == "daxbench" ? Kind::kProgram : Kind::kKernel;
}

std::size_t middle_sample(const std::vector<double>& samples) {
    std::vector<std::size_t> order(samples.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return samples[a] < samples[b]; });
    return order[(order.size() - 1) / 2];
}

void add_up(CallNode& node) {
    node.total = node.self;
    for (auto& [name, callee] : node.callees) {
        add_up(callee);
        node.total += callee.total;
    }
}

Result<void> add_line(CallNode& root, const std::string& line) {
    const std::size_t space = std::min(line.rfind(' '), line.size());
    double count = -1;
    const char* const end = line.data() + line.size();
    const char* const digits = line.data() + std::min(space + 1, line.size());
    if (space == 0 || std::from_chars(digits, end, count).ptr != end || count < 0)
        return fail("'{}' is not a stack and a count", line);
    CallNode* node = &root;
    std::istringstream stack(line.substr(0, space));
    for (std::string name; std::getline(stack, name, ';');)
        node = &node->callees[name];
    node->self += count;
    return {};
}

std::string grouped(double value) {
    return fmt::format("{}", fmt::group_digits(std::llround(value)));
}

double percent(double part, double whole) {
    return whole > 0 ? 100 * part / whole : 0;
}

double cost_of(const Profile& profile, Kind kind) {
    double sum = 0;
    for (const FunctionCost& function : by_function(profile.root))
        if (kind_of(function.name, profile.filesystem) == kind)
            sum += function.self;
    return sum;
}

std::string share(const Profile& profile, double cost) {
    return fmt::format("{} ({:.1f} %)", grouped(cost / profile.calls), percent(cost, profile.root.total));
}

std::string check_text(const Profile& profile) {
    return fmt::format("{:+.2f} %, {}", 100 * profile.apart(), profile.agrees() ? "agrees" : "DOES NOT AGREE");
}

// The rows that compare filesystems, as the Markdown and the page show them: cells, the first of which is the name.
using Rows = std::vector<std::vector<std::string>>;
Rows summary(std::span<const Profile> profiles) {
    Rows rows;
    const auto row = [&](std::string name, const auto& cell) {
        rows.push_back({std::move(name)});
        for (const Profile& profile : profiles)
            rows.back().push_back(cell(profile));
    };
    row("", [](const Profile& p) { return p.filesystem; });
    row("instructions a call, counted", [](const Profile& p) { return grouped(p.counted()); });
    row("by the clock, as in ./dev bench", [](const Profile& p) { return grouped(p.measured); });
    row("apart (2 % are allowed)", check_text);
    row("in interrupts and other tasks", [](const Profile& p) {
        double cost = 0;
        for (const auto& [name, node] : p.root.callees)
            cost += name.starts_with("[") ? node.total : 0;
        return share(p, cost);
    });
    for (std::size_t kind = 0; kind < std::size(kKinds); ++kind)
        row(std::string("in ") + kKinds[kind].name,
            [&](const Profile& p) { return share(p, cost_of(p, static_cast<Kind>(kind))); });
    return rows;
}

Rows function_rows(const Profile& profile) {
    Rows rows{{"function", "self", "share", "with what it calls", "share"}};
    for (const FunctionCost& function : by_function(profile.root)) {
        if (rows.size() > kRows)
            break;
        rows.push_back({function.name, grouped(function.self / profile.calls),
                        fmt::format("{:.1f} %", percent(function.self, profile.root.total)),
                        grouped(function.total / profile.calls),
                        fmt::format("{:.1f} %", percent(function.total, profile.root.total))});
    }
    return rows;
}

std::string markdown_table(const Rows& rows) {
    std::string text;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        text += fmt::format("| {} |\n", fmt::join(rows[i], " | "));
        if (i == 0) {
            text += "|---|";
            for (std::size_t column = 1; column < rows[0].size(); ++column)
                text += "--:|";
            text += '\n';
        }
    }
    return text;
}

std::string html_table(const Rows& rows, const std::string& filesystem) {
    std::string text = "<table>\n";
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const char* const tag = i == 0 ? "th" : "td";
        text += "<tr>";
        for (const std::string& cell : rows[i])
            text += fmt::format("<{}>{}</{}>", tag, escaped(cell), tag);
        text += "</tr>\n";
        if (i > 0 && !filesystem.empty())
            text.replace(
                text.rfind("<tr><td>"), 8,
                fmt::format("<tr><td class={}>", kKinds[static_cast<int>(kind_of(rows[i][0], filesystem))].style));
    }
    return text + "</table>\n";
}

std::size_t depth_of(const CallNode& node) {
    std::size_t depth = 0;
    for (const auto& [name, callee] : node.callees)
        depth = std::max(depth, 1 + depth_of(callee));
    return depth;
}

// Frames as boxes, callees above their caller.
class Flame {
  public:
    // `scale`: instructions a call that fill the width.
    Flame(const Profile& profile, double scale) : profile_(profile), scale_(scale * profile.calls) {}

    std::string text() {
        boxes_ = fmt::format("<div class=flame><div style=\"height:{}px\">\n", depth_of(profile_.root) * kFrameHeight);
        draw(profile_.root, 0, 0);
        return boxes_ + "</div></div>\n";
    }

  private:
    void draw(const CallNode& caller, double left, std::size_t depth) {
        for (const auto& [name, node] : caller.callees) {
            const double width = node.total / scale_;
            if (width >= kLeastShown) {
                box(name, node, left, width, depth);
                draw(node, left, depth + 1);
            }
            left += width;
        }
    }

    void box(const std::string& name, const CallNode& node, double left, double width, std::size_t depth) {
        boxes_ += fmt::format(
            "<i class={} style=\"left:{:.4f}%;width:{:.4f}%;bottom:{}px\" title=\"{}: {} instructions a call ({:.1f} "
            "%), "
            "{} of them its own\">{}</i>\n",
            kKinds[static_cast<int>(kind_of(name, profile_.filesystem))].style, 100 * left, 100 * width,
            depth * kFrameHeight, escaped(name), grouped(node.total / profile_.calls),
            percent(node.total, profile_.root.total), grouped(node.self / profile_.calls), escaped(name));
    }

    const Profile& profile_;
    double scale_;
    std::string boxes_;
};

// Black on Paul Tol's light palette, which the colour-blind can tell apart.
constexpr const char* kFlameStyle =
    "body{max-width:none}.flame{overflow-x:auto;border-bottom:2px solid #222}.flame>div{position:relative;width:100%}"
    ".flame i{position:absolute;box-sizing:border-box;height:18px;overflow:hidden;white-space:nowrap;color:#000;"
    "font:12px/16px system-ui,sans-serif;border:solid #fff;border-width:0 1px 1px 0;cursor:zoom-in}"
    ".flame i:hover{outline:2px solid #000;outline-offset:-2px}"
    ".own{background:#ee8866}.other{background:#eedd88}.kernel{background:#dddddd}.program{background:#99ddff}"
    ".key{padding:.1em .6em;margin-right:.6em;color:#000}";

// All graphs grow together, so that they keep one scale.
constexpr const char* kFlameScript =
    "const flames=[...document.querySelectorAll('.flame')];"
    "function zoom(share){flames.forEach(f=>f.firstChild.style.width=100/share+'%')}"
    "flames.forEach(f=>f.onclick=e=>{const frame=e.target.tagName=='I'?e.target:null;"
    "zoom(frame?Math.max(.005,parseFloat(frame.style.width)/100):1);if(frame)f.scrollLeft=frame.offsetLeft});"
    "document.onkeydown=e=>{if(e.key=='Escape')zoom(1)};";

}  // namespace

Result<CallNode> parse_folded(const std::string& text) {
    CallNode root;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        DAXFS_TRY(add_line(root, line));
    add_up(root);
    return root;
}

Result<Profile> read_profile(const std::string& path) {
    DAXFS_TRY_ASSIGN(const std::string json, read_file(path));
    const auto suite = suite_from_json(json);
    if (!suite)
        return fail("{}: {}", path, suite.error().message);
    if (!suite->instructions || suite->targets.size() != 1 || suite->targets[0].rows.size() != 1)
        return fail("{}: not the instructions of one operation on one filesystem", path);
    const Row& row = suite->targets[0].rows[0];
    if (row.samples.empty() || row.calls == 0)
        return fail("{}: {}", path, row.error.empty() ? "no samples" : row.error);
    const std::size_t sample = middle_sample(row.samples);
    const std::string stacks = fmt::format("{}.{}.folded", path.substr(0, path.rfind(".json")), sample);
    DAXFS_TRY_ASSIGN(const std::string folded, read_file(stacks));
    auto root = parse_folded(folded);
    if (!root)
        return fail("{}: {}", stacks, root.error().message);
    return Profile{.filesystem = suite->targets[0].name,
                   .operation = row.operation,
                   .kernel = suite->kernel,
                   .calls = static_cast<double>(row.calls),
                   .measured = row.samples[sample],
                   .root = *std::move(root)};
}

std::vector<FunctionCost> by_function(const CallNode& root) {
    std::map<std::string, FunctionCost> costs;
    std::multiset<std::string> open;
    const auto visit = [&](const auto& self, const CallNode& caller) -> void {
        for (const auto& [name, node] : caller.callees) {
            FunctionCost& cost = costs[name];
            cost.self += node.self;
            if (open.count(name) == 0)
                cost.total += node.total;
            const auto mine = open.insert(name);
            self(self, node);
            open.erase(mine);
        }
    };
    visit(visit, root);
    std::vector<FunctionCost> list;
    for (auto& [name, cost] : costs) {
        cost.name = name;
        list.push_back(cost);
    }
    std::stable_sort(list.begin(), list.end(),
                     [](const FunctionCost& a, const FunctionCost& b) { return a.self > b.self; });
    return list;
}

std::string profile_markdown(std::span<const Profile> profiles) {
    std::string text = fmt::format("# Where the instructions of '{}' go\n\nKernel {}, instructions a call.\n\n",
                                   profiles[0].operation, profiles[0].kernel) +
                       markdown_table(summary(profiles));
    for (const Profile& profile : profiles)
        text += fmt::format("\n## {}\n\n", profile.filesystem) + markdown_table(function_rows(profile));
    return text;
}

std::string profile_html(std::span<const Profile> profiles) {
    double scale = 0;
    for (const Profile& profile : profiles)
        scale = std::max(scale, profile.counted());
    std::string text = fmt::format(
        "<!doctype html>\n<html lang=en><meta charset=utf-8><title>{0}: instructions</title><style>{1}{2}</style>\n"
        "<h1>Where the instructions of '{0}' go</h1>\n<p>Kernel {3}, instructions a call. The width of a frame is what "
        "a "
        "function and all that it calls execute, on one scale for all filesystems. A click makes a frame as wide as "
        "the "
        "page, Escape goes back.</p>\n<p>",
        escaped(profiles[0].operation), kPageStyle, kFlameStyle, escaped(profiles[0].kernel));
    for (const auto& kind : kKinds)
        text += fmt::format("<span class=\"key {}\">{}</span>", kind.style, kind.name);
    text += "</p>\n";
    for (const Profile& profile : profiles)
        text += fmt::format("<h2>{}: {}</h2>\n", escaped(profile.filesystem), grouped(profile.counted())) +
                Flame(profile, scale).text();
    text += "<h2>Sums</h2>\n" + html_table(summary(profiles), "");
    for (const Profile& profile : profiles)
        text += fmt::format("<h2>{}, by function</h2>\n", escaped(profile.filesystem)) +
                html_table(function_rows(profile), profile.filesystem);
    return text + fmt::format("<script>{}</script>\n</html>\n", kFlameScript);
}

}  // namespace daxfs::bench

// SPDX-License-Identifier: GPL-2.0-or-later
// How the view is laid out on a grid of any size.
//
//   title
//   tree | fields        | hex      (wide: 8 or 16 bytes a line beside the fields)
//        | fields, hex below        (narrow)
//   status, prompt or message
#include <algorithm>

#include <fmt/format.h>

#include "cmd/daxdb/view.h"
#include "lib/dump/section.h"

namespace daxfs::daxdb {
namespace {

constexpr int kMaxTreeWidth = 36;
constexpr int kNarrow = 50;       // below this only the pane in focus is shown
constexpr int kBesideShort = 84;  // the right side's width from which hex lies beside the fields
constexpr int kBesideLong = 122;

// Columns of a line of hex with `bytes` bytes: "000  00 00 ..  ........".
constexpr int hex_width(int bytes) {
    return 3 + 1 + 3 * bytes + 2 + bytes;
}

// Scrolls so that `selected` is one of `height` lines from `top`.
std::size_t scroll(std::size_t top, std::size_t selected, int height) {
    const auto lines = static_cast<std::size_t>(std::max(height, 1));
    if (selected < top)
        return selected;
    return selected >= top + lines ? selected - lines + 1 : top;
}

}  // namespace

Grid View::render(int width, int height) {
    Grid grid(width, height);
    grid.put(0, 0, fmt::format("daxdb {}  {}", session_.path(), title_), Style::kBold, grid.width());
    const int body = grid.height() - 2;
    if (body > 0) {
        page_ = body;
        const bool narrow = grid.width() < kNarrow;
        const int tree_width = narrow ? (tree_focused_ ? grid.width() : 0) : std::min(kMaxTreeWidth, grid.width() / 4);
        draw_tree(grid, 0, 1, tree_width, body);
        const int right = tree_width == 0 ? 0 : tree_width + 1;
        draw_right(grid, right, grid.width() - right, body);
    }
    if (grid.height() > 1) {
        grid.put(0, grid.height() - 1, status(), Style::kDim, grid.width());
        grid.restyle(0, grid.height() - 1, grid.width(), prompt_ ? Style::kBold : Style::kDim);
    }
    return grid;
}

std::string View::status() const {
    if (prompt_)
        return "go to (block N, inode N or PATH, ag N, journal N): " + *prompt_;
    if (!message_.empty())
        return message_;
    return "Enter follow  Backspace back  Tab other pane  g go to  ? help  q quit";
}

void View::draw_tree(Grid& grid, int x, int y, int width, int height) {
    tree_pane_.top = scroll(tree_pane_.top, tree_pane_.selected, height);
    for (int line = 0; line < height; ++line) {
        const std::size_t index = tree_pane_.top + static_cast<std::size_t>(line);
        if (index >= tree_.size())
            return;
        const TreeItem& item = tree_[index];
        const char* mark = item.children == TreeItem::Children::kNone ? "  " : item.expanded ? "- " : "+ ";
        const std::string text =
            fmt::format("{:{}}{}{}", "", 2 * static_cast<std::size_t>(item.depth), mark, item.label);
        grid.put(x, y + line, text, Style::kPlain, width);
        if (index == tree_pane_.selected)
            grid.restyle(x, y + line, width, tree_focused_ ? Style::kReverse : Style::kBold);
    }
}

void View::draw_right(Grid& grid, int x, int width, int height) {
    if (width <= 0)
        return;
    if (width >= kBesideShort) {
        const int hex = hex_width(width >= kBesideLong ? 16 : 8);
        draw_fields(grid, x, 1, width - hex - 1, height);
        draw_hex(grid, x + width - hex, 1, hex, height);
        return;
    }
    const int hex_height = height >= 12 ? height / 3 : 0;
    draw_fields(grid, x, 1, width, height - hex_height);
    draw_hex(grid, x, 1 + height - hex_height, width, hex_height);
}

void View::draw_fields(Grid& grid, int x, int y, int width, int height) {
    fields_pane_.top = scroll(fields_pane_.top, fields_pane_.selected, height);
    std::size_t name_width = 0;
    for (const FieldLine& field : fields_)
        name_width = std::max(name_width, field.name.size());
    name_width = std::min<std::size_t>(name_width, 20);
    for (int line = 0; line < height; ++line) {
        const std::size_t index = fields_pane_.top + static_cast<std::size_t>(line);
        if (index >= fields_.size())
            return;
        const FieldLine& field = fields_[index];
        if (field.name.empty()) {
            grid.put(x, y + line, field.value, field.wrong ? Style::kWrong : Style::kBold, width);
        } else {
            const std::string text =
                fmt::format("{:<{}} {}{}", field.name, name_width, field.value, field.target ? " >" : "");
            const int used = grid.put(x, y + line, text, Style::kPlain, width);
            if (!field.remark.empty() && used < width)
                grid.put(x + used + 1, y + line, (field.wrong ? "<- " : "") + field.remark,
                         field.wrong ? Style::kWrong : Style::kDim, width - used - 1);
        }
        if (index == fields_pane_.selected)
            grid.restyle(x, y + line, width, tree_focused_ ? Style::kBold : Style::kReverse);
    }
}

void View::draw_hex(Grid& grid, int x, int y, int width, int height) const {
    const int per_line = width >= hex_width(16) ? 16 : 8;
    if (bytes_ == nullptr || height <= 0)
        return;
    const FieldLine selected = fields_.empty() ? FieldLine{} : fields_[fields_pane_.selected];
    const int lines = static_cast<int>(DAXFS_BLOCK_SIZE) / per_line;
    const int first = std::clamp(static_cast<int>(selected.offset % DAXFS_BLOCK_SIZE) / per_line - height / 3, 0,
                                 std::max(lines - height, 0));
    for (int line = 0; line < height && first + line < lines; ++line) {
        const int at = (first + line) * per_line;
        grid.put(x, y + line, fmt::format("{:03x}", at), Style::kDim, width);
        for (int i = 0; i < per_line; ++i) {
            const auto byte = std::to_integer<unsigned>(bytes_[at + i]);
            const auto offset = static_cast<std::uint32_t>(at + i);
            const bool marked = offset - selected.offset < selected.size;
            const Style style = marked ? Style::kReverse : Style::kPlain;
            const char shown = byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
            grid.put(x + 4 + 3 * i, y + line, fmt::format("{:02x}", byte), style, width - 4 - 3 * i);
            const int column = 4 + 3 * per_line + 1 + i;
            grid.put(x + column, y + line, std::string_view(&shown, 1), style, width - column);
        }
    }
}

}  // namespace daxfs::daxdb

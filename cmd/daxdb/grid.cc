// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxdb/grid.h"

#include <algorithm>
#include <cwchar>

#include "lib/base/utf8.h"

namespace daxfs::daxdb {
namespace {

wchar_t code_point(std::string_view character) {
    const auto first = static_cast<unsigned char>(character[0]);
    if (character.size() == 1)
        return static_cast<wchar_t>(first);
    unsigned value = first & (0xffu >> (character.size() + 1));
    for (char c : character.substr(1))
        value = value << 6 | (static_cast<unsigned char>(c) & 0x3fu);
    return static_cast<wchar_t>(value);
}

}  // namespace

Grid::Grid(int width, int height)
    : width_(std::max(width, 0)), height_(std::max(height, 0)), cells_(static_cast<std::size_t>(width_) * height_) {}

int Grid::put(int x, int y, std::string_view text, Style style, int columns) {
    int written = 0;
    while (!text.empty() && written < columns) {
        const std::size_t length = utf8_length(text);
        const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
        const bool narrow = length > 0 && wcwidth(code_point(character)) == 1;
        if (inside(x + written, y))
            cells_[static_cast<std::size_t>(y) * width_ + x + written] = {narrow ? std::string(character) : "?", style};
        text.remove_prefix(character.size());
        ++written;
    }
    return written;
}

void Grid::restyle(int x, int y, int columns, Style style) {
    for (int i = 0; i < columns; ++i)
        if (inside(x + i, y))
            cells_[static_cast<std::size_t>(y) * width_ + x + i].style = style;
}

std::string Grid::line(int y) const {
    std::string text;
    for (int x = 0; x < width_; ++x)
        text += at(x, y).text;
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

}  // namespace daxfs::daxdb

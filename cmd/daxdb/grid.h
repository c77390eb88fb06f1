// SPDX-License-Identifier: GPL-2.0-or-later
// A screen as data: what a view draws and a test reads. Everything is clipped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace daxfs::daxdb {

enum class Style : std::uint8_t { kPlain, kBold, kReverse, kDim, kWrong };

// One column of one line. Characters that are not one column wide, controls and broken UTF-8 become '?'.
struct Cell {
    std::string text = " ";
    Style style = Style::kPlain;
};

class Grid {
  public:
    Grid(int width, int height);

    int width() const { return width_; }
    int height() const { return height_; }
    const Cell& at(int x, int y) const { return cells_[static_cast<std::size_t>(y) * width_ + x]; }

    // Writes at most `columns` columns from (x, y); returns how many.
    int put(int x, int y, std::string_view text, Style style, int columns);
    // Gives [x, x + columns) of line y a style.
    void restyle(int x, int y, int columns, Style style);
    // The characters of line y, without trailing blanks.
    std::string line(int y) const;

  private:
    bool inside(int x, int y) const { return x >= 0 && x < width_ && y >= 0 && y < height_; }

    int width_;
    int height_;
    std::vector<Cell> cells_;
};

}  // namespace daxfs::daxdb

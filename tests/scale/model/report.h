// SPDX-License-Identifier: GPL-2.0-or-later
// The curves of all traces as a table, as plots in text, and as JSON (schema "daxfs-scale", version 1).
#pragma once

#include <string>
#include <vector>

#include "tests/scale/model/replay.h"

namespace daxfs::scale {

struct Curve {
    std::string filesystem, operation;
    bool own_directories = false;    // else all in one
    std::string error;               // why there are no points
    std::uint32_t instructions = 0;  // of one operation, alone
    double fences = 0;
    std::vector<Point> points;
};

Curve curve_of(const Trace& trace, std::span<const unsigned> processors, const Costs& costs);

std::string markdown_of(const std::vector<Curve>& curves, const Costs& costs);
std::string json_of(const std::vector<Curve>& curves, const Costs& costs);

}  // namespace daxfs::scale

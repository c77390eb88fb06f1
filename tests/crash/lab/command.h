// SPDX-License-Identifier: GPL-2.0-or-later
// The command line of crashlab.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace daxfs::crash {

constexpr int kExitClean = 0;
constexpr int kExitViolations = 1;
constexpr int kExitTrouble = 2;  // usage, I/O, or a trace that is not believed

int crashlab(std::vector<std::string> arguments, std::ostream& out, std::ostream& errors);

}  // namespace daxfs::crash

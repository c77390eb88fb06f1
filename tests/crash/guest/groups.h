// SPDX-License-Identifier: GPL-2.0-or-later
// Cases on a filesystem of several allocation groups (kGroupBytes each, tests/crash/run makes it).
#pragma once

#include <vector>

#include "tests/crash/guest/operations.h"

namespace daxfs::crash {

// The kernel takes a group into use when it needs room: makes it do so with the second.
void open_second_group();
// Makes the directory A in the first group, and B in the second; what is made in them stays there.
void make_apart(const char* directory);
const std::vector<Operation>& spread_operations();   // on a file in both groups
const std::vector<Operation>& opening_operations();  // each takes the next group into use

}  // namespace daxfs::crash

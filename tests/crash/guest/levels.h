// SPDX-License-Identifier: GPL-2.0-or-later
// Trees that gain and lose a level of nodes: of a file's extents, and of a directory.
#pragma once

#include <vector>

#include "tests/crash/guest/operations.h"

namespace daxfs::crash {

const std::vector<Operation>& level_operations();

}  // namespace daxfs::crash

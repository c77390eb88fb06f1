// SPDX-License-Identifier: GPL-2.0-or-later
// Files that huge pages of 2 MiB hold: gathered into one, faulted as one, and losing a part of one.
#pragma once

#include <vector>

#include "tests/crash/guest/operations.h"

namespace daxfs::crash {

const std::vector<Operation>& huge_operations();

}  // namespace daxfs::crash

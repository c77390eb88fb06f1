// SPDX-License-Identifier: GPL-2.0-or-later
// A path for an inode, where its parent hint makes it cheap.
#pragma once

#include <cstdint>
#include <string>

#include "lib/tree/volume.h"

namespace daxfs {

// Follows parent hints up to the root, looking for the name at each step. Empty: not found within `budget` entries,
// which is lowered by those read.
std::string cheap_path(const Volume& volume, InodeNo ino, std::uint64_t& budget);

}  // namespace daxfs

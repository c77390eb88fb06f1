// SPDX-License-Identifier: GPL-2.0-or-later
// Where the redo list of a repair may lie.
#pragma once

#include "lib/check/checker.h"
#include "lib/check/redo.h"

namespace daxfs {

// Blocks that nobody owns, neither in what was found (`before`) nor in what is staged (`after`). Where there are none,
// those of the journals, if `before` has nothing there that is to be undone.
RedoPlace redo_place(const Checker& before, const Checker& after);

}  // namespace daxfs

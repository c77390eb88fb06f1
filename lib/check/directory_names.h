// SPDX-License-Identifier: GPL-2.0-or-later
// A directory's names as they can be found, and a new tree for them.
#pragma once

#include <vector>

#include "lib/base/result.h"
#include "lib/check/mending.h"
#include "lib/check/salvage.h"
#include "lib/make/tree_builder.h"

namespace daxfs {

struct FoundNames {
    std::vector<NewDirent> names;  // each once
    bool lost_some = false;        // a node or record is there that says nothing any more
};

// What the inode leads to, record by record where a leaf does not check out, and with `lost` leaves that nothing leads
// to. Names that cannot be, and second ones, are left out; what they lead to is not looked at.
FoundNames collect_names(Mending& mending, const daxfs_inode& inode, InodeNo ino, LostLeaves* lost);

// The directory gets a new tree of `names`.
Result<void> rebuild_directory(Mending& mending, InodeNo ino, daxfs_inode inode, std::vector<NewDirent> names);

}  // namespace daxfs

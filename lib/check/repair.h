// SPDX-License-Identifier: GPL-2.0-or-later
// The repairs of this version: recovery's unfinished work, and what cannot lose anything.
#pragma once

#include "lib/base/result.h"
#include "lib/check/checker.h"
#include "lib/image/image.h"

namespace daxfs {

// Whether passes 1 to 3 found nothing: then the claims are the truth about used blocks.
bool claims_are_complete(const Checker& checker);

// Each brings one kind of thing in order, in as many transactions as it takes, and marks its findings as fixed.
// An error is one of I/O, or a repair too large for a journal; what was committed before it stays.

// Rewrites bitmaps, orphan maps and counters from the claims. `also_corrupt`: also where a bitmap calls used blocks
// free.
Result<void> repair_maps(Checker& checker, Image& image, bool also_corrupt);
// Frees orphans and finishes interrupted truncations and collapses. Runs on maps that are right.
Result<void> repair_orphans(Checker& checker, Image& image);
// Frees blocks whose eight inodes are all free, in groups with many: how many. For a filesystem without problems.
Result<std::uint64_t> give_back_inode_blocks(Checker& checker, Image& image);
// Writes damaged superblock copies again.
Result<void> repair_superblock_copies(Checker& checker, Image& image);
// Stores how many groups are in use.
Result<void> repair_group_count(Checker& checker, Image& image);
// Takes off the kernel's mark that there was damage.
Result<void> clear_error_state(Checker& checker, Image& image);

}  // namespace daxfs

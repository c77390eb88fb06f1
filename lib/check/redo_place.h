// SPDX-License-Identifier: GPL-2.0-or-later
// Where the redo list of a repair may lie.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/check/checker.h"
#include "lib/check/redo.h"

namespace daxfs {

// What the block bitmaps say is used, before anything is repaired, where owners were not believed: what those have is
// claimed by nobody, and not free. A block of a bitmap that does not check out says so of all that it stands for.
class MarkedBlocks {
  public:
    // Nothing is marked where `found` knows all owners.
    explicit MarkedBlocks(const Checker& found);
    // 64 bits from bit 64 x `index` of `ag`.
    std::uint64_t word(AgNo ag, std::uint64_t index) const;

  private:
    std::uint64_t words_ = 0;  // an AG
    std::vector<std::uint64_t> bits_;
};

// Blocks that are free, and that nobody owns, neither in what was found (`before`) nor in what is staged (`after`).
// Where there are none, those of the journals, if `before` has nothing there that is to be undone. The last resort of a
// repair that may lose something: what nobody is known to own.
RedoPlace redo_place(const Checker& before, const Checker& after, const MarkedBlocks& marked, bool may_lose);

// Blocks that the bitmaps call free, as far as they check out: for a change of a filesystem whose files were not looked
// at. At most as believable as they are to the module, which gives them away.
std::vector<BlockRun> unmarked_runs(const Volume& volume);

}  // namespace daxfs

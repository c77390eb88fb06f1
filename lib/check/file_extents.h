// SPDX-License-Identifier: GPL-2.0-or-later
// A file's extents as they can be found, and a new tree for them.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/result.h"
#include "lib/check/mending.h"
#include "lib/check/salvage.h"

namespace daxfs {

class FileExtents {
  public:
    // What the inode leads to, whole leaves and damaged ones, and with `lost` what nothing leads to. Each extent is
    // possible by itself, they ascend and do not overlap; where two want one file block, the better founded has it.
    static FileExtents collect(Mending& mending, const daxfs_inode& inode, InodeNo ino, LostLeaves* lost);

    std::vector<daxfs_extent>& extents() { return extents_; }
    // File blocks below nodes that are lost, and that nothing was found for: ascending.
    struct Gap {
        std::uint64_t first = 0;
        std::uint64_t end = 0;
    };
    const std::vector<Gap>& gaps() const { return gaps_; }
    // Extents left out because those before them have as many blocks as the device.
    std::uint64_t too_many() const { return too_many_; }

  private:
    void add(const daxfs_extent& extent);
    void add_if_free(Mending& mending, const daxfs_extent& extent);

    std::vector<daxfs_extent> extents_;
    std::vector<Gap> gaps_;
    std::uint64_t too_many_ = 0;
};

// The inode gets a new tree of `extents`, which ascend and do not overlap. The old one is nobody's any more.
Result<void> rebuild_file(Mending& mending, InodeNo ino, daxfs_inode inode, std::vector<daxfs_extent> extents);

}  // namespace daxfs

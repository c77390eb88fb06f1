// SPDX-License-Identifier: GPL-2.0-or-later
// The extents of a file, in order, wherever its inode keeps them. Damaged nodes and extents are passed over and
// remembered.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/tree/node.h"

namespace daxfs {

struct Extent {
    FileBlock file_block;
    BlockNo disk_block;
    std::uint64_t length = 0;  // in blocks, at least 1
    bool unwritten = false;

    FileBlock end() const { return file_block + length; }
    BlockNo disk_end() const { return disk_block + length; }
};

// What is wrong with `raw` by itself (length, state, file range, device range). `block` and `offset`: where it lies.
std::optional<Damage> check_extent(const Volume& volume, const daxfs_extent& raw, InodeNo owner, BlockNo block,
                                   std::uint32_t offset);

class ExtentCursor : public DamageLog {
  public:
    // Starts at the extent that holds `from`, or the first behind it. An inode without extents yields none.
    ExtentCursor(const Volume& volume, const daxfs_inode& inode, FileBlock from = FileBlock{0});

    std::optional<Extent> next();

  private:
    bool load_next_leaf();

    const Volume* volume_;
    InodeNo owner_;
    FileBlock from_;
    std::optional<TreeCursor> tree_;
    std::vector<daxfs_extent> leaf_;
    BlockNo leaf_block_;
    std::uint32_t leaf_offset_ = 0;
    std::size_t next_ = 0;
    std::uint64_t end_ = 0;        // first file block behind the last extent
    std::uint64_t leaf_high_ = 0;  // first file block that is not for this leaf
};

// The extent that holds `block`; empty: a hole (or lost to damage).
std::optional<Extent> find_extent(const Volume& volume, const daxfs_inode& inode, FileBlock block);

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// What the passes remember of every inode: a few bytes each, in the order of the device.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/strong.h"
#include "lib/format/daxfs_format.h"

namespace daxfs {

struct InodeState {
    std::uint32_t nlink = 0;  // as the inode says
    std::uint32_t names = 0;  // entries that name it
    std::uint8_t type = DAXFS_DIRENT_FREE;
    bool damaged = false;       // nothing in it is believed
    bool in_operation = false;  // recovery has a long operation to finish

    bool used() const { return type != DAXFS_DIRENT_FREE; }
};

struct DirectoryState {
    InodeNo ino;
    InodeNo parent;       // as the inode says
    InodeNo named_by{0};  // as its one entry says
    std::uint32_t subdirectories = 0;
    bool has_names = false;
};

class InodeTable {
  public:
    // Blocks come in ascending order.
    void add_block(BlockNo block) {
        blocks_.push_back(block);
        states_.resize(states_.size() + DAXFS_INODES_PER_BLOCK);
    }
    void add_directory(InodeNo ino, InodeNo parent) {
        directories_.push_back({.ino = ino, .parent = parent, .named_by = InodeNo{0}});
    }

    std::size_t size() const { return states_.size(); }
    InodeNo number(std::size_t index) const {
        return InodeNo{blocks_[index / DAXFS_INODES_PER_BLOCK].value * DAXFS_INODES_PER_BLOCK +
                       index % DAXFS_INODES_PER_BLOCK};
    }
    InodeState& state(std::size_t index) { return states_[index]; }
    const InodeState& state(std::size_t index) const { return states_[index]; }

    // nullptr: the inode map does not have it.
    InodeState* find(InodeNo ino);
    DirectoryState* find_directory(InodeNo ino);
    std::vector<DirectoryState>& directories() { return directories_; }
    const std::vector<BlockNo>& blocks() const { return blocks_; }

  private:
    std::vector<BlockNo> blocks_;
    std::vector<InodeState> states_;
    std::vector<DirectoryState> directories_;  // ascending
};

}  // namespace daxfs

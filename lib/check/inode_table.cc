// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/inode_table.h"

#include <algorithm>

namespace daxfs {

InodeState* InodeTable::find(InodeNo ino) {
    const BlockNo block{ino.value / DAXFS_INODES_PER_BLOCK};
    const auto it = std::ranges::lower_bound(blocks_, block);
    if (it == blocks_.end() || *it != block)
        return nullptr;
    const auto rank = static_cast<std::size_t>(it - blocks_.begin());
    return &states_[rank * DAXFS_INODES_PER_BLOCK + ino.value % DAXFS_INODES_PER_BLOCK];
}

DirectoryState* InodeTable::find_directory(InodeNo ino) {
    const auto it = std::ranges::lower_bound(directories_, ino, {}, &DirectoryState::ino);
    return it == directories_.end() || it->ino != ino ? nullptr : &*it;
}

}  // namespace daxfs

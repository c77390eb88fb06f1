// SPDX-License-Identifier: GPL-2.0-or-later
// Extent trees and directory trees written whole, bottom up, from sorted input.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "lib/base/result.h"
#include "lib/format/checksum.h"
#include "lib/format/daxfs_format.h"
#include "lib/make/sink.h"

namespace daxfs {

// Whose tree it is and where its nodes go.
struct TreeTarget {
    ChecksumSeed seed;
    InodeNo owner;
    std::uint32_t generation = 0;
    std::function<Result<BlockNo>()> allocate;  // a block for the next node
    BlockSink* sink = nullptr;
};

// What the inode says of its tree: format, tree_height, fork_count, fork.
struct TreeRoot {
    std::uint8_t format = DAXFS_FORMAT_NONE;
    std::uint8_t height = 0;
    std::uint16_t fork_count = 0;
    daxfs_fork fork{};
    std::uint64_t node_blocks = 0;  // allocated for nodes

    void store_in(daxfs_inode& inode) const;
};

// `extents` ascend by file block and do not overlap; inline where they fit. They are written as they are: a test may
// build a tree of extents that fsck must reject.
Result<TreeRoot> build_extent_tree(const TreeTarget& target, std::span<const daxfs_extent> extents);

struct NewDirent {
    std::uint64_t key = 0;
    InodeNo ino;
    std::uint8_t type = DAXFS_DIRENT_REG;
    std::string name;
};

// `entries` ascend by key. Two keys are never equal; see assign_keys. None: an empty directory without a tree. An error
// where a name is longer than DAXFS_NAME_MAX.
Result<TreeRoot> build_directory_tree(const TreeTarget& target, std::span<const NewDirent> entries);

// Sorts `entries` by the hash of their names and gives each its key: equal hashes get ordinals, in the order of the
// names' bytes. An error when more names share a hash than there are ordinals.
Result<void> assign_keys(const daxfs_super& super, std::span<NewDirent> entries);

}  // namespace daxfs

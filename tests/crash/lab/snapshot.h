// SPDX-License-Identifier: GPL-2.0-or-later
// The tree of files in an image, whole: what is compared with what it may be.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/tree/volume.h"
#include "tests/crash/common/listing.h"

namespace daxfs::crash {

struct FileSnapshot {
    Attributes attributes;
    std::uint64_t ino = 0;
    std::map<std::uint64_t, std::string> data;  // blocks that are not all zero; cut off at the size
};

class Snapshot {
  public:
    // Errors: a path that cannot be read, in words.
    static Result<Snapshot> take(const Volume& volume);

    const std::vector<FileSnapshot>& files() const { return files_; }  // in ascending order of paths
    const FileSnapshot* find(std::uint64_t ino) const;
    std::uint64_t listing_hash() const;
    // Whether a program sees a difference, st_blocks apart: a file's map may take more or fewer of them.
    bool same_tree(const Snapshot& other) const;
    // The path of a file that shows bytes which nobody wrote; empty: none does.
    std::string poisoned() const;

  private:
    std::vector<FileSnapshot> files_;
    std::map<std::uint64_t, std::size_t> by_ino_;
};

}  // namespace daxfs::crash

// SPDX-License-Identifier: GPL-2.0-or-later
// The inodes of a filesystem that is being built, until they are written: what differs from one to the next, about 100
// bytes, and 24 bytes and the name for each directory entry. Hundreds of thousands of files fit memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "lib/base/strong.h"
#include "lib/format/daxfs_format.h"
#include "lib/make/allocator.h"

namespace daxfs {

struct NewInode {
    InodeNo ino;
    InodeNo parent;
    std::uint64_t size = 0;
    std::uint64_t first = 0;  // index of its first extent, of its entries, or of its inline target
    std::int64_t atime_sec = 0, mtime_sec = 0, ctime_sec = 0;
    std::uint32_t atime_nsec = 0, mtime_nsec = 0, ctime_nsec = 0;
    std::uint32_t extents = 0;
    std::uint32_t uid = 0, gid = 0, project = 0, flags = 0;
    std::uint32_t nlink = 0;
    std::uint32_t rdev_major = 0, rdev_minor = 0;
    std::uint16_t mode = 0;  // 0: free
    std::uint8_t format = DAXFS_FORMAT_NONE;
    bool orphan = false;
};

struct NewEntry {
    const char* name = nullptr;
    InodeNo ino;
    std::uint8_t length = 0;
    std::uint8_t type = DAXFS_DIRENT_FREE;

    std::string_view text() const { return {name, length}; }
};

// Bytes that are kept until all goes. What is kept does not move.
class TextStore {
  public:
    const char* keep(std::string_view text);

  private:
    static constexpr std::size_t kChunkBytes = 64 << 10;
    std::vector<std::unique_ptr<char[]>> chunks_;
    std::size_t chunk_bytes_ = 0;  // of the last chunk
    std::size_t left_ = 0;         // bytes of it that are not used
};

class NewInodes {
  public:
    // Blocks of inodes, of which all inodes are still free.
    struct Run {
        BlockRun blocks;
        std::uint64_t first = 0;  // index of its first inode
        std::uint64_t used = 0;   // inodes that add() gave out
    };

    void add_run(BlockRun blocks);
    // Inodes that add() can still give out before the next run.
    std::uint64_t left() const { return left_; }
    // At least one is left. It does not move.
    NewInode& add();
    NewInode* find(InodeNo ino);
    const std::map<InodeNo, Run>& runs() const { return runs_; }
    // nullptr: not given out.
    NewInode* in_run(const Run& run, std::uint64_t index);

    void add_extent(NewInode& inode, const daxfs_extent& extent);
    daxfs_extent* last_extent(const NewInode& inode);
    std::vector<daxfs_extent> extents(const NewInode& inode) const;

    std::vector<NewEntry>& entries(const NewInode& directory) { return directories_[directory.first]; }
    void add_entry(const NewInode& directory, std::string_view name, InodeNo ino, std::uint8_t type);
    // Of a directory that was just added.
    void start_entries(NewInode& directory);

    void set_target(NewInode& symlink, std::string_view target);
    std::string_view target(const NewInode& symlink) const { return targets_[symlink.first]; }

  private:
    std::map<InodeNo, Run> runs_;
    Run* current_ = nullptr;
    std::uint64_t left_ = 0;
    std::deque<NewInode> inodes_;
    // A file's lie one behind the other.
    std::deque<daxfs_extent> extents_;
    std::deque<std::vector<NewEntry>> directories_;
    std::deque<std::string_view> targets_;
    TextStore texts_;
};

}  // namespace daxfs

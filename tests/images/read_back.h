// SPDX-License-Identifier: GPL-2.0-or-later
// What a filesystem holds, by its paths, as the library's cursors read it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/check/check.h"
#include "lib/tree/directory.h"
#include "lib/tree/extent.h"
#include "lib/tree/inode.h"
#include "tests/images/rich_image.h"

namespace daxfs::test {

class ReadBack {
  public:
    explicit ReadBack(const Image& image) : volume_(must(open_volume(image))) {
        walk(InodeNo{volume_.super.root_ino}, "");
    }

    // Paths without a slash in front; all but the root and lost+found.
    std::vector<std::string> paths() const {
        std::vector<std::string> paths;
        for (const auto& [path, ino] : inodes_)
            if (!path.empty() && path != "lost+found")
                paths.push_back(path);
        return paths;
    }
    bool has(const std::string& path) const { return inodes_.contains(path); }
    InodeNo ino(const std::string& path) const { return inodes_.at(path); }
    const daxfs_inode& inode(const std::string& path) const { return *read_inode(volume_, ino(path)).raw; }
    std::int64_t mtime(const std::string& path) const {
        return static_cast<std::int64_t>(std::uint64_t{inode(path).mtime_sec});
    }

    std::vector<Extent> extents(const std::string& path) const {
        std::vector<Extent> found;
        ExtentCursor cursor(volume_, inode(path));
        while (const auto extent = cursor.next())
            found.push_back(*extent);
        return found;
    }
    // Of a regular file or a symbolic link.
    std::string content(const std::string& path) const {
        const daxfs_inode& raw = inode(path);
        std::string bytes(raw.size, '\0');
        if (raw.format == DAXFS_FORMAT_INLINE)
            std::memcpy(bytes.data(), raw.fork.data, bytes.size());
        for (const Extent& extent : extents(path)) {
            for (std::uint64_t i = 0; i < extent.length; ++i) {
                const std::uint64_t at = (extent.file_block + i).value * DAXFS_BLOCK_SIZE;
                std::memcpy(bytes.data() + at, volume_.image->try_block(extent.disk_block + i),
                            std::min<std::uint64_t>(DAXFS_BLOCK_SIZE, bytes.size() - at));
            }
        }
        return bytes;
    }
    // Whether each extent lies at the same place of its huge pages as in the file's.
    bool congruent(const std::string& path) const {
        const auto all = extents(path);
        return std::all_of(all.begin(), all.end(), [&](const Extent& extent) {
            const BlockNo start = volume_.geometry.ag_start(volume_.geometry.ag_of(extent.disk_block));
            return (extent.disk_block - start) % DAXFS_HUGE_BLOCKS == extent.file_block.value % DAXFS_HUGE_BLOCKS;
        });
    }

    const Volume& volume() const { return volume_; }

  private:
    void walk(InodeNo ino, const std::string& path) {
        inodes_[path] = ino;
        const daxfs_inode& raw = *read_inode(volume_, ino).raw;
        if (!is_directory(raw))
            return;
        DirectoryCursor cursor(volume_, raw);
        while (const auto entry = cursor.next())
            walk(entry->ino, path.empty() ? entry->name : path + '/' + entry->name);
    }

    Volume volume_;
    std::map<std::string, InodeNo> inodes_;
};

// What a check finds, as text; empty: nothing.
inline std::string problems_of(Image& image) {
    const auto result = check_image(image, {});
    if (!result)
        return result.error().message;
    return result->clean() ? "" : fmt::format("{} problems", result->report.total());
}

}  // namespace daxfs::test

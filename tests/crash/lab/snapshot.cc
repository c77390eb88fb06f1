// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/lab/snapshot.h"

#include <algorithm>
#include <cstring>

#include "lib/tree/directory.h"
#include "lib/tree/extent.h"
#include "lib/tree/inode.h"
#include "tests/crash/lab/poison.h"

namespace daxfs::crash {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxFiles = 100'000;

class Walk {
  public:
    Walk(const Volume& volume, std::vector<FileSnapshot>& files) : volume_(volume), files_(files) {}

    Result<void> visit(InodeNo ino, const std::string& path, std::size_t depth) {
        const InodeReading reading = read_inode(volume_, ino);
        if (reading.raw == nullptr || reading.damage || is_free(*reading.raw))
            return fail("{}: inode {} cannot be read", path.empty() ? "/" : path, ino);
        if (depth > kMaxDepth || files_.size() > kMaxFiles)
            return fail("{}: the tree does not end", path);
        const daxfs_inode& inode = *reading.raw;
        FileSnapshot file{.attributes = attributes_of(inode, path), .ino = ino.value};
        if (is_regular(inode))
            DAXFS_TRY(read_data(inode, path, file));
        if (is_symlink(inode))
            DAXFS_TRY(read_target(inode, path, file));
        files_.push_back(std::move(file));
        return is_directory(inode) ? visit_entries(inode, path, depth) : Result<void>{};
    }

  private:
    static Attributes attributes_of(const daxfs_inode& inode, const std::string& path) {
        return {.path = path,
                .mode = inode.mode,
                .nlink = inode.nlink,
                .uid = inode.uid,
                .gid = inode.gid,
                .major = inode.rdev_major,
                .minor = inode.rdev_minor,
                .size = inode.size,
                .blocks = inode.blocks,
                .target = {}};
    }

    Result<void> visit_entries(const daxfs_inode& inode, const std::string& path, std::size_t depth) {
        DirectoryCursor cursor(volume_, inode);
        while (const auto entry = cursor.next())
            DAXFS_TRY(visit(entry->ino, path + "/" + entry->name, depth + 1));
        if (cursor.damage_count() != 0)
            return fail("{}: a damaged directory", path);
        return {};
    }

    Result<void> read_data(const daxfs_inode& inode, const std::string& path, FileSnapshot& file) {
        ExtentCursor cursor(volume_, inode);
        const std::uint64_t size = inode.size;
        while (const auto extent = cursor.next()) {
            if (extent->unwritten)
                continue;
            for (std::uint64_t i = 0; i < extent->length; ++i) {
                const std::uint64_t block = extent->file_block.value + i;
                if (block > size / DAXFS_BLOCK_SIZE)
                    break;
                const std::byte* bytes = volume_.image->try_block(extent->disk_block + i);
                if (bytes == nullptr)
                    return fail("{}: block {} cannot be read", path, block);
                const std::uint64_t count = std::min<std::uint64_t>(DAXFS_BLOCK_SIZE, size - block * DAXFS_BLOCK_SIZE);
                std::string data(reinterpret_cast<const char*>(bytes), count);
                data.resize(DAXFS_BLOCK_SIZE, '\0');
                if (data.find_first_not_of('\0') != std::string::npos)
                    file.data.emplace(block, std::move(data));
            }
        }
        if (cursor.damage_count() != 0)
            return fail("{}: damaged extents", path);
        return {};
    }

    Result<void> read_target(const daxfs_inode& inode, const std::string& path, FileSnapshot& file) {
        if (inode.format == DAXFS_FORMAT_INLINE) {
            file.attributes.target.assign(reinterpret_cast<const char*>(inode.fork.data),
                                          std::min<std::uint64_t>(inode.size, DAXFS_FORK_SIZE));
            return {};
        }
        const auto extent = find_extent(volume_, inode, FileBlock{0});
        const std::byte* bytes = extent ? volume_.image->try_block(extent->disk_block) : nullptr;
        if (bytes == nullptr)
            return fail("{}: the target cannot be read", path);
        file.attributes.target.assign(reinterpret_cast<const char*>(bytes),
                                      std::min<std::uint64_t>(inode.size, DAXFS_BLOCK_SIZE));
        return {};
    }

    const Volume& volume_;
    std::vector<FileSnapshot>& files_;
};

}  // namespace

Result<Snapshot> Snapshot::take(const Volume& volume) {
    Snapshot snapshot;
    DAXFS_TRY(Walk(volume, snapshot.files_).visit(InodeNo{volume.super.root_ino}, "", 0));
    std::sort(snapshot.files_.begin(), snapshot.files_.end(),
              [](const FileSnapshot& a, const FileSnapshot& b) { return a.attributes.path < b.attributes.path; });
    for (std::size_t i = 0; i < snapshot.files_.size(); ++i)
        snapshot.by_ino_.emplace(snapshot.files_[i].ino, i);
    return snapshot;
}

const FileSnapshot* Snapshot::find(std::uint64_t ino) const {
    const auto found = by_ino_.find(ino);
    return found == by_ino_.end() ? nullptr : &files_[found->second];
}

std::string Snapshot::poisoned() const {
    static const std::string run(kPoisonRun, kPoison);
    for (const FileSnapshot& file : files_) {
        if (file.attributes.target.find(run) != std::string::npos)
            return file.attributes.path;
        for (const auto& [block, bytes] : file.data)
            if (bytes.find(run) != std::string::npos)
                return file.attributes.path;
    }
    return {};
}

bool Snapshot::same_tree(const Snapshot& other) const {
    return std::equal(files_.begin(), files_.end(), other.files_.begin(), other.files_.end(),
                      [](const FileSnapshot& a, const FileSnapshot& b) {
                          Attributes attributes = b.attributes;
                          attributes.blocks = a.attributes.blocks;
                          return a.attributes == attributes && a.ino == b.ino && a.data == b.data;
                      });
}

std::uint64_t Snapshot::listing_hash() const {
    ListingHash hash;
    for (const FileSnapshot& file : files_) {
        DataHash data;
        for (const auto& [block, bytes] : file.data)
            data.add(block, bytes.data());
        hash.add(file.attributes, data.value());
    }
    return hash.value();
}

}  // namespace daxfs::crash

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/path.h"

#include "lib/tree/directory.h"
#include "lib/tree/inode.h"

namespace daxfs {
namespace {

constexpr int kMaxDepth = 128;

std::optional<std::string> name_in(const Volume& volume, const daxfs_inode& directory, InodeNo ino,
                                   std::uint64_t& budget) {
    DirectoryCursor cursor(volume, directory);
    while (budget > 0) {
        --budget;
        auto entry = cursor.next();
        if (!entry)
            return std::nullopt;
        if (entry->ino == ino)
            return std::move(entry->name);
    }
    return std::nullopt;
}

}  // namespace

std::string cheap_path(const Volume& volume, InodeNo ino, std::uint64_t& budget) {
    std::string path;
    for (int depth = 0; depth < kMaxDepth; ++depth) {
        if (ino.value == volume.super.root_ino)
            return path.empty() ? "/" : path;
        const InodeReading inode = read_inode(volume, ino);
        // Even a damaged inode's hint is worth a look: it is believed only if the directory has the name.
        if (inode.raw == nullptr)
            return {};
        const InodeNo parent{inode.raw->parent};
        const InodeReading directory = read_inode(volume, parent);
        if (directory.damage || !is_directory(*directory.raw))
            return {};
        const auto name = name_in(volume, *directory.raw, ino, budget);
        if (!name)
            return {};
        path = "/" + *name + path;
        ino = parent;
    }
    return {};
}

}  // namespace daxfs

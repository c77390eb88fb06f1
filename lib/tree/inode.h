// SPDX-License-Identifier: GPL-2.0-or-later
// Inodes, believed after bounds, inode-map bit, magic, checksum and self number; and whether their fields make sense.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>

#include "lib/tree/damage.h"
#include "lib/tree/volume.h"

namespace daxfs {

struct InodeReading {
    const daxfs_inode* raw = nullptr;  // nullptr: no inode can lie there, or unreadable
    std::optional<Damage> damage;      // kRange: the inode map does not have it
};

InodeReading read_inode(const Volume& volume, InodeNo ino);
// The same for a place that the caller found in the inode map.
InodeReading read_mapped_inode(const Volume& volume, InodeNo ino);

inline bool is_free(const daxfs_inode& inode) {
    return inode.mode == 0;
}
inline bool is_directory(const daxfs_inode& inode) {
    return S_ISDIR(inode.mode);
}
inline bool is_regular(const daxfs_inode& inode) {
    return S_ISREG(inode.mode);
}
inline bool is_symlink(const daxfs_inode& inode) {
    return S_ISLNK(inode.mode);
}
// DAXFS_DIRENT_*; DAXFS_DIRENT_FREE for a mode that is none.
std::uint8_t dirent_type_of(std::uint16_t mode);

// First field of a used or free inode that has an impossible value or combination. The fork's contents are for the
// extent and directory cursors.
std::optional<Damage> check_inode_fields(const Volume& volume, const daxfs_inode& inode, InodeNo ino);

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Fields that cannot be are brought to the nearest value that can; an inode that does not check out is believed where
// what is left of it makes sense (then it is distrusted), and else freed. What it leads to is for the mends behind.
//
// Trusts the inode map, and that no single bit explains the damage.
#include <algorithm>
#include <cstring>

#include "lib/check/mending.h"
#include "lib/format/inode_schema.h"
#include "lib/tree/extent.h"
#include "lib/tree/inode.h"

namespace daxfs {
namespace {

// What the kernel can make a device number of.
const std::uint64_t kMaxMajor = kSchema<daxfs_inode>.find("rdev_major")->max;
const std::uint64_t kMaxMinor = kSchema<daxfs_inode>.find("rdev_minor")->max;

bool is_tree_format(std::uint8_t format) {
    return format == DAXFS_FORMAT_EXTENT_TREE || format == DAXFS_FORMAT_DIRECTORY;
}

// A mode without a type gets the one that its format goes with.
void mend_type(daxfs_inode& inode) {
    if (dirent_type_of(inode.mode) != DAXFS_DIRENT_FREE)
        return;
    const auto permissions = static_cast<std::uint16_t>(inode.mode & 07777);
    if (inode.format == DAXFS_FORMAT_DIRECTORY)
        inode.mode = static_cast<std::uint16_t>(S_IFDIR | permissions);
    else if (inode.format == DAXFS_FORMAT_EXTENTS || inode.format == DAXFS_FORMAT_EXTENT_TREE)
        inode.mode = static_cast<std::uint16_t>(S_IFREG | permissions);
}

void mend_format(daxfs_inode& inode) {
    const std::uint8_t was = inode.format;
    const bool extents = was == DAXFS_FORMAT_EXTENTS || was == DAXFS_FORMAT_EXTENT_TREE;
    if (is_directory(inode)) {
        inode.format = DAXFS_FORMAT_DIRECTORY;
    } else if (is_regular(inode) || is_symlink(inode)) {
        const bool in_line = is_symlink(inode) && (was == DAXFS_FORMAT_INLINE || inode.size <= DAXFS_FORK_SIZE);
        if (!extents)
            inode.format = in_line                  ? DAXFS_FORMAT_INLINE
                           : inode.tree_height != 0 ? DAXFS_FORMAT_EXTENT_TREE
                                                    : DAXFS_FORMAT_EXTENTS;
    } else {
        inode.format = DAXFS_FORMAT_NONE;
        inode.fork = {};
    }
    if (!is_tree_format(inode.format))
        inode.tree_height = 0;
}

// An impossible root of a tree becomes one of no entries: what hangs below it is looked for.
void mend_fork(Mending& m, daxfs_inode& inode, InodeNo ino) {
    const std::uint32_t limit = inode.format == DAXFS_FORMAT_EXTENTS ? DAXFS_FORK_EXTENTS : 0;
    if (!is_tree_format(inode.format)) {
        inode.fork_count = static_cast<std::uint16_t>(std::min<std::uint32_t>(inode.fork_count, limit));
        return;
    }
    const bool empty = is_directory(inode) && inode.fork_count == 0 && inode.tree_height == 0;
    const bool height = inode.tree_height >= 1 && inode.tree_height <= DAXFS_MAX_TREE_HEIGHT;
    const bool count = inode.fork_count >= 1 && inode.fork_count <= DAXFS_FORK_INDEX;
    if (empty || (height && count))
        return;
    inode.format = is_directory(inode) ? DAXFS_FORMAT_DIRECTORY : DAXFS_FORMAT_EXTENTS;
    inode.fork_count = 0;
    inode.tree_height = 0;
    inode.fork = {};
    m.memory.rebuild.insert(ino);
}

void mend_size(const Mending& m, daxfs_inode& inode) {
    if (is_directory(inode)) {
        const bool possible = inode.size / DAXFS_BLOCK_SIZE <= m.volume.geometry.block_count;
        inode.size = possible ? inode.size - inode.size % DAXFS_BLOCK_SIZE : 0;
    } else if (is_symlink(inode)) {
        const std::uint64_t most = inode.format == DAXFS_FORMAT_INLINE ? DAXFS_FORK_SIZE : DAXFS_SYMLINK_MAX;
        inode.size = std::min<std::uint64_t>(inode.size, most);
        // An unlinked one is freed by recovery, which asks for a size.
        if (inode.nlink == 0 && inode.size == 0)
            inode.size = 1;
    } else if (!is_regular(inode)) {
        inode.size = 0;
    } else if (inode.size > INT64_MAX) {
        std::uint64_t end = 0;
        for (std::uint32_t i = 0; i < inode.fork_count && inode.format == DAXFS_FORMAT_EXTENTS; ++i)
            end = std::max(end, std::min<std::uint64_t>(inode.fork.extents[i].file_block, DAXFS_MAX_FILE_BLOCK) +
                                    inode.fork.extents[i].length);
        inode.size = std::min<std::uint64_t>(end, DAXFS_MAX_FILE_BLOCK) * DAXFS_BLOCK_SIZE;
    }
}

void end_operation(daxfs_inode& inode) {
    inode.operation = DAXFS_OPERATION_NONE;
    inode.operation_arg[0] = 0;
    inode.operation_arg[1] = 0;
}

void mend_rest(daxfs_inode& inode) {
    inode.flags = inode.flags & DAXFS_INODE_FLAGS_KNOWN;
    inode.nlink = std::min<std::uint32_t>(inode.nlink, DAXFS_LINK_MAX);
    for (daxfs_le32* nsec : {&inode.atime_nsec, &inode.mtime_nsec, &inode.ctime_nsec, &inode.btime_nsec})
        *nsec = std::min<std::uint32_t>(*nsec, 999'999'999);
    inode.xattr_block = 0;
    inode.reserved0 = 0;
    std::ranges::fill(inode.xattr_tail, daxfs_u8{0});
    if (inode.operation == DAXFS_OPERATION_NONE)
        end_operation(inode);
}

// A device of another number would be another device.
void mend_device(Mending& m, daxfs_inode& inode, InodeNo ino) {
    if (inode.rdev_major <= kMaxMajor && inode.rdev_minor <= kMaxMinor)
        return;
    inode.rdev_major = 0;
    inode.rdev_minor = 0;
    if (S_ISBLK(inode.mode) || S_ISCHR(inode.mode))
        m.lose(ino, "the number of the device");
}

// False: nothing can be made of it.
bool mend_fields(Mending& m, daxfs_inode& inode, InodeNo ino) {
    if (is_free(inode)) {
        const std::uint32_t generation = inode.generation;
        inode = daxfs_inode{};
        inode.generation = generation;
        return true;
    }
    mend_type(inode);
    if (dirent_type_of(inode.mode) == DAXFS_DIRENT_FREE)
        return false;
    mend_format(inode);
    mend_fork(m, inode, ino);
    mend_size(m, inode);
    mend_rest(inode);
    mend_device(m, inode, ino);
    if (check_inode_fields(m.volume, inode, ino))
        end_operation(inode);
    return !check_inode_fields(m.volume, inode, ino);
}

void mend_field(Mending& m, InodeNo ino) {
    const InodeReading reading = read_mapped_inode(m.volume, ino);
    if (reading.damage)
        return;
    daxfs_inode inode = *reading.raw;
    if (mend_fields(m, inode, ino)) {
        m.store_inode(ino, inode);
    } else {
        m.lose(ino, "the inode: no field says what it was");
        m.free_inode(ino, inode.generation);
    }
}

// Of an inode without a right checksum enough must be left to know that it is one, and in use.
void mend_damaged(Mending& m, InodeNo ino) {
    const auto* raw = m.volume.image->at<daxfs_inode>(m.volume.block_of(ino), m.volume.offset_of(ino));
    daxfs_inode inode = raw == nullptr ? daxfs_inode{} : *raw;
    const bool known = inode.magic == DAXFS_INODE_MAGIC || inode.ino == ino.value;
    if (known && !is_free(inode) && mend_fields(m, inode, ino)) {
        m.memory.distrusted.insert(ino);
        m.store_inode(ino, inode);
        return;
    }
    m.lose(ino, "the inode");
    m.free_inode(ino, inode.generation);
}

// The target ends at its NUL.
void cut_target(Mending& m, InodeNo ino) {
    const InodeReading reading = read_mapped_inode(m.volume, ino);
    if (reading.damage)
        return;
    daxfs_inode inode = *reading.raw;
    const bool in_line = inode.format == DAXFS_FORMAT_INLINE;
    const auto first = in_line ? std::nullopt : find_extent(m.volume, inode, FileBlock{0});
    // A lookup does not find it: the extents come first.
    if (!in_line && !first)
        return;
    const auto* text = first ? reinterpret_cast<const char*>(m.volume.image->try_block(first->disk_block))
                             : reinterpret_cast<const char*>(inode.fork.data);
    const std::size_t length =
        text == nullptr ? 0 : strnlen(text, std::min<std::uint64_t>(inode.size, DAXFS_SYMLINK_MAX));
    if (length == 0) {
        m.lose(ino, "the symlink, whose target is gone");
        m.free_inode(ino, inode.generation);
        return;
    }
    m.lose(ino, "what was behind a NUL in the target of the symlink");
    inode.size = length;
    m.store_inode(ino, inode);
}

}  // namespace

Result<void> mend_inodes(Mending& m) {
    if (!m.may_lose())
        return {};
    for (const Finding& finding : m.work(Problem::kInodeDamaged))
        mend_damaged(m, finding.ino);
    for (const Finding& finding : m.work(Problem::kInodeField))
        mend_field(m, finding.ino);
    for (const Finding& finding : m.work(Problem::kSymlinkNul))
        cut_target(m, finding.ino);
    return {};
}

}  // namespace daxfs

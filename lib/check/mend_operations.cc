// SPDX-License-Identifier: GPL-2.0-or-later
// What a power cut interrupted is finished, as the kernel's mount would: unlinked inodes are freed with all that they
// own, truncations and collapses go on to their end (an insert is announced as the collapse that undoes it).
//
// Trusts the structure: the inode checks out, and its blocks are its own.
#include <algorithm>

#include "lib/check/file_extents.h"
#include "lib/tree/extent.h"
#include "lib/tree/inode.h"

namespace daxfs {
namespace {

// Blocks of a file that go; those behind them move down to their place.
struct Cut {
    std::uint64_t first = 0;
    std::uint64_t end = DAXFS_MAX_FILE_BLOCK + 1;
};

Cut cut_of(const daxfs_inode& inode) {
    const std::uint64_t first = inode.operation_arg[0];
    if (inode.operation == DAXFS_OPERATION_COLLAPSE)
        return {first, first + inode.operation_arg[1]};
    return {.first = first};
}

// The part of `extent` in [from, to), with file blocks counted from `from` on as from `at`; joined with the last one of
// `extents` where it continues it, as the kernel does.
void append_part(std::vector<daxfs_extent>& extents, const Extent& extent, std::uint64_t from, std::uint64_t to,
                 std::uint64_t at) {
    const std::uint64_t first = std::max(from, extent.file_block.value);
    const std::uint64_t end = std::min(to, extent.end().value);
    if (first >= end)
        return;
    daxfs_extent raw{};
    raw.file_block = first - from + at;
    raw.disk_block = (extent.disk_block + (first - extent.file_block.value)).value;
    raw.length = static_cast<std::uint32_t>(end - first);
    raw.state = extent.unwritten ? DAXFS_EXTENT_UNWRITTEN : DAXFS_EXTENT_WRITTEN;
    if (!extents.empty()) {
        daxfs_extent& last = extents.back();
        const std::uint64_t length = std::uint64_t{last.length} + raw.length;
        if (last.file_block + last.length == raw.file_block && last.disk_block + last.length == raw.disk_block &&
            last.state == raw.state && length <= UINT32_MAX) {
            last.length = static_cast<std::uint32_t>(length);
            return;
        }
    }
    extents.push_back(raw);
}

// What the inode owns is nobody's; where `cut` says so, only that.
void release(Mending& m, const daxfs_inode& inode, const Cut& cut, std::vector<daxfs_extent>& kept) {
    TreeCursor tree(m.volume, is_directory(inode) ? TreeKind::kDirectory : TreeKind::kExtents, inode);
    while (const auto node = tree.next()) {
        if (!node->damage)
            m.checker.claims.release(node->block, 1);
    }
    ExtentCursor extents(m.volume, inode);
    while (const auto extent = extents.next()) {
        append_part(kept, *extent, 0, cut.first, 0);
        append_part(kept, *extent, cut.end, DAXFS_MAX_FILE_BLOCK + 1, cut.first);
        std::vector<daxfs_extent> gone;
        append_part(gone, *extent, cut.first, cut.end, 0);
        for (const daxfs_extent& run : gone)
            m.checker.claims.release(BlockNo{run.disk_block}, run.length);
    }
}

Result<void> finish(Mending& m, InodeNo ino) {
    const daxfs_inode inode = *read_mapped_inode(m.volume, ino).raw;
    std::vector<daxfs_extent> kept;
    release(m, inode, cut_of(inode), kept);
    daxfs_inode changed = inode;
    changed.operation = DAXFS_OPERATION_NONE;
    changed.operation_arg[0] = 0;
    changed.operation_arg[1] = 0;
    return rebuild_file(m, ino, changed, std::move(kept));
}

}  // namespace

Result<void> mend_operations(Mending& m) {
    if (!m.is_structure_sound())
        return {};
    for (const InodeNo ino : m.checker.operations)
        DAXFS_TRY(finish(m, ino));
    for (const InodeNo ino : m.checker.orphans) {
        const daxfs_inode inode = *read_mapped_inode(m.volume, ino).raw;
        std::vector<daxfs_extent> none;
        release(m, inode, {.first = 0}, none);
        m.free_inode(ino, inode.generation);
        ++m.checker.ags[m.volume.geometry.ag_of(m.volume.block_of(ino)).value].free_inodes;
    }
    m.checker.orphans.clear();
    m.checker.operations.clear();
    m.checker.recovery_groups.clear();
    return {};
}

}  // namespace daxfs

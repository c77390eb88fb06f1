// SPDX-License-Identifier: GPL-2.0-or-later
// A file whose extents or tree are damaged gets a new tree of those that can be found; what cannot is a hole, and is
// told.
//
// Trusts the inodes.
#include <algorithm>
#include <set>

#include "lib/check/file_extents.h"
#include "lib/tree/inode.h"

namespace daxfs {
namespace {

constexpr Problem kOfExtents[] = {
    Problem::kExtentNodeDamaged, Problem::kExtentInvalid, Problem::kExtentOverlap,  Problem::kExtentUnwrittenNotFile,
    Problem::kExtentOutsideLeaf, Problem::kSymlinkBlocks, Problem::kTreeRootDamaged};

// A target in a block lies in the first. What is there is it, also where it ends early and is to be cut; elsewhere it
// is text of the size that the inode says.
bool mend_target(Mending& m, const daxfs_inode& inode, std::vector<daxfs_extent>& extents) {
    for (daxfs_extent extent : extents) {
        const auto* text = reinterpret_cast<const char*>(m.volume.image->try_block(BlockNo{extent.disk_block}));
        const bool first = extent.file_block == 0 && extent.state == DAXFS_EXTENT_WRITTEN;
        const std::uint64_t least = first ? 1 : std::uint64_t{inode.size};
        if (text == nullptr || std::string_view(text, least).find('\0') != std::string_view::npos)
            continue;
        extent.file_block = 0;
        extent.length = 1;
        extent.state = DAXFS_EXTENT_WRITTEN;
        extents = {extent};
        return true;
    }
    return false;
}

Result<void> mend_file(Mending& m, InodeNo ino, LostLeaves& lost) {
    const InodeReading reading = read_mapped_inode(m.volume, ino);
    if (reading.damage || (!is_regular(*reading.raw) && !is_symlink(*reading.raw)))
        return {};
    const daxfs_inode inode = *reading.raw;
    FileExtents found = FileExtents::collect(m, inode, ino, &lost);
    if (is_symlink(inode) && !mend_target(m, inode, found.extents())) {
        m.lose(ino, "the target of the symlink");
        m.free_inode(ino, inode.generation);
        return {};
    }
    if (found.too_many() > 0)
        m.lose(ino, fmt::format("{} of its extents: it had more blocks than the device", found.too_many()));
    for (const FileExtents::Gap& gap : found.gaps()) {
        const std::uint64_t last =
            std::max(gap.first, std::min(gap.end, div_round_up<std::uint64_t>(inode.size, DAXFS_BLOCK_SIZE)));
        m.lose(ino, fmt::format("what was at bytes {} to {}", gap.first * DAXFS_BLOCK_SIZE, last * DAXFS_BLOCK_SIZE));
    }
    return rebuild_file(m, ino, inode, std::move(found.extents()));
}

}  // namespace

Result<void> mend_extents(Mending& m) {
    if (!m.may_lose())
        return {};
    std::set<InodeNo> files;
    for (const Problem problem : kOfExtents) {
        for (const Finding& finding : m.work(problem))
            files.insert(finding.ino);
    }
    for (const InodeNo ino : m.memory.rebuild)
        files.insert(ino);
    LostLeaves lost(m.checker);
    for (const InodeNo ino : files)
        DAXFS_TRY(mend_file(m, ino, lost));
    std::erase_if(m.memory.rebuild, [&](InodeNo ino) { return !m.checker.inodes.find_directory(ino); });
    return {};
}

}  // namespace daxfs

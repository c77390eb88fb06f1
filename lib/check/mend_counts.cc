// SPDX-License-Identifier: GPL-2.0-or-later
// What follows from what is there: blocks, sizes of directories, link counts, the parent that a directory says it has.
//
// Trusts trees and names. Loses nothing.
#include <algorithm>

#include "lib/check/mending.h"
#include "lib/tree/inode.h"

namespace daxfs {
namespace {

template <typename Change>
void change_inodes(Mending& m, Problem problem, const Change& change) {
    for (const Finding& finding : m.work(problem)) {
        const InodeReading reading = read_mapped_inode(m.volume, finding.ino);
        if (reading.damage)
            continue;
        daxfs_inode inode = *reading.raw;
        change(inode, finding.expected);
        m.store_inode(finding.ino, inode);
    }
}

void mend_node(Mending& m, InodeNo ino, BlockNo block) {
    const InodeReading reading = read_mapped_inode(m.volume, ino);
    auto* header = m.edit<daxfs_node_header>(block);
    if (reading.damage || header == nullptr)
        return;
    header->owner_generation = std::uint32_t{reading.raw->generation};
    std::ranges::fill(header->reserved, daxfs_u8{0});
    header->crc = node_checksum(m.volume.seed, BlockBytes{reinterpret_cast<std::byte*>(header), DAXFS_BLOCK_SIZE});
}

// In a leaf, or in the inode itself.
void mend_extent(Mending& m, const Finding& finding) {
    auto* extent = m.edit<daxfs_extent>(finding.block, finding.offset);
    if (extent == nullptr)
        return;
    std::ranges::fill(extent->reserved, daxfs_u8{0});
    const InodeReading reading = read_mapped_inode(m.volume, finding.ino);
    if (finding.block == m.volume.block_of(finding.ino))
        m.store_inode(finding.ino, *reading.raw);
    else
        mend_node(m, finding.ino, finding.block);
}

}  // namespace

Result<void> mend_counts(Mending& m) {
    for (const Finding& finding : m.work(Problem::kNodeField))
        mend_node(m, finding.ino, finding.block);
    for (const Finding& finding : m.work(Problem::kExtentReserved))
        mend_extent(m, finding);
    change_inodes(m, Problem::kBlocksWrong, [](daxfs_inode& inode, std::uint64_t right) { inode.blocks = right; });
    change_inodes(m, Problem::kDirectorySize, [](daxfs_inode& inode, std::uint64_t right) { inode.size = right; });
    change_inodes(m, Problem::kDirectoryParent, [](daxfs_inode& inode, std::uint64_t right) { inode.parent = right; });
    // While names are missing, a count that looks too low may not be.
    if (!m.checker.names_incomplete)
        change_inodes(m, Problem::kLinkCount,
                      [](daxfs_inode& inode, std::uint64_t right) { inode.nlink = static_cast<std::uint32_t>(right); });
    return {};
}

}  // namespace daxfs

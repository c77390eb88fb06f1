// SPDX-License-Identifier: GPL-2.0-or-later
// Every file's extents lie inside the device, in order, apart from each other, in a state that the inode allows, and
// the inode counts what they add up to. Claims data and tree blocks. Directories are pass 3's.
//
// Trusts pass 1: each inode looked at here checks out and has a file type.
#include <algorithm>
#include <span>
#include <utility>

#include "lib/base/zeros.h"
#include "lib/check/checker.h"
#include "lib/tree/extent.h"

namespace daxfs {
namespace {

class FileCheck {
  public:
    FileCheck(Checker& checker, const daxfs_inode& inode, InodeNo ino) : checker_(checker), inode_(inode), ino_(ino) {}

    void run() {
        if (inode_.format == DAXFS_FORMAT_EXTENTS)
            check_inline();
        else if (inode_.format == DAXFS_FORMAT_EXTENT_TREE)
            check_tree();
        if (complete_ && owned_ != inode_.blocks)
            checker_.report.add(
                {.problem = Problem::kBlocksWrong, .ino = ino_, .found = inode_.blocks, .expected = owned_});
        if (complete_ && is_symlink(inode_) && inode_.format != DAXFS_FORMAT_INLINE && inode_.nlink != 0 &&
            !first_block_written_)
            checker_.report.add({.problem = Problem::kSymlinkBlocks, .ino = ino_});
        if (is_symlink(inode_) && inode_.nlink != 0)
            check_target();
    }

  private:
    void check_target() {
        const bool in_line = inode_.format == DAXFS_FORMAT_INLINE;
        const auto* bytes = in_line                ? reinterpret_cast<const std::byte*>(inode_.fork.data)
                            : first_block_written_ ? checker_.volume.image->try_block(target_)
                                                   : nullptr;
        const std::uint64_t most = in_line ? DAXFS_FORK_SIZE : DAXFS_BLOCK_SIZE;
        const std::uint64_t size = std::min<std::uint64_t>(inode_.size, most);
        if (bytes != nullptr && std::find(bytes, bytes + size, std::byte{0}) != bytes + size)
            checker_.report.add({.problem = Problem::kSymlinkNul, .ino = ino_});
    }

    void check_inline() {
        const std::size_t count = std::min<std::size_t>(inode_.fork_count, DAXFS_FORK_EXTENTS);
        const std::uint32_t offset = checker_.volume.offset_of(ino_) + offsetof(daxfs_inode, fork);
        check_run({inode_.fork.extents, count}, checker_.volume.block_of(ino_), offset, 0, UINT64_MAX);
    }

    void check_tree() {
        TreeCursor tree(checker_.volume, TreeKind::kExtents, inode_);
        if (tree.fork_damage()) {
            checker_.report.add(finding_of(Problem::kTreeRootDamaged, *tree.fork_damage()));
            lose();
        }
        while (const auto node = tree.next()) {
            if (node->damage) {
                checker_.report.add(finding_of(Problem::kExtentNodeDamaged, *node->damage));
                lose();
                continue;
            }
            checker_.claims.claim(node->block, 1, ino_);
            checker_.note_torn(node->block);
            check_node_rest(checker_, inode_, *node->header);
            ++owned_;
            if (node->level == 0)
                check_run(leaf_extents(*node), node->block, sizeof(daxfs_node_header), node->low_key, node->high_key);
        }
    }

    void check_run(std::span<const daxfs_extent> extents, BlockNo block, std::uint32_t offset, std::uint64_t low,
                   std::uint64_t high) {
        for (const daxfs_extent& extent : extents) {
            check_one(extent, block, offset, low, high);
            offset += sizeof(daxfs_extent);
        }
    }

    void check_one(const daxfs_extent& extent, BlockNo block, std::uint32_t offset, std::uint64_t low,
                   std::uint64_t high) {
        if (const auto damage = check_extent(checker_.volume, extent, ino_, block, offset)) {
            Finding finding = finding_of(Problem::kExtentInvalid, *damage);
            finding.at = extent.file_block;
            checker_.report.add(std::move(finding));
            lose();
            return;
        }
        mapped_ += extent.length;
        if (mapped_ > checker_.volume.geometry.block_count) {
            reject(extent, block, offset);
            return;
        }
        const std::uint64_t start = extent.file_block;
        const std::uint64_t end = start + extent.length;
        const auto report = [&](Problem problem) {
            checker_.report.add({.problem = problem, .ino = ino_, .block = block, .offset = offset, .at = start});
        };
        if (start < end_)
            report(Problem::kExtentOverlap);
        else if (start < low || end > high)
            report(Problem::kExtentOutsideLeaf);
        if (extent.state == DAXFS_EXTENT_UNWRITTEN && !is_regular(inode_))
            report(Problem::kExtentUnwrittenNotFile);
        if (!is_zero(extent.reserved))
            report(Problem::kExtentReserved);
        if (start == 0 && extent.state == DAXFS_EXTENT_WRITTEN) {
            first_block_written_ = true;
            target_ = BlockNo{extent.disk_block};
        }
        end_ = std::max(end_, end);
        owned_ += extent.length;
        checker_.claims.claim(BlockNo{extent.disk_block}, extent.length, ino_);
        if (extent.state == DAXFS_EXTENT_WRITTEN)
            find_unreadable(extent);
    }

    // What the driver lists: nothing of a file's data is read here. What is staged has been replaced.
    void find_unreadable(const daxfs_extent& extent) {
        if (checker_.volume.image->bad_blocks().empty())
            return;
        const ByteOffset start{extent.disk_block * DAXFS_BLOCK_SIZE};
        const Image& image = *checker_.volume.image;
        for (ByteRange bad : image.bad_blocks().inside(start, std::uint64_t{extent.length} * DAXFS_BLOCK_SIZE)) {
            const std::uint64_t end = bad.end();
            while (bad.start.value < end && image.is_staged(BlockNo{bad.start.value / DAXFS_BLOCK_SIZE}))
                bad.start.value = std::min(end, (bad.start.value / DAXFS_BLOCK_SIZE + 1) * DAXFS_BLOCK_SIZE);
            if (bad.start.value == end)
                continue;
            checker_.report.add({.problem = Problem::kDataUnreadable,
                                 .ino = ino_,
                                 .block = BlockNo{bad.start.value / DAXFS_BLOCK_SIZE},
                                 .at = extent.file_block * DAXFS_BLOCK_SIZE + (bad.start - start),
                                 .found = bad.start.value,
                                 .count = end - bad.start.value});
        }
    }

    // A leaf of 168 extents can say more than anybody could walk over block by block.
    void reject(const daxfs_extent& extent, BlockNo block, std::uint32_t offset) {
        if (std::exchange(too_many_, true))
            return;
        checker_.report.add({.problem = Problem::kExtentInvalid,
                             .ino = ino_,
                             .block = block,
                             .offset = offset,
                             .at = extent.file_block,
                             .detail = "with it the file has more blocks than the device"});
        lose();
    }

    void lose() {
        complete_ = false;
        checker_.owners_incomplete = true;
    }

    Checker& checker_;
    const daxfs_inode& inode_;
    InodeNo ino_;
    std::uint64_t owned_ = 0;
    std::uint64_t mapped_ = 0;  // blocks of the extents seen
    std::uint64_t end_ = 0;     // first file block behind the extents seen
    bool complete_ = true;
    bool too_many_ = false;
    bool first_block_written_ = false;
    BlockNo target_;  // of a symlink whose first block is written
};

}  // namespace

void check_node_rest(Checker& checker, const daxfs_inode& inode, const daxfs_node_header& header) {
    const auto report = [&](const char* detail) {
        checker.report.add({.problem = Problem::kNodeField,
                            .ino = InodeNo{inode.ino},
                            .block = BlockNo{header.block},
                            .detail = detail});
    };
    if (header.owner_generation != inode.generation)
        report("made for another generation of the inode");
    if (!is_zero(header.reserved))
        report("reserved bytes are not zero");
}

void check_extents(Checker& checker) {
    InodeTable& inodes = checker.inodes;
    for (std::size_t i = 0; i < inodes.size(); ++i) {
        if (i % 8192 == 0)
            checker.tell(2, i, inodes.size());
        const InodeState& state = inodes.state(i);
        if (!state.used() || state.damaged || state.type == DAXFS_DIRENT_DIR)
            continue;
        // Pass 1 has asked for its checksum.
        const InodeNo ino = inodes.number(i);
        const auto* inode =
            checker.volume.image->at<daxfs_inode>(checker.volume.block_of(ino), checker.volume.offset_of(ino));
        if (inode != nullptr)
            FileCheck(checker, *inode, ino).run();
    }
}

}  // namespace daxfs

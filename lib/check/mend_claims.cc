// SPDX-License-Identifier: GPL-2.0-or-later
// Blocks with two owners. Inode blocks and the nodes of trees say whose they are; of two files the one that is
// believed without a checksum loses, else the one that the passes met second. The loser gets a copy of what lies there,
// so that neither sees what the other writes from now on, and is told; where the block was never file data, a hole.
//
// Trusts that every extent is possible by itself.
#include <cstring>

#include "lib/check/file_extents.h"
#include "lib/tree/inode.h"

namespace daxfs {
namespace {

// Blocks that one repair copies at most: what is staged is kept in memory.
constexpr std::uint64_t kMostCopied = 16384;

bool is_node_of(const Volume& volume, BlockNo block, InodeNo owner) {
    const auto* header = volume.image->at<daxfs_node_header>(block);
    return header != nullptr && header->owner == owner.value && header->block == block.value &&
           (header->magic == DAXFS_EXTENT_NODE_MAGIC || header->magic == DAXFS_DIR_NODE_MAGIC) &&
           header->crc ==
               node_checksum(volume.seed, BlockBytes{reinterpret_cast<const std::byte*>(header), DAXFS_BLOCK_SIZE});
}

class ClaimMend {
  public:
    explicit ClaimMend(Mending& m) : m_(m) {}

    Result<void> run(const Finding& finding) {
        first_ = BlockNo{finding.block};
        end_ = finding.block + finding.count;
        const InodeNo before{finding.at};
        const InodeNo second = finding.ino;
        metadata_ = before.value == 0 || is_node_of(m_.volume, first_, before) || is_node_of(m_.volume, first_, second);
        itself_ = before == second;
        return take_from(loser_of(before, second));
    }

  private:
    InodeNo loser_of(InodeNo before, InodeNo second) const {
        if (before.value == 0 || before == second)
            return second;
        if (is_node_of(m_.volume, first_, before) != is_node_of(m_.volume, first_, second))
            return is_node_of(m_.volume, first_, before) ? second : before;
        return m_.memory.distrusted.contains(before) && !m_.memory.distrusted.contains(second) ? before : second;
    }

    Result<void> take_from(InodeNo loser) {
        const InodeReading reading = read_mapped_inode(m_.volume, loser);
        if (reading.damage)
            return {};
        if (is_directory(*reading.raw)) {
            m_.memory.rebuild.insert(loser);
            return {};
        }
        const daxfs_inode inode = *reading.raw;
        FileExtents found = FileExtents::collect(m_, inode, loser, nullptr);
        std::vector<daxfs_extent> kept;
        bool seen = false;
        for (const daxfs_extent& extent : found.extents()) {
            // Of two places in one file the first keeps the blocks.
            const bool overlaps = extent.disk_block < end_.value && first_.value < extent.disk_block + extent.length;
            const bool mine = overlaps && itself_ && !seen;
            seen = seen || overlaps;
            if (!overlaps || mine)
                kept.push_back(extent);
            else
                take_apart(loser, extent, kept);
        }
        return rebuild_file(m_, loser, inode, std::move(kept));
    }

    void take_apart(InodeNo loser, const daxfs_extent& extent, std::vector<daxfs_extent>& kept) {
        std::uint64_t copied = 0, holes = 0;
        for (std::uint32_t i = 0; i < extent.length; ++i) {
            daxfs_extent block = extent;
            block.file_block = extent.file_block + i;
            block.disk_block = extent.disk_block + i;
            block.length = 1;
            if (block.disk_block >= first_.value && block.disk_block < end_.value) {
                const auto copy = copy_of(BlockNo{block.disk_block}, loser);
                copied += copy ? 1 : 0;
                holes += copy ? 0 : 1;
                if (!copy)
                    continue;
                block.disk_block = copy->value;
            }
            append(kept, block);
        }
        m_.lose(loser, fmt::format("{} blocks from file block {} on, which another owner has: {} copied, {} are holes",
                                   copied + holes, extent.file_block, copied, holes));
    }

    std::optional<BlockNo> copy_of(BlockNo block, InodeNo owner) {
        const std::byte* from = m_.volume.image->try_block(block);
        if (metadata_ || from == nullptr || copied_ >= kMostCopied)
            return std::nullopt;
        const auto to = m_.allocate(m_.volume.geometry.ag_of(block), owner);
        if (!to)
            return std::nullopt;
        ++copied_;
        m_.store(*to, 0, {from, DAXFS_BLOCK_SIZE});
        return to;
    }

    static void append(std::vector<daxfs_extent>& extents, const daxfs_extent& next) {
        if (!extents.empty()) {
            daxfs_extent& last = extents.back();
            if (last.file_block + last.length == next.file_block && last.disk_block + last.length == next.disk_block &&
                last.state == next.state && last.length < UINT32_MAX) {
                last.length = last.length + 1;
                return;
            }
        }
        extents.push_back(next);
    }

    Mending& m_;
    BlockNo first_;
    BlockNo end_;
    bool metadata_ = false;
    bool itself_ = false;
    std::uint64_t copied_ = 0;
};

}  // namespace

// A file is changed once a round: its extents are read as they were before.
Result<void> mend_claims(Mending& m) {
    if (!m.may_lose())
        return {};
    ClaimMend mend(m);
    for (const Finding& finding : m.work(Problem::kDoubleClaim))
        DAXFS_TRY(mend.run(finding));
    return {};
}

}  // namespace daxfs

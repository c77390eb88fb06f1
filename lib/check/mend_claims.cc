// SPDX-License-Identifier: GPL-2.0-or-later
// Blocks with two owners. Inode blocks and the nodes of trees say whose they are; of two files the one that is
// believed without a checksum loses, else the one that the passes met second. The loser gets a copy of what lies there,
// so that neither sees what the other writes from now on, and is told; where the block was never file data, a hole.
//
// Trusts that every extent is possible by itself.
#include <algorithm>
#include <map>

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

// Blocks that a file has to do without.
struct Share {
    std::uint64_t first = 0;
    std::uint64_t end = 0;
    bool metadata = false;  // they were never file data
    bool itself = false;    // only the file itself has them a second time: at its first place it keeps them
};

// The same blocks, each in one share, ascending.
std::vector<Share> flatten(const std::vector<Share>& shares) {
    struct Active {
        std::int64_t all = 0, metadata = 0, foreign = 0;
    };
    std::map<std::uint64_t, Active> changes;
    for (const Share& share : shares) {
        for (const auto& [at, step] : {std::pair(share.first, 1), std::pair(share.end, -1)}) {
            Active& change = changes[at];
            change.all += step;
            change.metadata += share.metadata ? step : 0;
            change.foreign += share.itself ? 0 : step;
        }
    }
    std::vector<Share> flat;
    Active now;
    for (auto it = changes.begin(); it != changes.end(); ++it) {
        now.all += it->second.all;
        now.metadata += it->second.metadata;
        now.foreign += it->second.foreign;
        if (now.all > 0)
            flat.push_back({it->first, std::next(it)->first, now.metadata > 0, now.foreign == 0});
    }
    return flat;
}

// One file that loses blocks: its extents without them.
class Loser {
  public:
    Loser(Mending& m, InodeNo ino, const std::vector<Share>& shares) : m_(m), ino_(ino), shares_(flatten(shares)) {}

    Result<void> run() {
        const InodeReading reading = read_mapped_inode(m_.volume, ino_);
        if (reading.damage)
            return {};
        if (is_directory(*reading.raw)) {
            m_.memory.rebuild.insert(ino_);
            return {};
        }
        const daxfs_inode inode = *reading.raw;
        FileExtents found = FileExtents::collect(m_, inode, ino_, nullptr);
        for (const daxfs_extent& extent : found.extents())
            take_apart(extent);
        return rebuild_file(m_, ino_, inode, std::move(kept_));
    }

  private:
    void take_apart(const daxfs_extent& extent) {
        const std::uint64_t end = extent.disk_block + extent.length;
        std::uint64_t at = extent.disk_block;
        copied_ = holes_ = 0;
        for (auto share = std::ranges::upper_bound(shares_, at, {}, &Share::end);
             share != shares_.end() && share->first < end; ++share) {
            if (at < share->first)
                keep(extent, at, share->first);
            const std::uint64_t from = std::max(at, share->first);
            at = std::min(end, share->end);
            if (share->itself)
                give_up_second_places(extent, from, at);
            else
                give_up(extent, from, at, share->metadata);
        }
        if (at < end)
            keep(extent, at, end);
        if (copied_ + holes_ > 0)
            m_.lose(ino_,
                    fmt::format("{} blocks from file block {} on, which another owner has: {} copied, {} are holes",
                                copied_ + holes_, extent.file_block, copied_, holes_));
    }

    // Of several places in one file the first keeps the blocks.
    void give_up_second_places(const daxfs_extent& extent, std::uint64_t from, std::uint64_t end) {
        auto next = had_.upper_bound(from);
        if (next != had_.begin() && std::prev(next)->second > from)
            --next;
        while (from < end) {
            const bool again = next != had_.end() && next->first <= from;
            const std::uint64_t until = std::min(end, again                ? next->second
                                                      : next != had_.end() ? next->first
                                                                           : UINT64_MAX);
            if (again) {
                give_up(extent, from, until, false);
                ++next;
            } else {
                keep(extent, from, until);
                had_.emplace(from, until);
            }
            from = until;
        }
    }

    // Copies, as long as there is room for them. What is left is a hole, whatever its length.
    void give_up(const daxfs_extent& extent, std::uint64_t from, std::uint64_t end, bool metadata) {
        for (; from < end; ++from) {
            if (metadata || m_.memory.copied >= kMostCopied)
                break;
            const auto copy = copy_of(BlockNo{from});
            if (!copy) {
                ++holes_;
                continue;
            }
            ++copied_;
            daxfs_extent one = extent;
            one.file_block = extent.file_block + (from - extent.disk_block);
            one.disk_block = copy->value;
            one.length = 1;
            append(one);
        }
        holes_ += end - from;
    }

    std::optional<BlockNo> copy_of(BlockNo block) {
        const std::byte* from = m_.volume.image->try_block(block);
        if (from == nullptr)
            return std::nullopt;
        const auto to = m_.allocate(m_.volume.geometry.ag_of(block), ino_);
        // Nor is there room for the next one.
        m_.memory.copied = to ? m_.memory.copied + 1 : kMostCopied;
        if (to)
            m_.store(*to, 0, {from, DAXFS_BLOCK_SIZE});
        return to;
    }

    // Blocks [from, end) of the device, which `extent` has.
    void keep(const daxfs_extent& extent, std::uint64_t from, std::uint64_t end) {
        daxfs_extent part = extent;
        part.file_block = extent.file_block + (from - extent.disk_block);
        part.disk_block = from;
        part.length = static_cast<std::uint32_t>(end - from);
        append(part);
    }

    void append(const daxfs_extent& next) {
        if (!kept_.empty()) {
            daxfs_extent& last = kept_.back();
            const std::uint64_t length = std::uint64_t{last.length} + next.length;
            if (last.file_block + last.length == next.file_block && last.disk_block + last.length == next.disk_block &&
                last.state == next.state && length <= UINT32_MAX) {
                last.length = static_cast<std::uint32_t>(length);
                return;
            }
        }
        kept_.push_back(next);
    }

    Mending& m_;
    InodeNo ino_;
    std::vector<Share> shares_;
    std::vector<daxfs_extent> kept_;
    std::map<std::uint64_t, std::uint64_t> had_;  // of those that it has twice: [first, second), apart
    std::uint64_t copied_ = 0;                    // of one extent
    std::uint64_t holes_ = 0;
};

class ClaimMend {
  public:
    explicit ClaimMend(Mending& m) : m_(m) {}

    Result<void> run() {
        for (const Finding& finding : m_.work(Problem::kDoubleClaim))
            decide(finding);
        for (const auto& [ino, shares] : losers_)
            DAXFS_TRY(Loser(m_, ino, shares).run());
        return {};
    }

  private:
    void decide(const Finding& finding) {
        const BlockNo first = finding.block;
        const InodeNo before{finding.at};
        const InodeNo second = finding.ino;
        const bool node_of_before = is_node_of(m_.volume, first, before);
        const bool node_of_second = is_node_of(m_.volume, first, second);
        InodeNo loser = second;
        if (before.value != 0 && before != second) {
            if (node_of_before != node_of_second)
                loser = node_of_before ? second : before;
            else if (m_.memory.distrusted.contains(before) && !m_.memory.distrusted.contains(second))
                loser = before;
        }
        losers_[loser].push_back({.first = first.value,
                                  .end = first.value + finding.count,
                                  .metadata = before.value == 0 || node_of_before || node_of_second,
                                  .itself = before == second});
    }

    Mending& m_;
    std::map<InodeNo, std::vector<Share>> losers_;
};

}  // namespace

// A file is changed once a round: its extents are read as they were before.
Result<void> mend_claims(Mending& m) {
    return m.may_lose() ? ClaimMend(m).run() : Result<void>{};
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Finishes what a power cut interrupted: unlinked inodes are freed with all that they own, truncations and collapses go
// on to their end (an insert is announced as the collapse that undoes it). As many inodes share a transaction as fit.
// What is too much for one goes in steps, so ordered that a kill in between leaves blocks that nobody owns and never an
// inode whose blocks are free.
//
// Trusts the passes: the inode checks out, and its blocks are its own.
#include <algorithm>
#include <cstring>
#include <optional>

#include "lib/check/repair.h"
#include "lib/check/space_editor.h"
#include "lib/make/tree_builder.h"
#include "lib/tree/extent.h"

namespace daxfs {
namespace {

// Nodes of a rebuilt tree go into the transaction.
class TransactionSink : public BlockSink {
  public:
    explicit TransactionSink(RepairTransaction& transaction) : transaction_(transaction) {}

    Result<void> write(BlockNo first, std::span<const std::byte> bytes) override {
        for (std::size_t done = 0; done < bytes.size(); done += DAXFS_BLOCK_SIZE, ++first) {
            std::byte* block = transaction_.create(first);
            if (block == nullptr)
                return fail("block {} cannot be written", first);
            std::memcpy(block, bytes.data() + done, DAXFS_BLOCK_SIZE);
        }
        return {};
    }
    Result<void> flush() override { return {}; }

  private:
    RepairTransaction& transaction_;
};

// Blocks of a file that go; those behind them move down to their place.
struct Cut {
    std::uint64_t first = 0;
    std::uint64_t end = 0;
};

constexpr Cut kEverything{0, DAXFS_MAX_FILE_BLOCK + 1};

Cut cut_of(const daxfs_inode& inode) {
    const std::uint64_t first = inode.operation_arg[0];
    return {first, inode.operation == DAXFS_OPERATION_COLLAPSE ? first + inode.operation_arg[1] : kEverything.end};
}

// The part of `extent` in [from, to), with file blocks counted from `from` on as from `at`.
std::optional<daxfs_extent> part(const Extent& extent, std::uint64_t from, std::uint64_t to, std::uint64_t at) {
    const std::uint64_t first = std::max(from, extent.file_block.value);
    const std::uint64_t end = std::min(to, extent.end().value);
    if (first >= end)
        return std::nullopt;
    daxfs_extent raw{};
    raw.file_block = first - from + at;
    raw.disk_block = (extent.disk_block + (first - extent.file_block.value)).value;
    raw.length = static_cast<std::uint32_t>(end - first);
    raw.state = extent.unwritten ? DAXFS_EXTENT_UNWRITTEN : DAXFS_EXTENT_WRITTEN;
    return raw;
}

// Joins with the last one where it continues it, as the kernel does.
void append(std::vector<daxfs_extent>& extents, const daxfs_extent& next) {
    if (!extents.empty()) {
        daxfs_extent& last = extents.back();
        const std::uint64_t length = std::uint64_t{last.length} + next.length;
        if (last.file_block + last.length == next.file_block && last.disk_block + last.length == next.disk_block &&
            last.state == next.state && length <= UINT32_MAX) {
            last.length = static_cast<std::uint32_t>(length);
            return;
        }
    }
    extents.push_back(next);
}

std::vector<OwnedRun> sorted(std::vector<OwnedRun> runs) {
    std::ranges::sort(runs, {}, &OwnedRun::start);
    return runs;
}

class OrphanRepair {
  public:
    OrphanRepair(Checker& checker, Image& image, RepairTransaction transaction)
        : checker_(checker),
          image_(image),
          transaction_(std::move(transaction)),
          editor_(transaction_, checker.volume, checker.claims) {}

    Result<void> run() {
        std::vector<Task> tasks;
        for (const InodeNo ino : checker_.orphans)
            tasks.push_back({ino, true});
        for (const InodeNo ino : checker_.operations)
            tasks.push_back({ino, false});
        std::ranges::sort(tasks, {}, &Task::ino);
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            const bool last = i + 1 == tasks.size() || group_of(tasks[i + 1].ino) != group_of(tasks[i].ino);
            DAXFS_TRY(finish(tasks[i], last));
        }
        return commit();
    }

  private:
    // A new node may lie anywhere: a line of bitmap, the bitmap's checksum and the header, of three lines at most.
    static constexpr std::uint64_t kLinesPerNode = 5;

    struct Task {
        InodeNo ino;
        bool orphan = false;
    };

    BlockNo group_of(InodeNo ino) const {
        const Geometry& geometry = checker_.volume.geometry;
        const BlockNo block = checker_.volume.block_of(ino);
        return block - (block - geometry.ag_start(geometry.ag_of(block))) % DAXFS_ORPHAN_BLOCKS;
    }

    Result<void> finish(const Task& task, bool last_of_group) {
        const InodeReading reading = read_mapped_inode(checker_.volume, task.ino);
        if (reading.damage)
            return fail("{}: inode {} is damaged", image_.path(), task.ino);
        const daxfs_inode inode = *reading.raw;
        return task.orphan ? free_whole(inode, task.ino, last_of_group)
                           : finish_operation(inode, task.ino, last_of_group);
    }

    // Tree nodes and the data in `cut`; `kept` gets the other extents, as they are without it.
    std::vector<OwnedRun> owned_runs(const daxfs_inode& inode, const Cut& cut, std::vector<daxfs_extent>& kept) {
        std::vector<OwnedRun> runs;
        TreeCursor tree(checker_.volume, is_directory(inode) ? TreeKind::kDirectory : TreeKind::kExtents, inode);
        while (const auto node = tree.next()) {
            if (!node->damage)
                runs.push_back({node->block, 1});
        }
        ExtentCursor extents(checker_.volume, inode);
        while (const auto extent = extents.next()) {
            if (const auto before = part(*extent, 0, cut.first, 0))
                append(kept, *before);
            if (const auto gone = part(*extent, cut.first, cut.end, 0))
                runs.push_back({BlockNo{gone->disk_block}, gone->length});
            if (const auto behind = part(*extent, cut.end, kEverything.end, cut.first))
                append(kept, *behind);
        }
        return sorted(std::move(runs));
    }

    Result<void> free_whole(const daxfs_inode& inode, InodeNo ino, bool last_of_group) {
        std::vector<daxfs_extent> none;
        const std::vector<OwnedRun> runs = owned_runs(inode, kEverything, none);
        const std::uint64_t all = RepairTransaction::cost(SpaceEditor::kLinesPerInode + editor_.lines_to_free(runs));
        if (all > transaction_.capacity())
            return free_whole_in_steps(runs, ino, last_of_group);
        DAXFS_TRY(make_room(all));
        for (const OwnedRun& run : runs) {
            if (!editor_.free(run))
                return unreadable(ino);
        }
        return free_inode(ino, last_of_group);
    }

    Result<void> free_whole_in_steps(const std::vector<OwnedRun>& runs, InodeNo ino, bool last_of_group) {
        DAXFS_TRY(make_room(RepairTransaction::cost(SpaceEditor::kLinesPerInode)));
        DAXFS_TRY(free_inode(ino, last_of_group));
        return free_in_steps(runs, ino);
    }

    Result<void> free_in_steps(const std::vector<OwnedRun>& runs, InodeNo ino) {
        for (OwnedRun rest : runs) {
            while (rest.length > 0) {
                const OwnedRun piece{rest.start, std::min<std::uint64_t>(rest.length, DAXFS_BITS_PER_MAP_BLOCK)};
                DAXFS_TRY(make_room(RepairTransaction::cost(editor_.lines_to_free({piece}))));
                if (!editor_.free(piece))
                    return unreadable(ino);
                rest = {rest.start + piece.length, rest.length - piece.length};
            }
        }
        return {};
    }

    Result<void> free_inode(InodeNo ino, bool last_of_group) {
        if (!editor_.free_inode(ino) || (last_of_group && !editor_.clear_orphan_group(group_of(ino))))
            return unreadable(ino);
        return {};
    }

    // The inode gets a new tree without the blocks that go; the old tree and they are freed.
    Result<void> finish_operation(const daxfs_inode& inode, InodeNo ino, bool last_of_group) {
        std::vector<daxfs_extent> kept;
        const std::vector<OwnedRun> runs = owned_runs(inode, cut_of(inode), kept);
        const std::uint64_t nodes = 2 + kept.size() / (DAXFS_NODE_EXTENTS / 2);
        const std::uint64_t lines = SpaceEditor::kLinesPerInode + editor_.lines_to_free(runs) + kLinesPerNode * nodes;
        const bool at_once = RepairTransaction::cost(lines) <= transaction_.capacity();
        // New nodes must not land in what this frees: an undo would find them there. So they come first.
        DAXFS_TRY(commit());
        daxfs_inode changed = inode;
        DAXFS_TRY(rebuild(changed, ino, kept));
        changed.operation = DAXFS_OPERATION_NONE;
        changed.operation_arg[0] = 0;
        changed.operation_arg[1] = 0;
        changed.crc = checksum(checker_.volume.seed, changed);
        DAXFS_TRY(make_room(RepairTransaction::cost(at_once ? SpaceEditor::kLinesPerInode + editor_.lines_to_free(runs)
                                                            : SpaceEditor::kLinesPerInode)));
        auto* place = transaction_.edit_as<daxfs_inode>(checker_.volume.block_of(ino), checker_.volume.offset_of(ino));
        if (place == nullptr || (last_of_group && !editor_.clear_orphan_group(group_of(ino))))
            return unreadable(ino);
        *place = changed;
        // A block that is free is not free to others before nothing on the device leads to it.
        if (!at_once)
            DAXFS_TRY(commit());
        DAXFS_TRY(free_in_steps(runs, ino));
        return commit();
    }

    Result<void> rebuild(daxfs_inode& inode, InodeNo ino, const std::vector<daxfs_extent>& kept) {
        TransactionSink sink(transaction_);
        const AgNo near = checker_.volume.geometry.ag_of(checker_.volume.block_of(ino));
        const TreeTarget target{.seed = checker_.volume.seed,
                                .owner = ino,
                                .generation = inode.generation,
                                .allocate = [&]() -> Result<BlockNo> {
                                    DAXFS_TRY(make_room(RepairTransaction::cost(kLinesPerNode)));
                                    if (const auto block = editor_.allocate(near, ino))
                                        return *block;
                                    return fail(
                                        "{}: inode {}: no free block for a tree node; mount to finish the operation",
                                        image_.path(), ino);
                                },
                                .sink = &sink};
        DAXFS_TRY_ASSIGN(const TreeRoot root, build_extent_tree(target, kept));
        inode.fork = {};
        root.store_in(inode);
        std::uint64_t blocks = root.node_blocks;
        for (const daxfs_extent& extent : kept)
            blocks += extent.length;
        inode.blocks = blocks;
        return {};
    }

    Result<void> make_room(std::uint64_t bytes) { return transaction_.has_room(bytes) ? Result<void>{} : commit(); }

    Result<void> commit() {
        if (!editor_.seal())
            return fail("{}: a map or its header is unreadable", image_.path());
        return transaction_.commit();
    }

    tl::unexpected<Error> unreadable(InodeNo ino) const {
        return fail("{}: inode {}: a block that has to be changed is unreadable", image_.path(), ino);
    }

    Checker& checker_;
    Image& image_;
    RepairTransaction transaction_;
    SpaceEditor editor_;
};

}  // namespace

Result<void> repair_orphans(Checker& checker, Image& image) {
    if (checker.orphans.empty() && checker.operations.empty())
        return {};
    DAXFS_TRY_ASSIGN(RepairTransaction transaction, RepairTransaction::open(image, checker.volume));
    DAXFS_TRY(OrphanRepair(checker, image, std::move(transaction)).run());
    checker.report.mark_fixed(Problem::kOrphan);
    checker.report.mark_fixed(Problem::kOperationPending);
    return {};
}

}  // namespace daxfs

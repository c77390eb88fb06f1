// SPDX-License-Identifier: GPL-2.0-or-later
// Finishes what a power cut interrupted: unlinked inodes are freed with all that they own, truncations go on to their
// end. As many inodes share a transaction as fit.
//
// Trusts the passes: the inode checks out, and its blocks are its own.
#include <algorithm>
#include <cstring>

#include "lib/build/tree_builder.h"
#include "lib/check/repair.h"
#include "lib/check/space_editor.h"
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
        DAXFS_TRY(task.orphan ? free_whole(inode, task.ino, last_of_group) : truncate(inode, task.ino, last_of_group));
        return {};
    }

    // Everything the inode owns; `kept` gets the extents in front of `from`.
    std::vector<OwnedRun> owned_runs(const daxfs_inode& inode, std::uint64_t from, std::vector<daxfs_extent>& kept) {
        std::vector<OwnedRun> runs;
        TreeCursor tree(checker_.volume, is_directory(inode) ? TreeKind::kDirectory : TreeKind::kExtents, inode);
        while (const auto node = tree.next()) {
            if (!node->damage)
                runs.push_back({node->block, 1});
        }
        ExtentCursor extents(checker_.volume, inode);
        while (const auto extent = extents.next()) {
            const std::uint64_t keep =
                from <= extent->file_block.value ? 0 : std::min(extent->length, from - extent->file_block.value);
            if (keep > 0) {
                daxfs_extent front{};
                front.file_block = extent->file_block.value;
                front.disk_block = extent->disk_block.value;
                front.length = static_cast<std::uint32_t>(keep);
                front.state = extent->unwritten ? DAXFS_EXTENT_UNWRITTEN : DAXFS_EXTENT_WRITTEN;
                kept.push_back(front);
            }
            if (keep < extent->length)
                runs.push_back({extent->disk_block + keep, extent->length - keep});
        }
        return sorted(std::move(runs));
    }

    Result<void> free_whole(const daxfs_inode& inode, InodeNo ino, bool last_of_group) {
        std::vector<daxfs_extent> none;
        const std::vector<OwnedRun> runs = owned_runs(inode, 0, none);
        const std::uint64_t all = RepairTransaction::cost(SpaceEditor::kLinesPerInode + editor_.lines_to_free(runs));
        if (all > transaction_.capacity())
            return free_in_steps(runs, ino, last_of_group);
        DAXFS_TRY(make_room(all));
        for (const OwnedRun& run : runs) {
            if (!editor_.free(run))
                return unreadable(ino);
        }
        return free_inode(ino, last_of_group);
    }

    // Too much for one transaction: the inode goes first, so that a kill in between leaves blocks that nobody owns,
    // never an inode whose blocks are free.
    Result<void> free_in_steps(const std::vector<OwnedRun>& runs, InodeNo ino, bool last_of_group) {
        DAXFS_TRY(make_room(RepairTransaction::cost(SpaceEditor::kLinesPerInode)));
        DAXFS_TRY(free_inode(ino, last_of_group));
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

    Result<void> truncate(const daxfs_inode& inode, InodeNo ino, bool last_of_group) {
        std::vector<daxfs_extent> kept;
        std::vector<OwnedRun> runs = owned_runs(inode, inode.operation_arg[0], kept);
        // New nodes may lie anywhere: a line of bitmap, a checksum and a header each.
        const std::uint64_t nodes = 2 + kept.size() / (DAXFS_NODE_EXTENTS / 2);
        const std::uint64_t lines = SpaceEditor::kLinesPerInode + editor_.lines_to_free(runs) + 5 * nodes;
        if (RepairTransaction::cost(lines) > transaction_.capacity())
            return fail("{}: inode {}: the rest of the truncation is too large for a journal; mount to finish it",
                        image_.path(), ino);
        // New nodes must not land in what this transaction frees: an undo would find them there.
        DAXFS_TRY(commit());
        daxfs_inode changed = inode;
        DAXFS_TRY(rebuild(changed, ino, kept));
        for (const OwnedRun& run : runs) {
            if (!editor_.free(run))
                return unreadable(ino);
        }
        changed.operation = DAXFS_OPERATION_NONE;
        changed.operation_arg[0] = 0;
        changed.operation_arg[1] = 0;
        changed.crc = checksum(checker_.volume.seed, changed);
        auto* place = transaction_.edit_as<daxfs_inode>(checker_.volume.block_of(ino), checker_.volume.offset_of(ino));
        if (place == nullptr || (last_of_group && !editor_.clear_orphan_group(group_of(ino))))
            return unreadable(ino);
        *place = changed;
        return commit();
    }

    Result<void> rebuild(daxfs_inode& inode, InodeNo ino, const std::vector<daxfs_extent>& kept) {
        TransactionSink sink(transaction_);
        const AgNo near = checker_.volume.geometry.ag_of(checker_.volume.block_of(ino));
        const TreeTarget target{.seed = checker_.volume.seed,
                                .owner = ino,
                                .generation = inode.generation,
                                .allocate = [&]() -> Result<BlockNo> {
                                    if (const auto block = editor_.allocate(near, ino))
                                        return *block;
                                    return fail("{}: no free block for a tree node", image_.path());
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

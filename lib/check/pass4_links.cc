// SPDX-License-Identifier: GPL-2.0-or-later
// Every inode has as many names as it says, every directory is led to from the root, and what recovery has to look at
// is in the orphan map.
//
// Trusts pass 3's counts of names, unless some directory was damaged: then only too many names are judged, not too few.
#include <algorithm>
#include <unordered_map>

#include "lib/check/checker.h"
#include "lib/tree/ag.h"

namespace daxfs {
namespace {

BlockNo group_of(const Volume& volume, InodeNo ino) {
    const BlockNo block = volume.block_of(ino);
    const BlockNo start = volume.geometry.ag_start(volume.geometry.ag_of(block));
    return block - (block - start) % DAXFS_ORPHAN_BLOCKS;
}

void check_link_count(Checker& checker, InodeNo ino, const InodeState& state, std::uint64_t expected) {
    if (state.nlink == expected)
        return;
    if (checker.names_incomplete && state.nlink > expected)
        ++checker.skipped_links;
    else
        checker.report.add({.problem = Problem::kLinkCount, .ino = ino, .found = state.nlink, .expected = expected});
}

// rmdir(2) takes empty directories alone: what an unlinked one names is nobody's to free.
bool has_names(Checker& checker, InodeNo ino, const InodeState& state) {
    return state.type == DAXFS_DIRENT_DIR && checker.inodes.find_directory(ino)->has_names;
}

void check_inode_links(Checker& checker, InodeNo ino, const InodeState& state) {
    const bool root = ino.value == checker.volume.super.root_ino;
    if (state.names == 0 && !root) {
        if (state.nlink == 0 && has_names(checker, ino, state))
            checker.report.add({.problem = Problem::kOrphanDirectoryNames, .ino = ino});
        else if (state.nlink == 0)
            checker.orphans.push_back(ino);
        else if (checker.names_incomplete)
            ++checker.skipped_links;
        else
            checker.report.add({.problem = Problem::kUnreachable, .ino = ino});
        return;
    }
    if (state.in_operation)
        checker.operations.push_back(ino);
    if (state.type == DAXFS_DIRENT_DIR)
        check_link_count(checker, ino, state, 2 + std::uint64_t{checker.inodes.find_directory(ino)->subdirectories});
    else
        check_link_count(checker, ino, state, state.names);
}

void report_recovery(Checker& checker) {
    for (const InodeNo ino : checker.orphans) {
        checker.report.add({.problem = Problem::kOrphan, .ino = ino, .block = checker.volume.block_of(ino)});
        checker.recovery_groups.push_back(group_of(checker.volume, ino));
    }
    for (const InodeNo ino : checker.operations) {
        const InodeReading reading = read_mapped_inode(checker.volume, ino);
        const bool collapse = !reading.damage && reading.raw->operation == DAXFS_OPERATION_COLLAPSE;
        checker.report.add({.problem = Problem::kOperationPending,
                            .ino = ino,
                            .block = checker.volume.block_of(ino),
                            .at = reading.damage ? 0 : std::uint64_t{reading.raw->operation_arg[0]},
                            .detail = collapse ? "a collapse or insert at" : "a truncation to"});
        checker.recovery_groups.push_back(group_of(checker.volume, ino));
    }
    std::ranges::sort(checker.recovery_groups);
    auto& groups = checker.recovery_groups;
    groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
}

bool group_in_map(const Volume& volume, BlockNo group) {
    const AgNo ag = volume.geometry.ag_of(group);
    return AgMap(volume, ag, MapKind::kOrphans).test((group - volume.geometry.ag_start(ag)) / DAXFS_ORPHAN_BLOCKS);
}

// A damaged inode may be why a group is in the map.
bool has_damaged(Checker& checker, BlockNo group) {
    for (std::uint64_t i = 0; i < DAXFS_ORPHAN_BLOCKS * DAXFS_INODES_PER_BLOCK; ++i) {
        const InodeState* state = checker.inodes.find(InodeNo{group.value * DAXFS_INODES_PER_BLOCK + i});
        if (state != nullptr && state->damaged)
            return true;
    }
    return false;
}

void check_orphan_maps(Checker& checker) {
    const Volume& volume = checker.volume;
    for (const auto* list : {&checker.orphans, &checker.operations}) {
        for (const InodeNo ino : *list) {
            if (!group_in_map(volume, group_of(volume, ino)))
                checker.report.add({.problem = Problem::kOrphanBitMissing, .ino = ino, .block = volume.block_of(ino)});
        }
    }
    for (AgNo ag; ag.value < volume.initialised_ags(); ++ag) {
        const AgMap map(volume, ag, MapKind::kOrphans);
        for (auto bit = map.next_set(0); bit; bit = map.next_set(*bit + 1)) {
            const BlockNo group = map.device_block(*bit);
            if (!std::ranges::binary_search(checker.recovery_groups, group) && !has_damaged(checker, group))
                checker.report.add({.problem = Problem::kOrphanBitStale, .block = group, .ag = ag});
        }
    }
}

// Follows each directory upwards until something known: every directory is stepped on once.
class Reachability {
  public:
    explicit Reachability(Checker& checker) : checker_(checker) {}

    void run() {
        for (const DirectoryState& directory : checker_.inodes.directories()) {
            // Those without a name are orphans or reported as unreachable.
            if (directory.named_by.value != 0 && !leads_to_root(directory.ino))
                checker_.report.add({.problem = Problem::kDirectoryUnreachable, .ino = directory.ino});
        }
    }

  private:
    enum class Mark : std::uint8_t { kOnPath, kReached, kLost };

    bool leads_to_root(InodeNo ino) {
        std::vector<InodeNo> path;
        Mark end = Mark::kLost;
        while (true) {
            if (ino.value == checker_.volume.super.root_ino) {
                end = Mark::kReached;
                break;
            }
            const auto [it, fresh] = marks_.emplace(ino, Mark::kOnPath);
            if (!fresh) {
                // Its own path again: a loop. Otherwise what was found before holds.
                end = it->second == Mark::kOnPath ? Mark::kLost : it->second;
                break;
            }
            path.push_back(ino);
            const DirectoryState* directory = checker_.inodes.find_directory(ino);
            // The top of a lost tree: reported itself, so what hangs below it is not.
            if (directory == nullptr || directory->named_by.value == 0) {
                end = Mark::kReached;
                break;
            }
            ino = directory->named_by;
        }
        for (const InodeNo step : path)
            marks_[step] = end;
        return end == Mark::kReached;
    }

    Checker& checker_;
    std::unordered_map<InodeNo, Mark> marks_;
};

}  // namespace

void check_links(Checker& checker) {
    const InodeTable& inodes = checker.inodes;
    for (std::size_t i = 0; i < inodes.size(); ++i) {
        if (i % 65536 == 0)
            checker.tell(4, i, inodes.size());
        const InodeState& state = inodes.state(i);
        if (state.used() && !state.damaged)
            check_inode_links(checker, inodes.number(i), state);
    }
    report_recovery(checker);
    check_orphan_maps(checker);
    Reachability(checker).run();
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Every inode that the inode maps name checks out, is the inode that lies there, and has fields that it can have.
// Fills the inode table and claims the inode blocks.
//
// Trusts nothing of the maps but their place: a map that does not check out is read all the same, and said so.
#include "lib/check/checker.h"
#include "lib/tree/ag.h"

namespace daxfs {
namespace {

void remember(Checker& checker, const daxfs_inode& inode, InodeNo ino, InodeState& state) {
    state.nlink = inode.nlink;
    state.type = dirent_type_of(inode.mode);
    state.in_operation = is_regular(inode) && inode.operation != DAXFS_OPERATION_NONE;
    if (state.type == DAXFS_DIRENT_DIR)
        checker.inodes.add_directory(ino, InodeNo{inode.parent});
}

void check_inode(Checker& checker, AgNo ag, InodeNo ino, InodeState& state) {
    const InodeReading reading = read_mapped_inode(checker.volume, ino);
    if (reading.damage) {
        checker.report.add(finding_of(Problem::kInodeDamaged, *reading.damage));
        checker.owners_incomplete = checker.names_incomplete = true;
        state.damaged = true;
        return;
    }
    const daxfs_inode inode = *reading.raw;
    if (const auto damage = check_inode_fields(checker.volume, inode, ino))
        checker.report.add(finding_of(Problem::kInodeField, *damage));
    if (is_free(inode)) {
        ++checker.ags[ag.value].free_inodes;
        return;
    }
    remember(checker, inode, ino, state);
    // Of a type that is none, nothing can be said about what it owns.
    if (!state.used()) {
        state.damaged = true;
        checker.owners_incomplete = checker.names_incomplete = true;
    }
}

bool holds_no_inode(const Volume& volume, BlockNo block) {
    for (std::uint32_t i = 0; i < DAXFS_INODES_PER_BLOCK; ++i) {
        const auto* inode = volume.image->at<daxfs_inode>(block, i * DAXFS_INODE_SIZE);
        if (inode != nullptr && inode->magic == DAXFS_INODE_MAGIC)
            return false;
    }
    return true;
}

void check_inode_block(Checker& checker, AgNo ag, BlockNo block) {
    ++checker.ags[ag.value].inode_blocks;
    if (!checker.volume.is_allocatable(block)) {
        checker.report.add({.problem = Problem::kInodeBlockPlace, .block = block, .ag = ag});
        return;
    }
    if (holds_no_inode(checker.volume, block)) {
        checker.report.add({.problem = Problem::kInodeBlockDamaged, .block = block, .ag = ag});
        checker.owners_incomplete = checker.names_incomplete = true;
        return;
    }
    checker.claims.claim(block, 1, InodeNo{0});
    checker.inodes.add_block(block);
    for (std::uint32_t i = 0; i < DAXFS_INODES_PER_BLOCK; ++i) {
        const InodeNo ino{block.value * DAXFS_INODES_PER_BLOCK + i};
        check_inode(checker, ag, ino, checker.inodes.state(checker.inodes.size() - DAXFS_INODES_PER_BLOCK + i));
    }
    checker.note_torn(block);
}

void check_map(Checker& checker, AgNo ag, const AgMap& map) {
    for (std::uint32_t i = 0; i < map.blocks(); ++i) {
        const auto damage = map.verify(i);
        if (!damage)
            continue;
        Finding finding = finding_of(Problem::kInodeMapDamaged, *damage);
        finding.ag = ag;
        checker.report.add(std::move(finding));
        checker.owners_incomplete = checker.names_incomplete = true;
    }
}

}  // namespace

void check_inodes(Checker& checker) {
    for (AgNo ag; ag.value < checker.volume.initialised_ags(); ++ag) {
        checker.tell(1, ag.value, checker.volume.initialised_ags());
        const AgMap map(checker.volume, ag, MapKind::kInodes);
        check_map(checker, ag, map);
        for (auto bit = map.next_set(0); bit; bit = map.next_set(*bit + 1))
            check_inode_block(checker, ag, map.device_block(*bit));
    }
}

}  // namespace daxfs

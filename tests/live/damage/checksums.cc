// SPDX-License-Identifier: GPL-2.0-or-later
// A checksum that is wrong by one bit, or right again.
#include "lib/tree/extent.h"
#include "lib/tree/inode.h"
#include "tests/live/damage/verbs.h"

namespace damage {
namespace {

using namespace daxfs;

void flip(Target& target, BlockNo block, std::size_t offset) {
    target.stage(block)[offset] ^= std::byte{1};
}

void inode(Target& target, const Arguments& arguments) {
    const InodeNo ino{arguments.number(0)};
    flip(target, target.volume.block_of(ino), target.volume.offset_of(ino) + offsetof(daxfs_inode, crc));
}

void leaf(Target& target, const Arguments& arguments) {
    std::uint64_t index = arguments.number(1);
    TreeCursor tree(target.volume, TreeKind::kExtents, *read_inode(target.volume, InodeNo{arguments.number(0)}).raw);
    while (const auto node = tree.next()) {
        if (node->level == 0 && index-- == 0) {
            flip(target, node->block, offsetof(daxfs_node_header, crc));
            return;
        }
    }
    fail("no leaf");
}

void group(Target& target, const Arguments& arguments) {
    flip(target, target.volume.geometry.ag_header(AgNo{arguments.small(0)}), offsetof(daxfs_ag_header, crc));
}

void journal(Target& target, const Arguments& arguments) {
    flip(target, target.volume.geometry.journal_slot(arguments.small(0)), offsetof(daxfs_journal_header, crc));
}

void word(Target& target, const Arguments& arguments) {
    flip(target, target.volume.geometry.journal_slot(arguments.small(0)), DAXFS_JOURNAL_COMMIT_OFFSET);
}

}  // namespace

Verbs checksum_verbs() {
    return {{"inode", {1, inode}},
            {"leaf", {2, leaf}},
            {"group", {1, group}},
            {"journal", {1, journal}},
            {"word", {1, word}}};
}

}  // namespace damage

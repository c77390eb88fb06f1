// SPDX-License-Identifier: GPL-2.0-or-later
// Changes to the maps and counters of allocation groups inside a repair transaction. Checksums are brought up to date
// by `seal`, once a commit.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "lib/check/claims.h"
#include "lib/check/repair_transaction.h"
#include "lib/tree/ag.h"

namespace daxfs {

struct OwnedRun {
    BlockNo start;
    std::uint64_t length = 0;
};

class SpaceEditor {
  public:
    // `claims` is kept in step: what is freed is released, what is allocated is claimed.
    SpaceEditor(RepairTransaction& transaction, const Volume& volume, ClaimMap& claims)
        : transaction_(transaction), volume_(volume), claims_(claims) {}

    // Lines that freeing `runs`, which are sorted, and sealing afterwards touch at most.
    std::uint64_t lines_to_free(const std::vector<OwnedRun>& runs) const;
    static constexpr std::uint64_t kLinesPerInode = DAXFS_INODE_SIZE / 64 + 4;  // and its AG's counters and orphan bit

    static constexpr std::uint64_t kLinesPerInodeBlock = 2 + 5;  // both maps; their checksums and the header

    // Each returns false where a block is unreadable.
    bool free(OwnedRun run);
    std::optional<BlockNo> allocate(AgNo near, InodeNo owner);
    bool free_inode(InodeNo ino);
    bool free_inode_block(BlockNo block);  // of eight free inodes
    bool clear_orphan_group(BlockNo group);
    // One word of a map.
    bool set_word(AgNo ag, MapKind kind, std::uint64_t index, std::uint64_t bits);
    // The checksum of a map block is wrong though its words are right.
    void touch(AgNo ag, MapKind kind, std::uint32_t map_block) { maps_.insert({ag, kind, map_block}); }
    // The counters are wrong, or words were set.
    bool set_counters(AgNo ag, std::uint32_t free_blocks, std::uint32_t inode_blocks, std::uint32_t free_inodes,
                      std::uint32_t orphan_groups);
    bool seal();

  private:
    struct TouchedMap {
        AgNo ag;
        MapKind kind;
        std::uint32_t block;
        auto operator<=>(const TouchedMap&) const = default;
    };

    daxfs_ag_header* header(AgNo ag);
    bool set_bits(AgNo ag, MapKind kind, std::uint64_t from, std::uint64_t length, bool value);

    RepairTransaction& transaction_;
    const Volume& volume_;
    ClaimMap& claims_;
    std::set<TouchedMap> maps_;
    std::set<AgNo> headers_;
};

}  // namespace daxfs

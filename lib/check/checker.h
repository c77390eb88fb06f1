// SPDX-License-Identifier: GPL-2.0-or-later
// What the passes share. Each pass is a function in a file of its own, which opens with what it establishes and what it
// trusts; they run in order, once.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lib/check/claims.h"
#include "lib/check/inode_table.h"
#include "lib/check/report.h"
#include "lib/tree/inode.h"
#include "lib/tree/volume.h"

namespace daxfs {

struct AgState {
    bool header_valid = false;
    std::uint32_t inode_blocks = 0;
    std::uint32_t free_inodes = 0;
};

// Pass, how far it is, and how far it goes.
using CheckProgress = std::function<void(int pass, std::uint64_t done, std::uint64_t of)>;

struct Checker {
    Checker(const Volume& v, Report& r, const CheckProgress& p)
        : volume(v), report(r), progress(p), claims(v), ags(v.initialised_ags()) {}

    const Volume& volume;
    Report& report;
    const CheckProgress& progress;
    ClaimMap claims;
    InodeTable inodes;
    std::vector<AgState> ags;

    // Something that could own blocks was not believed: nobody can say that a block is unowned.
    bool owners_incomplete = false;
    // Something that could hold names was not believed: nobody can say that an inode has no name.
    bool names_incomplete = false;

    std::vector<InodeNo> orphans;          // unlinked, for recovery to free
    std::vector<InodeNo> operations;       // with a name, and a long operation to finish
    std::vector<BlockNo> recovery_groups;  // first block of each group of the orphan map that must be set; ascending

    std::vector<BlockNo> torn;  // of inodes, and nodes that check out: memory under a part of them has failed

    std::uint64_t skipped_links = 0;   // link counts that could not be judged
    std::uint64_t skipped_blocks = 0;  // used blocks whose owner may be among the damaged

    void note_torn(BlockNo block) {
        if (volume.image->is_torn(block))
            torn.push_back(block);
    }
    void tell(int pass, std::uint64_t done, std::uint64_t of) const {
        if (progress)
            progress(pass, done, of);
    }
};

// What no lookup reads in a node that checks out: of passes 2 and 3.
void check_node_rest(Checker& checker, const daxfs_inode& inode, const daxfs_node_header& header);

void check_superblocks(Checker& checker);  // pass 0, behind recovery
void check_inodes(Checker& checker);       // pass 1
void check_extents(Checker& checker);      // pass 2
void check_directories(Checker& checker);  // pass 3
void name_collisions(Checker& checker);    // behind pass 3: who claimed first
void check_links(Checker& checker);        // pass 4
void check_maps(Checker& checker);         // pass 5
void check_torn_blocks(Checker& checker);  // behind all that read metadata

}  // namespace daxfs

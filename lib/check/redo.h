// SPDX-License-Identifier: GPL-2.0-or-later
// One recoverable transaction for everything that is staged in an image: afterwards, whatever moment it was cut off at,
// the device is as before, or as staged, or the next `finish_announced` makes it so. Nothing of the filesystem needs to
// be sound for it, not even the superblock.
//
//   1. the redo list, what is to be stored where, goes into blocks that are free before and after; flush: THE LIST
//   2. blocks 1 and 2 announce it, each with the checksum of the list; flush: THE ANNOUNCEMENT
//   3. the changes, in place; flush: THE CHANGES
//   4. blocks 1 and 2 are cleared; flush: THE END
//
// Cut off before one of the intents is whole on the device, nothing was changed but free blocks. From there to the end
// of step 3 at least one of the two is whole, and so is the list: all of it is stored again. In step 4 all of it is
// there already. The module mounts nothing that has an intent, so nobody changes what the list would overwrite, nor
// gives its blocks away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/strong.h"
#include "lib/image/image.h"
#include "lib/tree/volume.h"

namespace daxfs {

struct BlockRun {
    BlockNo start;
    std::uint64_t length = 0;  // in blocks
};

// Where a redo list may lie.
struct RedoPlace {
    // In any order. Nothing owns them on the device, nor when everything that is staged is written; of blocks that are
    // staged themselves none is taken.
    std::vector<BlockRun> runs{};
    // What does not fit goes in several rounds, each a transaction of its own; the lower goes first. Blocks that
    // nothing reaches yet belong before what will reach them, and maps of free space behind what they follow from.
    // Empty: by block number. Between rounds the superblock holds its error state, where it can be read.
    std::function<int(BlockNo)> rank{};
    // Called before the first of several rounds, which must not end a transaction of the journals that is only partly
    // undone: what is staged of it is written here, in an order of its own. May be empty.
    std::function<Result<void>()> before_rounds{};
};

// Blocks of the journals behind those in which entries start: free for a redo list where no journal holds anything that
// is to be undone. Empty where one does, or is damaged.
std::vector<BlockRun> journal_runs(const Volume& volume);

struct CommitOutcome {
    std::uint64_t rounds = 0;
    std::uint64_t blocks = 0;      // changed
    std::uint64_t list_bytes = 0;  // of all lists
};

// Blocks 1 and 2 are zeros afterwards, whatever is staged for them. Errors: I/O; no run of at least 2 blocks; a sound
// announcement that is not finished (nothing is written then).
Result<CommitOutcome> commit_staged(Image& image, const RedoPlace& place);

// Stages the end of all intents, where they are not zeros.
void stage_no_intents(Image& image);

enum class Announced : std::uint8_t {
    kNothing,   // no intent is valid; what blocks 1 and 2 hold else says pass 0
    kFinished,  // on the device, or for Access::kRead in memory alone
    kRefused,   // a valid intent that cannot be followed: nothing was written
};

struct AnnouncedOutcome {
    Announced what = Announced::kNothing;
    BlockNo block;            // of the intent
    std::string detail{};     // why it was refused: a phrase
    bool undoing = false;     // refused, and daxfs-undo can go on
    std::uint64_t bytes = 0;  // stored
};

// Why a valid intent cannot be followed, as a phrase; empty: it can.
std::string intent_problem(const Image& image, const daxfs_intent& intent);

// Finishes a repair that was cut off. Comes before everything else that reads the filesystem; nothing is staged yet.
// Errors: I/O.
Result<AnnouncedOutcome> finish_announced(Image& image, Access access);

// The superblock as it is between two rounds: `block`, with its error state. False: it is none that checks out.
bool hold_error_state(std::span<std::byte> block);

}  // namespace daxfs

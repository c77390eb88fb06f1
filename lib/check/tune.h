// SPDX-License-Identifier: GPL-2.0-or-later
// Changes what the superblock says of the filesystem as a whole, in block 0 and in every copy, as one recoverable
// transaction (redo.h): whenever it is cut off, all of them say what they said before, or all what is new, or the next
// fsck.daxfs makes it so and nothing mounts it until then.
//
// Nothing else follows from what can be changed here: checksums are seeded with the nonce, names are hashed with the
// key, and both stay, also where mkfs derived them from the UUID.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/format/identity.h"
#include "lib/image/image.h"

namespace daxfs {

// What is empty stays.
struct Tuning {
    std::optional<std::string> label{};  // check_label() takes it; "": none
    std::optional<Uuid> uuid{};
    std::optional<std::uint64_t> reserved_bytes{};
};

struct TuneOptions {
    Access access = Access::kWrite;  // kRead: only says what would be done
    std::string undo{};              // file for daxfs-undo, to be made before the first store; empty: none
};

struct TuneOutcome {
    daxfs_super before{};
    daxfs_super after{};
    std::uint64_t blocks = 0;  // superblock and copies that were changed, or would be; 0: all say so already
};

// Nothing is staged in `image`. Errors, before anything is written: no daxfs filesystem, one that needs newer tools; it
// needs recovery, or superblock, copies, heads of groups, journals or intents are damaged, or it has its error state;
// no room for the announcement; I/O.
Result<TuneOutcome> tune(Image& image, const Tuning& tuning, const TuneOptions& options);

}  // namespace daxfs

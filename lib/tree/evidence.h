// SPDX-License-Identifier: GPL-2.0-or-later
// Whether what a superblock describes is there. One with a right checksum may still be another filesystem's, or one
// that somebody made.
#pragma once

#include <optional>

#include "lib/tree/volume.h"

namespace daxfs {

// Of the headers of the first AGs and of the journals, and the root directory: how many check out. And that no group
// lies behind the last, no journal behind the last: that is so on any device where nothing is.
struct Evidence {
    unsigned present = 0;  // what checks out
    unsigned found = 0;    // and what is rightly not there
    unsigned of = 0;

    bool whole() const { return found == of; }
};

Evidence evidence_of(const Volume& volume);

// `super` with nonce, journals and root directory as what lies at their places says of itself. Empty: it says nothing
// else.
std::optional<daxfs_super> super_by_evidence(const Image& image, const daxfs_super& super);

}  // namespace daxfs

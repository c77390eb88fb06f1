// SPDX-License-Identifier: GPL-2.0-or-later
// What there is to say about a filesystem without walking its files: superblock, heads of the groups, journals,
// intents.
//
// Any byte of the image may be hostile. What cannot be believed is counted as such, and adds nothing to a sum.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/image/image.h"
#include "lib/image/system.h"
#include "lib/tree/volume.h"

namespace daxfs::info_page {

// Sums of the headers that check out. Blocks but where something else is said.
struct Space {
    std::uint64_t fixed = 0;  // before the first group; heads of all groups; journals
    std::uint64_t free = 0;
    std::uint64_t used = 0;      // neither
    std::uint64_t reserved = 0;  // free, but for root alone
    std::uint64_t inodes_used = 0;
    std::uint64_t inodes_free = 0;    // in blocks that hold inodes; each free block can hold 8 more
    std::uint64_t orphan_groups = 0;  // of 64 inodes: in each at least one that is unlinked, or in a long operation
    std::uint64_t unknown_ags = 0;    // whose header does not check out: all their blocks count as used
};

enum class Repair : std::uint8_t {
    kNone,
    kCutOff,   // by fsck.daxfs or tune.daxfs: fsck.daxfs -p finishes it
    kUndoing,  // daxfs-undo was cut off
    kDamaged,  // an intent that cannot be followed
};
const char* repair_name(Repair repair);

struct Facts {
    Volume volume;  // its image is the one that was given
    std::string label;
    Space space;
    std::vector<std::uint32_t> uncommitted_journals;
    std::vector<std::uint32_t> damaged_journals;
    Repair repair = Repair::kNone;
    std::string repair_detail;            // of kDamaged and kUndoing: a phrase
    std::optional<std::string> in_use{};  // as in_use_by() says it; journals and orphans then say nothing
    HugePageVerdict huge_pages{};

    bool errors_seen() const { return (volume.super.state & DAXFS_STATE_ERRORS) != 0; }
    bool needs_recovery() const { return !in_use && (!uncommitted_journals.empty() || space.orphan_groups > 0); }
    // Something does not check out, or is not there.
    bool is_damaged() const {
        return volume.primary_damage || volume.missing_blocks != 0 || space.unknown_ags != 0 ||
               !damaged_journals.empty() || repair == Repair::kDamaged;
    }
};

// Of the image alone: in_use and huge_pages are left as they are. The image must outlive the facts. The error is one
// phrase without the image's name: there is no filesystem, or one that needs a newer version.
Result<Facts> facts_of(const Image& image);

// What is to be done, one sentence without a full stop; empty: nothing.
std::string advice(const Facts& facts, const std::string& path);

}  // namespace daxfs::info_page

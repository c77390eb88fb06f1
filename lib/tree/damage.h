// SPDX-License-Identifier: GPL-2.0-or-later
// What a cursor says about a structure that cannot be believed: plain data, which fsck turns into a Problem and the
// debugger prints. Never an Error: those are for the outside world.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/strong.h"

namespace daxfs {

// The structure that is damaged.
enum class Unit : std::uint8_t {
    kSuperblock,
    kAgHeader,
    kBlockBitmap,
    kInodeMap,
    kOrphanMap,
    kInode,
    kExtentNode,
    kExtent,
    kDirectoryNode,
    kDirectoryEntry,
    kJournalHeader,
    kCommitWord,
    kJournalEntry,
    kIntent,
};

enum class DamageKind : std::uint8_t {
    kUnreadable,  // outside the device, or a media error
    kMagic,
    kVersion,
    kFeature,  // an incompat bit that this version does not know: not damage, but not ours to read
    kChecksum,
    kAddress,  // the structure says that it lies elsewhere; of an inode, that it is another one
    kOwner,
    kLevel,
    kCount,
    kLowKey,
    kOrder,
    kRange,  // a pointer or length that leaves the device or the structure
    kValue,  // a field with a value that it cannot have; `detail` says which
};

struct Damage {
    DamageKind kind = DamageKind::kUnreadable;
    Unit unit = Unit::kSuperblock;
    BlockNo block;             // where the structure lies
    std::uint32_t offset = 0;  // in that block, in bytes
    InodeNo owner{0};          // 0: belongs to no inode
    std::uint64_t found = 0;
    std::uint64_t expected = 0;
    const char* detail = "";  // a phrase with static lifetime; may be empty
};

// What a cursor passed over: the first kMaxDamage, and how many in all.
class DamageLog {
  public:
    static constexpr std::size_t kMaxDamage = 16;

    const std::vector<Damage>& damage() const { return damage_; }
    std::uint64_t damage_count() const { return damage_count_; }

  protected:
    void note(const Damage& damage) {
        if (damage_count_++ < kMaxDamage)
            damage_.push_back(damage);
    }

  private:
    std::vector<Damage> damage_;
    std::uint64_t damage_count_ = 0;
};

const char* unit_name(Unit unit);
const char* kind_name(DamageKind kind);
// One line for a person: "extent node at block 812 of inode 4099: wrong checksum (found 0x..., expected 0x...)".
std::string describe(const Damage& damage);

}  // namespace daxfs

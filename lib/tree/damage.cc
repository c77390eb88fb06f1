// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/tree/damage.h"

namespace daxfs {

const char* unit_name(Unit unit) {
    switch (unit) {
        case Unit::kSuperblock:
            return "superblock";
        case Unit::kAgHeader:
            return "AG header";
        case Unit::kBlockBitmap:
            return "block bitmap";
        case Unit::kInodeMap:
            return "inode map";
        case Unit::kOrphanMap:
            return "orphan map";
        case Unit::kInode:
            return "inode";
        case Unit::kExtentNode:
            return "extent tree node";
        case Unit::kExtent:
            return "extent";
        case Unit::kDirectoryNode:
            return "directory node";
        case Unit::kDirectoryEntry:
            return "directory entry";
        case Unit::kJournalHeader:
            return "journal header";
        case Unit::kCommitWord:
            return "commit word";
        case Unit::kJournalEntry:
            return "journal entry";
        case Unit::kIntent:
            return "repair intent";
    }
    return "structure";
}

const char* kind_name(DamageKind kind) {
    switch (kind) {
        case DamageKind::kUnreadable:
            return "unreadable";
        case DamageKind::kMagic:
            return "wrong magic";
        case DamageKind::kVersion:
            return "unknown version";
        case DamageKind::kFeature:
            return "unknown feature";
        case DamageKind::kChecksum:
            return "wrong checksum";
        case DamageKind::kAddress:
            return "wrong own address";
        case DamageKind::kOwner:
            return "wrong owner";
        case DamageKind::kLevel:
            return "wrong level";
        case DamageKind::kCount:
            return "impossible count";
        case DamageKind::kLowKey:
            return "wrong low key";
        case DamageKind::kOrder:
            return "out of order";
        case DamageKind::kRange:
            return "out of range";
        case DamageKind::kValue:
            return "impossible value";
    }
    return "damaged";
}

std::string describe(const Damage& damage) {
    std::string text = fmt::format("{} at block {}", unit_name(damage.unit), damage.block);
    if (damage.offset != 0)
        text += fmt::format("+{}", damage.offset);
    if (damage.owner.value != 0)
        text += fmt::format(" of inode {}", damage.owner);
    text += fmt::format(": {}", kind_name(damage.kind));
    if (damage.detail[0] != '\0')
        text += fmt::format(", {}", damage.detail);
    if (damage.found != damage.expected) {
        if (damage.kind == DamageKind::kMagic || damage.kind == DamageKind::kChecksum)
            text += fmt::format(" (found {:#x}, expected {:#x})", damage.found, damage.expected);
        else
            text += fmt::format(" (found {}, expected {})", damage.found, damage.expected);
    }
    return text;
}

}  // namespace daxfs

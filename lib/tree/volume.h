// SPDX-License-Identifier: GPL-2.0-or-later
// The superblock, and what every other cursor needs from it: geometry and checksum seed.
//
// Believed after: magic, checksum, version, incompat features, geometry inside the device, root inode in range.
#pragma once

#include <cstdint>
#include <optional>

#include "lib/base/result.h"
#include "lib/format/checksum.h"
#include "lib/format/daxfs_format.h"
#include "lib/format/geometry.h"
#include "lib/image/image.h"
#include "lib/tree/damage.h"

namespace daxfs {

struct SuperblockReading {
    const daxfs_super* raw = nullptr;  // nullptr: unreadable
    std::optional<Damage> damage;      // set: not to be believed
};

// The superblock or copy at `block`.
SuperblockReading read_superblock(const Image& image, BlockNo block);

// An image whose superblock is known. Cheap to copy; the image must outlive it.
struct Volume {
    const Image* image = nullptr;
    daxfs_super super{};
    BlockNo super_block;  // where `super` was read: 0, or a copy
    Geometry geometry;
    ChecksumSeed seed;
    std::optional<Damage> primary_damage;  // why the superblock at block 0 was passed over
    // `super` is as it was read but for this: where it counts too few AGs, being an old copy, those behind are counted
    // on as long as their headers check out, as the kernel does at mount.
    std::uint32_t ags = 0;
    // Blocks of the filesystem that the device does not have: a copy that failed. AGs whose header is among them do not
    // count in `ags`; whoever writes refuses.
    std::uint64_t missing_blocks = 0;

    // AGs 0 .. n-1, whose heads may be read.
    std::uint64_t initialised_ags() const { return ags; }
    // Whether `block` may hold something that an inode owns: inside an initialised AG, not in its fixed structures.
    bool is_allocatable(BlockNo block) const;
    // The same for [start, start + length); `length` at least 1. Every AG starts with a head, so such a run lies in one
    // AG.
    bool is_allocatable(BlockNo start, std::uint64_t length) const;
    BlockNo block_of(InodeNo ino) const { return BlockNo{ino.value / DAXFS_INODES_PER_BLOCK}; }
    std::uint32_t offset_of(InodeNo ino) const {
        return static_cast<std::uint32_t>(ino.value % DAXFS_INODES_PER_BLOCK) * DAXFS_INODE_SIZE;
    }
};

// `super` with the one bit flipped back that explains its checksum: in 512 bytes no two single bits have the same
// effect on a CRC32C, and two or three wrong bits never look like one. Empty: more is wrong. A young filesystem has no
// copy of its superblock, only this.
std::optional<daxfs_super> correct_one_bit(const daxfs_super& super);

// With `at`: the superblock at that block and no other. Without: block 0, unless a copy, or the same with what lies at
// the places that it names, describes more of what is there (then `primary_damage` is set); else what the journals put
// back there (as if it had been there: the image is to be rolled back), else what `correct_one_bit` makes of it (then
// `super_block` is 0 and `primary_damage` set), else the copy of which most is there (AG starts of every AG size are
// tried, a bounded number), put right in the same way where it is another filesystem's. The error is one phrase without
// the image's name, such as "not a daxfs filesystem (wrong magic)".
Result<Volume> open_volume(const Image& image, std::optional<BlockNo> at = std::nullopt);

}  // namespace daxfs

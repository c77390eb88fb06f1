// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/tree/evidence.h"

#include <algorithm>
#include <cstring>

#include "lib/tree/ag.h"
#include "lib/tree/inode.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kAgsAsked = 8;

// At the place of a group `ag` that `geometry` need not have.
bool is_group(const Volume& volume, AgNo ag) {
    const BlockNo block = volume.geometry.ag_header(ag);
    const auto* header = volume.image->at<daxfs_ag_header>(block);
    return header != nullptr && header->magic == DAXFS_AG_MAGIC && header->crc == checksum(volume.seed, *header) &&
           header->block == block.value && header->agno == ag.value;
}

bool is_journal(const Image& image, ChecksumSeed seed, BlockNo block, std::uint32_t id) {
    const auto* header = image.at<daxfs_journal_header>(block);
    return header != nullptr && header->magic == DAXFS_JOURNAL_MAGIC && header->crc == checksum(seed, *header) &&
           header->block == block.value && header->id == id;
}

bool is_root(const Volume& volume, InodeNo ino) {
    const InodeReading reading = read_mapped_inode(volume, ino);
    return !reading.damage && is_directory(*reading.raw) && reading.raw->parent == ino.value;
}

void find_nonce(const Image& image, const Geometry& geometry, daxfs_super& super) {
    const BlockNo block = geometry.ag_header(AgNo{0});
    const auto* header = image.at<daxfs_ag_header>(block);
    if (header != nullptr && header->magic == DAXFS_AG_MAGIC && header->block == block.value &&
        header->crc == checksum(ChecksumSeed::of(header->nonce), *header))
        super.nonce = std::uint64_t{header->nonce};
}

void find_journals(const Image& image, const Geometry& geometry, daxfs_super& super) {
    const ChecksumSeed seed = ChecksumSeed::of(super.nonce);
    const BlockNo first = geometry.ag_start(AgNo{0}) + geometry.map_end();
    if (!is_journal(image, seed, first, 0))
        return;
    const std::uint32_t blocks = image.at<daxfs_journal_header>(first)->blocks;
    if (blocks < DAXFS_MIN_JOURNAL_BLOCKS || blocks > DAXFS_MAX_JOURNAL_BLOCKS)
        return;
    std::uint32_t count = 1;
    while (count < DAXFS_MAX_JOURNALS && is_journal(image, seed, first + std::uint64_t{count} * blocks, count))
        ++count;
    super.journal_block = first.value;
    super.journal_blocks = blocks;
    super.journal_count = count;
}

// The directory of the first AG that is its own parent.
void find_root(const Volume& volume, daxfs_super& super) {
    if (is_root(volume, InodeNo{super.root_ino}))
        return;
    const AgMap map(volume, AgNo{0}, MapKind::kInodes);
    for (auto bit = map.next_set(0); bit; bit = map.next_set(*bit + 1)) {
        for (std::uint64_t i = 0; i < DAXFS_INODES_PER_BLOCK; ++i) {
            const InodeNo ino{map.device_block(*bit).value * DAXFS_INODES_PER_BLOCK + i};
            if (is_root(volume, ino)) {
                super.root_ino = ino.value;
                return;
            }
        }
    }
}

}  // namespace

Evidence evidence_of(const Volume& volume) {
    Evidence evidence;
    const auto count = [&](bool is_there) {
        evidence.present += is_there ? 1 : 0;
        evidence.found += is_there ? 1 : 0;
        ++evidence.of;
    };
    const auto count_absence = [&](bool is_there) {
        evidence.found += is_there ? 0 : 1;
        ++evidence.of;
    };
    for (AgNo ag; ag.value < std::min(kAgsAsked, volume.initialised_ags()); ++ag)
        count(!read_ag_header(volume, ag).damage);
    count_absence(is_group(volume, AgNo{volume.geometry.ag_count}));
    const std::uint32_t journals = volume.geometry.journal_count;
    const auto slot_is_journal = [&](std::uint32_t id) {
        const BlockNo slot = volume.geometry.journal_slot(id);
        return is_journal(*volume.image, volume.seed, slot, id) &&
               volume.image->at<daxfs_journal_header>(slot)->blocks == volume.geometry.journal_blocks;
    };
    for (std::uint32_t id = 0; id < journals; ++id)
        count(slot_is_journal(id));
    count_absence(journals != DAXFS_MAX_JOURNALS && slot_is_journal(journals));
    const InodeNo root{volume.super.root_ino};
    count(volume.is_allocatable(volume.block_of(root)) && is_root(volume, root));
    // Only the groups that are asked last are left of it.
    for (AgNo ag{kAgsAsked}; evidence.present == 0 && ag.value < volume.initialised_ags(); ++ag)
        evidence.present += read_ag_header(volume, ag).damage ? 0 : 1;
    return evidence;
}

std::optional<daxfs_super> super_by_evidence(const Image& image, const daxfs_super& super) {
    daxfs_super found = super;
    const Geometry geometry = Geometry::of(super);
    find_nonce(image, geometry, found);
    find_journals(image, geometry, found);
    find_root({.image = &image,
               .super = found,
               .super_block = BlockNo{0},
               .geometry = geometry,
               .seed = ChecksumSeed::of(found.nonce),
               .primary_damage = std::nullopt,
               .ags = found.initialised_ags},
              found);
    if (std::memcmp(&found, &super, sizeof(super)) == 0)
        return std::nullopt;
    found.crc = checksum(ChecksumSeed::of(found.nonce), found);
    return found;
}

}  // namespace daxfs

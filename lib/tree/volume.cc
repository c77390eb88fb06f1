// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/tree/volume.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <tuple>
#include <vector>

#include "lib/format/copy_places.h"
#include "lib/tree/ag.h"
#include "lib/tree/evidence.h"
#include "lib/tree/journal.h"

namespace daxfs {
namespace {

// Copies of which little is there that are held against what lies at the places that they name.
constexpr std::size_t kCopiesCorrected = 16;

Damage super_damage(DamageKind kind, BlockNo block, const char* detail = "") {
    return {.kind = kind, .unit = Unit::kSuperblock, .block = block, .detail = detail};
}

std::optional<Damage> check_placement(const daxfs_super& super, BlockNo block) {
    const Geometry geometry = Geometry::of(super);
    if (super.initialised_ags == 0 || super.initialised_ags > super.ag_count)
        return super_damage(DamageKind::kRange, block, "the number of initialised allocation groups is out of range");
    const BlockNo root{super.root_ino / DAXFS_INODES_PER_BLOCK};
    if (!geometry.contains(root) || geometry.ag_of(root).value >= super.initialised_ags)
        return super_damage(DamageKind::kRange, block, "the root inode is outside the device");
    const bool is_copy_place = geometry.contains(block) && geometry.ag_start(geometry.ag_of(block)) == block;
    if (block.value != 0 && !is_copy_place)
        return super_damage(DamageKind::kAddress, block, "not where a copy lies");
    return std::nullopt;
}

// AGs whose header lies on the device.
std::uint32_t groups_inside(const Geometry& geometry, std::uint64_t device_blocks) {
    const std::uint64_t before = std::uint64_t{geometry.align_blocks} + DAXFS_AG_HEADER_BLOCK;
    if (device_blocks <= before)
        return 0;
    const std::uint64_t groups = div_round_up(device_blocks - before, geometry.ag_blocks());
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(groups, geometry.ag_count));
}

// All but magic number and checksum.
std::optional<Damage> check_fields(const Image& image, const daxfs_super& super, BlockNo block) {
    if (super.version != DAXFS_VERSION_1)
        return super_damage(DamageKind::kVersion, block, "made by a newer version of daxfs");
    if ((super.incompat & ~DAXFS_INCOMPAT_KNOWN) != 0) {
        Damage damage = super_damage(DamageKind::kFeature, block, "incompatible feature bits");
        damage.found = super.incompat;
        damage.expected = DAXFS_INCOMPAT_KNOWN;
        return damage;
    }
    if (super.block_log2 != DAXFS_BLOCK_SHIFT || super.inode_log2 != DAXFS_INODE_SHIFT)
        return super_damage(DamageKind::kValue, block, "unknown block or inode size");
    const Geometry geometry = Geometry::of(super);
    if (const char* phrase = check_geometry(geometry, std::max(image.block_count(), geometry.block_count)))
        return super_damage(DamageKind::kRange, block, phrase);
    if (groups_inside(geometry, image.block_count()) == 0)
        return super_damage(DamageKind::kRange, block, "the device ends before the first allocation group");
    return check_placement(super, block);
}

std::optional<Damage> check_super(const Image& image, const daxfs_super& super, BlockNo block) {
    if (super.magic != DAXFS_SUPER_MAGIC) {
        Damage damage = super_damage(DamageKind::kMagic, block);
        damage.found = super.magic;
        damage.expected = DAXFS_SUPER_MAGIC;
        return damage;
    }
    if (const std::uint32_t actual = checksum(ChecksumSeed::of(super.nonce), super); actual != super.crc) {
        Damage damage = super_damage(DamageKind::kChecksum, block);
        damage.found = super.crc;
        damage.expected = actual;
        return damage;
    }
    return check_fields(image, super, block);
}

Volume volume_of(const Image& image, const daxfs_super& super, BlockNo block) {
    const Geometry geometry = Geometry::of(super);
    return {.image = &image,
            .super = super,
            .super_block = block,
            .geometry = geometry,
            .seed = ChecksumSeed::of(super.nonce),
            .primary_damage = std::nullopt,
            .ags = std::min<std::uint32_t>(super.initialised_ags, groups_inside(geometry, image.block_count())),
            .missing_blocks = geometry.block_count - std::min(geometry.block_count, image.block_count())};
}

// A copy is as old as the initialisation of its AG, and the superblock may be an old one put back.
void count_later_ags(Volume& volume) {
    while (volume.ags < volume.super.ag_count && !read_ag_header(volume, AgNo{volume.ags}).damage)
        ++volume.ags;
}

std::optional<Volume> copy_at(const Image& image, BlockNo block) {
    const SuperblockReading reading = read_superblock(image, block);
    if (reading.damage)
        return std::nullopt;
    Volume volume = volume_of(image, *reading.raw, block);
    count_later_ags(volume);
    return volume;
}

// Of one of which nothing is there, nothing else counts: what is not there either is no evidence.
auto rank_of(const Volume& volume) {
    const Evidence evidence = evidence_of(volume);
    return std::tuple(evidence.present > 0, volume.missing_blocks == 0, evidence.found);
}

// The best of `best` and `other`: of which more is there; of equals the one made later.
void prefer(std::optional<Volume>& best, std::optional<Volume> other) {
    if (!other)
        return;
    const auto rank = [](const Volume& volume) {
        return std::tuple(rank_of(volume), std::uint32_t{volume.super.initialised_ags});
    };
    if (!best || rank(*best) < rank(*other))
        best = std::move(other);
}

// `super` at `block` with what lies at the places that it names, where that says otherwise.
std::optional<Volume> by_evidence(const Image& image, const daxfs_super& super, BlockNo block) {
    const auto found = super_by_evidence(image, super);
    if (!found || check_super(image, *found, block))
        return std::nullopt;
    Volume volume = volume_of(image, *found, block);
    count_later_ags(volume);
    return volume;
}

std::vector<Volume> all_copies(const Image& image) {
    std::vector<Volume> copies;
    for_each_copy_place(image.block_count(), [&](BlockNo block) {
        if (auto copy = copy_at(image, block))
            copies.push_back(*std::move(copy));
    });
    return copies;
}

// A copy may be another filesystem's, like the superblock. One as it was read is better than one of which as much is
// there once it is put right: its hash key is the one that the names were stored by.
std::optional<Volume> find_copy(const Image& image) {
    const std::vector<Volume> copies = all_copies(image);
    std::optional<Volume> best;
    for (const Volume& copy : copies)
        prefer(best, copy);
    if (!best || evidence_of(*best).whole())
        return best;
    for (std::size_t i = 0; i < std::min(copies.size(), kCopiesCorrected); ++i) {
        const auto corrected = by_evidence(image, copies[i].super, copies[i].super_block);
        if (corrected && rank_of(*best) < rank_of(*corrected))
            best = corrected;
    }
    return best;
}

// A superblock that checks out may be another filesystem's that somebody put there. It is passed over for one of which
// more is there.
Volume best_known(const Image& image, const Volume& primary) {
    const Evidence evidence = evidence_of(primary);
    if (evidence.whole() && primary.missing_blocks == 0)
        return primary;
    std::optional<Volume> best = find_copy(image);
    prefer(best, by_evidence(image, primary.super, BlockNo{0}));
    if (!best || rank_of(*best) <= rank_of(primary))
        return primary;
    best->primary_damage = super_damage(DamageKind::kValue, BlockNo{0}, "what it describes is not there");
    return *best;
}

// A superblock at block 0 that a power cut tore inside the transaction that changes it, as recovery will put it back.
// Its geometry is the same before and after, and is vouched for by journals that check out, all of them.
std::optional<Volume> rolled_back(const Image& image) {
    const auto* raw = image.at<daxfs_super>(BlockNo{0});
    if (raw == nullptr || raw->magic != DAXFS_SUPER_MAGIC || check_fields(image, *raw, BlockNo{0}))
        return std::nullopt;
    const Volume torn = volume_of(image, *raw, BlockNo{0});
    std::vector<JournalReading> journals;
    for (std::uint32_t id = 0; id < torn.geometry.journal_count; ++id)
        journals.push_back(read_journal(torn, id));
    mark_shared_units(journals);
    std::optional<Volume> volume;
    for (const JournalReading& journal : journals) {
        if (journal.header_damage || journal.commit_damage || journal.entry_damage)
            return std::nullopt;
        for (const UndoEntry& entry : journal.uncommitted) {
            if (!undoes_super(entry))
                continue;
            daxfs_super super;
            std::memcpy(&super, entry.data.data(), sizeof(super));
            if (check_super(image, super, BlockNo{0}))
                return std::nullopt;
            volume = volume_of(image, super, BlockNo{0});
        }
    }
    return volume;
}

// A superblock at block 0 that checks out once one bit is put right.
std::optional<Volume> corrected(const Image& image) {
    const auto* raw = image.at<daxfs_super>(BlockNo{0});
    if (raw == nullptr)
        return std::nullopt;
    const auto super = correct_one_bit(*raw);
    if (!super || check_super(image, *super, BlockNo{0}))
        return std::nullopt;
    Volume volume = volume_of(image, *super, BlockNo{0});
    count_later_ags(volume);
    return volume;
}

// Damage after which another copy says nothing better: there is no damage, this is not ours to read.
bool is_final(const Damage& damage) {
    return damage.kind == DamageKind::kVersion || damage.kind == DamageKind::kFeature;
}

std::string phrase_of(const Damage& damage) {
    switch (damage.kind) {
        case DamageKind::kUnreadable:
            return fmt::format("cannot read the superblock at block {}", damage.block);
        case DamageKind::kMagic:
            return "not a daxfs filesystem (wrong magic)";
        case DamageKind::kChecksum:
            return fmt::format("the superblock at block {} has a wrong checksum", damage.block);
        case DamageKind::kVersion:
            return damage.detail;
        case DamageKind::kFeature:
            return fmt::format("uses incompatible features that this version does not know ({:#x})", damage.found);
        default:
            return fmt::format("the superblock at block {} is damaged: {}", damage.block, damage.detail);
    }
}

}  // namespace

SuperblockReading read_superblock(const Image& image, BlockNo block) {
    SuperblockReading reading{.raw = image.at<daxfs_super>(block), .damage = std::nullopt};
    reading.damage =
        reading.raw == nullptr ? super_damage(DamageKind::kUnreadable, block) : check_super(image, *reading.raw, block);
    return reading;
}

std::optional<daxfs_super> correct_one_bit(const daxfs_super& super) {
    daxfs_super candidate = super;
    auto* bytes = reinterpret_cast<std::uint8_t*>(&candidate);
    for (std::size_t bit = 0; bit < sizeof(candidate) * 8; ++bit) {
        const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
        bytes[bit / 8] ^= mask;
        if (candidate.magic == DAXFS_SUPER_MAGIC &&
            checksum(ChecksumSeed::of(candidate.nonce), candidate) == candidate.crc)
            return candidate;
        bytes[bit / 8] ^= mask;
    }
    return std::nullopt;
}

bool Volume::is_allocatable(BlockNo block) const {
    return is_allocatable(block, 1);
}

bool Volume::is_allocatable(BlockNo start, std::uint64_t length) const {
    if (!geometry.contains(start))
        return false;
    const AgNo ag = geometry.ag_of(start);
    if (ag.value >= initialised_ags())
        return false;
    const std::uint64_t in_ag = start - geometry.ag_start(ag);
    return in_ag >= geometry.fixed_blocks(ag) && range_inside(in_ag, length, geometry.ag_length(ag));
}

Result<Volume> open_volume(const Image& image, std::optional<BlockNo> at) {
    const BlockNo block = at.value_or(BlockNo{0});
    const SuperblockReading reading = read_superblock(image, block);
    if (!reading.damage) {
        Volume volume = volume_of(image, *reading.raw, block);
        if (block.value != 0)
            volume.primary_damage = read_superblock(image, BlockNo{0}).damage;
        count_later_ags(volume);
        return block.value == 0 ? best_known(image, volume) : volume;
    }
    if (at || is_final(*reading.damage))
        return fail("{}", phrase_of(*reading.damage));
    if (auto volume = rolled_back(image))
        return *volume;
    std::optional<Volume> copy = corrected(image);
    if (!copy || !evidence_of(*copy).whole())
        prefer(copy, find_copy(image));
    if (!copy)
        return fail("{}", phrase_of(*reading.damage));
    copy->primary_damage = reading.damage;
    return *copy;
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/tree/ag.h"

#include <bit>
#include <cstring>

namespace daxfs {
namespace {

Damage header_damage(DamageKind kind, BlockNo block, std::uint64_t found = 0, std::uint64_t expected = 0,
                     const char* detail = "") {
    return {
        .kind = kind, .unit = Unit::kAgHeader, .block = block, .found = found, .expected = expected, .detail = detail};
}

std::optional<Damage> check_header(const Volume& volume, AgNo ag, const daxfs_ag_header& header) {
    const BlockNo block = volume.geometry.ag_header(ag);
    if (header.magic != DAXFS_AG_MAGIC)
        return header_damage(DamageKind::kMagic, block, header.magic, DAXFS_AG_MAGIC);
    if (const std::uint32_t actual = checksum(volume.seed, header); header.crc != actual)
        return header_damage(DamageKind::kChecksum, block, header.crc, actual);
    if (header.block != block.value)
        return header_damage(DamageKind::kAddress, block, header.block, block.value);
    if (header.nonce != volume.super.nonce)
        return header_damage(DamageKind::kValue, block, header.nonce, volume.super.nonce, "nonce");
    if (header.agno != ag.value)
        return header_damage(DamageKind::kValue, block, header.agno, ag.value, "number");
    if (header.blocks != volume.geometry.ag_length(ag))
        return header_damage(DamageKind::kValue, block, header.blocks, volume.geometry.ag_length(ag), "length");
    return std::nullopt;
}

}  // namespace

AgReading read_ag_header(const Volume& volume, AgNo ag) {
    const BlockNo block = volume.geometry.ag_header(ag);
    AgReading reading{.raw = volume.image->at<daxfs_ag_header>(block), .damage = std::nullopt};
    reading.damage =
        reading.raw == nullptr ? header_damage(DamageKind::kUnreadable, block) : check_header(volume, ag, *reading.raw);
    return reading;
}

AgMap::AgMap(const Volume& volume, AgNo ag, MapKind kind) : volume_(&volume), ag_(ag), kind_(kind) {
    const Geometry& geometry = volume.geometry;
    const std::uint64_t length = geometry.ag_length(ag);
    switch (kind) {
        case MapKind::kBlocks:
            first_ = geometry.bitmap(ag);
            blocks_ = geometry.bitmap_blocks();
            bits_ = length;
            crc_offset_ = DAXFS_AG_BITMAP_CRCS;
            break;
        case MapKind::kInodes:
            first_ = geometry.inode_map(ag);
            blocks_ = geometry.bitmap_blocks();
            bits_ = length;
            crc_offset_ = DAXFS_AG_IMAP_CRCS;
            break;
        case MapKind::kOrphans:
            first_ = geometry.orphan_map(ag);
            blocks_ = geometry.orphan_map_blocks();
            bits_ = div_round_up<std::uint64_t>(length, DAXFS_ORPHAN_BLOCKS);
            crc_offset_ = DAXFS_AG_ORPHAN_CRCS;
            break;
    }
}

BlockNo AgMap::device_block(std::uint64_t bit) const {
    return volume_->geometry.ag_start(ag_) + (kind_ == MapKind::kOrphans ? bit * DAXFS_ORPHAN_BLOCKS : bit);
}

Unit AgMap::unit() const {
    switch (kind_) {
        case MapKind::kBlocks:
            return Unit::kBlockBitmap;
        case MapKind::kInodes:
            return Unit::kInodeMap;
        case MapKind::kOrphans:
            return Unit::kOrphanMap;
    }
    return Unit::kBlockBitmap;
}

std::optional<std::uint32_t> AgMap::stored_checksum(std::uint32_t index) const {
    const auto* crc = volume_->image->at<daxfs_le32>(volume_->geometry.ag_header(ag_), checksum_offset(index));
    if (crc == nullptr)
        return std::nullopt;
    return *crc;
}

std::optional<std::uint32_t> AgMap::actual_checksum(std::uint32_t index) const {
    const std::byte* bytes = volume_->image->try_block(block(index));
    if (bytes == nullptr)
        return std::nullopt;
    return map_checksum(volume_->seed, block(index), BlockBytes{bytes, DAXFS_BLOCK_SIZE});
}

std::optional<Damage> AgMap::verify(std::uint32_t index) const {
    const auto stored = stored_checksum(index);
    const auto actual = actual_checksum(index);
    Damage damage{.kind = DamageKind::kUnreadable, .unit = unit(), .block = block(index)};
    if (!stored || !actual)
        return damage;
    if (*stored == *actual)
        return std::nullopt;
    damage.kind = DamageKind::kChecksum;
    damage.found = *stored;
    damage.expected = *actual;
    return damage;
}

std::uint64_t AgMap::word(std::uint64_t index) const {
    constexpr std::uint64_t kWords = DAXFS_BLOCK_SIZE / sizeof(std::uint64_t);
    const auto* word = volume_->image->at<daxfs_le64>(first_ + index / kWords, index % kWords * sizeof(std::uint64_t));
    return word == nullptr ? 0 : static_cast<std::uint64_t>(*word);
}

std::optional<std::uint64_t> AgMap::next_set(std::uint64_t from) const {
    while (from < bits_) {
        const std::uint64_t rest = word(from / 64) >> (from % 64);
        if (rest != 0) {
            const std::uint64_t bit = from + static_cast<unsigned>(std::countr_zero(rest));
            return bit < bits_ ? std::optional(bit) : std::nullopt;
        }
        from = (from / 64 + 1) * 64;
    }
    return std::nullopt;
}

std::optional<AgMap::Run> AgMap::run(std::uint64_t from) const {
    if (from >= bits_)
        return std::nullopt;
    const bool set = test(from);
    std::uint64_t end = from;
    while (end < bits_) {
        std::uint64_t rest = word(end / 64) >> (end % 64);
        if (set)
            rest = ~rest;
        const std::uint64_t left = 64 - end % 64;
        const std::uint64_t same = std::min<std::uint64_t>(static_cast<unsigned>(std::countr_zero(rest)), left);
        end += same;
        if (same < left)
            break;
    }
    return Run{.start = from, .length = std::min(end, bits_) - from, .set = set};
}

}  // namespace daxfs

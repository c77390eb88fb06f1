// SPDX-License-Identifier: GPL-2.0-or-later
// An allocation group's maps: damaged, or with right checksums and counters and a wrong bit.
#include "lib/tree/ag.h"
#include "tests/live/damage/verbs.h"

namespace damage {
namespace {

using namespace daxfs;

MapKind kind_named(std::string_view name) {
    static const std::map<std::string_view, MapKind> kKinds{
        {"blocks", MapKind::kBlocks}, {"inodes", MapKind::kInodes}, {"orphans", MapKind::kOrphans}};
    const auto kind = kKinds.find(name);
    expect(kind != kKinds.end(), "no such map: " + std::string(name));
    return kind->second;
}

void map(Target& target, const Arguments& arguments) {
    const AgMap bits(target.volume, AgNo{arguments.small(1)}, kind_named(arguments.text(0)));
    target.stage(bits.block(0))[DAXFS_BLOCK_SIZE - 1] ^= std::byte{1};
}

void count(daxfs_ag_header& header, MapKind kind, bool set) {
    if (kind == MapKind::kBlocks)
        header.free_blocks = header.free_blocks + (set ? -1u : 1u);
    else
        header.inode_blocks = header.inode_blocks + (set ? 1u : -1u);
}

void bit(Target& target, const Arguments& arguments) {
    const MapKind kind = kind_named(arguments.text(0));
    expect(kind != MapKind::kOrphans, "a bit of the orphans map stands for many blocks");
    const BlockNo block{arguments.number(1)};
    const bool set = arguments.number(2) != 0;
    const Volume& volume = target.volume;
    const AgNo ag = volume.geometry.ag_of(block);
    const AgMap bits(volume, ag, kind);
    const std::uint64_t place = block - volume.geometry.ag_start(ag);
    expect(bits.test(place) != set, "the bit is as it should become");

    const auto index = static_cast<std::uint32_t>(place / DAXFS_BITS_PER_MAP_BLOCK);
    std::byte* bytes = target.stage(bits.block(index));
    bytes[place % DAXFS_BITS_PER_MAP_BLOCK / 8] ^= std::byte{1} << (place % 8);
    std::byte* head = target.stage(volume.geometry.ag_header(ag));
    *reinterpret_cast<daxfs_le32*>(head + bits.checksum_offset(index)) = *bits.actual_checksum(index);
    auto& header = *reinterpret_cast<daxfs_ag_header*>(head);
    count(header, kind, set);
    header.crc = checksum(volume.seed, header);
}

}  // namespace

Verbs map_verbs() {
    return {{"map", {2, map}}, {"bit", {3, bit}}};
}

}  // namespace damage

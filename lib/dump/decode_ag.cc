// SPDX-License-Identifier: GPL-2.0-or-later
// AG headers, the checksums behind them, and the maps.
#include <bit>

#include <fmt/format.h>

#include "lib/dump/block.h"
#include "lib/dump/decode.h"
#include "lib/format/schemas.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kBitsPerLine = 512;
constexpr std::uint32_t kLineBytes = kBitsPerLine / 8;

struct MapWords {
    const char* name;    // "bitmap"
    const char* title;   // "block bitmap"
    const char* set;     // what set bits are
    std::uint64_t each;  // blocks under one bit
    std::uint32_t crcs;  // offset of the checksums in the AG header's block
};

MapWords words_of(MapKind kind) {
    switch (kind) {
        case MapKind::kBlocks:
            return {"bitmap", "block bitmap", "used", 1, DAXFS_AG_BITMAP_CRCS};
        case MapKind::kInodes:
            return {"inode_map", "inode map", "inode blocks", 1, DAXFS_AG_IMAP_CRCS};
        case MapKind::kOrphans:
            return {"orphan_map", "orphan map", "orphan groups", DAXFS_ORPHAN_BLOCKS, DAXFS_AG_ORPHAN_CRCS};
    }
    return {};
}

std::string checksum_text(std::optional<std::uint32_t> checksum) {
    return checksum ? fmt::format("0x{:08x}", *checksum) : "unreadable";
}

// Stored and computed checksum of one map block: a row in the AG header's place.
Row checksum_row(const AgMap& map, const MapWords& words, std::uint32_t index) {
    const auto stored = map.stored_checksum(index);
    const auto actual = map.actual_checksum(index);
    const bool wrong = !stored || !actual || *stored != *actual;
    return {.name = fmt::format("{}[{}]", words.name, index),
            .value = checksum_text(stored),
            .offset = words.crcs + index * static_cast<std::uint32_t>(sizeof(daxfs_le32)),
            .size = sizeof(daxfs_le32),
            .target = Target{Target::To::kBlock, map.block(index).value},
            .remark = wrong ? "wrong: computed " + checksum_text(actual) : "ok",
            .wrong = wrong};
}

Section decode_map_checksums(const Volume& volume, AgNo ag) {
    Section section;
    section.title = "checksums of the maps";
    section.offset = DAXFS_AG_BITMAP_CRCS;
    Json maps = Json::array();
    for (const MapKind kind : {MapKind::kBlocks, MapKind::kInodes, MapKind::kOrphans}) {
        const AgMap map(volume, ag, kind);
        const MapWords words = words_of(kind);
        for (std::uint32_t i = 0; i < map.blocks(); ++i) {
            section.rows.push_back(checksum_row(map, words, i));
            maps.push_back({{"map", words.name},
                            {"index", i},
                            {"block", map.block(i).value},
                            {"stored", checksum_text(map.stored_checksum(i))},
                            {"computed", checksum_text(map.actual_checksum(i))},
                            {"ok", !section.rows.back().wrong}});
        }
    }
    section.json = {{"structure", "map_checksums"}, {"offset", section.offset}, {"maps", std::move(maps)}};
    return section;
}

std::uint64_t count_set(const AgMap& map, std::uint64_t first, std::uint64_t bits) {
    std::uint64_t set = 0;
    for (std::uint64_t bit = first; bit < first + bits; bit += 64) {
        const std::uint64_t left = first + bits - bit;
        const std::uint64_t mask = left >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << left) - 1;
        set += static_cast<unsigned>(std::popcount(map.word(bit / 64) & mask));
    }
    return set;
}

std::string line_value(MapKind kind, const MapWords& words, std::uint64_t set, std::uint64_t bits) {
    if (kind != MapKind::kBlocks)
        return fmt::format("{} {}", set, words.set);
    if (set == 0 && bits == kBitsPerLine)
        return "free huge page";
    return set == bits ? "full" : fmt::format("{} of {} blocks free", bits - set, bits);
}

}  // namespace

Section decode_ag_header(const Volume& volume, BlockNo block, BlockBytes bytes) {
    const auto& header = *reinterpret_cast<const daxfs_ag_header*>(bytes.data());
    Section section = decode_struct(kSchema<daxfs_ag_header>, bytes_of(header), 0);
    section.title = fmt::format("allocation group header at block {}", block);
    judge_crc(section, header.crc, checksum(volume.seed, header));
    return section;
}

std::vector<Section> decode_ag(const Volume& volume, AgNo number) {
    const AgReading reading = read_ag_header(volume, number);
    const BlockNo block = volume.geometry.ag_header(number);
    Section header;
    if (const std::byte* bytes = volume.image->try_block(block))
        header = decode_ag_header(volume, block, BlockBytes{bytes, DAXFS_BLOCK_SIZE});
    header.title = fmt::format("allocation group {}: blocks {} to {}", number, volume.geometry.ag_start(number),
                               volume.geometry.ag_start(number) + (volume.geometry.ag_length(number) - 1));
    if (reading.damage && reading.damage->kind != DamageKind::kChecksum && reading.damage->kind != DamageKind::kMagic)
        header.problem(describe(*reading.damage));
    std::vector<Section> sections{std::move(header)};
    if (reading.raw != nullptr)
        sections.push_back(decode_map_checksums(volume, number));
    return sections;
}

Section decode_map(const Volume& volume, AgNo ag, MapKind kind, std::uint32_t index) {
    const AgMap map(volume, ag, kind);
    const MapWords words = words_of(kind);
    Section section;
    section.title = fmt::format("{} of AG {}, block {} of {}", words.title, ag, index, map.blocks());
    const Row checksum = checksum_row(map, words, index);
    section.json = {{"structure", words.name},
                    {"offset", 0},
                    {"ag", ag.value},
                    {"index", index},
                    {"checksum",
                     {{"stored", checksum.value},
                      {"computed", checksum_text(map.actual_checksum(index))},
                      {"ok", !checksum.wrong}}}};
    if (checksum.wrong)
        section.problem(fmt::format("checksum {} in the AG header is {}", checksum.value, checksum.remark));
    Json lines = Json::array();
    const std::uint64_t start = std::uint64_t{index} * DAXFS_BITS_PER_MAP_BLOCK;
    for (std::uint64_t first = start; first < start + DAXFS_BITS_PER_MAP_BLOCK && first < map.bits();
         first += kBitsPerLine) {
        const std::uint64_t bits = std::min(kBitsPerLine, map.bits() - first);
        const std::uint64_t set = count_set(map, first, bits);
        const std::uint64_t block = map.device_block(first).value;
        section.rows.push_back({.name = fmt::format("{}-{}", block, block + bits * words.each - 1),
                                .value = line_value(kind, words, set, bits),
                                .offset = static_cast<std::uint32_t>((first - start) / 8),
                                .size = kLineBytes,
                                .target = Target{Target::To::kBlock, block},
                                .remark = ""});
        lines.push_back({{"first_block", block}, {"bits", bits}, {"set", set}});
    }
    section.json["lines"] = std::move(lines);
    return section;
}

}  // namespace daxfs

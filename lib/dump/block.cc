// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/dump/block.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "lib/dump/decode.h"
#include "lib/format/schemas.h"
#include "lib/tree/ag.h"
#include "lib/tree/inode.h"

namespace daxfs {
namespace {

std::optional<BlockKind> kind_in_head(const Volume& volume, AgNo ag, std::uint64_t at) {
    const Geometry& geometry = volume.geometry;
    const std::uint64_t maps = DAXFS_AG_BITMAP_BLOCK + geometry.bitmap_blocks();
    if (at == DAXFS_AG_SUPER_BLOCK)
        return BlockKind::kSuperblock;
    if (at < DAXFS_AG_HEADER_BLOCK)
        return BlockKind::kReserved;
    if (at == DAXFS_AG_HEADER_BLOCK)
        return BlockKind::kAgHeader;
    if (at < maps)
        return BlockKind::kBlockBitmap;
    if (at < maps + geometry.bitmap_blocks())
        return BlockKind::kInodeMap;
    if (at < geometry.map_end())
        return BlockKind::kOrphanMap;
    if (at < geometry.fixed_blocks(ag))
        return (at - geometry.map_end()) % geometry.journal_blocks == 0 ? BlockKind::kJournal : BlockKind::kJournalBody;
    return std::nullopt;
}

std::optional<BlockKind> kind_by_place(const Volume& volume, BlockNo block) {
    if (block.value == 0)
        return BlockKind::kSuperblock;
    if (block.value == DAXFS_INTENT_BLOCK_A || block.value == DAXFS_INTENT_BLOCK_B)
        return BlockKind::kIntent;
    if (!volume.geometry.contains(block))
        return volume.initialised_ags() != 0 ? std::optional(BlockKind::kReserved) : std::nullopt;
    const AgNo ag = volume.geometry.ag_of(block);
    if (ag.value >= volume.initialised_ags())
        return std::nullopt;
    const std::uint64_t at = block - volume.geometry.ag_start(ag);
    if (const auto kind = kind_in_head(volume, ag, at))
        return kind;
    if (AgMap(volume, ag, MapKind::kInodes).test(at))
        return BlockKind::kInodes;
    return std::nullopt;
}

std::optional<BlockKind> kind_by_magic(const std::byte* bytes) {
    daxfs_le64 long_magic;
    daxfs_le32 magic;
    std::memcpy(&long_magic, bytes, sizeof(long_magic));
    if (long_magic == DAXFS_SUPER_MAGIC)
        return BlockKind::kSuperblock;
    for (std::size_t at = 0; at < DAXFS_BLOCK_SIZE; at += DAXFS_INODE_SIZE) {
        std::memcpy(&magic, bytes + at, sizeof(magic));
        if (magic == DAXFS_INODE_MAGIC)
            return BlockKind::kInodes;
    }
    std::memcpy(&magic, bytes, sizeof(magic));
    switch (magic) {
        case DAXFS_AG_MAGIC:
            return BlockKind::kAgHeader;
        case DAXFS_EXTENT_NODE_MAGIC:
            return BlockKind::kExtentNode;
        case DAXFS_DIR_NODE_MAGIC:
            return BlockKind::kDirectoryNode;
        case DAXFS_JOURNAL_MAGIC:
            return BlockKind::kJournal;
        case DAXFS_INTENT_MAGIC:
            return BlockKind::kIntent;
        default:
            return std::nullopt;
    }
}

std::string_view title_of(BlockKind kind) {
    switch (kind) {
        case BlockKind::kSuperblock:
            return "superblock";
        case BlockKind::kIntent:
            return "repair intent";
        case BlockKind::kAgHeader:
            return "allocation group header";
        case BlockKind::kBlockBitmap:
            return "block bitmap";
        case BlockKind::kInodeMap:
            return "inode map";
        case BlockKind::kOrphanMap:
            return "orphan map";
        case BlockKind::kJournal:
            return "journal";
        case BlockKind::kJournalBody:
            return "inside a journal";
        case BlockKind::kInodes:
            return "inodes";
        case BlockKind::kExtentNode:
            return "extent tree node";
        case BlockKind::kDirectoryNode:
            return "directory tree node";
        case BlockKind::kReserved:
            return "reserved";
        case BlockKind::kOther:
            return "no structure of daxfs";
    }
    return "";
}

std::string use_of(const Volume& volume, BlockNo block) {
    if (!volume.geometry.contains(block))
        return "";
    const AgNo ag = volume.geometry.ag_of(block);
    if (ag.value >= volume.initialised_ags())
        return fmt::format(", in AG {}, not yet initialised", ag);
    const std::uint64_t bit = block - volume.geometry.ag_start(ag);
    return AgMap(volume, ag, MapKind::kBlocks).test(bit) ? fmt::format(", in AG {}, allocated", ag)
                                                         : fmt::format(", in AG {}, free", ag);
}

// Which map block of its AG a bitmap, inode map or orphan map block is.
struct MapPlace {
    AgNo ag;
    std::uint32_t index = 0;
};
MapPlace map_place(const Volume& volume, BlockNo block, BlockKind kind) {
    const Geometry& geometry = volume.geometry;
    const AgNo ag = geometry.ag_of(block);
    const BlockNo first = kind == BlockKind::kBlockBitmap ? geometry.bitmap(ag)
                          : kind == BlockKind::kInodeMap  ? geometry.inode_map(ag)
                                                          : geometry.orphan_map(ag);
    return {ag, static_cast<std::uint32_t>(block - first)};
}

void add_sections(const Volume& volume, DecodedBlock& decoded) {
    const BlockBytes bytes{decoded.bytes, DAXFS_BLOCK_SIZE};
    const bool placed = kind_by_place(volume, decoded.block) == decoded.kind;
    auto& sections = decoded.sections;
    switch (decoded.kind) {
        case BlockKind::kSuperblock:
            sections.push_back(decode_super(decoded.block, *reinterpret_cast<const daxfs_super*>(bytes.data())));
            break;
        case BlockKind::kIntent:
            sections.push_back(decode_intent(bytes));
            break;
        case BlockKind::kAgHeader:
            sections = placed ? decode_ag(volume, volume.geometry.ag_of(decoded.block))
                              : std::vector{decode_ag_header(volume, decoded.block, bytes)};
            break;
        case BlockKind::kBlockBitmap:
        case BlockKind::kInodeMap:
        case BlockKind::kOrphanMap: {
            const MapPlace place = map_place(volume, decoded.block, decoded.kind);
            const auto map =
                static_cast<MapKind>(static_cast<int>(decoded.kind) - static_cast<int>(BlockKind::kBlockBitmap));
            sections.push_back(decode_map(volume, place.ag, map, place.index));
            break;
        }
        case BlockKind::kJournal:
            sections = placed ? decode_journal(volume, journal_of(volume, decoded.block))
                              : std::vector{decode_journal_header(volume, decoded.block, bytes)};
            break;
        case BlockKind::kInodes:
            for (std::uint64_t i = 0; i < DAXFS_INODES_PER_BLOCK; ++i)
                sections.push_back(decode_inode(volume, InodeNo{decoded.block.value * DAXFS_INODES_PER_BLOCK + i},
                                                reinterpret_cast<const daxfs_inode*>(bytes.data())[i]));
            break;
        case BlockKind::kExtentNode:
        case BlockKind::kDirectoryNode:
            sections = decode_node(volume, decoded.block, bytes);
            break;
        case BlockKind::kJournalBody:
        case BlockKind::kReserved:
        case BlockKind::kOther:
            break;
    }
}

}  // namespace

std::string_view block_kind_name(BlockKind kind) {
    static constexpr std::array<std::string_view, 13> kNames{
        "superblock",   "intent", "ag_header",   "block_bitmap",   "inode_map", "orphan_map", "journal",
        "journal_body", "inodes", "extent_node", "directory_node", "reserved",  "other"};
    return kNames.at(static_cast<std::size_t>(kind));
}

BlockKind recognise_block(const Volume& volume, BlockNo block) {
    if (const auto kind = kind_by_place(volume, block))
        return *kind;
    const std::byte* bytes = volume.image->try_block(block);
    if (bytes == nullptr)
        return BlockKind::kOther;
    return kind_by_magic(bytes).value_or(BlockKind::kOther);
}

DecodedBlock decode_block(const Volume& volume, BlockNo block) {
    DecodedBlock decoded{.block = block,
                         .kind = recognise_block(volume, block),
                         .title = "",
                         .bytes = volume.image->try_block(block),
                         .sections = {}};
    if (decoded.bytes == nullptr) {
        decoded.title = fmt::format("block {}: {}", block,
                                    block.value < volume.image->block_count() ? "unreadable" : "outside the device");
        return decoded;
    }
    decoded.title = fmt::format("block {}: {}{}", block, title_of(decoded.kind), use_of(volume, block));
    add_sections(volume, decoded);
    return decoded;
}

Json with_problems(const Section& section) {
    Json json = section.json;
    Json problems = Json::array();
    for (const Row& row : section.rows)
        if (row.wrong)
            problems.push_back({{"field", row.name}, {"problem", row.remark}});
    for (const std::string& problem : section.problems)
        problems.push_back({{"problem", problem}});
    json["problems"] = std::move(problems);
    return json;
}

Json json_of(const DecodedBlock& block) {
    Json sections = Json::array();
    for (const Section& section : block.sections)
        sections.push_back(with_problems(section));
    return {{"block", block.block.value},
            {"kind", block_kind_name(block.kind)},
            {"readable", block.bytes != nullptr},
            {"structures", std::move(sections)}};
}

}  // namespace daxfs

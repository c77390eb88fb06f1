// SPDX-License-Identifier: GPL-2.0-or-later
// Blocks of extent trees and directory trees, judged by what their own header promises.
#include <algorithm>

#include <fmt/format.h>

#include "lib/dump/decode.h"
#include "lib/format/schemas.h"
#include "lib/tree/directory.h"
#include "lib/tree/extent.h"
#include "lib/tree/node.h"

namespace daxfs {
namespace {

constexpr std::uint32_t kHeaderBytes = sizeof(daxfs_node_header);

TreeNode self_described(BlockNo block, BlockBytes bytes) {
    const auto* header = reinterpret_cast<const daxfs_node_header*>(bytes.data());
    return {.block = block,
            .level = header->level,
            .low_key = header->low_key,
            .high_key = ~std::uint64_t{0},
            .header = header,
            .damage = std::nullopt};
}

Section decode_header(const Volume& volume, const TreeNode& node, TreeKind kind, BlockBytes bytes) {
    const daxfs_node_header& header = *node.header;
    Section section = decode_struct(kSchema<daxfs_node_header>, bytes_of(header), 0);
    section.title = fmt::format("{} tree node at block {}, level {}",
                                kind == TreeKind::kExtents ? "extent" : "directory", node.block, node.level);
    judge_crc(section, header.crc, node_checksum(volume.seed, bytes));
    const auto damage = check_node(volume, kind, InodeNo{header.owner}, node);
    if (damage && damage->kind != DamageKind::kChecksum && damage->kind != DamageKind::kMagic)
        section.problem(describe(*damage));
    return section;
}

// Rows of equal structs behind the header. judge(element, offset) is a complaint, or empty.
template <typename S, typename Judge>
Section decode_entries(std::span<const S> entries, const char* title, Judge&& judge) {
    Section section;
    section.title = fmt::format("{} {}", entries.size(), title);
    section.offset = kHeaderBytes;
    Json list = Json::array();
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const StructBytes raw = bytes_of(entries[i]);
        const auto offset = static_cast<std::uint32_t>(kHeaderBytes + i * sizeof(S));
        std::string complaint = judge(entries[i], offset);
        const StructSchema& schema = kSchema<S>;
        const Field& pointer = *std::ranges::find_if(schema.fields, &Field::is_pointer);
        section.rows.push_back({.name = fmt::format("[{}]", i),
                                .value = one_line(schema, raw),
                                .offset = offset,
                                .size = sizeof(S),
                                .target = Target{Target::To::kBlock, read_integer(place_of(pointer), raw)},
                                .remark = complaint,
                                .wrong = !complaint.empty()});
        list.push_back(json_of(schema, raw));
    }
    section.json = {{"structure", kSchema<S>.name}, {"offset", kHeaderBytes}, {"entries", std::move(list)}};
    return section;
}

std::string record_text(const DirectoryRecord& record) {
    const daxfs_dirent& raw = *record.raw;
    if (record.free())
        return fmt::format("free, {} bytes", raw.length);
    const Field& type = *kSchema<daxfs_dirent>.find("type");
    return fmt::format("{} {}, inode {}, key 0x{:x}, length {}", quote(record.name),
                       format_value(place_of(type), bytes_of(raw)), raw.ino, raw.key, raw.length);
}

Section decode_records(const Volume& volume, const TreeNode& node) {
    Section section;
    section.offset = DAXFS_DIR_LEAF_START;
    LeafCursor cursor(volume, InodeNo{node.header->owner}, node);
    Json records = Json::array();
    std::uint32_t live = 0;
    while (const auto record = cursor.next()) {
        const auto& damage = cursor.record_damage();
        live += record->free() ? 0 : 1;
        Row row{.name = fmt::format("+{}", record->offset),
                .value = record_text(*record),
                .offset = record->offset,
                .size = record->raw->length,
                .target = std::nullopt,
                .remark = damage ? describe(*damage) : "",
                .wrong = damage.has_value()};
        if (!record->free())
            row.target = Target{Target::To::kInode, record->raw->ino};
        Json json = json_of(kSchema<daxfs_dirent>, bytes_of(*record->raw));
        json["offset"] = record->offset;
        json["name"] = json_text(record->name);
        records.push_back(std::move(json));
        section.rows.push_back(std::move(row));
    }
    if (cursor.damage())
        section.problem(describe(*cursor.damage()));
    else if (live != node.header->count)
        section.problem(fmt::format("the header counts {} entries", node.header->count));
    section.title = fmt::format("{} entries", live);
    section.json = {{"structure", "daxfs_dirent"}, {"offset", section.offset}, {"entries", std::move(records)}};
    return section;
}

}  // namespace

std::vector<Section> decode_node(const Volume& volume, BlockNo block, BlockBytes bytes) {
    const TreeNode node = self_described(block, bytes);
    const TreeKind kind = node.header->magic == DAXFS_EXTENT_NODE_MAGIC ? TreeKind::kExtents : TreeKind::kDirectory;
    std::vector<Section> sections{decode_header(volume, node, kind, bytes)};
    if (node.level > 0)
        sections.push_back(
            decode_entries(index_entries(node), "children", [&](const daxfs_index_entry& entry, std::uint32_t) {
                return volume.is_allocatable(BlockNo{entry.block}) ? std::string() : "no node can lie there";
            }));
    else if (kind == TreeKind::kExtents)
        sections.push_back(
            decode_entries(leaf_extents(node), "extents", [&](const daxfs_extent& extent, std::uint32_t offset) {
                const auto damage = check_extent(volume, extent, InodeNo{node.header->owner}, block, offset);
                return damage ? std::string(damage->detail) : std::string();
            }));
    else
        sections.push_back(decode_records(volume, node));
    return sections;
}

}  // namespace daxfs

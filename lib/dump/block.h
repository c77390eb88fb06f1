// SPDX-License-Identifier: GPL-2.0-or-later
// What lies in one block: first by its place (what the geometry and the inode map promise, so that a damaged structure
// is still shown as what it should be), then by its magic (a candidate: file data may look like anything).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/dump/section.h"
#include "lib/tree/volume.h"

namespace daxfs {

enum class BlockKind : std::uint8_t {
    kSuperblock,
    kIntent,
    kAgHeader,
    kBlockBitmap,
    kInodeMap,
    kOrphanMap,
    kJournal,
    kJournalBody,
    kInodes,
    kExtentNode,
    kDirectoryNode,
    kReserved,
    kOther,  // data, or free
};

std::string_view block_kind_name(BlockKind kind);
BlockKind recognise_block(const Volume& volume, BlockNo block);

struct DecodedBlock {
    BlockNo block;
    BlockKind kind = BlockKind::kOther;
    std::string title;                 // "block 3: allocation group header"
    const std::byte* bytes = nullptr;  // 4096; nullptr: unreadable or outside the device
    std::vector<Section> sections;
};

DecodedBlock decode_block(const Volume& volume, BlockNo block);
Json json_of(const DecodedBlock& block);

// `number` is below initialised_ags(): header and the checksums of its maps.
std::vector<Section> decode_ag(const Volume& volume, AgNo number);
// `id` is below journal_count: header, commit word, and the entries of a transaction that did not commit.
std::vector<Section> decode_journal(const Volume& volume, std::uint32_t id);
Section decode_super(BlockNo block, const daxfs_super& super);
// `raw` lies where inode `number` should.
Section decode_inode(const Volume& volume, InodeNo number, const daxfs_inode& raw);
// The section's JSON with its complaints: {"structure", "offset", "fields", "checksum", "problems"}.
Json with_problems(const Section& section);

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Any byte of an image may be hostile: every command ends, and its JSON parses. Half of the edits are sealed again with
// a right checksum, so that what lies behind the checksum test is reached too.
#include <algorithm>
#include <cstring>
#include <map>
#include <sstream>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cmd/daxdb/commands.h"
#include "cmd/daxdb/view.h"
#include "lib/dump/block.h"
#include "lib/format/schemas.h"
#include "tests/cmd/daxdb/rich_image.h"

namespace daxfs::daxdb {
namespace {

constexpr int kMaxEdits = 12;

struct Edit {
    std::uint64_t block;
    std::size_t offset;
    std::uint64_t value;
    std::size_t size;
    bool seal;
};

// Blocks that hold metadata.
const std::vector<std::uint64_t>& metadata_blocks() {
    static const std::vector<std::uint64_t> found = [] {
        const Session session = rich_session();
        std::vector<std::uint64_t> blocks;
        for (std::uint64_t block = 0; block < session.image->block_count(); ++block)
            switch (recognise_block(session.volume, BlockNo{block})) {
                case BlockKind::kOther:
                case BlockKind::kReserved:
                case BlockKind::kJournalBody:
                    break;
                default:
                    blocks.push_back(block);
            }
        return blocks;
    }();
    return found;
}

rc::Gen<Edit> any_edit() {
    const auto value = rc::gen::oneOf(
        rc::gen::arbitrary<std::uint64_t>(),
        rc::gen::element<std::uint64_t>(0, 1, 2, 7, 0xff, 0x7fff, 0xffff, 0xffffffff, 1ull << 51, 1ull << 63, ~0ull));
    return rc::gen::build<Edit>(
        rc::gen::set(&Edit::block, rc::gen::elementOf(metadata_blocks())),
        rc::gen::set(&Edit::offset,
                     rc::gen::oneOf(rc::gen::inRange<std::size_t>(0, 128), rc::gen::inRange<std::size_t>(0, 4089))),
        rc::gen::set(&Edit::value, value), rc::gen::set(&Edit::size, rc::gen::element<std::size_t>(1, 2, 4, 8)),
        rc::gen::set(&Edit::seal, rc::gen::arbitrary<bool>()));
}

template <typename S>
void seal_as(std::byte* bytes, ChecksumSeed seed) {
    auto& structure = *reinterpret_cast<S*>(bytes);
    structure.crc = checksum(seed, structure);
}

void seal(std::byte* block, const Volume& volume, BlockNo number, std::size_t offset) {
    switch (recognise_block(volume, number)) {
        case BlockKind::kSuperblock: {
            auto& super = *reinterpret_cast<daxfs_super*>(block);
            super.crc = checksum(ChecksumSeed::of(super.nonce), super);
            break;
        }
        case BlockKind::kAgHeader:
            seal_as<daxfs_ag_header>(block, volume.seed);
            break;
        case BlockKind::kJournal:
            seal_as<daxfs_journal_header>(block, volume.seed);
            break;
        case BlockKind::kInodes:
            seal_as<daxfs_inode>(block + offset / DAXFS_INODE_SIZE * DAXFS_INODE_SIZE, volume.seed);
            break;
        case BlockKind::kExtentNode:
        case BlockKind::kDirectoryNode: {
            auto& header = *reinterpret_cast<daxfs_node_header*>(block);
            header.crc = node_checksum(volume.seed, {block, DAXFS_BLOCK_SIZE});
            break;
        }
        default:
            break;
    }
}

// The blocks that are not all zero: a copy of these is quick.
const std::map<BlockNo, const std::byte*>& used_blocks() {
    static const std::map<BlockNo, const std::byte*> found = [] {
        std::map<BlockNo, const std::byte*> blocks;
        const std::vector<std::byte>& bytes = rich_bytes();
        for (std::size_t at = 0; at < bytes.size(); at += DAXFS_BLOCK_SIZE)
            if (std::any_of(&bytes[at], &bytes[at] + DAXFS_BLOCK_SIZE, [](std::byte b) { return b != std::byte{0}; }))
                blocks[BlockNo{at / DAXFS_BLOCK_SIZE}] = &bytes[at];
        return blocks;
    }();
    return found;
}

Image mutated(const std::vector<Edit>& edits) {
    static const Session original = rich_session();
    struct alignas(64) Block {
        std::byte bytes[DAXFS_BLOCK_SIZE];
    };
    std::map<BlockNo, Block> changed;
    for (const Edit& edit : edits) {
        const BlockNo number{edit.block};
        const auto [place, fresh] = changed.try_emplace(number);
        std::byte* block = place->second.bytes;
        if (fresh)
            std::memcpy(block, original.image->try_block(number), DAXFS_BLOCK_SIZE);
        std::memcpy(block + edit.offset, &edit.value, edit.size);
        if (edit.seal)
            seal(block, original.volume, number, edit.offset);
    }
    std::map<BlockNo, const std::byte*> blocks = used_blocks();
    for (const auto& [number, block] : changed)
        blocks[number] = block.bytes;
    return Image::from_blocks(kRichBytes, blocks);
}

std::vector<std::string> all_commands() {
    std::vector<std::string> lines{"superblock", "ag 0", "journal 0", "journal 1"};
    for (const char* path : {"/", "/hello", "/link", "/holes", "/tree", "/many", "/endless", "/fifo"})
        for (const char* command : {"inode", "extents", "ls", "cat"})
            lines.push_back(fmt::format("{} {}", command, path));
    lines.emplace_back("cat /endless 9223372036854775000 5000");
    return lines;
}

RC_GTEST_PROP(DaxdbOnDamage, EveryCommandEndsAndItsJsonParses, ()) {
    const auto edits =
        *rc::gen::resize(kMaxEdits, rc::gen::nonEmpty(rc::gen::container<std::vector<Edit>>(any_edit())));
    const auto json = *rc::gen::arbitrary<bool>();
    const auto session = session_of(mutated(edits), std::nullopt, true);
    RC_ASSERT(session.has_value());
    std::vector<std::string> lines = all_commands();
    for (const Edit& edit : edits) {
        lines.push_back(fmt::format("block {}", edit.block));
        lines.push_back(fmt::format("inode {}", edit.block * DAXFS_INODES_PER_BLOCK + edit.offset / DAXFS_INODE_SIZE));
    }
    std::ostringstream out;
    Report report(out, json);
    report.begin_document("image");
    for (const std::string& line : lines) {
        report.begin_result(line);
        const auto result = run_line(*session, line, report);
        report.end_result(result ? std::string_view{} : result.error().message);
    }
    report.end_document(0, "");
    if (json)
        RC_ASSERT(Json::parse(out.str())["results"].size() == lines.size());
}

RC_GTEST_PROP(DaxdbOnDamage, TheViewTakesAnyKeysAtAnySize, ()) {
    const auto edits = *rc::gen::resize(kMaxEdits, rc::gen::container<std::vector<Edit>>(any_edit()));
    const auto session = session_of(mutated(edits), std::nullopt, true);
    RC_ASSERT(session.has_value());
    View view(*session);
    const auto keys = *rc::gen::container<std::vector<int>>(60, rc::gen::inRange(0, 13));
    const auto width = *rc::gen::inRange(0, 180);
    const auto height = *rc::gen::inRange(0, 60);
    for (const int key : keys) {
        view.press({static_cast<Key>(key), "gfb?7/ "[key % 7]});
        const Grid grid = view.render(width, height);
        RC_ASSERT(grid.width() == width && grid.height() == height);
    }
}

}  // namespace
}  // namespace daxfs::daxdb

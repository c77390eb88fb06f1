// SPDX-License-Identifier: GPL-2.0-or-later
// Superblock, repair intent, inode, journal.
#include "lib/dump/decode.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/dump/block.h"
#include "lib/format/schemas.h"
#include "lib/tree/inode.h"
#include "lib/tree/intent.h"
#include "lib/tree/journal.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kSequenceMask = (std::uint64_t{1} << DAXFS_SEQUENCE_BITS) - 1;

template <typename S>
const S& structure_at(BlockBytes bytes) {
    return *reinterpret_cast<const S*>(bytes.data());
}

// Damage that the row of a wrong checksum or magic already tells.
bool is_told(const Damage& damage) {
    return damage.kind == DamageKind::kChecksum || damage.kind == DamageKind::kMagic;
}

Section decode_commit_word(const Volume& volume, std::uint32_t id, std::uint64_t word) {
    const std::uint64_t sequence = word & kSequenceMask;
    const std::uint64_t check = word >> DAXFS_SEQUENCE_BITS;
    const std::uint64_t computed = commit_word(volume.seed, id, sequence) >> DAXFS_SEQUENCE_BITS;
    const bool wrong = check != computed;
    Section section;
    section.title = "commit word";
    section.offset = DAXFS_JOURNAL_COMMIT_OFFSET;
    section.rows.push_back({.name = "sequence",
                            .value = fmt::format("{}", sequence),
                            .offset = section.offset,
                            .size = 6,
                            .target = std::nullopt,
                            .remark = ""});
    section.rows.push_back({.name = "check",
                            .value = fmt::format("0x{:04x}", check),
                            .offset = section.offset + 6,
                            .size = 2,
                            .target = std::nullopt,
                            .remark = wrong ? fmt::format("wrong: computed 0x{:04x}", computed) : "ok",
                            .wrong = wrong});
    section.json = {{"structure", "commit_word"},
                    {"offset", section.offset},
                    {"fields", {{"sequence", sequence}, {"check", fmt::format("0x{:04x}", check)}}},
                    {"checksum",
                     {{"stored", fmt::format("0x{:04x}", check)},
                      {"computed", fmt::format("0x{:04x}", computed)},
                      {"ok", !wrong}}}};
    return section;
}

Section decode_entries(const JournalReading& journal) {
    Section section;
    section.title = journal.uncommitted.empty()
                        ? "no transaction in flight"
                        : fmt::format("a transaction that did not commit: {} entries", journal.uncommitted.size());
    section.offset = DAXFS_JOURNAL_BODY_OFFSET;
    Json entries = Json::array();
    for (const UndoEntry& entry : journal.uncommitted) {
        const std::uint64_t block = entry.offset.value / DAXFS_BLOCK_SIZE;
        const std::uint64_t inside = entry.offset.value % DAXFS_BLOCK_SIZE;
        section.rows.push_back({.name = fmt::format("entry[{}]", entry.ordinal),
                                .value = fmt::format("{} old bytes of block {}+{}", entry.data.size(), block, inside),
                                .offset = entry.position,
                                .size = static_cast<std::uint32_t>(sizeof(daxfs_journal_entry) + entry.stored_bytes),
                                .target = Target{Target::To::kBlock, block},
                                .remark = ""});
        entries.push_back({{"position", entry.position},
                           {"ordinal", entry.ordinal},
                           {"offset", entry.offset.value},
                           {"length", entry.data.size()}});
    }
    if (journal.commit_damage)
        section.problem("the commit word does not check out: no entry is looked for");
    if (journal.entry_damage)
        section.problem(describe(*journal.entry_damage));
    section.json = {{"structure", "undo_entries"}, {"offset", section.offset}, {"entries", std::move(entries)}};
    return section;
}

}  // namespace

Section decode_super(BlockNo block, const daxfs_super& super) {
    Section section = decode_struct(kSchema<daxfs_super>, bytes_of(super), 0);
    section.title = block.value == 0 ? "superblock" : fmt::format("superblock copy at block {}", block);
    judge_crc(section, super.crc, checksum(ChecksumSeed::of(super.nonce), super));
    if (super.align_blocks != 0 && super.align_blocks < DAXFS_MIN_ALIGN_BLOCKS)
        section.problem(fmt::format("align_blocks is neither 0 nor at least {}", DAXFS_MIN_ALIGN_BLOCKS));
    return section;
}

Section decode_intent(BlockBytes bytes) {
    const auto& intent = structure_at<daxfs_intent>(bytes);
    const StructBytes raw = bytes_of(intent);
    if (std::ranges::all_of(raw, [](std::byte b) { return b == std::byte{0}; })) {
        Section section;
        section.title = "repair intent: none";
        section.json = {{"structure", "daxfs_intent"}, {"offset", 0}, {"fields", nullptr}};
        return section;
    }
    Section section = decode_struct(kSchema<daxfs_intent>, raw, 0);
    section.title = "repair intent: a repair is being applied";
    judge_crc(section, intent.crc, checksum(intent));
    return section;
}

Section decode_inode(const Volume& volume, InodeNo number, const daxfs_inode& raw) {
    Section section = decode_struct(kSchema<daxfs_inode>, bytes_of(raw), volume.offset_of(number));
    section.title = fmt::format("inode {} (block {}+{})", number, volume.block_of(number), volume.offset_of(number));
    judge_crc(section, raw.crc, checksum(volume.seed, raw));
    if (Row* row = section.find("ino"); row != nullptr && raw.ino != number.value) {
        row->wrong = true;
        row->remark = fmt::format("should be {}", number);
    }
    if (raw.magic == DAXFS_INODE_MAGIC)
        if (const auto damage = check_inode_fields(volume, raw, number))
            section.problem(damage->detail);
    return section;
}

Section decode_journal_header(const Volume& volume, BlockNo block, BlockBytes bytes) {
    const auto& header = structure_at<daxfs_journal_header>(bytes);
    Section section = decode_struct(kSchema<daxfs_journal_header>, bytes_of(header), 0);
    section.title = fmt::format("journal at block {}", block);
    judge_crc(section, header.crc, checksum(volume.seed, header));
    return section;
}

std::uint32_t journal_of(const Volume& volume, BlockNo block) {
    return static_cast<std::uint32_t>((block - volume.geometry.journal_block) / volume.geometry.journal_blocks);
}

std::vector<Section> decode_journal(const Volume& volume, std::uint32_t id) {
    const JournalReading journal = read_journal(volume, id);
    const std::byte* bytes = volume.image->try_block(journal.block);
    Section header;
    if (bytes != nullptr)
        header = decode_journal_header(volume, journal.block, BlockBytes{bytes, DAXFS_BLOCK_SIZE});
    header.title = fmt::format("journal {} at block {}", id, journal.block);
    if (journal.header_damage && !is_told(*journal.header_damage))
        header.problem(describe(*journal.header_damage));
    std::vector<Section> sections{std::move(header)};
    if (bytes == nullptr)
        return sections;
    sections.push_back(decode_commit_word(volume, id, journal.commit_word));
    sections.push_back(decode_entries(journal));
    return sections;
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Superblock and copies, AG headers, journals and intents: what has a fixed place, and follows from the superblock in
// use.
//
// Trusts the superblock in use: open_volume found that what it describes is there.
#include <algorithm>
#include <cstring>

#include "lib/check/mending.h"
#include "lib/check/unused_bytes.h"
#include "lib/tree/journal.h"

namespace daxfs {
namespace {

// The whole block.
void store_super(Mending& m, BlockNo block, const daxfs_super& super) {
    auto* bytes = m.edit<std::byte>(block);
    std::fill(bytes, bytes + DAXFS_BLOCK_SIZE, std::byte{0});
    std::memcpy(bytes, &super, sizeof(super));
}

// What the module makes of fields that it does not refuse.
void mend_super_fields(daxfs_super& super) {
    super.state = super.state & DAXFS_STATE_ERRORS;
    super.reserved_blocks = std::min<std::uint64_t>(super.reserved_blocks, super.block_count / 2);
    auto* end = std::find(super.label, std::end(super.label) - 1, daxfs_u8{0});
    std::fill(end, std::end(super.label), daxfs_u8{0});
    super.reserved0 = 0;
    std::ranges::fill(super.reserved, daxfs_u8{0});
}

void mend_superblock(Mending& m) {
    const bool lost = m.has_work(Problem::kSuperDamaged);
    // From a copy, the label and the state may be old ones: that is for -y. One bit put right is exact, and so is what
    // was taken from where it must lie.
    const bool fields = m.has_work(Problem::kSuperReserved) || m.has_work(Problem::kSuperField);
    const bool known = m.has_work(Problem::kSuperGroupsMissed) || (fields && !lost);
    if (!known && !(lost && (m.volume.super_block.value == 0 || m.may_lose())))
        return;
    daxfs_super super = m.volume.super;
    super.initialised_ags = m.volume.ags;
    mend_super_fields(super);
    super.crc = checksum(m.volume.seed, super);
    store_super(m, BlockNo{0}, super);
}

// A copy is not made from a copy: in the round behind the superblock's.
void mend_copies(Mending& m) {
    if (m.volume.super_block.value != 0 || m.volume.primary_damage || m.has_work(Problem::kSuperReserved) ||
        m.has_work(Problem::kSuperField))
        return;
    m.each({Problem::kSuperCopyDamaged, Problem::kSuperCopyDiffers},
           [&](const Finding& finding) { store_super(m, finding.block, m.volume.super); });
}

// The checksums of the maps lie behind the header and are not its: they stay. Counters are for mend_maps.
void mend_header(Mending& m, AgNo ag) {
    daxfs_ag_header header{};
    header.magic = DAXFS_AG_MAGIC;
    header.block = m.volume.geometry.ag_header(ag).value;
    header.nonce = m.volume.super.nonce;
    header.agno = static_cast<std::uint32_t>(ag.value);
    header.blocks = static_cast<std::uint32_t>(m.volume.geometry.ag_length(ag));
    header.crc = checksum(m.volume.seed, header);
    m.store(m.volume.geometry.ag_header(ag), 0, std::as_bytes(std::span(&header, 1)));
}

void clear_reserved(Mending& m, AgNo ag) {
    daxfs_ag_header header = *read_ag_header(m.volume, ag).raw;
    std::ranges::fill(header.reserved, daxfs_u8{0});
    header.crc = checksum(m.volume.seed, header);
    m.store(m.volume.geometry.ag_header(ag), 0, std::as_bytes(std::span(&header, 1)));
    auto* block = m.edit<std::byte>(m.volume.geometry.ag_header(ag));
    for (const auto& [from, end] : unused_in_ag_header(m.volume.geometry))
        std::fill(block + from, block + end, std::byte{0});
}

void mend_journal_header(Mending& m, std::uint32_t id) {
    daxfs_journal_header header{};
    header.magic = DAXFS_JOURNAL_MAGIC;
    header.id = id;
    header.blocks = m.volume.geometry.journal_blocks;
    header.block = m.volume.geometry.journal_slot(id).value;
    header.crc = checksum(m.volume.seed, header);
    m.store(m.volume.geometry.journal_slot(id), 0, std::as_bytes(std::span(&header, 1)));
}

// The journal forgets what it holds: nothing of it is rolled back, and what that leaves half done is for the other
// mends. Its first entry is the newest sequence that was ever used, if there is one.
void empty_journal(Mending& m, std::uint32_t id) {
    const BlockNo slot = m.volume.geometry.journal_slot(id);
    const auto* entry = m.volume.image->at<daxfs_journal_entry>(slot, DAXFS_JOURNAL_BODY_OFFSET);
    constexpr std::uint64_t kSequence = (std::uint64_t{1} << DAXFS_SEQUENCE_BITS) - 1;
    const std::uint64_t sequence = entry == nullptr ? 0 : std::uint64_t{entry->sequence} & kSequence;
    if (auto* body = m.edit<std::byte>(slot, DAXFS_JOURNAL_BODY_OFFSET))
        std::memset(body, 0, sizeof(daxfs_journal_entry));
    if (auto* word = m.edit<daxfs_le64>(slot, DAXFS_JOURNAL_COMMIT_OFFSET))
        *word = commit_word(m.volume.seed, id, sequence);
}

}  // namespace

Result<void> mend_heads(Mending& m) {
    mend_superblock(m);
    mend_copies(m);
    for (const Finding& finding : m.work(Problem::kAgHeaderDamaged))
        mend_header(m, finding.ag);
    for (const Finding& finding : m.work(Problem::kAgReserved))
        clear_reserved(m, finding.ag);
    for (const Finding& finding : m.work(Problem::kJournalHeaderDamaged))
        mend_journal_header(m, static_cast<std::uint32_t>(finding.at));
    if (!m.may_lose())
        return {};
    m.each({Problem::kCommitWordDamaged, Problem::kJournalEntryRange}, [&](const Finding& finding) {
        empty_journal(m, static_cast<std::uint32_t>(finding.at));
        m.lose(InodeNo{0},
               fmt::format("journal {}: an operation that a power cut interrupted is not undone", finding.at));
    });
    // One that could be followed was, before the first look.
    m.each({Problem::kIntentPresent, Problem::kIntentDamaged}, [&](const Finding& finding) {
        if (auto* intent = m.edit<daxfs_intent>(finding.block))
            *intent = daxfs_intent{};
    });
    if (m.has_work(Problem::kIntentPresent))
        m.lose(InodeNo{0}, "a repair that was cut off and cannot be finished");
    return {};
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/tree/journal.h"
#include "lib/base/zeros.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace daxfs {
namespace {

constexpr std::uint32_t kFillBytes = 8;
constexpr std::uint64_t kSequenceMask = (std::uint64_t{1} << DAXFS_SEQUENCE_BITS) - 1;

// The bytes of one slot, whose blocks need not lie side by side in memory.
class Slot {
  public:
    Slot(const Volume& volume, std::uint32_t id)
        : volume_(volume),
          start_(volume.geometry.journal_slot(id)),
          size_(volume.geometry.journal_blocks * DAXFS_BLOCK_SIZE) {}

    BlockNo start() const { return start_; }
    std::uint32_t size() const { return size_; }

    // False where it would leave the slot or a block is unreadable.
    bool read(std::uint32_t position, std::span<std::byte> into) const {
        if (!range_inside<std::uint64_t>(position, into.size(), size_))
            return false;
        while (!into.empty()) {
            const std::byte* block = volume_.image->try_block(start_ + position / DAXFS_BLOCK_SIZE);
            if (block == nullptr)
                return false;
            const std::uint32_t offset = position % DAXFS_BLOCK_SIZE;
            const std::size_t piece = std::min<std::size_t>(into.size(), DAXFS_BLOCK_SIZE - offset);
            std::memcpy(into.data(), block + offset, piece);
            into = into.subspan(piece);
            position += static_cast<std::uint32_t>(piece);
        }
        return true;
    }

  private:
    const Volume& volume_;
    BlockNo start_;
    std::uint32_t size_;
};

Damage slot_damage(DamageKind kind, Unit unit, BlockNo block, std::uint64_t found = 0, std::uint64_t expected = 0) {
    return {.kind = kind, .unit = unit, .block = block, .found = found, .expected = expected};
}

std::optional<Damage> check_header(const Volume& volume, std::uint32_t id, const Slot& slot) {
    const BlockNo block = slot.start();
    const auto* header = volume.image->at<daxfs_journal_header>(block);
    if (header == nullptr)
        return slot_damage(DamageKind::kUnreadable, Unit::kJournalHeader, block);
    if (header->magic != DAXFS_JOURNAL_MAGIC)
        return slot_damage(DamageKind::kMagic, Unit::kJournalHeader, block, header->magic, DAXFS_JOURNAL_MAGIC);
    if (const std::uint32_t actual = checksum(volume.seed, *header); header->crc != actual)
        return slot_damage(DamageKind::kChecksum, Unit::kJournalHeader, block, header->crc, actual);
    if (header->block != block.value)
        return slot_damage(DamageKind::kAddress, Unit::kJournalHeader, block, header->block, block.value);
    Damage damage = slot_damage(DamageKind::kValue, Unit::kJournalHeader, block);
    if (header->id != id)
        damage.detail = "id";
    else if (header->blocks != volume.geometry.journal_blocks)
        damage.detail = "length";
    else if (!is_zero(header->reserved))
        damage.detail = "reserved bytes are not zero";
    else
        return std::nullopt;
    return damage;
}

// Whether a transaction may have changed these bytes, which lie behind block 0: part of one block, and no copy of the
// superblock, repair intent or journal.
bool is_target(const Geometry& geometry, std::uint64_t offset, std::uint32_t length) {
    const BlockNo block{offset / DAXFS_BLOCK_SIZE};
    if (!geometry.contains(block) || !range_inside<std::uint64_t>(offset % DAXFS_BLOCK_SIZE, length, DAXFS_BLOCK_SIZE))
        return false;
    if (block - geometry.ag_start(geometry.ag_of(block)) < DAXFS_AG_HEADER_BLOCK)
        return false;
    return block < geometry.journal_block || block >= geometry.journal_slot(geometry.journal_count);
}

// The superblock as a whole, in what transactions change of it.
bool is_super_undo(const Volume& volume, const UndoEntry& entry) {
    daxfs_super old;
    if (!undoes_super(entry))
        return false;
    std::memcpy(&old, entry.data.data(), sizeof(old));
    daxfs_super same = volume.super;
    same.crc = old.crc;
    same.state = old.state;
    same.initialised_ags = old.initialised_ags;
    std::memcpy(same.label, old.label, sizeof(same.label));
    const std::uint32_t then = old.initialised_ags;
    const std::uint32_t now = volume.super.initialised_ags;
    return std::memcmp(&same, &old, sizeof(old)) == 0 && checksum(volume.seed, old) == old.crc && then != 0 &&
           (then == now || then + 1 == now);
}

Damage entry_damage(const JournalReading& reading, std::uint32_t position) {
    Damage damage = slot_damage(DamageKind::kRange, Unit::kJournalEntry, reading.block + position / DAXFS_BLOCK_SIZE);
    damage.offset = position % DAXFS_BLOCK_SIZE;
    return damage;
}

// What the entry restores: its data, over and over where it is a fill.
std::vector<std::byte> old_bytes(std::span<const std::byte> data, std::uint32_t length) {
    std::vector<std::byte> bytes;
    bytes.reserve(length);
    while (bytes.size() < length)
        bytes.insert(bytes.end(), data.begin(), data.end());
    return bytes;
}

void scan_entries(const Volume& volume, const Slot& slot, JournalReading& reading) {
    const std::uint64_t wanted = (reading.sequence + 1) & kSequenceMask;
    std::vector<std::byte> bytes(sizeof(daxfs_journal_entry) + DAXFS_JOURNAL_MAX_DATA);
    reading.end = DAXFS_JOURNAL_BODY_OFFSET;
    for (std::uint32_t ordinal = 0;; ++ordinal) {
        daxfs_journal_entry header;
        if (!slot.read(reading.end, std::as_writable_bytes(std::span(&header, 1))))
            return;
        const std::uint32_t length = header.length;
        const bool fill = header.kind == DAXFS_JOURNAL_FILL;
        if (header.ordinal != ordinal || header.sequence != wanted || length == 0 || length > DAXFS_JOURNAL_MAX_DATA ||
            header.kind > DAXFS_JOURNAL_FILL || (fill && length % kFillBytes != 0))
            return;
        const std::uint32_t stored = fill ? kFillBytes : length;
        const std::span entry(bytes.data(), sizeof(header) + stored);
        if (!slot.read(reading.end, entry) ||
            journal_entry_checksum(volume.seed, reading.id, reading.end, entry) != header.crc)
            return;
        const std::span<const std::byte> data = entry.subspan(sizeof(header));
        UndoEntry undo{.position = reading.end,
                       .ordinal = ordinal,
                       .stored_bytes = stored,
                       .offset = ByteOffset{header.offset},
                       .data = old_bytes(data, length)};
        const bool again = std::ranges::any_of(reading.uncommitted, undoes_super);
        if (header.offset == 0 ? fill || again || !is_super_undo(volume, undo)
                               : !is_target(volume.geometry, header.offset, length)) {
            reading.entry_damage = entry_damage(reading, reading.end);
            return;
        }
        reading.uncommitted.push_back(std::move(undo));
        reading.end += static_cast<std::uint32_t>(sizeof(header)) + round_up<std::uint32_t>(stored, 8);
    }
}

}  // namespace

bool undoes_super(const UndoEntry& entry) {
    return entry.offset.value == 0 && entry.data.size() == sizeof(daxfs_super);
}

void mark_shared_units(std::span<JournalReading> journals) {
    struct Claim {
        std::uint64_t first, end;
        JournalReading* journal;
        std::uint32_t position;
    };
    std::vector<Claim> units;
    for (JournalReading& journal : journals)
        for (const UndoEntry& entry : journal.uncommitted)
            units.push_back({entry.offset.value / DAXFS_INODE_SIZE,
                             (entry.offset.value + entry.data.size() - 1) / DAXFS_INODE_SIZE + 1, &journal,
                             entry.position});
    std::ranges::sort(units, {}, &Claim::first);
    std::uint64_t end = 0;
    const JournalReading* owner = nullptr;
    for (const Claim& unit : units) {
        if (unit.journal != owner && unit.first < end && !unit.journal->entry_damage)
            unit.journal->entry_damage = entry_damage(*unit.journal, unit.position);
        owner = unit.journal;
        end = std::max(end, unit.end);
    }
}

JournalReading read_journal(const Volume& volume, std::uint32_t id) {
    const Slot slot(volume, id);
    JournalReading reading;
    reading.id = id;
    reading.block = slot.start();
    reading.header_damage = check_header(volume, id, slot);
    const auto* word = volume.image->at<daxfs_le64>(slot.start(), DAXFS_JOURNAL_COMMIT_OFFSET);
    if (word == nullptr) {
        reading.commit_damage = slot_damage(DamageKind::kUnreadable, Unit::kCommitWord, slot.start());
        return reading;
    }
    reading.commit_word = *word;
    reading.sequence = reading.commit_word & kSequenceMask;
    const std::uint64_t expected = commit_word(volume.seed, id, reading.sequence);
    if (reading.commit_word != expected) {
        reading.commit_damage =
            slot_damage(DamageKind::kChecksum, Unit::kCommitWord, slot.start(), reading.commit_word, expected);
        reading.commit_damage->offset = DAXFS_JOURNAL_COMMIT_OFFSET;
        return reading;
    }
    scan_entries(volume, slot, reading);
    return reading;
}

}  // namespace daxfs

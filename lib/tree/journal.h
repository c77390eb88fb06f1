// SPDX-License-Identifier: GPL-2.0-or-later
// A journal slot: its header, its commit word, and the undo entries of a transaction that did not commit.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lib/tree/damage.h"
#include "lib/tree/volume.h"

namespace daxfs {

struct UndoEntry {
    std::uint32_t position = 0;  // of its header in the slot, in bytes
    std::uint32_t ordinal = 0;
    std::uint32_t stored_bytes = 0;  // of data behind its header: 8 where the entry is a fill, else data.size()
    ByteOffset offset;               // where the old bytes belong
    std::vector<std::byte> data;     // 1 .. 4096 old bytes of one block
};

// The whole superblock: the only entry of block 0 that there is, and at most once.
bool undoes_super(const UndoEntry& entry);

struct JournalReading {
    std::uint32_t id = 0;
    BlockNo block;                        // of the slot
    std::optional<Damage> header_damage;  // believed all the same: place and size follow from the superblock
    std::optional<Damage> commit_damage;  // no sequence is known: no entry is looked for
    std::optional<Damage> entry_damage;  // an entry that checks out undoes what no transaction changes: scan ends there
    std::uint64_t commit_word = 0;
    std::uint64_t sequence = 0;          // of the last committed transaction
    std::vector<UndoEntry> uncommitted;  // oldest first; undo them newest first
    std::uint32_t end = 0;               // offset in the slot behind the last of them
};

// `id` is below journal_count. `volume.super` may be torn: only what transactions leave alone is believed of it.
JournalReading read_journal(const Volume& volume, std::uint32_t id);

// Open transactions never share a checksummed unit, of which none is smaller than an inode: where two do, the entry of
// one is damage.
void mark_shared_units(std::span<JournalReading> journals);

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Transactions that did not commit, with right checksums: what they would undo is the test's.
#include <functional>
#include <vector>

#include "lib/tree/journal.h"
#include "tests/live/damage/verbs.h"

namespace damage {
namespace {

using namespace daxfs;

// The first entry of an open transaction.
void log(Target& target, std::uint32_t id, std::uint64_t offset, const std::vector<std::byte>& old) {
    const Volume& volume = target.volume;
    std::vector<std::byte> bytes(sizeof(daxfs_journal_entry) + round_up<std::size_t>(old.size(), 8));
    auto* entry = reinterpret_cast<daxfs_journal_entry*>(bytes.data());
    entry->sequence = read_journal(volume, id).sequence + 1;
    entry->offset = offset;
    entry->length = static_cast<std::uint32_t>(old.size());
    entry->kind = DAXFS_JOURNAL_BYTES;
    std::memcpy(entry + 1, old.data(), old.size());
    entry->crc = journal_entry_checksum(volume.seed, id, DAXFS_JOURNAL_BODY_OFFSET,
                                        std::span(bytes).first(sizeof(*entry) + old.size()));
    std::uint32_t position = DAXFS_JOURNAL_BODY_OFFSET;
    for (const std::byte byte : bytes) {
        const BlockNo block = volume.geometry.journal_slot(id) + position / DAXFS_BLOCK_SIZE;
        target.stage(block)[position++ % DAXFS_BLOCK_SIZE] = byte;
    }
}

void undo(Target& target, const Arguments& arguments) {
    const std::uint64_t offset = arguments.number(1);
    std::vector<std::byte> old(arguments.small(2));
    for (std::size_t i = 0; i < old.size(); ++i) {
        // Bytes outside the device are zeros.
        if (const std::byte* block = target.image.try_block(BlockNo{(offset + i) / DAXFS_BLOCK_SIZE}))
            old[i] = block[(offset + i) % DAXFS_BLOCK_SIZE];
    }
    log(target, arguments.small(0), offset, old);
}

void undo_super(Target& target, const Arguments& arguments) {
    daxfs_super super = target.volume.super;
    const std::uint64_t value = arguments.number(1);
    const auto small = static_cast<std::uint32_t>(value);
    const std::map<std::string_view, std::function<void()>> fields{
        {"version", [&] { super.version = small; }},
        {"incompat", [&] { super.incompat = small; }},
        {"state", [&] { super.state = small; }},
        {"nonce", [&] { super.nonce = value; }},
        {"hash_key", [&] { super.hash_key[0] = value; }},
        {"block_count", [&] { super.block_count = value; }},
        {"root_ino", [&] { super.root_ino = value; }},
        {"journal_count", [&] { super.journal_count = small; }},
        {"journal_blocks", [&] { super.journal_blocks = small; }},
        {"initialised_ags", [&] { super.initialised_ags = small; }},
        {"label", [&] { super.label[0] = static_cast<std::uint8_t>(value); }},
    };
    const auto field = fields.find(arguments.text(0));
    expect(field != fields.end(), "no such field: " + std::string(arguments.text(0)));
    field->second();
    super.crc = checksum(ChecksumSeed::of(super.nonce), super);
    const auto* bytes = reinterpret_cast<const std::byte*>(&super);
    log(target, 0, 0, {bytes, bytes + sizeof(super)});
}

}  // namespace

Verbs journal_verbs() {
    return {{"undo", {3, undo}}, {"undo-super", {2, undo_super}}};
}

}  // namespace damage

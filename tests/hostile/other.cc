// SPDX-License-Identifier: GPL-2.0-or-later
// Journals and intents, maps, superblocks, and bytes of any kind.
#include <algorithm>
#include <array>
#include <cstring>

#include "lib/tree/journal.h"
#include "tests/hostile/mutant.h"

namespace daxfs::hostile {
namespace {

const Target& any_target(Mutant& mutant, Dice& dice, const StructSchema& schema) {
    return *dice.pick(mutant.base().targets_of(schema));
}

// The schema first: most instances are entries of directories.
const Target& any_target(Mutant& mutant, Dice& dice) {
    for (;;) {
        const auto targets = mutant.base().targets_of(*dice.pick(kAllSchemas));
        if (!targets.empty())
            return *dice.pick(targets);
    }
}

// The bytes that a structure has once one of its fields is hostile and its checksum right: to be put there by undo.
Undo hostile_unit(Mutant& mutant, Dice& dice) {
    Mutant other(mutant.base());
    const Target& target = any_target(mutant, dice);
    const Field& field = dice.pick(target.schema->fields);
    set_hostile(other, target, field, dice);
    other.seal(target.seal);
    const std::uint32_t length = target.seal.offset == target.offset ? target.schema->size : DAXFS_INODE_SIZE;
    const std::uint32_t room = std::min(length, DAXFS_BLOCK_SIZE - target.seal.offset);
    const std::byte* bytes = other.look(target.seal.block) + target.seal.offset;
    mutant.say("undo puts back: {}", other.text());
    return {.offset = target.seal.block.value * DAXFS_BLOCK_SIZE + target.seal.offset,
            .length = room,
            .kind = DAXFS_JOURNAL_BYTES,
            .bytes = {bytes, bytes + room}};
}

// What the kernel has made its arrays of by the time it rolls back.
Undo other_geometry(Mutant& mutant, Dice& dice) {
    Mutant other(mutant.base());
    auto& super = other.at<daxfs_super>(BlockNo{0});
    constexpr std::array kMembers{"block_count",     "journal_block",  "align_blocks",   "ag_count", "initialised_ags",
                                  "journal_count",   "journal_blocks", "ag_blocks_log2", "nonce",    "root_ino",
                                  "reserved_blocks", "state",          "incompat",       "version"};
    const FieldPlace place = place_of(*kSchema<daxfs_super>.find(dice.pick(kMembers)));
    const std::span<std::byte> bytes = std::as_writable_bytes(std::span(&super, 1));
    const std::uint64_t old = read_integer(place, bytes);
    std::uint64_t value =
        dice.one_in(2) ? old + dice.between(1, 8) - 4 : hostile_value(mutant.base(), *place.field, old, dice);
    if (place.field->element_size < 8)
        value &= (std::uint64_t{1} << 8 * place.field->element_size) - 1;
    (void)write_integer(place, value, bytes);
    other.seal({Sealed::Unit::kSuper, BlockNo{0}, 0});
    mutant.say("undo puts back the superblock's {} {}", place.field->name, value);
    const bool alone = dice.one_in(4);
    const std::byte* from = other.look(BlockNo{0}) + (alone ? place.offset : 0);
    const std::uint32_t length = alone ? place.field->element_size : static_cast<std::uint32_t>(sizeof(daxfs_super));
    return {.offset = alone ? place.offset : 0u,
            .length = length,
            .kind = DAXFS_JOURNAL_BYTES,
            .bytes = {from, from + length}};
}

// Any bytes, anywhere.
Undo stray(Mutant& mutant, Dice& dice) {
    const Place& place = dice.pick(mutant.base().places());
    Undo undo;
    undo.offset = place.block.value * DAXFS_BLOCK_SIZE + (dice.one_in(2) ? 0 : 8 * dice.below(DAXFS_BLOCK_SIZE / 8));
    undo.length = static_cast<std::uint32_t>(dice.one_in(3) ? DAXFS_JOURNAL_MAX_DATA : dice.between(1, 600));
    undo.kind = dice.one_in(3) ? DAXFS_JOURNAL_FILL : DAXFS_JOURNAL_BYTES;
    undo.bytes.resize(undo.kind == DAXFS_JOURNAL_FILL ? 8 : undo.length);
    const bool zeros = dice.one_in(2);
    std::ranges::generate(undo.bytes, [&] { return static_cast<std::byte>(zeros ? 0 : dice.next()); });
    if (undo.kind == DAXFS_JOURNAL_FILL)
        undo.length = round_up<std::uint32_t>(undo.length, 8);
    mutant.say("undo of {} bytes in {} at byte {}", undo.length, place.name, undo.offset);
    return undo;
}

// Part of a commit word, a header or an entry of a journal.
Undo into_journal(Mutant& mutant, Dice& dice) {
    const auto id = static_cast<std::uint32_t>(dice.below(mutant.geometry().journal_count));
    const std::uint64_t slot = mutant.geometry().journal_slot(id).value * DAXFS_BLOCK_SIZE;
    constexpr std::array<std::uint32_t, 4> kParts{0, DAXFS_JOURNAL_COMMIT_OFFSET, DAXFS_JOURNAL_BODY_OFFSET, 4096};
    Undo undo{.offset = slot + dice.pick(kParts), .length = 64, .kind = DAXFS_JOURNAL_BYTES, .bytes = {}};
    undo.bytes.resize(64);
    mutant.say("undo in journal {}", id);
    return undo;
}

void undo_entries(Mutant& mutant, Dice& dice) {
    const auto id = static_cast<std::uint32_t>(dice.below(mutant.geometry().journal_count));
    std::vector<Undo> entries;
    for (std::uint64_t left = dice.one_in(3) ? dice.between(2, 6) : 1; left > 0; --left) {
        const std::uint64_t way = dice.below(10);
        entries.push_back(way < 4   ? hostile_unit(mutant, dice)
                          : way < 7 ? other_geometry(mutant, dice)
                          : way < 9 ? stray(mutant, dice)
                                    : into_journal(mutant, dice));
    }
    // Many of the same: overlapping, as many as the slot takes.
    if (dice.one_in(8)) {
        while (entries.size() < 5000)
            entries.push_back(entries[dice.below(std::min<std::size_t>(entries.size(), 6))]);
    }
    const std::size_t done = mutant.log_undo(id, entries);
    mutant.say("{} entries in journal {}", done, id);
}

void commit_words(Mutant& mutant, Dice& dice) {
    const auto id = static_cast<std::uint32_t>(dice.below(mutant.geometry().journal_count));
    constexpr std::uint64_t kLast = (std::uint64_t{1} << DAXFS_SEQUENCE_BITS) - 1;
    const std::uint64_t sequences[] = {0, 1, kLast, kLast - 1, dice.next() & kLast};
    const std::uint64_t sequence = dice.pick(sequences);
    mutant.at<daxfs_le64>(mutant.geometry().journal_slot(id), DAXFS_JOURNAL_COMMIT_OFFSET) =
        dice.one_in(4) ? dice.next() : commit_word(mutant.volume().seed, id, sequence);
    mutant.say("journal {}: committed {}", id, sequence);
}

void intent(Mutant& mutant, Dice& dice) {
    const BlockNo at{dice.one_in(2) ? DAXFS_INTENT_BLOCK_A : DAXFS_INTENT_BLOCK_B};
    const Place& place = dice.pick(mutant.base().places());
    auto& raw = mutant.at<daxfs_intent>(at);
    raw.magic = DAXFS_INTENT_MAGIC;
    raw.redo_block = place.block.value;
    raw.redo_bytes = dice.one_in(2) ? dice.below(1u << 20) : dice.next();
    raw.redo_crc = static_cast<std::uint32_t>(dice.next());
    mutant.say("repair intent in block {}: {} bytes in {}", at, std::uint64_t{raw.redo_bytes}, place.name);
    mutant.seal({Sealed::Unit::kIntent, at, 0});
}

void map_bits(Mutant& mutant, Dice& dice) {
    const AgNo ag{dice.below(mutant.volume().initialised_ags())};
    const MapKind kind = dice.pick(kAllMaps);
    const AgMap map(mutant.volume(), ag, kind);
    const auto index = static_cast<std::uint32_t>(dice.below(map.blocks()));
    std::byte* bytes = mutant.block(map.block(index));
    const std::uint64_t way = dice.below(6);
    if (way == 0 || way == 1) {
        std::memset(bytes, way == 0 ? 0 : 0xff, DAXFS_BLOCK_SIZE);
        mutant.say("map {} of group {}: all {}", static_cast<int>(kind), ag, way == 0 ? "zeros" : "ones");
    } else {
        const std::uint64_t count = way == 2 ? dice.between(100, 3000) : dice.between(1, 12);
        for (std::uint64_t left = count; left > 0; --left) {
            // Most where something lies.
            const std::uint64_t bit = dice.below(dice.one_in(3) ? DAXFS_BITS_PER_MAP_BLOCK : map.bits());
            bytes[bit / 8 % DAXFS_BLOCK_SIZE] ^= static_cast<std::byte>(1u << bit % 8);
        }
        mutant.say("map {} of group {}: {} bits flipped", static_cast<int>(kind), ag, count);
    }
    mutant.seal({Sealed::Unit::kMap, map.block(index), 0});
}

void counters(Mutant& mutant, Dice& dice) {
    const Target& target = any_target(mutant, dice, kSchema<daxfs_ag_header>);
    for (std::uint64_t left = dice.between(1, 3); left > 0; --left) {
        constexpr std::array kCounters{"free_blocks", "inode_blocks", "free_inodes", "orphan_groups"};
        set_hostile(mutant, target, *kSchema<daxfs_ag_header>.find(dice.pick(kCounters)), dice);
    }
    mutant.seal(target.seal);
}

// Checksums of maps, which the header's own does not cover.
void map_checksums(Mutant& mutant, Dice& dice) {
    const AgNo ag{dice.below(mutant.volume().initialised_ags())};
    const AgMap map(mutant.volume(), ag, dice.pick(kAllMaps));
    mutant.at<daxfs_le32>(mutant.geometry().ag_header(ag), map.checksum_offset(0)) =
        static_cast<std::uint32_t>(dice.next());
    mutant.say("group {}: a map's checksum is wrong", ag);
}

// Random bytes: a few of them, or bits.
void spoil(Mutant& mutant, Dice& dice, BlockNo block, std::uint32_t offset, std::uint32_t length) {
    std::byte* bytes = mutant.block(block) + offset;
    const std::uint64_t count = dice.between(1, dice.one_in(3) ? 64 : 4);
    const bool bits = dice.one_in(2);
    for (std::uint64_t left = count; left > 0; --left) {
        std::byte& byte = bytes[dice.below(length)];
        byte = bits ? byte ^ static_cast<std::byte>(1u << dice.below(8)) : static_cast<std::byte>(dice.next());
    }
    mutant.say("{} {} of block {} from byte {}", count, bits ? "bits" : "bytes", block, offset);
}

}  // namespace

void harm_journal(Mutant& mutant, Dice& dice) {
    const std::uint64_t way = dice.below(8);
    if (way < 6)
        undo_entries(mutant, dice);
    else if (way == 6)
        commit_words(mutant, dice);
    else
        intent(mutant, dice);
}

void harm_map(Mutant& mutant, Dice& dice) {
    const std::uint64_t way = dice.below(8);
    if (way < 5)
        map_bits(mutant, dice);
    else if (way < 7)
        counters(mutant, dice);
    else
        map_checksums(mutant, dice);
}

void harm_super(Mutant& mutant, Dice& dice) {
    auto& super = mutant.at<daxfs_super>(BlockNo{0});
    switch (dice.below(5)) {
        case 0:
            // As an old copy has it.
            super.initialised_ags = static_cast<std::uint32_t>(dice.between(1, super.initialised_ags));
            mutant.say("superblock: {} groups in use", std::uint32_t{super.initialised_ags});
            break;
        case 1:
            super.initialised_ags =
                static_cast<std::uint32_t>(dice.between(super.initialised_ags, super.ag_count + 2u));
            mutant.say("superblock: {} groups in use", std::uint32_t{super.initialised_ags});
            break;
        case 2: {
            super.ag_count = static_cast<std::uint32_t>(dice.between(1, super.ag_count + 2u));
            super.initialised_ags = std::min<std::uint32_t>(super.initialised_ags, super.ag_count);
            const std::uint64_t blocks = super.ag_count * mutant.geometry().ag_blocks();
            super.block_count = std::min(std::uint64_t{super.block_count}, super.align_blocks + blocks);
            mutant.say("superblock: {} groups, {} blocks", std::uint32_t{super.ag_count},
                       std::uint64_t{super.block_count});
            break;
        }
        case 3:
            super.journal_count = static_cast<std::uint32_t>(dice.between(1, 12));
            super.journal_blocks = static_cast<std::uint32_t>(dice.between(32, 80));
            mutant.say("superblock: {} journals of {} blocks", std::uint32_t{super.journal_count},
                       std::uint32_t{super.journal_blocks});
            break;
        default:
            for (std::uint64_t left = dice.between(1, 3); left > 0; --left) {
                const Target target{&kSchema<daxfs_super>, BlockNo{0}, 0, {Sealed::Unit::kSuper, BlockNo{0}, 0}};
                set_hostile(mutant, target, dice.pick(kSchema<daxfs_super>.fields), dice);
            }
            break;
    }
    mutant.seal({Sealed::Unit::kSuper, BlockNo{0}, 0});
}

void harm_sealed(Mutant& mutant, Dice& dice) {
    const Target& target = any_target(mutant, dice);
    std::uint32_t length = target.schema->size;
    // Of a tree's node its entries too.
    if (target.schema == &kSchema<daxfs_node_header>)
        length = static_cast<std::uint32_t>(dice.between(length, DAXFS_BLOCK_SIZE));
    spoil(mutant, dice, target.block, target.offset, length);
    mutant.say("a {}, sealed", target.schema->title);
    mutant.seal(target.seal);
}

void harm_blind(Mutant& mutant, Dice& dice) {
    for (std::uint64_t left = dice.between(1, 3); left > 0; --left)
        spoil(mutant, dice, dice.pick(mutant.base().metadata()), 0,
              dice.one_in(2) ? DAXFS_INODE_SIZE : DAXFS_BLOCK_SIZE);
}

}  // namespace daxfs::hostile

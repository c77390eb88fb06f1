// SPDX-License-Identifier: GPL-2.0-or-later
// Fields at their limits and beyond, as the schemas give them.
#include <algorithm>

#include "tests/hostile/mutant.h"

namespace daxfs::hostile {
namespace {

std::uint64_t capacity(const Field& field) {
    return field.element_size >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * field.element_size)) - 1;
}

void spoil_bytes(std::span<std::byte> bytes, Dice& dice) {
    switch (dice.below(4)) {
        case 0:
            std::ranges::fill(bytes, std::byte{0xff});
            return;
        case 1:
            std::ranges::fill(bytes, std::byte{0});
            return;
        case 2:
            std::ranges::generate(bytes, [&] { return static_cast<std::byte>(dice.next()); });
            return;
        default:
            bytes[dice.below(bytes.size())] ^= static_cast<std::byte>(dice.between(1, 255));
            return;
    }
}

// A pointer is wrong in more ways than a number.
std::uint64_t hostile_pointer(const Base& base, const Field& field, Dice& dice) {
    const std::uint64_t block = dice.pick(base.places()).block.value;
    switch (field.kind) {
        case Kind::kInode:
            return dice.one_in(3)   ? dice.pick(base.free_inodes()).value
                   : dice.one_in(2) ? dice.pick(base.owners()).ino.value
                                    : block * DAXFS_INODES_PER_BLOCK + dice.below(8);
        case Kind::kByte:
            return block * DAXFS_BLOCK_SIZE + dice.below(DAXFS_BLOCK_SIZE);
        default:
            return block;
    }
}

// A valid one, so that one wrong field is all that is wrong.
void announce_repair(Mutant& mutant, const Target& target, Dice& dice) {
    auto& intent = mutant.at<daxfs_intent>(target.block, target.offset);
    intent.magic = DAXFS_INTENT_MAGIC;
    intent.redo_block = dice.pick(mutant.base().places()).block.value;
    intent.redo_bytes = 64;
}

}  // namespace

std::vector<FieldName> all_fields() {
    std::vector<FieldName> names;
    for (const StructSchema* schema : kAllSchemas) {
        // A union's members are rows of their own, and the one of bytes is the fork. Redo records are nowhere but
        // behind an intent, and the module does not read them.
        if (schema->is_union || schema == &kSchema<daxfs_redo_record>)
            continue;
        for (const Field& field : schema->fields)
            names.push_back({schema, &field});
    }
    return names;
}

std::uint64_t hostile_value(const Base& base, const Field& field, std::uint64_t old, Dice& dice) {
    const std::uint64_t most = capacity(field);
    const std::uint64_t sign = most / 2 + 1;
    if (field.is_pointer() && dice.one_in(2))
        return hostile_pointer(base, field, dice) & most;
    if (!field.names.empty() && dice.one_in(2))
        return dice.pick(field.names).value & most;
    const std::uint64_t candidates[] = {0,
                                        1,
                                        2,
                                        field.min - 1,
                                        field.min,
                                        field.min + 1,
                                        field.limit() - 1,
                                        field.limit(),
                                        field.limit() + 1,
                                        most,
                                        most - 1,
                                        sign,
                                        sign - 1,
                                        old - 1,
                                        old + 1,
                                        old * 2,
                                        old / 2,
                                        ~old,
                                        old ^ (std::uint64_t{1} << dice.below(64)),
                                        dice.next(),
                                        dice.below(256),
                                        std::uint64_t{1} << dice.below(64)};
    return dice.pick(candidates) & most;
}

void set_hostile(Mutant& mutant, const Target& target, const Field& field, Dice& dice) {
    const Base& base = mutant.base();
    const std::span<std::byte> bytes = mutant.bytes_of(target);
    const auto index = static_cast<std::uint32_t>(dice.below(field.count()));
    const FieldPlace place = place_of(field, index);
    mutant.touch(*target.schema, field);
    if (!field.is_integer()) {
        spoil_bytes(bytes.subspan(place.offset, field.element_size), dice);
        mutant.say("{} at {}+{}: {} spoiled", target.schema->title, target.block, target.offset, field.name);
        return;
    }
    const std::uint64_t old = read_integer(place, bytes);
    std::uint64_t value = hostile_value(base, field, old, dice);
    // Another instance's.
    if (const auto peers = base.targets_of(*target.schema); dice.one_in(5) && !peers.empty()) {
        const Target& peer = *dice.pick(peers);
        value = read_integer(place, {mutant.look(peer.block) + peer.offset, peer.schema->size});
    }
    if (value == old)
        value ^= std::uint64_t{1} << dice.below(8 * field.element_size);
    (void)write_integer(place, value, bytes);
    mutant.say("{} at {}+{}: {}[{}] {:#x} -> {:#x}", target.schema->title, target.block, target.offset, field.name,
               index, old, value);
}

void harm_field(Mutant& mutant, Dice& dice, std::uint64_t seed, std::uint64_t turn) {
    static const std::vector<FieldName> fields = all_fields();
    // Each round goes through all of them, in an order of its own.
    std::vector<std::uint32_t> order(fields.size());
    for (std::uint32_t i = 0; i < order.size(); ++i)
        order[i] = i;
    Dice shuffle(~seed, turn / fields.size());
    for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[shuffle.below(i)]);
    const FieldName& name = fields[order[turn % fields.size()]];

    if (name.schema == &kSchema<daxfs_journal_entry>)
        mutant.start_with_work();
    const Target& target = *dice.pick(mutant.base().targets_of(*name.schema));
    if (name.schema == &kSchema<daxfs_intent>)
        announce_repair(mutant, target, dice);
    set_hostile(mutant, target, *name.field, dice);
    if (name.field->kind != Kind::kCrc)
        mutant.seal(target.seal);
}

}  // namespace daxfs::hostile

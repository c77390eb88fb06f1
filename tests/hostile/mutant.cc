// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/hostile/mutant.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "lib/tree/journal.h"

namespace daxfs::hostile {
namespace {

// Of twenty mutants in a row each harm has as many as it has entries here.
constexpr std::array kShares{
    Harm::kField,    Harm::kStructure, Harm::kField, Harm::kJournal, Harm::kField,     Harm::kMap,   Harm::kStructure,
    Harm::kField,    Harm::kSealed,    Harm::kField, Harm::kBlind,   Harm::kStructure, Harm::kField, Harm::kJournal,
    Harm::kCombined, Harm::kField,     Harm::kSuper, Harm::kField,   Harm::kStructure, Harm::kBlind,
};
constexpr std::uint64_t kFieldShare = std::ranges::count(kShares, Harm::kField);

std::uint64_t field_turn(std::uint64_t number) {
    const std::uint64_t round = number / kShares.size();
    const auto before =
        std::count(kShares.begin(), kShares.begin() + static_cast<int>(number % kShares.size()), Harm::kField);
    return round * kFieldShare + static_cast<std::uint64_t>(before);
}

void do_harm(Mutant& mutant, Dice& dice, Harm harm, std::uint64_t seed, std::uint64_t number) {
    switch (harm) {
        case Harm::kField:
            return harm_field(mutant, dice, seed, field_turn(number));
        case Harm::kStructure:
            return harm_structure(mutant, dice);
        case Harm::kJournal:
            return harm_journal(mutant, dice);
        case Harm::kMap:
            return harm_map(mutant, dice);
        case Harm::kSuper:
            return harm_super(mutant, dice);
        case Harm::kSealed:
            return harm_sealed(mutant, dice);
        case Harm::kBlind:
            return harm_blind(mutant, dice);
        case Harm::kCombined: {
            constexpr std::array kParts{Harm::kField, Harm::kStructure, Harm::kStructure, Harm::kJournal,
                                        Harm::kMap,   Harm::kSealed,    Harm::kBlind};
            for (std::uint64_t left = dice.between(2, 3); left > 0; --left)
                do_harm(mutant, dice, dice.pick(kParts), seed, dice.below(10'000));
            return;
        }
    }
}

}  // namespace

std::string_view harm_name(Harm harm) {
    constexpr std::array<std::string_view, kHarms> kNames{"field", "structure", "journal", "map",
                                                          "super", "sealed",    "blind",   "combined"};
    return kNames.at(static_cast<std::size_t>(harm));
}

Harm harm_of(std::uint64_t number) {
    return kShares[number % kShares.size()];
}

Mutant make_mutant(const Base& base, std::uint64_t seed, std::uint64_t number) {
    Dice dice(seed, number);
    Mutant mutant(base);
    if (dice.one_in(2))
        mutant.start_with_work();
    do_harm(mutant, dice, harm_of(number), seed, number);
    return mutant;
}

const std::byte* Mutant::look(BlockNo number) const {
    const auto it = changed_.find(number);
    return it != changed_.end() ? it->second.bytes : base_.block(number).data();
}

std::byte* Mutant::block(BlockNo number) {
    const auto [it, fresh] = changed_.try_emplace(number);
    if (fresh)
        std::memcpy(it->second.bytes, base_.block(number).data(), DAXFS_BLOCK_SIZE);
    return it->second.bytes;
}

// Only on what is unchanged: the work was made of the quiet base.
void Mutant::start_with_work() {
    if (changed_.empty())
        changed_ = base_.work();
}

void Mutant::seal(const Sealed& unit) {
    const ChecksumSeed seed = volume().seed;
    switch (unit.unit) {
        case Sealed::Unit::kSuper: {
            auto& super = at<daxfs_super>(unit.block, unit.offset);
            super.crc = checksum(ChecksumSeed::of(super.nonce), super);
            return;
        }
        case Sealed::Unit::kAgHeader: {
            auto& header = at<daxfs_ag_header>(unit.block, unit.offset);
            header.crc = checksum(seed, header);
            return;
        }
        case Sealed::Unit::kMap:
            return seal_map(unit.block);
        case Sealed::Unit::kInode: {
            auto& sealed = at<daxfs_inode>(unit.block, unit.offset);
            sealed.crc = checksum(seed, sealed);
            return;
        }
        case Sealed::Unit::kNode:
            at<daxfs_node_header>(unit.block).crc = node_checksum(seed, std::span(block(unit.block), DAXFS_BLOCK_SIZE));
            return;
        case Sealed::Unit::kDirent:
            at<daxfs_dirent>(unit.block, unit.offset).crc =
                dirent_checksum(seed, std::span(block(unit.block), DAXFS_BLOCK_SIZE).subspan(unit.offset));
            return;
        case Sealed::Unit::kJournalHeader: {
            auto& header = at<daxfs_journal_header>(unit.block, unit.offset);
            header.crc = checksum(seed, header);
            return;
        }
        case Sealed::Unit::kJournalEntry: {
            auto& entry = at<daxfs_journal_entry>(unit.block, unit.offset);
            const std::uint64_t from_first = unit.block - geometry().journal_slot(0);
            const auto id = static_cast<std::uint32_t>(from_first / geometry().journal_blocks);
            const auto position =
                static_cast<std::uint32_t>(from_first % geometry().journal_blocks * DAXFS_BLOCK_SIZE + unit.offset);
            const auto rest = std::span(block(unit.block), DAXFS_BLOCK_SIZE).subspan(unit.offset);
            const std::size_t data = entry.kind == DAXFS_JOURNAL_FILL ? 8 : std::size_t{entry.length};
            entry.crc =
                journal_entry_checksum(seed, id, position, rest.first(std::min(rest.size(), sizeof(entry) + data)));
            return;
        }
        case Sealed::Unit::kIntent: {
            auto& intent = at<daxfs_intent>(unit.block, unit.offset);
            intent.crc = checksum(intent);
            return;
        }
    }
}

void Mutant::seal_map(BlockNo map_block) {
    const AgNo ag = geometry().ag_of(map_block);
    for (const MapKind kind : kAllMaps) {
        const AgMap map(volume(), ag, kind);
        for (std::uint32_t i = 0; i < map.blocks(); ++i) {
            if (map.block(i) == map_block)
                at<daxfs_le32>(geometry().ag_header(ag), map.checksum_offset(i)) =
                    map_checksum(volume().seed, map_block, BlockBytes{block(map_block), DAXFS_BLOCK_SIZE});
        }
    }
}

void Mutant::set_map_bit(MapKind kind, AgNo ag, std::uint64_t bit, bool value) {
    const AgMap map(volume(), ag, kind);
    const BlockNo map_block = map.block(static_cast<std::uint32_t>(bit / DAXFS_BITS_PER_MAP_BLOCK));
    auto& word = at<daxfs_le64>(map_block, static_cast<std::uint32_t>(bit % DAXFS_BITS_PER_MAP_BLOCK / 64 * 8));
    const std::uint64_t mask = std::uint64_t{1} << (bit % 64);
    word = value ? word | mask : word & ~mask;
    seal_map(map_block);
}

std::size_t Mutant::log_undo(std::uint32_t id, const std::vector<Undo>& entries) {
    const std::uint64_t sequence = read_journal(volume(), id).sequence + 1;
    const std::uint32_t size = geometry().journal_blocks * DAXFS_BLOCK_SIZE;
    std::uint32_t position = DAXFS_JOURNAL_BODY_OFFSET;
    std::size_t done = 0;
    for (const Undo& undo : entries) {
        const std::size_t unpadded = sizeof(daxfs_journal_entry) + undo.bytes.size();
        std::vector<std::byte> bytes(round_up<std::size_t>(unpadded, 8));
        if (bytes.size() > size - position)
            break;
        auto* entry = reinterpret_cast<daxfs_journal_entry*>(bytes.data());
        entry->ordinal = static_cast<std::uint32_t>(done++);
        entry->sequence = sequence & ((std::uint64_t{1} << DAXFS_SEQUENCE_BITS) - 1);
        entry->offset = undo.offset;
        entry->length = undo.length;
        entry->kind = undo.kind;
        std::memcpy(entry + 1, undo.bytes.data(), undo.bytes.size());
        entry->crc = journal_entry_checksum(volume().seed, id, position, std::span(bytes).first(unpadded));
        for (std::span<const std::byte> rest = bytes; !rest.empty();) {
            const std::size_t offset = position % DAXFS_BLOCK_SIZE;
            const std::size_t piece = std::min<std::size_t>(rest.size(), DAXFS_BLOCK_SIZE - offset);
            std::memcpy(block(geometry().journal_slot(id) + position / DAXFS_BLOCK_SIZE) + offset, rest.data(), piece);
            rest = rest.subspan(piece);
            position += static_cast<std::uint32_t>(piece);
        }
    }
    return done;
}

}  // namespace daxfs::hostile

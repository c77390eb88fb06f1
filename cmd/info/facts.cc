// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/info/facts.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "lib/check/redo.h"
#include "lib/format/features.h"
#include "lib/format/identity.h"
#include "lib/tree/ag.h"
#include "lib/tree/intent.h"
#include "lib/tree/journal.h"

namespace daxfs::info_page {
namespace {

bool is_sound(const Volume& volume, AgNo ag, const daxfs_ag_header& header) {
    const std::uint64_t open = volume.geometry.ag_length(ag) - volume.geometry.fixed_blocks(ag);
    return header.free_blocks <= open && header.inode_blocks <= open - header.free_blocks &&
           header.free_inodes <= std::uint64_t{header.inode_blocks} * DAXFS_INODES_PER_BLOCK;
}

void add_ag(const Volume& volume, AgNo ag, Space& space) {
    const Geometry& geometry = volume.geometry;
    const std::uint64_t open = geometry.ag_length(ag) - geometry.fixed_blocks(ag);
    // What is not in use has no head yet, and is free.
    if (ag.value >= volume.super.initialised_ags && ag.value >= volume.initialised_ags()) {
        space.free += open;
        return;
    }
    const AgReading reading = ag.value < volume.initialised_ags() ? read_ag_header(volume, ag) : AgReading{};
    if (reading.raw == nullptr || reading.damage || !is_sound(volume, ag, *reading.raw)) {
        ++space.unknown_ags;
        space.used += open;
        return;
    }
    const daxfs_ag_header& header = *reading.raw;
    space.free += header.free_blocks;
    space.used += open - header.free_blocks;
    space.inodes_used += std::uint64_t{header.inode_blocks} * DAXFS_INODES_PER_BLOCK - header.free_inodes;
    space.inodes_free += header.free_inodes;
    space.orphan_groups += header.orphan_groups;
}

Space space_of(const Volume& volume) {
    Space space{.fixed = volume.geometry.align_blocks};
    for (AgNo ag; ag.value < volume.geometry.ag_count; ++ag) {
        space.fixed += volume.geometry.fixed_blocks(ag);
        add_ag(volume, ag, space);
    }
    // As the module takes it.
    space.reserved = std::min<std::uint64_t>(volume.super.reserved_blocks, volume.geometry.block_count / 2);
    return space;
}

void read_journals(Facts& facts) {
    for (std::uint32_t id = 0; id < facts.volume.geometry.journal_count; ++id) {
        const JournalReading journal = read_journal(facts.volume, id);
        if (journal.header_damage || journal.commit_damage || journal.entry_damage)
            facts.damaged_journals.push_back(id);
        else if (!journal.uncommitted.empty())
            facts.uncommitted_journals.push_back(id);
    }
}

// Of two intents the one that says most: an undo, one that can be followed, damage.
void read_intents(const Image& image, Facts& facts) {
    for (const std::uint32_t place : {DAXFS_INTENT_BLOCK_A, DAXFS_INTENT_BLOCK_B}) {
        const IntentReading reading = read_intent(image, BlockNo{place});
        if (!reading.present)
            continue;
        Repair repair = Repair::kDamaged;
        std::string detail = fmt::format("the intent at block {} does not check out", place);
        if (!reading.damage) {
            detail = intent_problem(image, *reading.raw);
            repair = reading.raw->redo_bytes == 0 ? Repair::kUndoing
                     : detail.empty()             ? Repair::kCutOff
                                                  : Repair::kDamaged;
        }
        if (facts.repair == Repair::kUndoing || (facts.repair == Repair::kCutOff && repair != Repair::kUndoing))
            continue;
        facts.repair = repair;
        facts.repair_detail = std::move(detail);
    }
}

}  // namespace

const char* repair_name(Repair repair) {
    switch (repair) {
        case Repair::kNone:
            break;
        case Repair::kCutOff:
            return "cut-off";
        case Repair::kUndoing:
            return "undoing";
        case Repair::kDamaged:
            return "damaged";
    }
    return "none";
}

Result<Facts> facts_of(const Image& image) {
    DAXFS_TRY_ASSIGN(const Volume volume, open_volume(image));
    if (const std::string problem = feature_problem(volume.super, FeatureUse::kRead); !problem.empty())
        return fail("{}", problem);
    Facts facts{.volume = volume,
                .label = label_of(volume.super),
                .space = space_of(volume),
                .uncommitted_journals = {},
                .damaged_journals = {},
                .repair_detail = {}};
    read_journals(facts);
    read_intents(image, facts);
    return facts;
}

std::string advice(const Facts& facts, const std::string& path) {
    if (facts.repair == Repair::kUndoing)
        return "run daxfs-undo again, with the same file";
    const char* first = facts.in_use ? "when nothing uses it any more, " : "";
    if (facts.is_damaged())
        return fmt::format("{}look with fsck.daxfs -n {}", first, path);
    if (facts.repair == Repair::kCutOff || facts.errors_seen())
        return fmt::format("{}run fsck.daxfs -p {}", first, path);
    if (facts.needs_recovery())
        return fmt::format("mount it, or run fsck.daxfs -p {}", path);
    return {};
}

}  // namespace daxfs::info_page

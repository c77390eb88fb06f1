// SPDX-License-Identifier: GPL-2.0-or-later
// The superblock, its copies and the heads of the allocation groups agree.
//
// Trusts open_volume: the superblock in use checks out and its geometry fits the device. Runs on the filesystem as it
// is after the journals were rolled back.
#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "lib/base/zeros.h"
#include "lib/check/checker.h"
#include "lib/check/redo.h"
#include "lib/check/unused_bytes.h"
#include "lib/format/copy_places.h"
#include "lib/tree/ag.h"
#include "lib/tree/intent.h"

namespace daxfs {
namespace {

// The first member that all copies share and `copy` has different; nullptr: none.
const char* difference(const daxfs_super& copy, const daxfs_super& super) {
    if (copy.nonce != super.nonce)
        return "nonce";
    if (copy.hash_key[0] != super.hash_key[0] || copy.hash_key[1] != super.hash_key[1])
        return "hash key";
    if (copy.block_count != super.block_count || copy.align_blocks != super.align_blocks ||
        copy.ag_blocks_log2 != super.ag_blocks_log2 || copy.ag_count != super.ag_count)
        return "geometry";
    if (copy.journal_block != super.journal_block || copy.journal_count != super.journal_count ||
        copy.journal_blocks != super.journal_blocks)
        return "journals";
    if (copy.compat != super.compat || copy.ro_compat != super.ro_compat || copy.incompat != super.incompat)
        return "features";
    if (copy.root_ino != super.root_ino)
        return "root inode";
    if (std::memcmp(copy.uuid, super.uuid, sizeof(super.uuid)) != 0)
        return "UUID";
    if (copy.reserved_blocks != super.reserved_blocks)
        return "reserve";
    // These a copy has as they were when it was written.
    daxfs_super same = copy;
    same.crc = super.crc;
    same.state = super.state;
    same.initialised_ags = super.initialised_ags;
    std::memcpy(same.label, super.label, sizeof(same.label));
    return std::memcmp(&same, &super, sizeof(super)) != 0 ? "rest" : nullptr;
}

// Bytes [from, end) of a block, as mkfs and the module leave them.
bool is_zero_from(const Image& image, BlockNo block, std::size_t from, std::size_t end = DAXFS_BLOCK_SIZE) {
    const std::byte* bytes = image.try_block(block);
    return bytes == nullptr || is_zero(bytes + from, end - from);
}

bool is_zero_behind_header(const Volume& volume, AgNo ag) {
    return std::ranges::all_of(unused_in_ag_header(volume.geometry), [&](const auto& unused) {
        return is_zero_from(*volume.image, volume.geometry.ag_header(ag), unused.first, unused.second);
    });
}

void check_copy(Checker& checker, AgNo ag) {
    const Volume& volume = checker.volume;
    const BlockNo block = volume.geometry.ag_start(ag);
    if (block == volume.super_block || block.value == 0)
        return;
    const SuperblockReading reading = read_superblock(*volume.image, block);
    if (reading.damage) {
        Finding finding = finding_of(Problem::kSuperCopyDamaged, *reading.damage);
        finding.ag = ag;
        checker.report.add(std::move(finding));
    } else if (const char* what = difference(*reading.raw, volume.super)) {
        checker.report.add({.problem = Problem::kSuperCopyDiffers, .block = block, .ag = ag, .detail = what});
    } else if (!is_zero_from(*volume.image, block, sizeof(daxfs_super))) {
        checker.report.add(
            {.problem = Problem::kSuperCopyDiffers, .block = block, .ag = ag, .detail = "rest of its block"});
    }
}

// In a group that is not in use a copy lies from mkfs on, if mkfs was not an older one. One that does not check out is
// no damage, nor is what lies behind it: a power cut while the module takes the group into use leaves both.
void check_early_copy(Checker& checker, AgNo ag) {
    const BlockNo block = checker.volume.geometry.ag_start(ag);
    const SuperblockReading reading = read_superblock(*checker.volume.image, block);
    if (reading.damage)
        return;
    if (const char* what = difference(*reading.raw, checker.volume.super))
        checker.report.add({.problem = Problem::kSuperCopyDiffers, .block = block, .ag = ag, .detail = what});
}

void check_header(Checker& checker, AgNo ag) {
    const AgReading reading = read_ag_header(checker.volume, ag);
    checker.ags[ag.value].header_valid = !reading.damage;
    if (!reading.damage) {
        if (!is_zero(reading.raw->reserved) || !is_zero_behind_header(checker.volume, ag))
            checker.report.add(
                {.problem = Problem::kAgReserved, .block = checker.volume.geometry.ag_header(ag), .ag = ag});
        return;
    }
    Finding finding = finding_of(Problem::kAgHeaderDamaged, *reading.damage);
    finding.ag = ag;
    checker.report.add(std::move(finding));
}

// One that can be followed was, before the first look, but for two that say different things.
std::string why_not_finished(const Image& image, const daxfs_intent& intent) {
    std::string problem = intent_problem(image, intent);
    return problem.empty() ? "the intent beside it announces another repair" : problem;
}

void check_intents(Checker& checker) {
    for (const std::uint32_t place : {DAXFS_INTENT_BLOCK_A, DAXFS_INTENT_BLOCK_B}) {
        const BlockNo block{place};
        const IntentReading reading = read_intent(*checker.volume.image, block);
        if (reading.damage)
            checker.report.add(finding_of(Problem::kIntentDamaged, *reading.damage));
        else if (reading.present)
            checker.report.add({.problem = Problem::kIntentPresent,
                                .block = block,
                                .detail = why_not_finished(*checker.volume.image, *reading.raw)});
    }
}

// One that holds nothing may have been left by a crash in the middle of its initialisation.
void check_group_count(Checker& checker) {
    const Volume& volume = checker.volume;
    for (std::uint32_t ag = volume.super.initialised_ags; ag < volume.ags; ++ag) {
        const daxfs_ag_header& header = *read_ag_header(volume, AgNo{ag}).raw;
        if (header.free_blocks + volume.geometry.fixed_blocks(AgNo{ag}) != header.blocks || header.inode_blocks != 0) {
            checker.report.add({.problem = Problem::kSuperGroupsMissed,
                                .block = volume.super_block,
                                .found = volume.super.initialised_ags,
                                .expected = volume.ags});
            return;
        }
    }
}

// What the module stores. It takes any bytes as a label but control characters, so these need not be UTF-8.
void check_super_fields(Checker& checker) {
    const daxfs_super& super = checker.volume.super;
    const auto report = [&](std::string detail) {
        checker.report.add(
            {.problem = Problem::kSuperField, .block = checker.volume.super_block, .detail = std::move(detail)});
    };
    if ((super.state & ~DAXFS_STATE_ERRORS) != 0)
        report("unknown state bits");
    if (super.reserved_blocks > super.block_count / 2)
        report("reserves more than half of the blocks");
    const auto* end = std::ranges::find(super.label, daxfs_u8{0});
    if (end == std::end(super.label))
        report("the label does not end");
    else if (!is_zero(end, static_cast<std::size_t>(std::end(super.label) - end)))
        report("bytes behind the end of the label");
}

}  // namespace

void check_superblocks(Checker& checker) {
    const Volume& volume = checker.volume;
    if (volume.primary_damage)
        checker.report.add(finding_of(Problem::kSuperDamaged, *volume.primary_damage));
    if (volume.missing_blocks != 0)
        checker.report.add({.problem = Problem::kDeviceShort,
                            .found = volume.image->size_bytes(),
                            .expected = volume.geometry.block_count * DAXFS_BLOCK_SIZE,
                            .count = volume.geometry.block_count * DAXFS_BLOCK_SIZE - volume.image->size_bytes()});
    if ((volume.super.state & DAXFS_STATE_ERRORS) != 0)
        checker.report.add({.problem = Problem::kSuperStateErrors, .block = volume.super_block});
    const bool whole = volume.super_block.value == 0 && !volume.primary_damage;
    if (!is_zero(volume.super.reserved) || volume.super.reserved0 != 0 ||
        (whole && !is_zero_from(*volume.image, BlockNo{0}, sizeof(daxfs_super))))
        checker.report.add({.problem = Problem::kSuperReserved, .block = volume.super_block});
    check_super_fields(checker);
    check_intents(checker);
    if (volume.super_block.value == 0 && !volume.primary_damage)
        check_group_count(checker);
    for (AgNo ag; ag.value < volume.initialised_ags(); ++ag) {
        checker.tell(0, ag.value, volume.initialised_ags());
        check_copy(checker, ag);
        check_header(checker, ag);
    }
    for (AgNo ag{volume.initialised_ags()}; ag.value < std::min(volume.geometry.ag_count, kGroupsWithCopy); ++ag)
        check_early_copy(checker, ag);
}

}  // namespace daxfs

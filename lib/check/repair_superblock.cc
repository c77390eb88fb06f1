// SPDX-License-Identifier: GPL-2.0-or-later
// Superblock copies, and the mark that the kernel leaves in the superblock.
#include <functional>

#include "lib/check/repair.h"
#include "lib/check/repair_transaction.h"

namespace daxfs {

Result<void> repair_superblock_copies(Checker& checker, Image& image) {
    // A copy is not made from a copy.
    if (checker.volume.super_block.value != 0 || checker.volume.primary_damage)
        return {};
    const auto is_copy = [](Problem p) { return p == Problem::kSuperCopyDamaged || p == Problem::kSuperCopyDiffers; };
    DAXFS_TRY_ASSIGN(RepairTransaction transaction, RepairTransaction::open(image, checker.volume));
    for (const Finding& finding : checker.report.findings()) {
        if (!is_copy(finding.problem))
            continue;
        if (!transaction.has_room(RepairTransaction::cost(sizeof(daxfs_super) / 64)))
            DAXFS_TRY(transaction.commit());
        auto* copy = transaction.edit_as<daxfs_super>(finding.block, 0);
        if (copy == nullptr)
            return fail("{}: block {} cannot be written", image.path(), finding.block);
        *copy = checker.volume.super;
    }
    DAXFS_TRY(transaction.commit());
    for (const Problem problem : {Problem::kSuperCopyDamaged, Problem::kSuperCopyDiffers})
        checker.report.mark_fixed(problem, [](const Finding&) { return true; });
    return {};
}

namespace {

Result<void> change_superblock(Checker& checker, Image& image, Problem fixes,
                               const std::function<void(daxfs_super&)>& change) {
    if (checker.volume.super_block.value != 0 || checker.volume.primary_damage)
        return {};
    DAXFS_TRY_ASSIGN(RepairTransaction transaction, RepairTransaction::open(image, checker.volume));
    auto* super = transaction.edit_as<daxfs_super>(BlockNo{0}, 0);
    if (super == nullptr)
        return fail("{}: block 0 cannot be written", image.path());
    change(*super);
    super->crc = checksum(checker.volume.seed, *super);
    DAXFS_TRY(transaction.commit());
    checker.report.mark_fixed(fixes);
    return {};
}

}  // namespace

Result<void> repair_group_count(Checker& checker, Image& image) {
    return change_superblock(checker, image, Problem::kSuperGroupsMissed,
                             [&](daxfs_super& super) { super.initialised_ags = checker.volume.ags; });
}

Result<void> clear_error_state(Checker& checker, Image& image) {
    return change_superblock(checker, image, Problem::kSuperStateErrors,
                             [](daxfs_super& super) { super.state = super.state & ~DAXFS_STATE_ERRORS; });
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/check.h"

#include "lib/check/path.h"
#include "lib/check/recovery.h"
#include "lib/check/repair.h"
#include "lib/format/features.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kPathBudget = 200'000;
constexpr std::size_t kMaxPaths = 64;

// Undoes uncommitted transactions: on the device when `write`, else in memory.
Result<void> recover_journals(Image& image, const Volume& volume, Report& report, bool write) {
    const auto journals = find_uncommitted(volume, report);
    if (journals.empty())
        return {};
    stage_rollback(image, journals);
    if (!write)
        return {};
    DAXFS_TRY(write_rollback(image, volume, journals));
    report.mark_fixed(Problem::kJournalUncommitted);
    return {};
}

void run_passes(Checker& checker) {
    check_superblocks(checker);
    check_inodes(checker);
    check_extents(checker);
    check_directories(checker);
    name_collisions(checker);
    check_links(checker);
    check_maps(checker);
}

// A second check of what repairs left behind.
Result<std::uint64_t> count_problems(Image& image, const CheckOptions& options) {
    Report report;
    DAXFS_TRY_ASSIGN(const Volume volume, open_volume(image, options.superblock));
    DAXFS_TRY(recover_journals(image, volume, report, false));
    Checker checker(volume, report, options.progress);
    run_passes(checker);
    return report.total();
}

void find_paths(Checker& checker) {
    std::uint64_t budget = kPathBudget;
    std::size_t done = 0;
    for (Finding& finding : checker.report.findings()) {
        if (finding.ino.value == 0)
            continue;
        if (budget == 0 || ++done > kMaxPaths)
            return;
        finding.path = cheap_path(checker.volume, finding.ino, budget);
    }
}

Result<void> repair(Checker& checker, Image& image, CheckMode mode) {
    const Report& report = checker.report;
    if (report.count(Problem::kSuperCopyDamaged) + report.count(Problem::kSuperCopyDiffers) > 0)
        DAXFS_TRY(repair_superblock_copies(checker, image));
    if (report.count(Problem::kSuperGroupsMissed) > 0)
        DAXFS_TRY(repair_group_count(checker, image));
    DAXFS_TRY(repair_maps(checker, image, mode == CheckMode::kYes));
    // Blocks are freed only where no one else can own them and the maps are right.
    bool maps_right = claims_are_complete(checker) && report.count(Problem::kAgHeaderDamaged) == 0;
    for (const Finding& finding : report.findings())
        maps_right = maps_right && (info(finding.problem).fix != Fix::kRewriteMap || finding.fixed);
    if (maps_right)
        DAXFS_TRY(repair_orphans(checker, image));
    if (report.count(Problem::kSuperStateErrors) > 0 && report.unfixed() == report.count(Problem::kSuperStateErrors))
        DAXFS_TRY(clear_error_state(checker, image));
    return {};
}

}  // namespace

Result<CheckResult> check_image(Image& image, const CheckOptions& options) {
    const bool write = options.mode != CheckMode::kReport;
    const auto open = [&]() -> Result<Volume> {
        auto volume = open_volume(image, options.superblock);
        if (!volume)
            return fail("{}: {}", image.path(), volume.error().message);
        if (const auto problem = feature_problem(volume->super, write ? FeatureUse::kWrite : FeatureUse::kRead);
            !problem.empty())
            return fail("{}: {}", image.path(), problem);
        return *volume;
    };
    CheckResult result;
    DAXFS_TRY_ASSIGN(result.volume, open());
    DAXFS_TRY(recover_journals(image, result.volume, result.report, write));
    DAXFS_TRY_ASSIGN(result.volume, open());

    Checker checker(result.volume, result.report, options.progress);
    run_passes(checker);
    find_paths(checker);
    if (write) {
        if (auto repaired = repair(checker, image, options.mode); !repaired)
            result.repair_error = repaired.error().message;
    }
    result.remaining = result.report.total();
    if (write && result.remaining > 0) {
        DAXFS_TRY_ASSIGN(result.remaining, count_problems(image, options));
    }
    if (write && result.report.unfixed() == 0 && result.repair_error.empty()) {
        if (auto given_back = give_back_inode_blocks(checker, image))
            result.given_back = *given_back;
        else
            result.repair_error = given_back.error().message;
    }
    for (std::size_t i = 0; i < checker.inodes.size(); ++i)
        result.inodes += checker.inodes.state(i).used() ? 1 : 0;
    result.directories = checker.inodes.directories().size();
    result.skipped_links = checker.skipped_links;
    result.skipped_blocks = checker.skipped_blocks;
    return result;
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/check.h"

#include <algorithm>
#include <memory>

#include "lib/check/path.h"
#include "lib/check/recovery.h"
#include "lib/check/redo_place.h"
#include "lib/check/undo_file.h"
#include "lib/format/features.h"
#include "lib/tree/evidence.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kPathBudget = 200'000;
constexpr std::size_t kMaxPaths = 64;
// Of one kind in a round: what is behind them, the next round finds.
constexpr std::size_t kMaxWork = ClaimMap::kMaxCollisions;
// Each round mends a layer; more than layers are needed only where one mend uncovers what another has done already.
constexpr int kMaxRounds = 48;

// One look at everything, as it is staged.
struct Look {
    Volume volume;
    Worklist work;
    Report report{[this](const Finding& finding) {
        auto& list = work[finding.problem];
        if (list.size() < kMaxWork)
            list.push_back(finding);
    }};
    std::optional<Checker> checker;
    Rollback rollback;
    bool is_old = false;  // something was staged by looking: then the image is not any more what was looked at first
};

void run_passes(Checker& checker) {
    check_superblocks(checker);
    check_inodes(checker);
    check_extents(checker);
    check_directories(checker);
    name_collisions(checker);
    check_links(checker);
    check_maps(checker);
    check_torn_blocks(checker);
}

// Uncommitted transactions are undone in memory first, and what the passes see is the filesystem after that.
Result<std::shared_ptr<Look>> look_at(Image& image, const CheckOptions& options) {
    const auto open = [&]() -> Result<Volume> {
        auto volume = open_volume(image, options.superblock);
        if (!volume)
            return fail("{}: {}", image.path(), volume.error().message);
        const FeatureUse use = options.mode == CheckMode::kReport ? FeatureUse::kRead : FeatureUse::kWrite;
        if (const auto problem = feature_problem(volume->super, use); !problem.empty())
            return fail("{}: {}", image.path(), problem);
        return *volume;
    };
    auto look = std::make_shared<Look>();
    DAXFS_TRY_ASSIGN(look->volume, open());
    if (const auto journals = find_uncommitted(look->volume, look->report); !journals.empty()) {
        look->rollback.stage(image, look->volume, journals);
        look->is_old = true;
        DAXFS_TRY_ASSIGN(look->volume, open());
    }
    // Another filesystem's, most likely: all that is there would look damaged, and would be cleared.
    if (evidence_of(look->volume).present == 0)
        return fail("{}: nothing of what the superblock at block {} describes is there; nothing was written",
                    image.path(), look->volume.super_block);
    look->checker.emplace(look->volume, look->report, options.progress);
    run_passes(*look->checker);
    return look;
}

void find_paths(Look& look) {
    std::uint64_t budget = kPathBudget;
    std::size_t done = 0;
    for (Finding& finding : look.report.findings()) {
        if (finding.ino.value == 0)
            continue;
        if (budget == 0 || ++done > kMaxPaths)
            return;
        finding.path = cheap_path(look.volume, finding.ino, budget);
    }
}

// Mends of one round: the first of the structure that finds something to do, or else all of what follows from it.
Result<bool> mend(Image& image, Look& look, bool may_lose, RepairMemory& memory) {
    Mending mending(image, *look.checker, look.work, may_lose, memory);
    for (const auto structure : {mend_bad_blocks, mend_bits, mend_heads, mend_inode_maps, mend_inodes, mend_extents,
                                 mend_claims, mend_directories, mend_connection}) {
        DAXFS_TRY(structure(mending));
        if (mending.changed())
            return true;
    }
    for (const auto derived : {mend_counts, mend_operations, mend_maps})
        DAXFS_TRY(derived(mending));
    if (look.report.total() == look.report.count(Problem::kSuperStateErrors))
        DAXFS_TRY(mend_state(mending));
    return mending.changed() || look.is_old;
}

class Repair {
  public:
    Repair(Image& image, const CheckOptions& options) : image_(image), options_(options) {}

    // From `look` on, round after round, until nothing is left or nothing changes any more.
    Result<void> run(std::shared_ptr<Look>& look, bool may_lose) {
        for (int round = 0; round < kMaxRounds && look->report.total() > 0; ++round) {
            DAXFS_TRY_ASSIGN(const bool changed, mend(image_, *look, may_lose, memory_));
            if (!changed)
                return {};
            DAXFS_TRY_ASSIGN(look, look_at(image_, options_));
        }
        return {};
    }

    Result<std::uint64_t> give_back(std::shared_ptr<Look>& look) {
        Mending mending(image_, *look->checker, look->work, false, memory_);
        const std::uint64_t blocks = give_back_inode_blocks(mending);
        if (blocks > 0) {
            DAXFS_TRY_ASSIGN(look, look_at(image_, options_));
        }
        return blocks;
    }

    std::vector<Loss>& losses() { return memory_.losses; }
    Reattachments& reattached() { return memory_.reattached; }

  private:
    Image& image_;
    const CheckOptions& options_;
    RepairMemory memory_;
};

void list_edits(const Image& image, RepairPlan& plan) {
    (void)image.for_each_edit([&](const Edit& edit) -> Result<void> {
        if (plan.edit_count++ < RepairPlan::kMaxEdits)
            plan.edits.push_back({.offset = edit.offset,
                                  .before = {edit.before.begin(), edit.before.end()},
                                  .after = {edit.after.begin(), edit.after.end()}});
        return {};
    });
}

// All of it or nothing, and nothing unless it is better than what is there: see no_better.
Result<void> write(Image& image, const CheckOptions& options, const Look& before, const Look& after,
                   const MarkedBlocks& marked) {
    if (!image.has_staged())
        return {};
    if (!options.undo.empty())
        DAXFS_TRY(write_undo_file(image, options.undo));
    RedoPlace place = redo_place(*before.checker, *after.checker, marked, options.mode == CheckMode::kYes);
    if (options.longest_list != 0)
        std::ranges::for_each(place.runs,
                              [&](BlockRun& run) { run.length = std::min(run.length, options.longest_list); });
    place.before_rounds = [&] { return before.rollback.write(image); };
    DAXFS_TRY(commit_staged(image, place));
    return {};
}

std::string what_lacks(const Volume& volume) {
    return fmt::format("the device lacks {} bytes of the filesystem",
                       volume.geometry.block_count * DAXFS_BLOCK_SIZE - volume.image->size_bytes());
}

// What was at its end may be lost: that is for the repair behind it to find out.
std::string way_to_grow(const Image& image, const Volume& volume) {
    if (image.is_block_device())
        return "Copy it again to a device that is large enough, or look with -n";
    return fmt::format(
        "Copy it again; or, if it was cut short, \"truncate -s {} {}\" gives it its size back, and -y "
        "repairs what the end held",
        volume.geometry.block_count * DAXFS_BLOCK_SIZE, image.path());
}

}  // namespace

Result<CheckResult> check_image(Image& image, const CheckOptions& options) {
    const bool writes = options.mode != CheckMode::kReport;
    CheckResult result;
    // A repair that was cut off is finished first, for -n in memory.
    DAXFS_TRY_ASSIGN(const AnnouncedOutcome announced,
                     finish_announced(image, writes ? Access::kWrite : Access::kRead));
    // Clearing its announcement would lose the way back.
    if (announced.undoing && writes)
        return fail("{}: block {}: {}; nothing was written", image.path(), announced.block, announced.detail);
    DAXFS_TRY_ASSIGN(std::shared_ptr<Look> look, look_at(image, options));
    const std::shared_ptr<Look> first = look;
    find_paths(*look);
    result.report = look->report.without_observer();
    // A finding, but no work: the look came behind it.
    if (announced.what == Announced::kFinished)
        result.report.add({.problem = Problem::kIntentPresent,
                           .block = announced.block,
                           .detail = writes ? "it was finished first" : "what follows is as it will be when it is"});
    result.remaining = result.report.total();
    Repair repair(image, options);
    const auto note_error = [&](const Result<void>& done) {
        if (!done && result.repair_error.empty())
            result.repair_error = done.error().message;
    };
    if (writes && look->volume.missing_blocks != 0)
        return fail("{}: {}; nothing was written. {}", image.path(), what_lacks(look->volume),
                    way_to_grow(image, look->volume));
    std::optional<MarkedBlocks> marked;
    if (writes) {
        marked.emplace(*look->checker);
        note_error(repair.run(look, options.mode == CheckMode::kYes));
        result.remaining = look->report.total();
        if (result.remaining == 0) {
            DAXFS_TRY_ASSIGN(result.given_back, repair.give_back(look));
            result.remaining = look->report.total();
        }
        result.no_better = image.has_staged() && result.remaining > 0 && result.remaining >= result.report.total();
        const Result<void> written = result.no_better ? Result<void>{} : write(image, options, *first, *look, *marked);
        note_error(written);
        if (written && !result.no_better) {
            result.report.settle(look->report);
            result.losses = std::move(repair.losses());
            result.reattached = std::move(repair.reattached());
        } else {
            result.remaining = result.report.total();
        }
    }
    result.volume = look->volume;
    for (std::size_t i = 0; i < look->checker->inodes.size(); ++i)
        result.inodes += look->checker->inodes.state(i).used() ? 1 : 0;
    result.directories = look->checker->inodes.directories().size();
    result.skipped_links = look->checker->skipped_links;
    result.skipped_blocks = look->checker->skipped_blocks;
    if (options.plan && !writes && !announced.undoing && !result.clean() && look->volume.missing_blocks == 0) {
        RepairPlan& plan = result.plan.emplace();
        note_error(repair.run(look, false));
        plan.left_by_preen = std::min(look->report.total(), result.report.total());
        note_error(repair.run(look, true));
        plan.left_by_yes = std::min(look->report.total(), result.report.total());
        if (plan.left_by_yes < result.report.total()) {
            plan.losses = std::move(repair.losses());
            plan.reattached = std::move(repair.reattached());
            list_edits(image, plan);
        }
    }
    return result;
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/tune.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "lib/base/checked.h"
#include "lib/check/checker.h"
#include "lib/check/recovery.h"
#include "lib/check/redo_place.h"
#include "lib/check/undo_file.h"
#include "lib/format/copy_places.h"
#include "lib/format/features.h"
#include "lib/make/plan.h"

namespace daxfs {
namespace {

// Files are not looked at: nothing here follows from them.
Result<void> expect_sound(const Image& image, const Volume& volume) {
    Report report;
    find_uncommitted(volume, report);
    if (report.total() == 0) {
        const CheckProgress silent;
        Checker checker(volume, report, silent);
        check_superblocks(checker);
    }
    if (report.total() == 0)
        return {};
    return fail("{}: {}; nothing was written. Run fsck.daxfs -p first", image.path(),
                message_of(report.findings().front()));
}

Result<Volume> open_sound(const Image& image) {
    const auto volume = open_volume(image);
    if (!volume)
        return fail("{}: {}", image.path(), volume.error().message);
    if (const std::string problem = feature_problem(volume->super, FeatureUse::kWrite); !problem.empty())
        return fail("{}: {}", image.path(), problem);
    DAXFS_TRY(expect_sound(image, *volume));
    return *volume;
}

// Copies lie in the groups in use, and from mkfs on in the first few; there one that does not check out is none.
std::vector<BlockNo> superblocks_of(const Volume& volume) {
    std::vector<BlockNo> blocks{BlockNo{0}};
    const auto last = std::max<std::uint64_t>(volume.initialised_ags(), kGroupsWithCopy);
    for (AgNo ag; ag.value < std::min<std::uint64_t>(last, volume.geometry.ag_count); ++ag) {
        const BlockNo block = volume.geometry.ag_start(ag);
        if (block.value != 0 && !read_superblock(*volume.image, block).damage)
            blocks.push_back(block);
    }
    return blocks;
}

Result<void> apply(const Tuning& tuning, const Geometry& geometry, daxfs_super& super) {
    if (tuning.label) {
        DAXFS_TRY(check_label(*tuning.label));
        std::ranges::fill(super.label, daxfs_u8{0});
        std::ranges::copy(*tuning.label, super.label);
    }
    if (tuning.uuid)
        std::ranges::copy(*tuning.uuid, super.uuid);
    if (tuning.reserved_bytes) {
        DAXFS_TRY_ASSIGN(super.reserved_blocks, reserve_blocks(*tuning.reserved_bytes, geometry));
    }
    seal(super);
    return {};
}

std::uint64_t list_bytes(const Image& image) {
    std::uint64_t sum = 0;
    static_cast<void>(image.for_each_edit([&](const Edit& edit) -> Result<void> {
        sum += sizeof(daxfs_redo_record) + round_up<std::uint64_t>(edit.after.size(), 8);
        return {};
    }));
    return sum;
}

bool fits(const std::vector<BlockRun>& runs, std::uint64_t bytes) {
    return bytes <= DAXFS_MAX_REDO_BYTES &&
           std::ranges::any_of(runs, [&](const BlockRun& run) { return run.length * DAXFS_BLOCK_SIZE >= bytes; });
}

// In journals, where nobody's data is whatever the bitmaps say, and else where those say that nothing is.
Result<RedoPlace> place_of(const Image& image, const Volume& volume) {
    const std::uint64_t bytes = list_bytes(image);
    RedoPlace place{.runs = journal_runs(volume)};
    if (!fits(place.runs, bytes))
        place.runs = unmarked_runs(volume);
    if (!fits(place.runs, bytes))
        return fail("{}: no {} bytes are free in a row to announce the change in", image.path(), bytes);
    // Between two rounds copies would differ.
    place.before_rounds = [&image] { return fail("{}: the change does not fit one announcement", image.path()); };
    return place;
}

}  // namespace

Result<TuneOutcome> tune(Image& image, const Tuning& tuning, const TuneOptions& options) {
    DAXFS_TRY_ASSIGN(const Volume volume, open_sound(image));
    TuneOutcome outcome{.before = volume.super};
    for (const BlockNo block : superblocks_of(volume)) {
        auto& super = *reinterpret_cast<daxfs_super*>(image.stage(block));
        if (const auto applied = apply(tuning, volume.geometry, super); !applied)
            return fail("{}: {}", image.path(), applied.error().message);
    }
    std::memcpy(&outcome.after, image.try_block(BlockNo{0}), sizeof(outcome.after));
    outcome.blocks = image.edited_blocks().size();
    if (outcome.blocks == 0)
        return outcome;
    DAXFS_TRY_ASSIGN(const RedoPlace place, place_of(image, volume));
    if (options.access == Access::kRead)
        return outcome;
    if (!options.undo.empty())
        DAXFS_TRY(write_undo_file(image, options.undo));
    DAXFS_TRY(commit_staged(image, place));
    return outcome;
}

}  // namespace daxfs

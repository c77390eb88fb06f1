// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/lab/oracle.h"

#include <algorithm>
#include <cstring>

#include "lib/check/check.h"
#include "lib/check/recovery.h"

namespace daxfs::crash {
namespace {

bool groups_missed = false;

// Recovery is for these. Anything else that fsck finds after a crash, the kernel's mount would have left as it is.
bool is_for_recovery(Problem problem) {
    return (problem == Problem::kSuperGroupsMissed && groups_missed) || problem == Problem::kJournalUncommitted ||
           problem == Problem::kOrphan || problem == Problem::kOperationPending;
}

std::string list(const Report& report) {
    std::string text;
    for (const auto& [problem, count] : report.counts())
        if (!is_for_recovery(problem))
            text += fmt::format("  {} x problem {}: {}\n", count, info(problem).id(), info(problem).name);
    return text;
}

}  // namespace

void expect_missed_groups() {
    groups_missed = true;
}

Result<Areas> Areas::of(std::span<std::byte> device) {
    const Image image = Image::over(device);
    DAXFS_TRY_ASSIGN(const Volume volume, open_volume(image));
    const std::uint64_t journals = std::uint64_t{volume.super.journal_count} * volume.super.journal_blocks;
    Areas areas;
    areas.journals_start_ = volume.super.journal_block * DAXFS_BLOCK_SIZE;
    areas.journals_end_ = areas.journals_start_ + journals * DAXFS_BLOCK_SIZE;
    areas.align_blocks_ = volume.super.align_blocks;
    areas.ag_blocks_ = volume.geometry.ag_blocks();
    return areas;
}

std::uint64_t Areas::bitmap_word(std::uint64_t offset, unsigned& bit) const {
    const std::uint64_t block = offset / DAXFS_BLOCK_SIZE;
    if (block < align_blocks_)
        return 0;
    const std::uint64_t in_ag = (block - align_blocks_) % ag_blocks_;
    bit = in_ag % 64;
    return (block - in_ag + DAXFS_AG_BITMAP_BLOCK) * DAXFS_BLOCK_SIZE + in_ag / 64 * 8;
}

std::optional<Rollback> roll_back(std::span<std::byte> device) {
    const Image image = Image::over(device);
    const auto volume = open_volume(image);
    if (!volume || volume->primary_damage)
        return std::nullopt;
    Report report;
    const auto journals = find_uncommitted(*volume, report);
    if (report.total() != report.count(Problem::kJournalUncommitted))
        return std::nullopt;
    Rollback rollback;
    for (const JournalReading& journal : journals) {
        rollback.journals += !journal.uncommitted.empty();
        for (auto entry = journal.uncommitted.rbegin(); entry != journal.uncommitted.rend(); ++entry) {
            for (std::size_t i = 0; i < entry->data.size(); ++i) {
                const std::uint64_t at = entry->offset.value + i, offset = at / kWord * kWord;
                const auto [word, is_new] = rollback.words.try_emplace(offset);
                if (is_new)
                    std::memcpy(&word->second, &device[offset], kWord);
                std::memcpy(reinterpret_cast<std::byte*>(&word->second) + at % kWord, &entry->data[i], 1);
            }
        }
    }
    for (const auto& [offset, after] : rollback.words) {
        std::uint64_t before;
        std::memcpy(&before, &device[offset], kWord);
        if (before != after)
            rollback.hash ^= word_hash(offset, before) ^ word_hash(offset, after);
    }
    return rollback;
}

Result<Snapshot> recover(std::span<std::byte> device) {
    Image image = Image::over(device);
    const auto checked = check_image(image, {.mode = CheckMode::kPreen});
    if (!checked)
        return fail("cannot be recovered: {}\n", checked.error().message);
    if (const std::string wrong = list(checked->report); !wrong.empty())
        return fail("fsck.daxfs finds damage that recovery does not mend:\n{}", wrong);
    if (!checked->repair_error.empty() || checked->remaining != 0)
        return fail("not clean after recovery: {} problems left {}\n", checked->remaining, checked->repair_error);
    DAXFS_TRY_ASSIGN(const Volume volume, open_volume(image));
    return Snapshot::take(volume);
}

std::optional<std::string> judge(std::span<std::byte> device, const Promise& promise) {
    const auto found = recover(device);
    return found ? promise.broken_by(*found) : std::optional(found.error().message);
}

}  // namespace daxfs::crash

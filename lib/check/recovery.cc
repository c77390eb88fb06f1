// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/recovery.h"

#include <algorithm>
#include <cstring>

namespace daxfs {
namespace {

void report_journal(Report& report, const JournalReading& journal) {
    const auto add = [&](Problem problem, const Damage& damage) {
        Finding finding = finding_of(problem, damage);
        finding.at = journal.id;
        report.add(std::move(finding));
    };
    if (journal.header_damage)
        add(Problem::kJournalHeaderDamaged, *journal.header_damage);
    if (journal.commit_damage)
        add(Problem::kCommitWordDamaged, *journal.commit_damage);
    if (journal.entry_damage)
        add(Problem::kJournalEntryRange, *journal.entry_damage);
    else if (!journal.uncommitted.empty())
        report.add({.problem = Problem::kJournalUncommitted,
                    .block = journal.block,
                    .at = journal.id,
                    .count = journal.uncommitted.size()});
}

void put_back(Image& image, const UndoEntry& entry) {
    if (std::byte* block = image.stage(BlockNo{entry.offset.value / DAXFS_BLOCK_SIZE}))
        std::memcpy(block + entry.offset.value % DAXFS_BLOCK_SIZE, entry.data.data(), entry.data.size());
}

void keep(std::map<BlockNo, std::vector<std::byte>>& blocks, const Image& image, BlockNo block) {
    if (const std::byte* bytes = image.try_block(block))
        blocks[block].assign(bytes, bytes + DAXFS_BLOCK_SIZE);
}

Result<void> write_blocks(Image& image, const std::map<BlockNo, std::vector<std::byte>>& blocks) {
    for (const auto& [block, bytes] : blocks)
        DAXFS_TRY(image.write_block(block, BlockBytes{bytes.data(), DAXFS_BLOCK_SIZE}));
    return image.flush();
}

void stage_rollback(Image& image, const std::vector<JournalReading>& journals) {
    for (const JournalReading& journal : journals) {
        for (auto entry = journal.uncommitted.rbegin(); entry != journal.uncommitted.rend(); ++entry)
            put_back(image, *entry);
    }
}

void stage_end(Image& image, const Volume& volume, const std::vector<JournalReading>& journals) {
    for (const JournalReading& journal : journals) {
        std::byte* block = image.stage(journal.block);
        if (block == nullptr)
            continue;
        daxfs_le64 word;
        word = commit_word(volume.seed, journal.id, journal.sequence + 1);
        std::memcpy(block + DAXFS_JOURNAL_COMMIT_OFFSET, &word, sizeof(word));
    }
}

}  // namespace

std::vector<JournalReading> find_uncommitted(const Volume& volume, Report& report) {
    std::vector<JournalReading> journals;
    for (std::uint32_t id = 0; id < volume.geometry.journal_count; ++id)
        journals.push_back(read_journal(volume, id));
    mark_shared_units(journals);
    for (const JournalReading& journal : journals)
        report_journal(report, journal);
    // Half of a list of old bytes may be worse than none, and what a journal says beside a false one is not to be
    // trusted.
    if (std::ranges::any_of(journals, [](const JournalReading& j) { return j.entry_damage.has_value(); }))
        return {};
    std::erase_if(journals, [](const JournalReading& j) { return j.uncommitted.empty(); });
    return journals;
}

void Rollback::stage(Image& image, const Volume& volume, const std::vector<JournalReading>& journals) {
    stage_rollback(image, journals);
    for (const JournalReading& journal : journals) {
        for (const UndoEntry& entry : journal.uncommitted)
            keep(old_bytes_, image, BlockNo{entry.offset.value / DAXFS_BLOCK_SIZE});
    }
    stage_end(image, volume, journals);
    for (const JournalReading& journal : journals)
        keep(commit_words_, image, journal.block);
}

Result<void> Rollback::write(Image& image) const {
    if (old_bytes_.empty())
        return {};
    DAXFS_TRY(write_blocks(image, old_bytes_));
    return write_blocks(image, commit_words_);
}

}  // namespace daxfs

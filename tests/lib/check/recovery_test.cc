// SPDX-License-Identifier: GPL-2.0-or-later
// What a power cut leaves, and a kill of fsck itself in the middle of its repair.
#include <gtest/gtest.h>

#include <random>

#include "lib/check/check.h"
#include "tests/images/broken_images.h"

namespace daxfs {
namespace {

using test::ImageEditor;

CheckResult check(Image& image, CheckMode mode) {
    auto result = check_image(image, {.mode = mode});
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? *std::move(result) : CheckResult{};
}

TEST(Recovery, ShowsTheFilesystemAsItIsAfterTheRollback) {
    ImageEditor editor;
    const ImageEditor::Range ranges[] = {editor.range_of(editor.rich().small_file),
                                         editor.range_of(editor.rich().linked_file)};
    editor.log_undo(0, ranges);
    std::memset(&editor.inode(editor.rich().small_file), 0xff, 512);
    std::memset(&editor.inode(editor.rich().linked_file), 0, 100);
    Image image = editor.image();
    const CheckResult result = check(image, CheckMode::kReport);
    EXPECT_EQ(result.report.total(), 1u);
    EXPECT_EQ(result.report.count(Problem::kJournalUncommitted), 1u);
}

TEST(Recovery, PutsTheOldBytesBackAndEndsTheTransaction) {
    ImageEditor editor;
    const ImageEditor::Range ranges[] = {editor.range_of(editor.rich().small_file)};
    editor.log_undo(0, ranges);
    std::memset(&editor.inode(editor.rich().small_file), 0xff, 512);
    Image image = editor.image();
    EXPECT_EQ(check(image, CheckMode::kPreen).remaining, 0u);
    EXPECT_TRUE(check(image, CheckMode::kReport).clean());
    const Volume volume = test::must(open_volume(image));
    EXPECT_EQ(read_journal(volume, 0).sequence, 1u);
    const daxfs_inode& before = *read_inode(editor.volume(), editor.rich().small_file).raw;
    EXPECT_EQ(std::memcmp(read_inode(volume, editor.rich().small_file).raw, &before, sizeof(before)), 0);
}

TEST(Recovery, UndoesTheNewestEntryFirst) {
    ImageEditor editor;
    const InodeNo ino = editor.rich().small_file;
    const ImageEditor::Range first[] = {editor.range_of(ino)};
    // The second entry of the same range holds what was there in the middle of the transaction.
    editor.log_undo(0, first);
    std::vector<std::byte> journal_with_first(editor.block(editor.volume().geometry.journal_slot(0)),
                                              editor.block(editor.volume().geometry.journal_slot(0)) + 1024);
    std::memset(&editor.inode(ino), 0x11, 512);
    const ImageEditor::Range both[] = {editor.range_of(ino), editor.range_of(ino)};
    editor.log_undo(0, both);
    std::memcpy(editor.block(editor.volume().geometry.journal_slot(0)), journal_with_first.data(),
                DAXFS_JOURNAL_BODY_OFFSET + sizeof(daxfs_journal_entry) + 512);
    std::memset(&editor.inode(ino), 0x22, 512);
    Image image = editor.image();
    EXPECT_EQ(read_journal(test::must(open_volume(image)), 0).uncommitted.size(), 2u);
    EXPECT_EQ(check(image, CheckMode::kPreen).remaining, 0u);
}

TEST(Recovery, FindsTheJournalsThroughACopyWhenTheSuperblockIsTorn) {
    ImageEditor editor;
    const ImageEditor::Range ranges[] = {{ByteOffset{0}, sizeof(daxfs_super)}};
    editor.log_undo(1, ranges);
    editor.super().initialised_ags = 3;
    editor.super().state = DAXFS_STATE_ERRORS;
    Image image = editor.image();
    const CheckResult result = check(image, CheckMode::kReport);
    EXPECT_EQ(result.report.total(), 1u);
    EXPECT_EQ(result.report.count(Problem::kJournalUncommitted), 1u);
    EXPECT_EQ(result.volume.super_block.value, 0u);
}

TEST(Recovery, FreesOrphansWithAllTheirBlocks) {
    Image image = test::rich_image_with_orphan().image();
    const CheckResult before = check(image, CheckMode::kReport);
    EXPECT_EQ(before.report.total(), 1u);
    EXPECT_EQ(before.report.count(Problem::kOrphan), 1u);
    const CheckResult result = check(image, CheckMode::kPreen);
    EXPECT_EQ(result.repair_error, "");
    EXPECT_EQ(result.remaining, 0u);
    const CheckResult after = check(image, CheckMode::kReport);
    EXPECT_TRUE(after.clean());
    EXPECT_EQ(after.inodes, before.inodes - 1);
}

TEST(Recovery, FinishesATruncation) {
    ImageEditor editor;
    for (const auto& broken : test::broken_images()) {
        if (std::string_view(broken.name) == "truncation-interrupted")
            broken.damage(editor);
    }
    Image image = editor.image();
    EXPECT_EQ(check(image, CheckMode::kPreen).remaining, 0u);
    EXPECT_TRUE(check(image, CheckMode::kReport).clean());
    const Volume volume = test::must(open_volume(image));
    const daxfs_inode& inode = *read_inode(volume, editor.rich().tree_file).raw;
    ExtentCursor now(volume, inode);
    ExtentCursor then(editor.volume(), *read_inode(editor.volume(), editor.rich().tree_file).raw);
    for (std::uint64_t block = 0; block < 1000; ++block) {
        const auto a = now.next();
        const auto b = then.next();
        ASSERT_TRUE(a && b);
        EXPECT_EQ(a->disk_block, b->disk_block);
    }
    EXPECT_FALSE(now.next());
}

// The three steps of a repair transaction, cut at any point of the second: its undo is durable, some of its blocks are
// written, its commit word is not.
TEST(Recovery, SurvivesAKillInTheMiddleOfARepair) {
    test::Blocks before = test::rich_image_with_orphan().blocks;
    Image image = test::rich_image_with_orphan().image();
    ASSERT_EQ(check(image, CheckMode::kPreen).remaining, 0u);
    test::Blocks after = test::blocks_of(image);
    const Volume volume = test::must(open_volume(image));
    const BlockNo journals = volume.geometry.journal_slot(0);
    const BlockNo journals_end = volume.geometry.journal_slot(2);
    std::mt19937 random(42);
    for (int round = 0; round < 8; ++round) {
        test::Blocks torn = before;
        for (const auto& [number, block] : after) {
            const bool journal = number >= journals && number < journals_end;
            if (journal || random() % 2 == 0)
                torn[number] = block;
        }
        for (std::uint32_t id = 0; id < 2; ++id) {
            const BlockNo slot = volume.geometry.journal_slot(id);
            std::memcpy(torn[slot].bytes, before[slot].bytes, DAXFS_JOURNAL_BODY_OFFSET);
        }
        Image again = test::image_of(image.size_bytes(), torn);
        const CheckResult seen = check(again, CheckMode::kReport);
        EXPECT_EQ(seen.report.count(Problem::kJournalUncommitted), 1u);
        EXPECT_FALSE(seen.report.has(Severity::kCorrupt));
        EXPECT_EQ(check(again, CheckMode::kPreen).remaining, 0u);
        EXPECT_TRUE(check(again, CheckMode::kReport).clean());
    }
}

TEST(Recovery, LeavesOrphansAloneWhereOtherDamageCouldShareTheirBlocks) {
    ImageEditor editor(test::rich_image_with_orphan());
    editor.flip(editor.volume().block_of(editor.rich().small_file),
                editor.volume().offset_of(editor.rich().small_file) + 90);
    Image image = editor.image();
    const CheckResult result = check(image, CheckMode::kYes);
    EXPECT_GT(result.remaining, 0u);
    EXPECT_EQ(check(image, CheckMode::kReport).report.count(Problem::kOrphan), 1u);
}

}  // namespace
}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// What a power cut leaves, and a kill of fsck itself in the middle of its repair.
#include <gtest/gtest.h>

#include <functional>

#include "lib/check/check.h"
#include "lib/check/recovery.h"
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

TEST(Recovery, FillsARangeWithTheWordThatWasThere) {
    ImageEditor editor;
    const BlockNo bitmap = editor.volume().geometry.bitmap(AgNo{0});
    constexpr std::uint32_t kFrom = 2048;
    constexpr std::uint32_t kLength = 512;
    const std::byte old = editor.block(bitmap)[kFrom];
    ASSERT_EQ(std::vector(kLength, old),
              std::vector(editor.block(bitmap) + kFrom, editor.block(bitmap) + kFrom + kLength));
    const ImageEditor::Range ranges[] = {
        {.offset = ByteOffset{bitmap.value * DAXFS_BLOCK_SIZE + kFrom}, .length = kLength, .fill = true}};
    editor.log_undo(0, ranges);
    std::fill_n(editor.block(bitmap) + kFrom, kLength, ~old);
    Image image = editor.image();
    EXPECT_EQ(check(image, CheckMode::kPreen).remaining, 0u);
    EXPECT_TRUE(check(image, CheckMode::kReport).clean());
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

TEST(Recovery, PutsATornSuperblockBackThatHasNoCopy) {
    ImageEditor editor;
    const daxfs_super before = editor.super();
    const ImageEditor::Range ranges[] = {{ByteOffset{0}, sizeof(daxfs_super)}};
    editor.log_undo(1, ranges);
    // What reached the device of another label: some of its words, and not the checksum.
    std::memcpy(editor.super().label, "another label of eighteen", 25);
    for (std::uint64_t ag = 1; ag < editor.volume().initialised_ags(); ++ag)
        std::memset(editor.block(editor.volume().geometry.ag_start(AgNo{ag})), 0, DAXFS_BLOCK_SIZE);
    Image image = editor.image();
    const Volume volume = test::must(open_volume(image));
    EXPECT_FALSE(volume.primary_damage);
    EXPECT_EQ(std::memcmp(&volume.super, &before, sizeof(before)), 0);
    EXPECT_EQ(check(image, CheckMode::kPreen).report.count(Problem::kSuperDamaged), 0u);
    EXPECT_EQ(std::memcmp(image.at<daxfs_super>(BlockNo{0}), &before, sizeof(before)), 0);
}

// What `change` makes of the superblock is what a journal would put back; nothing is.
void expect_super_refused(const std::function<void(daxfs_super&)>& change) {
    ImageEditor editor;
    const daxfs_super now = editor.super();
    change(editor.super());
    editor.super().crc = checksum(ChecksumSeed::of(editor.super().nonce), editor.super());
    const ImageEditor::Range ranges[] = {{ByteOffset{0}, sizeof(daxfs_super)}};
    editor.log_undo(0, ranges);
    editor.super() = now;
    const ImageEditor::Range sound[] = {editor.range_of(editor.rich().small_file)};
    editor.log_undo(1, sound);
    Image image = editor.image();
    Report report;
    EXPECT_TRUE(find_uncommitted(test::must(open_volume(image)), report).empty());
    EXPECT_EQ(report.count(Problem::kJournalEntryRange), 1u);
}

TEST(Recovery, RefusesToChangeWhatTheFilesystemIs) {
    expect_super_refused([](daxfs_super& super) { super.journal_count = 200; });
    expect_super_refused([](daxfs_super& super) { super.journal_blocks = 64; });
    expect_super_refused([](daxfs_super& super) { super.block_count = super.block_count - 1; });
    expect_super_refused([](daxfs_super& super) { super.root_ino = super.root_ino + 1; });
    expect_super_refused([](daxfs_super& super) { super.nonce = super.nonce + 1; });
    expect_super_refused([](daxfs_super& super) { super.hash_key[1] = 0; });
    expect_super_refused([](daxfs_super& super) { super.version = 9; });
    expect_super_refused([](daxfs_super& super) { super.incompat = 1; });
    expect_super_refused([](daxfs_super& super) { super.initialised_ags = 0; });
    expect_super_refused([](daxfs_super& super) { super.initialised_ags = super.initialised_ags + 1; });
}

TEST(Recovery, RefusesTwoJournalsThatShareAUnit) {
    ImageEditor editor;
    const std::uint64_t start = editor.rich().small_file.value * DAXFS_INODE_SIZE;
    const auto shared = [&](std::uint64_t first, std::uint64_t second) {
        const ImageEditor::Range one[] = {{ByteOffset{start + first}, 8}};
        const ImageEditor::Range other[] = {{ByteOffset{start + second}, 8}};
        editor.log_undo(0, one);
        editor.log_undo(1, other);
        Image image = editor.image();
        Report report;
        const bool none = find_uncommitted(test::must(open_volume(image)), report).empty();
        EXPECT_EQ(none, report.count(Problem::kJournalEntryRange) == 1);
        return none;
    };
    EXPECT_TRUE(shared(0, 0));
    EXPECT_TRUE(shared(8, 504));
    EXPECT_TRUE(shared(504, 0));
    EXPECT_FALSE(shared(504, 512));
}

TEST(Recovery, RefusesEntriesWhereNoTransactionStores) {
    const std::uint64_t block = DAXFS_BLOCK_SIZE;
    const ImageEditor editor;
    const std::uint64_t second_group = editor.volume().geometry.ag_start(AgNo{1}).value;
    const std::pair<std::uint64_t, std::uint32_t> places[] = {
        {0, 64}, {8, 512}, {1 * block, 64}, {2 * block, 512}, {9 * block - 4, 8}, {second_group * block, 512}};
    for (const auto& [offset, length] : places) {
        ImageEditor damaged;
        const ImageEditor::Range ranges[] = {{ByteOffset{offset}, length}};
        damaged.log_undo(0, ranges);
        Image image = damaged.image();
        Report report;
        EXPECT_TRUE(find_uncommitted(test::must(open_volume(image)), report).empty()) << offset;
        EXPECT_EQ(report.count(Problem::kJournalEntryRange), 1u) << offset;
    }
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

using Map = std::vector<std::pair<std::uint64_t, std::uint64_t>>;  // file block, disk block

Map map_of(const Volume& volume, InodeNo ino) {
    Map map;
    ExtentCursor extents(volume, *read_inode(volume, ino).raw);
    while (const auto extent = extents.next()) {
        for (std::uint64_t i = 0; i < extent->length; ++i)
            map.emplace_back(extent->file_block.value + i, extent->disk_block.value + i);
    }
    return map;
}

Map without(const Map& map, std::uint64_t first, std::uint64_t count) {
    Map left;
    for (const auto& [file_block, disk_block] : map) {
        if (file_block < first)
            left.emplace_back(file_block, disk_block);
        else if (file_block - first >= count)
            left.emplace_back(file_block - count, disk_block);
    }
    return left;
}

// fsck.daxfs -p recovers the image, which then is clean and has `ino` mapped as `wanted`.
void expect_recovery(ImageEditor& editor, InodeNo ino, const Map& wanted) {
    Image image = editor.image();
    const CheckResult seen = check(image, CheckMode::kReport);
    EXPECT_EQ(seen.report.total(), 1u);
    EXPECT_EQ(seen.report.count(Problem::kOperationPending), 1u);
    const CheckResult result = check(image, CheckMode::kPreen);
    EXPECT_EQ(result.repair_error, "");
    EXPECT_EQ(result.remaining, 0u);
    EXPECT_TRUE(check(image, CheckMode::kReport).clean());
    const Volume volume = test::must(open_volume(image));
    EXPECT_EQ(map_of(volume, ino), wanted);
    const daxfs_inode& inode = *read_inode(volume, ino).raw;
    EXPECT_EQ(inode.operation, DAXFS_OPERATION_NONE);
    EXPECT_EQ(inode.operation_arg[0], 0u);
    EXPECT_EQ(inode.operation_arg[1], 0u);
}

TEST(Recovery, TakesOutWhatACollapseHadNotFreedYet) {
    for (const auto& [first, count] :
         {std::pair<std::uint64_t, std::uint64_t>{0, 1}, {0, 500}, {1000, 77}, {2590, 100}}) {
        ImageEditor editor;
        const InodeNo ino = editor.rich().tree_file;
        test::broken::announce(editor, ino, DAXFS_OPERATION_COLLAPSE, first, count);
        expect_recovery(editor, ino, without(map_of(editor.volume(), ino), first, count));
    }
}

// The hole is where one step left it: at a leaf's first extent, inside a leaf, before everything, behind everything.
TEST(Recovery, MovesTheRestBackOverTheHoleOfAShift) {
    for (const std::uint64_t gap : {0u, 1u, 168u, 169u, 336u, 1000u, 2520u, 2599u, 2600u}) {
        ImageEditor editor;
        const InodeNo ino = editor.rich().tree_file;
        test::broken::insert_hole(editor, ino, gap, 77);
        test::broken::announce(editor, ino, DAXFS_OPERATION_COLLAPSE, gap, 77);
        expect_recovery(editor, ino, map_of(editor.volume(), ino));
    }
}

TEST(Recovery, FinishesACollapseOfExtentsInTheInode) {
    ImageEditor editor;
    const InodeNo ino = editor.rich().small_file;
    test::broken::announce(editor, ino, DAXFS_OPERATION_COLLAPSE, 2, 98);
    expect_recovery(editor, ino, without(map_of(editor.volume(), ino), 2, 98));
}

// Blocks past the end of file move with the others.
TEST(Recovery, KeepsBlocksPastTheEndOfFile) {
    ImageEditor editor;
    const InodeNo ino = editor.rich().unwritten_file;
    test::broken::announce(editor, ino, DAXFS_OPERATION_COLLAPSE, 6, 1000);
    const Map wanted = without(map_of(editor.volume(), ino), 6, 1000);
    EXPECT_EQ(wanted.back().first, 5599u - 1000u);
    expect_recovery(editor, ino, wanted);
}

TEST(Recovery, FinishesInStepsWhatIsTooMuchForAJournal) {
    constexpr std::uint32_t kExtents = 26000;
    test::RichImage rich;
    FormatOptions options = test::rich_options();
    options.device_bytes = 256u << 20;
    MemorySink sink(options.device_bytes);
    FilesystemBuilder builder(test::must(plan_filesystem(options)), sink);
    test::must(builder.begin());
    test::fill_rich_image(builder, rich, {.extents = kExtents, .names = 10});
    test::must(builder.finish());
    rich.super = builder.super();
    rich.size_bytes = options.device_bytes;
    rich.blocks = test::blocks_of(sink.image());
    for (const auto operation : {DAXFS_OPERATION_COLLAPSE, DAXFS_OPERATION_TRUNCATE}) {
        ImageEditor editor(rich);
        const Map before = map_of(editor.volume(), rich.tree_file);
        ASSERT_EQ(before.size(), kExtents);
        const std::uint64_t first = operation == DAXFS_OPERATION_COLLAPSE ? 1000 : kExtents - 1000;
        test::broken::announce(editor, rich.tree_file, operation, first, 77);
        expect_recovery(editor, rich.tree_file,
                        without(before, first, operation == DAXFS_OPERATION_COLLAPSE ? 77 : kExtents));
    }
}

TEST(Recovery, GivesBlocksOfInodesBack) {
    constexpr int kOrphans = 3000;
    const FormatOptions options = test::rich_options();
    MemorySink sink(options.device_bytes);
    FilesystemBuilder builder(test::must(plan_filesystem(options)), sink);
    test::must(builder.begin());
    test::must(builder.add_special(builder.root(), "first", S_IFIFO, 0, 0));
    for (int i = 0; i < kOrphans; ++i)
        test::must(builder.add_orphan(0, {}));
    test::must(builder.add_special(builder.root(), "last", S_IFIFO, 0, 0));
    test::must(builder.finish());
    Image image = test::image_of(options.device_bytes, test::blocks_of(sink.image()));
    const daxfs_ag_header before = *read_ag_header(test::must(open_volume(image)), AgNo{0}).raw;
    EXPECT_EQ(check(image, CheckMode::kReport).given_back, 0u);
    const CheckResult result = check(image, CheckMode::kPreen);
    EXPECT_EQ(result.remaining, 0u);
    EXPECT_GE(result.given_back, kOrphans / DAXFS_INODES_PER_BLOCK - 1u);
    EXPECT_LE(result.given_back, kOrphans / DAXFS_INODES_PER_BLOCK + 1u);
    const daxfs_ag_header after = *read_ag_header(test::must(open_volume(image)), AgNo{0}).raw;
    EXPECT_EQ(after.free_blocks, before.free_blocks + result.given_back);
    EXPECT_EQ(after.inode_blocks, before.inode_blocks - result.given_back);
    EXPECT_EQ(after.free_inodes, before.free_inodes + kOrphans - result.given_back * DAXFS_INODES_PER_BLOCK);
    const CheckResult again = check(image, CheckMode::kYes);
    EXPECT_TRUE(again.clean());
    EXPECT_EQ(again.given_back, 0u);
    EXPECT_EQ(again.inodes, 4u);  // two of them directories
}

TEST(Recovery, LeavesOrphansAloneWhereOtherDamageCouldShareTheirBlocks) {
    ImageEditor editor(test::rich_image_with_orphan());
    editor.inode(editor.rich().small_file).crc = 0;
    Image image = editor.image();
    const CheckResult result = check(image, CheckMode::kPreen);
    EXPECT_GT(result.remaining, 0u);
    EXPECT_EQ(check(image, CheckMode::kReport).report.count(Problem::kOrphan), 1u);
    EXPECT_EQ(check(image, CheckMode::kYes).remaining, 0u);
    EXPECT_TRUE(check(image, CheckMode::kReport).clean());
}

}  // namespace
}  // namespace daxfs

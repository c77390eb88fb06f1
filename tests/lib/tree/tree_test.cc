// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <set>

#include "lib/tree/ag.h"
#include "lib/tree/intent.h"
#include "tests/images/rich_image.h"

namespace daxfs {
namespace {

using test::ImageEditor;
using test::must;
using test::rich_image;

struct Opened {
    Image image = rich_image().image();
    Volume volume = must(open_volume(image));

    const daxfs_inode& inode(InodeNo ino) const { return *read_inode(volume, ino).raw; }
};

TEST(Superblock, IsFoundAtBlockZero) {
    const Opened rich;
    EXPECT_EQ(rich.volume.super_block.value, 0u);
    EXPECT_FALSE(rich.volume.primary_damage);
    EXPECT_EQ(rich.volume.super.root_ino, rich_image().root.value);
}

TEST(Superblock, HasEveryOneOfItsBitsPutRight) {
    ImageEditor editor;
    const daxfs_super good = editor.super();
    for (std::size_t bit = 0; bit < sizeof(good) * 8; bit += 37) {
        daxfs_super flipped = good;
        reinterpret_cast<std::uint8_t*>(&flipped)[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
        const auto corrected = correct_one_bit(flipped);
        ASSERT_TRUE(corrected) << bit;
        EXPECT_EQ(std::memcmp(&*corrected, &good, sizeof(good)), 0) << bit;
    }
}

TEST(Superblock, FallsBackToACopyAndCountsTheGroupsThatItDoesNotKnow) {
    ImageEditor editor;
    std::memset(editor.block(BlockNo{0}), 0xee, DAXFS_BLOCK_SIZE);
    const Image image = editor.image();
    const Volume volume = must(open_volume(image));
    EXPECT_NE(volume.super_block.value, 0u);
    EXPECT_TRUE(volume.primary_damage);
    EXPECT_EQ(volume.initialised_ags(), editor.volume().initialised_ags());
}

TEST(Superblock, IsNotBelievedAwayFromItsPlace) {
    ImageEditor editor;
    std::memcpy(editor.block(BlockNo{700}), editor.block(BlockNo{0}), DAXFS_BLOCK_SIZE);
    EXPECT_FALSE(open_volume(editor.image(), BlockNo{700}));
}

TEST(Superblock, OfADeviceThatWasCutSaysWhatLacks) {
    const Image image = test::image_of(20u << 20, rich_image().blocks);
    const Volume volume = must(open_volume(image));
    EXPECT_EQ(volume.missing_blocks, (rich_image().size_bytes - (20u << 20)) / DAXFS_BLOCK_SIZE);
    EXPECT_FALSE(volume.primary_damage);
    EXPECT_EQ(volume.initialised_ags(), 2u);
    const Image two_blocks = test::image_of(8192, rich_image().blocks);
    const auto refused = open_volume(two_blocks);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("the device ends before the first allocation group"), std::string::npos)
        << refused.error().message;
}

TEST(Superblock, OfALaterVersionIsRefused) {
    ImageEditor editor;
    editor.super().incompat = 1u << 31;
    editor.seal_super();
    const auto volume = open_volume(editor.image());
    ASSERT_FALSE(volume);
    EXPECT_NE(volume.error().message.find("incompatible features"), std::string::npos);
}

TEST(AgMap, RunsTileTheGroup) {
    const Opened rich;
    for (AgNo ag; ag.value < rich.volume.initialised_ags(); ++ag) {
        const AgMap map(rich.volume, ag, MapKind::kBlocks);
        std::uint64_t at = 0;
        std::uint64_t free = 0;
        while (const auto run = map.run(at)) {
            EXPECT_EQ(run->start, at);
            EXPECT_EQ(map.test(at), run->set);
            free += run->set ? 0 : run->length;
            at += run->length;
        }
        EXPECT_EQ(at, map.bits());
        EXPECT_EQ(free, read_ag_header(rich.volume, ag).raw->free_blocks);
        EXPECT_FALSE(map.verify(0));
    }
}

TEST(Inode, IsReadOnlyWhereTheMapHasIt) {
    const Opened rich;
    EXPECT_FALSE(read_inode(rich.volume, rich_image().small_file).damage);
    EXPECT_TRUE(read_inode(rich.volume, InodeNo{0}).damage);
    EXPECT_TRUE(read_inode(rich.volume, InodeNo{UINT64_MAX}).damage);
    EXPECT_TRUE(read_inode(rich.volume, InodeNo{rich_image().small_file.value + (4000 * 8)}).damage);
}

TEST(ExtentCursor, VisitsATreeInOrder) {
    const Opened rich;
    ExtentCursor cursor(rich.volume, rich.inode(rich_image().tree_file));
    std::uint64_t block = 0;
    while (const auto extent = cursor.next()) {
        EXPECT_EQ(extent->file_block.value, block);
        block += extent->length;
    }
    EXPECT_EQ(block, test::kTreeFileExtents);
    EXPECT_EQ(cursor.damage_count(), 0u);
}

TEST(ExtentCursor, StartsInTheMiddleAsAFullWalkWould) {
    const Opened rich;
    for (const std::uint64_t from : {0u, 1u, 167u, 168u, 169u, 2000u, 2599u}) {
        ExtentCursor cursor(rich.volume, rich.inode(rich_image().tree_file), FileBlock{from});
        const auto extent = cursor.next();
        ASSERT_TRUE(extent);
        EXPECT_EQ(extent->file_block.value, from);
    }
    EXPECT_FALSE(ExtentCursor(rich.volume, rich.inode(rich_image().tree_file), FileBlock{2600}).next());
}

TEST(ExtentCursor, GoesOnBehindADamagedLeaf) {
    ImageEditor editor;
    editor.flip(editor.node(editor.rich().tree_file, TreeKind::kExtents, 0, 2), 500);
    const Image image = editor.image();
    const Volume volume = must(open_volume(image));
    ExtentCursor cursor(volume, *read_inode(volume, editor.rich().tree_file).raw);
    std::uint64_t extents = 0;
    while (cursor.next())
        ++extents;
    EXPECT_LT(extents, test::kTreeFileExtents);
    EXPECT_GE(extents, test::kTreeFileExtents - DAXFS_NODE_EXTENTS);
    ASSERT_EQ(cursor.damage_count(), 1u);
    EXPECT_EQ(cursor.damage()[0].kind, DamageKind::kChecksum);
}

TEST(FindExtent, TellsHolesFromExtents) {
    const Opened rich;
    const daxfs_inode& file = rich.inode(rich_image().unwritten_file);
    EXPECT_FALSE(find_extent(rich.volume, file, FileBlock{2})->unwritten);
    EXPECT_TRUE(find_extent(rich.volume, file, FileBlock{7})->unwritten);
    EXPECT_FALSE(find_extent(rich.volume, file, FileBlock{8}));
    EXPECT_TRUE(find_extent(rich.volume, file, FileBlock{5599}));
    EXPECT_FALSE(find_extent(rich.volume, file, FileBlock{DAXFS_MAX_FILE_BLOCK}));
}

TEST(DirectoryCursor, VisitsEveryNameOnceInKeyOrder) {
    const Opened rich;
    DirectoryCursor cursor(rich.volume, rich.inode(rich_image().big_directory));
    std::set<std::string> names;
    std::uint64_t last = 0;
    while (const auto entry = cursor.next()) {
        EXPECT_GT(entry->key, last);
        last = entry->key;
        EXPECT_TRUE(names.insert(entry->name).second);
    }
    EXPECT_EQ(names.size(), test::kBigDirectoryNames + 2u);
    EXPECT_EQ(cursor.damage_count(), 0u);
}

TEST(DirectoryCursor, ResumesBehindAKey) {
    const Opened rich;
    DirectoryCursor all(rich.volume, rich.inode(rich_image().big_directory));
    for (int i = 0; i < 700; ++i)
        all.next();
    const auto entry = all.next();
    ASSERT_TRUE(entry);
    EXPECT_EQ(DirectoryCursor(rich.volume, rich.inode(rich_image().big_directory), entry->key).next()->name,
              entry->name);
}

TEST(FindEntry, FindsEveryNameAndNoOther) {
    const Opened rich;
    const daxfs_inode& big = rich.inode(rich_image().big_directory);
    for (int i = 0; i < test::kBigDirectoryNames; i += 97)
        EXPECT_TRUE(find_entry(rich.volume, big, fmt::format("name-{:05}-of-many", i)));
    EXPECT_FALSE(find_entry(rich.volume, big, "name-99999-of-many"));
    EXPECT_FALSE(find_entry(rich.volume, big, ""));
}

TEST(ResolvePath, WalksDirectoriesAndNamesWhatIsMissing) {
    const Opened rich;
    EXPECT_EQ(must(resolve_path(rich.volume, "/")), rich_image().root);
    EXPECT_EQ(must(resolve_path(rich.volume, "//big/./sub/")), rich_image().subdirectory);
    EXPECT_EQ(must(resolve_path(rich.volume, "/big/sub/../../small")), rich_image().small_file);
    EXPECT_EQ(resolve_path(rich.volume, "/big/none/x").error().message, "/big/none: no such file or directory");
    EXPECT_EQ(resolve_path(rich.volume, "/small/x").error().message, "/small: not a directory");
    EXPECT_FALSE(resolve_path(rich.volume, "big"));
}

TEST(Journal, HasNoEntriesAfterMkfs) {
    const Opened rich;
    const JournalReading journal = read_journal(rich.volume, 1);
    EXPECT_FALSE(journal.header_damage);
    EXPECT_FALSE(journal.commit_damage);
    EXPECT_TRUE(journal.uncommitted.empty());
}

TEST(Journal, EndsAtTheFirstEntryThatDoesNotCheckOut) {
    ImageEditor editor;
    const ImageEditor::Range ranges[] = {
        {ByteOffset{1 << 22}, 4096}, {ByteOffset{1 << 23}, 100}, {ByteOffset{9 << 21}, 8}};
    editor.log_undo(0, ranges);
    // Into the padding of the second entry nothing is checked; into its data it is.
    const std::size_t second = DAXFS_JOURNAL_BODY_OFFSET + sizeof(daxfs_journal_entry) + 4096;
    const BlockNo slot = editor.volume().geometry.journal_slot(0);
    {
        const Image image = editor.image();
        EXPECT_EQ(read_journal(must(open_volume(image)), 0).uncommitted.size(), 3u);
    }
    editor.flip(slot + second / DAXFS_BLOCK_SIZE, second % DAXFS_BLOCK_SIZE + sizeof(daxfs_journal_entry) + 99);
    const Image image = editor.image();
    EXPECT_EQ(read_journal(must(open_volume(image)), 0).uncommitted.size(), 1u);
}

TEST(Journal, TakesNoEntryOfAnUnknownKindNorAFillOfHalfAWord) {
    for (const auto& [kind, length] : {std::pair{2u, 64u}, std::pair{1u, 12u}}) {
        ImageEditor editor;
        const ImageEditor::Range ranges[] = {{.offset = ByteOffset{1 << 22}, .length = length, .fill = true}};
        editor.log_undo(0, ranges);
        const BlockNo slot = editor.volume().geometry.journal_slot(0);
        auto& entry = *reinterpret_cast<daxfs_journal_entry*>(editor.block(slot) + DAXFS_JOURNAL_BODY_OFFSET);
        entry.kind = kind;
        entry.crc = journal_entry_checksum(
            editor.volume().seed, 0, DAXFS_JOURNAL_BODY_OFFSET,
            {editor.block(slot) + DAXFS_JOURNAL_BODY_OFFSET, sizeof(entry) + (kind == 1 ? 8 : length)});
        const Image image = editor.image();
        EXPECT_TRUE(read_journal(must(open_volume(image)), 0).uncommitted.empty()) << kind;
    }
}

TEST(Intent, IsAbsentAfterMkfs) {
    const Opened rich;
    const IntentReading intent = read_intent(rich.image, BlockNo{DAXFS_INTENT_BLOCK_A});
    EXPECT_FALSE(intent.present);
    EXPECT_FALSE(intent.damage);
}

}  // namespace
}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Which superblock is believed, and what is not written when there is none to believe.
#include <gtest/gtest.h>

#include <span>
#include <string>

#include "lib/check/check.h"
#include "tests/images/rich_image.h"

namespace daxfs {
namespace {

using test::ImageEditor;

constexpr CheckMode kModes[] = {CheckMode::kReport, CheckMode::kPreen, CheckMode::kYes};

// As mkfs.daxfs makes it for a device of this size: the same but for what is drawn at random.
daxfs_super foreign(daxfs_super super) {
    for (daxfs_u8& byte : super.uuid)
        byte ^= 0x55;
    super.nonce = super.nonce ^ 0x1234567;
    super.hash_key[0] = super.hash_key[0] ^ 0x89;
    seal(super);
    return super;
}

void store(ImageEditor& e, BlockNo block, const daxfs_super& super) {
    std::memset(e.block(block), 0, DAXFS_BLOCK_SIZE);
    std::memcpy(e.block(block), &super, sizeof(super));
}

void clear(ImageEditor& e, BlockNo block) {
    std::memset(e.block(block), 0, DAXFS_BLOCK_SIZE);
}

BlockNo copy_in(const ImageEditor& e, std::uint64_t ag) {
    return e.volume().geometry.ag_start(AgNo{ag});
}

void clear_all(ImageEditor& e) {
    for (AgNo ag; ag.value < e.volume().geometry.ag_count; ++ag)
        clear(e, copy_in(e, ag.value));
}

std::uint64_t inodes_of(Image& image) {
    const auto result = check_image(image, {});
    EXPECT_TRUE(result && result->clean());
    return result ? result->inodes : 0;
}

void expect_refusal(ImageEditor& e, std::optional<BlockNo> superblock) {
    for (const CheckMode mode : kModes) {
        Image image = e.image();
        const auto result = check_image(image, {.mode = mode, .superblock = superblock, .plan = true});
        ASSERT_FALSE(result) << "mode " << static_cast<int>(mode);
        EXPECT_NE(result.error().message.find("nothing of what the superblock"), std::string::npos)
            << result.error().message;
        EXPECT_NE(result.error().message.find("nothing was written"), std::string::npos);
        const test::Blocks after = test::blocks_of(image);
        for (const auto& [number, block] : e.blocks()) {
            const auto found = after.find(number);
            const bool same =
                found != after.end() && std::memcmp(found->second.bytes, block.bytes, DAXFS_BLOCK_SIZE) == 0;
            EXPECT_TRUE(same || found == after.end()) << "block " << number.value;
        }
    }
}

TEST(ForeignSuperblock, OfWhichNothingIsThereIsNotWrittenBy) {
    ImageEditor editor;
    clear_all(editor);
    store(editor, copy_in(editor, 1), foreign(editor.volume().super));
    clear(editor, editor.volume().geometry.ag_header(AgNo{0}));
    expect_refusal(editor, std::nullopt);
}

TEST(ForeignSuperblock, ThatIsAskedForByItsBlockIsNotWrittenByEither) {
    ImageEditor editor;
    store(editor, copy_in(editor, 1), foreign(editor.volume().super));
    expect_refusal(editor, copy_in(editor, 1));
}

TEST(ForeignSuperblock, IsPutRightByWhatIsThere) {
    ImageEditor editor;
    Image sound = editor.image();
    const std::uint64_t inodes = inodes_of(sound);
    clear_all(editor);
    store(editor, copy_in(editor, 1), foreign(editor.volume().super));
    Image image = editor.image();
    const auto repaired = check_image(image, {.mode = CheckMode::kYes});
    ASSERT_TRUE(repaired) << repaired.error().message;
    EXPECT_EQ(repaired->remaining, 0u);
    EXPECT_EQ(repaired->losses.size(), 0u);
    EXPECT_EQ(repaired->volume.super.nonce, editor.volume().super.nonce);
    EXPECT_EQ(inodes_of(image), inodes);
}

TEST(ForeignSuperblock, GivesWayToACopyOfOurs) {
    for (const std::uint64_t other : {1u, 2u}) {
        ImageEditor editor;
        ASSERT_EQ(editor.volume().geometry.ag_count, 3u);
        clear(editor, BlockNo{0});
        store(editor, copy_in(editor, other), foreign(editor.volume().super));
        Image image = editor.image();
        const auto repaired = check_image(image, {.mode = CheckMode::kYes});
        ASSERT_TRUE(repaired) << repaired.error().message;
        EXPECT_EQ(repaired->losses.size(), 0u);
        EXPECT_EQ(std::memcmp(repaired->volume.super.uuid, editor.volume().super.uuid, DAXFS_UUID_SIZE), 0);
        EXPECT_EQ(std::uint64_t{repaired->volume.super.hash_key[0]}, std::uint64_t{editor.volume().super.hash_key[0]});
        EXPECT_GT(inodes_of(image), 1500u);
    }
}

// As mkfs.daxfs leaves it, with a file: nothing but group 0 is in use.
class YoungFilesystem : public testing::Test {
  protected:
    YoungFilesystem() {
        FormatOptions options = test::rich_options();
        options.device_bytes = kBytes;
        MemorySink sink(kBytes);
        FilesystemBuilder builder(test::must(plan_filesystem(options)), sink);
        test::must(builder.begin());
        const std::string text = "a file";
        test::must(builder.add_file_with_content(builder.root(), "file", std::as_bytes(std::span(text))));
        test::must(builder.finish());
        super_ = builder.super();
        blocks_ = test::blocks_of(sink.image());
    }

    daxfs_super& copy(std::uint64_t ag) {
        return *reinterpret_cast<daxfs_super*>(blocks_[Geometry::of(super_).ag_start(AgNo{ag})].bytes);
    }
    void expect_repair(Problem problem, CheckMode mode) {
        Image image = test::image_of(kBytes, blocks_);
        const auto repaired = check_image(image, {.mode = mode});
        ASSERT_TRUE(repaired) << repaired.error().message;
        EXPECT_EQ(repaired->report.count(problem), 1u);
        EXPECT_EQ(repaired->remaining, 0u);
        EXPECT_EQ(repaired->losses.size(), 0u);
        EXPECT_EQ(inodes_of(image), 3u);
        for (const std::uint64_t ag : {0u, 1u, 2u}) {
            const auto reading = read_superblock(image, Geometry::of(super_).ag_start(AgNo{ag}));
            ASSERT_FALSE(reading.damage) << ag;
            EXPECT_EQ(std::memcmp(reading.raw, &super_, sizeof(super_)), 0) << ag;
        }
    }

    static constexpr std::uint64_t kBytes = 64u << 20;
    daxfs_super super_{};
    test::Blocks blocks_;
};

TEST_F(YoungFilesystem, ComesBackFromACopy) {
    ASSERT_EQ(super_.initialised_ags, 1u);
    blocks_.erase(BlockNo{0});
    expect_repair(Problem::kSuperDamaged, CheckMode::kYes);
}

TEST_F(YoungFilesystem, HasItsCopiesKeptUpToDate) {
    copy(2) = foreign(super_);
    expect_repair(Problem::kSuperCopyDiffers, CheckMode::kPreen);
}

// What a power cut leaves where the module takes a group into use: a copy of two ages, or the whole one in a block of
// which not all is zero.
TEST_F(YoungFilesystem, IsCleanWithACopyThatWasBeingWritten) {
    copy(1).initialised_ags = 2;
    blocks_[Geometry::of(super_).ag_start(AgNo{2})].bytes[0xac0] = std::byte{0xdd};
    Image image = test::image_of(kBytes, blocks_);
    EXPECT_EQ(inodes_of(image), 3u);
}

TEST_F(YoungFilesystem, OfAnOlderMkfsHasNoneAndIsClean) {
    for (const std::uint64_t ag : {1u, 2u})
        blocks_.erase(Geometry::of(super_).ag_start(AgNo{ag}));
    Image image = test::image_of(kBytes, blocks_);
    EXPECT_EQ(inodes_of(image), 3u);
}

}  // namespace
}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Blocks with two owners, where there are many of them.
#include <gtest/gtest.h>

#include <ctime>

#include "lib/check/check.h"
#include "tests/images/broken_images.h"

namespace daxfs {
namespace {

using test::ImageEditor;
using test::must;
using test::RichImage;

// A file with a leaf of 168 extents, and two of one extent each; the group is large, and nearly all of it is free.
struct LargeImage {
    RichImage image;
    InodeNo many;
    InodeNo first;
    InodeNo second;
};

constexpr std::uint32_t kLarge = 200'000;  // blocks

const LargeImage& large_image() {
    static const LargeImage large = [] {
        LargeImage made;
        made.image = test::make_image(1u << 30, [&](FilesystemBuilder& builder) {
            const FileRun scattered[] = {{.length = DAXFS_NODE_EXTENTS, .scattered = true}};
            const FileRun one[] = {{.length = 1}};
            made.many = must(builder.add_file(builder.root(), "many", 4096, scattered));
            made.first = must(builder.add_file(builder.root(), "first", 4096, one));
            made.second = must(builder.add_file(builder.root(), "second", 4096, one));
        });
        return made;
    }();
    return large;
}

// Where `kLarge` blocks in a row are free.
std::uint64_t free_run(const ImageEditor& editor) {
    return editor.volume().geometry.ag_start(AgNo{0}).value + 60'000;
}

// Of processor time: the machine may be busy with something else.
double seconds_of_check(Image& image, const CheckOptions& options, CheckResult& result) {
    const std::clock_t start = std::clock();
    auto checked = check_image(image, options);
    EXPECT_TRUE(checked) << (checked ? "" : checked.error().message);
    if (checked)
        result = *std::move(checked);
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

std::uint64_t copied_blocks(const std::vector<Loss>& losses) {
    std::uint64_t sum = 0;
    for (const Loss& loss : losses) {
        const auto at = loss.what.find("another owner has: ");
        if (at != std::string::npos)
            sum += std::stoull(loss.what.substr(at + 19));
    }
    return sum;
}

TEST(ManyClaims, AFileOfMoreBlocksThanTheDeviceHasIsJudgedByThat) {
    ImageEditor editor(large_image().image);
    const InodeNo ino = large_image().many;
    const BlockNo leaf = editor.node(ino, TreeKind::kExtents, 0);
    for (std::uint32_t i = 0; i < DAXFS_NODE_EXTENTS; ++i) {
        daxfs_extent& extent = editor.leaf_extent(leaf, i);
        extent.file_block = std::uint64_t{i} * kLarge;
        extent.disk_block = free_run(editor);
        extent.length = kLarge;
    }
    editor.seal_node(leaf);
    Image image = editor.image();
    CheckResult result;
    EXPECT_LT(seconds_of_check(image, {.plan = true}, result), 20);
    EXPECT_EQ(result.report.count(Problem::kExtentInvalid), 1u);
    ASSERT_TRUE(result.plan);
    EXPECT_EQ(result.plan->left_by_yes, 0u);
    ASSERT_FALSE(result.plan->losses.empty());
    EXPECT_EQ(result.plan->losses[0].what, "167 of its extents: it had more blocks than the device");
}

TEST(ManyClaims, AreNotCopiedWithoutEnd) {
    ImageEditor editor(large_image().image);
    for (const InodeNo ino : {large_image().first, large_image().second})
        test::broken::change_inode(editor, ino, [&](daxfs_inode& inode) {
            inode.fork.extents[0].disk_block = free_run(editor);
            inode.fork.extents[0].length = kLarge;
        });
    // And a place that the first file has twice.
    test::broken::change_inode(editor, large_image().first, [&](daxfs_inode& inode) {
        inode.fork_count = 2;
        inode.fork.extents[1] = inode.fork.extents[0];
        inode.fork.extents[0].length = kLarge / 4;
        inode.fork.extents[1].file_block = kLarge;
        inode.fork.extents[1].length = kLarge / 4;
    });
    Image image = editor.image();
    CheckResult result;
    EXPECT_LT(seconds_of_check(image, {.mode = CheckMode::kYes}, result), 20);
    EXPECT_EQ(result.remaining, 0u);
    EXPECT_EQ(copied_blocks(result.losses), 16384u);
    EXPECT_TRUE(must(check_image(image, {})).clean());
}

// More than a round of repairs once looked at, and than all rounds together did.
TEST(ManyClaims, OfOneBlockAreAllSeparated) {
    constexpr int kFiles = 13'000;
    std::vector<InodeNo> files;
    const RichImage base = test::make_image(128u << 20, [&](FilesystemBuilder& builder) {
        const FileRun one[] = {{.length = 1}};
        for (int i = 0; i < kFiles; ++i)
            files.push_back(must(builder.add_file(builder.root(), fmt::format("file-{}", i), 4096, one)));
    });
    ImageEditor editor(base);
    const std::uint64_t block = editor.inode(files[0]).fork.extents[0].disk_block;
    for (const InodeNo ino : files)
        test::broken::change_fork_extent(editor, ino, 0, [&](daxfs_extent& extent) { extent.disk_block = block; });
    Image image = editor.image();
    const CheckResult result = must(check_image(image, {.mode = CheckMode::kYes}));
    EXPECT_EQ(result.report.count(Problem::kDoubleClaim), kFiles - 1u);
    EXPECT_EQ(result.remaining, 0u);
    EXPECT_EQ(copied_blocks(result.losses), kFiles - 1u);
    EXPECT_TRUE(must(check_image(image, {})).clean());
}

}  // namespace
}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// What repairs keep: names, directories that hang below a loop, the targets of symlinks.
#include <gtest/gtest.h>

#include <ctime>

#include "lib/check/check.h"
#include "tests/images/broken_images.h"

namespace daxfs {
namespace {

using test::ImageEditor;
using test::must;
using test::RichImage;

InodeNo found_at(const Image& image, const std::string& path) {
    const Volume volume = must(open_volume(image));
    const auto ino = resolve_path(volume, path);
    EXPECT_TRUE(ino) << ino.error().message;
    return ino.value_or(InodeNo{0});
}

TEST(LostAndFound, GivesANumberWhereTheNameIsTaken) {
    InodeNo lost;
    std::string name;
    const RichImage base = test::make_image(32u << 20, [&](FilesystemBuilder& builder) {
        lost = must(builder.add_special(builder.root(), "lost", S_IFIFO, 0, 0));
        // As if it had lost a name there before: the number that it comes from stays the same.
        must(builder.set_parent(lost, builder.lost_and_found()));
        name = fmt::format("#{}.fifo.from-{}", lost, builder.lost_and_found());
        std::string taken = name;
        for (; taken.size() <= DAXFS_NAME_MAX; taken += '+')
            must(builder.add_special(builder.lost_and_found(), taken, S_IFIFO, 0, 0));
        must(builder.add_special(builder.lost_and_found(), name + ".2", S_IFIFO, 0, 0));
    });
    ImageEditor editor(base);
    test::broken::remove_entry(editor, base.root, "lost");
    Image image = editor.image();
    const CheckResult result = must(check_image(image, {.mode = CheckMode::kYes}));
    EXPECT_EQ(result.repair_error, "");
    EXPECT_EQ(result.remaining, 0u);
    EXPECT_EQ(result.reattached, (Reattachments{{lost, "/lost+found/" + name + ".3"}}));
    EXPECT_EQ(found_at(image, "/lost+found/" + name + ".3"), lost);
    EXPECT_TRUE(must(check_image(image, {})).clean());
}

// rmdir(2) does not take a directory with names: nothing in it is for recovery to free.
TEST(LostAndFound, TakesAnUnlinkedDirectoryWithItsNames) {
    ImageEditor editor;
    for (const auto& broken : test::broken_images()) {
        if (std::string_view(broken.name) == "orphan-directory-with-names")
            broken.damage(editor);
    }
    Image image = editor.image();
    EXPECT_EQ(must(check_image(image, {})).report.count(Problem::kOrphan), 0u);
    const CheckResult result = must(check_image(image, {.mode = CheckMode::kYes}));
    EXPECT_EQ(result.remaining, 0u);
    EXPECT_TRUE(result.losses.empty());
    ASSERT_EQ(result.reattached.size(), 1u);
    EXPECT_EQ(found_at(image, result.reattached.begin()->second), editor.rich().big_directory);
    EXPECT_EQ(found_at(image, result.reattached.begin()->second + "/sub"), editor.rich().subdirectory);
}

// In a time that grows with their number, not with its square.
TEST(Loops, AreCutAlsoWhereThousandsHangBelow) {
    constexpr int kDeep = 16'000;
    std::vector<InodeNo> chain;
    const RichImage base = test::make_image(128u << 20, [&](FilesystemBuilder& builder) {
        InodeNo above = builder.root();
        for (int i = 0; i < kDeep; ++i) {
            chain.push_back(must(builder.add_directory(above, i == 0 ? "top" : "d")));
            above = chain.back();
        }
        must(builder.add_special(chain[1], "back", S_IFIFO, 0, 0));
    });
    ImageEditor editor(base);
    const DirectoryEntry back = editor.entry(chain[1], "back");
    editor.dirent(back).ino = chain[0].value;
    editor.dirent(back).type = DAXFS_DIRENT_DIR;
    editor.seal_dirent(back);
    test::broken::remove_entry(editor, base.root, "top");
    Image image = editor.image();
    // Of processor time: the machine may be busy with something else.
    const std::clock_t start = std::clock();
    const CheckResult result = must(check_image(image, {.mode = CheckMode::kYes}));
    EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 15);
    EXPECT_EQ(result.report.count(Problem::kDirectoryUnreachable), static_cast<std::uint64_t>(kDeep));
    EXPECT_EQ(result.remaining, 0u);
    EXPECT_TRUE(must(check_image(image, {})).clean());
}

// What no repair may lose: the target of a symlink whose inode says something that cannot be.
TEST(Symlinks, KeepTheirTargets) {
    for (const char* name : {"symlink-truncation", "symlink-extents-out-of-order"}) {
        ImageEditor editor;
        for (const auto& broken : test::broken_images()) {
            if (std::string_view(broken.name) == name)
                broken.damage(editor);
        }
        Image image = editor.image();
        const CheckResult before = must(check_image(image, {}));
        EXPECT_TRUE(before.report.has(Severity::kCorrupt)) << name;
        EXPECT_EQ(before.report.count(Problem::kOperationPending), 0u) << name;
        const CheckResult result = must(check_image(image, {.mode = CheckMode::kYes}));
        EXPECT_EQ(result.remaining, 0u) << name;
        const Volume volume = must(open_volume(image));
        const InodeReading inode = read_inode(volume, editor.rich().long_symlink);
        ASSERT_FALSE(inode.damage) << name;
        const auto extent = find_extent(volume, *inode.raw, FileBlock{0});
        ASSERT_TRUE(extent) << name;
        const std::string_view text(reinterpret_cast<const char*>(image.try_block(extent->disk_block)),
                                    inode.raw->size);
        EXPECT_EQ(text, std::string(300, 'x')) << name;
    }
}

}  // namespace
}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// What repairs keep: names, directories that hang below a loop, the targets of symlinks.
#include <gtest/gtest.h>

#include "lib/check/check.h"
#include "tests/images/broken_images.h"

namespace daxfs {
namespace {

using test::ImageEditor;
using test::must;

// What no repair may lose: the target of a symlink whose inode says something that cannot be.
TEST(Symlinks, KeepTheirTargets) {
    for (const char* name : {"symlink-extents-out-of-order"}) {
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

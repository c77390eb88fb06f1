// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/make/tree_builder.h"

#include <gtest/gtest.h>

namespace daxfs {
namespace {

Result<TreeRoot> build_with_name_of(std::size_t bytes) {
    MemorySink sink(1u << 20);
    const NewDirent entries[] = {{.key = 1 << 20, .ino = InodeNo{8}, .name = std::string(bytes, 'x')}};
    return build_directory_tree({.owner = InodeNo{9}, .allocate = [] { return BlockNo{7}; }, .sink = &sink}, entries);
}

TEST(TreeBuilder, TakesNoNameWhoseLengthCannotBeStored) {
    EXPECT_TRUE(build_with_name_of(DAXFS_NAME_MAX));
    const auto long_one = build_with_name_of(DAXFS_NAME_MAX + 1);
    ASSERT_FALSE(long_one);
    EXPECT_EQ(long_one.error().message, "a name of 256 bytes in the directory 9");
}

}  // namespace
}  // namespace daxfs

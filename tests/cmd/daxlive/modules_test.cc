// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxlive/modules.h"

#include <gmock/gmock.h>

namespace daxfs::live {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kDep =
    "kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz kernel/fs/mbcache.ko.xz kernel/fs/jbd2/jbd2.ko.xz\n"
    "kernel/lib/crc16.ko.xz:\n"
    "kernel/fs/mbcache.ko.xz:\n"
    "kernel/fs/jbd2/jbd2.ko.xz: kernel/lib/crc16.ko.xz\n"
    "kernel/arch/x86/crypto/crc32c-intel.ko.xz:\n";

TEST(ModuleIndex, LoadsEveryModuleBehindWhatItNeedsAndOnce) {
    const ModuleIndex index = ModuleIndex::parse(kDep);
    std::vector<std::string> names;
    for (const std::string& file : index.load_order({"ext4", "jbd2", "crc32c-intel", "ext4"}))
        names.push_back(module_name(file));
    ASSERT_THAT(names, testing::UnorderedElementsAre("crc16", "mbcache", "jbd2", "ext4", "crc32c_intel"));
    const auto position = [&](const char* name) { return std::find(names.begin(), names.end(), name) - names.begin(); };
    EXPECT_LT(position("crc16"), position("jbd2"));
    EXPECT_LT(position("jbd2"), position("ext4"));
    EXPECT_LT(position("mbcache"), position("ext4"));
}

TEST(ModuleIndex, PassesOverBuiltInModules) {
    EXPECT_THAT(ModuleIndex::parse(kDep).load_order({"virtio_pci"}), IsEmpty());
    EXPECT_THAT(ModuleIndex::parse("").load_order({"ext4"}), IsEmpty());
}

TEST(ModuleIndex, EndsOnCyclesAndNonsense) {
    const ModuleIndex index = ModuleIndex::parse("a.ko: b.ko\nb.ko: a.ko b.ko\nno colon\n:\n: c.ko\n\nc.ko: gone.ko");
    EXPECT_THAT(index.load_order({"a"}), testing::UnorderedElementsAre("a.ko", "b.ko"));
    EXPECT_THAT(index.load_order({"c"}), ElementsAre("c.ko"));
}

TEST(ModuleName, IsTheFileWithoutDirectoryAndSuffix) {
    EXPECT_EQ(module_name("kernel/arch/x86/crypto/crc32c-intel.ko.xz"), "crc32c_intel");
    EXPECT_EQ(module_name("ext4"), "ext4");
    EXPECT_EQ(module_name(""), "");
}

TEST(ModuleDependencies, AreReadFromTheModuleItself) {
    const std::string ko(
        "\x7f"
        "ELF\0license=GPL\0depends=libcrc32c,dax-core\0name=daxfs\0",
        53);
    EXPECT_THAT(module_dependencies(ko), ElementsAre("libcrc32c", "dax_core"));
    EXPECT_THAT(module_dependencies(std::string("\0depends=\0", 10)), IsEmpty());
    EXPECT_THAT(module_dependencies("\x7f"
                                    "ELF"),
                IsEmpty());
    EXPECT_THAT(module_dependencies(std::string("\0depends=abc", 12)), ElementsAre("abc"));
}

TEST(FilterAliases, KeepsOnlyLinesOfTheseModules) {
    constexpr std::string_view kAliases =
        "# comment\nalias fs-ext4 ext4\nalias fs-xfs xfs\nalias crypto-crc32c crc32c-intel\n";
    EXPECT_EQ(filter_aliases(kAliases, {"ext4", "crc32c_intel"}),
              "alias fs-ext4 ext4\nalias crypto-crc32c crc32c-intel\n");
}

TEST(ChooseModules, WorksWithoutAnyModulesAtAll) {
    const auto chosen = choose_modules("", "");
    ASSERT_TRUE(chosen);
    EXPECT_THAT(chosen->files, IsEmpty());
    EXPECT_THAT(chosen->load_first, IsEmpty());
    EXPECT_FALSE(choose_modules("/nonexistent", ""));
    EXPECT_FALSE(choose_modules("", "/etc/hostname"));
}

}  // namespace
}  // namespace daxfs::live

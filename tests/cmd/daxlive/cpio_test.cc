// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxlive/cpio.h"

#include <gmock/gmock.h>

#include <vector>

#include "cmd/daxlive/initramfs.h"
#include "cmd/daxlive/process.h"

namespace daxfs::live {
namespace {

using testing::HasSubstr;

// What cpio(1) says is in an archive.
std::string listing(const std::string& archive) {
    const auto directory = TemporaryDirectory::make();
    const std::string path = directory->path() + "/archive";
    EXPECT_TRUE(write_whole_file(path, archive));
    const auto text = capture(std::vector<std::string>{"cpio", "-t", "--quiet", "-F", path});
    EXPECT_TRUE(text) << text.error().message;
    return text.value_or("");
}

TEST(CpioWriter, WritesWhatCpioReads) {
    CpioWriter cpio;
    ASSERT_TRUE(cpio.add_file("usr/bin/tool", 0755, "bytes"));
    ASSERT_TRUE(cpio.add_link("/bin", "usr/bin"));
    ASSERT_TRUE(cpio.add_directory("usr/bin"));
    const std::string archive = std::move(cpio).finish();
    EXPECT_EQ(archive.size() % 512, 0U);
    EXPECT_EQ(listing(archive), "usr\nusr/bin\nusr/bin/tool\nbin\n");
}

TEST(CpioWriter, KeepsContentsOfAnyLength) {
    const auto directory = TemporaryDirectory::make();
    for (const std::size_t length : {0, 1, 2, 3, 4, 5, 4095, 70000}) {
        const std::string contents(length, 'x');
        CpioWriter cpio;
        ASSERT_TRUE(cpio.add_file("file", 0644, contents));
        const std::string path = directory->path() + "/archive";
        ASSERT_TRUE(write_whole_file(path, std::move(cpio).finish()));
        const auto text = capture(std::vector<std::string>{"cpio", "-i", "--quiet", "--to-stdout", "-F", path, "file"});
        ASSERT_TRUE(text) << text.error().message;
        EXPECT_EQ(*text, contents);
    }
}

TEST(CpioWriter, RefusesPathsThatLeaveTheRoot) {
    CpioWriter cpio;
    EXPECT_THAT(cpio.add_file("a/../../b", 0644, "").error().message, HasSubstr("leads out"));
    EXPECT_FALSE(cpio.add_file("", 0644, ""));
    EXPECT_FALSE(cpio.add_file(std::string(5000, 'a'), 0644, ""));
    EXPECT_FALSE(cpio.add_file(std::string("a\0b", 3), 0644, ""));
    EXPECT_FALSE(cpio.add_link("link", ""));
    EXPECT_EQ(listing(std::move(cpio).finish()), "");
}

TEST(CpioWriter, PutsADirectoryBelowItsPlaceInTheGuest) {
    const auto directory = TemporaryDirectory::make();
    ASSERT_TRUE(write_whole_file(directory->path() + "/one", "1"));
    const auto archive = archive_directory(directory->path(), "/tests");
    ASSERT_TRUE(archive) << archive.error().message;
    EXPECT_EQ(listing(*archive), "tests\ntests/one\n");
    EXPECT_THAT(archive_directory(directory->path() + "/none", "/").error().message, HasSubstr("No such file"));
}

}  // namespace
}  // namespace daxfs::live

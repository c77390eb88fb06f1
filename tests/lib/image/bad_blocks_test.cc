// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/image/bad_blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace daxfs {
namespace {

namespace fs = std::filesystem;
using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;  // first byte, bytes

Ranges pairs(const std::vector<ByteRange>& ranges) {
    Ranges all;
    for (const ByteRange& range : ranges)
        all.emplace_back(range.start.value, range.length);
    return all;
}

Ranges parsed(const char* text) {
    const auto bad = BadBlocks::parse(text);
    EXPECT_TRUE(bad) << text;
    return bad ? pairs(bad->ranges()) : Ranges{};
}

TEST(BadBlocks, AreSectorsAndTheirNumberInAnyOrder) {
    EXPECT_EQ(parsed(""), Ranges{});
    EXPECT_EQ(parsed("8 2\n0 1"), (Ranges{{0, 512}, {4096, 1024}}));
    EXPECT_EQ(parsed("\n 8\t2 \r\n10 1\n9 9\n"), (Ranges{{4096, 5120}}));
    EXPECT_EQ(parsed("7 0\n"), Ranges{});
}

TEST(BadBlocks, WhatIsNoListIsRefusedByLine) {
    for (const char* text : {"1", "1 2 3", "a 1", "-1 1", "1 -1", "0x10 1", "18446744073709551616 1", "1 1 #",
                             "36028797018963968 1", "1 18014398509481984"}) {
        const auto bad = BadBlocks::parse(std::string("1 1\n") + text);
        ASSERT_FALSE(bad) << text;
        EXPECT_EQ(bad.error().message, "line 2: is not a sector and a number of sectors");
    }
}

TEST(BadBlocks, AreCutToWhatIsAskedFor) {
    const BadBlocks bad({{ByteOffset{512}, 1024}, {ByteOffset{4096}, 512}});
    EXPECT_EQ(pairs(bad.inside(ByteOffset{0}, 512)), Ranges{});
    EXPECT_EQ(pairs(bad.inside(ByteOffset{0}, 513)), (Ranges{{512, 1}}));
    EXPECT_EQ(pairs(bad.inside(ByteOffset{1000}, 4000)), (Ranges{{1000, 536}, {4096, 512}}));
    EXPECT_EQ(pairs(bad.inside(ByteOffset{4608}, 1u << 30)), Ranges{});
}

TEST(BadBlocks, OfAPartitionAreThoseOfTheDiskInsideIt) {
    const fs::path sys = testing::TempDir() + "bad_blocks_test_" + std::to_string(getpid());
    const fs::path disk = sys / "devices/pmem0";
    fs::create_directories(disk / "pmem0p1");
    fs::create_directories(sys / "dev/block");
    fs::create_directory_symlink(disk, sys / "dev/block/259:0");
    fs::create_directory_symlink(disk / "pmem0p1", sys / "dev/block/259:1");
    std::ofstream(disk / "pmem0p1/partition") << "1\n";
    std::ofstream(disk / "pmem0p1/start") << "2048\n";
    std::ofstream(disk / "pmem0p1/size") << "16\n";
    const SystemPaths system{.proc = "", .sys = sys};
    EXPECT_EQ(pairs(BadBlocks::of_device(makedev(259, 0), system).ranges()), Ranges{});
    std::ofstream(disk / "badblocks") << "2040 9\n2060 100\n";
    EXPECT_EQ(pairs(BadBlocks::of_device(makedev(259, 0), system).ranges()),
              (Ranges{{2040 * 512, 9 * 512}, {2060 * 512, 100 * 512}}));
    EXPECT_EQ(pairs(BadBlocks::of_device(makedev(259, 1), system).ranges()), (Ranges{{0, 512}, {12 * 512, 4 * 512}}));
    EXPECT_EQ(pairs(BadBlocks::of_device(makedev(259, 7), system).ranges()), Ranges{});
    fs::remove_all(sys);
}

TEST(BadBlocks, OfAFileAreNone) {
    EXPECT_TRUE(BadBlocks::of("/proc/self/exe").empty());
    EXPECT_TRUE(BadBlocks::of("/nowhere").empty());
}

}  // namespace
}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Entries in any order, twice, and in layers.
#include "lib/populate/populator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lib/populate/filled.h"

namespace daxfs {
namespace {

using test::bytes_of;
using test::device;
using test::directory;
using test::file;
using test::Filled;
using test::hard_link;
using test::ListSource;
using test::opaque;
using test::symlink_to;
using test::whiteout;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t kHuge = 2 << 20;

Filled fill(std::vector<ListSource::Item> items) {
    ListSource source(std::move(items));
    return Filled({&source});
}

Filled fill_layers(std::vector<std::vector<ListSource::Item>> layers) {
    std::vector<ListSource> sources;
    for (auto& items : layers)
        sources.emplace_back(std::move(items));
    std::vector<EntrySource*> pointers;
    for (ListSource& source : sources)
        pointers.push_back(&source);
    return Filled(pointers);
}

std::string error_of(std::vector<ListSource::Item> items) {
    return fill(std::move(items)).error;
}

TEST(Populator, NothingGivesAnEmptyFilesystem) {
    const Filled filled = fill({});
    EXPECT_THAT(filled->paths(), ElementsAre());
    EXPECT_EQ(filled.counts.files + filled.counts.directories, 0u);
}

TEST(Populator, EveryKindOfFileReadsBack) {
    const Filled filled = fill({directory("d", 01777),
                                file("d/f", "hello"),
                                file("d/empty", ""),
                                symlink_to("short", "d/f"),
                                symlink_to("long", std::string(4095, 'x')),
                                device("null", 1, 3),
                                device("largest", 4095, 1048575),
                                {.entry = {.path = "fifo", .type = S_IFIFO}},
                                {.entry = {.path = "socket", .type = S_IFSOCK}},
                                {.entry = {.path = "disk", .type = S_IFBLK, .major = 8, .minor = 17}}});
    EXPECT_EQ(filled->inode("d").mode, S_IFDIR | 01777);
    EXPECT_EQ(filled->content("d/f"), "hello");
    EXPECT_EQ(filled->content("d/empty"), "");
    EXPECT_EQ(filled->content("short"), "d/f");
    EXPECT_EQ(filled->content("long"), std::string(4095, 'x'));
    EXPECT_EQ(filled->inode("null").mode, S_IFCHR | 0644);
    EXPECT_EQ(filled->inode("largest").rdev_minor, 1048575u);
    EXPECT_TRUE(S_ISFIFO(filled->inode("fifo").mode));
    EXPECT_TRUE(S_ISSOCK(filled->inode("socket").mode));
    EXPECT_EQ(filled->inode("disk").rdev_minor, 17u);
    EXPECT_EQ(filled.counts.files, 2u);
    EXPECT_EQ(filled.counts.directories, 1u);
    EXPECT_EQ(filled.counts.symlinks, 2u);
    EXPECT_EQ(filled.counts.special_files, 5u);
    EXPECT_EQ(filled.counts.bytes, 5u);
}

TEST(Populator, AttributesAreKeptAndNoPermissionsAreAlsoKept) {
    auto item = file("f", "x");
    item.entry.attributes = {.permissions = 0,
                             .uid = 4'000'000'000,
                             .gid = 7,
                             .accessed = Timestamp{-1, 999'999'999},
                             .modified = Timestamp{1'234'567'890, 987'654'321}};
    const Filled filled = fill({item});
    const daxfs_inode& inode = filled->inode("f");
    EXPECT_EQ(inode.mode, S_IFREG);
    EXPECT_EQ(inode.uid, 4'000'000'000u);
    EXPECT_EQ(inode.gid, 7u);
    EXPECT_EQ(filled->mtime("f"), 1'234'567'890);
    EXPECT_EQ(inode.mtime_nsec, 987'654'321u);
    EXPECT_EQ(static_cast<std::int64_t>(std::uint64_t{inode.atime_sec}), -1);
    EXPECT_EQ(inode.atime_nsec, 999'999'999u);
    EXPECT_EQ(std::uint64_t{inode.btime_sec}, static_cast<std::uint64_t>(test::kCreated));
}

TEST(Populator, NoTimeIsLaterThanTheLatestAndTheTimeOfReadingIsNotKept) {
    auto early = file("early", "x"), late = file("late", "x");
    early.entry.attributes.modified = Timestamp{99, 5};
    early.entry.attributes.accessed = Timestamp{500, 0};
    late.entry.attributes.modified = Timestamp{100, 1};
    ListSource source({early, late});
    const Filled filled({&source}, {.latest_sec = 100});
    EXPECT_EQ(filled->mtime("early"), 99);
    EXPECT_EQ(filled->inode("early").atime_sec, 99u);
    EXPECT_EQ(filled->inode("early").atime_nsec, 5u);
    EXPECT_EQ(filled->mtime("late"), 100);
    EXPECT_EQ(filled->inode("late").mtime_nsec, 0u);
}

TEST(Populator, TheRootTakesTheAttributesOfItsEntry) {
    for (const std::string path : {"", ".", "./", "/"}) {
        const Filled filled = fill({directory(path, 0711)});
        EXPECT_EQ(filled->inode("").mode, S_IFDIR | 0711) << path;
        EXPECT_THAT(filled->paths(), ElementsAre());
    }
    EXPECT_THAT(error_of({file("./", "x")}), HasSubstr("the root must be a directory"));
}

TEST(Populator, MissingParentsAreMadeAndSlashesAndDotsMeanNothing) {
    const Filled filled = fill({file("/a//b/./c", "1"), file("./a/d/", "2")});
    EXPECT_THAT(filled->paths(), ElementsAre("a", "a/b", "a/b/c", "a/d"));
    EXPECT_EQ(filled->inode("a").mode, S_IFDIR | 0755);
    EXPECT_EQ(filled->inode("a").nlink, 3u);
}

TEST(Populator, TheLastOfTwoEntriesWinsAndTheSpaceOfTheFirstIsFree) {
    std::vector<ListSource::Item> items;
    // 6 times 16 MiB do not fit 64 MiB at once.
    for (unsigned i = 0; i < 6; ++i)
        items.push_back(file("f", bytes_of(16 << 20, i)));
    const Filled filled = fill(std::move(items));
    EXPECT_EQ(filled->content("f"), bytes_of(16 << 20, 5));
    EXPECT_TRUE(filled->congruent("f"));
    EXPECT_EQ(filled.counts.files, 1u);
    EXPECT_EQ(filled.counts.bytes, 16u << 20);
}

TEST(Populator, AnEntryReplacesOneOfAnotherType) {
    const Filled filled =
        fill({file("a", "x"), directory("a"), file("a/b", "y"), directory("c"), file("c/d/e", "z"), file("c", "file"),
              symlink_to("s", "t"), file("s", "no longer a link"), directory("again", 0700), directory("again", 0711)});
    EXPECT_THAT(filled->paths(), ElementsAre("a", "a/b", "again", "c", "s"));
    EXPECT_EQ(filled->content("c"), "file");
    EXPECT_EQ(filled->content("s"), "no longer a link");
    EXPECT_EQ(filled->inode("again").mode, S_IFDIR | 0711);
}

TEST(Populator, ADirectoryTwiceKeepsItsContents) {
    const Filled filled = fill({directory("d"), file("d/f", "x"), directory("d", 0700)});
    EXPECT_EQ(filled->content("d/f"), "x");
    EXPECT_EQ(filled->inode("d").mode, S_IFDIR | 0700);
}

TEST(Populator, HardLinksAreNamesOfOneInode) {
    const Filled filled = fill({file("a", "data"), hard_link("d/b", "./a"), hard_link("c", "d/b"), hard_link("a", "a"),
                                symlink_to("s", "x"), hard_link("t", "s")});
    EXPECT_EQ(filled->ino("a"), filled->ino("d/b"));
    EXPECT_EQ(filled->ino("a"), filled->ino("c"));
    EXPECT_EQ(filled->inode("a").nlink, 3u);
    EXPECT_EQ(filled->inode("s").nlink, 2u);
    EXPECT_EQ(filled.counts.files, 1u);
    EXPECT_EQ(filled.counts.symlinks, 1u);
    EXPECT_EQ(filled.counts.further_links, 3u);
}

TEST(Populator, NamesOfOneFileGoOneByOneAndItsDataWithTheLast) {
    const Filled filled = fill({file("a", "first"), hard_link("b", "a"), file("a", "second"), hard_link("d/e", "b"),
                                hard_link("d", "d/e"), file("b", "third")});
    EXPECT_EQ(filled->content("a"), "second");
    EXPECT_EQ(filled->content("d"), "first");
    EXPECT_EQ(filled->content("b"), "third");
    EXPECT_EQ(filled->inode("d").nlink, 1u);
}

TEST(Populator, FilesOfOneIdentityAreOneFile) {
    auto first = file("z", "data"), second = file("a", "data");
    first.entry.identity = second.entry.identity = FileIdentity{1, 2};
    const Filled filled = fill({first, second});
    EXPECT_EQ(filled->ino("a"), filled->ino("z"));
    EXPECT_EQ(filled->inode("a").nlink, 2u);
}

TEST(Populator, WhiteoutsTakeAwayWhatLayersBelowHave) {
    const Filled filled = fill_layers({{file("gone", "x"), file("kept", "x"), file("d/a", "x"), file("d/b/c", "x")},
                                       {whiteout("gone"), whiteout("d/b"), whiteout("never/was"), file("new", "x")}});
    EXPECT_THAT(filled->paths(), ElementsAre("d", "d/a", "kept", "new"));
    EXPECT_EQ(filled.counts.whiteouts, 3u);
}

TEST(Populator, AWhiteoutSparesWhatItsOwnLayerHasBeforeOrBehindIt) {
    const Filled filled = fill_layers(
        {{file("a", "old"), file("d/old", "x"), file("e/old", "x"), file("e/f/old", "x")},
         {file("a", "new"), whiteout("a"), whiteout("d"), file("d/new", "x"), file("e/f/new", "x"), opaque("e")}});
    EXPECT_EQ(filled->content("a"), "new");
    EXPECT_THAT(filled->paths(), ElementsAre("a", "d", "d/new", "e", "e/f", "e/f/new"));
}

TEST(Populator, AnOpaqueDirectoryHidesAllThatLayersBelowHaveInIt) {
    const Filled filled = fill_layers({{directory("d", 0700), file("d/a", "x"), file("d/b/c", "x"), file("e", "x")},
                                       {opaque("d/"), file("d/z", "x")}});
    EXPECT_THAT(filled->paths(), ElementsAre("d", "d/z", "e"));
    EXPECT_EQ(filled->inode("d").mode, S_IFDIR | 0700);
    const Filled emptied = fill_layers({{file("a/b", "x"), file("lost+found/c", "x")}, {opaque("")}});
    EXPECT_THAT(emptied->paths(), ElementsAre());
}

TEST(Populator, LostAndFoundIsTheOneThatThereIs) {
    const Filled filled = fill({directory("lost+found", 0750), file("lost+found/f", "x"), whiteout("lost+found")});
    EXPECT_EQ(filled->ino("lost+found"), InodeNo{filled->volume().super.root_ino + 1});
    EXPECT_EQ(filled->inode("lost+found").mode, S_IFDIR | 0750);
    EXPECT_EQ(filled->content("lost+found/f"), "x");
    EXPECT_EQ(error_of({file("lost+found", "x")}), "list: lost+found: must be a directory");
}

TEST(Populator, HolesStayHolesAndPartsOfBlocksAreZeros) {
    const std::string data = bytes_of(5000);
    ListSource::Item item{.entry = {.path = "f", .type = S_IFREG, .size = 10 << 20}};
    item.data = {{100, data}, {8192, data}, {(5 << 20) + 1, "x"}, {(10 << 20) - 1, "y"}};
    const Filled filled = fill({item});
    std::string expected(10 << 20, '\0');
    for (const auto& [offset, bytes] : item.data)
        expected.replace(offset, bytes.size(), bytes);
    EXPECT_TRUE(filled->content("f") == expected);
    // Blocks 0 to 3, and one each.
    EXPECT_EQ(filled->inode("f").blocks, 6u);
    EXPECT_EQ(filled->extents("f").size(), 3u);
}

TEST(Populator, LargeFilesLieCongruentInOneExtentAndSmallOnesSideBySide) {
    std::vector<ListSource::Item> items;
    for (int i = 0; i < 20; ++i)
        items.push_back(file(fmt::format("small{:02}", i), bytes_of(5000)));
    items.push_back(file("large", bytes_of(5 * kHuge / 2 + 1)));
    items.push_back(file("medium", bytes_of(64 << 10)));
    // In pieces that end anywhere.
    ListSource::Item odd{.entry = {.path = "odd", .type = S_IFREG, .size = 3 << 20}};
    for (std::uint64_t at = 0; at < 3 << 20; at += 1000)
        odd.data.push_back({at, bytes_of(std::min<std::size_t>(1000, (3 << 20) - at))});
    items.push_back(odd);
    const Filled filled = fill(std::move(items));
    for (const char* path : {"large", "medium", "odd"}) {
        EXPECT_TRUE(filled->congruent(path)) << path;
        EXPECT_EQ(filled->extents(path).size(), 1u) << path;
    }
    // But for 8 blocks of inodes.
    EXPECT_EQ(filled->extents("small19")[0].disk_block - filled->extents("small00")[0].disk_block, 19 * 2u + 8);
}

TEST(Populator, WhatNoFilesystemCanHaveIsAnErrorThatNamesIt) {
    EXPECT_THAT(error_of({file("a/../b", "x")}), HasSubstr("list: a/../b: \"..\" cannot be the name of a file"));
    EXPECT_THAT(error_of({file(std::string(256, 'n'), "x")}), HasSubstr("has 256 bytes, more than 255"));
    EXPECT_THAT(error_of({file("a", "x"), file("a/b", "x")}),
                HasSubstr("list: a/b: \"a\" in its path is not a directory"));
    EXPECT_THAT(error_of({symlink_to("a", "/"), file("a/b", "x")}), HasSubstr("not a directory"));
    EXPECT_THAT(error_of({hard_link("a", "b")}), HasSubstr("list: a: a hard link to \"b\", which is not there"));
    EXPECT_THAT(error_of({hard_link("a", "../b")}), HasSubstr("\"..\" cannot be"));
    EXPECT_THAT(error_of({directory("d"), hard_link("a", "d")}), HasSubstr("a hard link to the directory \"d\""));
    EXPECT_THAT(error_of({symlink_to("a", "")}), HasSubstr("has 0 bytes, not 1 to 4095"));
    EXPECT_THAT(error_of({symlink_to("a", std::string(4096, 'x'))}), HasSubstr("has 4096 bytes, not 1 to 4095"));
    EXPECT_THAT(error_of({device("a", 4096, 0)}), HasSubstr("device number 4096:0 is too large: at most 4095:1048575"));
    EXPECT_THAT(error_of({device("a", 0, 1048576)}), HasSubstr("0:1048576 is too large"));
    EXPECT_THAT(error_of({{.entry = {.path = "a", .type = 0}}}), HasSubstr("unknown type"));
    EXPECT_THAT(error_of({{.entry = {.path = "a", .type = S_IFREG, .size = std::uint64_t{1} << 63}}}),
                HasSubstr("9223372036854775808 bytes is too large"));
}

TEST(Populator, DataOutOfOrderOrBehindTheEndIsAnError) {
    ListSource::Item item{.entry = {.path = "f", .type = S_IFREG, .size = 10}};
    item.data = {{0, "0123456789x"}};
    EXPECT_THAT(error_of({item}),
                HasSubstr("list: f: 11 bytes at byte 0 are out of order, or behind the end at byte 10"));
    item.data = {{4, "45"}, {5, "5"}};
    EXPECT_THAT(error_of({item}), HasSubstr("out of order"));
    item.data = {{~std::uint64_t{0}, "45"}};
    EXPECT_THAT(error_of({item}), HasSubstr("out of order"));
}

TEST(Populator, TheLargestFileOfOneByteAtItsEndReadsBack) {
    constexpr std::uint64_t kSize = ~std::uint64_t{0} >> 1;
    ListSource::Item item{.entry = {.path = "f", .type = S_IFREG, .size = kSize}};
    item.data = {{kSize - 1, "x"}};
    const Filled filled = fill({item, hard_link("g", "f")});
    EXPECT_EQ(filled->inode("f").size, kSize);
    EXPECT_EQ(filled->extents("f").at(0).file_block.value, DAXFS_MAX_FILE_BLOCK);
    EXPECT_EQ(filled.counts.bytes, kSize);
}

TEST(Populator, WhatDoesNotFitIsSaidWithTheFile) {
    EXPECT_EQ(error_of({file("a", bytes_of(70 << 20))}), "list: a: no space is left");
}

TEST(Populator, ItStopsWhereTheProgressSaysSo) {
    ListSource source({file("a", "x"), file("b", "x"), file("c", "x")});
    int calls = 0;
    const Filled filled({&source}, {.progress = [&](const PopulateProgress&) { return ++calls < 4; }});
    EXPECT_EQ(filled.error, "interrupted");
    EXPECT_EQ(calls, 4);
}

TEST(Populator, ManyNamesThatComeAndGoStayApart) {
    std::vector<ListSource::Item> items;
    for (int round = 0; round < 3; ++round)
        for (int i = 0; i < 2000; ++i)
            items.push_back(file(fmt::format("d{}/f{}", i % 7, i), std::to_string(round)));
    for (int i = 0; i < 7; ++i)
        items.push_back(i % 2 == 0 ? file(fmt::format("d{}", i), "now a file") : directory(fmt::format("d{}", i)));
    const Filled filled = fill(std::move(items));
    EXPECT_EQ(filled.counts.directories, 3u);
    // In d1 and d3 286 each, in d5 285.
    EXPECT_EQ(filled.counts.files, 4u + 286 + 286 + 285);
    EXPECT_EQ(filled->content("d1/f1"), "2");
    EXPECT_EQ(filled->content("d0"), "now a file");
}

TEST(Populator, ADirectoryOfGreatDepthIsRemovedWhole) {
    std::string path = "d";
    for (int i = 0; i < 20000; ++i)
        path += "/d";
    const Filled filled = fill({directory(path), file("d", "x")});
    EXPECT_THAT(filled->paths(), ElementsAre("d"));
}

}  // namespace
}  // namespace daxfs

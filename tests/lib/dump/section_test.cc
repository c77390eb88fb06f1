// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/dump/section.h"

#include <cstring>
#include <sstream>

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "lib/format/schemas.h"

namespace daxfs {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

daxfs_inode file_inode() {
    daxfs_inode inode{};
    inode.magic = DAXFS_INODE_MAGIC;
    inode.ino = 2104;
    inode.mode = 0100644;
    inode.format = DAXFS_FORMAT_EXTENTS;
    inode.fork_count = 2;
    for (std::uint32_t i = 0; i < 2; ++i) {
        inode.fork.extents[i].file_block = i;
        inode.fork.extents[i].disk_block = 900 + 2 * i;
        inode.fork.extents[i].length = 1;
        inode.fork.extents[i].state = DAXFS_EXTENT_WRITTEN;
    }
    return inode;
}

std::vector<std::string> names_of(const Section& section, std::string_view prefix) {
    std::vector<std::string> names;
    for (const Row& row : section.rows)
        if (row.name.starts_with(prefix))
            names.push_back(row.name);
    return names;
}

TEST(Section, OfTheForkOnlyTheElementsInUseAreShown) {
    daxfs_inode inode = file_inode();
    Section section = decode_struct(kSchema<daxfs_inode>, bytes_of(inode), 512);
    EXPECT_THAT(names_of(section, "fork."), ElementsAre("fork.extents[0]", "fork.extents[1]"));
    const Row& row = *section.find("fork.extents[1]");
    EXPECT_EQ(row.value, "file_block 1, disk_block 902, length 1, state written (1)");
    EXPECT_EQ(row.offset, 512 + offsetof(daxfs_inode, fork) + sizeof(daxfs_extent));
    EXPECT_EQ(row.target, (Target{Target::To::kBlock, 902}));
    EXPECT_FALSE(row.wrong);
}

TEST(Section, ACountLargerThanTheForkIsCapped) {
    daxfs_inode inode = file_inode();
    inode.fork_count = 60000;
    const Section section = decode_struct(kSchema<daxfs_inode>, bytes_of(inode), 0);
    EXPECT_EQ(names_of(section, "fork.extents").size(), DAXFS_FORK_EXTENTS);
    inode.format = DAXFS_FORMAT_INLINE;
    inode.size = ~std::uint64_t{0};
    EXPECT_THAT(names_of(decode_struct(kSchema<daxfs_inode>, bytes_of(inode), 0), "fork."), ElementsAre("fork.data"));
}

TEST(Section, AnUnknownFormatShowsNoFork) {
    daxfs_inode inode = file_inode();
    inode.format = 200;
    const Section section = decode_struct(kSchema<daxfs_inode>, bytes_of(inode), 0);
    EXPECT_TRUE(names_of(section, "fork.").empty());
    EXPECT_TRUE(section.json["fields"]["fork"].is_null());
}

TEST(Section, AnInlineSymlinkIsShownAsText) {
    daxfs_inode inode = file_inode();
    inode.format = DAXFS_FORMAT_INLINE;
    inode.size = 6;
    std::memcpy(inode.fork.data, "target", 6);
    Section section = decode_struct(kSchema<daxfs_inode>, bytes_of(inode), 0);
    EXPECT_EQ(section.find("fork.data")->value, "\"target\"");
    EXPECT_EQ(section.json["fields"]["fork"]["data"], "target");
}

TEST(Section, ReservedMembersAreShownOnlyWhenTheyAreNotZero) {
    daxfs_inode inode = file_inode();
    EXPECT_EQ(decode_struct(kSchema<daxfs_inode>, bytes_of(inode), 0).find("reserved0"), nullptr);
    inode.reserved0 = 1;
    Section section = decode_struct(kSchema<daxfs_inode>, bytes_of(inode), 0);
    ASSERT_NE(section.find("reserved0"), nullptr);
    EXPECT_TRUE(section.find("reserved0")->wrong);
    EXPECT_EQ(section.json["fields"]["reserved0"], "01");
}

TEST(Section, PointersLeadToBlocksAndInodes) {
    daxfs_inode inode = file_inode();
    inode.parent = 77;
    Section section = decode_struct(kSchema<daxfs_inode>, bytes_of(inode), 0);
    EXPECT_EQ(section.find("parent")->target, (Target{Target::To::kInode, 77}));
    EXPECT_EQ(section.find("xattr_block")->target, std::nullopt);
    daxfs_journal_entry entry{};
    entry.offset = 5 * DAXFS_BLOCK_SIZE + 3;
    Section undo = decode_struct(kSchema<daxfs_journal_entry>, bytes_of(entry), 0);
    EXPECT_EQ(undo.find("offset")->target, (Target{Target::To::kBlock, 5}));
}

TEST(Section, TextMarksWhatIsWrong) {
    daxfs_inode inode = file_inode();
    inode.atime_nsec = 1'000'000'000;
    Section section = decode_struct(kSchema<daxfs_inode>, bytes_of(inode), 0);
    judge_crc(section, 1, 2);
    section.problem("something about the whole");
    std::ostringstream out;
    write_text(out, section);
    EXPECT_THAT(out.str(), AllOf(HasSubstr("<- wrong: computed 0x00000002"), HasSubstr("<- out of range"),
                                 HasSubstr("<- something about the whole"), Not(HasSubstr("\x1b"))));
    std::ostringstream colored;
    write_text(colored, section, {.color = true});
    EXPECT_THAT(colored.str(), HasSubstr("\x1b[31m"));
}

TEST(Section, JsonHasNumbersNamesAndHexadecimalStrings) {
    daxfs_inode inode = file_inode();
    inode.flags = DAXFS_INODE_DAX | 0x1000;
    inode.mtime_sec = static_cast<std::uint64_t>(-3);
    const Json fields = json_of(kSchema<daxfs_inode>, bytes_of(inode));
    EXPECT_EQ(fields["ino"], 2104);
    EXPECT_EQ(fields["magic"], "0x4e495844");
    EXPECT_EQ(fields["mode"], "0100644");
    EXPECT_EQ(fields["format"], "extents");
    EXPECT_EQ(fields["flags"], Json({"dax", "0x1000"}));
    EXPECT_EQ(fields["mtime_sec"], -3);
    EXPECT_EQ(fields["operation_arg"], Json({0, 0}));
    EXPECT_EQ(fields["fork"]["extents"][1]["disk_block"], 902);
    EXPECT_EQ(fields["fork"]["extents"].size(), 2u);
}

TEST(Hex, FoldsRepeatedLinesButNotTheLast) {
    std::vector<std::byte> bytes(80);
    bytes[0] = std::byte{'A'};
    std::ostringstream out;
    write_hex(out, bytes, 0x100);
    EXPECT_EQ(out.str(),
              "00000100  41 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |A...............|\n"
              "00000110  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
              "*\n"
              "00000140  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n");
}

TEST(Hex, AShortLineIsPadded) {
    const std::vector<std::byte> bytes(3, std::byte{0xff});
    EXPECT_EQ(hex_line(bytes, 0), "00000000  ff ff ff " + std::string(41, ' ') + "|...|");
}

// Every structure from any bytes: text and JSON come out, and the JSON is valid.
RC_GTEST_PROP(Section, AnyBytesAreShown, ()) {
    const StructSchema& schema = *kAllSchemas[*rc::gen::inRange<std::size_t>(0, kAllSchemas.size())];
    const auto content =
        *rc::gen::container<std::vector<std::uint8_t>>(schema.size, rc::gen::arbitrary<std::uint8_t>());
    const Section section = decode_struct(schema, std::as_bytes(std::span(content)), 0);
    std::ostringstream out;
    write_text(out, section);
    RC_ASSERT(Json::parse(section.json.dump()) == section.json);
    for (const Row& row : section.rows)
        RC_ASSERT(row.offset + row.size <= schema.size);
}

}  // namespace
}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/format/schemas.h"

#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace daxfs {
namespace {

using testing::HasSubstr;

std::string read_header() {
    std::ifstream file(DAXFS_SOURCE_DIR "/lib/format/daxfs_format.h");
    return {std::istreambuf_iterator<char>(file), {}};
}

const StructSchema* schema_named(std::string_view name) {
    for (const StructSchema* schema : kAllSchemas)
        if (schema->name == name)
            return schema;
    return nullptr;
}

// Members of each struct and union of the header, in order, read as text.
std::map<std::string, std::vector<std::string>> members_in_header() {
    const std::string header = read_header();
    std::map<std::string, std::vector<std::string>> structs;
    const std::regex body(R"((?:^|\n)(?:struct|union) (daxfs_\w+) \{\n([^}]*)\n\})");
    const std::regex member(R"((?:^|\n)\t(?:struct |union )?daxfs_\w+ (\w+)(?:\[\w+\])?;)");
    for (std::sregex_iterator at(header.begin(), header.end(), body), end; at != end; ++at) {
        const std::string text = (*at)[2];
        auto& members = structs[(*at)[1]];
        for (std::sregex_iterator m(text.begin(), text.end(), member); m != end; ++m)
            members.push_back((*m)[1]);
    }
    return structs;
}

TEST(Schema, EveryStructOfTheHeaderHasARowForEveryMemberInOrder) {
    const auto structs = members_in_header();
    ASSERT_EQ(structs.size(), kAllSchemas.size());
    for (const auto& [name, members] : structs) {
        const StructSchema* schema = schema_named(name);
        ASSERT_NE(schema, nullptr) << name;
        std::vector<std::string> rows;
        for (const Field& field : schema->fields)
            rows.emplace_back(field.name);
        EXPECT_EQ(rows, members) << name;
    }
}

TEST(Schema, EveryEnumeratorOfTheHeaderHasItsNameAndEveryNameItsEnumerator) {
    const std::string header = read_header();
    for (const NameTable& table : kAllNameTables) {
        std::map<std::string, std::uint64_t> in_table;
        for (const NamedValue& value : table.values) {
            std::string upper(table.prefix);
            for (char c : value.name)
                upper.push_back(static_cast<char>(std::toupper(c)));
            in_table[upper] = value.value;
        }
        const std::string prefix(table.prefix);
        const bool is_enum = table.name.starts_with("daxfs_");
        const std::regex line(is_enum ? R"(\n\t()" + prefix + R"(\w+) = (\d+),)"
                                      : R"(\n#define ()" + prefix + R"(\w+)\s+(0x[0-9a-f]+|\d+)u(?=\s))");
        std::map<std::string, std::uint64_t> in_header;
        for (std::sregex_iterator at(header.begin(), header.end(), line), end; at != end; ++at)
            if (const std::string name = (*at)[1]; !std::regex_search(name, std::regex("_(KNOWN|SHIFT|SIZE|MAGIC)$")))
                in_header[name] = std::stoull((*at)[2], nullptr, 0);
        EXPECT_EQ(in_table, in_header) << table.name;
    }
}

TEST(Schema, NamesAreUniqueAndRangesNotEmpty) {
    for (const StructSchema* schema : kAllSchemas) {
        std::set<std::string_view> names;
        for (const Field& field : schema->fields) {
            EXPECT_TRUE(names.insert(field.name).second) << schema->name << '.' << field.name;
            EXPECT_LE(field.min, field.limit()) << schema->name << '.' << field.name;
            EXPECT_FALSE(field.description.empty()) << schema->name << '.' << field.name;
            EXPECT_EQ(field.kind == Kind::kStruct, field.nested != nullptr);
        }
    }
}

TEST(Schema, PlacesAreFoundThroughArraysAndUnions) {
    const StructSchema& inode = kSchema<daxfs_inode>;
    const auto length = find_place(inode, "fork.extents[2].length");
    ASSERT_TRUE(length);
    EXPECT_EQ(length->offset, offsetof(daxfs_inode, fork) + 2 * sizeof(daxfs_extent) + 16);
    EXPECT_EQ(length->field->name, "length");
    const auto key = find_place(kSchema<daxfs_super>, "hash_key[1]");
    ASSERT_TRUE(key);
    EXPECT_EQ(key->offset, offsetof(daxfs_super, hash_key) + 8);
}

TEST(Schema, APathThatLeadsNowhereSaysWhere) {
    const StructSchema& inode = kSchema<daxfs_inode>;
    EXPECT_THAT(find_place(inode, "nonsense").error().message, HasSubstr("no field 'nonsense'"));
    EXPECT_THAT(find_place(inode, "fork.extents[10].length").error().message, HasSubstr("index from 0 to 9"));
    EXPECT_THAT(find_place(inode, "fork.extents.length").error().message, HasSubstr("index from 0 to 9"));
    EXPECT_THAT(find_place(inode, "mode[0]").error().message, HasSubstr("no array"));
    EXPECT_THAT(find_place(inode, "mode.bits").error().message, HasSubstr("no members"));
    EXPECT_THAT(find_place(inode, "fork").error().message, HasSubstr("name one of its members"));
    for (const char* bad : {"", ".", "mode.", "hash_key[", "fork.extents[1", "fork.extents[x].length", "[0]"})
        EXPECT_FALSE(find_place(inode, bad)) << bad;
}

TEST(Schema, ValuesAreFormattedForAPerson) {
    daxfs_inode inode{};
    inode.mode = 0100644;
    inode.format = DAXFS_FORMAT_EXTENTS;
    inode.flags = DAXFS_INODE_DAX | DAXFS_INODE_SYNC | 0x100;
    inode.mtime_sec = 1700000000;
    inode.crc = 0xbeef;
    inode.operation = 9;
    const auto value = [&](std::string_view path) {
        return format_value(*find_place(kSchema<daxfs_inode>, path), bytes_of(inode));
    };
    EXPECT_EQ(value("mode"), "0100644 (regular file)");
    EXPECT_EQ(value("format"), "extents (1)");
    EXPECT_EQ(value("flags"), "0x150 (sync|dax|0x100)");
    EXPECT_EQ(value("mtime_sec"), "1700000000 (2023-11-14T22:13:20Z)");
    EXPECT_EQ(value("crc"), "0x0000beef");
    EXPECT_EQ(value("operation"), "unknown (9)");
    EXPECT_EQ(value("xattr_tail"), "0");
}

TEST(Schema, ATimeBeyondEveryCalendarIsJustANumber) {
    daxfs_inode inode{};
    inode.atime_sec = ~std::uint64_t{0} >> 1;
    const Field& field = *kSchema<daxfs_inode>.find("atime_sec");
    EXPECT_EQ(format_value(place_of(field), bytes_of(inode)), "9223372036854775807");
    inode.atime_sec = static_cast<std::uint64_t>(-1);
    EXPECT_EQ(format_value(place_of(field), bytes_of(inode)), "-1 (1969-12-31T23:59:59Z)");
}

TEST(Schema, RangesAreJudged) {
    daxfs_extent extent{};
    std::vector<std::string> found;
    const auto judge = [&] {
        found.clear();
        check_ranges(kSchema<daxfs_extent>, bytes_of(extent), [&](FieldPlace place, const std::string& phrase) {
            found.push_back(std::string(place.field->name) + ": " + phrase);
        });
    };
    judge();
    EXPECT_THAT(found, testing::ElementsAre("disk_block: out of range (at least 1)",
                                            "length: out of range (1 to 4294967295)", "state: unknown value"));
    extent.disk_block = 99;
    extent.length = 1;
    extent.state = DAXFS_EXTENT_WRITTEN;
    extent.reserved[2] = 1;
    judge();
    EXPECT_THAT(found, testing::ElementsAre("reserved: not zero"));
}

TEST(Schema, RangeTextNamesWhatIsValid) {
    EXPECT_EQ(range_text(*kSchema<daxfs_dirent>.find("length")), "a multiple of 8, 24 to 4032");
    EXPECT_EQ(range_text(*kSchema<daxfs_super>.find("block_log2")), "12");
    EXPECT_EQ(range_text(*kSchema<daxfs_inode>.find("uid")), "");
    EXPECT_EQ(range_text(*kSchema<daxfs_inode>.find("xattr_tail")), "0");
}

TEST(Schema, ALabelIsTerminatedUtf8WithZerosBehind) {
    daxfs_super super{};
    const FieldPlace label = *find_place(kSchema<daxfs_super>, "label");
    EXPECT_EQ(check_value(label, bytes_of(super)), std::nullopt);
    std::fill(std::begin(super.label), std::end(super.label), daxfs_u8{'x'});
    EXPECT_EQ(check_value(label, bytes_of(super)), "not NUL-terminated");
    super.label[3] = 0;
    EXPECT_EQ(check_value(label, bytes_of(super)), "not zero behind its end");
    super.label[0] = 0xff;
    std::fill(std::begin(super.label) + 3, std::end(super.label), daxfs_u8{0});
    EXPECT_EQ(check_value(label, bytes_of(super)), "not UTF-8");
    EXPECT_EQ(format_value(label, bytes_of(super)), "\"\\xffxx\"");
}

TEST(Schema, QuoteEscapesControlsAndBrokenUtf8) {
    EXPECT_EQ(quote("plain"), "\"plain\"");
    EXPECT_EQ(quote("a\"b\\c\n\x1b"), R"("a\"b\\c\x0a\x1b")");
    EXPECT_EQ(quote("\xc3\xa4"), "\"\xc3\xa4\"");
    EXPECT_EQ(quote("\xc3"), R"("\xc3")");
    EXPECT_EQ(quote("\xc2\x9b"), R"("\xc2\x9b")");
    EXPECT_EQ(quote("\xed\xa0\x80"), R"("\xed\xa0\x80")");
    EXPECT_EQ(quote(std::string_view("\0", 1)), R"("\x00")");
}

TEST(Schema, WritesWhatItReads) {
    daxfs_inode inode{};
    const auto bytes = std::as_writable_bytes(std::span(&inode, 1));
    const auto set = [&](std::string_view path, std::string_view text) {
        return write_value(*find_place(kSchema<daxfs_inode>, path), text, bytes);
    };
    EXPECT_TRUE(set("mode", "0100755"));
    EXPECT_EQ(inode.mode, 0100755);
    EXPECT_TRUE(set("format", "inline"));
    EXPECT_EQ(inode.format, DAXFS_FORMAT_INLINE);
    EXPECT_TRUE(set("flags", "sync|dax|0x100"));
    EXPECT_EQ(inode.flags, 0x150u);
    EXPECT_TRUE(set("mtime_sec", "-5"));
    EXPECT_EQ(inode.mtime_sec, static_cast<std::uint64_t>(-5));
    EXPECT_TRUE(set("fork.extents[1].disk_block", "0x10"));
    EXPECT_EQ(inode.fork.extents[1].disk_block, 16u);
    EXPECT_FALSE(set("format", "256"));
    EXPECT_FALSE(set("format", "imaginary"));
    EXPECT_FALSE(set("uid", "4294967296"));
    EXPECT_FALSE(set("uid", "12x"));
    EXPECT_FALSE(set("uid", ""));

    daxfs_super super{};
    const auto super_bytes = std::as_writable_bytes(std::span(&super, 1));
    const auto place = [](std::string_view path) { return *find_place(kSchema<daxfs_super>, path); };
    EXPECT_TRUE(write_value(place("uuid"), "00112233-4455-6677-8899-aabbccddeeff", super_bytes));
    EXPECT_EQ(format_value(place("uuid"), super_bytes), "00112233-4455-6677-8899-aabbccddeeff");
    EXPECT_FALSE(write_value(place("uuid"), "0011223", super_bytes));
    EXPECT_FALSE(write_value(place("uuid"), "00112233-4455-6677-8899-aabbccddeeff00", super_bytes));
    EXPECT_TRUE(write_value(place("label"), "\"pmem\"", super_bytes));
    EXPECT_EQ(format_value(place("label"), super_bytes), "\"pmem\"");
    EXPECT_FALSE(write_value(place("label"), std::string(64, 'x'), super_bytes));
}

// Every schema, arbitrary bytes: printing and judging look only at the struct, and what is printed of a number can be
// written back.
RC_GTEST_PROP(Schema, AnyBytesCanBePrintedJudgedAndWrittenBack, ()) {
    const StructSchema& schema = *kAllSchemas[*rc::gen::inRange<std::size_t>(0, kAllSchemas.size())];
    const auto content =
        *rc::gen::container<std::vector<std::uint8_t>>(schema.size, rc::gen::arbitrary<std::uint8_t>());
    const std::span<const std::byte> bytes = std::as_bytes(std::span(content));
    std::vector<std::byte> copy(bytes.begin(), bytes.end());
    for (const Field& field : schema.fields)
        for (std::uint32_t i = 0; i < field.count(); ++i) {
            const FieldPlace place = place_of(field, i);
            const std::string text = format_value(place, bytes);
            RC_ASSERT(!text.empty());
            (void)check_value(place, bytes);
            if (!field.is_integer())
                continue;
            std::string number = text.substr(0, text.find(' '));
            if (field.kind == Kind::kEnum)
                number = text.substr(text.find('(') + 1, text.find(')') - text.find('(') - 1);
            RC_ASSERT(write_value(place, number, copy));
        }
    RC_ASSERT(std::equal(copy.begin(), copy.end(), bytes.begin()));
}

}  // namespace
}  // namespace daxfs

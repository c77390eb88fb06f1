// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/dump/troff.h"

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>

namespace daxfs {
namespace {

using testing::HasSubstr;

std::string read_file(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

ManTables tables() {
    const std::string header = read_file(DAXFS_SOURCE_DIR "/kernel/trace.h");
    const auto tables = man_tables(header);
    if (!tables)
        ADD_FAILURE() << tables.error().message;
    return tables.value_or(ManTables{});
}

TEST(Troff, ThePageOfTheFormatHasEveryTableAsTheHeadersGiveIt) {
    const std::string page = read_file(DAXFS_SOURCE_DIR "/man/daxfs.5");
    const auto fresh = refresh_tables(page, tables());
    ASSERT_TRUE(fresh) << fresh.error().message;
    EXPECT_TRUE(*fresh == page) << "man/daxfs.5 is not what the headers say: run `ninja man` and commit it";
}

TEST(Troff, AMemberOfATracepointHasItsTypeAndMeaning) {
    EXPECT_THAT(tables().at("daxfs_alloc"), HasSubstr(".It kind Ta unsigned int Ta enum daxfs_alloc_kind\n"));
    EXPECT_THAT(tables().at("daxfs_alloc"), HasSubstr(".It dev Ta dev_t Ta \\&\n"));
    EXPECT_THAT(tables().at("daxfs_alloc_kind"), HasSubstr(".It 4 Ta medium Ta data of a file"));
}

TEST(Troff, ARowHasPlaceKindAndRange) {
    EXPECT_THAT(mdoc_table(kSchema<daxfs_dirent>),
                HasSubstr(".It 4 Ta 2 Ta length Ta number Ta \\&Of the record: at least 24 + name_length bytes. "
                          "(a multiple of 8, 24 to 4032)\n"));
    EXPECT_THAT(mdoc_table(kSchema<daxfs_super>), HasSubstr("hash_key[2]"));
    EXPECT_THAT(mdoc_table(kAllNameTables[0]), HasSubstr(".It 1 Ta written Ta the blocks hold file data\n"));
}

TEST(Troff, MarkersThatDoNotMatchAreErrors) {
    const auto error = [](std::string_view page) {
        const auto fresh = refresh_tables(page, {{"daxfs_super", "one\n"}, {"daxfs_alloc", "two\n"}});
        return fresh ? std::string() : fresh.error().message;
    };
    EXPECT_THAT(error(".\\\" table nonsense\n.\\\" end table\n"), HasSubstr("nonsense"));
    EXPECT_THAT(error(".\\\" table daxfs_super\n"), HasSubstr("no end"));
    EXPECT_THAT(error(".\\\" table daxfs_super\n.\\\" end table\n.\\\" table daxfs_super\n.\\\" end table\n"),
                HasSubstr("twice"));
    EXPECT_THAT(error(".\\\" table daxfs_super\n.\\\" end table\n"), HasSubstr("no table for"));
}

}  // namespace
}  // namespace daxfs

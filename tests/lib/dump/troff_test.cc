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

TEST(Troff, ThePageOfTheFormatHasEveryTableAsTheSchemasGiveIt) {
    const std::string page = read_file(DAXFS_SOURCE_DIR "/man/daxfs.5");
    const auto fresh = refresh_tables(page);
    ASSERT_TRUE(fresh) << fresh.error().message;
    EXPECT_TRUE(*fresh == page) << "man/daxfs.5 is not what lib/format says: run `ninja man` and commit it";
}

TEST(Troff, ThePageOfTheFormatNamesEveryTracepoint) {
    const std::string page = read_file(DAXFS_SOURCE_DIR "/man/daxfs.5");
    const std::string header = read_file(DAXFS_SOURCE_DIR "/kernel/trace.h");
    constexpr std::string_view kEvent = "\nTRACE_EVENT(";
    std::size_t events = 0;
    for (std::size_t at = header.find(kEvent); at != std::string::npos; at = header.find(kEvent, at + 1), ++events) {
        const std::size_t start = at + kEvent.size();
        EXPECT_THAT(page, HasSubstr(header.substr(start, header.find(',', start) - start)));
    }
    EXPECT_GT(events, 5u);
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
        const auto fresh = refresh_tables(page);
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

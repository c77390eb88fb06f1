// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxdb/daxdb.h"

#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <CLI/CLI.hpp>

#include "cmd/daxdb/commands.h"
#include "tests/cmd/daxdb/rich_image.h"
#include "tests/support/manners.h"
#include "tests/support/tool.h"

namespace daxfs::daxdb {
namespace {

using test::Outcome;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

Outcome run_tool(const std::vector<std::string>& args, const std::string& input = "") {
    return test::run_tool(run, args, input);
}

class Daxdb : public testing::Test {
  protected:
    template <typename Edit>
    std::string image(const Edit& edit) {
        files_.push_back(image_file(std::to_string(files_.size()), edit));
        return files_.back();
    }
    std::string image() {
        return image([](auto&) {});
    }
    ~Daxdb() override {
        for (const std::string& file : files_)
            unlink(file.c_str());
    }
    Outcome command(const std::string& line) { return run_tool({image(), "-c", line}); }

  private:
    std::vector<std::string> files_;
};

TEST_F(Daxdb, ShowsTheSuperblock) {
    const Outcome outcome = command("superblock");
    EXPECT_EQ(outcome.code, kOk) << outcome.err;
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("\"rich\""), HasSubstr("01020304-0000-0000-0000-000000000000"),
                                   ContainsRegex("crc +0x[0-9a-f]{8}  ok"), Not(HasSubstr("<-"))));
}

TEST_F(Daxdb, ShowsAnAllocationGroupAndTheChecksumsOfItsMaps) {
    const Outcome outcome = command("ag 0");
    EXPECT_EQ(outcome.code, kOk) << outcome.err;
    EXPECT_THAT(outcome.out, AllOf(ContainsRegex("bitmap\\[0\\] +0x[0-9a-f]{8}  ok"), HasSubstr("inode_map[0]"),
                                   HasSubstr("orphan_map[0]"), Not(HasSubstr("<-"))));
}

TEST_F(Daxdb, ShowsAnInodeByPathAndByNumber) {
    const Outcome by_path = command("inode /hello");
    EXPECT_EQ(by_path.code, kOk) << by_path.err;
    EXPECT_THAT(by_path.out, AllOf(HasSubstr("0100644 (regular file)"), HasSubstr("extents (1)"),
                                   HasSubstr("fork.extents[0]"), Not(HasSubstr("<-"))));
    const Outcome by_number = command(fmt::format("i {}", rich_inode("/hello")));
    EXPECT_EQ(by_number.out, by_path.out);
}

TEST_F(Daxdb, ListsExtentsWithStateAndHugePages) {
    const Outcome holes = command("extents /holes");
    EXPECT_EQ(holes.code, kOk) << holes.err;
    EXPECT_THAT(holes.out,
                AllOf(ContainsRegex("\n +1 +[0-9]+ +2 +0  written"), ContainsRegex("\n +8 +[0-9]+ +4 +0  unwritten")));
    EXPECT_THAT(command("extents /huge").out, ContainsRegex("\n +0 +[0-9]+ +1024 +2  written"));
}

TEST_F(Daxdb, TellsHowSpaceLiesInHugePages) {
    const Outcome outcome = run_tool({image(), "--json", "-c", "space", "-c", "ag 0"});
    EXPECT_EQ(outcome.code, kOk) << outcome.err;
    const Json document = outcome.json(), space = document["results"][0];
    EXPECT_EQ(space["free_blocks"], document["results"][1]["structures"][0]["fields"]["free_blocks"]);
    EXPECT_EQ(space["free_blocks"], 512 * space["whole_pages"].get<std::uint64_t>() +
                                        space["free_in_large_holes"].get<std::uint64_t>() +
                                        space["free_in_small_holes"].get<std::uint64_t>());
    EXPECT_EQ(space["huge_ranges"], 2);  // /huge
    EXPECT_EQ(space["ranges_apart"], 0);
    EXPECT_EQ(space["blocks_in_broken_pages"]["2 MiB of large files"], 0);
    EXPECT_THAT(command("space").out, HasSubstr("2 MiB of files            2  2 huge, 0 apart"));
}

TEST_F(Daxdb, ListsAllExtentsOfATree) {
    const Outcome outcome = run_tool({image(), "--json", "-c", "extents /tree"});
    EXPECT_EQ(outcome.code, kOk) << outcome.err;
    const Json extents = outcome.json()["results"][0]["extents"];
    ASSERT_EQ(extents.size(), 300u);
    for (std::size_t i = 0; i < extents.size(); ++i)
        EXPECT_EQ(extents[i]["file_block"], i);
}

TEST_F(Daxdb, ListsADirectoryWithNamesQuoted) {
    const Outcome outcome = command("ls /");
    EXPECT_EQ(outcome.code, kOk) << outcome.err;
    EXPECT_THAT(outcome.out, AllOf(ContainsRegex(fmt::format("{} reg  \"hello\"", rich_inode("/hello"))),
                                   HasSubstr("lnk  \"link\""), HasSubstr("fifo \"fifo\""), HasSubstr("blk  \"disk\""),
                                   HasSubstr("dir  \"many\""), HasSubstr("\"odd \\x1b\\xff name\"")));
    const Outcome many = command("ls /many");
    EXPECT_EQ(std::count(many.out.begin(), many.out.end(), '\n'), 400);
}

TEST_F(Daxdb, CopiesContentHolesAndSymlinks) {
    EXPECT_EQ(command("cat /hello").out, "hello, world\n");
    EXPECT_EQ(command("cat /link").out, "hello");
    EXPECT_EQ(command("cat /hello 7 5").out, "world");
    EXPECT_EQ(command("cat /hello 700").out, "");
    EXPECT_EQ(command("cat /link 1 3").out, "ell");
    const Outcome holes = command("cat /holes");
    EXPECT_EQ(holes.code, kOk) << holes.err;
    EXPECT_EQ(holes.out, std::string(20 * DAXFS_BLOCK_SIZE, '\0'));
}

TEST_F(Daxdb, RefusesToWriteEightExbibytesOfZeros) {
    const Outcome outcome = command("cat /endless");
    EXPECT_EQ(outcome.code, kCommandFailed);
    EXPECT_THAT(outcome.err, HasSubstr("give OFFSET and LENGTH"));
    EXPECT_EQ(command("cat /endless 9223372036854775800 100").out, std::string(7, '\0'));
    EXPECT_EQ(command("cat /endless 18446744073709551615 18446744073709551615").out, "");
}

TEST_F(Daxdb, ShowsABlockDecodedAndAsHex) {
    const Outcome header = command("block 3");
    EXPECT_EQ(header.code, kOk) << header.err;
    EXPECT_THAT(header.out, AllOf(HasSubstr("block 3: allocation group header"), HasSubstr("free_blocks"),
                                  HasSubstr("00000000  44 58 41 47")));
    EXPECT_THAT(command("block 1").out, HasSubstr("repair intent: none"));
    EXPECT_THAT(command("block 4").out, HasSubstr("block bitmap of AG 0, block 0 of 1"));
    EXPECT_THAT(command("block 7").out, HasSubstr("no transaction in flight"));
}

TEST_F(Daxdb, ShowsTheNodesOfTrees) {
    const Outcome inode = run_tool({image(), "--json", "-c", "inode /tree", "-c", "inode /many"});
    const Json document = inode.json();
    for (const Json& result : document["results"]) {
        const Json fork = result["structures"][0]["fields"]["fork"];
        ASSERT_FALSE(fork["index"].empty()) << fork;
        const Outcome block = command(fmt::format("block {}", fork["index"][0]["block"].get<std::uint64_t>()));
        EXPECT_EQ(block.code, kOk) << block.err;
        EXPECT_THAT(block.out, AllOf(ContainsRegex("crc +0x[0-9a-f]{8}  ok"), HasSubstr("tree node at block"),
                                     Not(HasSubstr("<-"))));
    }
}

TEST_F(Daxdb, ShowsAJournal) {
    const Outcome outcome = command("journal 0");
    EXPECT_EQ(outcome.code, kOk) << outcome.err;
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("journal 0 at block 7"), ContainsRegex("check +0x[0-9a-f]{4}  ok"),
                                   HasSubstr("no transaction in flight")));
}

TEST_F(Daxdb, ShowsATransactionThatDidNotCommit) {
    const std::string path = image([](std::vector<std::byte>& bytes) {
        const Session session = rich_session();
        std::vector<std::byte> entry(sizeof(daxfs_journal_entry) + 16);
        auto& header = *reinterpret_cast<daxfs_journal_entry*>(entry.data());
        header.sequence = 1;
        header.offset = 3 * DAXFS_BLOCK_SIZE + 32;
        header.length = 16;
        header.crc = journal_entry_checksum(session.volume.seed, 0, DAXFS_JOURNAL_BODY_OFFSET, entry);
        const std::size_t slot = session.volume.super.journal_block * DAXFS_BLOCK_SIZE;
        std::copy(entry.begin(), entry.end(), bytes.begin() + slot + DAXFS_JOURNAL_BODY_OFFSET);
    });
    const Outcome outcome = run_tool({path, "-c", "journal 0"});
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("a transaction that did not commit: 1 entries"),
                                   HasSubstr("16 old bytes of block 3+32")));
}

TEST_F(Daxdb, AWrongChecksumIsShownStoredAndComputed) {
    const std::uint64_t hello = rich_inode("/hello");
    const std::string path = image([&](std::vector<std::byte>& bytes) {
        bytes[hello * DAXFS_INODE_SIZE + offsetof(daxfs_inode, uid)] ^= std::byte{1};
    });
    const Outcome outcome = run_tool({path, "-c", "inode /hello"});
    EXPECT_EQ(outcome.code, kOk) << outcome.err;
    EXPECT_THAT(outcome.out, ContainsRegex("crc +0x[0-9a-f]{8}  <- wrong: computed 0x[0-9a-f]{8}"));
    const Outcome json = run_tool({path, "--json", "-c", fmt::format("inode {}", hello)});
    const Json structure = json.json()["results"][0]["structures"][0];
    EXPECT_EQ(structure["checksum"]["ok"], false);
    EXPECT_NE(structure["checksum"]["stored"], structure["checksum"]["computed"]);
    EXPECT_EQ(structure["problems"][0]["field"], "crc");
}

TEST_F(Daxdb, AChangedBitmapBitIsAWrongMapChecksum) {
    const std::string path =
        image([](std::vector<std::byte>& bytes) { bytes[4 * DAXFS_BLOCK_SIZE + 100] ^= std::byte{1}; });
    EXPECT_THAT(run_tool({path, "-c", "ag 0"}).out, ContainsRegex("bitmap\\[0\\] +0x[0-9a-f]{8}  <- wrong: computed"));
    EXPECT_THAT(run_tool({path, "-c", "block 4"}).out, HasSubstr("<- checksum 0x"));
}

TEST_F(Daxdb, AStructureWithoutItsMagicIsStillShownInItsPlace) {
    const std::string path = image(
        [](std::vector<std::byte>& bytes) { std::fill_n(bytes.begin() + 3 * DAXFS_BLOCK_SIZE, 8, std::byte{0}); });
    const Outcome outcome = run_tool({path, "-c", "block 3"});
    EXPECT_EQ(outcome.code, kOk);
    EXPECT_THAT(outcome.out, ContainsRegex("magic +0x00000000 \\(unknown\\)  <- wrong magic"));
}

TEST_F(Daxdb, ADamagedTreeIsListedAsFarAsItGoesAndTheCommandFails) {
    const Outcome inode = run_tool({image(), "--json", "-c", "inode /many"});
    const auto block = inode.json()["results"][0]["structures"][0]["fields"]["fork"]["index"][0]["block"];
    const std::string path = image([&](std::vector<std::byte>& bytes) {
        bytes[block.get<std::uint64_t>() * DAXFS_BLOCK_SIZE + 9] ^= std::byte{1};
    });
    const Outcome outcome = run_tool({path, "-c", "ls /many"});
    EXPECT_EQ(outcome.code, kCommandFailed);
    EXPECT_THAT(outcome.err,
                AllOf(HasSubstr(fmt::format("block {}", block.get<std::uint64_t>())), HasSubstr("wrong checksum")));
}

TEST_F(Daxdb, AFailedCommandMakesExitOneAndTheOthersStillRun) {
    const Outcome outcome =
        run_tool({image(), "-c", "nonsense", "-c", "inode /missing", "-c", "ag 7", "-c", "cat /hello"});
    EXPECT_EQ(outcome.code, kCommandFailed);
    EXPECT_EQ(outcome.out, "hello, world\n");
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("no command 'nonsense'"), HasSubstr("/missing: no such file"),
                                   HasSubstr("ag 7: initialised allocation group 7 is not there: the last is 0")));
}

TEST_F(Daxdb, BadArgumentsAreNamed) {
    for (const char* line : {"inode", "inode hello", "inode 12x", "block 99999999", "block 0x", "journal 300",
                             "ls /hello", "cat /many", "cat /fifo", "inode 18446744073709551616", "ag 0 1",
                             "inode 'unmatched", "inode 4", "cat \\", "help nonsense"}) {
        const Outcome outcome = command(line);
        EXPECT_EQ(outcome.code, kCommandFailed) << line;
        EXPECT_EQ(outcome.out, "") << line;
        EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << line << outcome.err;
    }
}

TEST_F(Daxdb, RunsAScriptAndNamesTheLineThatFailed) {
    const std::string script = testing::TempDir() + "daxdb-script-" + std::to_string(getpid());
    std::ofstream(script) << "# what hello says\n\ncat /hello\nbroken\n";
    const Outcome outcome = run_tool({image(), "-f", script});
    unlink(script.c_str());
    EXPECT_EQ(outcome.code, kCommandFailed);
    EXPECT_EQ(outcome.out, "hello, world\n");
    EXPECT_THAT(outcome.err, HasSubstr(script + ":4: no command 'broken'"));
    EXPECT_EQ(run_tool({image(), "-f", "/nonexistent"}).code, kTrouble);
}

TEST_F(Daxdb, ReadsCommandsFromStandardInputWithoutATerminal) {
    const Outcome outcome = run_tool({image()}, "cat /hello\n\ncat '/link'");
    EXPECT_EQ(outcome.code, kOk) << outcome.err;
    EXPECT_EQ(outcome.out, "hello, world\nhello");
}

TEST_F(Daxdb, JsonIsOneDocumentAlsoWhenCommandsFail) {
    const Outcome outcome = run_tool({image(), "--json", "-c", "ls /", "-c", "cat /hello", "-c", "\xff", "-c",
                                      "block 0", "-c", "journal 1", "-c", "ag 0", "-c", "help"});
    EXPECT_EQ(outcome.code, kCommandFailed);
    const Json document = outcome.json();
    EXPECT_EQ(document["format"], "daxdb");
    EXPECT_EQ(document["version"], 1);
    ASSERT_EQ(document["results"].size(), 7u);
    EXPECT_EQ(document["results"][0]["ok"], true);
    EXPECT_EQ(document["results"][1]["ok"], false);
    EXPECT_THAT(document["results"][1]["error"].get<std::string>(), HasSubstr("without --json"));
    EXPECT_EQ(document["results"][3]["kind"], "superblock");
    EXPECT_EQ(document["results"][3]["hex"].get<std::string>().size(), 2 * DAXFS_BLOCK_SIZE);
}

TEST_F(Daxdb, MakesOneDocumentOfEveryEnd) {
    const auto shown = test::expect_envelope(run_tool({image(), "--json", "-c", "superblock"}), "daxdb");
    EXPECT_EQ(shown["schema"], "daxfs.daxdb");
    EXPECT_EQ(shown["exit"], kOk);
    EXPECT_FALSE(shown.contains("error"));
    for (const std::vector<std::string>& args : {std::vector<std::string>{"--json", "/nonexist", "-c", "sb"},
                                                 {"--json", "/dev/null"},
                                                 {"--json"},
                                                 {"--json", "--nonsense"},
                                                 {"--json", "-c", "", "x"}})
        test::expect_error_document(run_tool(args), "daxdb");
    const Outcome script = run_tool({image(), "--json", "-c", "superblock", "-f", "/nonexist"});
    EXPECT_EQ(script.code, kTrouble);
    const auto cut = test::expect_envelope(script, "daxdb");
    EXPECT_EQ(cut["results"].size(), 1u);
    EXPECT_EQ(cut["exit"], kTrouble);
    EXPECT_EQ(script.err, "daxdb: " + cut.value("error", "") + "\n");
}

TEST_F(Daxdb, HasTheMannersOfAllTools) {
    test::expect_manners(run, "daxdb", kUsage);
    CLI::App app;
    Options options;
    add_options(app, options);
    test::expect_empty_values_refused(app, run, kUsage);
}

TEST_F(Daxdb, WhatIsNoImageIsOneLineAndExitEight) {
    const std::string zeros = image([](auto& bytes) { std::fill(bytes.begin(), bytes.end(), std::byte{0}); });
    const std::string short_image = image([](auto& bytes) { bytes.resize(8192); });
    const std::string empty = image([](auto& bytes) { bytes.clear(); });
    for (const std::string& path :
         {zeros, short_image, empty, std::string("/nonexistent"), std::string("/"), std::string("/dev/null")}) {
        const Outcome outcome = run_tool({path, "-c", "superblock"});
        EXPECT_EQ(outcome.code, kTrouble) << path;
        EXPECT_EQ(outcome.out, "") << path;
        EXPECT_THAT(outcome.err, AllOf(HasSubstr("daxdb: "), HasSubstr(path))) << path;
        EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    }
}

TEST_F(Daxdb, ForceOpensAnImageWithoutASuperblock) {
    const std::string path = image([](auto& bytes) { bytes[20] ^= std::byte{0xff}; });
    EXPECT_EQ(run_tool({path, "-c", "superblock"}).code, kTrouble);
    const Outcome outcome = run_tool({path, "-F", "-c", "superblock", "-c", "block 3"});
    EXPECT_EQ(outcome.code, kOk) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("going on without a superblock"));
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("<- wrong: computed"), HasSubstr("allocation group header")));
    EXPECT_EQ(run_tool({path, "-F", "-c", "inode /"}).code, kCommandFailed);
}

TEST_F(Daxdb, UsageIsExitTwo) {
    EXPECT_EQ(run_tool({}).code, kUsage);
    EXPECT_EQ(run_tool({"a", "b"}).code, kUsage);
    EXPECT_EQ(run_tool({"--nonsense", "a"}).code, kUsage);
    EXPECT_EQ(run_tool({"-b", "x", "a"}).code, kUsage);
    EXPECT_EQ(run_tool({"--help"}).code, 0);
    EXPECT_THAT(run_tool({"--version"}).out, HasSubstr(DAXFS_VERSION));
}

TEST_F(Daxdb, HelpFitsAScreen) {
    const std::string text = run_tool({"--help"}).out;
    EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 24);
}

TEST_F(Daxdb, TheImageIsNotChanged) {
    const std::string path = image();
    run_tool({path, "-c", "superblock", "-c", "ls /", "-c", "cat /hello", "-c", "block 3"});
    std::ifstream file(path, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    ASSERT_EQ(content.size(), rich_bytes().size());
    EXPECT_EQ(std::memcmp(content.data(), rich_bytes().data(), content.size()), 0);
}

TEST(DaxdbPage, NamesEveryOptionAndEveryCommand) {
    std::ifstream file(DAXFS_SOURCE_DIR "/man/daxdb.8");
    const std::string page{std::istreambuf_iterator<char>(file), {}};
    CLI::App app;
    Options options;
    add_options(app, options);
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_snames())
            EXPECT_NE(page.find("Fl " + name + " "), page.npos) << name;
        for (const std::string& name : option->get_lnames())
            EXPECT_NE(page.find("Fl -" + name), page.npos) << name;
    }
    for (const Command& command : commands()) {
        EXPECT_NE(page.find(fmt::format(".It Ic {}", command.name)), page.npos) << command.name;
        const std::string alias = command.alias == "?" ? "\\&?" : std::string(command.alias);
        EXPECT_NE(page.find(alias.empty() ? "" : "Also\n.Ic " + alias + " "), page.npos) << alias;
    }
}

TEST(Words, AreSplitAsInAShell) {
    EXPECT_THAT(split_words("  a 'b c' \"d'e\" f\\ g h'i'j # rest").value(),
                testing::ElementsAre("a", "b c", "d'e", "f g", "hij"));
    EXPECT_THAT(split_words("''").value(), testing::ElementsAre(""));
    EXPECT_THAT(split_words("# only a comment").value(), testing::IsEmpty());
    EXPECT_FALSE(split_words("'a"));
    EXPECT_FALSE(split_words("a\\"));
}

}  // namespace
}  // namespace daxfs::daxdb

// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/fsck/fsck.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "lib/check/problem.h"
#include "lib/image/device.h"
#include "lib/make/filesystem.h"
#include "lib/make/plan.h"
#include "tests/images/image_folder.h"
#include "tests/support/man_page.h"
#include "tests/support/manners.h"
#include "tests/support/tool.h"

namespace daxfs::fsck {
namespace {

using testing::HasSubstr;

using test::Outcome;

Outcome fsck(const std::vector<std::string>& args, const std::string& input = "") {
    return test::run_tool(fsck_tool, args, input);
}

class FsckTool : public test::ImageFolder {};

TEST_F(FsckTool, FindsNothingOnACleanImage) {
    const Outcome run = fsck({"-n", write(test::rich_image().blocks)});
    EXPECT_EQ(run.code, kExitClean);
    EXPECT_NE(run.out.find("clean"), std::string::npos) << run.out;
    EXPECT_EQ(run.err, "");
}

TEST_F(FsckTool, NamesEachFlippedBitAndWritesNothing) {
    const std::pair<const char*, const char*> cases[] = {
        {"superblock-bit", "superblock at block 0: wrong checksum"},
        {"ag-header-bit", "AG 0: header at block 3: wrong checksum"},
        {"inode-bit", "wrong checksum"},
        {"extent-leaf-bit", "extent tree node at block"},
        {"directory-entry-bit", "directory entry at block"},
        {"bitmap-bit-cleared", "in use, but free in the bitmap"},
        {"link-count-bit", "wrong checksum"},
        {"link-count", "link count is 3, but should be 2"},
    };
    for (const auto& [name, text] : cases) {
        const std::string path = broken(name);
        const std::string before = read(path);
        const Outcome run = fsck({"-n", path});
        EXPECT_EQ(run.code, kExitUncorrected) << name;
        EXPECT_NE(run.out.find(text), std::string::npos) << name << ":\n" << run.out;
        EXPECT_TRUE(before == read(path)) << name;
    }
}

TEST_F(FsckTool, RecoversThenFindsNothing) {
    for (const char* name :
         {"uncommitted-transaction", "truncation-interrupted", "counter-free-blocks", "bitmap-leak"}) {
        const std::string path = broken(name);
        EXPECT_EQ(fsck({"-n", path}).code, kExitUncorrected) << name;
        const Outcome repair = fsck({"-p", path});
        EXPECT_EQ(repair.code, kExitCorrected) << name << ":\n" << repair.out;
        EXPECT_EQ(fsck({"-n", path}).code, kExitClean) << name;
    }
    const std::string path = write(test::rich_image_with_orphan().blocks);
    EXPECT_EQ(fsck({"-n", path}).code, kExitUncorrected);
    EXPECT_EQ(fsck({"-a", path}).code, kExitCorrected);
    EXPECT_EQ(fsck({"-n", path}).code, kExitClean);
}

TEST_F(FsckTool, LeavesToYesWhatPreenMayNot) {
    const std::string path = broken("entry-dangling");
    const Outcome preen = fsck({"-p", path});
    EXPECT_EQ(preen.code, kExitUncorrected);
    EXPECT_THAT(preen.out, testing::Not(HasSubstr("after these repairs"))) << "none was made";
    EXPECT_EQ(fsck({"-y", path}).code, kExitCorrected);
    EXPECT_EQ(fsck({"-n", path}).code, kExitClean);
}

TEST_F(FsckTool, SaysWhatARepairWouldLoseAndChange) {
    const std::string path = broken("entry-dangling");
    const Outcome look = fsck({"-n", "-v", path});
    EXPECT_THAT(look.out, HasSubstr("-p would leave 2 of them, -y 0"));
    EXPECT_THAT(look.out, HasSubstr("-y would lose: / (inode "));
    EXPECT_THAT(look.out, HasSubstr("the name 'small', which led to inode 18446744073709551615"));
    EXPECT_THAT(look.out, HasSubstr("-y would change byte "));
    const auto json = nlohmann::json::parse(fsck({"-n", "--json", path}).out);
    EXPECT_EQ(json["plan"]["left_by_yes"], 0);
    EXPECT_EQ(json["plan"]["losses"].size(), 1u);
    EXPECT_EQ(json["plan"]["edits"].size(), json["plan"]["edits_in_all"]);
    EXPECT_THAT(fsck({"-y", path}).out, HasSubstr("lost: / (inode "));
}

TEST_F(FsckTool, TellsWhatGoesToLostAndFound) {
    const std::string path = broken("file-without-name");
    const std::string name =
        fmt::format("/lost+found/#{}.file.from-{}", test::rich_image().small_file, test::rich_image().root);
    const std::string line = fmt::format("inode {} as {}\n", test::rich_image().small_file, name);
    EXPECT_THAT(fsck({"-n", path}).out, HasSubstr("-y would reattach: " + line));
    const auto plan = nlohmann::json::parse(fsck({"-n", "--json", path}).out)["plan"];
    EXPECT_EQ(plan["reattached_in_all"], 1);
    EXPECT_EQ(plan["reattached"][0]["path"], name);
    EXPECT_THAT(fsck({"-y", path}).out, HasSubstr("reattached 1 file without a name\nreattached: " + line));
    EXPECT_EQ(fsck({"-n", path}).code, kExitClean);
}

TEST_F(FsckTool, KeepsAWayBackThatTakesNoExistingFile) {
    const std::string path = broken("entry-dangling");
    const std::string undo = path + ".undo";
    EXPECT_EQ(fsck({"-y", "--undo", undo, path}).code, kExitCorrected);
    EXPECT_GT(std::filesystem::file_size(undo), 56u);
    const std::string other = broken("link-count");
    EXPECT_EQ(fsck({"-y", "--undo", undo, other}).code, kExitUncorrected | kExitTrouble);
    EXPECT_EQ(fsck({"-n", other}).code, kExitUncorrected);
}

TEST_F(FsckTool, AsksBeforeItRepairs) {
    const std::string path = broken("bitmap-leak");
    EXPECT_EQ(fsck({path}, "n\n").code, kExitUncorrected);
    EXPECT_EQ(fsck({path}).code, kExitUncorrected);
    EXPECT_EQ(fsck({path}, "y\n").code, kExitCorrected);
    EXPECT_EQ(fsck({path}).code, kExitClean);
}

TEST_F(FsckTool, ReportsAsJson) {
    const Outcome run = fsck({"-n", "--json", broken("inode-bit")});
    const auto json = nlohmann::json::parse(run.out);
    EXPECT_EQ(json["schema"], "daxfs.fsck.1");
    EXPECT_EQ(json["exit"], kExitUncorrected);
    EXPECT_EQ(json["findings"][0]["id"], 101);
    EXPECT_EQ(json["findings"][0]["inode"], test::rich_image().small_file.value);
    EXPECT_EQ(json["findings"][0]["path"], "/small");
}

TEST_F(FsckTool, UsesTheSuperblockThatItIsTold) {
    const std::string path = write(test::rich_image().blocks);
    const std::string copy = std::to_string((16u << 20) / DAXFS_BLOCK_SIZE);
    EXPECT_EQ(fsck({"-n", "-b", copy, path}).code, kExitClean);
    EXPECT_EQ(fsck({"-n", "-b", "12345", path}).code, kExitTrouble);
}

TEST_F(FsckTool, SaysInOneLineWhatIsNoFilesystem) {
    test::ImageEditor newer;
    newer.super().incompat = 4;
    newer.seal_super();
    test::ImageEditor outside;
    outside.super().block_count = std::uint64_t{1} << 50;
    outside.seal_super();
    for (BlockNo copy : {outside.volume().geometry.ag_start(AgNo{1}), outside.volume().geometry.ag_start(AgNo{2})})
        std::memset(outside.block(copy), 0, DAXFS_BLOCK_SIZE);
    struct Case {
        const char* text;
        test::Blocks blocks;
        std::uint64_t size_bytes = test::rich_image().size_bytes;
    };
    const Case cases[] = {
        {"ends before the first allocation group", test::rich_image().blocks, 8192},
        {"is empty", {}, 0},
        {"wrong magic", {}, 1u << 20},
        {"incompatible features", newer.blocks()},
        {"disagrees with the block count", outside.blocks()},
    };
    for (const auto& [text, blocks, size_bytes] : cases) {
        for (const char* mode : {"-n", "-p", "-y"}) {
            const std::string path = write(blocks, size_bytes);
            const std::string before = read(path);
            const Outcome run = fsck({mode, path});
            EXPECT_EQ(run.code, kExitTrouble) << text;
            EXPECT_NE(run.err.find(text), std::string::npos) << run.err;
            EXPECT_EQ(std::ranges::count(run.err, '\n'), 1) << run.err;
            EXPECT_TRUE(before == read(path));
        }
    }
    for (const std::string& path : {folder_, folder_ + "/missing"}) {
        const Outcome run = fsck({"-n", path});
        EXPECT_EQ(run.code, kExitTrouble);
        EXPECT_NE(run.err.find(path), std::string::npos);
        EXPECT_EQ(std::ranges::count(run.err, '\n'), 1) << run.err;
    }
}

TEST_F(FsckTool, ReportsProgressToADescriptor) {
    const std::string log = folder_ + "/progress";
    const int fd = open(log.c_str(), O_CREAT | O_WRONLY, 0600);
    ASSERT_GE(fd, 0);
    EXPECT_EQ(fsck({"-n", "-f", "-C", std::to_string(fd), write(test::rich_image().blocks)}).code, kExitClean);
    close(fd);
    const std::string lines = read(log);
    for (int pass = 1; pass <= 5; ++pass)
        EXPECT_NE(lines.find(fmt::format("{} 0 ", pass)), std::string::npos) << pass << ":\n" << lines;
    EXPECT_EQ(fsck({"-n", "-C", "-3", "x"}).code, kExitUsage);
}

// How it ends as a process of its own, with `out` for standard output and nobody to read the pipe for progress.
int exit_of_process(std::vector<std::string> args, int out) {
    int progress[2];
    EXPECT_EQ(pipe(progress), 0);
    close(progress[0]);
    const std::string fd = std::to_string(progress[1]);
    args.insert(args.begin(), {"fsck.daxfs", "-C", fd});
    const pid_t child = fork();
    if (child == 0) {
        dup2(out, STDOUT_FILENO);
        std::vector<char*> argv;
        for (std::string& arg : args)
            argv.push_back(arg.data());
        _exit(cli::run_main(static_cast<int>(argv.size()), argv.data(), kProgram, fsck_tool));
    }
    close(progress[1]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// As large as a filesystem can be: in memory, since no other filesystem takes a file of that size.
TEST_F(FsckTool, ChecksAndRepairsTheLargestImage) {
    const int device = memfd_create("image", 0);
    ASSERT_GE(device, 0);
    const std::string path = "/proc/self/fd/" + std::to_string(device);
    ASSERT_EQ(ftruncate(device, off_t{512} << 50), 0);
    {
        FormatOptions options;
        options.device_bytes = std::uint64_t{512} << 50;
        const daxfs_super super = plan_filesystem(options).value();
        auto opened = Device::open(path, DeviceAccess::kWrite);
        ASSERT_TRUE(opened) << opened.error().message;
        DeviceSink sink(*opened);
        FilesystemBuilder builder(super, sink);
        ASSERT_TRUE(builder.begin());
        ASSERT_TRUE(builder.finish());
    }
    EXPECT_EQ(fsck({"-n", path}).code, kExitClean);
    const char byte = '\1';
    ASSERT_EQ(pwrite(device, &byte, 1, 0), 1);
    EXPECT_EQ(fsck({"-n", path}).code, kExitUncorrected);
    const Outcome repair = fsck({"-y", path});
    EXPECT_EQ(repair.code, kExitCorrected) << repair.out << repair.err;
    EXPECT_EQ(fsck({"-n", path}).code, kExitClean);
    close(device);
}

TEST_F(FsckTool, TakesAListOfUnreadableSectors) {
    const std::string path = write(test::rich_image().blocks);
    const std::string list = folder_ + "/list";
    std::ofstream(list) << "8192 1\n0 1\n";
    const Outcome looked = fsck({"-n", "--badblocks", list, path});
    EXPECT_EQ(looked.code, kExitUncorrected);
    EXPECT_THAT(looked.out, HasSubstr("superblock at block 0"));
    EXPECT_EQ(fsck({"-y", "--badblocks", list, path}).code, kExitCorrected);
    EXPECT_EQ(fsck({"-n", path}).code, kExitClean);
    std::ofstream(list) << "8192\n";
    const Outcome refused = fsck({"-n", "--badblocks", list, path});
    EXPECT_EQ(refused.code, kExitTrouble);
    EXPECT_THAT(refused.err, HasSubstr(list + ": line 1: is not a sector and a number of sectors"));
    EXPECT_EQ(fsck({"-n", "--badblocks", folder_ + "/none", path}).code, kExitTrouble);
    EXPECT_EQ(fsck({"-n", "--badblocks", folder_, path}).code, kExitTrouble);
    EXPECT_EQ(fsck({"-n", "--badblocks", "/dev/zero", path}).code, kExitTrouble);
}

TEST_F(FsckTool, FinishesARepairThatNobodyReadsAbout) {
    const int full = open("/dev/full", O_WRONLY);
    ASSERT_GE(full, 0);
    const std::string path = broken("uncommitted-transaction");
    EXPECT_EQ(exit_of_process({"-p", path}, full), kExitCorrected | kExitTrouble);
    EXPECT_EQ(fsck({"-n", path}).code, kExitClean);
    close(full);
}

TEST_F(FsckTool, HasAProgressBarWithoutEscapes) {
    std::istringstream in;
    std::ostringstream out, err;
    cli::Streams streams{in, out, err, false, true};
    const std::vector<std::string> args{"-n", "-C", "0", write(test::rich_image().blocks)};
    EXPECT_EQ(fsck_tool(args, streams), kExitClean);
    EXPECT_THAT(err.str(), HasSubstr("\rpass 5 of 5:  50%"));
    EXPECT_THAT(err.str(), testing::EndsWith(" \r"));
    EXPECT_THAT(err.str(), testing::Not(HasSubstr("\033")));
}

TEST_F(FsckTool, MakesOneDocumentOfEveryEnd) {
    const std::string clean = write(test::rich_image().blocks);
    test::expect_envelope(fsck({"-n", "--json", clean}), "fsck.daxfs");
    test::expect_envelope(fsck({"--json", "--explain", "101"}), "fsck.daxfs");
    EXPECT_EQ(fsck({"-n", "--json", clean}).json()["version"], 1);
    const std::vector<std::string> failing[] = {
        {"--json", "/nonexist"},       {"--json", "-n", "/dev/null"},
        {"--json", "-y", folder_},     {"--json"},
        {"--json", "--nonsense"},      {"--json", "--explain", "999"},
        {"--json", "-C", "-3", clean}, {"--json", "-n", "-C", "1", clean},
        {"--json", "-n", ""},          {"--json", "-n", "-b", "12345", clean},
    };
    for (const auto& args : failing) {
        SCOPED_TRACE(testing::PrintToString(args));
        test::expect_error_document(fsck(args), "fsck.daxfs");
    }
    const std::string path = broken("entry-dangling");
    const std::string undo = path + ".undo";
    std::ofstream(undo) << "taken";
    const Outcome kept = fsck({"-y", "--json", "--undo", undo, path});
    EXPECT_EQ(kept.code, kExitUncorrected | kExitTrouble);
    EXPECT_NE(test::expect_envelope(kept, "fsck.daxfs").value("error", ""), "");
}

TEST_F(FsckTool, KeepsProgressOutOfTheDocument) {
    const Outcome run = fsck({"-n", "--json", "-C", "1", write(test::rich_image().blocks)});
    EXPECT_EQ(run.code, kExitUsage);
    EXPECT_THAT(run.err, HasSubstr("-C 1 cannot go with --json"));
}

TEST_F(FsckTool, CountsOneThingAsOne) {
    const Outcome run = fsck({"-n", broken("link-count")});
    EXPECT_THAT(run.out, HasSubstr(": 1 problem; -p would leave "));
    EXPECT_THAT(fsck({"-y", broken("link-count")}).out, HasSubstr(": 1 problem, corrected\n"));
    EXPECT_THAT(run.out, testing::Not(testing::ContainsRegex("(^|[^0-9])1 (problem|block|inode|byte|finding)s")));
}

TEST_F(FsckTool, HasTheMannersOfAllTools) {
    test::expect_manners(fsck_tool, "fsck.daxfs", kExitUsage);
    CLI::App app;
    CommandLine line;
    declare_options(app, line);
    test::expect_empty_values_refused(app, fsck_tool, kExitUsage);
    const Outcome run = fsck({"-n", "-y", "x"});
    EXPECT_THAT(run.err, testing::StartsWith("fsck.daxfs: "));
}

TEST_F(FsckTool, RefusesUsageMistakes) {
    EXPECT_EQ(fsck({}).code, kExitUsage);
    EXPECT_EQ(fsck({"-n", "-y", "x"}).code, kExitUsage);
    EXPECT_EQ(fsck({"--nonsense"}).code, kExitUsage);
    EXPECT_EQ(fsck({"--explain", "999"}).code, kExitUsage);
}

TEST_F(FsckTool, ExplainsEveryProblem) {
    for (const ProblemInfo& problem : problem_catalogue()) {
        const Outcome run = fsck({"--explain", std::to_string(problem.id())});
        EXPECT_EQ(run.code, kExitClean);
        EXPECT_NE(run.out.find(problem.explanation), std::string::npos);
    }
}

TEST_F(FsckTool, HelpFitsAScreen) {
    const Outcome run = fsck({"--help"});
    EXPECT_EQ(run.code, 0);
    EXPECT_LE(std::ranges::count(run.out, '\n'), 25);
}

TEST(FsckManPage, HasEveryOption) {
    CLI::App app{"", "fsck.daxfs"};
    CommandLine line;
    declare_options(app, line);
    EXPECT_EQ(test::undocumented(app, "fsck.daxfs.8"), std::vector<std::string>{});
}

// The table is generated from the catalogue: one row a problem, in order.
TEST(FsckManPage, HasTheCatalogue) {
    const std::string page = test::read_text_file(std::string(DAXFS_SOURCE_DIR) + "/man/fsck.daxfs.8");
    std::string table;
    for (const ProblemInfo& problem : problem_catalogue())
        table += fmt::format(".It {} Ta {} Ta {} Ta {}\n", problem.id(), severity_name(problem.severity),
                             fix_name(problem.fix), problem.message);
    EXPECT_NE(page.find(table), std::string::npos) << "the table of problems should read:\n" << table;
}

}  // namespace
}  // namespace daxfs::fsck

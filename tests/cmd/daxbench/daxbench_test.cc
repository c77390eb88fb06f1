// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxbench/daxbench.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cmd/daxbench/fs_suite.h"
#include "cmd/daxbench/profile.h"
#include "cmd/daxbench/report.h"
#include "tests/support/man_page.h"
#include "tests/support/manners.h"
#include "tests/support/tool.h"

namespace daxfs::bench {
namespace {

using test::Outcome;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Outcome run_tool(const std::vector<std::string>& args) {
    return test::run_tool(run, args);
}

class TemporaryDirectory {
  public:
    TemporaryDirectory() : path_(mkdtemp(pattern_.data())) {}
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    const std::string& path() const { return path_; }

  private:
    std::string pattern_ = testing::TempDir() + "/daxbench-XXXXXX";
    std::string path_;
};

Suite two_targets() {
    return {.kernel = "6.12",
            .cpu = "QEMU",
            .instructions = true,
            .targets = {{.name = "daxfs",
                         .directory = "/a",
                         .rows = {{.operation = "stat", .samples = {3, 1, 2}, .persistence = Persistence{.fences = 3}},
                                  {.operation = "mkdir", .samples = {2000, 2000, 2000}}}},
                        {.name = "ext4",
                         .directory = "/b",
                         .rows = {{.operation = "stat", .samples = {4, 4, 4}},
                                  {.operation = "mkdir", .error = "No space left on device"}}}}};
}

TEST(Daxbench, DocumentsEveryOption) {
    CLI::App app("", "daxbench");
    Options options;
    describe(app, options);
    EXPECT_THAT(test::undocumented(app, "daxbench.1"), IsEmpty());
}

TEST(Daxbench, MeasuresRealFilesAndLeavesNothingBehind) {
    const TemporaryDirectory directory;
    const auto ran = run_tool({"fs", "-n", "2", "-r", "append 4K", "-r", "mkdir", directory.path()});
    ASSERT_EQ(ran.code, kOk) << ran.err;
    const auto suite = suite_from_json(ran.out);
    ASSERT_TRUE(suite) << suite.error().message;
    ASSERT_THAT(suite->targets, SizeIs(1));
    ASSERT_THAT(suite->targets[0].rows, SizeIs(2));
    for (const Row& row : suite->targets[0].rows) {
        EXPECT_THAT(row.samples, SizeIs(2)) << row.operation << ": " << row.error;
        EXPECT_GT(row.median(), 0);
    }
    EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(Daxbench, RunsEveryOperationOnThisMachinesTemporaryDirectory) {
    const TemporaryDirectory directory;
    const auto target = measure(directory.path(), {}, 1, [](const std::string&) {});
    ASSERT_TRUE(target) << target.error().message;
    EXPECT_THAT(target->rows, SizeIs(operation_names().size()));
    for (const Row& row : target->rows)
        EXPECT_TRUE(!row.samples.empty() || !row.error.empty()) << row.operation;
}

TEST(Daxbench, RefusesAnUnknownOperation) {
    const auto ran = run_tool({"fs", "-r", "fly", "/tmp"});
    EXPECT_EQ(ran.code, kUsage);
    EXPECT_EQ(ran.err, "daxbench: no operation 'fly'; 'daxbench list' shows them\n");
}

TEST(Daxbench, NamesADirectoryThatItCannotUse) {
    const auto ran = run_tool({"fs", "/proc/no-such-place"});
    EXPECT_EQ(ran.code, kTrouble);
    EXPECT_THAT(ran.err, HasSubstr("/proc/no-such-place: cannot make a directory here"));
}

TEST(Daxbench, NamesAFileThatIsNoResult) {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/x.json";
    const std::string head =
        R"({"schema":"daxbench-fs","version":1,"kernel":"","cpu":"","unit":"ns","targets":[{"name":"","directory":"","rows":)";
    const std::pair<std::string, const char*> cases[] = {
        {"", "it is empty"},
        {"\n ", "it is empty"},
        {"[]", "it is not an object"},
        {"null", "it is not an object"},
        {"{}", "schema is missing"},
        {R"({"schema":1})", "schema is not a text"},
        {"{\n\"schema\":1", "it is no JSON from line 2 on"},
        {"[1e999]", "a number that is out of range"},
        {R"({"schema":"other"})", "its schema is 'other', not 'daxbench-fs'"},
        {R"({"schema":"daxbench-fs","version":2})", "it is of version 2, not 1"},
        {R"({"schema":"daxbench-fs","version":1})", "kernel is missing"},
        {R"({"schema":"daxfs.error","version":1,"error":"no space"})", "it tells of an error: no space"},
        {head + "{}}]}", "targets[0].rows is not a list"},
        {head + "[1]}]}", "targets[0].rows[0] is not an object"},
        {head + R"([{"operation":"stat","samples_ns":[1,"2"]}]}]})",
         "targets[0].rows[0].samples_ns[1] is not a number"},
        {head + R"([{"operation":"stat","samples_ns":[],"calls":-1}]}]})", "targets[0].rows[0].calls is not a count"},
        {head + R"([{"operation":"stat","samples_ns":[],"persistence":{}}]}]})",
         "targets[0].rows[0].persistence.commits is missing"},
    };
    for (const char* verb : {"report", "profile"})
        for (const auto& [text, what] : cases) {
            std::ofstream(path) << text;
            const auto ran = run_tool({verb, path});
            EXPECT_EQ(ran.code, kTrouble) << text;
            EXPECT_EQ(
                ran.err,
                fmt::format("daxbench: {}: not a result of daxbench fs: {}\n", path,
                            std::string(what).starts_with("a number") ? "it is JSON with " + std::string(what) : what));
        }
}

TEST(Daxbench, ReadsNoFoldersAndNoDevices) {
    for (const char* verb : {"report", "profile"}) {
        for (const char* path : {"/", "/dev/null"})
            EXPECT_EQ(run_tool({verb, path}).err, fmt::format("daxbench: {}: not a regular file\n", path));
        EXPECT_EQ(run_tool({verb, "/nonexist"}).err, "daxbench: /nonexist: No such file or directory\n");
    }
}

TEST(Daxbench, MakesOneDocumentOfEveryEnd) {
    for (const std::vector<std::string>& args : {std::vector<std::string>{"fs", "/proc/no-such-place"},
                                                 {"fs", "-r", "fly", "/tmp"},
                                                 {"lib", "--json", "--filter", "no such benchmark"},
                                                 {"lib", "--json", "--nonsense"}}) {
        SCOPED_TRACE(testing::PrintToString(args));
        test::expect_error_document(run_tool(args), "daxbench");
    }
    const TemporaryDirectory directory;
    const auto fs = test::expect_envelope(run_tool({"fs", "-n", "1", "-r", "stat", directory.path()}), "daxbench");
    EXPECT_EQ(fs["schema"], "daxbench-fs");
    const auto lib = test::expect_envelope(run_tool({"lib", "--json", "--filter", "look_up_names"}), "daxbench");
    EXPECT_EQ(lib["schema"], "daxbench-lib");
    EXPECT_EQ(lib["benchmarks"].size(), 1u);
    EXPECT_EQ(run_tool({"lib", "--filter", "["}).code, kTrouble);
}

TEST(Daxbench, HasTheMannersOfAllTools) {
    test::expect_manners(run, "daxbench", kUsage);
    CLI::App app("", "daxbench");
    Options options;
    describe(app, options);
    test::expect_empty_values_refused(app, run, kUsage);
}

TEST(Result, SurvivesTheWayThroughJson) {
    const auto back = suite_from_json(to_json(two_targets()).dump());
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(to_json(*back), to_json(two_targets()));
    EXPECT_DOUBLE_EQ(back->targets[0].rows[0].median(), 2);
}

TEST(Report, ShowsMediansAndRatiosToTheBaseline) {
    const std::string text = markdown_report(two_targets(), "daxfs");
    EXPECT_THAT(text, HasSubstr("| operation | daxfs | ext4 |"));
    EXPECT_THAT(text, HasSubstr("| stat | 2.00 | 4.00 (2.00x) |"));
    EXPECT_THAT(text, HasSubstr("| mkdir | 2.00k | - |"));
    EXPECT_THAT(text, HasSubstr("| stat | 0.00 | 3.00 | 0.0 | 0 |"));
}

TEST(Report, EscapesWhatItPutsIntoHtml) {
    Suite suite = two_targets();
    suite.cpu = "<script>";
    const std::string page = html_report(suite, "daxfs");
    EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
    EXPECT_THAT(page, testing::Not(HasSubstr("<script>")));
}

// create + close on daxfs as `./dev profile` recorded it; what took little is added to its caller.
const std::string kRecorded = DAXFS_SOURCE_DIR "/tests/cmd/daxbench/data/create.json";

TEST(Profile, AddsUpToWhatTheClockSays) {
    const auto profile = read_profile(kRecorded);
    ASSERT_TRUE(profile) << profile.error().message;
    EXPECT_EQ(profile->root.total, 14'898'558);
    EXPECT_NEAR(profile->counted(), profile->measured, 1);
    EXPECT_TRUE(profile->agrees());
    double sum = 0;
    for (const FunctionCost& function : by_function(profile->root)) {
        EXPECT_LE(function.self, function.total) << function.name;
        EXPECT_LE(function.total, profile->root.total) << function.name;
        sum += function.self;
    }
    EXPECT_EQ(sum, profile->root.total);
}

TEST(Profile, FailsWhereCountsAndClockDiffer) {
    const TemporaryDirectory directory;
    std::filesystem::copy(DAXFS_SOURCE_DIR "/tests/cmd/daxbench/data", directory.path());
    std::ofstream(directory.path() + "/create.2.folded", std::ios::app) << "daxbench 500000\n";
    const auto ran = run_tool({"profile", directory.path() + "/create.json"});
    EXPECT_EQ(ran.code, kTrouble);
    EXPECT_THAT(ran.err, HasSubstr("daxfs: counts and clock do not agree"));
    EXPECT_THAT(ran.out, HasSubstr("+3.36 %, DOES NOT AGREE"));
}

TEST(Profile, CountsARecursionOnce) {
    const auto root = parse_folded("a 1\na;b 2\na;b;a 4\na;b;a;c [m] 8\n");
    ASSERT_TRUE(root) << root.error().message;
    const auto functions = by_function(*root);
    ASSERT_THAT(functions, SizeIs(3));
    EXPECT_EQ(functions[0].name, "c [m]");
    EXPECT_EQ(functions[1].name, "a");
    EXPECT_EQ(functions[1].self, 5);
    EXPECT_EQ(functions[1].total, 15);
}

TEST(Profile, RefusesWhatIsNoStack) {
    for (const char* text : {"a", "a;b x", "a 1x", "a -1", " ", " 1", "a "})
        EXPECT_FALSE(parse_folded(text)) << text;
}

TEST(Profile, DrawsAllFilesystemsOnOneScale) {
    Profile little{.filesystem = "daxfs", .operation = "stat", .calls = 2, .measured = 50};
    little.root = *parse_folded("daxbench 20\ndaxbench;vfs<> 40\ndaxbench;daxfs_x [daxfs] 40\n");
    Profile much{.filesystem = "ext4", .operation = "stat", .calls = 1, .measured = 100};
    much.root = *parse_folded("daxbench;ext4_x [ext4] 100\n");
    const std::vector<Profile> both{little, much};
    const std::string page = profile_html(both);
    EXPECT_THAT(page, HasSubstr("<i class=program style=\"left:0.0000%;width:50.0000%;bottom:0px\""));
    EXPECT_THAT(page,
                HasSubstr("<i class=own style=\"left:0.0000%;width:20.0000%;bottom:18px\" title=\"daxfs_x [daxfs]: "
                          "20 instructions a call (40.0 %), 20 of them its own\""));
    EXPECT_THAT(page,
                HasSubstr("<i class=kernel style=\"left:20.0000%;width:20.0000%;bottom:18px\" title=\"vfs&lt;&gt;:"));
    EXPECT_THAT(page,
                HasSubstr("<i class=own style=\"left:0.0000%;width:100.0000%;bottom:18px\" title=\"ext4_x [ext4]:"));
    EXPECT_THAT(profile_markdown(both), HasSubstr("| daxfs_x [daxfs] | 20 | 40.0 % | 20 | 40.0 % |"));
}

TEST(Report, ShortensFigures) {
    EXPECT_EQ(short_figure(1.234), "1.23");
    EXPECT_EQ(short_figure(940), "940");
    EXPECT_EQ(short_figure(1455), "1.46k");
    EXPECT_EQ(short_figure(101'000), "101k");
    EXPECT_EQ(short_figure(999'600), "1.00M");
    EXPECT_EQ(short_figure(2'447'000), "2.45M");
}

}  // namespace
}  // namespace daxfs::bench

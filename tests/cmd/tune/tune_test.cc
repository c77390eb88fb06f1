// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/tune/tune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>

#include "lib/check/check.h"
#include "lib/check/undo_file.h"
#include "tests/images/image_folder.h"
#include "tests/support/man_page.h"
#include "tests/support/manners.h"
#include "tests/support/tool.h"

namespace daxfs::tuning {
namespace {

using test::must;
using test::Outcome;
using testing::HasSubstr;

constexpr const char* kUuid = "12345678-9abc-def0-1234-56789abcdef0";
constexpr const char* kOldUuid = "01020304-0506-0708-090a-0b0c0d0e0f10";

class TuneTool : public test::ImageFolder {
  protected:
    TuneTool() : path_(ImageFolder::write(test::rich_image().blocks)) {}

    std::string read() const { return ImageFolder::read(path_); }
    Outcome tune(std::vector<std::string> options) {
        options.push_back(path_);
        return test::run_tool(tune_tool, options);
    }
    bool is_clean() const {
        Image image = must(Image::open(path_, Access::kRead));
        return must(check_image(image, {})).clean();
    }

    std::string path_;
};

TEST_F(TuneTool, ChangesWhatIsAskedForAndSaysSo) {
    const Outcome run = tune({"-L", "new name", "-U", kUuid, "--reserve", "1M"});
    EXPECT_EQ(run.code, kExitDone) << run.err;
    EXPECT_EQ(run.err, "");
    EXPECT_EQ(run.out, path_ +
                           ": 3 superblocks, copies included, were changed\n"
                           "  label    \"rich\" -> \"new name\"\n"
                           "  UUID     " +
                           kOldUuid + " -> " + kUuid +
                           "\n"
                           "  reserved 192 KiB -> 1 MiB\n");
    EXPECT_TRUE(is_clean());
    EXPECT_THAT(tune({"-L", "new name"}).out, HasSubstr("it is so already"));
    EXPECT_THAT(tune({"--no-label"}).out, HasSubstr("\"new name\" -> none"));
    EXPECT_TRUE(is_clean());
}

TEST_F(TuneTool, DrawsAUuid) {
    const auto first = tune({"-U", "random", "--json"}).json();
    const auto second = tune({"-U", "random", "--json"}).json();
    EXPECT_EQ(first["before"]["uuid"], kOldUuid);
    EXPECT_EQ(second["before"]["uuid"], first["after"]["uuid"]);
    EXPECT_NE(second["after"]["uuid"], first["after"]["uuid"]);
    EXPECT_EQ(second["after"]["label"], "rich");
    EXPECT_TRUE(is_clean());
}

TEST_F(TuneTool, ADryRunWritesNothing) {
    const std::string before = read();
    const Outcome run = tune({"-n", "-L", "other"});
    EXPECT_EQ(run.code, kExitDone);
    EXPECT_THAT(run.out, HasSubstr("would change\n  label    \"rich\" -> \"other\""));
    EXPECT_TRUE(read() == before);
}

TEST_F(TuneTool, KeepsAWayBack) {
    const std::string undo = folder_ + "/undo";
    EXPECT_EQ(tune({"-U", kUuid, "-L", "other", "--undo", undo}).code, kExitDone);
    Image image = must(Image::open(path_, Access::kWrite));
    UndoFile file = must(UndoFile::open(undo));
    EXPECT_EQ(must(undo_repair(image, file, {})).refusal, "");
    Image back = must(Image::open(path_, Access::kRead));
    const daxfs_super super = must(open_volume(back)).super;
    EXPECT_EQ(std::memcmp(&super, &test::rich_image().super, sizeof(super)), 0);
    EXPECT_TRUE(is_clean());
}

TEST_F(TuneTool, RefusesWhatIsNotSound) {
    test::ImageEditor editor;
    editor.super().state = DAXFS_STATE_ERRORS;
    editor.seal_super();
    write(editor.blocks());
    const std::string before = read();
    const Outcome run = tune({"-L", "other"});
    EXPECT_EQ(run.code, kExitFailed);
    EXPECT_EQ(run.out, "");
    EXPECT_THAT(run.err, HasSubstr("Run fsck.daxfs -p first"));
    EXPECT_TRUE(read() == before);
}

TEST_F(TuneTool, RefusesWhatAnotherProgramHasOpenForWriting) {
    const Image held = must(Image::open(path_, Access::kWrite));
    EXPECT_THAT(tune({"-L", "other"}).err, HasSubstr("in use by another program"));
}

TEST_F(TuneTool, NamesMistakes) {
    const struct {
        std::vector<std::string> args;
        const char* text;
        int code;
    } cases[] = {
        {{}, "nothing to change", kExitUsage},
        {{"-U", "1234"}, "\"1234\" is not a UUID", kExitUsage},
        {{"-L", std::string(64, 'x')}, "longer than 63 bytes", kExitUsage},
        {{"-L", "a\x1b"}, "control characters", kExitUsage},
        {{"-L", "a", "--no-label"}, "--no-label", kExitUsage},
        {{"--reserve", "many"}, "many", kExitUsage},
        {{"--reserve", "40M"}, "half of the device", kExitFailed},
    };
    for (const auto& [args, text, code] : cases) {
        const Outcome run = tune(args);
        EXPECT_EQ(run.code, code) << text;
        EXPECT_THAT(run.err, HasSubstr(text));
    }
}

TEST_F(TuneTool, MakesOneDocumentOfEveryEnd) {
    const auto json = test::expect_envelope(tune({"--json", "-n", "-L", "other"}), "tune.daxfs");
    EXPECT_EQ(json["schema"], "daxfs.tune");
    EXPECT_EQ(json["dry_run"], true);
    EXPECT_EQ(json["superblocks"], 3);
    EXPECT_EQ(json["before"]["reserved_blocks"], 48);
    const std::string page = test::read_text_file(std::string(DAXFS_SOURCE_DIR) + "/man/tune.daxfs.8");
    for (const auto& [name, value] : json.items())
        EXPECT_THAT(page, HasSubstr(name));
    for (const std::vector<std::string>& args : {std::vector<std::string>{"-L", "x", "/nonexist"},
                                                 {"-L", "x", "/dev/null"},
                                                 {path_},
                                                 {"-L", "x"},
                                                 {"--none"}}) {
        std::vector<std::string> all = args;
        all.insert(all.begin(), "--json");
        test::expect_error_document(test::run_tool(tune_tool, all), "tune.daxfs");
    }
}

TEST_F(TuneTool, HasTheMannersOfAllTools) {
    test::expect_manners(tune_tool, "tune.daxfs", kExitUsage);
    CLI::App app;
    CommandLine line;
    declare_options(app, line);
    test::expect_empty_values_refused(app, tune_tool, kExitUsage);
    EXPECT_THAT(test::undocumented(app, "tune.daxfs.8"), testing::IsEmpty());
}

}  // namespace
}  // namespace daxfs::tuning

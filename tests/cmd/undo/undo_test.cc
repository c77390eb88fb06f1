// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/undo/undo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>

#include "lib/check/redo.h"
#include "lib/check/undo_file.h"
#include "tests/images/rich_image.h"
#include "tests/support/man_page.h"
#include "tests/support/manners.h"
#include "tests/support/tool.h"

namespace daxfs::undo {
namespace {

using test::must;
using test::Outcome;
using testing::HasSubstr;

// An image file of some blocks, and what a repair of it left behind.
class UndoTool : public testing::Test {
  protected:
    static constexpr std::uint64_t kBlocks = 64;

    UndoTool() {
        std::string pattern = (std::filesystem::temp_directory_path() / "daxfs-undo-XXXXXX").string();
        folder_ = mkdtemp(pattern.data());
        device_ = folder_ + "/device";
        file_ = folder_ + "/undo";
        std::ofstream image(device_, std::ios::binary);
        for (BlockNo block; block.value < kBlocks; ++block) {
            const auto found = test::rich_image().blocks.find(block);
            static constexpr test::Block kZeros{};
            const test::Block& bytes = found == test::rich_image().blocks.end() ? kZeros : found->second;
            image.write(reinterpret_cast<const char*>(bytes.bytes), DAXFS_BLOCK_SIZE);
        }
        image.close();
        before_ = read(device_);
        repair();
    }
    ~UndoTool() override { std::filesystem::remove_all(folder_); }

    void repair() {
        Image image = must(Image::open(device_, Access::kWrite));
        for (const std::uint64_t block : {3u, 5u, 9u})
            std::fill_n(image.stage(BlockNo{block}) + 100, 200, std::byte{0x77});
        must(write_undo_file(image, file_));
        must(commit_staged(image, {.runs = {{BlockNo{40}, 20}}}));
    }
    static std::string read(const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    // But for the free blocks that had the redo list.
    static std::string without_list(std::string bytes) {
        std::fill_n(bytes.begin() + 40 * DAXFS_BLOCK_SIZE, 20 * DAXFS_BLOCK_SIZE, '\0');
        return bytes;
    }
    void spoil(std::uint64_t offset) {
        std::fstream file(device_, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(offset)).put('!');
    }
    Outcome undo(std::vector<std::string> options) {
        options.insert(options.end(), {file_, device_});
        return test::run_tool(undo_tool, options);
    }

    std::string folder_, device_, file_, before_;
};

TEST_F(UndoTool, PutsBackWhatARepairChanged) {
    EXPECT_NE(without_list(read(device_)), without_list(before_));
    const Outcome run = undo({});
    EXPECT_EQ(run.code, kExitDone) << run.err;
    EXPECT_THAT(run.out, HasSubstr("bytes in 3 places were put back"));
    EXPECT_EQ(run.err, "");
    EXPECT_EQ(without_list(read(device_)), without_list(before_));
}

TEST_F(UndoTool, WithNoItOnlySaysSo) {
    const std::string repaired = read(device_);
    const Outcome run = undo({"-n"});
    EXPECT_EQ(run.code, kExitDone);
    EXPECT_THAT(run.out, HasSubstr("would be put back"));
    EXPECT_EQ(read(device_), repaired);
}

TEST_F(UndoTool, RefusesWhatWasWrittenSinceUnlessForced) {
    spoil(5 * DAXFS_BLOCK_SIZE + 150);
    const std::string used = read(device_);
    const Outcome refused = undo({});
    EXPECT_EQ(refused.code, kExitFailed);
    EXPECT_THAT(refused.err, HasSubstr("1 of 3 places were written since the repair; nothing was written; -f puts"));
    EXPECT_EQ(read(device_), used);
    EXPECT_EQ(undo({"-n"}).code, kExitFailed);
    const Outcome forced = undo({"-f"});
    EXPECT_EQ(forced.code, kExitDone);
    EXPECT_THAT(forced.out, HasSubstr("1 of 3 places hold something else"));
    EXPECT_EQ(without_list(read(device_)), without_list(before_));
}

TEST_F(UndoTool, ReportsAsJson) {
    const auto dry = undo({"-n", "--json"}).json();
    EXPECT_EQ(dry["schema"], "daxfs.undo.1");
    EXPECT_EQ(dry["places"], 3);
    EXPECT_EQ(dry["dry_run"], true);
    EXPECT_EQ(dry["exit"], 0);
    EXPECT_EQ(dry["refusal"], "");
    spoil(5 * DAXFS_BLOCK_SIZE + 150);
    const Outcome refused = undo({"--json"});
    EXPECT_EQ(refused.code, kExitFailed);
    EXPECT_EQ(refused.json()["exit"], kExitFailed);
    EXPECT_EQ(refused.json()["other_places"], 1);
    EXPECT_THAT(refused.json()["refusal"].get<std::string>(), HasSubstr("written since"));
}

TEST_F(UndoTool, MakesOneDocumentOfEveryEnd) {
    const auto tool = [](std::vector<std::string> args) {
        args.insert(args.begin(), "--json");
        return test::run_tool(undo_tool, args);
    };
    test::expect_envelope(tool({"-n", file_, device_}), "daxfs-undo");
    for (const std::vector<std::string>& args : {std::vector<std::string>{"/nonexist", device_},
                                                 {file_, "/nonexist"},
                                                 {device_, file_},
                                                 {file_},
                                                 {"--nonsense"}})
        test::expect_error_document(tool(args), "daxfs-undo");
    spoil(5 * DAXFS_BLOCK_SIZE + 150);
    const Outcome refused = tool({file_, device_});
    const auto json = test::expect_envelope(refused, "daxfs-undo");
    EXPECT_EQ(refused.err, "daxfs-undo: " + json.value("error", "") + "\n");
}

TEST_F(UndoTool, HasTheMannersOfAllTools) {
    test::expect_manners(undo_tool, "daxfs-undo", kExitUsage);
    CLI::App app;
    CommandLine line;
    declare_options(app, line);
    test::expect_empty_values_refused(app, undo_tool, kExitUsage);
}

TEST_F(UndoTool, SaysWhatIsNoUndoFile) {
    std::swap(file_, device_);
    const Outcome run = undo({});
    EXPECT_EQ(run.code, kExitFailed);
    EXPECT_THAT(run.err, HasSubstr("is no undo file of fsck.daxfs"));
    file_ = folder_ + "/none";
    EXPECT_THAT(undo({}).err, HasSubstr("cannot open: No such file"));
}

TEST_F(UndoTool, UsageIsChecked) {
    EXPECT_EQ(test::run_tool(undo_tool, {}).code, kExitUsage);
    EXPECT_EQ(test::run_tool(undo_tool, {file_}).code, kExitUsage);
    EXPECT_EQ(undo({"--nonsense"}).code, kExitUsage);
    const Outcome version = test::run_tool(undo_tool, {"-V"});
    EXPECT_EQ(version.code, 0);
    EXPECT_THAT(version.out, HasSubstr("daxfs-undo "));
}

TEST(UndoManPage, MentionsEveryOption) {
    CLI::App app;
    CommandLine line;
    declare_options(app, line);
    EXPECT_THAT(test::undocumented(app, "daxfs-undo.8"), testing::IsEmpty());
}

}  // namespace
}  // namespace daxfs::undo

// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/info/info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>

#include "cmd/info/facts.h"
#include "lib/check/check.h"
#include "lib/check/redo.h"
#include "tests/images/image_folder.h"
#include "tests/support/man_page.h"
#include "tests/support/manners.h"
#include "tests/support/tool.h"

namespace daxfs::info_page {
namespace {

using test::must;
using test::Outcome;
using testing::HasSubstr;
using testing::Not;

class InfoTool : public test::ImageFolder {
  protected:
    static Outcome info(std::vector<std::string> args) { return test::run_tool(info_tool, args); }
};

TEST_F(InfoTool, ShowsAPageOfWhatIsThere) {
    const Outcome run = info({write(test::rich_image().blocks)});
    EXPECT_EQ(run.code, kExitWell) << run.out;
    EXPECT_EQ(run.err, "");
    for (const char* row : {"label       rich", "UUID        01020304-0506-0708-090a-0b0c0d0e0f10",
                            "version     1, no features", "created     2023-11-14T22:13:20Z", "superblock  block 0",
                            "size        48 MiB, 12288 blocks", "groups      3 of 16 MiB, 2 in use",
                            "journals    2 of 128 KiB\n", "recovery    not needed\n", "repair      none open\n",
                            "state       no errors seen\n", "huge pages  unknown: an image file", "in use      no\n"})
        EXPECT_THAT(run.out, HasSubstr(row));
    EXPECT_THAT(run.out, Not(HasSubstr("<-")));
}

// Against the bitmaps and a full check.
TEST_F(InfoTool, CountsWhatTheMapsSay) {
    const std::string path = write(test::rich_image().blocks);
    const auto json = info({"--json", path}).json();
    Image image = test::rich_image().image();
    const Volume volume = must(open_volume(image));
    std::uint64_t free = 0;
    for (AgNo ag; ag.value < volume.geometry.ag_count; ++ag) {
        if (ag.value >= volume.initialised_ags()) {
            free += volume.geometry.ag_length(ag) - volume.geometry.fixed_blocks(ag);
            continue;
        }
        const AgMap map(volume, ag, MapKind::kBlocks);
        for (std::uint64_t bit = 0; bit < map.bits(); ++bit)
            free += map.test(bit) ? 0 : 1;
    }
    EXPECT_EQ(json["free_blocks"], free);
    EXPECT_EQ(json["fixed_blocks"].get<std::uint64_t>() + json["used_blocks"].get<std::uint64_t>() + free,
              volume.geometry.block_count);
    EXPECT_EQ(json["inodes_used"], must(check_image(image, {})).inodes);
}

TEST_F(InfoTool, ReportsAsJson) {
    const std::string path = write(test::rich_image().blocks);
    const Outcome run = info({"--json", path});
    const auto json = test::expect_envelope(run, "daxfs-info");
    EXPECT_EQ(json["schema"], "daxfs.info");
    EXPECT_EQ(json["exit"], 0);
    EXPECT_EQ(json["device"], path);
    EXPECT_EQ(json["label"], "rich");
    EXPECT_EQ(json["created"], 1'700'000'000);
    EXPECT_EQ(json["superblock_damage"], "");
    EXPECT_EQ(json["needs_recovery"], false);
    EXPECT_EQ(json["repair"], "none");
    EXPECT_EQ(json["huge_pages"]["answer"], "unknown");
    EXPECT_EQ(json["to_do"], "");
    // Each member has its place on the page.
    const std::string page = test::read_text_file(std::string(DAXFS_SOURCE_DIR) + "/man/daxfs-info.8");
    for (const auto& [name, value] : json.items())
        EXPECT_THAT(page, HasSubstr(name));
}

TEST_F(InfoTool, SaysWhatIsToBeDone) {
    const struct {
        const char* image;
        const char* text;
    } cases[] = {
        {"superblock-bit", "superblock at block 0: wrong checksum"},
        {"superblock-bit", "look with fsck.daxfs -n"},
        {"ag-header-bit", "1 header cannot be read"},
        {"uncommitted-transaction", "1 open transaction to undo, in journal 1"},
        {"uncommitted-transaction", "mount it, or run fsck.daxfs -p"},
        {"superblock-errors", "damage was found since the last fsck.daxfs"},
        {"superblock-errors", "run fsck.daxfs -p"},
    };
    for (const auto& [image, text] : cases) {
        const Outcome run = info({broken(image)});
        EXPECT_EQ(run.code, kExitToDo) << image;
        EXPECT_THAT(run.out, HasSubstr(text)) << image;
    }
}

TEST_F(InfoTool, UsesACopyWhereTheSuperblockIsGone) {
    test::ImageEditor editor;
    std::memset(editor.block(BlockNo{0}), 0, DAXFS_BLOCK_SIZE);
    // Of equal copies the last.
    const BlockNo copy = editor.volume().geometry.ag_start(AgNo{2});
    const Outcome run = info({write(editor.blocks())});
    EXPECT_EQ(run.code, kExitToDo);
    EXPECT_THAT(run.out, HasSubstr(fmt::format("superblock  block {}  <- ", copy)));
    EXPECT_THAT(run.out, HasSubstr("this copy is used"));
    EXPECT_THAT(run.out, HasSubstr("label       rich"));
}

TEST_F(InfoTool, SaysThatARepairWasCutOff) {
    const std::string path = write(test::rich_image().blocks);
    {
        Image image = must(Image::open(path, Access::kWrite));
        image.stage(test::ImageEditor().free_block())[7] = std::byte{1};
        int stores = 0;
        image.before_stores([&](const Store& store) -> Result<void> {
            return store.block == BlockNo{DAXFS_INTENT_BLOCK_B} && stores++ == 0 ? fail("cut off") : Result<void>{};
        });
        const Volume volume = must(open_volume(image));
        EXPECT_FALSE(commit_staged(image, {.runs = journal_runs(volume)}));
    }
    const Outcome cut = info({path});
    EXPECT_EQ(cut.code, kExitToDo);
    EXPECT_THAT(cut.out, HasSubstr("repair      cut off"));
    EXPECT_THAT(cut.out, HasSubstr("run fsck.daxfs -p"));
    EXPECT_EQ(info({"--json", path}).json()["repair"], "cut-off");
    // Half of an intent, and one of daxfs-undo.
    test::ImageEditor editor;
    auto& intent = editor.at<daxfs_intent>(BlockNo{DAXFS_INTENT_BLOCK_A});
    intent.magic = DAXFS_INTENT_MAGIC;
    EXPECT_EQ(info({"--json", write(editor.blocks())}).json()["repair"], "damaged");
    intent.crc = checksum(intent);
    const Outcome undoing = info({write(editor.blocks())});
    EXPECT_THAT(undoing.out, HasSubstr("run daxfs-undo again, with the same file"));
}

TEST_F(InfoTool, BelievesNoCountersThatCannotBe) {
    test::ImageEditor editor;
    editor.header(AgNo{0}).free_blocks = ~0u;
    editor.header(AgNo{0}).free_inodes = ~0u;
    editor.seal_header(AgNo{0});
    const auto json = info({"--json", write(editor.blocks())}).json();
    EXPECT_EQ(json["unknown_ags"], 1);
    EXPECT_LT(json["free_blocks"].get<std::uint64_t>(), test::rich_image().size_bytes / DAXFS_BLOCK_SIZE);
}

TEST_F(InfoTool, SaysThatTheDeviceIsShort) {
    const Outcome run = info({write(test::rich_image().blocks, 40 << 20)});
    EXPECT_EQ(run.code, kExitToDo);
    EXPECT_THAT(run.out, HasSubstr("the device lacks 2048 of them"));
}

TEST_F(InfoTool, EveryBrokenImageIsAnswered) {
    for (const test::BrokenImage& image : test::broken_images()) {
        const Outcome run = info({broken(image.name)});
        EXPECT_TRUE(run.code == kExitWell || run.code == kExitToDo || run.code == kExitTrouble) << image.name;
        EXPECT_EQ(run.err.empty(), run.code != kExitTrouble) << image.name;
    }
}

TEST_F(InfoTool, MakesOneDocumentOfEveryEnd) {
    const std::string zeros = folder_ + "/zeros";
    std::ofstream(zeros, std::ios::binary) << "x";
    for (const std::vector<std::string>& args :
         {std::vector<std::string>{"/nonexist"}, {zeros}, {"/dev/null"}, {}, {"--nonsense"}}) {
        std::vector<std::string> all = args;
        all.insert(all.begin(), "--json");
        test::expect_error_document(info(all), "daxfs-info");
    }
    EXPECT_EQ(info({"/nonexist"}).code, kExitTrouble);
}

TEST_F(InfoTool, HasTheMannersOfAllTools) {
    test::expect_manners(info_tool, "daxfs-info", kExitUsage);
    CLI::App app;
    CommandLine line;
    declare_options(app, line);
    test::expect_empty_values_refused(app, info_tool, kExitUsage);
    EXPECT_THAT(test::undocumented(app, "daxfs-info.8"), testing::IsEmpty());
}

}  // namespace
}  // namespace daxfs::info_page

// SPDX-License-Identifier: GPL-2.0-or-later
// The tools and hostile images: whatever the image, fsck.daxfs, daxfs-info, tune.daxfs and daxdb end, with an exit code
// of their man pages, and what fsck.daxfs calls repaired is clean.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cmd/daxdb/daxdb.h"
#include "cmd/fsck/fsck.h"
#include "cmd/info/info.h"
#include "cmd/tune/tune.h"
#include "tests/hostile/mutant.h"
#include "tests/support/tool.h"

namespace daxfs::hostile {
namespace {

constexpr std::uint64_t kSeed = 7;
constexpr std::uint64_t kMutants = 200;
constexpr std::uint64_t kParts = 8;

const Base& base() {
    static const Base the_base;
    return the_base;
}

class HostileImage : public testing::TestWithParam<std::uint64_t> {
  protected:
    HostileImage() {
        std::string pattern = (std::filesystem::temp_directory_path() / "daxfs-hostile-XXXXXX").string();
        folder_ = mkdtemp(pattern.data());
        path_ = folder_ + "/image";
        std::ofstream(path_, std::ios::binary);
        std::filesystem::resize_file(path_, base().bytes().size());
    }
    ~HostileImage() override { std::filesystem::remove_all(folder_); }

    const std::string& path() const { return path_; }
    void lay_out(const Mutant& mutant) {
        static constexpr std::byte kZeros[DAXFS_BLOCK_SIZE]{};
        std::filesystem::resize_file(path_, 0);
        std::filesystem::resize_file(path_, base().bytes().size());
        std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
        for (BlockNo block; block.value < base().bytes().size() / DAXFS_BLOCK_SIZE; ++block) {
            const std::byte* bytes = mutant.look(block);
            if (std::memcmp(bytes, kZeros, DAXFS_BLOCK_SIZE) == 0)
                continue;
            file.seekp(static_cast<std::streamoff>(block.value * DAXFS_BLOCK_SIZE));
            file.write(reinterpret_cast<const char*>(bytes), DAXFS_BLOCK_SIZE);
        }
    }
    int fsck(std::vector<std::string> args) {
        args.push_back(path_);
        return test::run_tool(fsck::fsck_tool, args).code;
    }
    int tune(std::vector<std::string> args) {
        args.insert(args.end(), {"-L", "tuned", "-U", "random", path_});
        return test::run_tool(tuning::tune_tool, args).code;
    }

  private:
    std::string folder_;
    std::string path_;
};

TEST_P(HostileImage, IsAnsweredByTheToolsWithAnExitCodeThatIsDocumented) {
    for (std::uint64_t number = GetParam(); number < kMutants; number += kParts) {
        const Mutant mutant = make_mutant(base(), kSeed, number);
        SCOPED_TRACE(fmt::format("mutate write {} {}: {}", kSeed, number, mutant.text()));
        // The last words, should a sanitizer end the program.
        fmt::print("{} {}\n", number, mutant.text());
        std::fflush(stdout);
        lay_out(mutant);
        const int looked = fsck({"-n", "-f"});
        EXPECT_TRUE(looked == fsck::kExitClean || looked == fsck::kExitUncorrected || looked == fsck::kExitTrouble)
            << looked;
        const int told = test::run_tool(info_page::info_tool, {path()}).code;
        EXPECT_TRUE(told == info_page::kExitWell || told == info_page::kExitToDo || told == info_page::kExitTrouble)
            << told;
        const int tuned = tune({"-n"});
        EXPECT_TRUE(tuned == tuning::kExitDone || tuned == tuning::kExitFailed) << tuned;
        for (const char* command :
             {"superblock", "ag 0", "journal 1", "ls /big", "extents /tree", "inode /small", "block 300"}) {
            const int shown = test::run_tool(daxdb::run, {"-c", command, path()}).code;
            EXPECT_TRUE(shown == daxdb::kOk || shown == daxdb::kCommandFailed || shown == daxdb::kTrouble)
                << command << shown;
        }
        const int preened = fsck({"-p", "-f"});
        EXPECT_EQ(preened & ~(fsck::kExitCorrected | fsck::kExitUncorrected | fsck::kExitTrouble), 0) << preened;
        const int repaired = fsck({"-y", "-f"});
        EXPECT_EQ(repaired & ~(fsck::kExitCorrected | fsck::kExitUncorrected | fsck::kExitTrouble), 0) << repaired;
        if ((repaired & ~fsck::kExitCorrected) == 0) {
            EXPECT_EQ(fsck({"-n", "-f"}), fsck::kExitClean) << "behind exit code " << repaired;
            EXPECT_EQ(tune({}), tuning::kExitDone);
            EXPECT_EQ(fsck({"-n", "-f"}), fsck::kExitClean) << "behind tune.daxfs";
        }
    }
}

INSTANTIATE_TEST_SUITE_P(InParts, HostileImage, testing::Range(std::uint64_t{0}, kParts));

}  // namespace
}  // namespace daxfs::hostile

// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxlive/daxlive.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "cmd/daxlive/initramfs.h"
#include "cmd/daxlive/kernels.h"
#include "cmd/daxlive/options.h"
#include "cmd/daxlive/process.h"
#include "cmd/daxlive/qemu.h"
#include "tests/support/man_page.h"
#include "tests/support/manners.h"
#include "tests/support/tool.h"

namespace daxfs::live {
namespace {

using test::Outcome;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

Outcome daxlive(const std::vector<std::string>& args) {
    return test::run_tool(run, args);
}

// A sparse image, and a stand-in for a kernel.
class DaxliveTest : public testing::Test {
  protected:
    DaxliveTest() : directory_(*TemporaryDirectory::make()) {
        EXPECT_TRUE(write_whole_file(image_, ""));
        std::filesystem::resize_file(image_, 64 * kMiB);
        std::string kernel(0x400, '\0');
        kernel.replace(0x202, 4, "HdrS");
        kernel[0x20f] = '\x01';
        kernel.replace(0x300, 9, "6.12-test");
        EXPECT_TRUE(write_whole_file(kernel_, kernel));
    }

    TemporaryDirectory directory_;
    std::string image_ = directory_.path() + "/a, b.img";
    std::string kernel_ = directory_.path() + "/vmlinuz";
};

TEST_F(DaxliveTest, PrintsTheCommandLineThatMakesTheImagePmem) {
    const Outcome ran = daxlive({image_, "--kernel", kernel_, "--smp", "2", "--dry-run", "--", "true"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("qemu-system-x86_64"));
    EXPECT_THAT(ran.out, HasSubstr("a,, b.img,size=67108864,share=on"));
    EXPECT_THAT(ran.out, HasSubstr("memmap=0x4000000!0x100000000"));
    EXPECT_THAT(ran.out, HasSubstr("tcg,thread=multi"));
    EXPECT_THAT(ran.out, HasSubstr("cpus=0-1"));
}

TEST_F(DaxliveTest, CountsInstructionsOnOneThread) {
    const Outcome ran = daxlive({"--icount", image_, "--kernel", kernel_, "--dry-run"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("tcg,thread=single"));
    EXPECT_THAT(ran.out, HasSubstr("max,-erms,-fsrm,-fsrs,-fzrm"));
    EXPECT_THAT(ran.out, HasSubstr("norandmaps"));
    EXPECT_EQ(daxlive({"--icount", "--smp", "2", image_, "--dry-run"}).code, kExitUsage);
    EXPECT_EQ(daxlive({"--icount", "--accel", "kvm", image_, "--dry-run"}).code, kExitUsage);
}

TEST_F(DaxliveTest, PassesArgumentsOnToQemuAndKernel) {
    const Outcome ran = daxlive({image_, "--kernel", kernel_, "--dry-run", "--qemu-arg=-d", "--qemu-arg", "int",
                                 "--kernel-arg", "debug=1", "--share", directory_.path() + ":ro"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, testing::EndsWith("-d int\n"));
    EXPECT_THAT(ran.out, HasSubstr(" debug=1'"));
    EXPECT_THAT(ran.out, HasSubstr("readonly=on"));
}

TEST_F(DaxliveTest, RefusesWhatIsNoImage) {
    const auto error = [&](const std::string& path) {
        const Outcome ran = daxlive({path, "--kernel", kernel_, "--dry-run"});
        EXPECT_EQ(ran.code, kExitUsage);
        EXPECT_THAT(ran.out, IsEmpty());
        return ran.err;
    };
    EXPECT_THAT(error(directory_.path() + "/none"), HasSubstr("No such file"));
    EXPECT_THAT(error(directory_.path()), HasSubstr("is a directory"));
    EXPECT_THAT(error("/dev/null"), HasSubstr("not a regular file"));
    for (const std::uint64_t bytes : {std::uint64_t{0}, kMiB, 3 * kMiB, 2 * kMiB + 1}) {
        std::filesystem::resize_file(image_, bytes);
        EXPECT_THAT(error(image_), HasSubstr("multiple of 2 MiB")) << bytes;
    }
}

TEST_F(DaxliveTest, RefusesAnImageInUse) {
    const Fd other(open(image_.c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_EQ(flock(other.get(), LOCK_EX), 0);
    EXPECT_THAT(daxlive({image_, "--kernel", kernel_, "--dry-run"}).err, HasSubstr("in use by another guest"));
}

TEST_F(DaxliveTest, RefusesTheSameImageTwice) {
    EXPECT_THAT(daxlive({image_, "--image2", image_, "--kernel", kernel_, "--dry-run"}).err, HasSubstr("in use"));
}

TEST_F(DaxliveTest, RefusesHostileArgumentsWithOneLine) {
    const std::vector<std::vector<std::string>> hostile{
        {},
        {"--memory", "18446744073709551616", image_},
        {"--memory", "16E", image_},
        {"--memory", "0", image_},
        {"--memory", "9223372036854775807", image_},
        {"--smp", "0", image_},
        {"--smp", "-1", image_},
        {"--smp", "99999999999999999999", image_},
        {"--timeout", "0", image_},
        {"--cut-after", "5", image_},
        {"--share", ":ro", image_},
        {"--share", "/nonexistent", image_},
        {"--kernel", "5.4", image_},
        {"--kernel", "/dev/null", image_},
        {"--kernel", "../../..", image_},
        {"--kernel", "..", image_},
        {"--kernel", "", image_},
        {"--kernel", image_, image_},
        {"--bogus", image_},
        {image_, "--"},
        {image_, "--", ""},
        {image_, "--", std::string(100000, 'x')},
    };
    for (std::vector<std::string> args : hostile) {
        args.insert(args.begin(), "--dry-run");
        const Outcome ran = daxlive(args);
        EXPECT_EQ(ran.code, kExitUsage) << testing::PrintToString(args);
        EXPECT_THAT(ran.err, Not(IsEmpty()));
        EXPECT_THAT(ran.out, IsEmpty()) << testing::PrintToString(args);
    }
}

TEST(Daxlive, HelpFitsAScreenAndVersionIsALine) {
    const Outcome help = daxlive({"--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_LE(std::count(help.out.begin(), help.out.end(), '\n'), 40);
    EXPECT_EQ(daxlive({"--version"}).out, "daxlive " DAXFS_VERSION "\n");
}

// Installed to /usr, its neighbours are the programs of the whole system.
TEST_F(DaxliveTest, TakesOurToolsAloneFromAnInstallation) {
    for (const char* folder : {"/bin", "/sbin", "/libexec", "/libexec/daxfs"})
        std::filesystem::create_directory(directory_.path() + folder);
    for (const char* name :
         {"/bin/daxlive", "/bin/daxbench", "/bin/gcc", "/sbin/mkfs.daxfs", "/libexec/daxfs/daxlive-init"}) {
        EXPECT_TRUE(write_whole_file(directory_.path() + name, "x"));
        chmod((directory_.path() + name).c_str(), 0755);
    }
    setenv("DAXLIVE_BUILD", directory_.path().c_str(), 1);
    const Places places = find_places({});
    unsetenv("DAXLIVE_BUILD");
    EXPECT_EQ(places.init, directory_.path() + "/libexec/daxfs/daxlive-init");
    const auto found = programs({}, places);
    ASSERT_TRUE(found);
    EXPECT_THAT(*found,
                testing::ElementsAre(directory_.path() + "/bin/daxbench", directory_.path() + "/sbin/mkfs.daxfs"));
}

TEST(Daxlive, HasTheMannersOfAllTools) {
    test::expect_manners(run, "daxlive", kExitUsage);
    CLI::App app;
    Options options;
    RawOptions raw;
    declare_options(app, options, raw);
    test::expect_empty_values_refused(app, run, kExitUsage);
}

TEST(Daxlive, EveryOptionIsInItsManPage) {
    CLI::App app;
    Options options;
    RawOptions raw;
    declare_options(app, options, raw);
    EXPECT_THAT(test::undocumented(app, "daxlive.1"), IsEmpty());
}

TEST(SplitArgs, CutsAtTheFirstSeparatorOnly) {
    const std::vector<std::string> args{"image", "--", "sh", "-c", "x", "--", "y"};
    const SplitArgs split = split_args(args);
    EXPECT_THAT(split.own, testing::ElementsAre("image"));
    EXPECT_THAT(split.command, testing::ElementsAre("sh", "-c", "x", "--", "y"));
}

TEST(GuestMemory, GrowsWithHugeImages) {
    Options options;
    EXPECT_EQ(guest_memory(options, {{"a", kGiB}}), 2 * kGiB);
    EXPECT_GE(guest_memory(options, {{"a", 1024 * kGiB}}), 18 * kGiB);
    options.memory_bytes = 512 * kMiB;
    EXPECT_EQ(guest_memory(options, {{"a", 1024 * kGiB}}), 512 * kMiB);
}

TEST(QemuCommand, PlacesImagesBehindMemoryThatReachesAbove4G) {
    Options options;
    options.memory_bytes = 5 * kGiB;
    const auto words = qemu_command(options, {{"a", kGiB}, {"b", 2 * kMiB}}, {}, "initrd", {3, 4});
    EXPECT_THAT(words, Contains(HasSubstr("memmap=0x40000000!0x180000000 memmap=0x200000!0x1c0000000")));
    EXPECT_THAT(words, Contains("pc,max-ram-below-4g=3221225472"));
}

TEST(QuoteWords, ReadsBackAsTheSameWordsInAShell) {
    const std::vector<std::string> words{"a b", "it's", "", "$(x)", "plain=1,2", "\n*"};
    const auto text = capture(std::vector<std::string>{"sh", "-c", "printf '%s|' " + quote_words(words)});
    ASSERT_TRUE(text);
    EXPECT_EQ(*text, "a b|it's||$(x)|plain=1,2|\n*|");
}

}  // namespace
}  // namespace daxfs::live

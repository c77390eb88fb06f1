// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/mkfs/mkfs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "cmd/mkfs/options.h"
#include "lib/image/contents.h"
#include "lib/make/filesystem.h"
#include "lib/tree/directory.h"
#include "lib/tree/journal.h"
#include "lib/tree/volume.h"
#include "tests/images/read_back.h"
#include "tests/support/manners.h"
#include "tests/support/tool.h"

namespace daxfs::mkfs {
namespace {

namespace fs = std::filesystem;
using test::Outcome;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kUuid = "12345678-9abc-def0-1234-56789abcdef0";

Outcome run(const std::vector<std::string>& args) {
    return test::run_tool(mkfs_tool, args);
}

class Mkfs : public testing::Test {
  protected:
    void SetUp() override {
        unsetenv("SOURCE_DATE_EPOCH");
        folder_ = testing::TempDir() + "mkfs_test_" + std::to_string(getpid());
        fs::create_directory(folder_);
    }
    void TearDown() override {
        unsetenv("SOURCE_DATE_EPOCH");
        fs::remove_all(folder_);
    }

    std::string at(const std::string& name) const { return folder_ + '/' + name; }

    // A file of zeros with `text` at `offset`.
    std::string file_with(const std::string& name, std::uint64_t size_bytes, std::uint64_t offset,
                          const std::string& text) const {
        std::ofstream file(at(name), std::ios::binary);
        file.seekp(static_cast<std::streamoff>(offset)) << text;
        file.close();
        fs::resize_file(at(name), size_bytes);
        return at(name);
    }

    static std::string content(const std::string& path) {
        std::string bytes(fs::file_size(path), '\0');
        std::ifstream(path, std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        return bytes;
    }

    static std::vector<std::string> found_on(const std::string& path) {
        return inspect_contents(Device::open(path, DeviceAccess::kRead).value()).value().found;
    }

    void expect_refused(const std::vector<std::string>& args, const std::string& why) {
        const Outcome ran = run(args);
        EXPECT_EQ(ran.code, kExitFailed);
        EXPECT_EQ(ran.out, "");
        EXPECT_THAT(ran.err, AllOf(testing::StartsWith("mkfs.daxfs: "), HasSubstr(why)));
        EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
    }

    std::string folder_;
};

TEST_F(Mkfs, MakesAFileOfTheGivenSizeWithAFilesystemThatOpens) {
    const Outcome ran = run({at("a"), "1G", "-L", "data", "-U", kUuid});
    EXPECT_EQ(ran.code, kExitDone) << ran.err;
    EXPECT_THAT(ran.out, AllOf(HasSubstr("\"data\""), HasSubstr(kUuid), HasSubstr("4 of 256 MiB"),
                               HasSubstr("huge pages  unknown")));
    const Image image = Image::open(at("a"), Access::kRead).value();
    EXPECT_EQ(image.size_bytes(), 1u << 30);
    const Volume volume = open_volume(image).value();
    EXPECT_STREQ(reinterpret_cast<const char*>(volume.super.label), "data");
    EXPECT_EQ(volume.super.initialised_ags, 1u);
    EXPECT_EQ(resolve_path(volume, "/lost+found").value(), InodeNo{volume.super.root_ino + 1});
    struct stat st {};
    ASSERT_EQ(stat(at("a").c_str(), &st), 0);
    EXPECT_LT(st.st_blocks * 512, 1 << 20);
}

TEST_F(Mkfs, ReportsAsJson) {
    const Outcome ran = run({at("a"), "64M", "--json", "--journals", "2", "--journal-size", "256K", "--reserve", "1M",
                             "--align", "16", "--ag-size", "32M"});
    ASSERT_EQ(ran.code, kExitDone) << ran.err;
    const auto json = nlohmann::json::parse(ran.out);
    EXPECT_EQ(json.at("schema"), "daxfs.mkfs");
    EXPECT_EQ(json.at("version"), 1);
    EXPECT_EQ(json.at("journals"), 2);
    EXPECT_EQ(json.at("journal_blocks"), 64);
    EXPECT_EQ(json.at("reserved_blocks"), 256);
    EXPECT_EQ(json.at("align_blocks"), 16);
    EXPECT_EQ(json.at("ag_blocks"), 8192);
    EXPECT_EQ(json.at("huge_pages").at("answer"), "unknown");
    EXPECT_GT(json.at("bytes_written"), 0);
}

TEST_F(Mkfs, ADryRunWritesNothing) {
    const Outcome made = run({"-n", at("none"), "1G"});
    EXPECT_EQ(made.code, kExitDone);
    EXPECT_THAT(made.out, HasSubstr("would make"));
    EXPECT_FALSE(fs::exists(at("none")));
    const std::string file = file_with("zeros", 16 << 20, 0, "");
    const std::string before = content(file);
    EXPECT_EQ(run({"-n", "-f", file}).code, kExitDone);
    EXPECT_TRUE(content(file) == before);
}

TEST_F(Mkfs, QuietPrintsNothing) {
    const Outcome ran = run({"-q", at("a"), "16M"});
    EXPECT_EQ(ran.code, kExitDone);
    EXPECT_EQ(ran.out + ran.err, "");
}

TEST_F(Mkfs, ExtendsAShorterFileAndLeavesTheRestOfALongerOne) {
    const std::string shorter = file_with("shorter", 4096, 0, "");
    EXPECT_EQ(run({shorter, "32M"}).code, kExitDone);
    EXPECT_EQ(fs::file_size(shorter), 32u << 20);
    const std::string longer = file_with("longer", 32 << 20, (32 << 20) - 5, "tail!");
    EXPECT_EQ(run({longer, "16M"}).code, kExitDone);
    EXPECT_EQ(fs::file_size(longer), 32u << 20);
    EXPECT_EQ(content(longer).substr((32 << 20) - 5), "tail!");
}

TEST_F(Mkfs, BadInputGivesOneLineAndExitOne) {
    expect_refused({at("none")}, at("none") + ": no such file; give a SIZE");
    expect_refused({folder_}, folder_ + ": is a directory");
    expect_refused({"/dev/null"}, "/dev/null: is a character device");
    expect_refused({file_with("empty", 0, 0, "")}, "is empty; give a SIZE");
    expect_refused({file_with("small", 5 << 20, 0, "")}, "5242880 bytes are too small: at least 8 MiB");
    expect_refused({at("none"), "1M"}, "1048576 bytes are too small");
    expect_refused({at("none"), "9223372036854775807"}, "too large: at most 512P");
    expect_refused({at("none"), "9223372036854775808"}, "size \"9223372036854775808\" is too large");
    expect_refused({at("none"), "many"}, "\"many\" is not a size");
    expect_refused({at("none"), "1G", "-U", "123"}, "\"123\" is not a UUID");
    expect_refused({at("none"), "1G", "-L", std::string(64, 'l')}, "longer than 63 bytes");
    expect_refused({at("none"), "1G", "-L", "\xff"}, "not UTF-8");
    expect_refused({at("none"), "1G", "-L", "a\nb"}, "control characters");
    expect_refused({at("none"), "1G", "-L",
                    "a\xc2\x9b"
                    "2J"},
                   "control characters");
    expect_refused({at("no/such/folder"), "1G"}, "cannot create");
    expect_refused({file_with("file", 10, 0, "") + "/below", "1G"}, "Not a directory");
    EXPECT_FALSE(fs::exists(at("none")));
}

TEST_F(Mkfs, AnUnsetVariableOfTheShellFormatsNothing) {
    CLI::App app;
    CommandLine line;
    declare_options(app, line);
    test::expect_empty_values_refused(app, mkfs_tool, kExitFailed);
    const std::string file = file_with("zeros", 16 << 20, 0, "");
    const std::string before = content(file);
    for (const char* option : {"-U", "-L", "--ag-size", "--journals", "--journal-size", "--reserve", "--align"})
        expect_refused({"-f", option, "", file}, "the value is empty");
    expect_refused({"-f", file, ""}, "size: the value is empty");
    EXPECT_TRUE(content(file) == before);
}

TEST_F(Mkfs, MakesOneDocumentOfEveryEnd) {
    test::expect_envelope(run({"--json", "-n", at("none"), "1G"}), "mkfs.daxfs");
    const std::vector<std::string> failing[] = {
        {"--json", at("none")},
        {"--json", "/dev/null"},
        {"--json", at("none"), "1M"},
        {"--json", at("none"), "many"},
        {"--json"},
        {"--json", "--nonsense"},
        {"--json", at("none"), ""},
    };
    for (const auto& args : failing) {
        SCOPED_TRACE(testing::PrintToString(args));
        test::expect_error_document(run(args), "mkfs.daxfs");
    }
}

TEST_F(Mkfs, HasTheMannersOfAllTools) {
    test::expect_manners(mkfs_tool, "mkfs.daxfs", kExitFailed);
}

TEST_F(Mkfs, WrongOptionsExitOneAndPointToHelp) {
    for (const std::vector<std::string>& args :
         {std::vector<std::string>{}, {"--nonsense", "x"}, {at("a"), "1G", "--journals", "x"}, {at("a"), "1G", "2G"}}) {
        const Outcome ran = run(args);
        EXPECT_EQ(ran.code, kExitFailed);
        EXPECT_THAT(ran.err, HasSubstr("--help"));
    }
    EXPECT_FALSE(fs::exists(at("a")));
}

TEST_F(Mkfs, AForeignFilesystemIsOverwrittenOnlyByForceAndThenGone) {
    const std::string swap = file_with("swap", 32 << 20, 4086, "SWAPSPACE2");
    std::fstream(swap, std::ios::in | std::ios::out | std::ios::binary).seekp(1024).write("\1\0\0\0\xff\x1f\0\0", 8);
    // Its signature lies where a new daxfs writes nothing.
    const std::string iso = file_with("iso", 32 << 20, 32768, std::string("\1CD001\1\0", 8));
    for (const std::string& file : {swap, iso}) {
        const std::string before = content(file);
        expect_refused({file}, "-f overwrites");
        expect_refused({"-n", file}, "-f overwrites");
        EXPECT_TRUE(content(file) == before);
        const Outcome forced = run({"-f", file});
        EXPECT_EQ(forced.code, kExitDone) << forced.err;
        EXPECT_THAT(forced.out, HasSubstr("replaces"));
        EXPECT_THAT(found_on(file), testing::ElementsAre("daxfs filesystem"));
    }
}

TEST_F(Mkfs, AnOlderDaxfsIsRecognisedEvenWhenItsSuperblockIsLost) {
    for (const std::string align : {"0", "200"}) {
        const std::string file = at("old" + align);
        ASSERT_EQ(run({file, "64M", "--align", align}).code, kExitDone);
        expect_refused({file}, "found daxfs filesystem on it");
        std::fstream(file, std::ios::in | std::ios::out | std::ios::binary)
            .seekp(0)
            .write(std::string(4096, 'x').data(), 4096);
        expect_refused({file}, "found daxfs filesystem with a damaged superblock on it");
        EXPECT_EQ(run({file, "-f", "--align", "0"}).code, kExitDone);
        EXPECT_THAT(found_on(file), testing::ElementsAre("daxfs filesystem"));
    }
}

TEST_F(Mkfs, SuperblockCopiesOfAnOlderDaxfsAreRemoved) {
    // An older one whose second AG is initialised, so that a copy lies there.
    constexpr std::uint64_t kBytes = 64 << 20;
    {
        fs::resize_file(file_with("old", 0, 0, ""), kBytes);
        Device device = Device::open(at("old"), DeviceAccess::kWrite).value();
        DeviceSink sink(device);
        FormatOptions options{.device_bytes = kBytes, .secrets = {.nonce = 77}};
        FilesystemBuilder builder(plan_filesystem(options).value(), sink);
        ASSERT_TRUE(builder.begin());
        ASSERT_TRUE(builder.add_file(builder.root(), "f", 0, std::vector<FileRun>{{.file_block = 0, .length = 5000}}));
        ASSERT_TRUE(builder.finish());
    }
    const BlockNo copy{4096};
    ASSERT_TRUE(open_volume(Image::open(at("old"), Access::kRead).value(), copy));
    ASSERT_EQ(run({"-f", at("old")}).code, kExitDone);
    // What lies there now is the new one's.
    EXPECT_NE(std::uint64_t{open_volume(Image::open(at("old"), Access::kRead).value(), copy)->super.nonce}, 77u);
}

TEST_F(Mkfs, AFileInUseIsRefusedEvenWithForce) {
    ASSERT_EQ(run({at("a"), "16M"}).code, kExitDone);
    const Device other = Device::open(at("a"), DeviceAccess::kWrite).value();
    expect_refused({"-f", at("a")}, "in use by another program");
}

TEST_F(Mkfs, TheSameUuidAndSourceDateEpochMakeTheSameImage) {
    setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
    ASSERT_EQ(run({"-q", at("a"), "16M", "-U", kUuid}).code, kExitDone);
    ASSERT_EQ(run({"-q", at("b"), "16M", "-U", kUuid}).code, kExitDone);
    EXPECT_TRUE(content(at("a")) == content(at("b")));
    EXPECT_EQ(open_volume(Image::open(at("a"), Access::kRead).value())->super.created_sec, 1700000000u);
    unsetenv("SOURCE_DATE_EPOCH");
    ASSERT_EQ(run({"-q", at("c"), "16M", "-U", kUuid}).code, kExitDone);
    EXPECT_FALSE(content(at("a")) == content(at("c")));
    setenv("SOURCE_DATE_EPOCH", "yesterday", 1);
    expect_refused({at("d"), "16M"}, "SOURCE_DATE_EPOCH is \"yesterday\"");
}

TEST_F(Mkfs, UnderADerivedNonceNoOldTransactionIsLeftInTheJournals) {
    setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
    ASSERT_EQ(run({"-q", at("a"), "16M", "-U", kUuid}).code, kExitDone);
    const std::string fresh = content(at("a"));
    const Geometry geometry = open_volume(Image::open(at("a"), Access::kRead).value())->geometry;
    std::fstream(at("a"), std::ios::in | std::ios::out | std::ios::binary)
        .seekp(static_cast<std::streamoff>((geometry.journal_slot(1).value + 3) * DAXFS_BLOCK_SIZE))
        .write("old transaction", 15);
    ASSERT_EQ(run({"-q", "-f", at("a"), "-U", kUuid}).code, kExitDone);
    EXPECT_TRUE(content(at("a")) == fresh);
}

TEST_F(Mkfs, UnderADerivedNonceNoOldGroupIsCountedOn) {
    setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
    ASSERT_EQ(run({"-q", at("a"), "64M", "--ag-size", "16M", "-U", kUuid}).code, kExitDone);
    const std::string fresh = content(at("a"));
    const Volume volume = open_volume(Image::open(at("a"), Access::kRead).value()).value();
    const BlockNo block = volume.geometry.ag_header(AgNo{1});
    daxfs_ag_header header{};
    header.magic = DAXFS_AG_MAGIC;
    header.block = block.value;
    header.nonce = volume.super.nonce;
    header.agno = 1;
    header.blocks = static_cast<std::uint32_t>(volume.geometry.ag_length(AgNo{1}));
    header.crc = checksum(volume.seed, header);
    std::fstream(at("a"), std::ios::in | std::ios::out | std::ios::binary)
        .seekp(static_cast<std::streamoff>(block.value * DAXFS_BLOCK_SIZE))
        .write(reinterpret_cast<const char*>(&header), sizeof(header));
    ASSERT_EQ(open_volume(Image::open(at("a"), Access::kRead).value())->ags, 2u);
    ASSERT_EQ(run({"-q", "-f", at("a"), "--ag-size", "16M", "-U", kUuid}).code, kExitDone);
    EXPECT_EQ(open_volume(Image::open(at("a"), Access::kRead).value())->ags, 1u);
    EXPECT_TRUE(content(at("a")) == fresh);
}

TEST_F(Mkfs, ManyTebibytesTakeAFewWrites) {
    const Outcome ran = run({at("big"), "15T", "--json"});
    if (ran.code != kExitDone) {
        // Files of that size are beyond some filesystems: then it says so, and leaves nothing behind.
        EXPECT_THAT(ran.err, HasSubstr("cannot set the size"));
        EXPECT_FALSE(fs::exists(at("big")));
        return;
    }
    EXPECT_LT(nlohmann::json::parse(ran.out).at("bytes_written"), 1 << 20);
}

class MkfsFilled : public Mkfs {
  protected:
    void SetUp() override {
        Mkfs::SetUp();
        fs::create_directories(at("tree/d"));
        put("tree/d/f", "hello");
        put("tree/large", large_);
        fs::create_hard_link(at("tree/large"), at("tree/link"));
        fs::create_symlink("d/f", at("tree/s"));
    }

    void put(const std::string& name, const std::string& bytes) const {
        std::ofstream(at(name), std::ios::binary) << bytes;
    }
    // Of the tree, as a shell makes it.
    std::string archive(const std::string& name, const std::string& options = "") const {
        const std::string command = "tar -C " + at("tree") + " " + options + " -cf " + at(name) + " .";
        EXPECT_EQ(std::system(command.c_str()), 0);
        return at(name);
    }
    Outcome make(const std::vector<std::string>& args) const {
        const Outcome ran = run(args);
        EXPECT_EQ(ran.code, kExitDone) << ran.err;
        return ran;
    }
    void expect_tree(const std::string& path) const {
        Image image = Image::open(path, Access::kRead).value();
        EXPECT_EQ(test::problems_of(image), "");
        const test::ReadBack read(image);
        EXPECT_THAT(read.paths(), testing::ElementsAre("d", "d/f", "large", "link", "s"));
        EXPECT_EQ(read.content("d/f"), "hello");
        EXPECT_EQ(read.content("s"), "d/f");
        EXPECT_TRUE(read.content("link") == large_);
        EXPECT_EQ(read.ino("link"), read.ino("large"));
    }

    const std::string large_ = std::string(9 << 20, 'l');
};

TEST_F(MkfsFilled, ANewFileGetsTheSizeOfItsContentAndSomeRoom) {
    const Outcome ran = make({"--rootdir", at("tree"), at("a")});
    EXPECT_THAT(ran.out, HasSubstr("content     2 files, 1 directory, 1 symbolic link, 1 further link, 9 MiB"));
    EXPECT_EQ(ran.err, "");
    expect_tree(at("a"));
    EXPECT_EQ(fs::file_size(at("a")), 14u << 20);
    make({"--shrink", "--rootdir", at("tree"), at("b")});
    expect_tree(at("b"));
    EXPECT_LT(fs::file_size(at("b")), 10u << 20);
}

TEST_F(MkfsFilled, AnArchiveComesFromAFileOrStandardInputPlainOrCompressed) {
    make({"--tar", archive("plain.tar"), at("a")});
    expect_tree(at("a"));
    make({"--tar", archive("packed.tar.gz", "-z"), at("b"), "32M"});
    expect_tree(at("b"));
    EXPECT_EQ(fs::file_size(at("b")), 32u << 20);
    const int before = dup(STDIN_FILENO);
    for (const std::string size : {"", "16M"}) {
        FILE* const pipe = popen(("cat " + at("plain.tar")).c_str(), "r");
        dup2(fileno(pipe), STDIN_FILENO);
        std::vector<std::string> args = {"-f", "--tar", "-", at("c")};
        if (!size.empty())
            args.push_back(size);
        make(args);
        pclose(pipe);
        expect_tree(at("c"));
    }
    dup2(before, STDIN_FILENO);
    close(before);
}

TEST_F(MkfsFilled, LaterArchivesAreLayersOverEarlierOnes) {
    const std::string base = archive("base.tar");
    fs::remove_all(at("tree"));
    fs::create_directories(at("tree/d"));
    put("tree/d/.wh.f", "");
    put("tree/d/g", "new");
    put("tree/.wh.s", "");
    const Outcome ran = make({"--json", "--tar", base, "--tar", archive("top.tar"), at("a")});
    const test::ReadBack read(Image::open(at("a"), Access::kRead).value());
    EXPECT_THAT(read.paths(), testing::ElementsAre("d", "d/g", "large", "link"));
    const auto content = ran.json().at("content");
    EXPECT_EQ(content.at("whiteouts"), 2);
    EXPECT_EQ(content.at("files"), 2);
    EXPECT_EQ(content.at("directories"), 1);
    EXPECT_EQ(content.at("further_links"), 1);
    EXPECT_EQ(content.at("bytes"), (9 << 20) + 3);
}

TEST_F(MkfsFilled, TheSameContentMakesTheSameBytes) {
    setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
    const std::string tar = archive("a.tar");
    for (const auto& [option, value] : {std::pair<std::string, std::string>{"--rootdir", at("tree")}, {"--tar", tar}}) {
        make({"-q", "-U", kUuid, option, value, at("a")});
        // Between the two files of the tree are read, and so their times of reading change.
        EXPECT_EQ(content(at("tree/d/f")), "hello");
        make({"-q", "-U", kUuid, option, value, at("b")});
        EXPECT_TRUE(content(at("a")) == content(at("b"))) << option;
        // And over an older filesystem.
        make({"-q", "-f", "-U", kUuid, option, value, at("a")});
        EXPECT_TRUE(content(at("a")) == content(at("b"))) << option;
        EXPECT_LE(test::ReadBack(Image::open(at("a"), Access::kRead).value()).mtime("d/f"), 1'700'000'000);
        fs::remove(at("a"));
        fs::remove(at("b"));
    }
}

TEST_F(MkfsFilled, WhatDoesNotFitIsSaidBeforeAnythingIsWritten) {
    put("tree/more", std::string(20 << 20, 'm'));
    expect_refused({"--rootdir", at("tree"), at("none"), "16M"},
                   at("none") + ": " + at("tree") + " needs 29.02 MiB, and it has room for 15.47 MiB");
    EXPECT_FALSE(fs::exists(at("none")));
    ASSERT_EQ(run({at("old"), "16M"}).code, kExitDone);
    const std::string before = content(at("old"));
    expect_refused({"-f", "--rootdir", at("tree"), at("old")}, "needs 29.02 MiB");
    EXPECT_TRUE(content(at("old")) == before);
    // An archive is only read to be written: a new file goes again, an older filesystem is not there any more.
    const std::string tar = archive("a.tar");
    expect_refused({"--tar", tar, at("none"), "16M"}, tar + " needs 29.02 MiB");
    EXPECT_FALSE(fs::exists(at("none")));
    expect_refused({"-n", "--tar", tar, at("none"), "16M"}, tar + " needs 29.02 MiB");
    expect_refused({"-f", "--tar", tar, at("old")}, tar + " needs 29.02 MiB");
    EXPECT_THAT(found_on(at("old")), testing::ElementsAre("daxfs filesystem with a damaged superblock"));
}

TEST_F(MkfsFilled, ABrokenArchiveLeavesNoFile) {
    fs::resize_file(archive("a.tar"), 1 << 20);
    expect_refused({"--tar", at("a.tar"), at("none")}, "cannot read the archive");
    expect_refused({"--tar", at("a.tar"), at("none"), "64M"}, "cannot read the archive");
    EXPECT_FALSE(fs::exists(at("none")));
}

TEST_F(MkfsFilled, AnInterruptedRunLeavesNoFile) {
    archive("a.tar");
    ASSERT_EQ(mkfifo(at("pipe").c_str(), 0600), 0);
    std::thread writer([&] {
        const std::string bytes = content(at("a.tar"));
        std::ofstream pipe(at("pipe"), std::ios::binary);
        // More than a pipe holds: it is being read.
        pipe.write(bytes.data(), 2 << 20).flush();
        EXPECT_TRUE(fs::exists(at("none")));
        kill(getpid(), SIGTERM);
        pipe.write(bytes.data() + (2 << 20), static_cast<std::streamsize>(bytes.size() - (2 << 20)));
    });
    std::signal(SIGPIPE, SIG_IGN);
    expect_refused({"--tar", at("pipe"), at("none"), "64M"}, "interrupted");
    writer.join();
    EXPECT_FALSE(fs::exists(at("none")));
}

TEST_F(MkfsFilled, WhatIsLostIsSaidEvenQuietly) {
    ASSERT_EQ(setxattr(at("tree/d/f").c_str(), "user.one", "1", 1, 0), 0);
    const Outcome ran = make({"-q", "--rootdir", at("tree"), at("a")});
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(ran.err,
              "mkfs.daxfs: warning: " + at("a") + ": extended attributes of 1 file are not kept: daxfs has none yet\n");
    const Outcome json = make({"-f", "--json", "--rootdir", at("tree"), at("a")});
    EXPECT_EQ(json.json().at("content").at("lost_xattrs"), 1);
    EXPECT_EQ(json.json().at("content").at("lost_acls"), 0);
}

TEST_F(MkfsFilled, AnImageInItsOwnTreeIsLeftOut) {
    make({"--rootdir", at("tree"), at("tree/image")});
    expect_tree(at("tree/image"));
    make({"-f", "--rootdir", at("tree"), at("tree/image")});
    expect_tree(at("tree/image"));
}

TEST_F(MkfsFilled, AnEmptyFileGetsASizeAndAFilesSizeIsKept) {
    make({"--rootdir", at("tree"), file_with("empty", 0, 0, "")});
    expect_tree(at("empty"));
    make({"--rootdir", at("tree"), file_with("zeros", 32 << 20, 0, "")});
    expect_tree(at("zeros"));
    EXPECT_EQ(fs::file_size(at("zeros")), 32u << 20);
    make({"-f", "--shrink", "--rootdir", at("tree"), at("zeros")});
    expect_tree(at("zeros"));
    EXPECT_LT(fs::file_size(at("zeros")), 10u << 20);
}

TEST_F(MkfsFilled, ADryRunMeasuresAndWritesNothing) {
    const Outcome ran = make({"-n", "--rootdir", at("tree"), at("none")});
    EXPECT_THAT(ran.out, AllOf(HasSubstr("would make"), HasSubstr("2 files"), HasSubstr("14 MiB")));
    EXPECT_FALSE(fs::exists(at("none")));
    EXPECT_THAT(make({"-n", "--tar", archive("a.tar"), at("none"), "16M"}).out, HasSubstr("2 files"));
    EXPECT_FALSE(fs::exists(at("none")));
}

TEST_F(MkfsFilled, OptionsThatDoNotGoTogetherAreRefused) {
    expect_refused({"--rootdir", at("tree"), "--tar", "x", at("none")}, "cannot be given together");
    expect_refused({"--shrink", at("none")}, "--shrink needs --rootdir or --tar");
    expect_refused({"--shrink", "--rootdir", at("tree"), at("none"), "1G"}, "--shrink finds the size");
    expect_refused({"--tar", "-", "--tar", "-", at("none")}, "one archive only");
    expect_refused({"--rootdir", at("nowhere"), at("none")}, at("nowhere") + ": cannot read the directory");
    expect_refused({"--tar", at("nowhere"), at("none")}, at("nowhere") + ": cannot open the archive");
    expect_refused({"--tar", at("tree"), at("none")}, "is a directory, not an archive");
    EXPECT_FALSE(fs::exists(at("none")));
}

TEST_F(Mkfs, EveryOptionHasItsPlaceInTheManual) {
    CLI::App app("", "mkfs.daxfs");
    CommandLine line;
    declare_options(app, line);
    const std::string page = content(DAXFS_SOURCE_DIR "/man/mkfs.daxfs.8");
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_snames())
            EXPECT_THAT(page, HasSubstr(".It Fl " + name + " ,")) << name;
        for (const std::string& name : option->get_lnames())
            EXPECT_THAT(page, HasSubstr("Fl -" + name)) << name;
    }
}

TEST_F(Mkfs, HelpFitsAScreenAndVersionIsPrinted) {
    const Outcome help = run({"--help"});
    EXPECT_EQ(help.code, kExitDone);
    EXPECT_LT(std::count(help.out.begin(), help.out.end(), '\n'), 25);
    const Outcome version = run({"--version"});
    EXPECT_EQ(version.code, kExitDone);
    EXPECT_EQ(version.out, std::string("mkfs.daxfs ") + DAXFS_VERSION + "\n");
}

}  // namespace
}  // namespace daxfs::mkfs

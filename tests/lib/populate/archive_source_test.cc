// SPDX-License-Identifier: GPL-2.0-or-later
// Archives that the test makes block by block, and with tar(1) as it is installed.
#include "lib/populate/archive_source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/lib/populate/filled.h"
#include "tests/lib/populate/tar.h"

namespace daxfs {
namespace {

namespace fs = std::filesystem;
using test::bytes_of;
using test::Filled;
using test::Tar;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Archive : public testing::Test {
  protected:
    void SetUp() override {
        folder_ = testing::TempDir() + "archive_source_test_" + std::to_string(getpid());
        fs::remove_all(folder_);
        fs::create_directory(folder_);
    }
    void TearDown() override { fs::remove_all(folder_); }

    std::string at(const std::string& name) const { return folder_ + '/' + name; }
    void write(const std::string& name, const std::string& content) const {
        fs::create_directories(fs::path(at(name)).parent_path());
        std::ofstream(at(name), std::ios::binary) << content;
    }
    // Each a layer.
    Filled fill(const std::vector<std::string>& archives) const {
        std::vector<ArchiveInput> inputs;
        for (std::size_t i = 0; i < archives.size(); ++i) {
            const std::string name = i == 0 ? "a.tar" : fmt::format("layer{}.tar", i);
            write(name, archives[i]);
            inputs.push_back(ArchiveInput::open(at(name)).value());
        }
        return fill_from(inputs);
    }
    static Filled fill_from(std::vector<ArchiveInput>& inputs) {
        std::vector<ArchiveSource> sources;
        for (const ArchiveInput& input : inputs) {
            auto source = ArchiveSource::open(input);
            if (!source)
                return Filled(source.error().message);
            sources.push_back(*std::move(source));
        }
        std::vector<EntrySource*> pointers;
        for (ArchiveSource& source : sources)
            pointers.push_back(&source);
        return Filled(pointers);
    }
    std::string error_of(const std::string& archive) const {
        const std::string error = fill({archive}).error;
        EXPECT_EQ(error.substr(0, at("a.tar").size() + 2), at("a.tar") + ": ");
        return error.substr(std::min(error.size(), at("a.tar").size() + 2));
    }
    void shell(const std::string& command) const {
        ASSERT_EQ(std::system(("cd " + folder_ + " && " + command).c_str()), 0) << command;
    }

    std::string folder_;
};

TEST_F(Archive, EveryKindOfFileReadsBack) {
    Tar tar;
    tar.add({.name = "./", .type = '5', .mode = 0700});
    tar.add({.name = "d/", .type = '5', .mode = 01777});
    tar.add({.name = "d/f", .mode = 0640, .uid = 1000, .gid = 100, .mtime = 1'234'567'890}, "hello");
    tar.add({.name = "d/link", .type = '1', .target = "d/f"});
    tar.add({.name = "d/s", .type = '2', .target = "../nowhere"});
    tar.add({.name = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3});
    tar.add({.name = "disk", .type = '4', .mode = 0660, .major = 8, .minor = 2});
    tar.add({.name = "fifo", .type = '6'});
    tar.add({.name = "no/parents/here"}, bytes_of(100'000));
    const Filled filled = fill({tar.end()});
    EXPECT_EQ(filled->inode("").mode, S_IFDIR | 0700);
    EXPECT_EQ(filled->inode("d").mode, S_IFDIR | 01777);
    EXPECT_EQ(filled->content("d/f"), "hello");
    EXPECT_EQ(filled->inode("d/f").mode, S_IFREG | 0640);
    EXPECT_EQ(filled->inode("d/f").uid, 1000u);
    EXPECT_EQ(filled->inode("d/f").gid, 100u);
    EXPECT_EQ(filled->inode("d/f").nlink, 2u);
    EXPECT_EQ(filled->mtime("d/f"), 1'234'567'890);
    EXPECT_EQ(filled->content("d/s"), "../nowhere");
    EXPECT_EQ(filled->inode("null").rdev_minor, 3u);
    EXPECT_TRUE(S_ISBLK(filled->inode("disk").mode));
    EXPECT_TRUE(S_ISFIFO(filled->inode("fifo").mode));
    EXPECT_TRUE(filled->content("no/parents/here") == bytes_of(100'000));
}

TEST_F(Archive, PaxHeadersGiveNanosecondsLongNamesAndLargeNumbers) {
    const std::string name = "d/" + std::string(255, 'n');
    Tar tar;
    tar.pax({{"path", name}, {"mtime", "1234567890.123456789"}, {"atime", "5.000000006"}, {"uid", "4000000000"}});
    tar.add({.name = "short"}, "x");
    tar.pax({{"path", "caf\xc3\xa9"}});
    tar.add({.name = "short"}, "utf8");
    tar.add({.name = "latin\xe9"}, "bytes");
    const Filled filled = fill({tar.end()});
    EXPECT_EQ(filled->content(name), "x");
    EXPECT_EQ(filled->inode(name).mtime_nsec, 123'456'789u);
    EXPECT_EQ(filled->inode(name).atime_sec, 5u);
    EXPECT_EQ(filled->inode(name).atime_nsec, 6u);
    EXPECT_EQ(filled->inode(name).uid, 4'000'000'000u);
    EXPECT_EQ(filled->content("caf\xc3\xa9"), "utf8");
    EXPECT_EQ(filled->content("latin\xe9"), "bytes");
}

TEST_F(Archive, AbsoluteNamesAreNamesFromTheRoot) {
    Tar tar;
    tar.add({.name = "/etc/passwd"}, "x");
    tar.add({.name = "/link", .type = '1', .target = "/etc/passwd"});
    const Filled filled = fill({tar.end()});
    EXPECT_THAT(filled->paths(), ElementsAre("etc", "etc/passwd", "link"));
}

TEST_F(Archive, LayersOfAnImageHideWhatTheirWhiteoutsName) {
    Tar base, top;
    for (const char* name : {"bin/a", "bin/b", "etc/x", "etc/y/z", "keep"})
        base.add({.name = name}, "base");
    top.add({.name = "bin/.wh.a"});
    top.add({.name = "etc/.wh..wh..opq"});
    top.add({.name = "etc/new"}, "top");
    top.add({.name = ".wh..wh.plnk", .type = '5'});
    top.add({.name = "keep"}, "top");
    const Filled filled = fill({base.end(), top.end()});
    EXPECT_THAT(filled->paths(), ElementsAre("bin", "bin/b", "etc", "etc/new", "keep"));
    EXPECT_EQ(filled->content("keep"), "top");
    EXPECT_EQ(filled.counts.whiteouts, 2u);
    for (const char* name : {".wh.", "d/.wh..", "d/.wh..."}) {
        Tar odd;
        odd.add({.name = name});
        EXPECT_THAT(error_of(odd.end()), HasSubstr("is a whiteout of no name"));
    }
}

TEST_F(Archive, ExtendedAttributesAndAclsAreCounted) {
    Tar tar;
    tar.pax({{"SCHILY.xattr.user.one", "1"}});
    tar.add({.name = "a"}, "x");
    tar.pax({{"SCHILY.acl.access", "user::rw-,user:joe:r--,group::r--,mask::r--,other::---"}});
    tar.add({.name = "b"}, "x");
    tar.add({.name = "c"}, "x");
    const Filled filled = fill({tar.end()});
    EXPECT_EQ(filled.counts.with_xattrs, 1u);
    EXPECT_EQ(filled.counts.with_acls, 1u);
}

TEST_F(Archive, CompressedArchivesOfTarReadBackWithLinksAndHoles) {
    write("in/d/f", bytes_of(3 << 20));
    fs::create_hard_link(at("in/d/f"), at("in/g"));
    fs::create_symlink("g", at("in/s"));
    write("in/sparse", "start");
    fs::resize_file(at("in/sparse"), 40 << 20);
    std::fstream(at("in/sparse"), std::ios::in | std::ios::out | std::ios::binary).seekp(20 << 20).write("middle", 6);
    for (const std::string how : {"--format=gnu -cS", "--format=posix -cS", "--format=posix -czS", "--format=gnu -cJS",
                                  "--format=posix -cjS", "--format=ustar -c", "--format=v7 -c"}) {
        SCOPED_TRACE(how);
        shell("tar -C in " + how + " -f out.tar .");
        std::vector<ArchiveInput> inputs;
        inputs.push_back(ArchiveInput::open(at("out.tar")).value());
        const Filled filled = fill_from(inputs);
        EXPECT_THAT(filled->paths(), ElementsAre("d", "d/f", "g", "s", "sparse"));
        EXPECT_TRUE(filled->content("g") == bytes_of(3 << 20));
        EXPECT_TRUE(filled->congruent("d/f"));
        EXPECT_EQ(filled->ino("g"), filled->ino("d/f"));
        EXPECT_EQ(filled->inode("sparse").size, 40u << 20);
        EXPECT_EQ(filled->content("sparse").substr(20 << 20, 7), std::string("middle\0", 7));
        if (how.ends_with("S")) {
            EXPECT_LE(filled->inode("sparse").blocks, 64u);
        }
    }
}

TEST_F(Archive, APipeIsReadOnceAndTwiceWhereACopyIsKept) {
    Tar tar;
    tar.add({.name = "f"}, bytes_of(300'000));
    write("a.tar", tar.end());
    ASSERT_EQ(mkfifo(at("pipe").c_str(), 0600), 0);
    for (const bool keep : {false, true}) {
        const int writer = open(at("pipe").c_str(), O_RDWR);
        shell("cat a.tar > pipe &");
        auto input = ArchiveInput::open(at("pipe")).value();
        EXPECT_FALSE(input.can_rewind());
        EXPECT_THAT(input.rewind().error().message, HasSubstr("cannot be read a second time"));
        close(writer);
        if (keep) {
            ASSERT_TRUE(input.keep_copy());
        }
        for (int times = keep ? 2 : 1; times > 0; --times) {
            auto source = ArchiveSource::open(input).value();
            const Filled filled({&source});
            EXPECT_TRUE(filled->content("f") == bytes_of(300'000));
            EXPECT_EQ(input.rewind().has_value(), keep);
        }
    }
}

TEST_F(Archive, WhatIsNoArchiveIsRefused) {
    EXPECT_THAT(error_of("hello, this is a text and no archive"), HasSubstr("cannot read the archive"));
    EXPECT_THAT(error_of(""), HasSubstr("cannot read the archive"));
    EXPECT_THAT(error_of(bytes_of(100'000)), HasSubstr("cannot read the archive"));
    EXPECT_THAT(ArchiveInput::open(at("none")).error().message, HasSubstr("No such file"));
    EXPECT_THAT(ArchiveInput::open(folder_).error().message, HasSubstr("is a directory, not an archive"));
}

TEST_F(Archive, ATruncatedOneIsAnErrorThatSaysWhere) {
    Tar tar;
    tar.add({.name = "first"}, bytes_of(2000));
    tar.add({.name = "second"}, bytes_of(20'000));
    const std::string whole = tar.end();
    EXPECT_THAT(error_of(whole.substr(0, 10'000)), AllOf(HasSubstr("second"), HasSubstr("cannot read the archive")));
    EXPECT_THAT(error_of(whole.substr(0, 512 + 2048 + 100)), HasSubstr("behind first: cannot read the archive"));
    write("in/f", bytes_of(100'000));
    shell("tar -czf out.tar.gz in");
    std::string compressed(fs::file_size(at("out.tar.gz")), '\0');
    std::ifstream(at("out.tar.gz"), std::ios::binary).read(compressed.data(), static_cast<long>(compressed.size()));
    EXPECT_THAT(error_of(compressed.substr(0, compressed.size() / 2)), HasSubstr("cannot read the archive"));
}

TEST_F(Archive, HostileEntriesAreErrorsThatNameThem) {
    const auto error_with = [&](const test::TarEntry& entry, const std::string& data = "") {
        Tar tar;
        tar.add({.name = "before"}, "x");
        tar.add(entry, data);
        return error_of(tar.end());
    };
    EXPECT_THAT(error_with({.name = "../../etc/passwd"}, "x"), HasSubstr("../../etc/passwd: \"..\" cannot be"));
    EXPECT_THAT(error_with({.name = "a/.."}, "x"), HasSubstr("\"..\" cannot be"));
    EXPECT_THAT(error_with({.name = "l", .type = '1', .target = "not/there"}), HasSubstr("which is not there"));
    EXPECT_THAT(error_with({.name = "l", .type = '1', .target = "../before"}), HasSubstr("\"..\" cannot be"));
    EXPECT_THAT(error_with({.name = "before/below"}, "x"), HasSubstr("\"before\" in its path is not a directory"));
    EXPECT_THAT(error_with({.name = "dev", .type = '3', .major = 070000, .minor = 1}), HasSubstr("is too large"));
    EXPECT_THAT(error_with({.name = "dev", .type = '4', .major = 1, .minor = 07777777}), HasSubstr("is too large"));
    EXPECT_THAT(error_with({.name = "f", .uid = -2}, "x"), HasSubstr("belongs to user"));
    // A size that the archive does not have, up to the largest there is.
    for (const char* size : {"100000", "9223372036854775807", "9223372036854775808", "18446744073709551615"}) {
        Tar tar;
        tar.pax({{"size", size}});
        tar.add({.name = "big"}, "x");
        EXPECT_THAT(error_of(tar.end()), testing::Not(HasSubstr("no space"))) << size;
    }
    Tar tar;
    tar.pax({{"path", std::string(300, 'n')}});
    tar.add({.name = "x"}, "x");
    EXPECT_THAT(error_of(tar.end()), HasSubstr("has 300 bytes, more than 255"));
    Tar link;
    link.pax({{"linkpath", std::string(5000, 't')}});
    link.add({.name = "s", .type = '2', .target = "x"});
    EXPECT_THAT(error_of(link.end()), HasSubstr("has 5000 bytes, not 1 to 4095"));
}

// Any byte of an archive wrong: an error, or some filesystem that is clean.
TEST_F(Archive, NoByteThatIsWrongDoesHarm) {
    Tar tar;
    tar.pax({{"path", "d/long"}, {"mtime", "1.5"}});
    tar.add({.name = "x"}, bytes_of(700));
    tar.add({.name = "d/l", .type = '1', .target = "d/long"});
    tar.add({.name = "s", .type = '2', .target = "d"});
    const std::string whole = tar.end();
    unsigned seed = 1;
    for (std::size_t at = 0; at < whole.size(); at += 1 + (seed = seed * 1664525 + 1013904223) % 29) {
        std::string broken = whole;
        broken[at] = static_cast<char>(broken[at] ^ (1 << (seed >> 16) % 8));
        Tar::seal(broken);
        const Filled filled = fill({broken});  // which checks it
        EXPECT_TRUE(filled.error.empty() == filled.read.has_value());
    }
}

}  // namespace
}  // namespace daxfs

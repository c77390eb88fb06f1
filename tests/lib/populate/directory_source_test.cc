// SPDX-License-Identifier: GPL-2.0-or-later
// Directory trees that the test makes, read back from the filesystem.
#include "lib/populate/directory_source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "tests/lib/populate/filled.h"

namespace daxfs {
namespace {

namespace fs = std::filesystem;
using test::bytes_of;
using test::Filled;
using testing::ElementsAre;
using testing::HasSubstr;

class Tree : public testing::Test {
  protected:
    void SetUp() override {
        root_ = testing::TempDir() + "directory_source_test_" + std::to_string(getpid());
        fs::remove_all(root_);
        fs::create_directory(root_);
    }
    void TearDown() override { fs::remove_all(root_); }

    std::string at(const std::string& name) const { return root_ + '/' + name; }
    void write(const std::string& name, const std::string& content) const {
        fs::create_directories(fs::path(at(name)).parent_path());
        std::ofstream(at(name), std::ios::binary) << content;
    }
    Filled fill(DirectorySource::Options options = {}, PopulateOptions populate = {}) const {
        auto source = DirectorySource::open(root_, options);
        EXPECT_TRUE(source);
        return Filled({&*source}, std::move(populate));
    }

    std::string root_;
};

TEST_F(Tree, EveryKindOfFileReadsBackWithWhatStatSays) {
    write("d/f", "hello");
    write("d/g", bytes_of(100'000));
    chmod(at("d/f").c_str(), 04751);
    chmod(at("d/g").c_str(), 0);
    chmod(at("d").c_str(), 03750);
    const timespec times[2] = {{-5, 7}, {1'234'567'890, 123'456'789}};
    utimensat(AT_FDCWD, at("d/f").c_str(), times, 0);
    fs::create_symlink("../nowhere", at("d/s"));
    fs::create_hard_link(at("d/f"), at("link"));
    ASSERT_EQ(mkfifo(at("fifo").c_str(), 0620), 0);
    const int bound = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ASSERT_LT(at("sock").size(), sizeof(address.sun_path));
    at("sock").copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(bound, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    close(bound);
    chmod(root_.c_str(), 0751);

    const Filled filled = fill();
    EXPECT_THAT(filled->paths(), ElementsAre("d", "d/f", "d/g", "d/s", "fifo", "link", "sock"));
    EXPECT_EQ(filled->inode("").mode, S_IFDIR | 0751);
    EXPECT_EQ(filled->content("d/f"), "hello");
    EXPECT_EQ(filled->content("d/s"), "../nowhere");
    EXPECT_TRUE(filled->content("d/g") == bytes_of(100'000));
    EXPECT_EQ(filled->ino("link"), filled->ino("d/f"));
    EXPECT_EQ(filled->mtime("link"), 1'234'567'890);
    EXPECT_EQ(filled->inode("link").mtime_nsec, 123'456'789u);
    EXPECT_EQ(static_cast<std::int64_t>(std::uint64_t{filled->inode("link").atime_sec}), -5);
    for (const std::string& path : filled->paths()) {
        struct stat st {};
        ASSERT_EQ(lstat(at(path).c_str(), &st), 0);
        const daxfs_inode& inode = filled->inode(path);
        EXPECT_EQ(inode.mode, st.st_mode) << path;
        EXPECT_EQ(inode.uid, st.st_uid) << path;
        EXPECT_EQ(inode.gid, st.st_gid) << path;
        EXPECT_EQ(inode.nlink, st.st_nlink) << path;
        EXPECT_EQ(filled->mtime(path), st.st_mtim.tv_sec) << path;
        EXPECT_EQ(inode.mtime_nsec, st.st_mtim.tv_nsec) << path;
    }
    EXPECT_EQ(filled.counts.files, 2u);
    EXPECT_EQ(filled.counts.further_links, 1u);
    EXPECT_EQ(filled.counts.special_files, 2u);
}

TEST_F(Tree, DeviceNodesKeepTheirNumbers) {
    if (mknod(at("null").c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0) {
        // Without the right to make one, the machine's own must do.
        const auto source = DirectorySource::open("/dev", {}).value();
        EXPECT_EQ(source.describe("null"), "/dev/null");
        return;
    }
    ASSERT_EQ(mknod(at("disk").c_str(), S_IFBLK | 0600, makedev(259, 70000)), 0);
    const Filled filled = fill();
    EXPECT_EQ(filled->inode("null").rdev_major, 1u);
    EXPECT_EQ(filled->inode("null").rdev_minor, 3u);
    EXPECT_EQ(filled->inode("disk").rdev_major, 259u);
    EXPECT_EQ(filled->inode("disk").rdev_minor, 70000u);
}

TEST_F(Tree, HolesOfAFileAreHoles) {
    write("f", "start");
    std::fstream(at("f"), std::ios::in | std::ios::out | std::ios::binary).seekp(40 << 20).write("end", 3);
    fs::resize_file(at("f"), 500ull << 20);
    const Filled filled = fill();
    EXPECT_EQ(filled->inode("f").size, 500ull << 20);
    struct stat st {};
    ASSERT_EQ(stat(at("f").c_str(), &st), 0);
    EXPECT_LE(filled->inode("f").blocks, static_cast<std::uint64_t>(st.st_blocks) / 8 + 2);
    EXPECT_LE(filled->inode("f").blocks, 64u);
    const std::string content = filled->content("f").substr(0, 41 << 20);
    EXPECT_EQ(content.substr(0, 5), "start");
    EXPECT_EQ(content.substr(40 << 20, 4), std::string("end\0", 4));
}

TEST_F(Tree, TheSameTreeGivesTheSameBytesHoweverItWasMade) {
    const std::vector<std::string> names = {"b", "a/x", "z", "a/c/d", "a/b", "m"};
    const auto make = [&](std::vector<std::string> order) {
        fs::remove_all(root_);
        fs::create_directory(root_);
        for (const std::string& name : order)
            write(name, bytes_of(3000 + name.size() * 1000));
        const timespec times[2] = {{1000, 0}, {1000, 0}};
        for (const std::string name : {"b", "a/x", "z", "a/c/d", "a/b", "m", "a/c", "a", "."})
            utimensat(AT_FDCWD, at(name).c_str(), times, 0);
        return fill({}, {.latest_sec = test::kCreated}).blocks();
    };
    const test::Blocks once = make(names);
    const test::Blocks again = make({names.rbegin(), names.rend()});
    ASSERT_EQ(once.size(), again.size());
    for (const auto& [number, block] : once)
        ASSERT_EQ(std::memcmp(block.bytes, again.at(number).bytes, DAXFS_BLOCK_SIZE), 0) << number.value;
}

TEST_F(Tree, LengthsAloneTakeTheSameSpace) {
    write("a", bytes_of(3 << 20));
    write("b/c", bytes_of(70'000));
    const Filled content = fill();
    const Filled lengths = fill({.reading = Reading::kLengths});
    for (const std::string& path : content->paths())
        EXPECT_EQ(content->inode(path).blocks, lengths->inode(path).blocks) << path;
}

TEST_F(Tree, TheImageItselfIsLeftOut) {
    write("d/image", "x");
    write("d/other", "x");
    struct stat st {};
    ASSERT_EQ(stat(at("d/image").c_str(), &st), 0);
    const Filled filled = fill({.leave_out = FileIdentity{st.st_dev, st.st_ino}});
    EXPECT_THAT(filled->paths(), ElementsAre("d", "d/other"));
}

TEST_F(Tree, ExtendedAttributesAreCounted) {
    write("a", "x");
    write("b", "x");
    fs::create_directory(at("d"));
    ASSERT_EQ(setxattr(at("a").c_str(), "user.one", "1", 1, 0), 0) << "the test's folder has no extended attributes";
    ASSERT_EQ(setxattr(at("a").c_str(), "user.two", "2", 1, 0), 0);
    ASSERT_EQ(setxattr(at("d").c_str(), "user.one", "1", 1, 0), 0);
    const Filled filled = fill();
    EXPECT_EQ(filled.counts.with_xattrs, 2u);
    EXPECT_EQ(filled.counts.with_acls, 0u);
    // An ACL as setfacl(1) stores it: user::rw-, user:1:r--, group::r--, mask::r--, other::---.
    const auto entry = [](unsigned tag, unsigned perm, std::uint32_t id) {
        std::string bytes(8, '\0');
        bytes[0] = static_cast<char>(tag);
        bytes[2] = static_cast<char>(perm);
        std::memcpy(bytes.data() + 4, &id, sizeof(id));
        return bytes;
    };
    const std::string acl = std::string("\2\0\0\0", 4) + entry(1, 6, ~0u) + entry(2, 4, 1) + entry(4, 4, ~0u) +
                            entry(16, 4, ~0u) + entry(32, 0, ~0u);
    ASSERT_EQ(setxattr(at("b").c_str(), "system.posix_acl_access", acl.data(), acl.size(), 0), 0);
    const Filled with_acl = fill();
    EXPECT_EQ(with_acl.counts.with_xattrs, 2u);
    EXPECT_EQ(with_acl.counts.with_acls, 1u);
}

TEST_F(Tree, ATreeDeeperThanAPathMayBeLongIsReadWithAFewOpenFiles) {
    int directory = open(root_.c_str(), O_RDONLY | O_DIRECTORY);
    const std::string name(200, 'd');
    constexpr int kDepth = 1500;
    for (int i = 0; i < kDepth; ++i) {
        ASSERT_EQ(mkdirat(directory, name.c_str(), 0755), 0);
        const int below = openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY);
        close(directory);
        directory = below;
    }
    close(openat(directory, "bottom", O_CREAT | O_WRONLY, 0644));
    close(directory);
    auto source = DirectorySource::open(root_, {}).value();
    std::uint64_t entries = 0;
    std::string last;
    for (;;) {
        const auto entry = source.next();
        ASSERT_TRUE(entry) << entry.error().message.substr(0, 200);
        if (*entry == nullptr)
            break;
        last = (*entry)->path.substr((*entry)->path.rfind('/') + 1);
        ++entries;
    }
    EXPECT_EQ(entries, kDepth + 2u);
    EXPECT_EQ(last, "bottom");
}

TEST_F(Tree, WhatChangesWhileItIsReadIsAnErrorThatNamesIt) {
    write("a", bytes_of(3 << 20));
    const auto read_all = [&](const std::function<void(int)>& meanwhile) -> std::string {
        auto source = DirectorySource::open(root_, {}).value();
        for (int step = 0;; ++step) {
            const auto entry = source.next();
            if (!entry)
                return entry.error().message;
            if (*entry == nullptr)
                return "";
            meanwhile(step);
            while (S_ISREG((*entry)->type)) {
                const auto piece = source.next_piece();
                if (!piece)
                    return piece.error().message;
                if (!*piece)
                    break;
                meanwhile(100);
            }
        }
    };
    EXPECT_EQ(read_all([](int) {}), "");
    EXPECT_EQ(read_all([&](int step) { step == 100 ? fs::resize_file(at("a"), 1 << 20) : void(); }),
              "changed while it was read: it has fewer than 3145728 bytes now");
    write("a", bytes_of(3 << 20));
    EXPECT_EQ(read_all([&](int step) { step == 100 ? fs::resize_file(at("a"), 4 << 20) : void(); }),
              "changed while it was read");
    EXPECT_THAT(read_all([&](int step) { step == 0 ? static_cast<void>(fs::remove(at("a"))) : void(); }),
                HasSubstr(at("a") + ": changed while it was read: it was there a moment ago"));
    write("d/e/f", "x");
    EXPECT_THAT(read_all([&](int step) {
                    if (step == 1) {
                        fs::rename(at("d"), at("was"));
                        fs::create_symlink("was", at("d"));
                    }
                }),
                HasSubstr(at("d") + ": changed while it was read"));
    EXPECT_THAT(read_all([&](int step) {
                    // It comes to rest below a directory that is not there any more when the walk goes back.
                    if (step == 4) {
                        fs::create_directory(at("x"));
                        fs::rename(at("was/e"), at("x/e"));
                    }
                }),
                HasSubstr("it was moved"));
}

// As another user, because root may read everything; in a process of its own.
TEST_F(Tree, WhatMayNotBeReadIsAnErrorThatNamesIt) {
    write("d/secret", "x");
    fs::create_directory(at("hidden"));
    fs::create_directory(at("d/sub"));
    const auto error_for_nobody = [&]() -> std::string {
        std::array<int, 2> ends;
        EXPECT_EQ(pipe(ends.data()), 0);
        const pid_t child = fork();
        if (child == 0) {
            if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
                _exit(1);
            auto source = DirectorySource::open(root_, {});
            std::string message;
            while (source) {
                const auto entry = source->next();
                if (!entry)
                    message = entry.error().message;
                if (!entry || *entry == nullptr)
                    break;
            }
            _exit(::write(ends[1], message.data(), message.size()) < 0 ? 1 : 0);
        }
        close(ends[1]);
        std::string text(4096, '\0');
        text.resize(static_cast<std::size_t>(std::max<ssize_t>(read(ends[0], text.data(), text.size()), 0)));
        close(ends[0]);
        int status = 0;
        waitpid(child, &status, 0);
        return text;
    };
    chmod(at("d/secret").c_str(), 0);
    EXPECT_EQ(error_for_nobody(), at("d/secret") + ": cannot open: Permission denied");
    chmod(at("d/secret").c_str(), 0644);
    chmod(at("hidden").c_str(), 0);
    EXPECT_EQ(error_for_nobody(), at("hidden") + ": cannot read the directory: Permission denied");
    chmod(at("hidden").c_str(), 0755);
    EXPECT_EQ(error_for_nobody(), "");
}

// In a mount namespace of its own, where one may be had.
TEST_F(Tree, WhatIsMountedBelowIsLeftOutAndCounted) {
    write("d/f", "x");
    write("loop/g", "x");
    const pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            mount(root_.c_str(), at("loop").c_str(), nullptr, MS_BIND, nullptr) != 0)
            _exit(77);
        auto source = DirectorySource::open(root_ + "//", {}).value();
        std::string paths;
        for (auto entry = source.next(); entry && *entry != nullptr; entry = source.next())
            paths += (*entry)->path + ' ';
        _exit(paths == " d d/f loop " && source.mounts_left_out() == 1 ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_THAT(WEXITSTATUS(status), testing::AnyOf(0, 77));
}

TEST_F(Tree, WhatIsNoDirectoryIsRefused) {
    write("f", "x");
    EXPECT_EQ(DirectorySource::open(at("f"), {}).error().message,
              at("f") + ": cannot read the directory: Not a directory");
    EXPECT_EQ(DirectorySource::open(at("none"), {}).error().message,
              at("none") + ": cannot read the directory: No such file or directory");
}

}  // namespace
}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// File handles, as a server of the network uses them: what they open, and when they are stale.
//
//   handles DIR    in an empty directory of the filesystem, which one of the tests fills
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "expect.h"

namespace {

std::string at;  // the directory to work in, with a slash
int mount_fd = -1;

// struct file_handle ends in an array of bytes: kept in memory of its own.
class Handle {
  public:
    explicit Handle(const std::string& name) : bytes_(sizeof(file_handle) + MAX_HANDLE_SZ) {
        int mount_id = 0;
        get()->handle_bytes = MAX_HANDLE_SZ;
        MUST(name_to_handle_at(AT_FDCWD, (at + name).c_str(), get(), &mount_id, 0));
    }
    int open(int flags) { return open_by_handle_at(mount_fd, get(), flags | O_CLOEXEC); }

  private:
    file_handle* get() { return reinterpret_cast<file_handle*>(bytes_.data()); }
    std::vector<char> bytes_;
};

// Inodes and names that nobody uses leave memory.
void forget() {
    sync();
    const int fd = MUST(open("/proc/sys/vm/drop_caches", O_WRONLY));
    EXPECT(MUST(write(fd, "3", 1)) == 1);
    close(fd);
}

int create(const std::string& name) {
    const int fd = MUST(open((at + name).c_str(), O_CREAT | O_EXCL | O_RDWR, 0644));
    EXPECT(MUST(write(fd, name.data(), name.size())) == static_cast<ssize_t>(name.size()));
    return fd;
}

void expect_opens(Handle& handle, const std::string& content, nlink_t links) {
    const int fd = MUST(handle.open(O_RDWR));
    struct stat status {};
    MUST(fstat(fd, &status));
    EXPECT(status.st_nlink == links);
    std::string got(content.size() + 1, '\0');
    got.resize(static_cast<std::size_t>(MUST(pread(fd, got.data(), got.size(), 0))));
    EXPECT(got == content);
    close(fd);
}

void test_named() {
    MUST(mkdir((at + "dir").c_str(), 0755));
    close(create("dir/file"));
    Handle file("dir/file"), dir("dir");
    forget();
    expect_opens(file, "dir/file", 1);
    close(MUST(dir.open(O_RDONLY | O_DIRECTORY)));
    MUST(rename((at + "dir/file").c_str(), (at + "moved").c_str()));
    forget();
    expect_opens(file, "dir/file", 1);
    MUST(unlink((at + "moved").c_str()));
    MUST(rmdir((at + "dir").c_str()));
    MUST_FAIL(file.open(O_RDONLY), ESTALE);
    MUST_FAIL(dir.open(O_RDONLY), ESTALE);
}

// Good until its last user closes it, also where a handle made him one.
void test_unlinked_but_open() {
    const int fd = create("open");
    Handle handle("open");
    MUST(unlink((at + "open").c_str()));
    forget();
    expect_opens(handle, "open", 0);
    const int second = MUST(handle.open(O_RDWR));
    close(fd);
    forget();
    expect_opens(handle, "open", 0);
    close(second);
    MUST_FAIL(handle.open(O_RDONLY), ESTALE);
    forget();
    MUST_FAIL(handle.open(O_RDONLY), ESTALE);
}

// The next file gets the number of the last one, but is not it.
void test_number_used_again() {
    struct stat before {
    }, after{};
    int fd = create("old");
    MUST(fstat(fd, &before));
    close(fd);
    Handle handle("old");
    MUST(unlink((at + "old").c_str()));
    fd = create("new");
    MUST(fstat(fd, &after));
    EXPECT(before.st_ino == after.st_ino);
    MUST_FAIL(handle.open(O_RDONLY), ESTALE);
    close(fd);
    MUST(unlink((at + "new").c_str()));
}

// Whose block of inodes has become data of another file, made of what was there before.
void test_given_back() {
    constexpr int kFiles = 400;
    std::vector<Handle> handles;
    std::vector<std::string> names;
    for (int i = 0; i < kFiles; ++i) {
        names.push_back("given" + std::to_string(i));
        close(create(names.back()));
        handles.emplace_back(names.back());
    }
    for (const auto& name : names)
        MUST(unlink((at + name).c_str()));
    const int fd = create("data");
    const std::vector<char> data(1 << 20, 0x5a);
    while (write(fd, data.data(), data.size()) > 0) {
    }
    EXPECT(errno == ENOSPC);
    forget();
    for (auto& handle : handles)
        MUST_FAIL(handle.open(O_RDONLY), ESTALE);
    close(fd);
    MUST(unlink((at + "data").c_str()));
}

}  // namespace

int main(int argc, char** argv) {
    EXPECT(argc == 2);
    at = std::string(argv[1]) + "/";
    mount_fd = MUST(open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    test_named();
    test_unlinked_but_open();
    test_number_used_again();
    test_given_back();
    return 0;
}

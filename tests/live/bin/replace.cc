// SPDX-License-Identifier: GPL-2.0-or-later
// Files that are replaced without fsync(2).
//
//   replace before DIR   makes files, synced; then replaces them in every way; then the caller cuts the power
//   replace after DIR    every one of them must hold what replaced it, whole
#include "tests/live/bin/check.h"

#include <linux/fs.h>
#include <sys/syscall.h>

namespace {

constexpr std::size_t kBytes = 3 * kPage + 1000;

std::vector<std::uint8_t> contents(std::uint8_t seed) {
    std::vector<std::uint8_t> data(kBytes);
    for (std::size_t i = 0; i < data.size(); ++i)
        data[i] = static_cast<std::uint8_t>(i * 7 + seed);
    return data;
}

void write_new(int fd) {
    const auto data = contents(2);
    write_all(fd, data.data(), data.size(), 0);
}

void write_file(const std::string& path, int flags, std::uint8_t seed) {
    const int fd = open_file(path.c_str(), flags);
    const auto data = contents(seed);
    write_all(fd, data.data(), data.size(), 0);
    close(fd);
}

void rename_to(const std::string& from, const std::string& to, unsigned flags = 0) {
    expect(syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0, "rename to " + to);
}

void by_rename(const std::string& path) {
    write_file(path + ".new", O_EXCL, 2);
    rename_to(path + ".new", path);
}

void by_rename_while_open(const std::string& path) {
    const int fd = open_file((path + ".new").c_str(), O_EXCL);
    write_new(fd);
    rename_to(path + ".new", path);
    close(fd);
}

void by_rename_from_elsewhere(const std::string& path) {
    const std::string dir = path + ".dir";
    expect(mkdir(dir.c_str(), 0755) == 0, "mkdir " + dir);
    write_file(dir + "/new", O_EXCL, 2);
    rename_to(dir + "/new", path);
}

void by_exchange(const std::string& path) {
    write_file(path + ".new", O_EXCL, 2);
    rename_to(path + ".new", path, RENAME_EXCHANGE);
    expect(unlink((path + ".new").c_str()) == 0, "unlink");
}

void by_exchange_the_other_way(const std::string& path) {
    write_file(path + ".new", O_EXCL, 2);
    rename_to(path, path + ".new", RENAME_EXCHANGE);
    expect(unlink((path + ".new").c_str()) == 0, "unlink");
}

void by_open_truncate(const std::string& path) {
    write_file(path, O_TRUNC, 2);
}

void by_ftruncate(const std::string& path) {
    const int fd = open_file(path.c_str());
    expect(ftruncate(fd, 0) == 0, "ftruncate");
    write_new(fd);
    close(fd);
}

void by_truncate_before_open(const std::string& path) {
    expect(truncate(path.c_str(), 0) == 0, "truncate");
    write_file(path, 0, 2);
}

void by_last_of_two(const std::string& path) {
    const int first = open_file(path.c_str(), O_TRUNC);
    const int second = open_file(path.c_str());
    close(first);
    write_new(second);
    close(second);
}

void by_dirty_truncate(const std::string& path) {
    const int fd = open_file(path.c_str(), O_TRUNC);
    write_new(fd);
    expect(ftruncate(fd, 0) == 0, "ftruncate");
    write_new(fd);
    close(fd);
}

struct Way {
    const char* name;
    void (*replace)(const std::string& path);
};

constexpr Way kWays[] = {
    {"rename", by_rename},
    {"rename-open", by_rename_while_open},
    {"rename-elsewhere", by_rename_from_elsewhere},
    {"exchange", by_exchange},
    {"exchange-back", by_exchange_the_other_way},
    {"open-truncate", by_open_truncate},
    {"ftruncate", by_ftruncate},
    {"truncate", by_truncate_before_open},
    {"last-of-two", by_last_of_two},
    {"dirty-truncate", by_dirty_truncate},
};

void before(const std::string& dir) {
    for (const Way& way : kWays)
        write_file(dir + "/" + way.name, O_EXCL, 1);
    sync();
    for (const Way& way : kWays)
        way.replace(dir + "/" + way.name);
}

int after(const std::string& dir) {
    const auto wanted = contents(2);
    int lost = 0;
    for (const Way& way : kWays) {
        const int fd = open_file((dir + "/" + way.name).c_str());
        const auto size = static_cast<std::size_t>(size_of(fd));
        const bool whole = size == kBytes && read_all(fd, size, 0) == wanted;
        if (!whole)
            std::printf("FAIL: %s: %zu bytes, not the new content\n", way.name, size);
        lost += whole ? 0 : 1;
        close(fd);
    }
    return lost == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string mode = argc == 3 ? argv[1] : "";
    if (mode == "before") {
        before(argv[2]);
        return 0;
    }
    return mode == "after" ? after(argv[2]) : 2;
}

// SPDX-License-Identifier: GPL-2.0-or-later
// Empty files by the thousand.
//
//   inodes create DIRECTORY FIRST COUNT    files of the numbers FIRST ..
//   inodes remove DIRECTORY FIRST COUNT
//   inodes fill DIRECTORY                  until there is no space; prints how many
//   inodes first DIRECTORY NUMBER          how long the creation of this one takes, in ns
#include <chrono>

#include "check.h"

namespace {

class Directory {
  public:
    explicit Directory(const char* path) : fd_(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        expect(fd_ >= 0, path);
    }

    bool create(unsigned long number) const { return mknodat(fd_, name(number).c_str(), S_IFREG | 0600, 0) == 0; }
    bool remove(unsigned long number) const { return unlinkat(fd_, name(number).c_str(), 0) == 0; }

  private:
    static std::string name(unsigned long number) { return "f" + std::to_string(number); }

    int fd_;
};

void create(const Directory& directory, unsigned long first, unsigned long count) {
    for (unsigned long i = first; i < first + count; ++i)
        expect(directory.create(i), "create file " + std::to_string(i));
}

void remove(const Directory& directory, unsigned long first, unsigned long count) {
    for (unsigned long i = first; i < first + count; ++i)
        expect(directory.remove(i), "remove file " + std::to_string(i));
}

void fill(const Directory& directory) {
    unsigned long count = 0;
    while (directory.create(count))
        ++count;
    expect(errno == ENOSPC, "create until there is no space");
    std::printf("%lu\n", count);
}

void first(const Directory& directory, unsigned long number) {
    // What a new process pays for its first calls is not the filesystem's.
    const Directory elsewhere("/tmp");
    create(elsewhere, 0, 20);
    remove(elsewhere, 0, 20);
    const auto start = std::chrono::steady_clock::now();
    create(directory, number, 1);
    const auto end = std::chrono::steady_clock::now();
    std::printf("%lu\n", static_cast<unsigned long>(std::chrono::nanoseconds(end - start).count()));
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 2 ? argv[1] : "";
    if (what == "fill" && argc == 3)
        fill(Directory(argv[2]));
    else if (what == "create" && argc == 5)
        create(Directory(argv[2]), std::stoul(argv[3]), std::stoul(argv[4]));
    else if (what == "remove" && argc == 5)
        remove(Directory(argv[2]), std::stoul(argv[3]), std::stoul(argv[4]));
    else if (what == "first" && argc == 4)
        first(Directory(argv[2]), std::stoul(argv[3]));
    else
        fail("usage: inodes create|remove DIRECTORY FIRST COUNT, inodes fill DIRECTORY, inodes first DIRECTORY NUMBER");
}

// SPDX-License-Identifier: GPL-2.0-or-later
// Empty files by the thousand.
//
//   inodes create DIRECTORY FIRST COUNT    files of the numbers FIRST ..
//   inodes remove DIRECTORY FIRST COUNT
//   inodes fill DIRECTORY                  until there is no space; prints how many
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

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 2 ? argv[1] : "";
    if (what == "fill" && argc == 3)
        fill(Directory(argv[2]));
    else if (what == "create" && argc == 5)
        create(Directory(argv[2]), std::stoul(argv[3]), std::stoul(argv[4]));
    else if (what == "remove" && argc == 5)
        remove(Directory(argv[2]), std::stoul(argv[3]), std::stoul(argv[4]));
    else
        fail("usage: inodes create|remove DIRECTORY FIRST COUNT, inodes fill DIRECTORY");
}

// SPDX-License-Identifier: GPL-2.0-or-later
// The per-inode DAX flag and what statx() says.
//
//   dax_flag set|clear FILE...   the flag, by FS_IOC_FSSETXATTR
//   dax_flag show FILE...        "flag" or "-", "dax" or "-", and the alignment of direct I/O, one file a line
//   dax_flag while-open FILE     a change of the flag waits until nobody has the file open
#include "tests/live/bin/check.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <linux/stat.h>

namespace {

void set_flag(int fd, bool on) {
    fsxattr attributes{};
    expect(ioctl(fd, FS_IOC_FSGETXATTR, &attributes) == 0, "FS_IOC_FSGETXATTR");
    attributes.fsx_xflags = on ? attributes.fsx_xflags | FS_XFLAG_DAX : attributes.fsx_xflags & ~FS_XFLAG_DAX;
    expect(ioctl(fd, FS_IOC_FSSETXATTR, &attributes) == 0, "FS_IOC_FSSETXATTR");
}

bool flag_of(int fd) {
    fsxattr attributes{};
    expect(ioctl(fd, FS_IOC_FSGETXATTR, &attributes) == 0, "FS_IOC_FSGETXATTR");
    return (attributes.fsx_xflags & FS_XFLAG_DAX) != 0;
}

// The members of struct statx that the C library of the build may be too old for lie at fixed places.
struct Statx {
    struct ::statx fixed;
    std::uint32_t at(std::size_t offset) const {
        std::uint32_t value = 0;
        std::memcpy(&value, reinterpret_cast<const char*>(&fixed) + offset, sizeof value);
        return value;
    }
    bool dax() const { return (fixed.stx_attributes & 0x00200000u) != 0; }
    std::uint32_t memory_align() const { return at(0x98); }
    std::uint32_t offset_align() const { return at(0x9c); }
};

Statx statx_of(int fd) {
    Statx result{};
    constexpr unsigned kBasicAndDioalign = 0x7ffu | 0x2000u;
    expect(syscall(SYS_statx, fd, "", 0x1000, kBasicAndDioalign, &result.fixed) == 0, "statx");
    return result;
}

int open_any(const char* path) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    expect(fd >= 0, std::string("open ") + path);
    return fd;
}

void show(const char* path) {
    const int fd = open_any(path);
    const Statx statx = statx_of(fd);
    std::printf("%s %s %u %u\n", flag_of(fd) ? "flag" : "-", statx.dax() ? "dax" : "-", statx.memory_align(),
                statx.offset_align());
    close(fd);
}

void while_open(const char* path) {
    int fd = open_file(path);
    const bool before = statx_of(fd).dax();
    set_flag(fd, !before);
    expect(flag_of(fd) == !before, "the flag is not what was set");
    expect(statx_of(fd).dax() == before, "the way of access changed under an open file");
    const int second = open_any(path);
    expect(statx_of(second).dax() == before, "the way of access changed for the second descriptor of an open file");
    void* map = mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, 0);
    expect(map != MAP_FAILED, "mmap");
    close(fd);
    close(second);
    fd = open_any(path);
    expect(statx_of(fd).dax() == before, "the way of access changed under a mapping");
    munmap(map, kPage);
    close(fd);
    fd = open_any(path);
    expect(statx_of(fd).dax() == !before, "the way of access did not change after the last close");
    close(fd);
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc >= 3, "usage: dax_flag set|clear|show|while-open FILE...");
    const std::string command = argv[1];
    for (int i = 2; i < argc; ++i) {
        if (command == "show") {
            show(argv[i]);
        } else if (command == "while-open") {
            while_open(argv[i]);
        } else {
            const int fd = open_any(argv[i]);
            set_flag(fd, command == "set");
            close(fd);
        }
    }
}

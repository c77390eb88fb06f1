// SPDX-License-Identifier: GPL-2.0-or-later
// identity DIRECTORY: the filesystem's UUID as FS_IOC_GETFSUUID says, its folder in /sys/fs as FS_IOC_GETFSSYSFSPATH
// does, or "-" where the kernel does not know that call, and its label.
#include "tests/live/bin/check.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

namespace {

struct Uuid {
    std::uint8_t length;
    std::uint8_t bytes[16];
};

struct SysfsPath {
    std::uint8_t length;
    char name[128];
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2)
        return 2;
    const int fd = open(argv[1], O_RDONLY);
    Uuid uuid{};
    expect(fd >= 0 && ioctl(fd, _IOR(0x15, 0, Uuid), &uuid) == 0, "FS_IOC_GETFSUUID");
    expect(uuid.length == sizeof(uuid.bytes), "length of the UUID");
    for (std::size_t i = 0; i < sizeof(uuid.bytes); ++i)
        std::printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid.bytes[i]);
    SysfsPath path{};
    const bool known = ioctl(fd, _IOR(0x15, 1, SysfsPath), &path) == 0;
    expect(known || errno == ENOTTY, "FS_IOC_GETFSSYSFSPATH");
    char label[FSLABEL_MAX]{};
    expect(ioctl(fd, FS_IOC_GETFSLABEL, label) == 0, "FS_IOC_GETFSLABEL");
    std::printf(" %s %s\n", known ? path.name : "-", label);
    return 0;
}

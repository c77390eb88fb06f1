// SPDX-License-Identifier: GPL-2.0-or-later
// shutdown DIRECTORY: the filesystem takes no further change, as if the power were cut now.
#include <fcntl.h>
#include <sys/ioctl.h>

#include <cstdint>
#include <cstdio>

namespace {

constexpr std::uint32_t kNoLogFlush = 2;

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2)
        return 2;
    const int fd = open(argv[1], O_RDONLY);
    std::uint32_t how = kNoLogFlush;
    if (fd < 0 || ioctl(fd, _IOR('X', 125, std::uint32_t), &how) != 0) {
        std::perror(argv[1]);
        return 1;
    }
    return 0;
}

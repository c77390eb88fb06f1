// SPDX-License-Identifier: GPL-2.0-or-later
// scatter FILE N: a file of N extents, each of one block behind a hole of one block.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: scatter FILE N\n");
        return 2;
    }
    const int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0) {
        std::perror(argv[1]);
        return 1;
    }
    const long extents = std::strtol(argv[2], nullptr, 10);
    for (long n = 0; n < extents; ++n) {
        if (pwrite(fd, &n, sizeof n, n * 2 * 4096) != sizeof n) {
            std::perror("pwrite");
            return 1;
        }
    }
    return close(fd) == 0 ? 0 : 1;
}

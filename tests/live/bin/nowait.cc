// SPDX-License-Identifier: GPL-2.0-or-later
// nowait FILE: RWF_NOWAIT is refused for reads and writes, buffered and direct, and nothing is written.
#include "tests/live/bin/check.h"

#include <sys/uio.h>

int main(int argc, char** argv) {
    if (argc != 2)
        return 2;
    void* memory = nullptr;
    expect(posix_memalign(&memory, kPage, kPage) == 0, "memory");
    std::memset(memory, 1, kPage);
    const iovec part{memory, kPage};
    for (const int flags : {0, O_DIRECT}) {
        const int fd = open_file(argv[1], flags);
        expect(pwritev(fd, &part, 1, 0) == kPage, "pwritev");
        expect(preadv2(fd, &part, 1, 0, RWF_NOWAIT) == -1 && errno == EOPNOTSUPP, "preadv2 with RWF_NOWAIT");
        expect(pwritev2(fd, &part, 1, kPage, RWF_NOWAIT) == -1 && errno == EOPNOTSUPP, "pwritev2 with RWF_NOWAIT");
        expect(size_of(fd) == kPage, "size");
        close(fd);
    }
    return 0;
}

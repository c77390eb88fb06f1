// SPDX-License-Identifier: GPL-2.0-or-later
// Maps part of a file and touches it, one byte a step: faults whose number, size and kind a test can foretell.
//
//   touch_map FILE MODE OFFSET LENGTH STEP [SKEW]
//
// MODE: r reads or w writes; p a private mapping, s MAP_SYNC; m msync() at the end; n MADV_NOHUGEPAGE; t does it
// twice, first through another mapping with MADV_NOHUGEPAGE, which stays. The mapping
// starts SKEW bytes after a 2 MiB boundary; without SKEW that is the place which is congruent with OFFSET.
#include <fcntl.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

constexpr std::size_t kHuge = std::size_t{2} << 20;

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

char* map(int fd, const std::string& mode, std::size_t offset, std::size_t length, std::size_t skew) {
    void* area = mmap(nullptr, length + 2 * kHuge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (area == MAP_FAILED)
        die("mmap");
    char* at = static_cast<char*>(area) + (kHuge - reinterpret_cast<std::uintptr_t>(area) % kHuge) + skew;
    int flags = MAP_FIXED;
    if (mode.find('p') != std::string::npos)
        flags |= MAP_PRIVATE;
    else if (mode.find('s') != std::string::npos)
        flags |= MAP_SHARED_VALIDATE | MAP_SYNC;
    else
        flags |= MAP_SHARED;
    void* mapped = mmap(at, length, PROT_READ | PROT_WRITE, flags, fd, static_cast<off_t>(offset));
    if (mapped == MAP_FAILED)
        die("mmap");
    if (mode.find('n') != std::string::npos && madvise(mapped, length, MADV_NOHUGEPAGE) != 0)
        die("madvise");
    return static_cast<char*>(mapped);
}

void touch(volatile char* bytes, std::size_t length, std::size_t step, bool write) {
    for (std::size_t at = 0; at < length; at += step) {
        if (write)
            bytes[at] = 1;
        else
            static_cast<void>(bytes[at]);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 6 || argc > 7) {
        std::fprintf(stderr, "usage: touch_map FILE MODE OFFSET LENGTH STEP [SKEW]\n");
        return 2;
    }
    const std::string mode = argv[2];
    const std::size_t offset = std::strtoull(argv[3], nullptr, 0);
    const std::size_t length = std::strtoull(argv[4], nullptr, 0);
    const std::size_t step = std::strtoull(argv[5], nullptr, 0);
    const std::size_t skew = argc == 7 ? std::strtoull(argv[6], nullptr, 0) : offset % kHuge;
    if (step == 0 || length == 0)
        return 2;
    const int fd = open(argv[1], O_RDWR);
    if (fd < 0)
        die(argv[1]);
    if (mode.find('t') != std::string::npos)
        touch(map(fd, mode + 'n', offset, length, skew), length, step, true);
    char* bytes = map(fd, mode, offset, length, skew);
    touch(bytes, length, step, mode.find('w') != std::string::npos);
    if (mode.find('m') != std::string::npos && msync(bytes, length, MS_SYNC) != 0)
        die("msync");
    return 0;
}

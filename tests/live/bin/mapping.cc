// SPDX-License-Identifier: GPL-2.0-or-later
// What a mapping of a file does, one case a call.
//
//   mapping store FILE MEGABYTES       stores into a new sparse file, mapped 2 MiB aligned, a byte a page
//   mapping load FILE                  loads a byte a page of a file as it is, mapped 2 MiB aligned
//   mapping sync FILE                  MAP_SYNC
//   mapping source FILE                write(2) whose source is a mapping of the file it writes to
//   mapping hole FILE                  a mapped hole shows what write(2) puts there
//   mapping private FILE               a private mapping takes copies
//   mapping times FILE                 a store moves mtime
#include "tests/live/bin/check.h"

#include <sys/uio.h>

namespace {

int store(const char* path, std::size_t bytes) {
    const int fd = open_file(path, O_TRUNC);
    expect(ftruncate(fd, static_cast<off_t>(bytes)) == 0, "ftruncate");
    std::uint8_t* map = map_file(fd, bytes, 0, true);
    for (std::size_t at = 0; at < bytes; at += kPage)
        map[at] = static_cast<std::uint8_t>(at / kPage + 1);
    expect(msync(map, bytes, MS_SYNC) == 0, "msync");
    expect(munmap(map, bytes) == 0, "munmap");
    const auto got = read_all(fd, bytes, 0);
    for (std::size_t at = 0; at < bytes; ++at)
        expect(got[at] == (at % kPage == 0 ? static_cast<std::uint8_t>(at / kPage + 1) : 0), "stored bytes differ");
    return 0;
}

int load(const char* path) {
    const int fd = open_file(path);
    const auto bytes = static_cast<std::size_t>(size_of(fd));
    const std::uint8_t* map = map_file(fd, bytes, 0, true);
    unsigned sum = 0;
    for (std::size_t at = 0; at < bytes; at += kPage)
        sum += map[at];
    std::printf("%u\n", sum);
    return 0;
}

int sync(const char* path) {
    const int fd = open_file(path, O_TRUNC);
    expect(ftruncate(fd, kHuge + 3 * kPage) == 0, "ftruncate");
    std::uint8_t* map = map_file(fd, kHuge + 3 * kPage, 0, true, MAP_SHARED_VALIDATE | MAP_SYNC);
    std::memset(map, 0x5a, kHuge + 2 * kPage);
    expect(munmap(map, kHuge + 3 * kPage) == 0, "munmap");
    const auto got = read_all(fd, kHuge + 3 * kPage, 0);
    expect(got[kHuge + kPage] == 0x5a && got[kHuge + 2 * kPage] == 0, "stored bytes differ");
    return 0;
}

// Copies forward over itself: from written blocks and from holes, into holes and into its own source.
int source(const char* path) {
    constexpr std::size_t kBytes = 3 * kHuge;
    const int fd = open_file(path, O_TRUNC);
    expect(ftruncate(fd, kBytes) == 0, "ftruncate");
    std::vector<std::uint8_t> wanted(kBytes);
    for (std::size_t at = kHuge / 2; at < kHuge; ++at)
        wanted[at] = static_cast<std::uint8_t>(1 + at % 253);
    write_all(fd, &wanted[kHuge / 2], kHuge / 2, kHuge / 2);
    std::uint8_t* map = map_file(fd, kBytes, 0, true);

    // Both ranges begin as holes, and neither was touched through the mapping yet.
    write_all(fd, map + 100, kHuge + 5000, kHuge + 300);
    std::memcpy(&wanted[kHuge + 300], &wanted[100], kHuge + 5000);
    expect(read_all(fd, kBytes, 0) == wanted, "bytes differ after a write from the file's own mapping");
    expect(std::memcmp(map, wanted.data(), kBytes) == 0, "the mapping differs from the file");

    // The very same pages.
    write_all(fd, map + 7 * kPage, 3 * kPage, 7 * kPage);
    expect(read_all(fd, kBytes, 0) == wanted, "bytes differ after a write of pages to themselves");

    // From a hole to itself: the source pages appear while they are copied.
    expect(ftruncate(fd, 5 * kHuge) == 0, "ftruncate");
    std::uint8_t* tail = map_file(fd, kHuge, 4 * kHuge, true);
    write_all(fd, tail, kHuge, 4 * kHuge);
    expect(read_all(fd, kHuge, 4 * kHuge) == std::vector<std::uint8_t>(kHuge), "a hole written to itself is not zeros");

    // A source of which only the beginning can be read gives a short write.
    std::uint8_t* cut = map_file(fd, 4 * kPage, 0, false);
    expect(munmap(cut + 2 * kPage, 2 * kPage) == 0, "munmap");
    const ssize_t done = pwrite(fd, cut, 4 * kPage, 5 * kHuge);
    expect(done == static_cast<ssize_t>(2 * kPage) || done > 0, "a write from a source that ends");
    expect(size_of(fd) == static_cast<off_t>(5 * kHuge) + done, "the size counts bytes that were not written");
    expect(pwrite(fd, cut + 2 * kPage, kPage, 0) == -1 && errno == EFAULT, "a write from nowhere");
    return 0;
}

int hole(const char* path) {
    const int fd = open_file(path, O_TRUNC);
    expect(ftruncate(fd, 2 * kHuge) == 0, "ftruncate");
    const volatile std::uint8_t* huge = map_file(fd, 2 * kHuge, 0, true);
    const volatile std::uint8_t* pages = map_file(fd, 2 * kHuge, 0, false);
    expect(huge[5000] == 0 && pages[5000] == 0 && huge[kHuge + 9] == 0, "a hole is not zeros");
    write_all(fd, "abc", 3, 5000);
    expect(huge[5000] == 'a' && pages[5002] == 'c', "a mapped hole does not show what was written");
    std::uint8_t* stores = map_file(fd, 2 * kHuge, 0, false);
    stores[kHuge + 9] = 7;
    expect(huge[kHuge + 9] == 7 && pages[kHuge + 9] == 7, "a mapped hole does not show what was stored");
    expect(ftruncate(fd, kHuge) == 0 && ftruncate(fd, 2 * kHuge) == 0, "ftruncate");
    expect(huge[kHuge + 9] == 0 && pages[kHuge + 9] == 0, "truncated bytes are back");
    expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096) == 0, "punch");
    expect(huge[5000] == 0 && pages[5000] == 0, "punched bytes are still mapped");
    expect(fallocate(fd, 0, 0, kHuge) == 0, "fallocate");
    expect(huge[5000] == 0, "preallocated bytes are not zeros");
    stores[5000] = 9;
    expect(huge[5000] == 9 && read_all(fd, 1, 5000)[0] == 9, "a store to unwritten blocks is lost");
    return 0;
}

int private_mapping(const char* path) {
    const int fd = open_file(path, O_TRUNC);
    write_all(fd, "original", 8, 0);
    expect(ftruncate(fd, 2 * kHuge) == 0, "ftruncate");
    std::uint8_t* map = map_file(fd, 2 * kHuge, 0, true, MAP_PRIVATE);
    expect(map[kHuge] == 0 && std::memcmp(map, "original", 8) == 0, "private mapping differs");
    map[0] = 'X';
    map[kHuge] = 'Y';
    expect(read_all(fd, 8, 0)[0] == 'o' && read_all(fd, 1, kHuge)[0] == 0, "a private store reached the file");
    expect(map[0] == 'X' && map[kHuge] == 'Y' && map[1] == 'r', "a private store is lost");
    return 0;
}

int times(const char* path) {
    const int fd = open_file(path, O_TRUNC);
    write_all(fd, "abc", 3, 0);
    std::uint8_t* map = map_file(fd, kPage, 0, false);
    struct stat before {
    }, after{};
    expect(fstat(fd, &before) == 0, "fstat");
    usleep(50000);
    map[1] = 'x';
    expect(fstat(fd, &after) == 0, "fstat");
    expect(after.st_mtim.tv_sec > before.st_mtim.tv_sec || after.st_mtim.tv_nsec > before.st_mtim.tv_nsec,
           "a store did not move mtime");
    expect(msync(map, kPage, MS_SYNC) == 0, "msync");
    usleep(50000);
    map[2] = 'y';  // write-protected again by msync: pfn_mkwrite
    expect(fstat(fd, &before) == 0, "fstat");
    expect(before.st_mtim.tv_sec > after.st_mtim.tv_sec || before.st_mtim.tv_nsec > after.st_mtim.tv_nsec,
           "a store after msync did not move mtime");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc >= 3, "usage: mapping CASE FILE [MEGABYTES]");
    const std::string what = argv[1];
    if (what == "store")
        return store(argv[2], std::strtoull(argv[3], nullptr, 10) << 20);
    if (what == "load")
        return load(argv[2]);
    if (what == "sync")
        return sync(argv[2]);
    if (what == "source")
        return source(argv[2]);
    if (what == "hole")
        return hole(argv[2]);
    if (what == "private")
        return private_mapping(argv[2]);
    if (what == "times")
        return times(argv[2]);
    fail("no such case: " + what);
}

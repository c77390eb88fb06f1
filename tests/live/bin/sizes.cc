// SPDX-License-Identifier: GPL-2.0-or-later
// Where sizes and offsets end, and where space does.
//
//   sizes edges FILE     the last block of a file of 2^63 - 1 bytes
//   sizes past FILE      blocks past the end of FILE: near it, and in the last place there is
//   sizes full FILE      writes until the device is full
//   sizes tree FILE      a file of very many extents: made, merged, cut to pieces, truncated
#include "tests/live/bin/check.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>

#include <sys/wait.h>

#include <algorithm>
#include <csignal>

namespace {

constexpr off_t kMax = INT64_MAX;

unsigned extent_count(int fd) {
    struct fiemap map {};
    map.fm_length = FIEMAP_MAX_OFFSET;
    expect(ioctl(fd, FS_IOC_FIEMAP, &map) == 0, "fiemap");
    return map.fm_mapped_extents;
}

std::uint64_t free_blocks(int fd) {
    struct statvfs st {};
    expect(fstatvfs(fd, &st) == 0, "fstatvfs");
    return st.f_bfree;
}

void edges(int fd) {
    constexpr off_t kLast = kMax / 4096 * 4096;
    expect(ftruncate(fd, kMax) == 0, "ftruncate to 2^63 - 1");
    expect(size_of(fd) == kMax, "size of 2^63 - 1");
    expect(lseek(fd, 0, SEEK_DATA) == -1 && errno == ENXIO, "SEEK_DATA in a hole of 2^63 bytes");
    expect(lseek(fd, 5, SEEK_HOLE) == 5, "SEEK_HOLE in a hole of 2^63 bytes");
    expect(read_all(fd, 100, kMax - 100) == std::vector<std::uint8_t>(100), "the last bytes of a hole");
    expect(extent_count(fd) == 0, "fiemap of a hole");

    write_all(fd, "end", 3, kMax - 3);
    expect(std::memcmp(read_all(fd, 3, kMax - 3).data(), "end", 3) == 0, "the last three bytes");
    // The VFS refuses what would end behind it; a file has no byte 2^63 - 1.
    expect(pwrite(fd, "x", 1, kMax - 1) == 1, "a write of the last byte");
    expect(pwrite(fd, "xy", 2, kMax - 1) == -1 && errno == EINVAL, "a write over the end");
    expect(pwrite(fd, "x", 1, kMax) == -1, "a write behind the end");
    expect(lseek(fd, 0, SEEK_DATA) == kLast, "SEEK_DATA finds the last block");
    expect(lseek(fd, kLast, SEEK_HOLE) == kMax, "SEEK_HOLE finds the end");
    expect(extent_count(fd) == 1, "fiemap of the last block");

    // The mm layer maps nothing that ends at 2^63: the page before the last one is the last that can be mapped.
    std::uint8_t* map = map_file(fd, kPage, kLast - 4096, false);
    expect(map[0] == 0, "the last page that can be mapped");
    map[1] = 'm';
    expect(read_all(fd, 1, kLast - 4095)[0] == 'm', "a store to the last page that can be mapped");
    constexpr off_t kLastHuge = (kMax / static_cast<off_t>(kHuge) - 1) * static_cast<off_t>(kHuge);
    std::uint8_t* huge = map_file(fd, kHuge, kLastHuge, true);
    expect(huge[3] == 0, "the last 2 MiB that can be mapped");
    huge[3] = 'h';
    expect(read_all(fd, 1, kLastHuge + 3)[0] == 'h', "a store to the last 2 MiB that can be mapped");

    const unsigned extents = extent_count(fd);
    const int kModes[] = {0,
                          FALLOC_FL_ZERO_RANGE,
                          FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                          FALLOC_FL_COLLAPSE_RANGE,
                          FALLOC_FL_INSERT_RANGE,
                          FALLOC_FL_UNSHARE_RANGE};
    for (const int mode : kModes) {
        const std::string name = "fallocate mode " + std::to_string(mode);
        expect(fallocate(fd, mode, kLast, 4096) == -1 && errno == EFBIG, name + " over the end");
        expect(fallocate(fd, mode, 4096, kLast) == -1 && errno == EFBIG, name + " one byte too far");
        expect(fallocate(fd, mode, kMax, kMax) == -1 && errno == EFBIG, name + " whose end overflows");
        expect(fallocate(fd, mode, -4096, 8192) == -1 && errno == EINVAL, name + " from before the start");
        expect(fallocate(fd, mode, 0, 0) == -1 && errno == EINVAL, name + " of nothing");
    }
    expect(extent_count(fd) == extents && size_of(fd) == kMax, "what was refused changed nothing");
    expect(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, kLast, 4095) == 0, "zero range of the last block");
    expect(read_all(fd, 1, kMax - 1)[0] == 0 && extent_count(fd) == extents, "the zeroed last block");
    expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kLast, 4095) == 0, "punch of the last block");
    expect(read_all(fd, 4095, kLast) == std::vector<std::uint8_t>(4095), "the punched last block");
    expect(fallocate(fd, FALLOC_FL_UNSHARE_RANGE, kLast, 4095) == 0 && extent_count(fd) == extents,
           "unshare of the last block");
    write_all(fd, "z", 1, kMax - 1);
    expect(lseek(fd, kLast, SEEK_DATA) == kLast, "SEEK_DATA in the last block, written again");

    expect(fallocate(fd, 0, kLast, 4095) == 0, "fallocate of the last block");
    expect(fallocate(fd, 0, kLast, 4096) == -1 && errno == EFBIG, "fallocate over the end");
    expect(fallocate(fd, 0, kMax, kMax) == -1 && errno == EFBIG, "fallocate whose end overflows");
    expect(fallocate(fd, 0, 0, kMax) == -1 && errno == ENOSPC, "fallocate of everything");
    expect(fallocate(fd, FALLOC_FL_ZERO_RANGE, kLast + 1, 10) == 0, "zero range in the last block");
    expect(read_all(fd, 1, kLast + 1)[0] == 0, "zero range in the last block zeroes");
    expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kMax) == 0, "punch of everything");
    expect(read_all(fd, 3, kMax - 3) == std::vector<std::uint8_t>(3), "punched bytes");
    expect(size_of(fd) == kMax, "size after the punch");
    write_all(fd, "again", 5, kMax - 5);
    expect(ftruncate(fd, kMax - 3) == 0 && ftruncate(fd, kMax) == 0, "ftruncate inside the last block");
    expect(std::memcmp(read_all(fd, 5, kMax - 5).data(), "ag\0\0\0", 5) == 0, "the last block after ftruncate");
    expect(ftruncate(fd, 10) == 0 && extent_count(fd) == 0, "ftruncate to 10");
}

// The bytes of block `n`, its own number in every word.
std::vector<std::uint64_t> pattern(std::uint64_t block, std::size_t bytes) {
    std::vector<std::uint64_t> words(bytes / 8);
    for (std::size_t i = 0; i < words.size(); ++i)
        words[i] = block + i / 512;
    return words;
}

void check_pattern(int fd, off_t bytes) {
    for (off_t at = 0; at < bytes; at += static_cast<off_t>(kHuge)) {
        const auto length = static_cast<std::size_t>(std::min(bytes - at, static_cast<off_t>(kHuge)));
        const auto got = read_all(fd, length, at);
        const auto wanted = pattern(static_cast<std::uint64_t>(at) / 4096, kHuge);
        expect(std::memcmp(got.data(), wanted.data(), length) == 0, "bytes differ at " + std::to_string(at));
    }
}

void past(int fd) {
    const off_t size = size_of(fd);
    constexpr off_t kLast = kMax / 4096 * 4096;
    expect(fallocate(fd, FALLOC_FL_KEEP_SIZE, 8192, 1 << 20) == 0, "fallocate past the end");
    expect(fallocate(fd, FALLOC_FL_KEEP_SIZE, kLast, 4095) == 0, "fallocate of the last block there is");
    expect(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, kLast - 4096, 4096) == 0, "zero range before it");
    expect(size_of(fd) == size, "the size moved");
    expect(lseek(fd, 0, SEEK_HOLE) == size, "SEEK_HOLE stops at the end of file");
    struct stat before {
    }, after{};
    expect(fstat(fd, &before) == 0, "fstat");
    expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kLast - 4096, 4096) == 0, "punch past the end");
    expect(fstat(fd, &after) == 0 && before.st_blocks - after.st_blocks == 8, "what a punch past the end frees");
}

void full(int fd) {
    const std::uint64_t free_before = free_blocks(fd);
    constexpr std::size_t kWrite = 5 * kHuge / 2;  // chunks end inside it
    off_t at = 0;
    ssize_t done = 0;
    while ((done = pwrite(fd, pattern(static_cast<std::uint64_t>(at) / 4096, kWrite).data(), kWrite, at)) ==
           static_cast<ssize_t>(kWrite))
        at += done;
    if (done > 0) {
        at += done;
        done = pwrite(fd, "x", 1, at + static_cast<off_t>(kHuge));
    }
    expect(done == -1 && errno == ENOSPC, "a write to a full device");
    expect(size_of(fd) == at, "the size counts bytes that were not written");
    check_pattern(fd, at);

    // A store that finds no space is a SIGBUS, not a hang and not a lost byte.
    const pid_t child = fork();
    if (child == 0) {
        const off_t hole = at + static_cast<off_t>(2 * kHuge);
        if (ftruncate(fd, hole + static_cast<off_t>(kHuge)) != 0)
            _exit(1);
        std::uint8_t* map = map_file(fd, kHuge, hole / static_cast<off_t>(kHuge) * static_cast<off_t>(kHuge), true);
        for (std::size_t i = 0; i < kHuge; i += kPage)
            map[i] = 1;
        _exit(2);
    }
    int status = 0;
    expect(waitpid(child, &status, 0) == child, "waitpid");
    expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS, "a store to a full device");

    // Space comes back, also in pieces, also on a full device.
    expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * 4096, 2 * 4096) == 0,
           "punch on a full device");
    write_all(fd, pattern(3, 2 * kPage).data(), 2 * kPage, 3 * 4096);
    check_pattern(fd, at);
    expect(ftruncate(fd, 0) == 0, "ftruncate");
    expect(free_blocks(fd) == free_before,
           "free blocks: " + std::to_string(free_blocks(fd)) + ", before " + std::to_string(free_before));
}

void tree(int fd) {
    constexpr unsigned kBlocks = 12000;  // leaves of 168, index nodes of 252, 15 children in the fork: two levels
    const std::uint64_t free_before = free_blocks(fd);
    const auto block = [&](unsigned n) {
        const auto words = pattern(n, kPage);
        write_all(fd, words.data(), kPage, static_cast<off_t>(n) * 4096);
    };
    const auto check = [&](unsigned n, bool written) {
        const auto got = read_all(fd, kPage, static_cast<off_t>(n) * 4096);
        const auto words = written ? pattern(n, kPage) : std::vector<std::uint64_t>(kPage / 8);
        expect(std::memcmp(got.data(), words.data(), kPage) == 0, "block " + std::to_string(n) + " differs");
    };
    // Every other block, from both ends and then the middle ones in between.
    for (unsigned n = 0; n < kBlocks / 2; n += 4) {
        block(n);
        block(kBlocks - 2 - n);
    }
    for (unsigned n = 2; n < kBlocks; n += 2)
        block(n);
    expect(extent_count(fd) == kBlocks / 2, "extents: " + std::to_string(extent_count(fd)));
    for (unsigned n = 0; n < kBlocks - 1; ++n)
        check(n, n % 2 == 0);

    // The gaps fill, from the end: extents join.
    for (unsigned n = kBlocks; n-- > 0;)
        if (n % 2 == 1)
            block(n);
    for (unsigned n = 0; n < kBlocks; ++n)
        check(n, true);
    std::printf("%u extents after filling\n", extent_count(fd));

    // Holes in steps that leave single blocks, then whole leaves, first ones too.
    for (unsigned n = 0; n < kBlocks; n += 3)
        expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(n) * 4096, 4096) == 0,
               "punch");
    for (unsigned n = 0; n < kBlocks; ++n)
        check(n, n % 3 != 0);
    std::printf("%u extents after punching\n", extent_count(fd));
    expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 3000 * 4096) == 0, "punch of the first part");
    expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5000 * 4096, 2000 * 4096) == 0, "punch inside");
    for (unsigned n = 0; n < kBlocks; ++n)
        check(n, n % 3 != 0 && n >= 3000 && (n < 5000 || n >= 7000));
    for (unsigned n = 0; n < 3000; n += 7)
        block(n);
    for (unsigned n = 5000; n < 7000; n += 5)
        block(n);
    expect(fallocate(fd, 0, 0, static_cast<off_t>(kBlocks) * 4096) == 0, "fallocate of the gaps");
    const auto kept = [](unsigned n) {
        return n < 3000 ? n % 7 == 0 : n >= 5000 && n < 7000 ? n % 5 == 0 : n % 3 != 0;
    };
    for (unsigned n = 0; n < kBlocks; ++n)
        check(n, kept(n));
    for (unsigned end = kBlocks; end > 0; end -= 1500) {
        expect(ftruncate(fd, static_cast<off_t>(end) * 4096 - 100) == 0, "ftruncate");
        for (unsigned n = end >= 1600 ? end - 1600 : 0; n + 1 < end; ++n)
            check(n, kept(n));
    }
    expect(ftruncate(fd, 0) == 0, "ftruncate to 0");
    expect(extent_count(fd) == 0, "extents of an empty file");
    expect(free_blocks(fd) == free_before,
           "free blocks: " + std::to_string(free_blocks(fd)) + ", before " + std::to_string(free_before));
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 3, "usage: sizes edges|past|full|tree FILE");
    const std::string what = argv[1];
    const int fd = open_file(argv[2], what == "past" ? 0 : O_TRUNC);
    if (what == "past")
        past(fd);
    else if (what == "edges")
        edges(fd);
    else if (what == "full")
        full(fd);
    else if (what == "tree")
        tree(fd);
    else
        fail("no such case: " + what);
}

// SPDX-License-Identifier: GPL-2.0-or-later
// Where sizes and offsets end, and where space does.
//
//   sizes edges FILE     the last block of a file of 2^63 - 1 bytes
//   sizes huge FILE      the last 2 MiB of it that can be mapped get one fault, on a file that DAX reaches
//   sizes shift FILE     collapse and insert up to there
//   sizes direct FILE    direct I/O there
//   sizes nospace FILE   direct I/O past DAX that ends there and does not fit the device gives back what it took
//   sizes keep FILE      files FILE.* whose sizes lie in the last block, made in every way; `sizes kept FILE` finds
//   them sizes past FILE      blocks past the end of FILE: near it, and in the last place there is sizes full FILE
//   writes until the device is full sizes tree FILE      a file of very many extents: made, merged, cut to pieces,
//   truncated
//   sizes deepen FILE    4,000 extents; thin-400, thin-5: all but so many go
#include "tests/live/bin/huge_share.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>

#include <sys/wait.h>

#include <algorithm>
#include <csignal>

namespace {

constexpr off_t kMax = INT64_MAX;

constexpr off_t kLast = kMax / 4096 * 4096;

// Of all data, also what is on its way through the page cache.
unsigned extent_count(int fd) {
    struct fiemap map {};
    map.fm_length = FIEMAP_MAX_OFFSET;
    map.fm_flags = FIEMAP_FLAG_SYNC;
    expect(ioctl(fd, FS_IOC_FIEMAP, &map) == 0, "fiemap");
    return map.fm_mapped_extents;
}

std::uint64_t free_blocks(int fd) {
    struct statvfs st {};
    expect(fstatvfs(fd, &st) == 0, "fstatvfs");
    return st.f_bfree;
}

// The last extent, looked for from `start` on.
fiemap_extent last_extent(int fd, off_t start) {
    alignas(struct fiemap) std::uint8_t room[sizeof(struct fiemap) + 4 * sizeof(fiemap_extent)]{};
    auto* map = reinterpret_cast<struct fiemap*>(room);
    map->fm_start = static_cast<std::uint64_t>(start);
    map->fm_length = FIEMAP_MAX_OFFSET;
    map->fm_flags = FIEMAP_FLAG_SYNC;
    map->fm_extent_count = 4;
    expect(ioctl(fd, FS_IOC_FIEMAP, map) == 0 && map->fm_mapped_extents > 0, "fiemap of the last extent");
    fiemap_extent extent{};
    std::memcpy(&extent, &map->fm_extents[map->fm_mapped_extents - 1], sizeof extent);
    return extent;
}

void expect_last_extent(int fd, bool unwritten, const std::string& what) {
    const fiemap_extent extent = last_extent(fd, kLast);
    expect(extent.fe_logical + extent.fe_length == std::uint64_t{1} << 63, what + ": the extent does not end at 2^63");
    expect((extent.fe_flags & FIEMAP_EXTENT_LAST) != 0, what + ": not the last extent");
    expect(((extent.fe_flags & FIEMAP_EXTENT_UNWRITTEN) != 0) == unwritten, what + ": unwritten or not");
}

std::uint64_t sectors_of(int fd) {
    struct stat st {};
    expect(fstat(fd, &st) == 0, "fstat");
    return static_cast<std::uint64_t>(st.st_blocks);
}

std::uint8_t byte_at(int fd, off_t at) {
    return read_all(fd, 1, at)[0];
}

// The bytes [from, to) of the file have `value`, those beside them are 0x77.
void expect_only(int fd, off_t from, off_t to, std::uint8_t value, const std::string& what) {
    expect(from == kLast - 4096 || byte_at(fd, from - 1) == 0x77, what + ": the byte before");
    expect(to == kMax || byte_at(fd, to) == 0x77, what + ": the byte behind");
    expect(read_all(fd, static_cast<std::size_t>(to - from), from) ==
               std::vector<std::uint8_t>(static_cast<std::size_t>(to - from), value),
           what);
}

// Zeroing and punching bytes of the last two blocks, which are data otherwise.
void clear_edges(int fd) {
    constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    const std::vector<std::uint8_t> data(2 * kPage - 1, 0x77);
    const struct {
        off_t from, to;
    } ranges[] = {{kLast + 1, kLast + 11},    {kMax - 10, kMax},  {kMax - 1, kMax},     {kLast, kLast + 1},
                  {kLast - 1, kLast + 1},     {kLast - 1, kMax},  {kLast - 4096, kMax}, {kLast, kMax},
                  {kLast - 4096, kLast + 12}, {kLast - 10, kLast}};
    for (const int mode : {kPunch, FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE})
        for (const auto& range : ranges) {
            const std::string what = "fallocate mode " + std::to_string(mode) + " of " + std::to_string(range.from) +
                                     " to " + std::to_string(range.to);
            write_all(fd, data.data(), data.size(), kLast - 4096);
            expect(fallocate(fd, mode, range.from, range.to - range.from) == 0, what);
            expect_only(fd, range.from, range.to, 0, what);
            expect(size_of(fd) == kMax, what + ": the size");
            const bool whole = range.from <= kLast && range.to == kMax && mode != kPunch;
            expect(mode == kPunch || extent_count(fd) > 0, what + ": it has no blocks");
            if (whole)
                expect(sectors_of(fd) == 16, what + ": it has " + std::to_string(sectors_of(fd)) + " sectors");
        }
    expect(fallocate(fd, kPunch, kLast - 4096, 4096 + 4095) == 0 && sectors_of(fd) == 8, "punch of the last blocks");
}

void edges(int fd) {
    expect(ftruncate(fd, kMax) == 0, "ftruncate to 2^63 - 1");
    expect(size_of(fd) == kMax, "size of 2^63 - 1");
    expect(lseek(fd, 0, SEEK_DATA) == -1 && errno == ENXIO, "SEEK_DATA in a hole of 2^63 bytes");
    expect(lseek(fd, 5, SEEK_HOLE) == 5, "SEEK_HOLE in a hole of 2^63 bytes");
    expect(lseek(fd, kMax - 1, SEEK_HOLE) == kMax - 1, "SEEK_HOLE at its last byte");
    expect(lseek(fd, kMax, SEEK_HOLE) == -1 && errno == ENXIO, "SEEK_HOLE behind it");
    expect(read_all(fd, 100, kMax - 100) == std::vector<std::uint8_t>(100), "the last bytes of a hole");
    expect(extent_count(fd) == 0, "fiemap of a hole");

    write_all(fd, "end", 3, kMax - 3);
    expect(std::memcmp(read_all(fd, 3, kMax - 3).data(), "end", 3) == 0, "the last three bytes");
    expect(read_all(fd, 4092, kLast) == std::vector<std::uint8_t>(4092), "the bytes before them");
    // The VFS refuses what would end behind it; a file has no byte 2^63 - 1.
    expect(pwrite(fd, "x", 1, kMax - 1) == 1, "a write of the last byte");
    expect(pwrite(fd, "xy", 2, kMax - 1) == -1 && errno == EINVAL, "a write over the end");
    expect(pwrite(fd, "x", 1, kMax) == -1, "a write behind the end");
    // The search of the page cache for data that is not written back overflows in the kernel's core at the last page.
    expect(fsync(fd) == 0, "fsync");
    expect(lseek(fd, 0, SEEK_DATA) == kLast, "SEEK_DATA finds the last block");
    expect(lseek(fd, kMax - 1, SEEK_DATA) == kMax - 1, "SEEK_DATA at the last byte");
    expect(lseek(fd, kLast, SEEK_HOLE) == kMax, "SEEK_HOLE finds the end");
    expect(extent_count(fd) == 1, "fiemap of the last block");
    expect_last_extent(fd, false, "a write to the last block");

    // The mm layer maps nothing that ends at 2^63: the page before the last one is the last that can be mapped.
    expect(mmap(nullptr, 2 * kPage, PROT_READ, MAP_SHARED, fd, kLast - 4096) == MAP_FAILED, "mmap of the last page");
    std::uint8_t* map = map_file(fd, kPage, kLast - 4096, false);
    expect(map[0] == 0, "the last page that can be mapped");
    map[1] = 'm';
    expect(read_all(fd, 1, kLast - 4095)[0] == 'm', "a store to the last page that can be mapped");
    expect(munmap(map, kPage) == 0, "munmap");

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
    expect(read_all(fd, 1, kMax - 1)[0] == 0, "the zeroed last block");
    expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kLast, 4095) == 0, "punch of the last block");
    expect(read_all(fd, 4095, kLast) == std::vector<std::uint8_t>(4095), "the punched last block");
    // A part of a block is zeroed, not freed: the last one is 4095 bytes of one.
    expect(sectors_of(fd) == 16, "a punch of a part of a block freed it");
    expect(ftruncate(fd, kLast) == 0 && ftruncate(fd, kMax) == 0 && sectors_of(fd) == 8, "ftruncate frees it");
    expect(fallocate(fd, FALLOC_FL_UNSHARE_RANGE, kLast, 4095) == 0 && sectors_of(fd) == 16,
           "unshare of the last block");
    write_all(fd, "z", 1, kMax - 1);
    expect(fsync(fd) == 0, "fsync");
    expect(lseek(fd, kLast, SEEK_DATA) == kLast, "SEEK_DATA in the last block, written again");
    expect(read_all(fd, 4094, kLast) == std::vector<std::uint8_t>(4094), "the rest of an unwritten last block");
    expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kMax) == 0 && sectors_of(fd) == 8,
           "punch of everything");
    expect(read_all(fd, 4095, kLast) == std::vector<std::uint8_t>(4095), "what it left");

    expect(ftruncate(fd, kLast) == 0 && ftruncate(fd, kMax) == 0 && sectors_of(fd) == 0, "ftruncate frees the rest");
    expect(fallocate(fd, 0, kLast, 4095) == 0 && sectors_of(fd) == 8, "fallocate of the last block");
    expect_last_extent(fd, true, "fallocate of the last block");
    expect(fallocate(fd, 0, 0, kMax) == -1 && errno == ENOSPC, "fallocate of everything");
    expect(sectors_of(fd) == 8, "a fallocate that could not succeed took blocks");
    clear_edges(fd);

    // The first bytes of a block are not its last ones, though it ends where an offset does.
    expect(ftruncate(fd, kLast) == 0 && ftruncate(fd, kMax) == 0, "ftruncate");
    write_all(fd, "hello", 5, kLast + 5);
    std::vector<std::uint8_t> hello(4095);
    std::memcpy(hello.data() + 5, "hello", 5);
    expect(read_all(fd, 4095, kLast) == hello, "what a write into the last block leaves of it");

    // A write of several blocks up to the end, and a size that moves there by it.
    const std::vector<std::uint8_t> data(3 * kPage - 1, 0x77);
    expect(ftruncate(fd, 10) == 0, "ftruncate to 10");
    write_all(fd, data.data(), data.size(), kLast - 8192);
    expect(size_of(fd) == kMax && sectors_of(fd) == 24, "a write of three blocks up to the end");
    expect(read_all(fd, data.size(), kLast - 8192) == data, "its bytes");

    write_all(fd, "again", 5, kMax - 5);
    expect(ftruncate(fd, kMax - 3) == 0 && ftruncate(fd, kMax) == 0, "ftruncate inside the last block");
    expect(std::memcmp(read_all(fd, 5, kMax - 5).data(), "ag\0\0\0", 5) == 0, "the last block after ftruncate");
    expect(ftruncate(fd, kLast) == 0 && sectors_of(fd) == 16, "ftruncate takes the last block");
    expect(ftruncate(fd, kMax) == 0 && byte_at(fd, kMax - 5) == 0, "what is behind it");
    expect(ftruncate(fd, 10) == 0 && extent_count(fd) == 0, "ftruncate to 10");
}

// How many faults a store to the 2 MiB at `at`, and a load from each of its pages, take.
long faults_of_huge_page(int fd, off_t at) {
    const long before = faults_so_far();
    std::uint8_t* map = map_file(fd, kHuge, at, true);
    map[3] = 'h';
    for (std::size_t page = 0; page < kHuge; page += kPage)
        expect(static_cast<volatile std::uint8_t*>(map)[page] == 0, "a byte of 2 MiB that are mapped");
    return faults_so_far() - before;
}

void huge(int fd) {
    constexpr off_t kLastHuge = (kMax / static_cast<off_t>(kHuge) - 1) * static_cast<off_t>(kHuge);
    expect(ftruncate(fd, kMax) == 0, "ftruncate to 2^63 - 1");
    // The program's own pages are counted too: the kernel maps those around a fault but for any that another task has
    // locked just then. The first time brings in what the second one needs.
    faults_of_huge_page(fd, 0);
    const long faults = faults_of_huge_page(fd, kLastHuge);
    expect(faults == 1, "the last 2 MiB that can be mapped took " + std::to_string(faults) + " faults");
    expect(byte_at(fd, kLastHuge + 3) == 'h', "a store to them");
}

void shift(int fd) {
    const auto insert = [&](off_t at) { return fallocate(fd, FALLOC_FL_INSERT_RANGE, at, 4096); };
    const auto collapse = [&](off_t at) { return fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, at, 4096); };
    write_all(fd, "head", 4, 0);
    expect(ftruncate(fd, kMax) == 0, "ftruncate to 2^63 - 1");
    expect(insert(4096) == -1 && errno == EFBIG, "insert into a file of 2^63 - 1 bytes");
    expect(size_of(fd) == kMax && extent_count(fd) == 1, "a refused insert changed the file");
    write_all(fd, "tail", 4, kMax - 4);
    expect(collapse(4096) == 0 && size_of(fd) == kMax - 4096, "collapse below the end");
    expect(std::memcmp(read_all(fd, 4, kMax - 4100).data(), "tail", 4) == 0, "the last block moved down");
    expect(insert(8192) == 0 && size_of(fd) == kMax, "insert that ends at the end");
    expect(std::memcmp(read_all(fd, 4, kMax - 4).data(), "tail", 4) == 0, "the last block moved up");
    expect(insert(8192) == -1 && errno == EFBIG, "insert behind the end");
    expect(collapse(kLast - 4096) == 0 && size_of(fd) == kMax - 4096, "collapse of the block before the last one");
    expect(std::memcmp(read_all(fd, 4, kMax - 4100).data(), "tail", 4) == 0, "the last block took its place");
    expect(collapse(kLast - 4096) == -1 && errno == EINVAL, "collapse up to the end of file");

    // Blocks behind the end of file move too, and none past the last there is.
    expect(ftruncate(fd, 8192) == 0, "ftruncate");
    expect(fallocate(fd, FALLOC_FL_KEEP_SIZE, kLast - 4096, 4096) == 0, "blocks behind the end of file");
    expect(insert(4096) == 0 && size_of(fd) == 12288, "insert before them");
    expect_last_extent(fd, true, "they moved to the last block");
    expect(insert(4096) == -1 && errno == EFBIG, "insert that would move the last block out");
    expect(size_of(fd) == 12288 && sectors_of(fd) == 16, "a refused insert changed the file");
    expect(std::memcmp(read_all(fd, 4, 0).data(), "head", 4) == 0, "the first block");
}

struct Aligned {
    explicit Aligned(std::size_t bytes, int value) : size(bytes) {
        expect(posix_memalign(reinterpret_cast<void**>(&data), kPage, bytes) == 0, "posix_memalign");
        std::memset(data, value, bytes);
    }
    Aligned(const Aligned&) = delete;
    ~Aligned() { std::free(data); }
    std::uint8_t* data = nullptr;
    std::size_t size;
};

// Direct I/O is of whole sectors: the last one that a file can hold whole ends here.
constexpr off_t kLastSector = kLast + 7 * 512;

void direct(int fd, const char* path) {
    const int raw = open_file(path, O_DIRECT);
    Aligned data(3 * kPage, 0x77), got(3 * kPage, 0);
    const auto bytes = static_cast<std::size_t>(kLastSector - (kLast - 8192));
    write_all(raw, data.data, bytes, kLast - 8192);
    expect(size_of(fd) == kLastSector && sectors_of(fd) == 24, "a direct write of the last three blocks");
    expect_last_extent(fd, false, "a direct write");
    expect(pread(raw, got.data, bytes, kLast - 8192) == static_cast<ssize_t>(bytes), "a direct read up to the end");
    expect(std::memcmp(got.data, data.data, bytes) == 0, "what a direct read finds");
    expect(read_all(fd, bytes, kLast - 8192) == std::vector<std::uint8_t>(bytes, 0x77), "what read(2) finds");
    expect(pwrite(raw, data.data, 512, kLastSector) == -1 && errno == EINVAL, "a direct write up to 2^63");
    expect(ftruncate(fd, kMax) == 0, "ftruncate");
    expect(read_all(fd, 511, kLastSector) == std::vector<std::uint8_t>(511), "the rest of the last block");
    // Into unwritten blocks, of which no more are converted than were written.
    expect(fallocate(fd, FALLOC_FL_ZERO_RANGE, kLast - 8192, 8192 + 4095) == 0, "zero range");
    write_all(raw, data.data, kLastSector - kLast, kLast);
    expect(read_all(fd, 8192, kLast - 8192) == std::vector<std::uint8_t>(8192), "the unwritten blocks before");
    expect(byte_at(fd, kLast) == 0x77 && byte_at(fd, kLastSector - 1) == 0x77 && byte_at(fd, kLastSector) == 0,
           "a direct write to an unwritten last block");
}

void nospace(const char* path) {
    const int raw = open_file(path, O_DIRECT);
    Aligned data(48 << 20, 0x77);
    const auto bytes = data.size - 512;
    expect(pwrite(raw, data.data, bytes, kLastSector - static_cast<off_t>(bytes)) == -1 && errno == ENOSPC,
           "48 MiB fit, or failed otherwise");
    expect(size_of(raw) == 0 && sectors_of(raw) == 0,
           "a failed write left " + std::to_string(sectors_of(raw)) + " sectors");
}

// One file for each way that a size comes to lie in the last block. Its name, and what it is afterwards.
struct Kept {
    const char* name;
    off_t size;
    off_t at;  // of "abc", as much as lies below `size`
    void (*make)(const std::string& path, int fd);
};

void put(int fd, off_t at) {
    write_all(fd, "abc", 3, at);
}

constexpr Kept kKept[] = {
    {"written", kMax, kMax - 3,
     [](const std::string& /*path*/, int fd) {
         put(fd, kMax - 3);
         expect(fsync(fd) == 0, "fsync");
     }},
    {"overwritten", kMax, kMax - 3,
     [](const std::string& /*path*/, int fd) {
         write_all(fd, "x", 1, kLast);
         expect(fsync(fd) == 0, "fsync");
         put(fd, kMax - 3);
         expect(fsync(fd) == 0, "fsync");
         write_all(fd, "", 1, kLast);
         expect(fsync(fd) == 0, "fsync");
     }},
    {"cut", kMax - 18, kMax - 20,
     [](const std::string& /*path*/, int fd) {
         put(fd, kMax - 20);
         expect(ftruncate(fd, kMax - 18) == 0, "ftruncate down");
     }},
    {"grown", kMax, kMax - 20,
     [](const std::string& /*path*/, int fd) {
         put(fd, kMax - 20);
         expect(ftruncate(fd, kMax) == 0, "ftruncate up");
     }},
    {"allocated", kMax, kMax - 20,
     [](const std::string& /*path*/, int fd) {
         put(fd, kMax - 20);
         expect(fallocate(fd, 0, kMax - 1, 1) == 0, "fallocate");
     }},
    {"direct", kLastSector, kLast,
     [](const std::string& path, int fd) {
         const int raw = open_file(path.c_str(), O_DIRECT);
         Aligned data(kPage, 0);
         std::memcpy(data.data, "abc", 3);
         write_all(raw, data.data, static_cast<std::size_t>(kLastSector - kLast), kLast);
         close(raw);
         expect(size_of(fd) == kLastSector, "size after a direct write");
     }},
};

void keep(const char* path) {
    for (const Kept& kept : kKept) {
        const std::string name = std::string(path) + "." + kept.name;
        const int fd = open_file(name.c_str(), O_TRUNC);
        kept.make(name, fd);
        expect(size_of(fd) == kept.size, name);
        close(fd);
    }
}

void kept(const char* path) {
    for (const Kept& kept : kKept) {
        const std::string name = std::string(path) + "." + kept.name;
        const int fd = open_file(name.c_str());
        expect(size_of(fd) == kept.size,
               name + " ends " + std::to_string(kMax - size_of(fd)) + " bytes below 2^63 - 1");
        std::vector<std::uint8_t> wanted(static_cast<std::size_t>(kept.size - kLast));
        for (std::size_t i = 0; i < 3 && kept.at + static_cast<off_t>(i) < kept.size; ++i)
            wanted[static_cast<std::size_t>(kept.at - kLast) + i] = static_cast<std::uint8_t>("abc"[i]);
        expect(read_all(fd, wanted.size(), kLast) == wanted, name + ": its bytes");
        expect(ftruncate(fd, kMax) == 0, name + ": ftruncate");
        wanted.resize(4095);
        expect(read_all(fd, 4095, kLast) == wanted, name + ": what is behind them");
        close(fd);
    }
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

// Extents of one block, the last one first: leaves split in halves, and there are more of them than the fork has room
// for.
constexpr unsigned kDeepExtents = 4000;

void deepen(int fd) {
    for (unsigned n = kDeepExtents; n-- > 0;) {
        const auto words = pattern(n, kPage);
        write_all(fd, words.data(), kPage, static_cast<off_t>(n) * 2 * 4096);
    }
}

// What deepen() made, but for extents at both ends, goes, one after the other.
void thin(int fd, unsigned first, unsigned last) {
    const auto is_kept = [&](unsigned n) { return n < first || n >= kDeepExtents - last; };
    for (unsigned n = 0; n < kDeepExtents; ++n)
        if (!is_kept(n))
            expect(
                fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(n) * 2 * 4096, 4096) == 0,
                "punch");
    for (unsigned n = 0; n < kDeepExtents; ++n) {
        const auto got = read_all(fd, kPage, static_cast<off_t>(n) * 2 * 4096);
        const auto words = is_kept(n) ? pattern(n, kPage) : std::vector<std::uint64_t>(kPage / 8);
        expect(std::memcmp(got.data(), words.data(), kPage) == 0, "extent " + std::to_string(n) + " differs");
    }
}

constexpr struct {
    const char* name;
    void (*run)(int fd, const char* path);
    bool keeps;  // the file is as it was
} kCases[] = {
    {"edges", [](int fd, const char* /*path*/) { edges(fd); }, false},
    {"huge", [](int fd, const char* /*path*/) { huge(fd); }, false},
    {"shift", [](int fd, const char* /*path*/) { shift(fd); }, false},
    {"direct", direct, false},
    {"nospace", [](int /*fd*/, const char* path) { nospace(path); }, false},
    {"keep", [](int /*fd*/, const char* path) { keep(path); }, false},
    {"kept", [](int /*fd*/, const char* path) { kept(path); }, false},
    {"past", [](int fd, const char* /*path*/) { past(fd); }, true},
    {"full", [](int fd, const char* /*path*/) { full(fd); }, false},
    {"tree", [](int fd, const char* /*path*/) { tree(fd); }, false},
    {"deepen", [](int fd, const char* /*path*/) { deepen(fd); }, false},
    {"thin-400", [](int fd, const char* /*path*/) { thin(fd, 200, 200); }, true},
    {"thin-5", [](int fd, const char* /*path*/) { thin(fd, 3, 2); }, true},
};

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 3, "usage: sizes CASE FILE");
    for (const auto& entry : kCases)
        if (std::strcmp(entry.name, argv[1]) == 0) {
            entry.run(open_file(argv[2], entry.keeps ? 0 : O_TRUNC), argv[2]);
            return 0;
        }
    fail(std::string("no such case: ") + argv[1]);
}

// SPDX-License-Identifier: GPL-2.0-or-later
// Direct I/O to a file in the page cache mode.
//
//   direct basic FILE    alignment, append, holes, unwritten blocks, parts of blocks; the page cache agrees throughout
//   direct race FILE     direct writers beside buffered readers and a mapping: never anything else than old or new data
//   direct fails FILE    one whose memory ends in its middle: nothing of it is converted, and the size does not move
//   direct inside FILE   the size moves from 100 to 512 in a block that is written: nothing is converted
//   direct full FILE     one call larger than the space that is left: it fails and gives back what it took
#include "tests/live/bin/check.h"

#include <atomic>
#include <thread>

namespace {

constexpr std::size_t kSector = 512;

struct Buffer {
    explicit Buffer(std::size_t bytes, int fill = 0) : size(bytes) {
        expect(posix_memalign(reinterpret_cast<void**>(&data), kPage, bytes) == 0, "posix_memalign");
        std::memset(data, fill, bytes);
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { std::free(data); }
    std::uint8_t* data = nullptr;
    std::size_t size;
};

void expect_bytes(int fd, off_t at, std::size_t bytes, int value, const std::string& what) {
    const auto got = read_all(fd, bytes, at);
    for (std::size_t i = 0; i < bytes; ++i)
        if (got[i] != value)
            fail(what + ": byte " + std::to_string(at + static_cast<off_t>(i)) + " is " + std::to_string(got[i]) +
                 ", not " + std::to_string(value));
}

// The same through the page cache, by direct I/O, and through a mapping.
void expect_everywhere(int cached, int direct, off_t at, std::size_t bytes, int value, const std::string& what) {
    expect_bytes(cached, at, bytes, value, what + " (page cache)");
    Buffer buffer(bytes);
    expect(pread(direct, buffer.data, bytes, at) == static_cast<ssize_t>(bytes), what + ": direct read");
    for (std::size_t i = 0; i < bytes; ++i)
        if (buffer.data[i] != value)
            fail(what + " (direct): byte " + std::to_string(i) + " is " + std::to_string(buffer.data[i]) + ", not " +
                 std::to_string(value));
    const std::size_t skip = static_cast<std::size_t>(at) % kPage;
    auto* map = static_cast<std::uint8_t*>(
        mmap(nullptr, skip + bytes, PROT_READ, MAP_SHARED, cached, at - static_cast<off_t>(skip)));
    expect(map != MAP_FAILED, what + ": mmap");
    for (std::size_t i = 0; i < bytes; ++i)
        if (map[skip + i] != value)
            fail(what + " (mapped): byte " + std::to_string(i));
    munmap(map, skip + bytes);
}

void refused(int fd, const void* data, std::size_t bytes, off_t at, const char* what) {
    errno = 0;
    expect(pwrite(fd, data, bytes, at) == -1 && errno == EINVAL, std::string("not refused with EINVAL: ") + what);
}

void alignment(int direct) {
    Buffer buffer(2 * kPage, 0x11);
    refused(direct, buffer.data, 100, 0, "a length of 100");
    refused(direct, buffer.data, kSector, 100, "an offset of 100");
    refused(direct, buffer.data + 1, kSector, 0, "memory at an odd address");
    expect(size_of(direct) == 0, "a refused write changed the size");
    struct stat st {};
    expect(fstat(direct, &st) == 0 && st.st_blocks == 0, "a refused write took blocks");
}

void basic(const char* path) {
    const int direct = open_file(path, O_DIRECT | O_TRUNC);
    const int cached = open_file(path);
    alignment(direct);

    // Append, whole blocks.
    Buffer a(64 << 10, 0xa1);
    write_all(direct, a.data, a.size, 0);
    expect(size_of(cached) == static_cast<off_t>(a.size), "size after an append");
    expect_everywhere(cached, direct, 0, a.size, 0xa1, "append");

    // A hole: the file is larger than what was written, and what lies between is zeros.
    Buffer b(kPage, 0xb2);
    write_all(direct, b.data, kPage, 256 << 10);
    expect_everywhere(cached, direct, 64 << 10, 192 << 10, 0, "hole before a direct write");
    expect_everywhere(cached, direct, 256 << 10, kPage, 0xb2, "write behind a hole");
    write_all(direct, b.data, kPage, 128 << 10);
    expect_everywhere(cached, direct, 128 << 10, kPage, 0xb2, "write into a hole");
    expect_everywhere(cached, direct, (128 << 10) + kPage, kPage, 0, "hole behind a direct write");

    // Unwritten blocks become written ones, and just those.
    expect(fallocate(cached, 0, 512 << 10, 64 << 10) == 0, "fallocate");
    write_all(direct, b.data, kPage, (512 << 10) + kPage);
    expect_everywhere(cached, direct, 512 << 10, kPage, 0, "before the converted block");
    expect_everywhere(cached, direct, (512 << 10) + kPage, kPage, 0xb2, "the converted block");
    expect_everywhere(cached, direct, (512 << 10) + 2 * kPage, 14 * kPage, 0, "behind the converted block");

    // One write over extents of every kind: all of it is converted.
    for (std::size_t i = 0; i < 16; i += 3) {
        const auto at = static_cast<off_t>((1 << 20) + i * kPage);
        expect(fallocate(cached, 0, at, kPage) == 0, "fallocate");
        write_all(direct, b.data, kPage, at + static_cast<off_t>(kPage));
    }
    write_all(direct, a.data, a.size, 1 << 20);
    expect_everywhere(cached, direct, 1 << 20, a.size, 0xa1, "over extents of every kind");

    // Parts of blocks: in a hole, in an unwritten block, in a written one, over the end of file.
    Buffer c(kSector, 0xc3);
    write_all(direct, c.data, kSector, (96 << 10) + kSector);
    expect_everywhere(cached, direct, 96 << 10, kSector, 0, "before a sector in a hole");
    expect_everywhere(cached, direct, (96 << 10) + kSector, kSector, 0xc3, "a sector in a hole");
    expect_everywhere(cached, direct, (96 << 10) + 2 * kSector, kPage - 2 * kSector, 0, "behind a sector in a hole");
    write_all(direct, c.data, kSector, (512 << 10) + 3 * kPage + kSector);
    expect_everywhere(cached, direct, (512 << 10) + 3 * kPage, kSector, 0, "before a sector in an unwritten block");
    write_all(direct, c.data, kSector, kSector);
    expect_everywhere(cached, direct, 0, kSector, 0xa1, "before a sector in a written block");
    expect_everywhere(cached, direct, kSector, kSector, 0xc3, "a sector in a written block");
    expect_everywhere(cached, direct, 2 * kSector, kSector, 0xa1, "behind a sector in a written block");

    // Dirty pages below: direct I/O sees them, and replaces them.
    std::vector<std::uint8_t> d(3 * kPage, 0xd4);
    write_all(cached, d.data(), d.size(), 8 * kPage);
    expect_everywhere(cached, direct, 8 * kPage, d.size(), 0xd4, "buffered write before direct read");
    write_all(cached, d.data(), d.size(), 16 * kPage);
    write_all(direct, b.data, kPage, 17 * kPage);
    expect_everywhere(cached, direct, 16 * kPage, kPage, 0xd4, "buffered beside direct");
    expect_everywhere(cached, direct, 17 * kPage, kPage, 0xb2, "direct over buffered");

    // An unaligned end of file, then a direct write behind it.
    expect(ftruncate(cached, 2 * kSector + 100) == 0, "ftruncate");
    write_all(direct, c.data, kSector, kPage + kSector);
    expect(size_of(cached) == static_cast<off_t>(kPage + 2 * kSector), "size after a write behind the end");
    expect_bytes(cached, 2 * kSector, 100, 0xa1, "before the old end of file");
    expect_bytes(cached, 2 * kSector + 100, kPage - 2 * kSector - 100, 0, "behind the old end of file");
    expect_everywhere(cached, direct, kPage, kSector, 0, "start of the block behind the old end of file");
    expect_everywhere(cached, direct, kPage + kSector, kSector, 0xc3, "write behind the old end of file");
    // A read that ends with the file.
    Buffer e(4 * kPage);
    expect(pread(direct, e.data, e.size, kPage) == static_cast<ssize_t>(2 * kSector),
           "direct read over the end of file");
    expect(pread(direct, e.data, e.size, 4 * kPage) == 0, "direct read behind the end of file");
    // Inside a block that is written, behind the end of file.
    expect(ftruncate(cached, kPage + 100) == 0, "ftruncate");
    write_all(direct, c.data, kSector, kPage + kSector);
    expect(size_of(cached) == static_cast<off_t>(kPage + 2 * kSector), "size after a write inside the last block");
    expect_bytes(cached, kPage + 100, kSector - 100, 0, "between the old end of file and the write");
    // O_APPEND.
    const int append = open_file(path, O_DIRECT | O_APPEND);
    expect(write(append, c.data, kSector) == static_cast<ssize_t>(kSector), "append");
    expect(size_of(append) == static_cast<off_t>(kPage + 3 * kSector), "size after O_APPEND");
}

// Each block is one value throughout. Direct writers raise it, readers must see whole old or new blocks.
void race(const char* path) {
    constexpr std::size_t kBlocks = 64;
    const int direct = open_file(path, O_DIRECT | O_TRUNC);
    const int cached = open_file(path);
    expect(ftruncate(cached, kBlocks * kPage) == 0, "ftruncate");
    expect(fallocate(cached, 0, 0, kBlocks / 2 * kPage) == 0, "fallocate");
    auto* map = static_cast<volatile std::uint8_t*>(mmap(nullptr, kBlocks * kPage, PROT_READ, MAP_SHARED, cached, 0));
    expect(map != MAP_FAILED, "mmap");
    std::atomic<bool> stop = false;
    std::atomic<std::uint8_t> done[kBlocks] = {};

    auto writer = [&](std::size_t first, std::uint64_t seed) {
        Random random(seed);
        Buffer buffer(kPage);
        for (int value = 1; value <= 40; ++value)
            for (std::size_t i = 0; i < kBlocks / 2; ++i) {
                const std::size_t block = first + 2 * i;
                std::memset(buffer.data, value, kPage);
                write_all(direct, buffer.data, kPage, static_cast<off_t>(block * kPage));
                done[block] = static_cast<std::uint8_t>(value);
            }
    };
    auto reader = [&](std::uint64_t seed) {
        Random random(seed);
        std::vector<std::uint8_t> data(kPage);
        while (!stop) {
            const std::size_t block = random.below(kBlocks);
            const int least = done[block];
            expect(pread(cached, data.data(), kPage, static_cast<off_t>(block * kPage)) == kPage, "pread");
            expect(data[0] >= least, "a buffered read saw block " + std::to_string(block) + " as " +
                                         std::to_string(data[0]) + " after " + std::to_string(least) + " was written");
            const int before = done[block];
            const int mapped = map[block * kPage + random.below(kPage)];
            expect(mapped >= before, "the mapping of block " + std::to_string(block) + " shows " +
                                         std::to_string(mapped) + " after " + std::to_string(before) + " was written");
        }
    };
    std::thread readers[] = {std::thread(reader, 3), std::thread(reader, 4)};
    std::thread writers[] = {std::thread(writer, 0, 1), std::thread(writer, 1, 2)};
    for (auto& thread : writers)
        thread.join();
    stop = true;
    for (auto& thread : readers)
        thread.join();
    for (std::size_t block = 0; block < kBlocks; ++block)
        expect_bytes(cached, static_cast<off_t>(block * kPage), kPage, 40, "after the race");
}

// Some of the data is on the device when the error comes: what the end of the I/O makes of it is nothing.
void fails(const char* path) {
    constexpr std::size_t kGood = 4 << 20, kBytes = 6 << 20;
    const int direct = open_file(path, O_DIRECT | O_TRUNC);
    const int cached = open_file(path);
    std::uint8_t* memory = map_file(-1, kBytes, 0, false, MAP_PRIVATE | MAP_ANONYMOUS);
    std::memset(memory, 0x99, kBytes);
    expect(mprotect(memory + kGood, kBytes - kGood, PROT_NONE) == 0, "mprotect");
    const auto attempt = [&](const std::string& what) {
        errno = 0;
        const ssize_t done = pwrite(direct, memory, kBytes, 0);
        expect(done == -1 && errno == EFAULT, what + ": not EFAULT but " + std::to_string(done));
    };
    struct stat st {};
    attempt("into an empty file");
    expect(
        fstat(direct, &st) == 0 && st.st_size == 0 && st.st_blocks == 0,
        "a failed write left " + std::to_string(st.st_size) + " bytes, " + std::to_string(st.st_blocks) + " sectors");
    expect(ftruncate(direct, kBytes) == 0, "ftruncate");
    attempt("into a hole");
    expect_everywhere(cached, direct, 0, kBytes, 0, "a hole after a failed write");
    expect(fallocate(cached, 0, 0, kBytes) == 0, "fallocate");
    attempt("into unwritten blocks");
    expect_everywhere(cached, direct, 0, kBytes, 0, "unwritten blocks after a failed write");
    expect(size_of(cached) == static_cast<off_t>(kBytes), "size after failed writes");
}

void inside(const char* path) {
    const int direct = open_file(path, O_DIRECT | O_TRUNC);
    Buffer buffer(kSector, 0x33);
    write_all(open_file(path), buffer.data, 100, 0);
    expect(fsync(direct) == 0, "fsync");
    write_all(direct, buffer.data, kSector, 0);
    expect(size_of(direct) == static_cast<off_t>(kSector), "size");
}

void full(const char* path) {
    const int direct = open_file(path, O_DIRECT | O_TRUNC);
    Buffer large(48 << 20, 0x77);
    errno = 0;
    const ssize_t done = pwrite(direct, large.data, large.size, 0);
    expect(done == -1 && errno == ENOSPC, "48 MiB fit, or failed otherwise: " + std::to_string(done));
    struct stat st {};
    expect(fstat(direct, &st) == 0, "fstat");
    expect(st.st_size == 0 && st.st_blocks == 0, "a failed write left " + std::to_string(st.st_blocks) +
                                                     " sectors and " + std::to_string(st.st_size) + " bytes");
    write_all(direct, large.data, 1 << 20, 0);
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 3, "usage: direct basic|race|fails|inside|full FILE");
    const std::string command = argv[1];
    if (command == "basic")
        basic(argv[2]);
    else if (command == "race")
        race(argv[2]);
    else if (command == "fails")
        fails(argv[2]);
    else if (command == "inside")
        inside(argv[2]);
    else if (command == "full")
        full(argv[2]);
    else
        fail("no command " + command);
}

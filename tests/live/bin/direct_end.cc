// SPDX-License-Identifier: GPL-2.0-or-later
// The end of direct writes past DAX, each held where its data is on the device and nothing is converted yet.
//
//   direct_end unwritten FILE   until then readers and fiemap see unwritten blocks; a shared lock is no obstacle
//   direct_end waits FILE       truncate, punch and other writes wait for the conversion. The driver is done when a
//   request
//                               is submitted, so that asynchronous writes too end in the thread that began them
//   direct_end together FILE    the filesystem stops behind the first transaction: `together-after FILE`, in another
//                               mount, finds size and data
//   direct_end pieces FILE      the same with many extents, of which that transaction converts the first
//   direct_end before FILE      it stops before the conversion, which the writer is told: `before-after FILE`
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "tests/live/bin/points.h"

namespace {

constexpr std::size_t kBytes = 64 << 10;

std::uint8_t* buffer() {
    static std::uint8_t* data = [] {
        void* room = nullptr;
        expect(posix_memalign(&room, kPage, kBytes) == 0, "posix_memalign");
        std::memset(room, 0x55, kBytes);
        return static_cast<std::uint8_t*>(room);
    }();
    return data;
}

void expect_bytes(int fd, std::uint8_t value, const std::string& what) {
    expect(read_all(fd, kBytes, 0) == std::vector<std::uint8_t>(kBytes, value), what);
}

// Of the first extent, without writing anything back.
std::uint32_t extent_flags(int fd) {
    alignas(struct fiemap) std::uint8_t room[sizeof(struct fiemap) + sizeof(fiemap_extent)]{};
    auto* map = reinterpret_cast<struct fiemap*>(room);
    map->fm_length = kBytes;
    map->fm_extent_count = 1;
    expect(ioctl(fd, FS_IOC_FIEMAP, map) == 0 && map->fm_mapped_extents == 1, "fiemap");
    expect(map->fm_extents[0].fe_length == kBytes, "one extent");
    return map->fm_extents[0].fe_flags;
}

void stop_filesystem(const char* path) {
    const std::string directory = std::string(path).substr(0, std::string(path).rfind('/'));
    const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    std::uint32_t how = 2;  // at once: freezing first would wait for the thread that is held
    expect(ioctl(fd, _IOR('X', 125, std::uint32_t), &how) == 0, "shutdown");
    close(fd);
}

void unwritten(const char* path) {
    Point io_done("io_done");
    const int direct = open_file(path, O_DIRECT | O_TRUNC);
    const int cached = open_file(path);
    // The first write to an inode looks for privileges to drop, and takes its lock exclusive.
    write_all(direct, buffer(), kBytes, 0);
    for (const bool allocated : {false, true}) {
        expect(ftruncate(cached, 0) == 0 && ftruncate(cached, kBytes) == 0, "ftruncate");
        if (allocated)
            expect(fallocate(cached, 0, 0, kBytes) == 0, "fallocate");
        Actor writer([&] { write_all(direct, buffer(), kBytes, 0); });
        io_done.park(writer.tid());
        writer.start();
        io_done.wait_parked();
        expect(extent_flags(cached) & FIEMAP_EXTENT_UNWRITTEN, "blocks are written before the I/O has ended");
        expect_bytes(cached, 0, "what a reader sees of them");
        expect(!writer.finished(), "the writer did not wait");
        io_done.go();
        writer.wait();
        expect_bytes(cached, 0x55, "what was written");
        expect(!(extent_flags(cached) & FIEMAP_EXTENT_UNWRITTEN), "blocks were not converted");
    }
}

void waits(const char* path) {
    Point io_done("io_done");
    const int direct = open_file(path, O_DIRECT | O_TRUNC);
    const int cached = open_file(path);
    write_all(direct, buffer(), kBytes, 0);
    const struct {
        const char* what;
        std::function<void()> act;
        std::function<void()> check;
    } cases[] = {
        {"truncate", [&] { expect(ftruncate(cached, 100) == 0, "ftruncate"); },
         [&] { expect(size_of(cached) == 100 && read_all(cached, 1, 99)[0] == 0x55, "after truncate"); }},
        {"punch",
         [&] { expect(fallocate(cached, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kBytes) == 0, "punch"); },
         [&] { expect_bytes(cached, 0, "after punch"); }},
        {"zero range", [&] { expect(fallocate(cached, FALLOC_FL_ZERO_RANGE, 0, kBytes) == 0, "zero range"); },
         [&] { expect_bytes(cached, 0, "after zero range"); }},
        {"a buffered write", [&] { write_all(cached, "x", 1, 10); },
         [&] {
             const auto got = read_all(cached, 12, 0);
             expect(got[9] == 0x55 && got[10] == 'x' && got[11] == 0x55, "after a buffered write");
         }},
        {"a direct write of a part of a block", [&] { write_all(direct, buffer(), 512, 512); },
         [&] { expect_bytes(cached, 0x55, "after a direct write"); }},
    };
    for (const auto& entry : cases) {
        expect(ftruncate(cached, 0) == 0 && ftruncate(cached, kBytes) == 0, "ftruncate");
        Actor other(entry.act);
        Actor writer([&] { write_all(direct, buffer(), kBytes, 0); });
        io_done.park(writer.tid());
        writer.start();
        io_done.wait_parked();
        other.start();
        other.expect_blocked((std::string(entry.what) + " did not wait for direct I/O").c_str());
        io_done.go();
        writer.wait();
        other.wait();
        entry.check();
    }
}

void stop_behind_first(const char* path, int direct) {
    Point io_done("io_done"), committed("committed");
    Actor writer([&] { static_cast<void>(pwrite(direct, buffer(), kBytes, 0)); });
    io_done.park(writer.tid());
    writer.start();
    io_done.wait_parked();
    expect(size_of(direct) == 0, "the size moved before the I/O had ended");
    committed.park(writer.tid());
    io_done.go();
    committed.wait_parked();
    stop_filesystem(path);
    committed.go();
    writer.wait();
}

void together(const char* path) {
    stop_behind_first(path, open_file(path, O_DIRECT | O_TRUNC));
}

void pieces(const char* path) {
    const int direct = open_file(path, O_DIRECT | O_TRUNC);
    const int other = open_file((std::string(path) + ".other").c_str(), O_TRUNC);
    for (std::size_t at = 0; at < kBytes; at += kPage)
        for (const int fd : {direct, other})
            expect(fallocate(fd, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(at), kPage) == 0, "fallocate");
    stop_behind_first(path, direct);
}

void pieces_after(const char* path) {
    const int fd = open_file(path);
    const off_t size = size_of(fd);
    expect(size > 0 && size < static_cast<off_t>(kBytes),
           "the first of many transactions moved the size to " + std::to_string(size));
    const auto bytes = static_cast<std::size_t>(size);
    expect(read_all(fd, bytes, 0) == std::vector<std::uint8_t>(bytes, 0x55),
           "the size covers blocks that are not converted");
}

void together_after(const char* path) {
    const int fd = open_file(path);
    expect(size_of(fd) == static_cast<off_t>(kBytes),
           "the first transaction moved the size to " + std::to_string(size_of(fd)));
    expect_bytes(fd, 0x55, "the size covers blocks that are not converted");
}

void before(const char* path) {
    Point io_done("io_done");
    const int direct = open_file(path, O_DIRECT | O_TRUNC);
    ssize_t done = 0;
    int error = 0;
    Actor writer([&] {
        done = pwrite(direct, buffer(), kBytes, 0);
        error = errno;
    });
    io_done.park(writer.tid());
    writer.start();
    io_done.wait_parked();
    stop_filesystem(path);
    io_done.go();
    writer.wait();
    expect(done == -1 && error == EIO, "a write that was not converted returned " + std::to_string(done));
}

void before_after(const char* path) {
    const int fd = open_file(path);
    expect(size_of(fd) == 0, "the size of a file whose write was not converted");
    expect(ftruncate(fd, kBytes) == 0, "ftruncate");
    expect_bytes(fd, 0, "what was not converted");
}

constexpr struct {
    const char* name;
    void (*run)(const char* path);
} kCases[] = {
    {"unwritten", unwritten}, {"waits", waits},
    {"together", together},   {"together-after", together_after},
    {"pieces", pieces},       {"pieces-after", pieces_after},
    {"before", before},       {"before-after", before_after},
};

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 3, "usage: direct_end CASE FILE");
    for (const auto& entry : kCases)
        if (std::strcmp(entry.name, argv[1]) == 0) {
            entry.run(argv[2]);
            return 0;
        }
    fail(std::string("no case ") + argv[1]);
}

// SPDX-License-Identifier: GPL-2.0-or-later
// Races on one file, each with its window held open at a delay point of the module (kernel/points.h).
//
//   race CASE FILE
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "tests/live/bin/points.h"
#include "tests/live/mixer/sigbus.h"

namespace {

using mixer::without_sigbus;
using std::chrono::milliseconds;

std::uint8_t load(const volatile std::uint8_t* place) {
    return *place;
}

void store(volatile std::uint8_t* place, std::uint8_t value) {
    *place = value;
}

std::uint8_t byte_at(int fd, off_t at) {
    return read_all(fd, 1, at)[0];
}

int file_of(const char* path, std::size_t bytes) {
    const int fd = open_file(path, O_TRUNC);
    expect(ftruncate(fd, static_cast<off_t>(bytes)) == 0, "ftruncate");
    return fd;
}

void fill(int fd, std::size_t bytes, std::uint8_t value) {
    const std::vector<std::uint8_t> data(bytes, value);
    write_all(fd, data.data(), bytes, 0);
}

// Free space is full of old bytes afterwards, so that what is mapped before it is zeroed shows them.
void spoil_free_space(const char* path) {
    const std::string old = std::string(path) + ".old";
    const int fd = open_file(old.c_str(), O_TRUNC);
    const std::vector<std::uint8_t> data(kHuge, 0xaa);
    while (write(fd, data.data(), data.size()) > 0) {
    }
    expect(errno == ENOSPC, "filling the device");
    close(fd);
    expect(unlink(old.c_str()) == 0, "unlink");
}

// A write fault saw a hole; a write fills it before the fault goes on. The fault must look again. The write must not
// wait for the fault's DAX entry while it holds what the fault wants.
void write_under_fault(const char* path) {
    Point lookup("lookup"), invalidate("invalidate");
    const int fd = file_of(path, kPage);
    std::uint8_t* map = map_file(fd, kPage, 0, false);
    Actor faulter([&] { store(map + 100, 1); });
    Actor writer([&] { write_all(fd, "\2", 1, 200); });
    lookup.park(faulter.tid());
    faulter.start();
    lookup.wait_parked();
    invalidate.park(writer.tid());
    writer.start();
    invalidate.wait_parked();
    lookup.go();
    invalidate.go();
    faulter.wait();
    writer.wait();
    expect(load(map + 100) == 1 && load(map + 200) == 2, "the mapping lost a byte");
    expect(byte_at(fd, 100) == 1 && byte_at(fd, 200) == 2, "the file lost a byte");
    expect(byte_at(fd, 0) == 0 && byte_at(fd, kPage - 1) == 0, "bytes that nobody wrote");
}

// A write has blocks for a hole and has not mapped them; a store into the same block waits, and neither loses a byte.
void fault_under_write(const char* path) {
    Point stored("stored");
    const int fd = file_of(path, kPage);
    std::uint8_t* map = map_file(fd, kPage, 0, false);
    Actor writer([&] { write_all(fd, "\2", 1, 200); });
    Actor faulter([&] { store(map + 100, 1); });
    stored.park(writer.tid());
    writer.start();
    stored.wait_parked();
    faulter.start();
    faulter.expect_blocked("a fault mapped a block that is not committed");
    stored.go();
    writer.wait();
    faulter.wait();
    expect(load(map + 100) == 1 && load(map + 200) == 2, "the mapping lost a byte");
    expect(byte_at(fd, 100) == 1 && byte_at(fd, 200) == 2, "the file lost a byte");
}

// A write saw a hole; a store fills it before the write goes on. The write must look again.
void fault_before_write(const char* path) {
    Point lookup("lookup");
    const int fd = file_of(path, kPage);
    std::uint8_t* map = map_file(fd, kPage, 0, false);
    Actor writer([&] { write_all(fd, "\2", 1, 200); });
    lookup.park(writer.tid());
    writer.start();
    lookup.wait_parked();
    store(map + 100, 1);
    lookup.go();
    writer.wait();
    expect(load(map + 100) == 1 && load(map + 200) == 2, "the mapping lost a byte");
    expect(byte_at(fd, 100) == 1 && byte_at(fd, 200) == 2, "the file lost a byte");
}

// A huge fault has blocks and has not zeroed them; another mapping stores into the same range.
void fault_under_fault(const char* path) {
    Point zero("zero");
    const int fd = file_of(path, kHuge);
    std::uint8_t* huge = map_file(fd, kHuge, 0, true);
    std::uint8_t* small = map_file(fd, kHuge, 0, false);
    Actor first([&] { store(huge + 100, 1); });
    Actor second([&] { store(small + 200, 2); });
    Actor third([&] { store(small + kHuge - 1, 3); });
    zero.park(first.tid());
    first.start();
    zero.wait_parked();
    second.start();
    third.start();
    second.expect_blocked("a fault did not wait for the one before it");
    zero.go();
    first.wait();
    second.wait();
    third.wait();
    expect(load(huge + 100) == 1 && load(huge + 200) == 2 && load(huge + kHuge - 1) == 3, "a store is lost");
    expect(byte_at(fd, 100) == 1 && byte_at(fd, 200) == 2 && byte_at(fd, kHuge - 1) == 3, "the file lost a store");
}

// A reader comes while a fault has blocks that it has not zeroed: it must not see what they held before.
void read_under_fault(const char* path) {
    Point zero("zero");
    spoil_free_space(path);
    const int fd = file_of(path, kHuge);
    std::uint8_t* map = map_file(fd, kHuge, 0, true);
    std::uint8_t got = 0xff;
    Actor faulter([&] { store(map, 1); });
    Actor reader([&] { got = byte_at(fd, kHuge - 1); });
    zero.park(faulter.tid());
    faulter.start();
    zero.wait_parked();
    reader.start();
    reader.expect_blocked("a block was seen before its fault was done");
    zero.go();
    faulter.wait();
    reader.wait();
    expect(got == 0, "a reader saw old bytes of a block: " + std::to_string(got));
    expect(byte_at(fd, 0) == 1, "the store is lost");
}

// A read fault saw a hole and maps a zero page after a write filled the hole: that page must go.
void read_fault_under_write(const char* path) {
    Point read("read"), invalidate("invalidate");
    const int fd = file_of(path, kPage);
    const std::uint8_t* map = map_file(fd, kPage, 0, false);
    std::uint8_t before = 0xff;
    Actor faulter([&] { before = load(map); });
    Actor writer([&] { write_all(fd, "\7", 1, 0); });
    read.park(faulter.tid());
    faulter.start();
    read.wait_parked();
    invalidate.park(writer.tid());
    writer.start();
    invalidate.wait_parked();
    read.go();
    faulter.wait();
    expect(before == 0 || before == 7, "a byte from nowhere");
    invalidate.go();
    writer.wait();
    expect(load(map) == 7, "the mapping shows a hole where data is");
}

// Nothing maps the blocks that are punched, and they are not free yet: a fault must wait, not map them again.
void fault_under_punch(const char* path) {
    Point unmapped("unmapped");
    const int fd = file_of(path, 0);
    fill(fd, 2 * kPage, 0x11);
    std::uint8_t* map = map_file(fd, 2 * kPage, 0, false);
    expect(load(map) == 0x11 && load(map + kPage) == 0x11, "what was written");
    std::uint8_t got = 0xff;
    Actor puncher(
        [&] { expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2 * kPage) == 0, "punch"); });
    Actor loader([&] { got = load(map); });
    Actor storer([&] { store(map + kPage, 5); });
    unmapped.park(puncher.tid());
    puncher.start();
    unmapped.wait_parked();
    loader.start();
    storer.start();
    loader.expect_blocked("a fault mapped a block that is being freed");
    expect(!storer.finished(), "a write fault mapped a block that is being freed");
    unmapped.go();
    puncher.wait();
    loader.wait();
    storer.wait();
    expect(got == 0 && load(map) == 0, "a punched block is still mapped");
    expect(load(map + kPage) == 5 && byte_at(fd, kPage) == 5, "a store after the punch is lost");
    expect(byte_at(fd, kPage + 1) == 0, "punched bytes came back");
}

// The same with a truncate: who faults gets SIGBUS.
void fault_under_truncate(const char* path) {
    Point unmapped("unmapped");
    const int fd = file_of(path, 0);
    fill(fd, 2 * kPage, 0x11);
    std::uint8_t* map = map_file(fd, 2 * kPage, 0, false);
    store(map + kPage, 0x12);
    bool stored = true, loaded = true;
    Actor cutter([&] { expect(ftruncate(fd, 10) == 0, "truncate"); });
    Actor storer([&] { stored = without_sigbus([&] { store(map + kPage, 5); }); });
    Actor loader([&] { loaded = without_sigbus([&] { load(map + kPage); }); });
    unmapped.park(cutter.tid());
    cutter.start();
    unmapped.wait_parked();
    storer.start();
    loader.start();
    storer.expect_blocked("a fault behind the new end of file did not wait for the truncate");
    unmapped.go();
    cutter.wait();
    storer.wait();
    loader.wait();
    expect(!stored && !loaded, "a page behind the end of file is mapped");
    expect(size_of(fd) == 10 && byte_at(fd, 9) == 0x11, "what the truncate left");
    expect(ftruncate(fd, 2 * kPage) == 0 && byte_at(fd, 10) == 0 && byte_at(fd, kPage) == 0, "old bytes came back");
}

// The size moves when what was written is part of the file, by what was written; a fault does not move it.
void size(const char* path) {
    Point logged("logged");
    const int fd = file_of(path, 0);
    write_all(fd, "x", 1, 0);
    const std::vector<std::uint8_t> data(8 * kPage, 0x22);
    Actor writer([&] { write_all(fd, data.data(), data.size(), 1); });
    logged.park(writer.tid());
    writer.start();
    logged.wait_parked();
    expect(size_of(fd) == 1, "the size moved before the data was part of the file");
    logged.go();
    writer.wait();
    expect(size_of(fd) == static_cast<off_t>(data.size() + 1), "the size after the write");

    // The source ends in the middle: the size tells how far the copy came, which is in words of 8 bytes.
    std::uint8_t* source = map_file(-1, 4 * kPage, 0, false, MAP_PRIVATE | MAP_ANONYMOUS);
    std::memset(source, 0x33, 4 * kPage);
    expect(mprotect(source + 2 * kPage, 2 * kPage, PROT_NONE) == 0, "mprotect");
    const off_t end = size_of(fd);
    const ssize_t done = pwrite(fd, source + 100, 3 * kPage, end);
    constexpr ssize_t kThere = 2 * kPage - 100;
    expect(done > kThere - 8 && done <= kThere, "a short write wrote " + std::to_string(done));
    expect(size_of(fd) == end + done, "the size after a short write");
    expect(ftruncate(fd, end + done + 50) == 0 && byte_at(fd, end + done) == 0, "old bytes behind a short write");

    const int other = file_of((std::string(path) + ".fault").c_str(), 100);
    std::uint8_t* map = map_file(other, kPage, 0, false);
    store(map + 50, 1);
    expect(size_of(other) == 100, "a fault moved the size");
}

// An allocating write stores its data once: it zeroes no block. A write fault zeroes its block.
void once(const char* path) {
    Point zero("zero");
    const int fd = file_of(path, 0);
    const std::vector<std::uint8_t> data(256 * kPage, 0x44);
    zero.count();
    write_all(fd, data.data(), data.size(), 0);
    expect(zero.hits() == 0, "a write zeroed its blocks");
    expect(ftruncate(fd, 257 * kPage) == 0, "ftruncate");
    store(map_file(fd, kPage, 256 * kPage, false), 1);
    expect(zero.hits() == 1, "a write fault did not zero its block");
}

// The source is a mapping of the file, of the very block that is written, and vanishes while the inode lock is held.
void source_in_block(const char* path) {
    Point reserve("reserve");
    const int fd = file_of(path, 2 * kPage);
    std::uint8_t* map = map_file(fd, 2 * kPage, 0, false);
    store(map + kPage, 9);
    for (const off_t from : {off_t{0}, static_cast<off_t>(kPage)}) {
        Actor writer([&] { write_all(fd, map + from, 100, 200); });
        expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kPage) == 0, "punch");
        reserve.park(writer.tid());
        writer.start();
        reserve.wait_parked();
        expect(madvise(map, 2 * kPage, MADV_DONTNEED) == 0, "madvise");
        reserve.go();
        writer.wait();
        expect(byte_at(fd, 200) == (from == 0 ? 0 : 9) && load(map + 200) == byte_at(fd, 200), "what was copied");
    }
}

timespec mtime(int fd) {
    struct stat st {};
    expect(fstat(fd, &st) == 0, "fstat");
    return st.st_mtim;
}

bool moved(int fd, timespec& last) {
    const timespec now = mtime(fd);
    const bool yes = now.tv_sec != last.tv_sec || now.tv_nsec != last.tv_nsec;
    last = now;
    std::this_thread::sleep_for(milliseconds(30));  // the next change gets another time
    return yes;
}

// The first store to a page that is mapped read-only is noticed: again after each msync, and not while frozen.
void mkwrite(const char* path) {
    const int fd = file_of(path, 0);
    fill(fd, kPage, 0x11);
    std::uint8_t* map = map_file(fd, kPage, 0, false);
    timespec last{};
    moved(fd, last);
    expect(load(map) == 0x11 && !moved(fd, last), "a read moved the modification time");
    store(map, 1);
    expect(moved(fd, last), "a store to a page that was read did not move the modification time");
    expect(msync(map, kPage, MS_SYNC) == 0, "msync");
    store(map, 2);
    expect(moved(fd, last), "a store after msync did not move the modification time");
    expect(msync(map, kPage, MS_SYNC) == 0, "msync");

    const int root = open("/mnt", O_RDONLY | O_CLOEXEC);
    Actor storer([&] { store(map, 3); });
    expect(ioctl(root, FIFREEZE, 0) == 0, "freeze");
    storer.start();
    storer.expect_blocked("a store went to a frozen filesystem");
    expect(ioctl(root, FITHAW, 0) == 0, "thaw");
    storer.wait();
    expect(byte_at(fd, 0) == 3, "a store after the thaw");
}

// A store into a hole that was read: its block is there, and not in the page tables yet. What write(2) puts there is
// what everybody sees behind it, not the zeros that were mapped.
void write_behind_fault(const char* path) {
    const int fd = file_of(path, kPage);
    std::uint8_t* map = map_file(fd, kPage, 0, false);
    expect(load(map) == 0, "a hole");
    Point filled("filled");
    Actor storer([&] { store(map + 100, 1); });
    filled.park(storer.tid());
    storer.start();
    filled.wait_parked();
    fill(fd, kPage, 0x44);
    std::atomic<int> seen{-1};
    Actor loader([&] { seen = load(map); });
    loader.start();
    std::this_thread::sleep_for(kLongEnough);
    filled.go();
    storer.wait();
    loader.wait();
    expect(seen == 0x44, "behind a write(2) a mapping shows " + std::to_string(seen));
    expect(load(map + 100) == 1 && load(map + 101) == 0x44, "the store is lost, or the write");
}

// Stores to a page race with its msync: whichever way, the page is writable again only after it was noticed.
void mkwrite_under_msync(const char* path) {
    const int fd = file_of(path, 0);
    fill(fd, kPage, 0);
    std::uint8_t* map = map_file(fd, kPage, 0, false);
    std::atomic<bool> stop{false};
    Actor storer([&] {
        for (std::uint8_t n = 0; !stop; ++n)
            store(map + 7, n);
    });
    storer.start();
    for (int i = 0; i < 300; ++i)
        expect(msync(map, kPage, MS_SYNC) == 0, "msync");
    stop = true;
    storer.wait();
    timespec last{};
    expect(msync(map, kPage, MS_SYNC) == 0, "msync");
    moved(fd, last);
    store(map + 8, 1);
    expect(moved(fd, last), "the page is writable and clean");
    expect(byte_at(fd, 7) == load(map + 7), "mapping and file differ");
}

constexpr struct {
    const char* name;
    void (*run)(const char* path);
} kCases[] = {
    {"write_under_fault", write_under_fault},
    {"write_behind_fault", write_behind_fault},
    {"fault_under_write", fault_under_write},
    {"fault_before_write", fault_before_write},
    {"fault_under_fault", fault_under_fault},
    {"read_under_fault", read_under_fault},
    {"read_fault_under_write", read_fault_under_write},
    {"fault_under_punch", fault_under_punch},
    {"fault_under_truncate", fault_under_truncate},
    {"size", size},
    {"once", once},
    {"source_in_block", source_in_block},
    {"mkwrite", mkwrite},
    {"mkwrite_under_msync", mkwrite_under_msync},
};

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 3, "usage: race CASE FILE");
    mixer::catch_sigbus();
    for (const auto& entry : kCases) {
        if (std::strcmp(entry.name, argv[1]) == 0) {
            entry.run(argv[2]);
            std::printf("%s: ok\n", entry.name);
            return 0;
        }
    }
    fail(std::string("no case ") + argv[1]);
}

// SPDX-License-Identifier: GPL-2.0-or-later
// The edges of page faults, one case a call.
//
//   fault eof FILE              SIGBUS behind the end of file, zeros up to the end of its page
//   fault readonly FILE         loads of a hole allocate nothing; what may not be written is not
//   fault private FILE          copies stay private, what was not copied follows the file
//   fault gigabyte FILE DIR     a mapping of 1 GiB: one fault, one transaction at most. DIR: of the counters
//   fault dirty FILE TRACE      stores are written back once, and again after the next store. DIR: of tracefs
//   fault freeze FILE DIR       stores wait while the filesystem is frozen, loads do not
//   fault partial FILE TRACE    a part of a 2 MiB page goes, stores to the rest of it are still written back
//   fault direct FILE           O_DIRECT from and into mappings of the same file and of another
//   fault race FILE SEED        mappers, truncate and punch, while another file takes the blocks that become free
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <fstream>
#include <thread>

#include "tests/live/bin/check.h"

namespace {

thread_local sigjmp_buf bus_place;

void on_bus_error(int /*signal*/) {
    siglongjmp(bus_place, 1);
}

// -1: SIGBUS.
int load(const volatile std::uint8_t* at) {
    if (sigsetjmp(bus_place, 1) != 0)
        return -1;
    return *at;
}

bool store(volatile std::uint8_t* at, std::uint8_t value) {
    if (sigsetjmp(bus_place, 1) != 0)
        return false;
    *at = value;
    return true;
}

blkcnt_t blocks_of(int fd) {
    struct stat st {};
    expect(fstat(fd, &st) == 0, "fstat");
    return st.st_blocks;
}

void resize(int fd, off_t size) {
    expect(ftruncate(fd, size) == 0, "ftruncate to " + std::to_string(size));
}

void punch(int fd, off_t at, off_t length) {
    expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, length) == 0, "punch");
}

int eof(const char* path) {
    const int fd = open_file(path, O_TRUNC);
    write_all(fd, std::vector<char>(5000, 'a').data(), 5000, 0);
    for (const bool huge : {false, true}) {
        std::uint8_t* map = map_file(fd, 2 * kHuge, 0, huge);
        expect(load(map + 4999) == 'a' && load(map + 5000) == 0 && load(map + 8191) == 0, "bytes around the end");
        expect(load(map + 8192) == -1 && !store(map + 8192, 1) && load(map + kHuge) == -1, "no SIGBUS behind the end");
        expect(store(map + 6000, 'x') && msync(map, 8192, MS_SYNC) == 0, "store behind the end, in its page");
        resize(fd, 2 * kHuge);
        expect(load(map + 6000) == 0 && load(map + kHuge) == 0 && read_all(fd, 1, 6000)[0] == 0,
               "a byte stored behind the end came into the file");
        expect(store(map + kHuge, 'y'), "store");
        resize(fd, 4097);
        expect(load(map + kHuge) == -1 && load(map + 8192) == -1 && load(map + 4096) == 'a' && load(map + 4097) == 0,
               "after a truncate");
        resize(fd, 2 * kHuge);
        expect(load(map + kHuge) == 0 && load(map + 4097) == 0, "truncated bytes are back");
        resize(fd, 0);
        expect(load(map) == -1, "no SIGBUS in an empty file");
        write_all(fd, std::vector<char>(5000, 'a').data(), 5000, 0);
    }
    return 0;
}

int readonly(const char* path) {
    const int fd = open_file(path, O_TRUNC);
    resize(fd, 4 * kHuge);
    const int reader = open(path, O_RDONLY | O_CLOEXEC);
    for (const bool huge : {false, true}) {
        void* room = map_file(fd, 4 * kHuge, 0, huge);
        auto* map = static_cast<std::uint8_t*>(mmap(room, 4 * kHuge, PROT_READ, MAP_SHARED | MAP_FIXED, reader, 0));
        expect(map != MAP_FAILED, "mmap read-only");
        for (std::size_t at = 0; at < 4 * kHuge; at += kHuge / 4)
            expect(load(map + at) == 0, "a hole is not zeros");
        expect(mprotect(map, 4 * kHuge, PROT_READ | PROT_WRITE) == -1 && errno == EACCES,
               "a mapping of a descriptor that is only for reading became writable");
    }
    expect(blocks_of(fd) == 0, "loads of a hole allocated blocks");
    expect(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0) == MAP_FAILED && errno == EACCES,
           "a writable shared mapping of a descriptor that is only for reading");
    return 0;
}

int private_copies(const char* path) {
    const int fd = open_file(path, O_TRUNC);
    resize(fd, 2 * kHuge);
    std::uint8_t* map = map_file(fd, 2 * kHuge, 0, true, MAP_PRIVATE);
    expect(load(map) == 0 && load(map + kHuge) == 0, "a hole is not zeros");
    expect(store(map + 3 * kPage, 1) && store(map + kHuge + kPage, 2), "store");
    expect(blocks_of(fd) == 0, "private stores allocated blocks");
    write_all(fd, std::vector<char>(16 * kPage, 'f').data(), 16 * kPage, 0);
    expect(load(map + 3 * kPage) == 1 && load(map + 3 * kPage + 1) == 0, "the copy changed");
    expect(load(map + 2 * kPage) == 'f' && load(map + 4 * kPage) == 'f', "pages that were not copied are old");
    expect(read_all(fd, 1, 3 * kPage)[0] == 'f', "a private store came into the file");
    resize(fd, kPage);
    expect(load(map + 3 * kPage) == -1, "no SIGBUS from a copy behind the end of file");
    return 0;
}

int gigabyte(const char* path, const std::string& counters) {
    constexpr std::size_t kGigabyte = std::size_t{1} << 30;
    const int fd = open_file(path, O_TRUNC);
    resize(fd, kGigabyte);
    void* room = mmap(nullptr, 2 * kGigabyte, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(room != MAP_FAILED, "mmap of address space");
    const auto place = (reinterpret_cast<std::uintptr_t>(room) + kGigabyte - 1) / kGigabyte * kGigabyte;
    auto* map = static_cast<std::uint8_t*>(
        mmap(reinterpret_cast<void*>(place), kGigabyte, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0));
    expect(map != MAP_FAILED, "mmap");
    std::uint64_t before = counter(counters, "commits");
    expect(load(map + kGigabyte / 2) == 0, "load");
    expect(counter(counters, "commits") == before, "a load of a hole made a transaction");
    expect(store(map, 1), "store");
    const std::uint64_t after = counter(counters, "commits");
    expect(after == before + 1, "a store made " + std::to_string(after - before) + " transactions");
    expect(blocks_of(fd) == static_cast<blkcnt_t>(kHuge / 512), "a store allocated more than 2 MiB");
    return 0;
}

// Lines of the trace that say a range of the file was written back.
unsigned writebacks(const std::string& trace) {
    std::ifstream lines(trace + "/trace");
    unsigned count = 0;
    for (std::string line; std::getline(lines, line);)
        count += line.find("dax_writeback_one:") != std::string::npos ? 1 : 0;
    std::ofstream(trace + "/trace") << '\n';
    return count;
}

int dirty(const char* path, const std::string& trace) {
    const int fd = open_file(path, O_TRUNC);
    resize(fd, 2 * kHuge);
    std::ofstream(trace + "/events/fs_dax/dax_writeback_one/enable") << "1\n";
    for (const bool huge : {false, true}) {
        std::uint8_t* map = map_file(fd, 2 * kHuge, 0, huge, MAP_SHARED_VALIDATE | MAP_SYNC) + (huge ? kHuge : 0);
        for (unsigned round = 0; round < 3; ++round) {
            expect(store(map + 100, static_cast<std::uint8_t>(round + 1)), "store");
            expect(msync(map, kPage, MS_SYNC) == 0, "msync");
            expect(writebacks(trace) == 1, "msync after store " + std::to_string(round) + " wrote nothing back");
            expect(msync(map, kPage, MS_SYNC) == 0, "msync");
            expect(writebacks(trace) == 0, "msync wrote back what is clean");
            expect(load(map + 100) == static_cast<int>(round + 1), "load");
        }
    }
    std::ofstream(trace + "/events/fs_dax/dax_writeback_one/enable") << "0\n";
    return 0;
}

int freeze(const char* path, const std::string& counters) {
    const int fd = open_file(path, O_TRUNC);
    resize(fd, 4 * kHuge);
    std::uint8_t* map = map_file(fd, 4 * kHuge, 0, false);
    expect(store(map + 9, 1) && msync(map, kPage, MS_SYNC) == 0, "store");  // now write-protected: pfn_mkwrite
    const std::string directory = std::string(path).substr(0, std::string(path).rfind('/'));
    const int root = open(directory.c_str(), O_RDONLY | O_CLOEXEC);
    expect(ioctl(root, FIFREEZE, 0) == 0, "freeze");
    const std::uint64_t before = counter(counters, "commits");
    // Processes: a fault that waits holds its address space.
    int ends[2];
    expect(pipe2(ends, O_NONBLOCK) == 0, "pipe");
    for (const std::size_t at : {std::size_t{9}, kHuge + 5, 2 * kHuge + 7}) {
        if (fork() == 0) {
            const bool stored = store(map + at, 2) && write(ends[1], "x", 1) == 1;
            _exit(stored ? 0 : 1);
        }
    }
    usleep(400000);
    char bytes[8];
    const bool early = read(ends[0], bytes, sizeof(bytes)) > 0;
    const std::uint64_t commits = counter(counters, "commits") - before;
    const int byte = load(map + 3 * kHuge);  // of a hole
    const int stored = load(map + 10) + read_all(fd, 1, 9)[0];
    expect(ioctl(root, FITHAW, 0) == 0, "thaw");
    expect(!early, "a store came through while frozen");
    expect(commits == 0, "a transaction while frozen");
    expect(byte == 0 && stored == 1, "loads while frozen");
    int status = 0;
    while (wait(&status) > 0)
        expect(status == 0, "a store that waited for the thaw");
    expect(load(map + 9) == 2 && load(map + kHuge + 5) == 2 && load(map + 2 * kHuge + 7) == 2, "stores after the thaw");
    return 0;
}

// Where an entry of 2 MiB goes in part, stores to the rest of it are flushed before the next fsync() returns. A second
// mapping covers the rest with small pages: what it stores later is noticed too.
int partial(const char* path, const std::string& trace) {
    struct Removal {
        const char* name;
        std::size_t kept;  // a byte of the 2 MiB that stays the file's, where it was
        void (*remove)(int fd);
    };
    static const Removal removals[] = {
        {"nothing", 0, [](int) {}},
        {"punch at the start", kHuge / 2, [](int fd) { punch(fd, kHuge, kPage); }},
        {"punch at the end", kHuge / 2, [](int fd) { punch(fd, 2 * kHuge - kPage, kPage); }},
        {"punch inside", kHuge / 2, [](int fd) { punch(fd, kHuge + kPage, kPage); }},
        {"punch from before", kHuge / 2, [](int fd) { punch(fd, kPage, kHuge); }},
        {"punch past the end", kHuge / 2, [](int fd) { punch(fd, 2 * kHuge - kPage, kHuge); }},
        {"zero range", kHuge / 2,
         [](int fd) { expect(fallocate(fd, FALLOC_FL_ZERO_RANGE, kHuge + kPage, kPage) == 0, "zero range"); }},
        {"truncate", kHuge / 2, [](int fd) { resize(fd, 2 * kHuge - kPage); }},
        {"truncate inside a page", kHuge / 2, [](int fd) { resize(fd, 2 * kHuge - 100); }},
        {"collapse", 0,
         [](int fd) { expect(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, kHuge + kPage, kPage) == 0, "collapse"); }},
        {"insert", 0,
         [](int fd) { expect(fallocate(fd, FALLOC_FL_INSERT_RANGE, kHuge + kPage, kPage) == 0, "insert"); }},
    };
    std::ofstream(trace + "/events/fs_dax/dax_writeback_one/enable") << "1\n";
    for (const Removal& removal : removals) {
        const std::string what = removal.name;
        const int fd = open_file(path, O_TRUNC);
        const std::vector<char> data(4 * kHuge, 'i');
        write_all(fd, data.data(), data.size(), 0);
        std::uint8_t* map = map_file(fd, 4 * kHuge, 0, true);
        std::uint8_t* small = map_file(fd, kHuge / 2, kHuge + kHuge / 4, false);
        expect(fsync(fd) == 0, "fsync");
        (void)writebacks(trace);
        expect(store(map + kHuge + kHuge / 2, 'X') && store(small + kHuge / 4 + 8, 'Y'), "stores");
        removal.remove(fd);
        expect(fsync(fd) == 0, "fsync");
        expect(writebacks(trace) > 0, what + ": stores beside it are never flushed");
        if (removal.kept != 0) {
            expect(store(small + kHuge / 4 + 9, 'Z') && fsync(fd) == 0, "a store afterwards");
            expect(writebacks(trace) > 0, what + ": a store afterwards is never flushed");
            expect(load(map + kHuge + removal.kept) == 'X' && load(map + kHuge + removal.kept + 8) == 'Y' &&
                       load(map + kHuge + removal.kept + 9) == 'Z',
                   what + ": what was stored");
        }
        munmap(map, 4 * kHuge);
        munmap(small, kHuge / 2);
        close(fd);
    }
    std::ofstream(trace + "/events/fs_dax/dax_writeback_one/enable") << "0\n";
    return 0;
}

int direct(const char* path) {
    constexpr std::size_t kBytes = 2 * kHuge;
    const std::string other = std::string(path) + ".other";
    const int fd = open_file(path, O_TRUNC | O_DIRECT);
    const int second = open_file(other.c_str(), O_TRUNC | O_DIRECT);
    std::vector<std::uint8_t> wanted(kBytes);
    for (std::size_t at = 0; at < kBytes; ++at)
        wanted[at] = static_cast<std::uint8_t>(at % 251);
    resize(fd, kBytes);
    resize(second, kBytes);
    for (const bool huge : {true, false}) {
        std::uint8_t* map = map_file(fd, kBytes, 0, huge);
        std::memcpy(map, wanted.data(), kBytes);
        // Out of a mapping, and into one whose pages are holes.
        write_all(second, map, kBytes, 0);
        punch(fd, 0, kBytes);
        expect(pread(second, map, kBytes, 0) == static_cast<ssize_t>(kBytes), "read into a mapping of another file");
        expect(std::memcmp(map, wanted.data(), kBytes) == 0, "bytes read into a mapping");
        // Within one file: half of it into the other half.
        punch(fd, kHuge, kHuge);
        write_all(fd, map, kHuge, kHuge);
        expect(pread(fd, map + kHuge, kHuge, 0) == static_cast<ssize_t>(kHuge), "read into a mapping of the same file");
        expect(std::memcmp(map, wanted.data(), kHuge) == 0 && std::memcmp(map + kHuge, wanted.data(), kHuge) == 0,
               "bytes read into a mapping of the same file");
        // A range into itself.
        expect(pread(fd, map, kHuge, 0) == static_cast<ssize_t>(kHuge), "read of a range into itself");
        expect(std::memcmp(map, wanted.data(), kHuge) == 0, "bytes of a range read into itself");
        munmap(map, kBytes);
    }
    return 0;
}

// Every byte of the file is 0 or a letter that says who stored it; the other file is full of '!', which must never
// show.
int race(const char* path, std::uint64_t seed) {
    constexpr std::size_t kBytes = 2 * kHuge;
    const std::string other = std::string(path) + ".other";
    const int fd = open_file(path, O_TRUNC);
    resize(fd, kBytes);
    std::atomic<bool> stop{false};
    std::atomic<unsigned> strange{0};
    std::vector<std::thread> threads;
    for (unsigned number = 0; number < 3; ++number)
        threads.emplace_back([&, number] {
            Random random(seed + number);
            std::uint8_t* map = map_file(fd, kBytes, 0, number != 0);
            while (!stop) {
                std::uint8_t* at = map + random.below(kBytes / kPage) * kPage + number;
                const int byte = load(at);
                if (byte > 0 && byte != static_cast<int>('a' + number))
                    ++strange;
                store(at, static_cast<std::uint8_t>('a' + number));
            }
        });
    threads.emplace_back([&] {
        const std::vector<char> data(kHuge, '!');
        const int second = open_file(other.c_str(), O_TRUNC);
        while (!stop) {
            write_all(second, data.data(), data.size(), 0);
            write_all(second, data.data(), data.size(), kHuge);
            resize(second, 0);
        }
    });
    Random random(seed);
    for (unsigned round = 0; round < 400; ++round) {
        const auto at = static_cast<off_t>(random.below(kBytes));
        if (random.below(3) == 0) {
            resize(fd, at);
            resize(fd, kBytes);
        } else {
            punch(fd, at, static_cast<off_t>(1 + random.below(kBytes - static_cast<std::size_t>(at))));
        }
    }
    stop = true;
    for (std::thread& thread : threads)
        thread.join();
    expect(strange == 0, std::to_string(strange) + " loads saw bytes that nobody stored there");
    const auto got = read_all(fd, kBytes, 0);
    for (std::size_t at = 0; at < kBytes; ++at)
        expect(got[at] == 0 || (at % kPage < 3 && got[at] == 'a' + at % kPage), "a byte that nobody stored there");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc >= 3, "usage: fault CASE FILE [ARGUMENT]");
    struct sigaction action {};
    action.sa_handler = on_bus_error;
    expect(sigaction(SIGBUS, &action, nullptr) == 0, "sigaction");
    const std::string what = argv[1];
    const std::string argument = argc > 3 ? argv[3] : "";
    if (what == "eof")
        return eof(argv[2]);
    if (what == "readonly")
        return readonly(argv[2]);
    if (what == "private")
        return private_copies(argv[2]);
    if (what == "gigabyte")
        return gigabyte(argv[2], argument);
    if (what == "dirty")
        return dirty(argv[2], argument);
    if (what == "freeze")
        return freeze(argv[2], argument);
    if (what == "partial")
        return partial(argv[2], argument);
    if (what == "direct")
        return direct(argv[2]);
    if (what == "race")
        return race(argv[2], std::strtoull(argument.c_str(), nullptr, 10));
    fail("no such case: " + what);
}

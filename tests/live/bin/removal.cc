// SPDX-License-Identifier: GPL-2.0-or-later
// A load that the device is taken away under: readers, writers, mappers, changers of names, and a pipe that refers to
// mapped pages. Each process works until it is told EIO, or gets SIGBUS, which is how it should end: then it goes on
// for a while to see that this is all it gets.
//
//   removal DIRECTORY SEED     says "working" when all have begun; status 0 when every process ended as it should
#include <dirent.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <atomic>
#include <csetjmp>
#include <csignal>

#include "tests/live/bin/check.h"

namespace {

constexpr std::size_t kBytes = 8 << 20;

constexpr unsigned kProcesses = 8;

sigjmp_buf bus_place;
std::atomic<unsigned>* ready;  // processes that have what they need; shared by all

void on_bus_error(int /*signal*/) {
    siglongjmp(bus_place, 1);
}

// What an operation may answer once the device is gone.
bool is_gone(long result) {
    if (result >= 0)
        return false;
    expect(errno == EIO, "an operation without the device");
    return true;
}

std::string name_of(const std::string& directory, const char* kind, unsigned number) {
    return directory + "/" + kind + std::to_string(number);
}

int prepare(const std::string& path) {
    const int fd = open_file(path.c_str());
    const std::vector<std::uint8_t> data(kBytes, 0x5a);
    if (size_of(fd) < static_cast<off_t>(kBytes))
        write_all(fd, data.data(), kBytes, 0);
    return fd;
}

void read_until_gone(const std::string& directory, Random random) {
    const int fd = prepare(directory + "/read");
    std::vector<std::uint8_t> data(64 << 10);
    ++*ready;
    for (unsigned gone = 0; gone < 100;) {
        const ssize_t got = pread(fd, data.data(), data.size(), static_cast<off_t>(random.below(kBytes - data.size())));
        gone += is_gone(got) ? 1 : 0;
        expect(got < 0 || data[0] == 0x5a, "bytes that were read");
    }
}

void write_until_gone(const std::string& directory, Random random) {
    const std::string path = name_of(directory, "write", static_cast<unsigned>(random.below(1u << 30)));
    const int fd = open_file(path.c_str());
    const std::vector<std::uint8_t> data(96 << 10, 7);
    ++*ready;
    for (unsigned gone = 0; gone < 100;) {
        const auto at = static_cast<off_t>(random.below(kBytes));
        long result = 0;
        switch (random.below(8)) {
            case 0:
                result = ftruncate(fd, at);
                break;
            case 1:
                result = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, 50000);
                break;
            case 2:
                result = fallocate(fd, 0, at, 50000);
                break;
            case 3:
                result = fsync(fd);
                break;
            default:
                result = pwrite(fd, data.data(), 1 + random.below(data.size()), at);
        }
        gone += is_gone(result) ? 1 : 0;
    }
}

// Loads and stores of pages that are there and pages that must be allocated.
void touch_until_gone(const std::string& directory, Random random, bool huge) {
    const std::string path = name_of(directory, "map", static_cast<unsigned>(random.below(1u << 30)));
    const int fd = open_file(path.c_str());
    expect(ftruncate(fd, kBytes) == 0, "ftruncate");
    volatile std::uint8_t* map = map_file(fd, kBytes, 0, huge);
    // Across siglongjmp().
    static volatile unsigned gone = 0;
    ++*ready;
    sigsetjmp(bus_place, 1);
    while (gone < 100) {
        gone = gone + 1;  // taken back unless a SIGBUS comes
        const std::size_t at = random.below(kBytes);
        map[at] = static_cast<std::uint8_t>(map[at] + 1);
        if (random.below(64) == 0)
            msync(const_cast<std::uint8_t*>(map), kBytes, MS_SYNC);
        gone = gone - 1;
    }
}

void name_until_gone(const std::string& directory, Random random) {
    ++*ready;
    for (unsigned gone = 0; gone < 100;) {
        const std::string one = name_of(directory, "n", static_cast<unsigned>(random.below(50)));
        const std::string other = name_of(directory, "n", static_cast<unsigned>(random.below(50)));
        long result = 0;
        switch (random.below(4)) {
            case 0:
                result = open(one.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
                break;
            case 1:
                result = rename(one.c_str(), other.c_str());
                break;
            case 2:
                result = mkdir((directory + "/d" + std::to_string(random.below(50))).c_str(), 0755);
                break;
            default:
                result = unlink(one.c_str());
        }
        if (result > 2)
            close(static_cast<int>(result));
        if (result < 0 && (errno == ENOENT || errno == EEXIST))
            continue;
        gone += is_gone(result) ? 1 : 0;
    }
}

// Pages of a mapping in a pipe: the removal waits until they are taken out, and their bytes are good until then.
void pipe_until_gone(const std::string& directory) {
    const int fd = prepare(directory + "/pipe");
    std::uint8_t* map = map_file(fd, kBytes, 0, false);
    int ends[2];
    expect(pipe(ends) == 0, "pipe");
    const iovec pages{map, 8 * kPage};
    expect(vmsplice(ends[1], &pages, 1, 0) == static_cast<ssize_t>(8 * kPage), "vmsplice");
    std::uint8_t byte = 0;
    ++*ready;
    while (!is_gone(pread(fd, &byte, 1, 0)))
        usleep(1000);
    usleep(300000);
    std::vector<std::uint8_t> got(8 * kPage);
    expect(read(ends[0], got.data(), got.size()) == static_cast<ssize_t>(got.size()), "read from the pipe");
    expect(got == std::vector<std::uint8_t>(8 * kPage, 0x5a), "bytes of pages in the pipe");
}

void work(const std::string& directory, unsigned kind, Random random) {
    switch (kind) {
        case 0:
            return read_until_gone(directory, random);
        case 1:
        case 2:
            return write_until_gone(directory, random);
        case 3:
            return touch_until_gone(directory, random, true);
        case 4:
            return touch_until_gone(directory, random, false);
        case 5:
            return pipe_until_gone(directory);
        default:
            return name_until_gone(directory, random);
    }
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 3, "usage: removal DIRECTORY SEED");
    const std::string directory = argv[1];
    Random random(std::strtoull(argv[2], nullptr, 10));
    struct sigaction action {};
    action.sa_handler = on_bus_error;
    expect(sigaction(SIGBUS, &action, nullptr) == 0, "sigaction");
    void* shared = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect(shared != MAP_FAILED, "mmap");
    ready = new (shared) std::atomic<unsigned>(0);
    close(prepare(directory + "/read"));
    close(prepare(directory + "/pipe"));
    for (unsigned kind = 0; kind < kProcesses; ++kind) {
        const pid_t child = fork();
        expect(child >= 0, "fork");
        if (child == 0) {
            work(directory, kind, Random(random.next() + kind));
            std::exit(0);
        }
        random.next();
    }
    while (*ready < kProcesses)
        usleep(1000);
    std::puts("working");
    std::fflush(stdout);
    int status = 0;
    bool good = true;
    while (wait(&status) > 0)
        good = good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    expect(good, "a process of the load did not end as it should");
    return 0;
}

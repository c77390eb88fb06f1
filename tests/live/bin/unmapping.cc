// SPDX-License-Identifier: GPL-2.0-or-later
// Stores by way of a mapping that is being taken down. munmap(2) takes two mappings down at once. When the first is off
// its file, the second waits for the lock of its file's mappings, of which there are very many, and which another
// program keeps truncating. The processors have not been told yet: a thread goes on storing to the first file, which is
// truncated meanwhile. None of its stores may reach the file that gets the blocks.
//
//   unmapping DIR ROUNDS    says in how many rounds the other file got a block of the first
#include <sys/prctl.h>
#include <sys/wait.h>

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <thread>

#include "extents.h"

namespace {

constexpr std::size_t kPages = 16;
constexpr std::size_t kBytes = kPages * kPage;
constexpr int kMappings = 30000;
constexpr std::uint8_t kStored = 'S';
constexpr std::uint8_t kOthers = 'H';

// What the processes tell each other.
struct Shared {
    std::atomic<int> round;   // the truncating process is to begin
    std::atomic<int> judged;  // ... and is done
    std::atomic<int> shared_rounds;
};

std::atomic<std::uint8_t*> target;
std::atomic<bool> storing;
std::atomic<bool> over;
thread_local sigjmp_buf before_store;

void on_fault(int) {
    siglongjmp(before_store, 1);
}

void store_for_ever() {
    run_on(0);
    while (!over) {
        std::uint8_t* map = target;
        if (map == nullptr)
            continue;
        if (sigsetjmp(before_store, 1) == 0) {
            while (true) {
                for (std::size_t page = 0; page < kPages; ++page)
                    *const_cast<volatile std::uint8_t*>(map + page * kPage) = kStored;
                storing = true;
            }
        }
        target = nullptr;
        storing = false;
    }
}

std::uint64_t first_block(int fd) {
    const auto extents = extents_of(fd, 0);
    expect(!extents.empty(), "a file without blocks");
    return extents[0].disk;
}

// Keeps the lock of the mappings of `path` busy, until it is killed.
[[noreturn]] void keep_busy(const std::string& path) {
    const int fd = open_file(path.c_str());
    for (int i = 0; i < kMappings; ++i) {
        auto* map = static_cast<std::uint8_t*>(mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, 0));
        expect(map != MAP_FAILED, "a mapping of many");
        *const_cast<volatile std::uint8_t*>(map);
    }
    while (true)
        expect(ftruncate(fd, 0) == 0 && ftruncate(fd, kPage) == 0, "ftruncate of what is mapped often");
}

// Truncates the first file some time after munmap(2) has begun, writes another one, and looks at it for a while.
[[noreturn]] void truncate_and_look(const std::string& dir, int rounds, Shared& shared) {
    const int fd = open_file((dir + "/first").c_str());
    const int other = open_file((dir + "/other").c_str());
    const std::vector<std::uint8_t> data(kBytes, kOthers);
    for (int round = 1; round <= rounds; ++round) {
        while (shared.round < round)
            usleep(100);
        const std::uint64_t before = first_block(fd);
        usleep(static_cast<useconds_t>(round % 20) * 500);
        expect(ftruncate(fd, 0) == 0, "ftruncate");
        write_all(other, data.data(), kBytes, 0);
        if (first_block(other) == before)
            ++shared.shared_rounds;
        for (int look = 0; look < 10; ++look) {
            usleep(1000);
            expect(read_all(other, kBytes, 0) == data,
                   "round " + std::to_string(round) + ": a store of the other program's");
        }
        expect(ftruncate(other, 0) == 0, "ftruncate");
        shared.judged = round;
    }
    _exit(0);
}

void expect_grows(int fd) {
    std::uint8_t* map = map_file(fd, 4 * kPage, 0, false);
    expect(munmap(map + kPage, 3 * kPage) == 0, "munmap");
    expect(mremap(map, kPage, 2 * kPage, 0) == map, "mremap where there is room");
    expect(munmap(map, 2 * kPage) == 0, "munmap");
}

void one_round(int fd, int busy, int round, Shared& shared, pid_t looking) {
    const std::vector<std::uint8_t> data(kBytes, kStored);
    write_all(fd, data.data(), kBytes, 0);
    // The file that is mapped often comes behind the other: it is taken off last.
    std::uint8_t* map = map_file(fd, kBytes, 0, false);
    expect(mmap(map + kBytes, kPage, PROT_READ, MAP_SHARED | MAP_FIXED, busy, 0) != MAP_FAILED, "mmap");
    target = map;
    while (!storing)
        usleep(100);
    usleep(2000);
    shared.round = round;
    expect(munmap(map, kBytes + kPage) == 0, "munmap");
    while (shared.judged < round) {
        int status = 0;
        expect(waitpid(looking, &status, WNOHANG) == 0 || shared.judged >= round, "the program that looks");
        usleep(1000);
    }
    while (storing)
        usleep(100);
}

template <typename Body>
pid_t start(Body body) {
    const pid_t child = fork();
    expect(child >= 0, "fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body();
    }
    return child;
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 3, "unmapping DIR ROUNDS");
    const std::string dir = argv[1];
    const int rounds = std::atoi(argv[2]);
    auto& shared =
        *static_cast<Shared*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    const int fd = open_file((dir + "/first").c_str());
    const int busy = open_file((dir + "/busy").c_str());
    const std::vector<std::uint8_t> page(kPage, 1);
    write_all(busy, page.data(), kPage, 0);
    expect_grows(busy);
    run_on(1);
    const pid_t walking = start([&] { keep_busy(dir + "/busy"); });
    const pid_t looking = start([&] { truncate_and_look(dir, rounds, shared); });
    signal(SIGSEGV, on_fault);
    signal(SIGBUS, on_fault);
    std::thread storer(store_for_ever);
    for (int round = 1; round <= rounds; ++round)
        one_round(fd, busy, round, shared, looking);
    over = true;
    storer.join();
    expect(kill(walking, SIGKILL) == 0 && waitpid(walking, nullptr, 0) == walking, "the program that truncates");
    expect(waitpid(looking, nullptr, 0) == looking, "the program that looks");
    std::printf("%d\n", shared.shared_rounds.load());
    return 0;
}

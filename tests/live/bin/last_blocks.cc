// SPDX-License-Identifier: GPL-2.0-or-later
// The last blocks of a nearly full daxfs at DIRECTORY, when each of two processors knows only what it took and freed
// itself: all of them can be had, by one or by both at once, and not one more. Usage: last_blocks DIRECTORY
#include <sys/resource.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <thread>

#include "check.h"

namespace {

constexpr unsigned kFiles = 700;  // a processor's, more than there are blocks left
constexpr unsigned kLeft = 500;   // blocks, about
constexpr unsigned kRounds = 12;

const std::vector<std::uint8_t> page(kPage, 0x77);

std::uint64_t free_blocks(const std::string& directory) {
    struct statvfs facts {};
    expect(statvfs(directory.c_str(), &facts) == 0, "statvfs");
    return facts.f_bfree;
}

// A block each, and no more: their inodes hold the extent.
struct Files {
    std::vector<int> fds;

    Files(const std::string& directory, unsigned processor) {
        for (unsigned i = 0; i < kFiles; ++i)
            fds.push_back(open_file((directory + "/" + std::to_string(processor) + "." + std::to_string(i)).c_str()));
    }

    // How many got their block before there was none.
    unsigned fill() const {
        for (unsigned i = 0; i < kFiles; ++i)
            if (pwrite(fds[i], page.data(), kPage, 0) != static_cast<ssize_t>(kPage)) {
                expect(errno == ENOSPC, "pwrite");
                return i;
            }
        fail("there was no end of blocks");
    }

    void empty() const {
        for (const int fd : fds)
            expect(ftruncate(fd, 0) == 0, "ftruncate");
    }
};

void expect_same(std::uint64_t got, std::uint64_t wanted, const std::string& what) {
    expect(got == wanted, what + ": " + std::to_string(got) + ", not " + std::to_string(wanted));
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 2, "usage: last_blocks DIRECTORY");
    const std::string directory = argv[1];
    const rlimit limit{.rlim_cur = 4 * kFiles, .rlim_max = 4 * kFiles};
    expect(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
    const Files files[] = {{directory, 0}, {directory, 1}};
    const int large = open_file((directory + "/large").c_str());
    struct statvfs facts {};
    expect(statvfs(directory.c_str(), &facts) == 0, "statvfs");
    expect(posix_fallocate(large, 0, static_cast<off_t>((facts.f_bavail - kLeft) * kPage)) == 0, "fallocate");

    // Twice: who finds no space first takes what can be given back.
    run_on(0);
    files[0].fill();
    files[0].empty();
    const std::uint64_t before = free_blocks(directory);
    const unsigned all = files[0].fill();
    const std::uint64_t after = free_blocks(directory);
    expect(all > kLeft / 2, "only " + std::to_string(all) + " blocks were left");
    expect_same(before - after, all, "blocks that were taken");

    for (unsigned round = 0; round < kRounds; ++round) {
        const std::string where = ", round " + std::to_string(round);
        // What one processor frees the other gets, and both together.
        run_on(round % 2);
        files[0].empty();
        files[1].empty();
        expect_same(free_blocks(directory), before, "free blocks when the files are empty" + where);
        unsigned got[2] = {};
        run_on(1 - round % 2);
        if (round % 3 == 0) {
            got[1] = files[1].fill();
        } else {
            std::thread other([&] {
                run_on(round % 2);
                got[1] = files[1].fill();
            });
            got[0] = files[0].fill();
            other.join();
        }
        expect_same(got[0] + got[1], all, "blocks to be had" + where);
        expect_same(free_blocks(directory), after, "free blocks when there are none to be had" + where);
    }
    return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
// Blocks that the device cannot read.
//
//   poison where FILE OFFSET         prints the sector on the device of a byte of a file
//   poison node DEVICE INODE         prints the sector of a node of the inode's tree
//   poison read FILE OFFSET BYTES    prints "data", or the error
//   poison write FILE OFFSET BYTES   the same, with bytes of 0x77
//   poison map FILE OFFSET           prints "data", or "SIGBUS", from a load of a mapping
//   poison store FILE OFFSET         the same from a store
//   poison fail FILE OFFSET          MADV_HWPOISON on a page that two processes map: both must get SIGBUS
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csetjmp>
#include <csignal>

#include "lib/format/daxfs_format.h"
#include "tests/live/bin/check.h"

namespace {

sigjmp_buf bus_place;

void on_bus_error(int /*signal*/) {
    siglongjmp(bus_place, 1);
}

int where(const char* path, std::uint64_t at) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    std::uint64_t room[(sizeof(fiemap) + sizeof(fiemap_extent)) / 8 + 1] = {};
    auto* map = reinterpret_cast<fiemap*>(room);
    map->fm_start = at;
    map->fm_length = 1;
    map->fm_extent_count = 1;
    expect(fd >= 0 && ioctl(fd, FS_IOC_FIEMAP, map) == 0 && map->fm_mapped_extents == 1, "fiemap");
    const auto* extent = reinterpret_cast<fiemap_extent*>(map + 1);
    std::printf("%llu\n", (extent->fe_physical + at - extent->fe_logical) / 512);
    return 0;
}

int node(const char* path, std::uint64_t ino) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    expect(fd >= 0, "open");
    alignas(8) std::uint8_t block[kPage];
    for (off_t at = 0; pread(fd, block, sizeof(block), at) == sizeof(block); at += kPage) {
        const auto* header = reinterpret_cast<const daxfs_node_header*>(block);
        if ((header->magic == DAXFS_EXTENT_NODE_MAGIC || header->magic == DAXFS_DIR_NODE_MAGIC) &&
            header->owner == ino) {
            std::printf("%llu\n", static_cast<unsigned long long>(at / 512));
            return 0;
        }
    }
    fail("no node of that inode");
}

int say(ssize_t done, std::size_t bytes) {
    if (done == static_cast<ssize_t>(bytes))
        std::puts("data");
    else
        std::puts(done < 0 ? strerrorname_np(errno) : "short");
    return 0;
}

int access_map(const char* path, std::size_t at, bool store) {
    const int fd = open_file(path);
    volatile std::uint8_t* map = map_file(fd, static_cast<std::size_t>(size_of(fd)), 0, true);
    if (sigsetjmp(bus_place, 1) != 0) {
        std::puts("SIGBUS");
        return 0;
    }
    if (store)
        map[at] = 1;
    else
        static_cast<void>(map[at]);
    std::puts("data");
    return 0;
}

int fail_page(const char* path, std::size_t at) {
    const int fd = open_file(path);
    std::uint8_t* map = map_file(fd, static_cast<std::size_t>(size_of(fd)), 0, false);
    int ends[2];
    expect(pipe(ends) == 0, "pipe");
    const pid_t other = fork();
    expect(other >= 0, "fork");
    if (other == 0) {
        // Without this the kernel only unmaps the page in processes that did not ask for it.
        expect(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0) == 0, "prctl");
        if (sigsetjmp(bus_place, 1) == 0) {
            static_cast<void>(*const_cast<volatile std::uint8_t*>(map + at));
            expect(write(ends[1], "x", 1) == 1, "write to the pipe");
            sleep(20);
            std::exit(1);
        }
        std::exit(0);
    }
    char byte = 0;
    expect(read(ends[0], &byte, 1) == 1, "read from the pipe");
    static_cast<void>(*const_cast<volatile std::uint8_t*>(map + at));
    if (sigsetjmp(bus_place, 1) == 0) {
        const int result = madvise(map + at / kPage * kPage, kPage, MADV_HWPOISON);
        fail("no SIGBUS from MADV_HWPOISON: " + std::to_string(result));
    }
    int status = 0;
    expect(waitpid(other, &status, 0) == other && WIFEXITED(status) && WEXITSTATUS(status) == 0,
           "the other process that maps the page got no SIGBUS");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc >= 4, "usage: poison CASE FILE NUMBER [BYTES]");
    const std::string what = argv[1];
    const std::uint64_t at = std::strtoull(argv[3], nullptr, 10);
    std::vector<std::uint8_t> data(argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 0, 0x77);
    struct sigaction action {};
    action.sa_handler = on_bus_error;
    expect(sigaction(SIGBUS, &action, nullptr) == 0, "sigaction");
    if (what == "where")
        return where(argv[2], at);
    if (what == "node")
        return node(argv[2], at);
    if (what == "read")
        return say(pread(open(argv[2], O_RDONLY), data.data(), data.size(), static_cast<off_t>(at)), data.size());
    if (what == "write")
        return say(pwrite(open_file(argv[2]), data.data(), data.size(), static_cast<off_t>(at)), data.size());
    if (what == "map" || what == "store")
        return access_map(argv[2], at, what == "store");
    if (what == "fail")
        return fail_page(argv[2], at);
    fail("no such case: " + what);
}

// SPDX-License-Identifier: GPL-2.0-or-later
// A file that becomes immutable, or append-only, while programs have it open and mapped: says what each call gets then,
// to compare filesystems.
//
//   immutable FILE
#include "tests/live/bin/check.h"
#include "tests/live/mixer/sigbus.h"

#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

namespace {

bool can_store(std::uint8_t* to) {
    return mixer::without_sigbus([&] { *const_cast<volatile std::uint8_t*>(to) = 7; });
}

void say(const char* what, long result) {
    std::printf("%s: %s\n", what, result == -1 ? std::strerror(errno) : "done");
}

void set_flags(int fd, int flags) {
    expect(ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0, "FS_IOC_SETFLAGS");
}

int flags_of(int fd) {
    int flags = 0;
    expect(ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0, "FS_IOC_GETFLAGS");
    return flags;
}

struct Opened {
    int plain, append, direct;
    std::uint8_t* dirty;  // a page was stored to and not synced
    std::uint8_t* clean;
    void* aligned;
};

void try_calls(const Opened& file) {
    const timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    const timespec then[2] = {{1, 0}, {1, 0}};
    say("write", pwrite(file.plain, "x", 1, 0));
    say("write of nothing", pwrite(file.plain, "x", 0, 0));
    say("write at the end", pwrite(file.plain, "x", 1, size_of(file.plain)));
    say("append", write(file.append, "x", 1));
    say("direct write", pwrite(file.direct, file.aligned, kPage, 0));
    say("direct write at the end", pwrite(file.direct, file.aligned, kPage, 16 * kPage));
    say("ftruncate to less", ftruncate(file.plain, 9 * kPage));
    say("ftruncate to more", ftruncate(file.plain, 17 * kPage));
    say("fallocate", fallocate(file.plain, 0, 0, kPage));
    say("fallocate behind the end", fallocate(file.plain, FALLOC_FL_KEEP_SIZE, 40 * kPage, kPage));
    say("punch hole", fallocate(file.plain, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kPage));
    say("zero range", fallocate(file.plain, FALLOC_FL_ZERO_RANGE, 0, kPage));
    say("collapse range", fallocate(file.plain, FALLOC_FL_COLLAPSE_RANGE, 0, kPage));
    say("insert range", fallocate(file.plain, FALLOC_FL_INSERT_RANGE, 0, kPage));
    say("fchmod", fchmod(file.plain, 0600));
    say("fchown", fchown(file.plain, 1, 1));
    say("times to now", futimens(file.plain, now));
    say("times", futimens(file.plain, then));
    std::printf("store to a page that was dirty: %s\n", can_store(file.dirty) ? "done" : "SIGBUS");
    std::printf("store to a page that was clean: %s\n", can_store(file.clean) ? "done" : "SIGBUS");
    void* map = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, file.plain, 0);
    say("new mapping", map == MAP_FAILED ? -1 : 0);
    if (map != MAP_FAILED)
        std::printf("store to it: %s\n", can_store(static_cast<std::uint8_t*>(map)) ? "done" : "SIGBUS");
    int flags = flags_of(file.plain) | FS_NODUMP_FL;
    say("another flag", ioctl(file.plain, FS_IOC_SETFLAGS, &flags));
    say("fsync", fsync(file.plain));
}

Opened open_and_map(const char* path) {
    Opened file{};
    file.plain = open_file(path, O_TRUNC);
    const std::vector<std::uint8_t> data(16 * kPage, 3);
    write_all(file.plain, data.data(), data.size(), 0);
    file.append = open_file(path, O_APPEND);
    file.direct = open_file(path, O_DIRECT);
    file.dirty = map_file(file.plain, 2 * kPage, 0, false);
    file.clean = file.dirty + kPage;
    expect(fsync(file.plain) == 0, "fsync");
    expect(can_store(file.dirty), "a store before the flag is set");
    expect(posix_memalign(&file.aligned, kPage, kPage) == 0, "memory");
    std::memset(file.aligned, 5, kPage);
    return file;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2)
        return 2;
    mixer::catch_sigbus();
    for (const int flag : {FS_IMMUTABLE_FL, FS_APPEND_FL}) {
        const Opened file = open_and_map(argv[1]);
        const int flags = flags_of(file.plain);
        set_flags(file.plain, flags | flag);
        std::printf("--- %s\n", flag == FS_IMMUTABLE_FL ? "immutable" : "append-only");
        struct stat before {
        }, after{};
        expect(fstat(file.plain, &before) == 0, "fstat");
        try_calls(file);
        expect(fstat(file.plain, &after) == 0, "fstat");
        const bool same = before.st_size == after.st_size && before.st_blocks == after.st_blocks &&
                          before.st_mode == after.st_mode && before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
                          before.st_mtim.tv_nsec == after.st_mtim.tv_nsec;
        std::printf("size, blocks, mode and mtime: %s\n", same ? "as before" : "changed");
        set_flags(file.plain, flags);
        std::printf("--- neither\n");
        say("write", pwrite(file.plain, "x", 1, 0));
        std::printf("store: %s\n", can_store(file.clean) ? "done" : "SIGBUS");
        close(file.plain);
        close(file.append);
        close(file.direct);
        expect(unlink(argv[1]) == 0, "unlink");
    }
    return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/guest/calls.h"

#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

namespace daxfs::crash {

int result(long returned) {
    return returned < 0 ? errno : 0;
}

const char* pattern(std::size_t bytes) {
    alignas(4096) static thread_local char buffer[1 << 18];
    static std::atomic<std::uint64_t> calls;
    std::uint64_t seed = ++calls * 0x9e3779b97f4a7c15u;
    for (std::size_t i = 0; i < bytes; i += 8) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const std::uint64_t word = seed | 0x0101010101010101u;
        std::memcpy(buffer + i, &word, 8);
    }
    return buffer;
}

int write_at(const char* path, std::uint64_t offset, std::size_t bytes, int flags) {
    const File file(path, O_RDWR | flags);
    if (!file.good())
        return file.error();
    const char* data = pattern(bytes);
    // A full device makes a write short, and the rest of it fails.
    for (std::size_t done = 0; done < bytes;) {
        const ssize_t count = pwrite(file.get(), data + done, bytes - done, static_cast<off_t>(offset + done));
        if (count <= 0)
            return count < 0 ? errno : EIO;
        done += static_cast<std::size_t>(count);
    }
    return 0;
}

int append(const char* path, std::size_t bytes) {
    const File file(path, O_WRONLY | O_APPEND);
    return file.good() ? result(write(file.get(), pattern(bytes), bytes)) : file.error();
}

int allocate(const char* path, int mode, std::uint64_t offset, std::uint64_t bytes) {
    const File file(path);
    return file.good() ? result(fallocate(file.get(), mode, static_cast<off_t>(offset), static_cast<off_t>(bytes)))
                       : file.error();
}

int make_file(const char* path, std::size_t bytes) {
    const File file(path, O_RDWR | O_CREAT | O_EXCL);
    if (!file.good())
        return file.error();
    return bytes == 0 ? 0 : result(write(file.get(), pattern(bytes), bytes));
}

int rename_with(const char* from, const char* to, unsigned flags) {
    return result(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags));
}

int sync_file(const char* path) {
    const File file(path);
    return file.good() ? result(fsync(file.get())) : file.error();
}

int then_sync(int error, const char* path) {
    return error != 0 ? error : sync_file(path);
}

void flush_lines(const char* bytes, std::size_t count) {
    for (std::size_t i = 0; i < count + 63; i += 64)
        asm volatile("clwb (%0)" : : "r"(bytes + (i < count ? i : count - 1)) : "memory");
    asm volatile("sfence" : : : "memory");
}

namespace {

thread_local sigjmp_buf bus_error;

// A store that finds no space for its page ends in SIGBUS.
bool copy_unless_full(char* target, const char* source, std::size_t bytes) {
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) { siglongjmp(bus_error, 1); };
    sigaction(SIGBUS, &action, &before);
    const bool done = sigsetjmp(bus_error, 1) == 0;
    if (done)
        std::memcpy(target, source, bytes);
    sigaction(SIGBUS, &before, nullptr);
    return done;
}

int sync_while_held(void* mapped, std::size_t length) {
    int ends[2];
    if (pipe(ends) != 0)
        return errno;
    const iovec pages{mapped, length};
    int status = vmsplice(ends[1], &pages, 1, SPLICE_F_NONBLOCK) > 0 ? 0 : errno;
    for (int i = 0; i < 2; ++i)
        if (msync(mapped, length, MS_SYNC) != 0)
            status = errno;
    close(ends[0]);
    close(ends[1]);
    return status;
}

}  // namespace

int store_at(const char* path, std::uint64_t offset, std::size_t bytes, Ending ending, bool alone) {
    const File file(path);
    if (!file.good())
        return file.error();
    struct stat before {};
    fstat(file.get(), &before);
    // All of the file: msync() brings out what it is asked for, and the promise is about the file.
    const std::size_t length = (std::max<std::uint64_t>(offset + bytes, before.st_size) + 4095) / 4096 * 4096;
    const int kind = ending == Ending::kFlush ? MAP_SHARED_VALIDATE | MAP_SYNC : MAP_SHARED;
    void* mapped = mmap(nullptr, length, PROT_READ | PROT_WRITE, kind, file.get(), 0);
    if (mapped == MAP_FAILED)
        return errno;
    char* target = static_cast<char*>(mapped) + offset;
    const char* stored = pattern(bytes);
    int status = copy_unless_full(target, stored, bytes) ? 0 : ENOSPC;
    // The mapping is of the file, not of some memory: what lies inside the file can be read from it.
    std::string read(bytes, '\0');
    struct stat file_status {};
    fstat(file.get(), &file_status);
    const auto size = static_cast<std::uint64_t>(file_status.st_size);
    const std::size_t inside = std::min<std::uint64_t>(bytes, size - std::min(size, offset));
    if (status == 0 && alone &&
        (pread(file.get(), read.data(), bytes, static_cast<off_t>(offset)) != static_cast<ssize_t>(inside) ||
         std::memcmp(read.data(), stored, inside) != 0))
        status = EIO;
    if (ending == Ending::kMsync && msync(mapped, length, MS_SYNC) != 0)
        status = errno;
    if (ending == Ending::kHeld)
        status = status != 0 ? status : sync_while_held(mapped, length);
    if (ending == Ending::kFlush)
        flush_lines(target, bytes);
    munmap(mapped, length);
    return status;
}

}  // namespace daxfs::crash

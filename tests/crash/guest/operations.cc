// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/guest/operations.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace daxfs::crash {
namespace {

int result(long returned) {
    return returned < 0 ? errno : 0;
}

// Closes what it opened; -1 becomes the errno of open.
class File {
  public:
    explicit File(const char* path, int flags = O_RDWR, mode_t mode = 0644)
        : file_(open(path, flags | O_CLOEXEC, mode)), error_(errno) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (file_ >= 0)
            close(file_);
    }
    bool good() const { return file_ >= 0; }
    int error() const { return error_; }
    int get() const { return file_; }

  private:
    int file_;
    int error_;
};

// Bytes that differ from call to call and from place to place, never zero.
const char* pattern(std::size_t bytes) {
    static char buffer[4 << 20];
    static std::uint64_t seed = 1;
    for (std::size_t i = 0; i < bytes; i += 8) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const std::uint64_t word = seed | 0x0101010101010101u;
        std::memcpy(buffer + i, &word, 8);
    }
    return buffer;
}

int write_at(const char* path, std::uint64_t offset, std::size_t bytes, int flags = 0) {
    const File file(path, O_RDWR | flags);
    if (!file.good())
        return file.error();
    const ssize_t count = pwrite(file.get(), pattern(bytes), bytes, static_cast<off_t>(offset));
    return count == static_cast<ssize_t>(bytes) ? 0 : count < 0 ? errno : EIO;
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

enum class Ending { kNone, kMsync, kFlush };

void flush_lines(const char* bytes, std::size_t count) {
    for (std::size_t i = 0; i < count + 63; i += 64)
        asm volatile("clwb (%0)" : : "r"(bytes + (i < count ? i : count - 1)) : "memory");
    asm volatile("sfence" : : : "memory");
}

// Stores through a mapping of the file.
int store_at(const char* path, std::uint64_t offset, std::size_t bytes, Ending ending) {
    const File file(path);
    if (!file.good())
        return file.error();
    const std::size_t length = (offset + bytes + 4095) / 4096 * 4096;
    const int kind = ending == Ending::kFlush ? MAP_SHARED_VALIDATE | MAP_SYNC : MAP_SHARED;
    void* mapped = mmap(nullptr, length, PROT_READ | PROT_WRITE, kind, file.get(), 0);
    if (mapped == MAP_FAILED)
        return errno;
    char* target = static_cast<char*>(mapped) + offset;
    const char* stored = pattern(bytes);
    std::memcpy(target, stored, bytes);
    // The mapping is of the file, not of some memory.
    std::string read(bytes, '\0');
    int status = 0;
    if (pread(file.get(), read.data(), bytes, static_cast<off_t>(offset)) != static_cast<ssize_t>(bytes) ||
        std::memcmp(read.data(), stored, bytes) != 0)
        status = EIO;
    if (ending == Ending::kMsync && msync(mapped, length, MS_SYNC) != 0)
        status = errno;
    if (ending == Ending::kFlush)
        flush_lines(target, bytes);
    munmap(mapped, length);
    return status;
}

// Bytes that no file may show, behind the end of the file in its last page; then the file grows over them.
int store_behind_end_and_grow() {
    {
        const File file("A/bar");
        void* mapped = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
        if (mapped == MAP_FAILED)
            return errno;
        std::memset(static_cast<char*>(mapped) + 200, 0xdb, 1000);
        munmap(mapped, 4096);
    }
    return result(truncate("A/bar", 3000));
}

int set_flags(const char* path, int flags) {
    const File file(path, O_RDONLY);
    return file.good() ? result(ioctl(file.get(), FS_IOC_SETFLAGS, &flags)) : file.error();
}

int temporary_file_linked() {
    const File file("A", O_TMPFILE | O_RDWR);
    if (!file.good())
        return file.error();
    if (write(file.get(), pattern(6000), 6000) != 6000)
        return errno;
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", file.get());
    return result(linkat(AT_FDCWD, path, AT_FDCWD, "B/from-tmpfile", AT_SYMLINK_FOLLOW));
}

int unlinked_but_open() {
    const File file("A/foo");
    if (!file.good())
        return file.error();
    if (unlink("A/foo") != 0)
        return errno;
    return result(pwrite(file.get(), pattern(3000), 3000, 20000));
}

// An extent tree instead of extents in the inode, and back.
int scatter() {
    for (std::uint64_t block = 0; block < 26; block += 2)
        if (const int error = write_at("A/hole", block * 4096, 4096))
            return error;
    return 0;
}

int scatter_and_truncate() {
    const int error = scatter();
    return error != 0 ? error : result(truncate("A/hole", 4096));
}

// Long names, until leaves of the directory split.
int crowd() {
    for (char letter = 'a'; letter < 'a' + 20; ++letter) {
        const std::string path = "A/" + std::string(240, letter);
        if (const int error = make_file(path.c_str(), 0))
            return error;
    }
    return 0;
}

int crowd_and_leave() {
    if (const int error = crowd())
        return error;
    for (char letter = 'a'; letter < 'a' + 20; ++letter)
        if (unlink(("A/" + std::string(240, letter)).c_str()) != 0)
            return errno;
    return 0;
}

// More inodes than one piece of them holds.
int many_inodes() {
    for (int i = 0; i < 80; ++i)
        if (const int error = make_file(("B/" + std::to_string(i)).c_str(), 0))
            return error;
    return 0;
}

void must(int error, const char* what) {
    if (error == 0)
        return;
    std::fprintf(stderr, "cases: %s: %s\n", what, std::strerror(error));
    std::exit(2);
}

std::string long_target() {
    return std::string(700, 't');
}

}  // namespace

void make_tree() {
    for (const char* directory : {"A", "B", "A/sub", "B/empty", "B/full"})
        must(result(mkdir(directory, 0755)), directory);
    must(make_file("A/foo", 9000), "A/foo");
    must(make_file("A/bar", 100), "A/bar");
    must(make_file("B/old", 5000), "B/old");
    must(make_file("B/full/file", 10), "B/full/file");
    must(make_file("A/hole", 0), "A/hole");
    must(write_at("A/hole", 2 * 4096, 4096), "A/hole");
    must(result(truncate("A/hole", 10 * 4096)), "A/hole");
    must(make_file("A/pre", 0), "A/pre");
    must(allocate("A/pre", 0, 0, 8 * 4096), "A/pre");
    must(result(symlink("foo", "A/link")), "A/link");
    sync();
}

// clang-format off
const std::vector<Operation>& operations() {
    static const std::vector<Operation> all = {
        {"-", "create", [] { return make_file("A/new", 0); }},
        {"-", "mkdir", [] { return result(mkdir("A/newdir", 0750)); }},
        {"-", "symlink", [] { return result(symlink("B/old", "A/newlink")); }},
        {"-", "symlink-long", [] { return result(symlink(long_target().c_str(), "A/longlink")); }},
        {"-", "mkfifo", [] { return result(mkfifo("B/fifo", 0600)); }},
        {"-", "mknod", [] { return result(mknod("B/device", S_IFCHR | 0600, 0x103)); }},
        {"-", "link", [] { return result(link("A/foo", "B/linked")); }},
        {"-", "link-same-directory", [] { return result(link("A/bar", "A/linked")); }},
        {"-", "unlink-small", [] { return result(unlink("A/bar")); }},
        {"-", "unlink", [] { return result(unlink("A/foo")); }},
        {"-", "unlink-sparse", [] { return result(unlink("A/hole")); }},
        {"-", "unlink-preallocated", [] { return result(unlink("A/pre")); }},
        {"-", "unlink-symlink", [] { return result(unlink("A/link")); }},
        {"-", "rmdir", [] { return result(rmdir("A/sub")); }},
        {"-", "rmdir-not-empty", [] { return result(rmdir("B/full")); }},
        {"-", "rename", [] { return result(rename("A/bar", "A/bar2")); }},
        {"-", "rename-across", [] { return result(rename("A/bar", "B/bar")); }},
        {"-", "rename-over", [] { return result(rename("A/foo", "B/old")); }},
        {"-", "rename-over-same-directory", [] { return result(rename("A/bar", "A/foo")); }},
        {"-", "rename-directory", [] { return result(rename("A/sub", "B/sub")); }},
        {"-", "rename-directory-over", [] { return result(rename("A/sub", "B/empty")); }},
        {"-", "rename-noreplace", [] { return rename_with("A/foo", "B/old", RENAME_NOREPLACE); }},
        {"-", "exchange", [] { return rename_with("A/foo", "B/old", RENAME_EXCHANGE); }},
        {"-", "exchange-directory", [] { return rename_with("A/sub", "B/old", RENAME_EXCHANGE); }},
        {"-", "truncate-to-0", [] { return result(truncate("A/foo", 0)); }},
        {"-", "truncate-to-block", [] { return result(truncate("A/foo", 4096)); }},
        {"-", "truncate-inside-block", [] { return result(truncate("A/foo", 5000)); }},
        {"-", "truncate-up", [] { return result(truncate("A/foo", 20000)); }},
        {"-", "truncate-up-inside-block", [] { return result(truncate("A/bar", 3000)); }},
        {"-", "truncate-sparse", [] { return result(truncate("A/hole", 9000)); }},
        {"-", "truncate-preallocated", [] { return result(truncate("A/pre", 10000)); }},
        {"c", "fallocate", [] { return allocate("A/foo", 0, 0, 40000); }},
        {"c", "fallocate-keep-size", [] { return allocate("A/foo", FALLOC_FL_KEEP_SIZE, 8192, 30000); }},
        {"c", "fallocate-hole", [] { return allocate("A/hole", 0, 0, 40960); }},
        {"-", "punch", [] { return allocate("A/foo", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096); }},
        {"c", "punch-unaligned", [] { return allocate("A/foo", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 8500); }},
        {"c", "zero-range", [] { return allocate("A/foo", FALLOC_FL_ZERO_RANGE, 100, 8500); }},
        {"-", "zero-range-aligned", [] { return allocate("A/foo", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 4096, 4096); }},
        {"c", "zero-range-up", [] { return allocate("A/foo", FALLOC_FL_ZERO_RANGE, 6000, 20000); }},
        {"-", "collapse", [] { return allocate("A/foo", FALLOC_FL_COLLAPSE_RANGE, 4096, 4096); }},
        {"-", "collapse-sparse", [] { return allocate("A/hole", FALLOC_FL_COLLAPSE_RANGE, 0, 2 * 4096); }},
        {"-", "insert", [] { return allocate("A/foo", FALLOC_FL_INSERT_RANGE, 4096, 8192); }},
        {"c", "unshare", [] { return allocate("A/hole", FALLOC_FL_UNSHARE_RANGE, 0, 5 * 4096); }},
        {"-", "append-small", [] { return append("A/bar", 100); }},
        {"c", "append", [] { return append("A/foo", 5000); }},
        {"c", "append-64k", [] { return append("A/bar", 65536); }},
        {"r", "overwrite", [] { return write_at("A/foo", 0, 4096); }},
        {"r", "overwrite-unaligned", [] { return write_at("A/foo", 3001, 3333); }},
        {"rc", "overwrite-across-end", [] { return write_at("A/foo", 5000, 10000); }},
        {"-", "write-hole", [] { return write_at("A/hole", 4 * 4096, 8192); }},
        {"-", "write-hole-unaligned", [] { return write_at("A/hole", 5 * 4096 + 100, 5000); }},
        {"rc", "write-hole-edge", [] { return write_at("A/hole", 4096 + 1000, 9000); }},
        {"-", "write-preallocated", [] { return write_at("A/pre", 4096, 8192); }},
        {"-", "write-preallocated-unaligned", [] { return write_at("A/pre", 5000, 700); }},
        {"c", "write-behind-end", [] { return write_at("A/bar", 30001, 5001); }},
        {"rf", "write-dsync", [] { return write_at("A/foo", 2000, 3000, O_DSYNC); }},
        {"r@/case/A/foo", "store-msync", [] { return store_at("A/foo", 1000, 6000, Ending::kMsync); }},
        {"r@/case/A/hole", "store-hole-msync", [] { return store_at("A/hole", 5 * 4096 + 50, 5000, Ending::kMsync); }},
        {"rf", "store-map-sync", [] { return store_at("A/foo", 3000, 5000, Ending::kFlush); }},
        {"rf", "store-hole-map-sync", [] { return store_at("A/hole", 6 * 4096 + 10, 5000, Ending::kFlush); }},
        {"rf", "store-preallocated-map-sync", [] { return store_at("A/pre", 3 * 4096, 5000, Ending::kFlush); }},
        {"r", "store", [] { return store_at("A/foo", 100, 300, Ending::kNone); }},
        {"r", "store-hole", [] { return store_at("A/hole", 7 * 4096, 100, Ending::kNone); }},
        {"-@/case/A/foo", "fsync", [] { return sync_file("A/foo"); }},
        {"-@*", "sync", [] { sync(); return 0; }},
        {"-", "chmod", [] { return result(chmod("A/foo", 0400)); }},
        {"-", "chown", [] { return result(chown("B/old", 1000, 1001)); }},
        {"-", "set-flags", [] { return set_flags("A/bar", FS_NODUMP_FL); }},
        {"-", "utimes", [] { const timespec times[2] = {{1, 2}, {3, 4}}; return result(utimensat(AT_FDCWD, "A/foo", times, 0)); }},
        {"-", "tmpfile-link", temporary_file_linked},
        {"-", "store-behind-end-truncate-up", store_behind_end_and_grow},
        {"-", "unlinked-but-open", unlinked_but_open},
        {"n", "extent-tree", scatter},
        {"n", "extent-tree-and-back", scatter_and_truncate},
        {"n", "directory-tree", crowd},
        {"n", "directory-tree-and-back", crowd_and_leave},
        {"n", "many-inodes", many_inodes},
    };
    return all;
}
// clang-format on

}  // namespace daxfs::crash

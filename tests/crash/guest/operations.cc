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

#include "tests/crash/guest/calls.h"

namespace daxfs::crash {
namespace {

// The superblock changes in many words, and may be torn.
int set_label() {
    const File root(".", O_RDONLY | O_DIRECTORY);
    const char label[FSLABEL_MAX] = "a label that takes eight words of the superblock, and is torn";
    return root.good() ? result(ioctl(root.get(), FS_IOC_SETFSLABEL, label)) : errno;
}

// Bytes that no file may show, behind the end of the file in its last page; then the file grows over them.
int store_behind_end_and_grow() {
    const File file("A/bar");
    struct stat status {};
    if (!file.good() || fstat(file.get(), &status) != 0)
        return errno;
    // Another operation may have gone before: what is stored lies behind the end that there is, in its last page.
    const off_t page = status.st_size / 4096 * 4096, inside = status.st_size - page;
    if (inside != 0) {
        void* mapped = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), page);
        if (mapped == MAP_FAILED)
            return errno;
        std::memset(static_cast<char*>(mapped) + inside, 0xdb, std::min<std::size_t>(1000, 4096 - inside));
        munmap(mapped, 4096);
    }
    return result(ftruncate(file.get(), status.st_size + 2800));
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

// A file that another name keeps is not what these are about.
int only_name(const File& file) {
    struct stat status {};
    if (!file.good())
        return file.error();
    return fstat(file.get(), &status) != 0 ? errno : status.st_nlink == 1 ? 0 : EMLINK;
}

int unlinked_but_open() {
    const File file("A/foo");
    if (const int error = only_name(file))
        return error;
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

// ---- several descriptors of one file ----

int write_and_sync_other() {
    const File writer("A/foo"), other("A/foo", O_RDONLY);
    if (!writer.good() || !other.good())
        return writer.error();
    const int error = result(pwrite(writer.get(), pattern(3333), 3333, 3001));
    return error != 0 ? error : result(fsync(other.get()));
}

int store_and_sync_other() {
    const File other("A/foo");
    const int error = store_at("A/foo", 3001, 3333, Ending::kNone);
    // What was stored before the end of a short file is to be durable too.
    const int synced = other.good() ? result(fdatasync(other.get())) : other.error();
    return error != 0 ? error : synced;
}

int append_both() {
    const File one("B/old", O_WRONLY | O_APPEND), other("B/old", O_WRONLY | O_APPEND);
    int error = 0;
    for (const File* file : {&one, &other, &one})
        error = error != 0 ? error : result(write(file->get(), pattern(2500), 2500));
    return error;
}

int truncate_under_writer() {
    const File writer("A/foo"), other("A/foo");
    int error = result(pwrite(writer.get(), pattern(6000), 6000, 9000));
    error = error != 0 ? error : result(ftruncate(other.get(), 4000));
    return error != 0 ? error : result(pwrite(writer.get(), pattern(2000), 2000, 15000));
}

// The name is another file's while two descriptors still change what it was.
int rename_over_open() {
    const File one("B/old"), other("B/old");
    int error = only_name(one);
    error = error != 0 ? error : result(rename("A/foo", "B/old"));
    error = error != 0 ? error : result(pwrite(one.get(), pattern(5000), 5000, 4000));
    error = error != 0 ? error : result(ftruncate(other.get(), 6000));
    return error != 0 ? error : result(pwrite(one.get(), pattern(5000), 5000, 30000));
}

int unlinked_and_truncated() {
    const File one("A/foo"), other("A/foo");
    int error = only_name(one);
    error = error != 0 ? error : result(unlink("A/foo"));
    error = error != 0 ? error : result(ftruncate(one.get(), 100));
    error = error != 0 ? error : result(fallocate(other.get(), 0, 0, 50000));
    return error != 0 ? error : result(pwrite(other.get(), pattern(9000), 9000, 3000));
}

// ---- large transactions: a file of many extents, each of one block ----

constexpr std::uint64_t kFragments = 360;
constexpr int kManyInodes = 80;

void fragment() {
    must(make_file("A/fragments", 0), "A/fragments");
    for (std::uint64_t done = 0; done < 2 * kFragments; done += 40)
        must(append("A/fragments", std::size_t{40} * 4096), "A/fragments");
    for (std::uint64_t i = 0; i < kFragments; ++i)
        must(allocate("A/fragments", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (2 * i + 1) * 4096, 4096),
             "A/fragments");
}

// Data in two blocks; between them, and around, blocks that are not written.
void write_in_preallocated() {
    must(write_at("A/pre", 4096, 4096), "A/pre");
    must(write_at("A/pre", 3 * 4096, 4096), "A/pre");
    must(sync_file("A/pre"), "A/pre");
}

// ---- blocks of inodes that come with a file and go with it ----

std::string numbered(int number) {
    return "B/" + std::to_string(number);
}

// All but the last: the block of inodes that it is in has no other then.
void leave_one_inode() {
    must(many_inodes(), "B");
    for (int i = 0; i < kManyInodes - 1; ++i)
        must(result(unlink(numbered(i).c_str())), "B");
}

int many_inodes_and_back() {
    if (const int error = many_inodes())
        return error;
    for (int i = 0; i < kManyInodes; ++i)
        if (unlink(numbered(i).c_str()) != 0)
            return errno;
    return 0;
}

void leave_empty_blocks() {
    must(many_inodes_and_back(), "B");
}

// More than there can be: whatever can be given back is, before that is said.
int want_all_space() {
    const int error = allocate("A/foo", FALLOC_FL_KEEP_SIZE, 0, std::uint64_t{1} << 40);
    return error == ENOSPC ? 0 : error == 0 ? EINVAL : error;
}

// ---- a source that ends in the middle of a write(2) ----

// `readable` bytes before a page that is not there, and the rest behind it.
int write_short(const char* path, off_t offset, std::size_t readable) {
    constexpr std::size_t kPages = std::size_t{4} * 4096;
    const File file(path);
    void* mapped = mmap(nullptr, kPages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!file.good() || mapped == MAP_FAILED)
        return errno;
    char* end = static_cast<char*>(mapped) + kPages - 4096;
    std::memcpy(end - readable, pattern(readable), readable);
    munmap(end, 4096);
    const ssize_t count = pwrite(file.get(), end - readable, readable + 3000, offset);
    // The processor copies words: the last few bytes before the page may stay out too.
    const bool is_short =
        count > 0 && static_cast<std::size_t>(count) <= readable && static_cast<std::size_t>(count) + 8 > readable;
    const int error = count < 0 ? errno : is_short ? 0 : EIO;
    munmap(mapped, kPages - 4096);
    return error;
}

}  // namespace

std::string long_target() {
    return std::string(700, 't');
}

int many_inodes() {
    for (int i = 0; i < kManyInodes; ++i)
        if (const int error = make_file(numbered(i).c_str(), 0))
            return error;
    return 0;
}

void must(int error, const char* what) {
    if (error == 0)
        return;
    std::fprintf(stderr, "cases: %s: %s\n", what, std::strerror(error));
    std::exit(2);
}

std::string crowded(int number) {
    return "A/crowded" + std::to_string(number);
}

// On old data lies an unwritten extent with as many before it as the inode has room for, and nothing is left for a
// node: files whose every second block is written have taken what is kept for metadata. What is filled in turn, once it
// is gone, only makes the setup longer.
void take_all_nodes() {
    constexpr int kFiles = 80;
    must(make_file("A/junk", 0), "A/junk");
    for (int i = 0; i < 12; ++i)
        must(append("A/junk", 65536), "A/junk");
    must(result(unlink("A/junk")), "A/junk");
    must(make_file("A/last", 0), "A/last");
    must(allocate("A/last", 0, 0, 13 * 4096), "A/last");
    for (off_t block = 0; block < 10; block += 2)
        must(write_at("A/last", block * 4096, 4096), "A/last");
    for (int number = 0; number < kFiles; ++number) {
        must(make_file(crowded(number).c_str(), 0), "A/crowded");
        must(allocate(crowded(number).c_str(), 0, 0, 11 * 4096), "A/crowded");
    }
    fill(0);
    for (int number = 0; number < kFiles; ++number)
        for (off_t block = 0; block < 11; block += 2)
            must(write_at(crowded(number).c_str(), block * 4096, 4096), "A/crowded");
}

void make_directory(const char* path) {
    must(result(mkdir(path, 0755)), path);
}

void make_tree(void (*make)(const char* directory)) {
    make("A");
    make("B");
    for (const char* directory : {"A/sub", "B/empty", "B/full"})
        make_directory(directory);
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
        {"-", "append-small", [] { return append("A/bar", 100); }, nullptr, "w"},
        {"c", "append", [] { return append("A/foo", 5000); }},
        {"c", "append-64k", [] { return append("A/bar", 65536); }},
        {"r", "overwrite", [] { return write_at("A/foo", 0, 4096); }, nullptr, "w"},
        {"r", "overwrite-unaligned", [] { return write_at("A/foo", 3001, 3333); }, nullptr, "w"},
        {"rc", "overwrite-across-end", [] { return write_at("A/foo", 5000, 10000); }, nullptr, "w"},
        {"-", "write-hole", [] { return write_at("A/hole", 4 * 4096, 8192); }, nullptr, "w"},
        {"-", "write-hole-unaligned", [] { return write_at("A/hole", 5 * 4096 + 100, 5000); }, nullptr, "w"},
        {"rc", "write-hole-edge", [] { return write_at("A/hole", 4096 + 1000, 9000); }, nullptr, "w"},
        {"-", "write-preallocated", [] { return write_at("A/pre", 4096, 8192); }, nullptr, "w"},
        {"-", "write-preallocated-unaligned", [] { return write_at("A/pre", 5000, 700); }, nullptr, "w"},
        {"c", "write-behind-end", [] { return write_at("A/bar", 30001, 5001); }, nullptr, "w"},
        {"rf", "write-dsync", [] { return write_at("A/foo", 2000, 3000, O_DSYNC); }, nullptr, "wf"},
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
        {"r@/case/A/foo", "write-fsync-other-descriptor", write_and_sync_other, nullptr, "w@/case/A/foo"},
        {"r@/case/A/foo", "store-fsync-other-descriptor", store_and_sync_other},
        {"c", "append-two-descriptors", append_both},
        {"n", "truncate-under-writer", truncate_under_writer},
        {"-", "rename-over-open", rename_over_open},
        {"-", "unlinked-open-truncate", unlinked_and_truncated},
        {"n", "extent-tree", scatter},
        {"n", "extent-tree-and-back", scatter_and_truncate},
        {"n", "directory-tree", crowd},
        {"n", "directory-tree-and-back", crowd_and_leave},
        {"n", "many-inodes", many_inodes},
    };
    return all;
}

const std::vector<Operation>& large_operations() {
    static const std::vector<Operation> all = {
        {"-", "unlink-fragments", [] { return result(unlink("A/fragments")); }, fragment},
        {"-", "rename-over-fragments", [] { return result(rename("A/bar", "A/fragments")); }, fragment},
        {"-", "truncate-fragments", [] { return result(truncate("A/fragments", 0)); }, fragment},
        {"b", "truncate-fragments-inside-block", [] { return result(truncate("A/fragments", 4 * 4096 + 100)); }, fragment},
        {"c", "punch-fragments", [] { return allocate("A/fragments", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 700 * 4096); }, fragment},
        {"c", "fallocate-fragments", [] { return allocate("A/fragments", 0, 0, 100 * 4096); }, fragment},
        {"b", "collapse-fragments", [] { return allocate("A/fragments", FALLOC_FL_COLLAPSE_RANGE, 4096, 3 * 4096); }, fragment},
        {"r@*", "store-sync", [] { const int error = store_at("A/foo", 1000, 6000, Ending::kNone); sync(); return error; }},
        {"r@/case/A/foo", "store-held-msync", [] { return store_at("A/foo", 1000, 6000, Ending::kHeld); }},
        {"c", "zero-range-preallocated", [] { return allocate("A/pre", FALLOC_FL_ZERO_RANGE, 4096 + 100, 2 * 4096 + 500); }, write_in_preallocated},
        {"-", "unlink-last-inode", [] { return result(unlink(numbered(kManyInodes - 1).c_str())); }, leave_one_inode},
        {"n", "many-inodes-and-back", many_inodes_and_back},
        {"-", "inodes-given-back", want_all_space, leave_empty_blocks},
        {"=", "set-label", set_label},
        {"-", "write-preallocated-without-nodes", [] { return write_at("A/last", 11 * 4096, 4096); }, take_all_nodes, "w"},
        {"b", "insert-fragments", [] { return allocate("A/fragments", FALLOC_FL_INSERT_RANGE, 4096, 3 * 4096); }, fragment},
    };
    return all;
}

const std::vector<Operation>& short_operations() {
    static const std::vector<Operation> all = {
        {"c", "append-short", [] { return write_short("A/foo", 9000, 5003); }},
        {"c", "write-hole-short", [] { return write_short("A/hole", 5 * 4096 + 101, 5005); }},
        {"c", "write-hole-short-to-block", [] { return write_short("A/hole", 5 * 4096 + 101, 8192 - 101); }},
        {"c", "write-preallocated-short", [] { return write_short("A/pre", 5001, 6001); }},
        {"r@/case/A/foo", "overwrite-short-fsync", [] { return then_sync(write_short("A/foo", 1001, 5003), "A/foo"); }},
        {"rc@/case/A/foo", "overwrite-across-end-short-fsync", [] { return then_sync(write_short("A/foo", 7001, 7007), "A/foo"); }},
    };
    return all;
}
// clang-format on

void fill(std::uint64_t leave) {
    const File filler("filler", O_RDWR | O_CREAT);
    if (!filler.good())
        must(filler.error(), "filler");
    off_t size = 0;
    for (off_t step = 1 << 24; step >= 4096; step /= 2)
        while (fallocate(filler.get(), 0, size, step) == 0)
            size += step;
    must(result(ftruncate(filler.get(), size - static_cast<off_t>(leave * 4096))), "filler");
    must(result(fsync(filler.get())), "filler");
}

}  // namespace daxfs::crash

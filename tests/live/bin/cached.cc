// SPDX-License-Identifier: GPL-2.0-or-later
// Files in the page cache.
//
//   cached mapped FILE     stores and msync, no MAP_SYNC, the bytes behind the end of file
//   cached edges FILE      punch, zero range, truncate at odd places; SEEK_HOLE, SEEK_DATA and fiemap with dirty pages
//   cached full FILE       write(2) and stores say that the device is full; nothing is lost afterwards
//   cached sizes DIR       files whose dirty ends go; the first part of a name is the size that the file must keep
//   cached before DIR      writes files, some of them synced; then the caller cuts the power
//   cached after DIR       what must be there, what may be, and that no byte comes from an earlier life (kStale)
#include "tests/live/bin/check.h"
#include "tests/live/bin/extents.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <algorithm>

#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 0x03
#endif
#ifndef MAP_SYNC
#define MAP_SYNC 0x80000
#endif

namespace {

constexpr std::uint8_t kStale = 0xdd;  // what the test fills the device with beforehand

std::vector<std::uint8_t> pattern(std::size_t bytes, unsigned seed) {
    std::vector<std::uint8_t> data(bytes);
    for (std::size_t i = 0; i < bytes; ++i)
        data[i] = static_cast<std::uint8_t>(1 + (i * 31 + seed) % 199);
    return data;
}

void expect_same(int fd, off_t at, const std::vector<std::uint8_t>& wanted, const std::string& what) {
    const auto got = read_all(fd, wanted.size(), at);
    const auto [bad, good] = std::mismatch(got.begin(), got.end(), wanted.begin());
    if (bad != got.end())
        fail(what + ": byte " + std::to_string(at + (bad - got.begin())) + " is " + std::to_string(*bad) + ", not " +
             std::to_string(*good));
}

void mapped(const char* path) {
    const int fd = open_file(path, O_TRUNC);
    const std::size_t size = 5 * kPage + 100;
    expect(ftruncate(fd, static_cast<off_t>(size)) == 0, "ftruncate");
    errno = 0;
    expect(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0) == MAP_FAILED &&
               errno == EOPNOTSUPP,
           "MAP_SYNC was not refused");
    std::uint8_t* map = map_file(fd, size, 0, false);
    auto wanted = pattern(size, 1);
    std::copy(wanted.begin(), wanted.end(), map);
    expect(msync(map, size, MS_SYNC) == 0, "msync");
    expect_same(fd, 0, wanted, "stores");
    // Behind the end of file there are zeros, nothing of what is stored there is kept, and nothing comes to light.
    for (std::size_t i = size; i < 6 * kPage; ++i)
        expect(map[i] == 0, "the bytes behind the end of file are not zeros");
    std::memset(map + size, 0xee, 6 * kPage - size);
    expect(msync(map, 6 * kPage, MS_SYNC) == 0, "msync");
    expect(ftruncate(fd, 8 * kPage) == 0, "ftruncate");
    wanted.resize(8 * kPage);
    expect_same(fd, 0, wanted, "after the file grew");
    // The mapping goes on showing the file.
    const auto other = pattern(2 * kPage, 2);
    write_all(fd, other.data(), other.size(), kPage + 7);
    std::copy(other.begin(), other.end(), wanted.begin() + kPage + 7);
    expect(std::equal(wanted.begin(), wanted.begin() + 5 * kPage, map), "a write beside the mapping");
    // A private mapping keeps its stores to itself.
    auto* own = static_cast<std::uint8_t*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    expect(own != MAP_FAILED, "private mapping");
    own[3] = 0xee;
    expect(map[3] == wanted[3], "a private store is seen by others");
    // A write whose source is a mapping of the same place.
    expect(pwrite(fd, map + kPage, 3 * kPage, kPage + 500) == 3 * kPage, "write from a mapping of the file");
    munmap(own, kPage);
    munmap(map, size);
    close(fd);
}

void seek_and_fiemap(int fd) {
    expect(ftruncate(fd, 0) == 0 && fallocate(fd, 0, 0, 16 * kPage) == 0, "fallocate");
    expect(lseek(fd, 0, SEEK_DATA) == -1 && errno == ENXIO, "data in a preallocated file");
    auto extents = extents_of(fd, 0);
    expect(extents.size() == 1 && extents[0].unwritten && extents[0].length == 16 * kPage, "fiemap of preallocation");
    const auto data = pattern(2 * kPage, 3);
    write_all(fd, data.data(), data.size(), 4 * kPage);
    // The pages are dirty: the map does not know yet that there is data.
    for (int synced = 0; synced < 2; ++synced) {
        expect(lseek(fd, 0, SEEK_DATA) == 4 * kPage, "SEEK_DATA");
        expect(lseek(fd, 4 * kPage, SEEK_HOLE) == 6 * kPage, "SEEK_HOLE");
        expect(lseek(fd, 6 * kPage, SEEK_DATA) == -1 && errno == ENXIO, "SEEK_DATA behind it");
        extents = extents_of(fd, FIEMAP_FLAG_SYNC);
        expect(extents.size() == 3 && extents[0].unwritten && !extents[1].unwritten && extents[2].unwritten &&
                   extents[1].start == 4 * kPage && extents[1].length == 2 * kPage,
               "fiemap after a write");
    }
}

// `data` is what the file should hold after each change; checked with pages dirty, clean and dropped.
class Edges {
  public:
    explicit Edges(int fd) : fd_(fd) {}

    void change(int mode, std::size_t at, std::size_t length, int before) {
        const std::string what = "mode " + std::to_string(mode) + " at " + std::to_string(at) + ", " +
                                 std::to_string(length) + " bytes, after " + std::to_string(before);
        auto data = pattern(8 * kPage + 77, static_cast<unsigned>(at));
        expect(ftruncate(fd_, 0) == 0, "ftruncate");
        write_all(fd_, data.data(), data.size(), 0);
        settle(before);
        if (mode < 0) {
            expect(ftruncate(fd_, static_cast<off_t>(at)) == 0, what);
            settle(before);
            expect(ftruncate(fd_, static_cast<off_t>(data.size())) == 0, what);
            std::fill(data.begin() + static_cast<long>(at), data.end(), 0);
        } else {
            expect(fallocate(fd_, mode, static_cast<off_t>(at), static_cast<off_t>(length)) == 0, what);
            std::fill_n(data.begin() + static_cast<long>(at), length, 0);
        }
        expect_same(fd_, 0, data, what);
        expect(size_of(fd_) == static_cast<off_t>(data.size()), "size, " + what);
        settle(2);
        expect_same(fd_, 0, data, "from the device, " + what);
    }

  private:
    // 0: pages stay dirty; 1: written back; 2: and dropped
    void settle(int how) {
        if (how >= 1)
            expect(fsync(fd_) == 0, "fsync");
        if (how >= 2)
            expect(posix_fadvise(fd_, 0, 0, POSIX_FADV_DONTNEED) == 0, "fadvise");
    }
    int fd_;
};

void edges(const char* path) {
    const int fd = open_file(path, O_TRUNC);
    Edges edges(fd);
    const std::size_t places[] = {0, 1, kPage - 1, kPage, kPage + 1, 3 * kPage - 5, 4 * kPage};
    const std::size_t lengths[] = {1, 100, kPage - 1, kPage, kPage + 1, 2 * kPage, 3 * kPage + 9};
    for (int mode : {FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE, -1})
        for (std::size_t at : places)
            for (std::size_t length : lengths)
                for (int before = 0; before < 3; ++before)
                    if (mode >= 0 || length == 1)
                        edges.change(mode, at, length, before);
    seek_and_fiemap(fd);
}

// The end of a file that is dirty in the page cache goes, and its size stays: its writeback would have stored it. The
// caller evicts the inodes, and looks at the sizes: what comes first in a name.
void sizes(const char* directory) {
    const auto data = pattern(2 * kPage, 9);
    const struct {
        const char* name;
        int mode;
        off_t written_at, at, length;
    } cases[] = {
        {"8192-punch-end", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kPage, kPage},
        {"8192-punch-all", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 0, 2 * kPage},
        {"8192-zero-end", FALLOC_FL_ZERO_RANGE, 0, kPage, kPage},
        {"8192-zero-keep", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, kPage, 4 * kPage},
        {"1056768-punch-sparse", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1 << 20, 1 << 20, 2 * kPage},
        {"8192-advise", -1, 0, kPage, kPage},
    };
    for (const auto& it : cases) {
        const int fd = open_file((std::string(directory) + "/" + it.name).c_str(), O_TRUNC);
        write_all(fd, data.data(), data.size(), it.written_at);
        if (it.mode >= 0) {
            expect(fallocate(fd, it.mode, it.at, it.length) == 0, std::string("fallocate: ") + it.name);
        } else {
            std::uint8_t* map = map_file(fd, 2 * kPage, 0, false);
            expect(madvise(map + it.at, static_cast<std::size_t>(it.length), MADV_REMOVE) == 0, "madvise");
            expect(munmap(map, 2 * kPage) == 0, "munmap");
        }
        expect(fsync(fd) == 0 && close(fd) == 0, std::string("fsync: ") + it.name);
    }
}

void full(const char* path) {
    const int fd = open_file(path, O_TRUNC);
    const auto data = pattern(100'000, 5);
    std::size_t size = 0;
    for (;;) {
        const ssize_t done = write(fd, data.data(), data.size());
        if (done < 0) {
            expect(errno == ENOSPC, "a full device");
            break;
        }
        size += static_cast<std::size_t>(done);
        expect(size < (std::size_t{64} << 20), "endless space");
    }
    expect(size > (std::size_t{20} << 20), "only " + std::to_string(size) + " bytes fit");
    struct stat st {};
    expect(fstat(fd, &st) == 0 && static_cast<std::size_t>(st.st_size) == size, "size after ENOSPC");
    // All that was taken is kept, though not a page has been written back by us.
    expect(fsync(fd) == 0, "fsync of what fit");
    expect(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0, "fadvise");
    for (std::size_t at = 0; at < size; at += data.size()) {
        const std::size_t length = std::min(data.size(), size - at);
        expect_same(fd, static_cast<off_t>(at), {data.begin(), data.begin() + static_cast<long>(length)}, "what fit");
    }
    // A store into a hole cannot be answered with an error: SIGBUS.
    const int sparse = open_file((std::string(path) + ".sparse").c_str(), O_TRUNC);
    expect(ftruncate(sparse, 1 << 20) == 0, "ftruncate");
    std::uint8_t* map = map_file(sparse, 1 << 20, 0, false);
    const pid_t child = fork();
    if (child == 0) {
        for (std::size_t i = 0; i < 1 << 20; i += kPage)
            *const_cast<volatile std::uint8_t*>(map + i) = 1;
        _exit(0);
    }
    int status = 0;
    expect(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS,
           "a store on a full device: status " + std::to_string(status));
    // Overwriting, punching and truncating go on.
    write_all(fd, data.data(), data.size(), 4096);
    expect(fsync(fd) == 0, "fsync of an overwrite");
    expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1 << 20, 1 << 20) == 0, "punch");
    map[0] = 1;
    expect(ftruncate(fd, 5000) == 0, "truncate");
}

int in(const char* directory, const char* name, int flags = 0) {
    return open_file((std::string(directory) + "/" + name).c_str(), flags);
}

void before(const char* directory) {
    const auto data = pattern(1 << 20, 6);
    int fd = in(directory, "synced");
    write_all(fd, data.data(), data.size(), 0);
    expect(fsync(fd) == 0, "fsync");

    // The first half reaches the device, and the size with it.
    fd = in(directory, "half");
    write_all(fd, data.data(), data.size(), 0);
    expect(sync_file_range(fd, 0, 512 << 10,
                           SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER) == 0,
           "sync_file_range");

    fd = in(directory, "never");
    write_all(fd, data.data(), data.size(), 0);

    // An append to the last block, after a sync.
    fd = in(directory, "append");
    write_all(fd, data.data(), 100, 0);
    expect(fsync(fd) == 0, "fsync");
    write_all(fd, data.data() + 100, 100, 100);

    fd = in(directory, "append-synced");
    write_all(fd, data.data(), 100, 0);
    expect(fsync(fd) == 0, "fsync");
    write_all(fd, data.data() + 100, 100, 100);
    expect(fdatasync(fd) == 0, "fdatasync");

    // Direct I/O is there when it returns: data, map and size.
    fd = in(directory, "direct", O_DIRECT);
    void* aligned = nullptr;
    expect(posix_memalign(&aligned, kPage, data.size()) == 0, "posix_memalign");
    std::memcpy(aligned, data.data(), data.size());
    write_all(fd, aligned, data.size(), 0);

    // Truncated and grown with dirty pages: the sizes are durable, and what they cover went out before them.
    fd = in(directory, "cut");
    write_all(fd, data.data(), data.size(), 0);
    expect(ftruncate(fd, 300'001) == 0, "ftruncate");
    fd = in(directory, "grown");
    write_all(fd, data.data(), 5000, 0);
    expect(ftruncate(fd, 1 << 20) == 0, "ftruncate");

    fd = in(directory, "preallocated");
    expect(fallocate(fd, 0, 0, 1 << 20) == 0, "fallocate");
    write_all(fd, data.data(), 1000, 200'000);

    fd = in(directory, "mapped");
    expect(ftruncate(fd, 1 << 20) == 0, "ftruncate");
    std::uint8_t* map = map_file(fd, 1 << 20, 0, false);
    std::copy(data.begin(), data.end(), map);
    expect(msync(map, 512 << 10, MS_SYNC) == 0, "msync");

    // Overwritten in place without a sync: old or new.
    fd = in(directory, "synced");
    const auto newer = pattern(64 << 10, 77);
    write_all(fd, newer.data(), newer.size(), 512 << 10);
}

// Each byte is what was written there, or zero; the first `sure` ones are what was written.
void judge(const char* directory, const char* name, std::size_t size, std::size_t sure,
           const std::vector<std::uint8_t>& data, std::size_t at = 0) {
    const int fd = in(directory, name);
    expect(size_of(fd) == static_cast<off_t>(size),
           std::string(name) + " has " + std::to_string(size_of(fd)) + " bytes, not " + std::to_string(size));
    const auto got = read_all(fd, size, 0);
    for (std::size_t i = 0; i < size; ++i) {
        const std::uint8_t wanted = i >= at && i - at < data.size() ? data[i - at] : 0;
        expect(got[i] == wanted || (i >= sure && got[i] == 0),
               std::string(name) + ": byte " + std::to_string(i) + " is " + std::to_string(got[i]) +
                   (got[i] == kStale ? ", of an earlier life" : "") + ", not " + std::to_string(wanted));
    }
}

void after(const char* directory) {
    const auto data = pattern(1 << 20, 6);
    const auto newer = pattern(64 << 10, 77);
    const int fd = in(directory, "synced");
    expect(size_of(fd) == 1 << 20, "size of a synced file");
    const auto got = read_all(fd, 1 << 20, 0);
    for (std::size_t i = 0; i < got.size(); ++i) {
        const std::size_t in_newer = i - (512 << 10);
        expect(got[i] == data[i] || (i >= 512 << 10 && in_newer < newer.size() && got[i] == newer[in_newer]),
               "synced: byte " + std::to_string(i));
    }
    judge(directory, "half", 512 << 10, 512 << 10, data);
    judge(directory, "never", 0, 0, data);
    judge(directory, "append", 100, 100, data);
    judge(directory, "append-synced", 200, 200, data);
    judge(directory, "direct", 1 << 20, 1 << 20, data);
    judge(directory, "cut", 300'001, 300'001, data);
    judge(directory, "grown", 1 << 20, 1 << 20, {data.begin(), data.begin() + 5000});
    judge(directory, "preallocated", 1 << 20, 0, {data.begin(), data.begin() + 1000}, 200'000);
    judge(directory, "mapped", 1 << 20, 512 << 10, data);
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 3, "usage: cached mapped|edges|full FILE, cached sizes|before|after DIRECTORY");
    const std::string command = argv[1];
    if (command == "mapped")
        mapped(argv[2]);
    else if (command == "edges")
        edges(argv[2]);
    else if (command == "full")
        full(argv[2]);
    else if (command == "sizes")
        sizes(argv[2]);
    else if (command == "before")
        before(argv[2]);
    else if (command == "after")
        after(argv[2]);
    else
        fail("no command " + command);
}

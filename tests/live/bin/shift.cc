// SPDX-License-Identifier: GPL-2.0-or-later
// Collapse and insert of a range, cut off in the middle or not.
//
//   shift make FILE EXTENTS     a file of EXTENTS single blocks, holes between them, and blocks past its end
//   shift run FILE CALL         collapse or insert; prints how many us it took
//   shift cut FILE CALL US      collapse, insert or truncate, and after US us a shutdown; prints "cut" or "done"
//   shift check FILE EXTENTS    says what it is: "made", "inserted" or "collapsed"; fails where it is none of them
//   shift loop FILE ROUNDS      insert and collapse in turn; 0: for ever
//   shift race FILE EXTENTS ROUNDS  the same, while mappings and read(2) look at what moves
//   shift cases FILE            what is refused, and what is allowed
#include "tests/live/bin/check.h"

#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

namespace {

// The range begins and ends inside the tree, at neither a huge page nor a leaf.
constexpr std::uint64_t kFirst = 1001;
constexpr std::uint64_t kCount = 77;
constexpr std::uint64_t kBehind = 3;  // unwritten blocks past the end of file
constexpr off_t kTruncated = 1000 * 4096 + 10;

std::uint64_t blocks_of(std::uint64_t extents) {
    return 2 * extents;
}

bool mapped(std::uint64_t block) {
    return block % 2 == 0;
}

void fill(std::uint64_t* words, std::uint64_t block) {
    for (std::size_t i = 0; i < kPage / 8; ++i)
        words[i] = mapped(block) ? block * 1000 + i + 1 : 0;
}

void make(const char* path, std::uint64_t extents) {
    const int fd = open_file(path, O_TRUNC);
    std::uint64_t words[kPage / 8];
    for (std::uint64_t block = 0; block < blocks_of(extents); block += 2) {
        fill(words, block);
        write_all(fd, words, kPage, static_cast<off_t>(block * kPage));
    }
    const auto size = static_cast<off_t>(blocks_of(extents) * kPage);
    expect(ftruncate(fd, size) == 0, "ftruncate");
    expect(fallocate(fd, FALLOC_FL_KEEP_SIZE, size, static_cast<off_t>(kBehind * kPage)) == 0,
           "fallocate behind the end");
    expect(fsync(fd) == 0 && close(fd) == 0, "fsync");
}

int mode_of(const std::string& what) {
    expect(what == "collapse" || what == "insert", "collapse or insert, not " + what);
    return what == "collapse" ? FALLOC_FL_COLLAPSE_RANGE : FALLOC_FL_INSERT_RANGE;
}

int shift(int fd, int mode) {
    return fallocate(fd, mode, static_cast<off_t>(kFirst * kPage), static_cast<off_t>(kCount * kPage));
}

void shut_down(int fd) {
    std::uint32_t how = 2;  // without anything more to the device
    expect(ioctl(fd, _IOR('X', 125, std::uint32_t), &how) == 0, "shutdown");
}

long microseconds(std::chrono::steady_clock::time_point since) {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - since).count();
}

void run(const char* path, int mode) {
    const int fd = open_file(path);
    const auto start = std::chrono::steady_clock::now();
    expect(shift(fd, mode) == 0, "fallocate");
    std::printf("%ld\n", microseconds(start));
}

// `call` in a thread of its own, the shutdown `us` after it began.
template <typename Call>
void cut(const char* path, long us, Call call) {
    const int fd = open_file(path);
    std::atomic<bool> begun{false};
    int result = 0;
    std::thread caller([&] {
        begun = true;
        result = call(fd);
        if (result != 0)
            result = errno;
    });
    while (!begun)
        std::this_thread::yield();
    const auto start = std::chrono::steady_clock::now();
    while (microseconds(start) < us)
        std::this_thread::yield();
    shut_down(fd);
    caller.join();
    expect(result == 0 || result == EIO, "the call that is cut off gives " + std::to_string(result));
    std::puts(result == 0 ? "done" : "cut");
}

// How many blocks the file has more than when it was made: what was inserted, or less what was collapsed.
void check(const char* path, std::uint64_t extents) {
    const int fd = open(path, O_RDONLY);
    expect(fd >= 0, "open");
    const std::uint64_t blocks = static_cast<std::uint64_t>(size_of(fd)) / kPage;
    const bool inserted = blocks == blocks_of(extents) + kCount;
    const bool collapsed = blocks == blocks_of(extents) - kCount;
    expect(inserted || collapsed || blocks == blocks_of(extents), std::to_string(blocks) + " blocks");
    // What is at `block` was there when the file was made; UINT64_MAX: nothing.
    const auto source = [&](std::uint64_t block) {
        if (block < kFirst)
            return block;
        if (collapsed)
            return block + kCount;
        return !inserted ? block : block < kFirst + kCount ? UINT64_MAX : block - kCount;
    };
    std::vector<std::uint64_t> wanted(kPage / 8);
    for (std::uint64_t first = 0; first < blocks; first += kHuge / kPage) {
        const std::uint64_t count = std::min<std::uint64_t>(kHuge / kPage, blocks - first);
        const auto got = read_all(fd, count * kPage, static_cast<off_t>(first * kPage));
        for (std::uint64_t i = 0; i < count; ++i) {
            fill(wanted.data(), source(first + i));
            expect(std::memcmp(&got[i * kPage], wanted.data(), kPage) == 0,
                   "block " + std::to_string(first + i) + " of " + std::to_string(blocks) + " differs");
        }
    }
    std::puts(inserted ? "inserted" : collapsed ? "collapsed" : "made");
}

void loop(const char* path, std::uint64_t rounds) {
    const int fd = open_file(path);
    for (std::uint64_t i = 0; rounds == 0 || i < rounds; ++i) {
        expect(shift(fd, FALLOC_FL_INSERT_RANGE) == 0, "insert");
        expect(shift(fd, FALLOC_FL_COLLAPSE_RANGE) == 0, "collapse");
    }
}

std::uint64_t first_word(std::uint64_t block) {
    std::uint64_t words[kPage / 8];
    fill(words, block);
    return words[0];
}

// Whoever looks sees the block as it is with or without the inserted ones, and nothing else.
void look(int fd, std::uint64_t blocks, bool mapped, std::uint64_t seed, const std::atomic<bool>& stop) {
    Random random(seed);
    volatile const auto* map = reinterpret_cast<volatile const std::uint64_t*>(map_file(fd, blocks * kPage, 0, true));
    while (!stop) {
        const std::uint64_t block = random.below(blocks);
        const bool hole = block >= kFirst && block < kFirst + kCount;
        std::uint64_t seen = 0;
        if (mapped)
            seen = map[block * kPage / 8];
        else
            expect(pread(fd, &seen, 8, static_cast<off_t>(block * kPage)) == 8, "pread");
        const std::uint64_t inserted = hole ? 0 : first_word(block < kFirst ? block : block - kCount);
        expect(seen == first_word(block) || seen == inserted,
               "block " + std::to_string(block) + " begins with " + std::to_string(seen));
    }
}

void race(const char* path, std::uint64_t extents, std::uint64_t rounds) {
    const int fd = open_file(path);
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (std::uint64_t seed = 1; seed <= 3; ++seed)
        threads.emplace_back([&, seed] { look(fd, blocks_of(extents), seed != 3, seed, stop); });
    loop(path, rounds);
    stop = true;
    for (std::thread& thread : threads)
        thread.join();
}

std::uint64_t free_blocks(int fd) {
    struct statvfs st {};
    expect(fstatvfs(fd, &st) == 0, "fstatvfs");
    return st.f_bfree;
}

unsigned extent_count(int fd) {
    struct fiemap map {};
    map.fm_length = FIEMAP_MAX_OFFSET;
    expect(ioctl(fd, FS_IOC_FIEMAP, &map) == 0, "fiemap");
    return map.fm_mapped_extents;
}

void refused(int fd, int mode, off_t offset, off_t length, int error, const char* what) {
    const off_t size = size_of(fd);
    expect(fallocate(fd, mode, offset, length) == -1, what);
    // Kernels disagree on what a mix of modes is.
    expect(errno == error || (error == 0 && (errno == EINVAL || errno == EOPNOTSUPP)), what);
    expect(size_of(fd) == size, std::string(what) + " changed the size");
}

void cases(const char* path) {
    constexpr int kCollapse = FALLOC_FL_COLLAPSE_RANGE;
    constexpr int kInsert = FALLOC_FL_INSERT_RANGE;
    constexpr off_t kBlock = kPage;
    constexpr off_t kMax = INT64_MAX;
    constexpr off_t kLast = kMax / kBlock * kBlock;
    const int fd = open_file(path, O_TRUNC);
    const std::uint64_t free_before = free_blocks(fd);
    std::vector<std::uint8_t> data(10 * kPage);
    for (std::size_t i = 0; i < data.size(); ++i)
        data[i] = static_cast<std::uint8_t>(i / kPage + 1);
    write_all(fd, data.data(), data.size() - 100, 0);

    refused(fd, kCollapse, 100, kBlock, EINVAL, "collapse at no block");
    refused(fd, kCollapse, 0, 100, EINVAL, "collapse of no blocks");
    refused(fd, kCollapse, 8 * kBlock, 2 * kBlock, EINVAL, "collapse of the last block");
    refused(fd, kCollapse, 11 * kBlock, kBlock, EINVAL, "collapse behind the end");
    refused(fd, kCollapse, kBlock, kLast, EFBIG, "collapse past 2^63");
    refused(fd, kCollapse | FALLOC_FL_KEEP_SIZE, kBlock, kBlock, 0, "collapse that keeps the size");
    refused(fd, kInsert, 100, kBlock, EINVAL, "insert at no block");
    refused(fd, kInsert, 0, 100, EINVAL, "insert of no blocks");
    refused(fd, kInsert, 10 * kBlock, kBlock, EINVAL, "insert at the end");
    refused(fd, kInsert, kBlock, kLast - kBlock, EFBIG, "insert that moves the end past 2^63");
    refused(fd, kInsert | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kBlock, kBlock, 0, "two modes at once");

    // One extent: its middle goes, comes back as a hole, and what was cut apart is one again.
    expect(extent_count(fd) == 1, "one extent");
    expect(fallocate(fd, kInsert, 4 * kBlock, 3 * kBlock) == 0 && extent_count(fd) == 2, "insert into an extent");
    expect(size_of(fd) == 13 * kBlock - 100, "size after insert");
    expect(read_all(fd, 1, 4 * kBlock - 1)[0] == 4 &&
               read_all(fd, 3 * kPage, 4 * kBlock) == std::vector<std::uint8_t>(3 * kPage) &&
               read_all(fd, 1, 7 * kBlock)[0] == 5,
           "content after insert");
    expect(fallocate(fd, kCollapse, 4 * kBlock, 3 * kBlock) == 0 && extent_count(fd) == 1, "collapse of that hole");
    expect(std::memcmp(read_all(fd, data.size() - 100, 0).data(), data.data(), data.size() - 100) == 0,
           "the content is back");
    expect(fallocate(fd, kCollapse, 0, 2 * kBlock) == 0 && read_all(fd, 1, 0)[0] == 3, "collapse of the first blocks");
    expect(
        fallocate(fd, kInsert, 0, 2 * kBlock) == 0 && read_all(fd, 1, 0)[0] == 0 && read_all(fd, 1, 2 * kBlock)[0] == 3,
        "insert in front");

    // To where the keys end, and not a block further: what lies past the end of file counts too.
    expect(fallocate(fd, FALLOC_FL_KEEP_SIZE, kLast - kBlock, kBlock) == 0, "a block past the end of file");
    refused(fd, kInsert, 0, 2 * kBlock, EFBIG, "insert that moves a block past 2^63");
    expect(fallocate(fd, kInsert, kBlock, kBlock) == 0, "insert that moves a block to the last place");
    expect(read_all(fd, 1, 3 * kBlock)[0] == 3, "what moved with it");
    expect(fallocate(fd, kCollapse, kBlock, kBlock) == 0, "collapse from the last place");
    expect(ftruncate(fd, kMax) == 0, "ftruncate to 2^63 - 1");
    refused(fd, kInsert, kBlock, kBlock, EFBIG, "insert into a file of 2^63 - 1 bytes");
    expect(fallocate(fd, kCollapse, 3 * kBlock, kLast - 4 * kBlock) == 0, "collapse of nearly 2^63 bytes");
    expect(size_of(fd) == 5 * kBlock - 1, "size after that");
    expect(read_all(fd, 1, 2 * kBlock)[0] == 3, "what was in front of that");

    // A mapping sees what moved; a store through it that nobody wrote back moves with its block.
    expect(ftruncate(fd, 0) == 0, "ftruncate to 0");
    write_all(fd, data.data(), data.size(), 0);
    std::uint8_t* map = map_file(fd, data.size(), 0, true);
    map[6 * kPage + 7] = 0x77;
    expect(fallocate(fd, kCollapse, kBlock, 3 * kBlock) == 0, "collapse under a mapping");
    expect(map[0] == 1 && map[kPage] == 5 && map[3 * kPage + 7] == 0x77, "the mapping after collapse");
    map[3 * kPage + 8] = 0x78;
    expect(fallocate(fd, kInsert, kBlock, 3 * kBlock) == 0, "insert under a mapping");
    expect(map[kPage] == 0 && map[4 * kPage] == 5 && map[6 * kPage + 7] == 0x77 && map[6 * kPage + 8] == 0x78,
           "the mapping after insert");
    expect(read_all(fd, 2, 6 * kBlock + 7) == (std::vector<std::uint8_t>{0x77, 0x78}), "read(2) after insert");

    // To unshare is to allocate: no file shares blocks with another.
    const std::uint64_t free_now = free_blocks(fd);
    expect(fallocate(fd, FALLOC_FL_UNSHARE_RANGE | FALLOC_FL_KEEP_SIZE, 0, 10 * kBlock) == 0, "unshare");
    expect(free_blocks(fd) == free_now - 3, "unshare fills the hole");
    expect(read_all(fd, 1, 4 * kBlock)[0] == 5 && read_all(fd, 1, kBlock)[0] == 0, "content after unshare");
    munmap(map, data.size());
    expect(ftruncate(fd, 0) == 0 && free_blocks(fd) == free_before, "every block comes back");
    refused(fd, kCollapse, 0, kBlock, EINVAL, "collapse of an empty file");
    refused(fd, kInsert, 0, kBlock, EINVAL, "insert into an empty file");
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc >= 3, "usage: shift make|run|cut|check|loop|race|cases FILE ...");
    const std::string what = argv[1];
    const char* path = argv[2];
    const auto number = [&](int i) {
        expect(i < argc, "an argument is missing");
        return std::strtoull(argv[i], nullptr, 10);
    };
    const auto mode = [&](int i) {
        expect(i < argc, "an argument is missing");
        return mode_of(argv[i]);
    };
    if (what == "make")
        make(path, number(3));
    else if (what == "run")
        run(path, mode(3));
    else if (what == "cut")
        cut(path, static_cast<long>(number(4)), [&](int fd) {
            return std::string(argv[3]) == "truncate" ? ftruncate(fd, kTruncated) : shift(fd, mode(3));
        });
    else if (what == "check")
        check(path, number(3));
    else if (what == "loop")
        loop(path, number(3));
    else if (what == "race")
        race(path, number(3), number(4));
    else if (what == "cases")
        cases(path);
    else
        fail("no such case: " + what);
}

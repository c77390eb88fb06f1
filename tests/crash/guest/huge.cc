// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/guest/huge.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "tests/crash/guest/calls.h"

namespace daxfs::crash {
namespace {

constexpr std::uint64_t kHuge = 2 << 20;
constexpr const char* kFile = "A/huge";

// The extent that holds the file's first block, whose place in a huge page must be the file's.
fiemap_extent first_extent() {
    const File file(kFile, O_RDONLY);
    alignas(fiemap) char buffer[sizeof(fiemap) + sizeof(fiemap_extent)] = {};
    auto* map = new (buffer) fiemap{.fm_length = kHuge, .fm_extent_count = 1};
    must(file.good() ? result(ioctl(file.get(), FS_IOC_FIEMAP, map)) : file.error(), kFile);
    return map->fm_mapped_extents == 0 ? fiemap_extent{} : map->fm_extents[0];
}

bool is_one_huge_page() {
    const fiemap_extent extent = first_extent();
    return extent.fe_logical == 0 && extent.fe_length >= kHuge && extent.fe_physical % kHuge == 0;
}

void must_be_huge(bool yes) {
    must(is_one_huge_page() == yes ? 0 : EDOM,
         yes ? "the file is not in one huge page" : "the file is in one huge page");
}

bool is_written() {
    const fiemap_extent extent = first_extent();
    return extent.fe_length >= kHuge && (extent.fe_flags & FIEMAP_EXTENT_UNWRITTEN) == 0;
}

void make_sparse() {
    must(make_file(kFile, 0), kFile);
    must(result(truncate(kFile, kHuge)), kFile);
}

void make_preallocated() {
    must(make_file(kFile, 0), kFile);
    must(allocate(kFile, 0, 0, kHuge), kFile);
    must_be_huge(true);
}

void append_up_to(const File& file, std::uint64_t size, std::uint64_t end, std::size_t step) {
    for (; size < end; size += step)
        must(pwrite(file.get(), pattern(step), step, static_cast<off_t>(size)) == static_cast<ssize_t>(step) ? 0 : EIO,
             kFile);
}

void make_written() {
    make_preallocated();
    append_up_to(File(kFile), 0, kHuge, 1 << 16);
    must_be_huge(true);
}

// ---- gathering: a write completes 2 MiB whose blocks lie apart ----

// Open until the case is over: what is kept for a file to grow into goes with its last writer.
std::unique_ptr<File> growing;

// While it was small its blocks went where there was a hole; the rest is in a huge page.
void grow_to_last_block() {
    must(make_file(kFile, 0), kFile);
    growing = std::make_unique<File>(kFile);
    append_up_to(*growing, 0, 15 * 4096, 4096);
    // What comes next in the hole is somebody else's.
    must(allocate("A/bar", FALLOC_FL_KEEP_SIZE, 4096, std::uint64_t{100} * 4096), "A/bar");
    append_up_to(*growing, 15 * 4096, 64 * 4096, 4096);
    append_up_to(*growing, 64 * 4096, kHuge - 65536, 65536);
    append_up_to(*growing, kHuge - 65536, kHuge - 4096, 4096);
}

int complete_growth() {
    must_be_huge(false);
    const int error = result(pwrite(growing->get(), pattern(4096), 4096, kHuge - 4096));
    growing.reset();
    must_be_huge(error == 0);
    return error;
}

// What was stored to the blocks is still in the cache when they are copied and forgotten.
int complete_stored() {
    void* mapped = mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, growing->get(), 0);
    must(mapped == MAP_FAILED ? errno : 0, kFile);
    std::memcpy(mapped, pattern(5000), 5000);
    munmap(mapped, 65536);
    const int file = dup(growing->get());
    int error = complete_growth();
    error = error != 0 ? error : result(fdatasync(file));
    close(file);
    return error;
}

// All of it lies one block from where a huge page would have it.
void make_shifted() {
    make_written();
    must(append(kFile, 4096), kFile);
    must(allocate(kFile, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), kFile);
    must_be_huge(false);
}

int complete_shifted() {
    const int error = write_at(kFile, kHuge - 4096, 4096);
    must_be_huge(error == 0);
    return error;
}

// ---- settling: what a file has behind its last 2 MiB leaves a huge page where it is alone ----

constexpr std::uint64_t kTail = std::uint64_t{40} * 4096;

void must_be_one_run(bool yes) {
    const bool one = is_one_huge_page() && first_extent().fe_length > kHuge;
    must(one == yes ? 0 : EDOM, yes ? "the tail does not follow its 2 MiB" : "the tail follows its 2 MiB");
}

void grow_past_huge() {
    must(make_file(kFile, 0), kFile);
    growing = std::make_unique<File>(kFile);
    append_up_to(*growing, 0, kHuge, 1 << 16);
    append_up_to(*growing, kHuge, kHuge + kTail, 4096);
    must_be_one_run(true);
}

int close_grown() {
    growing.reset();
    must_be_one_run(false);
    return 0;
}

// What was stored to the tail is still in the cache when it moves.
int close_stored() {
    void* mapped = mmap(nullptr, kTail, PROT_READ | PROT_WRITE, MAP_SHARED, growing->get(), kHuge);
    must(mapped == MAP_FAILED ? errno : 0, kFile);
    std::memcpy(mapped, pattern(5000), 5000);
    munmap(mapped, kTail);
    const int error = close_grown();
    return then_sync(error, kFile);
}

void make_two_huge() {
    make_written();
    const File file(kFile);
    append_up_to(file, kHuge, 2 * kHuge, 1 << 16);
    must_be_one_run(true);
}

int shorten_to_tail() {
    const int error = result(truncate(kFile, kHuge + kTail));
    must_be_one_run(error != 0);
    return error;
}

// The tail lies elsewhere, and what comes then too: until its 2 MiB are complete.
void make_settled() {
    grow_past_huge();
    growing.reset();
    growing = std::make_unique<File>(kFile);
    append_up_to(*growing, kHuge + kTail, 2 * kHuge - 4096, 4096);
    must_be_one_run(false);
}

int complete_settled() {
    const int error = result(pwrite(growing->get(), pattern(4096), 4096, 2 * kHuge - 4096));
    growing.reset();
    return error;
}

// ---- faults of 2 MiB ----

// The file, mapped where a huge page can be.
class Mapping {
  public:
    explicit Mapping(int kind) : file_(kFile) {
        void* room = mmap(nullptr, 2 * kHuge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        must(room == MAP_FAILED ? errno : 0, "mmap");
        void* place = reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(room) + kHuge - 1) / kHuge * kHuge);
        mapped_ = static_cast<char*>(mmap(place, kHuge, PROT_READ | PROT_WRITE, kind | MAP_FIXED, file_.get(), 0));
        must(mapped_ == MAP_FAILED ? errno : 0, kFile);
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() { munmap(mapped_, kHuge); }

    char* at(std::uint64_t offset) const { return mapped_ + offset; }
    int file() const { return file_.get(); }
    void store(std::uint64_t offset, std::size_t bytes) const { std::memcpy(at(offset), pattern(bytes), bytes); }

  private:
    File file_;
    char* mapped_;
};

constexpr std::uint64_t kPlace = (1 << 20) + 1000;  // of a store
constexpr std::size_t kStored = 5000;

int store_with_map_sync() {
    const Mapping mapping(MAP_SHARED_VALIDATE | MAP_SYNC);
    mapping.store(kPlace, kStored);
    flush_lines(mapping.at(kPlace), kStored);
    must(is_one_huge_page() && is_written() ? 0 : EDOM, "the fault was not of 2 MiB");
    return 0;
}

int store_and_msync() {
    const Mapping mapping(MAP_SHARED);
    mapping.store(kPlace, kStored);
    must(is_one_huge_page() && is_written() ? 0 : EDOM, "the fault was not of 2 MiB");
    return result(msync(mapping.at(0), kHuge, MS_SYNC));
}

// ---- a part of a dirty huge page goes: what was stored to the rest of it is still to be written back ----

template <typename Call>
int lose_part(const Call& call) {
    const Mapping mapping(MAP_SHARED);
    mapping.store(kPlace, kStored);
    const int error = call(mapping.file());
    return error != 0 ? error : result(fdatasync(mapping.file()));
}

template <int kMode, std::uint64_t kOffset, std::uint64_t kLength>
int lose_range() {
    return lose_part([](int file) { return result(fallocate(file, kMode, kOffset, kLength)); });
}

template <std::uint64_t kSize>
int lose_end() {
    return lose_part([](int file) { return result(ftruncate(file, kSize)); });
}

constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

}  // namespace

// clang-format off
const std::vector<Operation>& huge_operations() {
    static const std::vector<Operation> all = {
        {"c", "append-gathers-head", complete_growth, grow_to_last_block},
        {"n@/case/A/huge", "store-append-gathers-head", complete_stored, grow_to_last_block},
        {"r", "overwrite-gathers-all", complete_shifted, make_shifted},
        {"=", "close-settles-tail", close_grown, grow_past_huge},
        {"n@/case/A/huge", "store-close-settles-tail", close_stored, grow_past_huge},
        {"-", "truncate-settles-tail", shorten_to_tail, make_two_huge},
        {"c", "append-gathers-settled", complete_settled, make_settled},
        {"rf", "huge-store-hole-map-sync", store_with_map_sync, make_sparse},
        {"rf", "huge-store-preallocated-map-sync", store_with_map_sync, make_preallocated},
        {"rf", "huge-store-map-sync", store_with_map_sync, make_written},
        {"r@/case/A/huge", "huge-store-hole-msync", store_and_msync, make_sparse},
        {"r@/case/A/huge", "huge-store-preallocated-msync", store_and_msync, make_preallocated},
        {"r@/case/A/huge", "huge-store-msync", store_and_msync, make_written},
        {"n@/case/A/huge", "huge-store-punch", lose_range<kPunch, 0, 4096>, make_written},
        {"n@/case/A/huge", "huge-store-punch-end", lose_range<kPunch, kHuge - 8192, 8192>, make_written},
        {"n@/case/A/huge", "huge-store-punch-unaligned", lose_range<kPunch, 100, 5000>, make_written},
        {"n@/case/A/huge", "huge-store-zero-range", lose_range<FALLOC_FL_ZERO_RANGE, 4096, 4096>, make_written},
        {"n@/case/A/huge", "huge-store-collapse", lose_range<FALLOC_FL_COLLAPSE_RANGE, 0, 4096>, make_written},
        {"n@/case/A/huge", "huge-store-insert", lose_range<FALLOC_FL_INSERT_RANGE, 0, 4096>, make_written},
        {"n@/case/A/huge", "huge-store-truncate", lose_end<kHuge - 4096>, make_written},
        {"n@/case/A/huge", "huge-store-truncate-inside-block", lose_end<kHuge - 100>, make_written},
    };
    return all;
}
// clang-format on

}  // namespace daxfs::crash

// SPDX-License-Identifier: GPL-2.0-or-later
// Random writes, reads, stores, truncates, holes, zeros and preallocations on one file, through whichever way:
// write(2), O_DIRECT, a mapping. All agree with a copy in memory. Works on any file, through DAX or not: `paths FILE
// SEED STEPS` goes on with what the file holds, so that a test can change the way of access in between.
#include "tests/live/bin/check.h"

#include <algorithm>
#include <cstdlib>

namespace {

constexpr std::size_t kLimit = std::size_t{1} << 20;
constexpr std::size_t kSector = 512;

class Paths {
  public:
    Paths(const char* path, std::uint64_t seed)
        : cached_(open_file(path)), direct_(open_file(path, O_DIRECT)), random_(seed), bytes_(kLimit) {
        expect(posix_memalign(reinterpret_cast<void**>(&buffer_), kPage, kLimit) == 0, "posix_memalign");
        size_ = static_cast<std::size_t>(size_of(cached_));
        const auto now = read_all(cached_, size_, 0);
        std::copy(now.begin(), now.end(), bytes_.begin());
    }

    void step() {
        switch (random_.below(12)) {
            case 0:
            case 1:
                write_some(cached_, 1);
                break;
            case 2:
            case 3:
                write_some(direct_, random_.below(2) ? kPage : kSector);
                break;
            case 4:
                store();
                break;
            case 5:
                truncate_to(random_.below(kLimit + 1));
                break;
            case 6:
                change(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
                break;
            case 7:
                change(FALLOC_FL_ZERO_RANGE | (random_.below(2) ? FALLOC_FL_KEEP_SIZE : 0));
                break;
            case 8:
                change(random_.below(2) ? FALLOC_FL_KEEP_SIZE : 0);
                break;
            case 9:
                expect(random_.below(2) ? fsync(cached_) == 0 : sync_file_range(cached_, 0, kLimit / 2, 7) == 0,
                       "sync");
                break;
            case 10:
                compare(direct_, "direct");
                break;
            default:
                compare(cached_, "page cache");
                compare_map();
                break;
        }
        expect(size_of(cached_) == static_cast<off_t>(size_),
               "size is " + std::to_string(size_of(cached_)) + ", not " + std::to_string(size_) + " after " + last_);
    }

    void compare_all() {
        compare(cached_, "page cache");
        compare(direct_, "direct");
        compare_map();
    }

  private:
    void note(const char* what, std::size_t at, std::size_t length) {
        last_ = std::string(what) + " at " + std::to_string(at) + ", " + std::to_string(length) + " bytes";
    }

    // A range of [0, kLimit), short ones preferred, multiples of `unit`.
    bool some_range(std::size_t unit, std::size_t* at, std::size_t* length) {
        *at = random_.below(kLimit / unit) * unit;
        const std::size_t most = (kLimit - *at) / unit;
        *length = (1 + random_.below(std::min(most, random_.below(3) ? 1 + 3 * kPage / unit : most))) * unit;
        *length = std::min(*length, kLimit - *at);
        return *length != 0;
    }

    void fill(std::size_t at, std::size_t length) {
        const std::uint64_t mark = random_.next();
        for (std::size_t i = 0; i < length; ++i)
            bytes_[at + i] = static_cast<std::uint8_t>(1 + (mark + i) % 251);
    }

    void write_some(int fd, std::size_t unit) {
        std::size_t at = 0, length = 0;
        if (!some_range(unit, &at, &length))
            return;
        note(fd == direct_ ? "direct write" : "write", at, length);
        fill(at, length);
        std::memcpy(buffer_, &bytes_[at], length);
        write_all(fd, buffer_, length, static_cast<off_t>(at));
        size_ = std::max(size_, at + length);
    }

    void store() {
        std::size_t at = 0, length = 0;
        if (!some_range(1, &at, &length) || at >= size_)
            return;
        length = std::min(length, size_ - at);
        note("store", at, length);
        fill(at, length);
        std::uint8_t* map = whole_map();
        std::memcpy(map + at, &bytes_[at], length);
        // Behind the end of file, in its last page: nobody may see this when the file grows.
        if (size_ % kPage != 0)
            map[size_] = 0xee;
        if (random_.below(2))
            expect(msync(map, size_, MS_SYNC) == 0, "msync");
        munmap(map, size_);
    }

    void truncate_to(std::size_t size) {
        note("truncate", size, 0);
        expect(ftruncate(cached_, static_cast<off_t>(size)) == 0, last_);
        if (size < size_)
            std::fill(bytes_.begin() + static_cast<long>(size), bytes_.begin() + static_cast<long>(size_), 0);
        size_ = size;
    }

    void change(int mode) {
        std::size_t at = 0, length = 0;
        if (!some_range(1, &at, &length))
            return;
        note(mode & FALLOC_FL_PUNCH_HOLE   ? "punch"
             : mode & FALLOC_FL_ZERO_RANGE ? "zero range"
                                           : "fallocate",
             at, length);
        expect(fallocate(cached_, mode, static_cast<off_t>(at), static_cast<off_t>(length)) == 0, last_);
        if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
            std::fill_n(bytes_.begin() + static_cast<long>(at), length, 0);
        if (!(mode & FALLOC_FL_KEEP_SIZE))
            size_ = std::max(size_, at + length);
    }

    std::uint8_t* whole_map() {
        void* map = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, cached_, 0);
        expect(map != MAP_FAILED, "mmap");
        return static_cast<std::uint8_t*>(map);
    }

    void differs(const std::uint8_t* got, const char* how) {
        for (std::size_t i = 0; i < size_; ++i)
            if (got[i] != bytes_[i])
                fail(std::string(how) + ": byte " + std::to_string(i) + " of " + std::to_string(size_) + " is " +
                     std::to_string(got[i]) + ", not " + std::to_string(bytes_[i]) + ", after " + last_);
    }

    void compare(int fd, const char* how) {
        const ssize_t got = pread(fd, buffer_, kLimit, 0);
        expect(got == static_cast<ssize_t>(size_), std::string("read, ") + how + ": " + std::to_string(got) +
                                                       " bytes of " + std::to_string(size_) + ", after " + last_);
        differs(buffer_, how);
    }

    void compare_map() {
        if (size_ == 0)
            return;
        std::uint8_t* map = whole_map();
        differs(map, "mapped");
        munmap(map, size_);
    }

    int cached_, direct_;
    Random random_;
    std::vector<std::uint8_t> bytes_;
    std::uint8_t* buffer_ = nullptr;
    std::size_t size_ = 0;
    std::string last_ = "the start";
};

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 4, "usage: paths FILE SEED STEPS");
    Paths paths(argv[1], std::strtoull(argv[2], nullptr, 10));
    const auto steps = std::strtoull(argv[3], nullptr, 10);
    for (std::uint64_t i = 0; i < steps; ++i)
        paths.step();
    paths.compare_all();
}

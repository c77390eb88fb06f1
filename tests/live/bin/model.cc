// SPDX-License-Identifier: GPL-2.0-or-later
// Random reads, writes, stores, truncates, holes, preallocations, collapses and inserts on one file, compared with a
// copy in memory after each step and, wholly, at the end. An even seed writes with O_DSYNC.
//
//   model FILE SEED STEPS [MEGABYTES]
#include "tests/live/bin/check.h"

#include <algorithm>

namespace {

class Model {
  public:
    Model(const char* path, std::uint64_t seed, std::size_t limit)
        : path_(path),
          fd_(open_file(path, O_TRUNC | (seed % 2 == 0 ? O_DSYNC : 0))),
          random_(seed),
          limit_(limit),
          bytes_(limit) {}

    void step() {
        switch (random_.below(14)) {
            case 0:
            case 1:
            case 2:
                write_somewhere(random_.below(limit_));
                break;
            case 3:
                write_somewhere(size_);
                break;
            case 4:
                store();
                break;
            case 5:
                truncate_to(random_.below(limit_ + 1));
                break;
            case 6:
                change(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
                break;
            case 7:
                change(FALLOC_FL_ZERO_RANGE);
                break;
            case 8:
                change(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
                break;
            case 9:
                change(random_.below(2) ? FALLOC_FL_KEEP_SIZE : 0);
                break;
            case 10:
                load();
                break;
            case 11:
                collapse();
                break;
            case 12:
                insert();
                break;
            default:
                compare(random_.below(limit_), random_.below(limit_));
                break;
        }
        expect(size_of(fd_) == static_cast<off_t>(size_),
               "size is " + std::to_string(size_of(fd_)) + ", not " + std::to_string(size_) + " after " + last_);
    }

    void compare_all() {
        compare(0, limit_);
        close(fd_);
        fd_ = open_file(path_);
        compare(0, limit_);
    }

  private:
    std::size_t some_length(std::size_t at) {
        const std::size_t most = limit_ - at;
        const std::size_t small = std::min<std::size_t>(most, random_.below(3) ? 3 * kPage : most);
        return small == 0 ? 0 : 1 + random_.below(small);
    }

    void note(const char* what, std::size_t at, std::size_t length) {
        last_ = std::string(what) + " at " + std::to_string(at) + ", " + std::to_string(length) + " bytes";
    }

    void fill(std::uint8_t* to, std::size_t length) {
        for (std::size_t i = 0; i < length; ++i)
            to[i] = static_cast<std::uint8_t>(1 + (i + length) % 251);
        if (length >= 8) {
            const std::uint64_t mark = random_.next();
            std::memcpy(to, &mark, 8);
            std::memcpy(to + length - 8, &mark, 8);
        }
    }

    // What the size uncovers reads as zeros: the copy in memory is zero behind it.
    void grow(std::size_t size) { size_ = std::max(size_, size); }

    void write_somewhere(std::size_t at) {
        const std::size_t length = some_length(at);
        if (length == 0)
            return;
        note("write", at, length);
        fill(&bytes_[at], length);
        write_all(fd_, &bytes_[at], length, static_cast<off_t>(at));
        grow(at + length);
    }

    void store() {
        if (size_ == 0)
            return;
        const std::size_t at = random_.below(size_);
        const std::size_t length = std::min(some_length(at), size_ - at);
        const std::size_t from = at / kHuge * kHuge;
        const std::size_t end = (at + length + kPage - 1) / kPage * kPage;
        note("store", at, length);
        fill(&bytes_[at], length);
        std::uint8_t* map = map_file(fd_, end - from, static_cast<off_t>(from), random_.below(2));
        std::memcpy(map + (at - from), &bytes_[at], length);
        if (random_.below(2))
            expect(msync(map, end - from, MS_SYNC) == 0, "msync");
        // Behind the end of file, in its last page: nobody may see this when the file grows.
        if (at + length == size_ && size_ % kPage != 0)
            map[size_ - from] = 0xee;
        expect(munmap(map, end - from) == 0, "munmap");
    }

    void load() {
        if (size_ == 0)
            return;
        const std::size_t at = random_.below(size_);
        const std::size_t from = at / kHuge * kHuge;
        const std::size_t length = std::min(size_ - at, some_length(at));
        const std::size_t end = (at + length + kPage - 1) / kPage * kPage;
        note("load", at, length);
        const std::uint8_t* map = map_file(fd_, end - from, static_cast<off_t>(from), random_.below(2));
        expect(std::memcmp(map + (at - from), &bytes_[at], length) == 0, "mapped bytes differ: " + last_);
        munmap(const_cast<std::uint8_t*>(map), end - from);
    }

    void truncate_to(std::size_t size) {
        note("truncate", size, 0);
        expect(ftruncate(fd_, static_cast<off_t>(size)) == 0, last_);
        if (size < size_)
            std::fill(bytes_.begin() + static_cast<long>(size), bytes_.begin() + static_cast<long>(size_), 0);
        size_ = size;
    }

    void change(int mode) {
        const std::size_t at = random_.below(limit_);
        const std::size_t length = some_length(at);
        if (length == 0)
            return;
        note(mode & FALLOC_FL_PUNCH_HOLE   ? "punch"
             : mode & FALLOC_FL_ZERO_RANGE ? "zero range"
                                           : "fallocate",
             at, length);
        expect(fallocate(fd_, mode, static_cast<off_t>(at), static_cast<off_t>(length)) == 0, last_);
        if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
            std::fill_n(bytes_.begin() + static_cast<long>(at), length, 0);
        if (!(mode & FALLOC_FL_KEEP_SIZE))
            grow(at + length);
    }

    // Mostly few blocks, now and then whole huge pages.
    std::size_t some_blocks(std::size_t most) {
        const std::size_t blocks = random_.below(4) == 0 ? most / kPage : std::min<std::size_t>(most / kPage, 6);
        std::size_t length = (1 + random_.below(blocks)) * kPage;
        if (length > kHuge && random_.below(2))
            length = length / kHuge * kHuge;
        return length;
    }

    void collapse() {
        if (size_ <= kPage)
            return;
        const std::size_t blocks = (size_ - 1) / kPage;  // that may go: the range ends before the end of file
        const std::size_t at = random_.below(blocks) * kPage;
        const std::size_t length = some_blocks(blocks * kPage - at);
        note("collapse", at, length);
        expect(fallocate(fd_, FALLOC_FL_COLLAPSE_RANGE, static_cast<off_t>(at), static_cast<off_t>(length)) == 0,
               last_);
        const auto begin = bytes_.begin();
        std::copy(begin + static_cast<long>(at + length), begin + static_cast<long>(size_),
                  begin + static_cast<long>(at));
        std::fill(begin + static_cast<long>(size_ - length), begin + static_cast<long>(size_), 0);
        size_ -= length;
    }

    void insert() {
        if (size_ == 0 || size_ + kPage > limit_)
            return;
        const std::size_t at = random_.below((size_ + kPage - 1) / kPage) * kPage;
        const std::size_t length = some_blocks(limit_ - size_);
        note("insert", at, length);
        expect(fallocate(fd_, FALLOC_FL_INSERT_RANGE, static_cast<off_t>(at), static_cast<off_t>(length)) == 0, last_);
        const auto begin = bytes_.begin();
        std::copy_backward(begin + static_cast<long>(at), begin + static_cast<long>(size_),
                           begin + static_cast<long>(size_ + length));
        std::fill_n(begin + static_cast<long>(at), length, 0);
        size_ += length;
    }

    void compare(std::size_t at, std::size_t length) {
        if (at >= size_)
            return;
        length = std::min(length, size_ - at);
        const auto got = read_all(fd_, length, static_cast<off_t>(at));
        const auto [bad, wanted] = std::mismatch(got.begin(), got.end(), bytes_.begin() + static_cast<long>(at));
        if (bad != got.end())
            fail("byte " + std::to_string(at + static_cast<std::size_t>(bad - got.begin())) + " is " +
                 std::to_string(*bad) + ", not " + std::to_string(*wanted) + ", after " + last_);
    }

    const char* path_;
    int fd_;
    Random random_;
    std::size_t limit_;
    std::vector<std::uint8_t> bytes_;
    std::size_t size_ = 0;
    std::string last_ = "the start";
};

}  // namespace

int main(int argc, char** argv) {
    expect(argc >= 4, "usage: model FILE SEED STEPS [MEGABYTES]");
    Model model(argv[1], std::strtoull(argv[2], nullptr, 10),
                (argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 1) << 20);
    const auto steps = std::strtoull(argv[3], nullptr, 10);
    for (std::uint64_t i = 0; i < steps; ++i)
        model.step();
    model.compare_all();
}

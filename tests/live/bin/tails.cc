// SPDX-License-Identifier: GPL-2.0-or-later
// What a large file has behind its last 2 MiB does not keep a huge page for itself: when its last writer closes it, and
// when it is truncated, the tail leaves the page where it is alone, with its bytes. When it grows on to 2 MiB they are
// one huge page again. Not while somebody writes to the file or maps it, and not where free huge pages are plenty.
//
// Usage: tails DIRECTORY COUNTERS; the filesystem is new, and of 64 huge pages.
#include <algorithm>

#include "tests/live/bin/huge_share.h"

namespace {

constexpr std::size_t kTail = 300 << 10;
constexpr std::size_t kChunk = 64 << 10;

class Tails {
  public:
    Tails(const char* directory, const char* counters) : directory_(directory), counters_(counters) {
        Random random(11);
        bytes_.resize(2 * kHuge);
        for (std::uint8_t& byte : bytes_)
            byte = static_cast<std::uint8_t>(random.next());
    }

    void plenty() {
        remember();
        close(grow("plenty", 0, kHuge + kTail));
        whole_pages_fewer(2, "where there are plenty");
        expect(unlink(path("plenty").c_str()) == 0, "unlink");
    }

    // A quarter of the space is used, and a broken huge page has room for some tails.
    void use() {
        const int fd = open_file(path("filler").c_str());
        for (std::size_t at = 0; at < 16 * kHuge; at += bytes_.size())
            write_all(fd, bytes_.data(), bytes_.size(), static_cast<off_t>(at));
        close(fd);
        close(grow("medium", 0, kChunk));
    }

    void closes() {
        remember();
        const int fd = grow("file", 0, kHuge + kTail);
        whole_pages_fewer(2, "while a writer has the file");
        const int other = open_file(path("file").c_str());
        close(fd);
        whole_pages_fewer(2, "while another writer has it");
        close(other);
        whole_pages_fewer(1, "when nobody writes to it");
        has(kHuge + kTail);
    }

    void grows_on() {
        close(grow("file", kHuge + kTail, kHuge + 2 * kTail));
        whole_pages_fewer(1, "when the tail has grown");
        has(kHuge + 2 * kTail);
        const int fd = grow("file", kHuge + 2 * kTail, 2 * kHuge);
        whole_pages_fewer(2, "when the tail is complete");
        has(2 * kHuge);
        const HugeShare share = huge_share(fd, 2 * kHuge);
        expect(share.huge == 2, "the file is mapped by " + std::to_string(share.faults) + " faults");
        close(fd);
    }

    void truncates() {
        const int fd = open_file(path("file").c_str());
        std::uint8_t* at = map_file(fd, kPage, 0, true);
        expect(at[0] == bytes_[0], "first byte");
        expect(ftruncate(fd, kHuge + kTail) == 0, "ftruncate");
        whole_pages_fewer(2, "truncated while it is mapped");
        expect(munmap(at, kPage) == 0, "munmap");
        expect(ftruncate(fd, kHuge + kTail - 5000) == 0, "ftruncate");
        whole_pages_fewer(1, "truncated");
        close(fd);
        has(kHuge + kTail - 5000);
    }

    // What was stored through a mapping is in the cache when the tail moves.
    void keeps_stores() {
        remember();
        const int fd = grow("stored", 0, kHuge + kTail);
        std::uint8_t* at = map_file(fd, kTail, kHuge, true);
        std::memset(at, 0x5a, kTail);
        expect(munmap(at, kTail) == 0, "munmap");
        close(fd);
        whole_pages_fewer(1, "stored to, and closed");
        const int again = open_file(path("stored").c_str());
        expect(read_all(again, kTail, kHuge) == std::vector<std::uint8_t>(kTail, 0x5a), "what was stored");
        close(again);
    }

  private:
    [[nodiscard]] std::string path(const char* name) const { return directory_ + "/" + name; }
    void remember() { before_ = counter(counters_, "free_huge_pages"); }
    void whole_pages_fewer(std::uint64_t wanted, const std::string& when) {
        const std::uint64_t fewer = before_ - counter(counters_, "free_huge_pages");
        expect(fewer == wanted,
               when + ": " + std::to_string(fewer) + " huge pages less, not " + std::to_string(wanted));
    }

    int grow(const char* name, std::size_t from, std::size_t to) {
        const int fd = open_file(path(name).c_str());
        for (std::size_t at = from; at < to; at += kChunk)
            write_all(fd, &bytes_[at], std::min(kChunk, to - at), static_cast<off_t>(at));
        return fd;
    }

    void has(std::size_t size) {
        const int fd = open_file(path("file").c_str());
        expect(size_of(fd) == static_cast<off_t>(size), "size");
        const std::vector<std::uint8_t> read = read_all(fd, size, 0);
        expect(std::memcmp(read.data(), bytes_.data(), size) == 0, "bytes of a file of " + std::to_string(size));
        close(fd);
    }

    std::string directory_, counters_;
    std::vector<std::uint8_t> bytes_;
    std::uint64_t before_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 3, "usage: tails DIRECTORY COUNTERS");
    Tails tails(argv[1], argv[2]);
    tails.plenty();
    tails.use();
    tails.closes();
    tails.grows_on();
    tails.truncates();
    tails.keeps_stores();
    return 0;
}

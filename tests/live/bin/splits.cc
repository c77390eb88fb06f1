// SPDX-License-Identifier: GPL-2.0-or-later
// Files of unwritten blocks on a full device, written at every second block, which needs nodes of the extent tree.
//
//   splits fill DIR          fallocates files of kBlocks until the device is full; prints how many
//   splits write DIR         write(2), file by file, to the first that fails with ENOSPC; prints how many were written
//   splits store DIR         the same by stores to a mapping; none may fail
//   splits check DIR COUNT   so many files hold what was written, and zeros in between
#include "tests/live/bin/check.h"

namespace {

constexpr int kBlocks = 11;  // one more extent than the inode has room for

std::string name_of(const std::string& dir, int number) {
    return dir + "/f" + std::to_string(number);
}

int open_number(const std::string& dir, int number, int flags) {
    return open(name_of(dir, number).c_str(), flags, 0644);
}

std::vector<std::uint8_t> block_of(int number, int block) {
    return std::vector<std::uint8_t>(kPage, static_cast<std::uint8_t>(1 + (number * 7 + block) % 250));
}

int fill(const std::string& dir) {
    for (int number = 0;; ++number) {
        const int fd = open_number(dir, number, O_RDWR | O_CREAT | O_EXCL);
        if (fd < 0 && errno == ENOSPC)
            return number;
        expect(fd >= 0, "create");
        const int failed = fallocate(fd, 0, 0, kBlocks * kPage);
        expect(failed == 0 || errno == ENOSPC, "fallocate");
        close(fd);
        if (failed != 0) {
            expect(unlink(name_of(dir, number).c_str()) == 0, "unlink");
            return number;
        }
    }
}

int write(const std::string& dir) {
    for (int number = 0;; ++number) {
        const int fd = open_number(dir, number, O_RDWR);
        if (fd < 0)
            return number;
        for (int block = 0; block < kBlocks; block += 2) {
            const auto bytes = block_of(number, block);
            const ssize_t done = pwrite(fd, bytes.data(), bytes.size(), block * kPage);
            expect(done == static_cast<ssize_t>(kPage) || (done < 0 && errno == ENOSPC), "pwrite");
            if (done < 0)
                return number;
        }
        close(fd);
    }
}

int store(const std::string& dir) {
    for (int number = 0;; ++number) {
        const int fd = open_number(dir, number, O_RDWR);
        if (fd < 0)
            return number;
        std::uint8_t* map = map_file(fd, kBlocks * kPage, 0, false);
        for (int block = 0; block < kBlocks; block += 2) {
            const auto bytes = block_of(number, block);
            std::memcpy(map + block * kPage, bytes.data(), bytes.size());
        }
        munmap(map, kBlocks * kPage);
        close(fd);
    }
}

int check(const std::string& dir, int count) {
    const std::vector<std::uint8_t> zeros(kPage);
    for (int number = 0; number < count; ++number) {
        const int fd = open_number(dir, number, O_RDONLY);
        expect(fd >= 0, "open");
        for (int block = 0; block < kBlocks; ++block)
            expect(read_all(fd, kPage, block * kPage) == (block % 2 == 0 ? block_of(number, block) : zeros),
                   "block " + std::to_string(block) + " of file " + std::to_string(number) + " is not what it was");
        expect(fsync(fd) == 0, "fsync of file " + std::to_string(number));
        close(fd);
    }
    return count;
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc >= 3, "arguments");
    const std::string verb = argv[1], dir = argv[2];
    const int count = verb == "fill"    ? fill(dir)
                      : verb == "write" ? write(dir)
                      : verb == "store" ? store(dir)
                                        : check(dir, std::atoi(argv[3]));
    std::printf("%d\n", count);
}

// SPDX-License-Identifier: GPL-2.0-or-later
// Holds FIEMAP against the device: what it tells of a file must be where it says.
//
//   where FILE           prints the first block of each extent
//   where FILE DEVICE    writes 6 MiB around a hole, and compares each extent with DEVICE, read past its page cache
#include "tests/live/bin/check.h"
#include "tests/live/bin/extents.h"

namespace {

constexpr std::size_t kPiece = std::size_t{3} << 20;
constexpr off_t kSecond = 8 << 20;

std::vector<std::uint8_t> some_bytes() {
    std::vector<std::uint8_t> data(kPiece);
    Random random(7);
    for (std::uint8_t& byte : data)
        byte = static_cast<std::uint8_t>(random.next());
    return data;
}

void compare(int fd, int device, const Extent& extent) {
    void* there = std::aligned_alloc(kPage, extent.length);
    const ssize_t count = pread(device, there, extent.length, static_cast<off_t>(extent.disk));
    expect(count == static_cast<ssize_t>(extent.length), "read the device at " + std::to_string(extent.disk));
    const auto wanted = read_all(fd, extent.length, static_cast<off_t>(extent.start));
    expect(std::memcmp(there, wanted.data(), wanted.size()) == 0,
           "byte " + std::to_string(extent.start) + " of the file is not at " + std::to_string(extent.disk));
    std::free(there);
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 2 || argc == 3, "usage: where FILE [DEVICE]");
    const int fd = open_file(argv[1]);
    if (argc == 2) {
        for (const Extent& extent : extents_of(fd, FIEMAP_FLAG_SYNC))
            std::printf("%llu\n", static_cast<unsigned long long>(extent.disk / kPage));
        return 0;
    }
    const auto data = some_bytes();
    write_all(fd, data.data(), data.size(), 0);
    write_all(fd, data.data(), data.size(), kSecond);
    expect(fsync(fd) == 0, "fsync");
    const int device = open(argv[2], O_RDONLY | O_DIRECT | O_CLOEXEC);
    expect(device >= 0, std::string("open ") + argv[2]);
    std::size_t total = 0;
    for (const Extent& extent : extents_of(fd, FIEMAP_FLAG_SYNC)) {
        compare(fd, device, extent);
        total += extent.length;
    }
    expect(total == 2 * kPiece, "extents of " + std::to_string(total) + " bytes");
}

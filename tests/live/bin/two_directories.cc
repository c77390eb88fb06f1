// SPDX-License-Identifier: GPL-2.0-or-later
// Two processors at work at once, each in a directory: files are created, appended to, renamed, stored to and deleted.
// Usage: two_directories DIRECTORY DIRECTORY ROUNDS
#include <thread>

#include "check.h"

namespace {

constexpr unsigned kAppends = 4;

const std::vector<std::uint8_t> page(kPage, 0x31);

void round(const std::string& directory) {
    const std::string path = directory + "/file", other = directory + "/other";
    const int fd = open_file(path.c_str(), O_EXCL);
    for (unsigned i = 0; i < kAppends; ++i)
        write_all(fd, page.data(), kPage, i * kPage);
    expect(ftruncate(fd, (kAppends + 1) * kPage) == 0, "ftruncate");
    void* map = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, kAppends * kPage);
    expect(map != MAP_FAILED, "mmap");
    *static_cast<volatile char*>(map) = 'x';
    expect(munmap(map, kPage) == 0 && fsync(fd) == 0 && close(fd) == 0, "close");
    expect(rename(path.c_str(), other.c_str()) == 0, "rename");
    expect(unlink(other.c_str()) == 0, "unlink");
}

void work(unsigned processor, const std::string& directory, unsigned long rounds) {
    run_on(processor);
    for (unsigned long i = 0; i < rounds; ++i)
        round(directory);
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 4, "usage: two_directories DIRECTORY DIRECTORY ROUNDS");
    const unsigned long rounds = std::strtoul(argv[3], nullptr, 10);
    std::thread other(work, 1, std::string(argv[2]), rounds);
    work(0, argv[1], rounds);
    other.join();
    return 0;
}

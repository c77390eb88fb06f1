// SPDX-License-Identifier: GPL-2.0-or-later
// Metadata that changes while the kernel works with it: the first blocks of a file are nodes of trees of others, see
// tests/live/hostile/changing.sh. One thread stores to them through a mapping and puts the old bytes back at once;
// others write, truncate, create, rename, list and remove. Whatever they get is right; the kernel is to live.
//
//   changing DIR SECONDS BLOCKS    with DIR/window, DIR/tree, DIR/names and DIR/link
#include <dirent.h>

#include <atomic>
#include <ctime>
#include <thread>

#include "check.h"

namespace {

std::atomic<bool> over{false};

void disturb(std::uint8_t* window, std::size_t bytes) {
    Random random(1);
    while (!over) {
        // Headers and first entries steer most.
        const std::size_t within = random.below(2) == 0 ? random.below(128) : random.below(kPage);
        auto* place = reinterpret_cast<volatile std::uint8_t*>(window + random.below(bytes / kPage) * kPage + within);
        const std::uint8_t was = *place;
        *place = static_cast<std::uint8_t>(random.next());
        for (std::uint64_t spins = random.below(2000); spins > 0; --spins)
            asm volatile("pause");
        *place = was;
    }
}

void change_file(const std::string& path) {
    Random random(2);
    std::vector<std::uint8_t> data(3 * kPage, 'x');
    while (!over) {
        const int fd = open(path.c_str(), O_RDWR);
        const auto at = static_cast<off_t>(random.below(400) * kPage);
        switch (random.below(5)) {
            case 0:
                (void)!ftruncate(fd, at);
                break;
            case 1:
                (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, 2 * kPage);
                break;
            case 2:
                (void)!pread(fd, data.data(), data.size(), at);
                break;
            default:
                (void)!pwrite(fd, data.data(), data.size(), at);
        }
        close(fd);
    }
}

void change_names(const std::string& dir, std::uint64_t seed) {
    Random random(seed);
    const auto name = [&] {
        return dir + "/" + std::string(1 + random.below(200), 'n') + std::to_string(random.below(40));
    };
    while (!over) {
        switch (random.below(4)) {
            case 0:
                unlink(name().c_str());
                break;
            case 1:
                (void)rename(name().c_str(), name().c_str());
                break;
            case 2:
                if (DIR* open_dir = opendir(dir.c_str())) {
                    while (readdir(open_dir) != nullptr) {
                    }
                    closedir(open_dir);
                }
                break;
            default:
                if (const int fd = open(name().c_str(), O_RDWR | O_CREAT, 0644); fd >= 0)
                    close(fd);
        }
    }
}

void read_link(const std::string& path) {
    char target[4096];
    while (!over)
        (void)!readlink(path.c_str(), target, sizeof(target));
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 4, "arguments");
    const std::string dir = argv[1];
    const std::size_t bytes = std::strtoul(argv[3], nullptr, 0) * kPage;
    std::uint8_t* window = map_file(open_file((dir + "/window").c_str()), bytes, 0, false);
    // All of it is mapped before anybody frees what lies there: from then on the module refuses.
    for (std::size_t at = 0; at < bytes; at += kPage) {
        auto* place = reinterpret_cast<volatile std::uint8_t*>(window + at);
        *place = *place;
    }
    std::vector<std::thread> threads;
    threads.emplace_back(disturb, window, bytes);
    threads.emplace_back(change_file, dir + "/tree");
    threads.emplace_back(change_names, dir + "/names", 3);
    threads.emplace_back(change_names, dir + "/names", 4);
    threads.emplace_back(read_link, dir + "/link");
    sleep(static_cast<unsigned>(std::atoi(argv[2])));
    over = true;
    for (std::thread& thread : threads)
        thread.join();
    return 0;
}

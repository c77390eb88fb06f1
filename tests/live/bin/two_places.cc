// SPDX-License-Identifier: GPL-2.0-or-later
// Faults on pages that more than one file, or place of a file, claims.
//
//   two_places touch FILE PAGE small|huge read|write   says "mapped" or "SIGBUS"
//   two_places race A B PAGES     two threads map page after page of both files, which claim the same blocks: of each
//   page
//                                 one is mapped and the other is not
#include <atomic>
#include <csetjmp>
#include <csignal>
#include <string_view>
#include <thread>

#include "check.h"

namespace {

thread_local sigjmp_buf on_bus_error;

void bus_error(int) {
    siglongjmp(on_bus_error, 1);
}

bool touch(volatile std::uint8_t* page, bool write) {
    if (sigsetjmp(on_bus_error, 1) != 0)
        return false;
    const std::uint8_t byte = *page;
    if (write)
        *page = byte;
    return true;
}

void race(const char* first, const char* second, std::size_t pages) {
    const int fds[] = {open_file(first), open_file(second)};
    std::uint8_t* maps[2];
    for (int i = 0; i < 2; ++i)
        maps[i] = map_file(fds[i], pages * kPage, 0, false);
    std::vector<std::atomic<int>> mapped(pages);
    std::atomic<std::size_t> arrived{0};
    const auto run = [&](int which) {
        for (std::size_t i = 0; i < pages; ++i) {
            ++arrived;
            while (arrived < 2 * (i + 1)) {
            }
            mapped[i] += touch(maps[which] + i * kPage, which == 0) ? 1 : 0;
        }
    };
    std::thread other(run, 1);
    run(0);
    other.join();
    for (std::size_t i = 0; i < pages; ++i)
        expect(mapped[i] == 1, "page " + std::to_string(i) + " is mapped " + std::to_string(mapped[i]) + " times");
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc >= 5, "arguments");
    struct sigaction action {};
    action.sa_handler = bus_error;
    expect(sigaction(SIGBUS, &action, nullptr) == 0, "sigaction");
    if (std::string_view(argv[1]) == "race") {
        race(argv[2], argv[3], std::strtoul(argv[4], nullptr, 0));
        return 0;
    }
    const int fd = open_file(argv[2]);
    const std::size_t page = std::strtoul(argv[3], nullptr, 0);
    const bool huge = std::string_view(argv[4]) == "huge";
    std::uint8_t* map = map_file(fd, 2 * kHuge, 0, huge);
    std::puts(touch(map + page * kPage, std::string_view(argv[5]) == "write") ? "mapped" : "SIGBUS");
    return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
// How much the search for space looks at where nothing fits, on an empty daxfs at DIRECTORY whose counters lie in
// STATS.
//
//   search DIRECTORY STATS LOOKS    breaks every huge page, and fails when a piece of some file took more than LOOKS
//                                   looks into groups and huge pages
#include <linux/falloc.h>

#include <algorithm>

#include "huge_share.h"

namespace {

constexpr std::size_t kPages = kHuge / kPage;
constexpr std::size_t kHoleEvery = 20, kHoleAt = 7;  // blocks: holes of one block in each huge page
constexpr std::size_t kRoomAt = 40, kRoom = 16;      // and then one of 64 KiB
constexpr std::size_t kOther = 300;                  // where there is no hole

std::string directory, stats;
std::uint64_t most = 0;

int open_new(const std::string& name) {
    return open_file((directory + "/" + name).c_str(), O_TRUNC);
}

// All that there is, in whole huge pages; how many.
std::size_t fill(int fd) {
    std::size_t count = 0;
    while (fallocate(fd, 0, static_cast<off_t>(count * kHuge), kHuge) == 0)
        ++count;
    expect(errno == ENOSPC, "fallocate");
    return count;
}

void punch(int fd, std::size_t huge, std::size_t page, std::size_t pages) {
    expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(huge * kHuge + page * kPage),
                     static_cast<off_t>(pages * kPage)) == 0,
           "punch");
}

// Blocks of a file one by one at most: of what is written is asked for as often as it has pieces.
template <typename Write>
void measure(const std::string& what, std::size_t pieces, Write write) {
    std::uint64_t worst = 0;
    for (std::size_t i = 0; i < 50; ++i) {
        const auto before = counter(stats, "looks");
        write(i);
        worst = std::max(worst, (counter(stats, "looks") - before) / pieces);
    }
    std::printf("%s: %s looks a piece at most\n", what.c_str(), std::to_string(worst).c_str());
    most = std::max(most, worst);
}

void measure_all(const std::string& when) {
    const std::vector<std::uint8_t> data(8 * kPage, 0x5a);
    const int large = open_new("large" + when), medium = open_new("medium" + when);
    measure(when + ", large", 2, [&](std::size_t i) {
        write_all(large, data.data(), 2 * kPage, static_cast<off_t>((i + 1) * kHuge + kOther * kPage));
    });
    expect(ftruncate(medium, kHuge / 2) == 0, "truncate");
    measure(when + ", medium", 8, [&](std::size_t i) {
        write_all(medium, data.data(), data.size(), static_cast<off_t>((10 + i) * 2 * data.size()));
    });
    measure(when + ", small", 1, [&](std::size_t i) {
        const int fd = open_new("small" + when + std::to_string(i));
        write_all(fd, data.data(), kPage, 0);
        close(fd);
    });
    close(large);
    close(medium);
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 4, "usage: search DIRECTORY STATS LOOKS");
    directory = argv[1];
    stats = argv[2];
    const int fd = open_new("all"), rest = open_new("rest");
    const std::size_t count = fill(fd);
    for (std::size_t huge = 0; huge < count; ++huge)
        for (std::size_t page = kHoleAt; page < kPages; page += kHoleEvery)
            punch(fd, huge, page, 1);
    // What was kept for metadata is whole still: data takes it now, and metadata lives in the holes.
    for (std::size_t i = 0; counter(stats, "free_huge_pages") > 0; ++i)
        expect(fallocate(rest, 0, static_cast<off_t>(i * kHuge), kHuge) == 0, "fallocate of what is left");
    measure_all("crumbs");
    for (std::size_t huge = 0; huge < count; ++huge)
        punch(fd, huge, kRoomAt, kRoom);
    measure_all("rooms");
    std::printf("%zu huge pages: %s looks\n", count, std::to_string(most).c_str());
    expect(most <= std::stoull(argv[3]), std::to_string(most) + " looks for a piece");
    return 0;
}

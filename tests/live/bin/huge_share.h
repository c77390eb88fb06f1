// SPDX-License-Identifier: GPL-2.0-or-later
// How much of a file is mapped by 2 MiB pages. Asks no filesystem: who reads all of a 2 MiB that has one takes one
// fault.
#pragma once

#include <sys/resource.h>

#include "check.h"

struct HugeShare {
    std::size_t huge = 0;    // 2 MiB ranges that took one fault
    std::size_t ranges = 0;  // all of them
    long faults = 0;
};

inline long faults_so_far() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

// Maps the first `bytes` of the file, whole multiples of 2 MiB, and reads every page.
inline HugeShare huge_share(int fd, std::size_t bytes) {
    HugeShare share;
    std::uint8_t* at = map_file(fd, bytes, 0, true);
    for (std::size_t range = 0; range < bytes; range += kHuge) {
        const long before = faults_so_far();
        for (std::size_t page = 0; page < kHuge; page += kPage)
            static_cast<void>(*static_cast<volatile std::uint8_t*>(at + range + page));
        const long count = faults_so_far() - before;
        share.huge += count == 1;
        share.faults += count;
        ++share.ranges;
    }
    expect(munmap(at, bytes) == 0, "munmap");
    return share;
}

// SPDX-License-Identifier: GPL-2.0-or-later
// What is done to one image: mounted, walked, written, unmounted. Every error is an answer; none may be more than that.
#pragma once

#include <cstdint>
#include <vector>

namespace daxfs::hostile {

// What came of it, in memory that parent and child share.
struct Outcome {
    int mount_error = -1;   // errno of mount(2), 0: mounted; -1: it did not return
    int umount_error = -1;  // the same of umount(2)
    std::uint32_t names = 0;
    std::uint32_t calls = 0;
    std::uint32_t damaged = 0;    // EUCLEAN
    std::uint32_t io_errors = 0;  // EIO
    std::uint32_t read_only = 0;  // EROFS
    std::uint32_t others = 0;
    std::uint32_t bus_errors = 0;
    const char* phase = "";
    const char* options = "";
};

// In a process of its own, which a signal may end. `suspects` are inode numbers that deserve a closer look.
void assault(std::uint64_t seed, std::uint64_t number, const std::vector<std::uint64_t>& suspects, Outcome& outcome);

}  // namespace daxfs::hostile

// SPDX-License-Identifier: GPL-2.0-or-later
// Where a file lies, as FIEMAP says.
#pragma once

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <cstdint>
#include <vector>

#include "tests/live/bin/check.h"

// In bytes; `disk` from the start of the block device.
struct Extent {
    std::uint64_t start, disk, length;
    bool unwritten;
};

// The first 64 of them.
inline std::vector<Extent> extents_of(int fd, unsigned flags) {
    std::vector<std::uint8_t> room(sizeof(fiemap) + 64 * sizeof(fiemap_extent));
    auto* map = reinterpret_cast<fiemap*>(room.data());
    map->fm_length = ~0ull;
    map->fm_flags = flags;
    map->fm_extent_count = 64;
    expect(ioctl(fd, FS_IOC_FIEMAP, map) == 0, "fiemap");
    std::vector<Extent> extents;
    for (unsigned i = 0; i < map->fm_mapped_extents; ++i)
        extents.push_back({map->fm_extents[i].fe_logical, map->fm_extents[i].fe_physical, map->fm_extents[i].fe_length,
                           (map->fm_extents[i].fe_flags & FIEMAP_EXTENT_UNWRITTEN) != 0});
    return extents;
}

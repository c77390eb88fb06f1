// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/guest/groups.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <new>
#include <string>

#include "lib/format/daxfs_format.h"
#include "tests/crash/guest/calls.h"

namespace daxfs::crash {
namespace {

constexpr std::uint64_t kGroupBytes = 16 << 20;
constexpr std::uint64_t kGroupBlocks = kGroupBytes / DAXFS_BLOCK_SIZE;
// Superblock copy, header and maps, where each map is one block.
constexpr std::uint64_t kHeadBlocks = DAXFS_AG_BITMAP_BLOCK + 3;
// The kernel takes the next group into use where this many blocks of the others would not stay free (kernel/ag.c).
constexpr std::uint64_t kSlack = 2048;

std::uint64_t counter(const char* name) {
    std::uint64_t count = 0;
    std::ifstream(std::string("/sys/fs/daxfs/pmem0/") + name) >> count;
    return count;
}

std::uint64_t groups_in_use() {
    return counter("initialised_ags");
}

// Free blocks of the groups in use, without blocks of inodes that statfs(2) counts because they can be given back.
std::uint64_t usable() {
    struct statvfs status {};
    must(result(statvfs(".", &status)), "statvfs");
    // Heads and journals, which f_blocks leaves out, are less than a group in all.
    const std::uint64_t groups = (status.f_blocks + kGroupBlocks - 1) / kGroupBlocks;
    return counter("free_blocks") - (groups - groups_in_use()) * (kGroupBlocks - kHeadBlocks);
}

// Leaves so much that the next block anybody takes opens a group.
void fill_to_slack() {
    const File filler("filler", O_RDWR | O_CREAT);
    must(filler.good() ? 0 : filler.error(), "filler");
    const std::uint64_t before = groups_in_use();
    off_t size = 0;
    for (std::uint64_t blocks = usable() - kSlack; blocks != 0; blocks = usable() - kSlack) {
        const auto bytes = static_cast<off_t>(blocks * DAXFS_BLOCK_SIZE);
        must(result(fallocate(filler.get(), 0, size, bytes)), "filler");
        size += bytes;
    }
    must(result(fsync(filler.get())), "filler");
    must(groups_in_use() == before ? 0 : EDOM, "filler opened a group");
}

int opens_group(int (*call)()) {
    const std::uint64_t before = groups_in_use();
    const int error = call();
    must(error != 0 || groups_in_use() == before + 1 ? 0 : EDOM, "no group was opened");
    return error;
}

std::uint64_t group_of(const char* directory) {
    struct stat status {};
    must(result(stat(directory, &status)), directory);
    return status.st_ino * DAXFS_INODE_SIZE / kGroupBytes;
}

// Unwritten blocks in the first group, and then in the second.
void spread() {
    constexpr std::uint64_t kBytes = 18 << 20;
    must(make_file("A/spread", 0), "A/spread");
    must(allocate("A/spread", 0, 0, kBytes), "A/spread");
    const File file("A/spread");
    alignas(fiemap) char buffer[sizeof(fiemap) + 16 * sizeof(fiemap_extent)] = {};
    auto* map = new (buffer) fiemap{.fm_length = kBytes, .fm_extent_count = 16};
    must(file.good() ? result(ioctl(file.get(), FS_IOC_FIEMAP, map)) : file.error(), "A/spread");
    const std::uint32_t count = map->fm_mapped_extents;
    const bool is_spread = count != 0 && map->fm_extents[0].fe_physical < kGroupBytes &&
                           map->fm_extents[count - 1].fe_physical >= kGroupBytes;
    must(is_spread ? 0 : EDOM, "A/spread is in one group");
}

}  // namespace

void open_second_group() {
    while (groups_in_use() < 2) {
        fill_to_slack();
        must(append("filler", 1), "filler");
        must(result(unlink("filler")), "filler");
    }
}

void make_apart(const char* directory) {
    const std::uint64_t wanted = directory[0] == 'A' ? 0 : 1;
    // Directories of the root are spread over the groups at random.
    std::string made;
    for (int i = 0; i < 100 && made.empty(); ++i) {
        const std::string path = "../apart" + std::to_string(i);
        make_directory(path.c_str());
        if (group_of(path.c_str()) == wanted)
            made = path;
    }
    must(made.empty() ? EDOM : result(rename(made.c_str(), directory)), directory);
    for (int i = 0; rmdir(("../apart" + std::to_string(i)).c_str()) == 0; ++i) {
    }
}

// clang-format off
const std::vector<Operation>& spread_operations() {
    static const std::vector<Operation> all = {
        {"-", "unlink-spread", [] { return result(unlink("A/spread")); }, spread},
        {"-", "rename-over-spread", [] { return result(rename("B/old", "A/spread")); }, spread},
        {"-", "truncate-spread", [] { return result(truncate("A/spread", 4096)); }, spread},
        {"c", "punch-spread", [] { return allocate("A/spread", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 17 << 20); }, spread},
        {"-", "collapse-spread", [] { return allocate("A/spread", FALLOC_FL_COLLAPSE_RANGE, 4096, 17 << 20); }, spread},
    };
    return all;
}

const std::vector<Operation>& opening_operations() {
    static const std::vector<Operation> all = {
        {"c", "append-opens", [] { return opens_group([] { return append("A/bar", 65536); }); }, fill_to_slack},
        {"rf", "store-hole-opens", [] { return opens_group([] { return store_at("A/hole", 6 * 4096 + 10, 5000, Ending::kFlush); }); }, fill_to_slack},
        {"n", "many-inodes-opens", [] { return opens_group([] { return many_inodes(); }); }, fill_to_slack},
    };
    return all;
}
// clang-format on

}  // namespace daxfs::crash

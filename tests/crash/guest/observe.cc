// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/guest/observe.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "tests/crash/common/listing.h"

namespace daxfs::crash {
namespace {

[[noreturn]] void die(const std::string& path) {
    std::perror(path.c_str());
    std::exit(2);
}

std::uint64_t data_hash(const std::string& path, std::uint64_t size) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        die(path);
    DataHash hash;
    // Holes are skipped, so that a file of 2^62 bytes takes no longer than its data.
    for (off_t at = 0; static_cast<std::uint64_t>(at) < size;) {
        at = lseek(file, at, SEEK_DATA);
        if (at < 0)
            break;
        const off_t end = lseek(file, at, SEEK_HOLE);
        for (at = at / 4096 * 4096; at < end; at += 4096) {
            alignas(64) char block[kHashBlock] = {};
            if (pread(file, block, sizeof block, at) < 0)
                die(path);
            hash.add(static_cast<std::uint64_t>(at) / kHashBlock, block);
        }
    }
    close(file);
    return hash.value();
}

std::vector<std::string> names(const std::string& path) {
    std::vector<std::string> found;
    DIR* directory = opendir(path.c_str());
    if (directory == nullptr)
        die(path);
    while (const dirent* entry = readdir(directory)) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..")
            found.push_back(name);
    }
    closedir(directory);
    return found;
}

struct Seen {
    Attributes attributes;
    std::uint64_t data = 0;
};

void visit(const std::string& root, const std::string& path, std::vector<Seen>& seen) {
    const std::string full = root + path;
    struct stat status {};
    if (lstat(full.c_str(), &status) != 0)
        die(full);
    Attributes entry{.path = path,
                     .mode = status.st_mode,
                     .nlink = static_cast<std::uint32_t>(status.st_nlink),
                     .uid = status.st_uid,
                     .gid = status.st_gid,
                     .major = major(status.st_rdev),
                     .minor = minor(status.st_rdev),
                     .size = static_cast<std::uint64_t>(status.st_size),
                     .blocks = static_cast<std::uint64_t>(status.st_blocks) / 8,
                     .target = ""};
    if (S_ISLNK(status.st_mode)) {
        char target[4096];
        const ssize_t length = readlink(full.c_str(), target, sizeof target);
        if (length < 0)
            die(full);
        entry.target.assign(target, static_cast<std::size_t>(length));
    }
    seen.push_back({entry, S_ISREG(status.st_mode) ? data_hash(full, entry.size) : 0});
    if (S_ISDIR(status.st_mode))
        for (const std::string& name : names(full))
            visit(root, path + "/" + name, seen);
}

}  // namespace

std::uint64_t observe(const std::string& root) {
    std::vector<Seen> seen;
    visit(root, "", seen);
    std::sort(seen.begin(), seen.end(),
              [](const Seen& a, const Seen& b) { return a.attributes.path < b.attributes.path; });
    ListingHash hash;
    for (const Seen& entry : seen)
        hash.add(entry.attributes, entry.data);
    return hash.value();
}

}  // namespace daxfs::crash

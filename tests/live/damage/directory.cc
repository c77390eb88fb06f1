// SPDX-License-Identifier: GPL-2.0-or-later
// An entry of a directory that says something else, its checksum right.
#include "tests/live/damage/verbs.h"

namespace damage {
namespace {

using namespace daxfs;

std::string_view name_of(const daxfs_dirent& entry) {
    return {reinterpret_cast<const char*>(&entry + 1), entry.name_length};
}

daxfs_dirent& find_entry(std::byte* leaf, std::string_view name) {
    for (std::size_t at = DAXFS_DIR_LEAF_START; at < DAXFS_BLOCK_SIZE;) {
        auto& entry = *reinterpret_cast<daxfs_dirent*>(leaf + at);
        if (name_of(entry) == name)
            return entry;
        expect(entry.length != 0, "no leaf of a directory");
        at += entry.length;
    }
    fail("no such entry: " + std::string(name));
}

void entry(Target& target, const Arguments& arguments) {
    const std::string_view name = arguments.text(1);
    const std::string_view new_name = arguments.text(2);
    const std::uint64_t ino = arguments.number(3);
    expect(name.size() == new_name.size(), "names of one length");
    daxfs_dirent& entry = find_entry(target.stage(BlockNo{arguments.number(0)}), name);
    std::memcpy(&entry + 1, new_name.data(), new_name.size());
    if (ino != 0)
        entry.ino = ino;
    entry.crc = dirent_checksum(target.volume.seed,
                                {reinterpret_cast<const std::byte*>(&entry), sizeof(entry) + new_name.size()});
}

}  // namespace

Verbs directory_verbs() {
    return {{"entry", {4, entry}}};
}

}  // namespace damage

// SPDX-License-Identifier: GPL-2.0-or-later
// What statfs(2) says to a 32-bit program without large files.
//
//   statfs32 DIR    prints "BLOCKS FREE-BLOCKS FILES FREE-FILES", or "errno N"
#include "program.h"

namespace {

constexpr int kStatfs = 99;

// struct compat_statfs
struct Statfs {
    unsigned type, block_bytes, blocks, free_blocks, available_blocks, files, free_files;
    int fsid[2];
    unsigned name_bytes, fragment_bytes, flags, spare[4];
};

}  // namespace

int run(int argc, char** argv) {
    if (argc != 2)
        return 2;
    Statfs stat;
    const long result = program::call(kStatfs, program::address(argv[1]), program::address(&stat), 0);
    if (result != 0) {
        program::print("errno ");
        program::print_number(static_cast<unsigned long>(-result));
        program::print("\n");
        return 0;
    }
    const char* before = "";
    const unsigned numbers[] = {stat.blocks, stat.free_blocks, stat.files, stat.free_files};
    for (const unsigned number : numbers) {
        program::print(before);
        program::print_number(number);
        before = " ";
    }
    program::print("\n");
    return 0;
}

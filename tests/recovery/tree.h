// SPDX-License-Identifier: GPL-2.0-or-later
// The tree of files that is put into every filesystem, the same one always: who reads it back knows each byte.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "tests/hostile/dice.h"

namespace daxfs::recovery {

inline constexpr std::uint64_t kBlock = 4096;

struct File {
    std::vector<std::string> names;  // the first, and hard links; relative to the root
    std::uint64_t size = 0;
    bool pieces = false;  // every other block is a hole: so many extents that no filesystem keeps them in the inode
    std::string target;   // not empty: a symlink

    std::uint64_t data() const {
        if (!target.empty())
            return target.size();
        return pieces ? (size + kBlock) / (2 * kBlock) * kBlock : size;
    }
};

struct Tree {
    std::vector<std::string> directories;  // parents first
    std::vector<File> files;

    std::uint64_t data() const {
        std::uint64_t sum = 0;
        for (const File& file : files)
            sum += file.data();
        return sum;
    }
};

// Word `at` of a file. The first one tells whose it is, wherever the file is found.
inline constexpr std::uint64_t kMark = 0x6461'7866'7300'0000;  // the low three bytes: the file's number
inline std::uint64_t word_of(std::uint64_t file, std::uint64_t at) {
    return at == 0 ? kMark + file : (file + 1) * 0x9e37'79b9'7f4a'7c15 + at * 0xd1b5'4a32'd192'ed03;
}

inline std::string some_name(hostile::Dice& dice, const char* kind, std::uint64_t number) {
    std::string name = kind + std::to_string(number);
    for (std::uint64_t more = dice.below(24); more > 0; --more)
        name += static_cast<char>('a' + dice.below(26));
    return name;
}

inline std::uint64_t some_size(hostile::Dice& dice) {
    const std::uint64_t chance = dice.below(100);
    const std::uint64_t most = chance < 60 ? 4096 : chance < 85 ? 16384 : chance < 97 ? 65536 : 262144;
    return 16 + dice.below(most - 15);
}

inline Tree make_tree() {
    constexpr std::uint64_t kDirectories = 64, kFiles = 2000, kPieces = 24, kSymlinks = 60, kCrowd = 400;
    hostile::Dice dice(1, 0);
    Tree tree;
    // Two in each, so six levels.
    for (std::uint64_t i = 0; i < kDirectories; ++i)
        tree.directories.push_back((i < 2 ? "" : tree.directories[(i - 2) / 2] + "/") + some_name(dice, "d", i));
    const auto some_directory = [&] { return dice.pick(tree.directories) + "/"; };
    for (std::uint64_t i = 0; i < kFiles; ++i) {
        File file;
        // One directory with many names.
        file.names.push_back((i < kCrowd ? tree.directories[5] + "/" : some_directory()) + some_name(dice, "f", i));
        file.size = some_size(dice);
        if (i % 50 == 7)
            file.names.push_back(some_directory() + some_name(dice, "h", i));
        tree.files.push_back(file);
    }
    for (std::uint64_t i = 0; i < kPieces; ++i)
        tree.files.push_back({.names = {some_directory() + some_name(dice, "p", i)},
                              .size = dice.between(30, 120) * 2 * kBlock - kBlock,
                              .pieces = true});
    for (std::uint64_t i = 0; i < kSymlinks; ++i) {
        std::string target = dice.pick(tree.files).names[0];
        // Some too long for the inode.
        while (i % 6 == 0 && target.size() < 500)
            target = "./" + std::string(100, 'x') + "/../" + target;
        tree.files.push_back({.names = {some_directory() + some_name(dice, "s", i)}, .target = target});
    }
    return tree;
}

// The bytes of file `number` from `offset`, a multiple of 8, on.
inline void fill(const File& file, std::uint64_t number, std::uint64_t offset, std::span<std::uint64_t> words) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::uint64_t at = offset / 8 + i;
        const bool hole = file.pieces && at / (kBlock / 8) % 2 == 1;
        words[i] = hole ? 0 : word_of(number, at);
    }
}

}  // namespace daxfs::recovery

// SPDX-License-Identifier: GPL-2.0-or-later
// What a tree of files looks like to a program, as one number: the guest computes it with system calls, the oracle from
// an image, and the two must agree. Times are left out: they become durable later than what they date.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "tests/crash/trace/format.h"

namespace daxfs::crash {

struct Attributes {
    std::string path;  // from the root, "" for the root itself
    std::uint32_t mode = 0;
    std::uint32_t nlink = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
    std::uint64_t size = 0;
    std::uint64_t blocks = 0;  // of 4096 bytes
    std::string target;        // of a symbolic link

    bool operator==(const Attributes&) const = default;
};

// Of a file's bytes: every block that is not all zero, with its number, in ascending order.
class DataHash {
  public:
    void add(std::uint64_t block, const void* bytes) {
        static constexpr char kZeros[kHashBlock] = {};
        if (std::memcmp(bytes, kZeros, kHashBlock) == 0)
            return;
        const std::uint64_t words[3] = {hash_, block, hash_bytes(bytes, kHashBlock)};
        hash_ = hash_bytes(words, sizeof words);
    }
    std::uint64_t value() const { return hash_; }

  private:
    std::uint64_t hash_ = 0;
};

class ListingHash {
  public:
    // In ascending order of paths.
    void add(const Attributes& entry, std::uint64_t data_hash) {
        const std::uint64_t numbers[] = {hash_,        entry.mode,  entry.nlink,      entry.uid,
                                         entry.gid,    entry.major, entry.minor,      entry.size,
                                         entry.blocks, data_hash,   text(entry.path), text(entry.target)};
        hash_ = hash_bytes(numbers, sizeof numbers);
    }
    std::uint64_t value() const { return hash_; }

  private:
    static std::uint64_t text(const std::string& text) {
        std::uint64_t hash = 0xcbf29ce484222325u;
        for (const char byte : text)
            hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
        return hash;
    }

    std::uint64_t hash_ = 0;
};

}  // namespace daxfs::crash

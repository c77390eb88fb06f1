// SPDX-License-Identifier: GPL-2.0-or-later
// Recovers one device as fsck.daxfs -p does, and says what is wrong with the result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "tests/crash/lab/promise.h"

namespace daxfs::crash {

// A hash of the words of a device that changes with each word alone: xor of the words' own.
inline std::uint64_t word_hash(std::uint64_t offset, std::uint64_t value) {
    std::uint64_t hash = (value ^ 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu + offset * 0xc4ceb9fe1a85ec53u;
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93u;
    return hash ^ hash >> 29;
}

// Where things lie on the device that decide whether a word matters once the device is recovered: the journals do not,
// and neither do free blocks.
class Areas {
  public:
    static Result<Areas> of(std::span<std::byte> device);

    bool in_journals(std::uint64_t offset) const { return offset >= journals_start_ && offset < journals_end_; }
    // Offset of the word of the block bitmap that has the bit of the block at `offset`, and the bit. 0: it has none.
    std::uint64_t bitmap_word(std::uint64_t offset, unsigned& bit) const;

  private:
    std::uint64_t journals_start_ = 0, journals_end_ = 0;
    std::uint64_t align_blocks_ = 0, ag_blocks_ = 1;
};

// What rolling back uncommitted transactions changes.
struct Rollback {
    std::uint64_t hash = 0;                                  // of the xor of word_hash() outside the journals
    std::unordered_map<std::uint64_t, std::uint64_t> words;  // new values, by offset
    std::size_t journals = 0;                                // with an uncommitted transaction
};
// Empty: the device is so damaged that this cannot be told.
std::optional<Rollback> roll_back(std::span<std::byte> device);

// The superblock may count fewer groups than are in use: an older copy was put back before what was recorded.
void expect_missed_groups();

// Recovers `device` in place; the tree that is there then.
Result<Snapshot> recover(std::span<std::byte> device);

// Recovers `device` in place and compares. Empty: nothing is wrong.
std::optional<std::string> judge(std::span<std::byte> device, const Promise& promise);

}  // namespace daxfs::crash

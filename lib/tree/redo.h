// SPDX-License-Identifier: GPL-2.0-or-later
// The redo list of a repair intent: records, each some bytes and where on the device they belong.
//
// Believed after: the list inside the device and behind the intents, its checksum, each record as daxfs_format.h says,
// the last one ending with the list.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "lib/base/strong.h"
#include "lib/format/daxfs_format.h"
#include "lib/image/image.h"

namespace daxfs {

struct RedoRecord {
    ByteOffset offset;
    std::span<const std::byte> bytes;  // of one block; good until the next record is read
};

// Reads record after record and stops at the first that is not as it should be. The checksum of the list is left to
// `redo_list_problem`.
class RedoCursor {
  public:
    // `intent` may say anything.
    RedoCursor(const Image& image, const daxfs_intent& intent);

    // Empty: the list has ended, or `problem` says why it cannot be read on.
    std::optional<RedoRecord> next();
    // A phrase such as "its redo list lies outside the device"; empty: none so far.
    const std::string& problem() const { return problem_; }

  private:
    bool read(std::span<std::byte> bytes);  // and moves on
    bool is_sound(std::uint64_t offset, std::uint64_t length);
    bool padding_is_zero(std::uint64_t length);

    const Image& image_;
    std::uint64_t list_start_ = 0;  // on the device, in bytes
    std::uint64_t list_end_ = 0;
    std::uint64_t position_ = 0;  // on the device, in bytes
    std::uint64_t last_end_ = 0;  // where the last record's bytes end
    std::string problem_;
    alignas(64) std::array<std::byte, DAXFS_BLOCK_SIZE> buffer_{};
};

// Reads all of the list. Empty: it is sound, and has at least one record.
std::string redo_list_problem(const Image& image, const daxfs_intent& intent);

}  // namespace daxfs

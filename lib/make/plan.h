// SPDX-License-Identifier: GPL-2.0-or-later
// The decisions of mkfs: from a device size and a few wishes to a superblock whose geometry is valid.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/format/daxfs_format.h"
#include "lib/format/geometry.h"
#include "lib/format/identity.h"

namespace daxfs {

// What is drawn at random. Generations of inodes are derived from the nonce.
struct Secrets {
    std::uint64_t nonce = 0;
    std::array<std::uint64_t, 2> hash_key{};

    static Result<Secrets> random();
    // The same for the same UUID, for reproducible images.
    static Secrets derived_from(const Uuid& uuid);
};

struct FormatOptions {
    std::uint64_t device_bytes = 0;
    // Empty: chosen from the device's size.
    std::optional<std::uint64_t> ag_bytes;
    std::optional<std::uint32_t> journals;
    std::optional<std::uint64_t> journal_bytes;
    std::optional<std::uint64_t> reserved_bytes;
    // 0, or the blocks before AG 0 that make AG starts 2 MiB aligned in physical memory.
    std::uint64_t align_blocks = 0;

    Uuid uuid{};
    std::string label;  // at most 63 bytes of UTF-8
    Secrets secrets;
    std::int64_t created_sec = 0;
};

// Smallest device that takes a filesystem with default options and this alignment.
std::uint64_t minimum_bytes(std::uint64_t align_blocks);

// Blocks of a reserve of that many bytes. Error, a phrase: more than half of the device.
Result<std::uint64_t> reserve_blocks(std::uint64_t bytes, const Geometry& geometry);

// A complete superblock, checksummed, with initialised_ags = 1. The error is one phrase without the device's name.
Result<daxfs_super> plan_filesystem(const FormatOptions& options);

// Sets the checksum.
void seal(daxfs_super& super);

}  // namespace daxfs

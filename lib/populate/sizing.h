// SPDX-License-Identifier: GPL-2.0-or-later
// How large a filesystem must be for what is to go into it: the builder itself finds out, writing nowhere.
#pragma once

#include <cstdint>
#include <functional>

#include "lib/base/result.h"
#include "lib/make/filesystem.h"
#include "lib/make/plan.h"

namespace daxfs {

// Adds the content to a builder that has begun. What it gives must not change from call to call.
using Fill = std::function<Result<void>(FilesystemBuilder&)>;

// Blocks that inodes, trees and data can have in a filesystem of that superblock.
std::uint64_t capacity_blocks(const daxfs_super& super);

// Blocks that `fill` takes, in a filesystem that has room for everything. The errors are those of `fill`.
Result<std::uint64_t> needed_blocks(const FormatOptions& format, const Fill& fill);

// Whether it goes into a filesystem of that superblock. The errors are those of `fill`.
Result<bool> fits(const daxfs_super& super, const Fill& fill);

// The size in bytes of a device on which a filesystem has that capacity, a multiple of `unit_bytes` (a power of two
// from 4096 on). device_bytes of `format` does not count. An error where no size is right.
Result<std::uint64_t> bytes_for(const FormatOptions& format, std::uint64_t blocks, std::uint64_t unit_bytes);

// With 1/10 of the blocks free, and at least 4 MiB; in whole MiB.
Result<std::uint64_t> roomy_bytes(const FormatOptions& format, std::uint64_t needed);

// The smallest that holds it.
Result<std::uint64_t> smallest_bytes(const FormatOptions& format, std::uint64_t needed, const Fill& fill);

}  // namespace daxfs

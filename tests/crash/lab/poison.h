// SPDX-License-Identifier: GPL-2.0-or-later
// Fills every free block of a fresh filesystem with bytes that no file may ever show.
#pragma once

#include <cstddef>
#include <string>

#include "lib/base/result.h"
#include "tests/crash/trace/format.h"

namespace daxfs::crash {

constexpr std::size_t kPoisonRun = 16;  // so many in a row are no chance

// Also the whole of groups that are not in use yet.
Result<void> poison_free_blocks(const std::string& path);

}  // namespace daxfs::crash

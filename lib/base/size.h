// SPDX-License-Identifier: GPL-2.0-or-later
// Sizes in bytes as people write and read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace daxfs {

// A decimal number of bytes, or of K, M, G, T, P (powers of 1024; either case; "iB" may follow). The error quotes
// `text`.
Result<std::uint64_t> parse_size(std::string_view text);

// "512 KiB", "1.5 GiB", "12 bytes": the largest unit that leaves at least 1, rounded to two decimals.
std::string format_size(std::uint64_t bytes);

}  // namespace daxfs

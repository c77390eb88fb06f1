// SPDX-License-Identifier: GPL-2.0-or-later
// What names a filesystem: its UUID and its label, as people give them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/format/daxfs_format.h"

namespace daxfs {

using Uuid = std::array<std::uint8_t, DAXFS_UUID_SIZE>;

// Version 4 of RFC 4122. Error: the system has no random numbers.
Result<Uuid> random_uuid();
// 8-4-4-4-12 hexadecimal digits, as format_uuid() of schema.h writes them; either case. The error quotes `text`.
Result<Uuid> parse_uuid(std::string_view text);

// The label of a superblock: any bytes but NUL.
std::string label_of(const daxfs_super& super);
// Error, a phrase: longer than 63 bytes, no UTF-8, or with control characters.
Result<void> check_label(const std::string& label);

}  // namespace daxfs

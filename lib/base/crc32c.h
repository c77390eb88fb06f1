// SPDX-License-Identifier: GPL-2.0-or-later
// CRC32C (Castagnoli) in the kernel's convention: no inversion before or after, so crc32c(crc32c(seed, a), b) is the
// CRC of a followed by b.
#pragma once

#include <cstddef>
#include <cstdint>

namespace daxfs {

[[nodiscard]] std::uint32_t crc32c(std::uint32_t seed, const void* data, std::size_t size_bytes);

}  // namespace daxfs

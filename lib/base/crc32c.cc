// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/crc32c.h"

#include <isa-l.h>

#include <algorithm>
#include <climits>

namespace daxfs {

std::uint32_t crc32c(std::uint32_t seed, const void* data, std::size_t size_bytes) {
    // ISA-L takes an int and, for want of const, an unsigned char*; it only reads.
    auto* bytes = static_cast<unsigned char*>(const_cast<void*>(data));
    while (size_bytes > 0) {
        const std::size_t piece = std::min<std::size_t>(size_bytes, INT_MAX);
        seed = crc32_iscsi(bytes, static_cast<int>(piece), seed);
        bytes += piece;
        size_bytes -= piece;
    }
    return seed;
}

}  // namespace daxfs

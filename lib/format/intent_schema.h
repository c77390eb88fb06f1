// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/format/schema.h"

namespace daxfs {

inline constexpr std::array kIntentMagics{
    NamedValue{DAXFS_INTENT_MAGIC, "DAXFS_INTENT_MAGIC", "bytes \"DXIT\""},
};

template <>
struct Schema<daxfs_intent> {
    using S = daxfs_intent;
    static constexpr std::string_view kName = "daxfs_intent";
    static constexpr std::string_view kTitle = "repair intent";
    // clang-format off
    static constexpr std::array kFields{
        DAXFS_FIELD(S, magic,       0, kMagic,  "Bytes \"DXIT\".", .names = kIntentMagics),
        DAXFS_FIELD(S, crc,         4, kCrc,    "Of these 64 bytes, seeded with ~0: the nonce may be what is repaired."),
        DAXFS_FIELD(S, redo_block,  8, kBlock,  "First block of the redo list.", .min = 1),
        DAXFS_FIELD(S, redo_bytes, 16, kDec,    "Length of the redo list.", .min = 1),
        DAXFS_FIELD(S, redo_crc,   24, kHex,    "CRC32C of the redo list, seeded with ~0."),
        DAXFS_FIELD(S, reserved,   28, kHidden, "Zero."),
    };
    // clang-format on
};

}  // namespace daxfs

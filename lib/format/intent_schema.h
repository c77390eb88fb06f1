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
        DAXFS_FIELD(S, redo_block,  8, kBlock,  "First block of the redo list."),
        DAXFS_FIELD(S, redo_bytes, 16, kDec,    "Length of the redo list, a multiple of 8; 0: a repair is being undone.", .max = DAXFS_MAX_REDO_BYTES),
        DAXFS_FIELD(S, redo_crc,   24, kHex,    "CRC32C of the redo list, seeded with ~0; of an undo, that of its file's header."),
        DAXFS_FIELD(S, reserved,   28, kHidden, "Zero."),
    };
    // clang-format on
};

template <>
struct Schema<daxfs_redo_record> {
    using S = daxfs_redo_record;
    static constexpr std::string_view kName = "daxfs_redo_record";
    static constexpr std::string_view kTitle = "redo record";
    // clang-format off
    static constexpr std::array kFields{
        DAXFS_FIELD(S, offset,    0, kByte,   "Where the bytes belong."),
        DAXFS_FIELD(S, length,    8, kDec,    "Of the bytes that follow, without padding.", .min = 1, .max = DAXFS_BLOCK_SIZE),
        DAXFS_FIELD(S, reserved, 12, kHidden, "Zero."),
    };
    // clang-format on
};

}  // namespace daxfs

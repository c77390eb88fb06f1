// SPDX-License-Identifier: GPL-2.0-or-later
// A journal slot: header at 0, commit word at DAXFS_JOURNAL_COMMIT_OFFSET, entries from DAXFS_JOURNAL_BODY_OFFSET.
#pragma once

#include "lib/format/schema.h"

namespace daxfs {

inline constexpr std::array kJournalMagics{
    NamedValue{DAXFS_JOURNAL_MAGIC, "DAXFS_JOURNAL_MAGIC", "bytes \"DXJN\""},
};

inline constexpr std::array kJournalKinds{
    NamedValue{DAXFS_JOURNAL_BYTES, "DAXFS_JOURNAL_BYTES", "the old bytes, padded with zeros to a multiple of 8"},
    NamedValue{DAXFS_JOURNAL_FILL, "DAXFS_JOURNAL_FILL",
               "8 bytes that repeat over the range; its length is a multiple of 8"},
};

template <>
struct Schema<daxfs_journal_header> {
    using S = daxfs_journal_header;
    static constexpr std::string_view kName = "daxfs_journal_header";
    static constexpr std::string_view kTitle = "journal";
    // clang-format off
    static constexpr std::array kFields{
        DAXFS_FIELD(S, magic,     0, kMagic,  "Bytes \"DXJN\".", .names = kJournalMagics),
        DAXFS_FIELD(S, crc,       4, kCrc,    "Of these 64 bytes."),
        DAXFS_FIELD(S, id,        8, kDec,    "Its own number.", .max = DAXFS_MAX_JOURNALS - 1),
        DAXFS_FIELD(S, blocks,   12, kDec,    "In this slot.", .min = DAXFS_MIN_JOURNAL_BLOCKS, .max = DAXFS_MAX_JOURNAL_BLOCKS),
        DAXFS_FIELD(S, block,    16, kBlock,  "Its own address.", .min = 1),
        DAXFS_FIELD(S, reserved, 24, kHidden, "Zero."),
    };
    // clang-format on
};

template <>
struct Schema<daxfs_journal_entry> {
    using S = daxfs_journal_entry;
    static constexpr std::string_view kName = "daxfs_journal_entry";
    static constexpr std::string_view kTitle = "journal entry";
    // clang-format off
    static constexpr std::array kFields{
        DAXFS_FIELD(S, crc,       0, kCrc,    "Of header and data, seeded with journal id and offset in the slot."),
        DAXFS_FIELD(S, ordinal,   4, kDec,    "In its transaction, from 0."),
        DAXFS_FIELD(S, sequence,  8, kDec,    "Of its transaction.", .min = 1, .max = (1ull << DAXFS_SEQUENCE_BITS) - 1),
        DAXFS_FIELD(S, offset,   16, kByte,   "Where the old bytes belong."),
        DAXFS_FIELD(S, length,   24, kDec,    "Of the range that is restored, in bytes.", .min = 1, .max = DAXFS_JOURNAL_MAX_DATA),
        DAXFS_FIELD(S, kind,     28, kEnum,   "What follows the entry.", .names = kJournalKinds),
    };
    // clang-format on
};

}  // namespace daxfs

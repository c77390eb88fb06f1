// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/tree/redo.h"

#include <algorithm>
#include <cstring>

#include <fmt/core.h>

#include "lib/base/checked.h"
#include "lib/base/crc32c.h"
#include "lib/base/zeros.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kFirstPlace = DAXFS_INTENT_BLOCK_B + 1;
constexpr std::uint64_t kIntentsStart = std::uint64_t{DAXFS_INTENT_BLOCK_A} * DAXFS_BLOCK_SIZE;
constexpr std::uint64_t kIntentsEnd = kFirstPlace * DAXFS_BLOCK_SIZE;

// Where the list may lie at all; `redo_block` and `redo_bytes` are whatever 8 bytes can say.
std::string place_problem(const Image& image, const daxfs_intent& intent) {
    const std::uint64_t bytes = intent.redo_bytes;
    if (bytes < sizeof(daxfs_redo_record) || bytes > DAXFS_MAX_REDO_BYTES || bytes % 8 != 0)
        return fmt::format("a redo list cannot have {} bytes", bytes);
    const std::uint64_t blocks = div_round_up<std::uint64_t>(bytes, DAXFS_BLOCK_SIZE);
    if (intent.redo_block < kFirstPlace || !range_inside<std::uint64_t>(intent.redo_block, blocks, image.block_count()))
        return fmt::format("its redo list of {} bytes cannot lie at block {}", bytes, std::uint64_t{intent.redo_block});
    return {};
}

bool overlaps(std::uint64_t start, std::uint64_t end, std::uint64_t other_start, std::uint64_t other_end) {
    return start < other_end && other_start < end;
}

}  // namespace

RedoCursor::RedoCursor(const Image& image, const daxfs_intent& intent)
    : image_(image), problem_(place_problem(image, intent)) {
    if (!problem_.empty())
        return;
    list_start_ = position_ = intent.redo_block * DAXFS_BLOCK_SIZE;
    list_end_ = list_start_ + intent.redo_bytes;
}

bool RedoCursor::read(std::span<std::byte> bytes) {
    if (bytes.size() > list_end_ - position_) {
        problem_ = "a record of its redo list leaves the list";
        return false;
    }
    while (!bytes.empty()) {
        const std::size_t in_block = position_ % DAXFS_BLOCK_SIZE;
        const std::size_t piece = std::min<std::size_t>(bytes.size(), DAXFS_BLOCK_SIZE - in_block);
        const std::byte* block = image_.try_block(BlockNo{position_ / DAXFS_BLOCK_SIZE});
        if (block == nullptr) {
            problem_ = fmt::format("block {} of its redo list cannot be read", position_ / DAXFS_BLOCK_SIZE);
            return false;
        }
        std::memcpy(bytes.data(), block + in_block, piece);
        bytes = bytes.subspan(piece);
        position_ += piece;
    }
    return true;
}

bool RedoCursor::is_sound(std::uint64_t offset, std::uint64_t length) {
    const std::uint64_t device_bytes = image_.block_count() * DAXFS_BLOCK_SIZE;
    const std::uint64_t list_blocks_end = round_up<std::uint64_t>(list_end_, DAXFS_BLOCK_SIZE);
    if (length == 0 || length > DAXFS_BLOCK_SIZE || !range_inside(offset, length, device_bytes))
        problem_ = fmt::format("its redo list has {} bytes for byte {} of the device", length, offset);
    else if (offset % DAXFS_BLOCK_SIZE + length > DAXFS_BLOCK_SIZE)
        problem_ = fmt::format("its redo list has {} bytes for byte {}, which leave the block", length, offset);
    else if (offset < last_end_)
        problem_ = fmt::format("its redo list is out of order at byte {} of the device", offset);
    else if (overlaps(offset, offset + length, kIntentsStart, kIntentsEnd))
        problem_ = "its redo list writes over the intents";
    else if (overlaps(offset, offset + length, list_start_, list_blocks_end))
        problem_ = "its redo list writes over itself";
    return problem_.empty();
}

bool RedoCursor::padding_is_zero(std::uint64_t length) {
    std::array<std::byte, 8> padding{};
    if (!read(std::span(padding).first(round_up<std::uint64_t>(length, 8) - length)))
        return false;
    if (!is_zero(std::span<const std::byte>(padding)))
        problem_ = "its redo list has something between records";
    return problem_.empty();
}

std::optional<RedoRecord> RedoCursor::next() {
    daxfs_redo_record record;
    if (!problem_.empty() || position_ == list_end_)
        return std::nullopt;
    if (!read(std::as_writable_bytes(std::span(&record, 1))) || !is_sound(record.offset, record.length))
        return std::nullopt;
    if (!is_zero(record.reserved)) {
        problem_ = "its redo list has a record of a later version";
        return std::nullopt;
    }
    const auto bytes = std::span(buffer_).first(record.length);
    if (!read(bytes) || !padding_is_zero(record.length))
        return std::nullopt;
    last_end_ = record.offset + record.length;
    return RedoRecord{.offset = ByteOffset{record.offset}, .bytes = bytes};
}

std::string redo_list_problem(const Image& image, const daxfs_intent& intent) {
    if (std::string problem = place_problem(image, intent); !problem.empty())
        return problem;
    std::uint32_t crc = ~0u;
    std::uint64_t left = intent.redo_bytes;
    for (BlockNo block{intent.redo_block}; left > 0; ++block) {
        const std::byte* bytes = image.try_block(block);
        if (bytes == nullptr)
            return fmt::format("block {} of its redo list cannot be read", block);
        const std::size_t piece = std::min<std::uint64_t>(left, DAXFS_BLOCK_SIZE);
        crc = crc32c(crc, bytes, piece);
        left -= piece;
    }
    if (crc != intent.redo_crc)
        return fmt::format("its redo list at block {} has checksum {:#010x} instead of {:#010x}",
                           std::uint64_t{intent.redo_block}, crc, std::uint32_t{intent.redo_crc});
    RedoCursor records(image, intent);
    while (records.next()) {
    }
    return records.problem();
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/repair_transaction.h"

#include <bit>
#include <cstring>
#include <vector>

#include "lib/tree/journal.h"

namespace daxfs {
namespace {

constexpr std::uint32_t kLine = 64;

}  // namespace

Result<RepairTransaction> RepairTransaction::open(Image& image, const Volume& volume) {
    for (std::uint32_t id = 0; id < volume.geometry.journal_count; ++id) {
        const JournalReading journal = read_journal(volume, id);
        const bool damaged = journal.header_damage || journal.commit_damage || journal.entry_damage;
        if (!damaged && journal.uncommitted.empty())
            return RepairTransaction(image, volume, id, journal.sequence);
    }
    return fail("{}: no journal can be used for the repair", image.path());
}

RepairTransaction::RepairTransaction(Image& image, const Volume& volume, std::uint32_t journal, std::uint64_t sequence)
    : image_(&image),
      volume_(&volume),
      journal_(journal),
      sequence_(sequence),
      capacity_(std::uint64_t{volume.geometry.journal_blocks} * DAXFS_BLOCK_SIZE - DAXFS_JOURNAL_BODY_OFFSET) {}

std::uint64_t RepairTransaction::cost(std::uint64_t lines) {
    return lines * (kLine + sizeof(daxfs_journal_entry));
}

RepairTransaction::Working* RepairTransaction::working(BlockNo block) {
    if (const auto it = blocks_.find(block); it != blocks_.end())
        return &it->second;
    const std::byte* bytes = image_->try_block(block);
    if (bytes == nullptr)
        return nullptr;
    Working& fresh = blocks_[block];
    std::memcpy(fresh.bytes.data(), bytes, DAXFS_BLOCK_SIZE);
    return &fresh;
}

std::byte* RepairTransaction::edit(BlockNo block, std::uint32_t offset, std::uint32_t length) {
    Working* copy = working(block);
    if (copy == nullptr)
        return nullptr;
    for (std::uint32_t line = offset / kLine; line <= (offset + length - 1) / kLine; ++line) {
        const std::uint64_t bit = std::uint64_t{1} << line;
        if ((copy->lines & bit) == 0)
            used_ += cost(1);
        copy->lines |= bit;
    }
    return copy->bytes.data() + offset;
}

std::byte* RepairTransaction::create(BlockNo block) {
    if (image_->try_block(block) == nullptr)
        return nullptr;
    Working& fresh = blocks_[block];
    fresh.bytes.fill(std::byte{0});
    return fresh.bytes.data();
}

const std::byte* RepairTransaction::read(BlockNo block) const {
    const auto it = blocks_.find(block);
    return it != blocks_.end() ? it->second.bytes.data() : image_->try_block(block);
}

// Entries of consecutive lines share a header; one is at most a block of data.
Result<void> RepairTransaction::write_undo() {
    std::vector<std::byte> body;
    std::uint32_t ordinal = 0;
    for (const auto& [block, copy] : blocks_) {
        const std::byte* old = image_->try_block(block);
        if (old == nullptr)
            return fail("{}: cannot read block {}", image_->path(), block);
        for (std::uint64_t left = copy.lines; left != 0;) {
            const auto first = static_cast<unsigned>(std::countr_zero(left));
            const auto lines = static_cast<unsigned>(std::countr_one(left >> first));
            left &= first + lines == 64 ? 0 : ~std::uint64_t{0} << (first + lines);
            const std::size_t start = body.size();
            body.resize(start + sizeof(daxfs_journal_entry) + lines * kLine);
            auto* entry = reinterpret_cast<daxfs_journal_entry*>(body.data() + start);
            entry->ordinal = ordinal++;
            entry->sequence = (sequence_ + 1) & ((std::uint64_t{1} << DAXFS_SEQUENCE_BITS) - 1);
            entry->offset = block.value * DAXFS_BLOCK_SIZE + first * kLine;
            entry->length = lines * kLine;
            std::memcpy(entry + 1, old + first * kLine, lines * kLine);
            const auto position = static_cast<std::uint32_t>(DAXFS_JOURNAL_BODY_OFFSET + start);
            entry->crc = journal_entry_checksum(volume_->seed, journal_, position, std::span(body).subspan(start));
        }
    }
    if (body.size() > capacity_)
        return fail("{}: a repair is too large for a journal of {} bytes", image_->path(), capacity_);
    std::uint64_t position =
        volume_->geometry.journal_slot(journal_).value * DAXFS_BLOCK_SIZE + DAXFS_JOURNAL_BODY_OFFSET;
    for (std::span<const std::byte> rest = body; !rest.empty();) {
        const std::size_t offset = position % DAXFS_BLOCK_SIZE;
        const std::size_t piece = std::min<std::size_t>(rest.size(), DAXFS_BLOCK_SIZE - offset);
        std::memcpy(image_->stage(BlockNo{position / DAXFS_BLOCK_SIZE}) + offset, rest.data(), piece);
        rest = rest.subspan(piece);
        position += piece;
    }
    return image_->write_staged();
}

Result<void> RepairTransaction::write_changes() {
    for (const auto& [block, copy] : blocks_)
        std::memcpy(image_->stage(block), copy.bytes.data(), DAXFS_BLOCK_SIZE);
    return image_->write_staged();
}

Result<void> RepairTransaction::write_commit_word() {
    daxfs_le64 word;
    word = commit_word(volume_->seed, journal_, sequence_ + 1);
    std::byte* block = image_->stage(volume_->geometry.journal_slot(journal_));
    std::memcpy(block + DAXFS_JOURNAL_COMMIT_OFFSET, &word, sizeof(word));
    return image_->write_staged();
}

Result<void> RepairTransaction::commit() {
    if (blocks_.empty())
        return {};
    DAXFS_TRY(write_undo());
    DAXFS_TRY(write_changes());
    DAXFS_TRY(write_commit_word());
    ++sequence_;
    used_ = 0;
    blocks_.clear();
    return {};
}

}  // namespace daxfs

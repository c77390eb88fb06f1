// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/populate/file_writer.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "lib/base/checked.h"

namespace daxfs {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;

std::uint64_t block_start(std::uint64_t byte) {
    return byte - byte % DAXFS_BLOCK_SIZE;
}

}  // namespace

FileWriter::FileWriter(FilesystemBuilder& builder) : builder_(builder), buffer_(kBufferBytes) {}

void FileWriter::start(InodeNo file, std::uint64_t size_bytes) {
    file_ = file;
    size_ = size_bytes;
    done_ = 0;
    used_ = 0;
}

Result<void> FileWriter::put(const Piece& piece) {
    if (piece.offset < done_ || !range_inside(piece.offset, piece.length, size_))
        return fail("{} bytes at byte {} are out of order, or behind the end at byte {}", piece.length, piece.offset,
                    size_);
    std::uint64_t offset = piece.offset;
    const std::byte* from = piece.bytes;
    for (std::uint64_t left = piece.length; left > 0;) {
        if (used_ > 0 && block_start(offset) > block_start(end() - 1) + DAXFS_BLOCK_SIZE)
            DAXFS_TRY(flush());
        if (used_ == 0)
            start_ = block_start(offset);
        const std::size_t at = offset - start_;
        if (at >= kBufferBytes) {
            DAXFS_TRY(flush());
            continue;
        }
        std::memset(buffer_.data() + used_, 0, at - used_);
        const std::size_t part = std::min<std::uint64_t>(left, kBufferBytes - at);
        if (from != nullptr) {
            std::memcpy(buffer_.data() + at, from, part);
            from += part;
        }
        used_ = at + part;
        offset += part;
        left -= part;
        if (used_ == kBufferBytes)
            DAXFS_TRY(flush());
    }
    done_ = offset;
    return {};
}

Result<void> FileWriter::finish() {
    return used_ > 0 ? flush() : Result<void>();
}

Result<void> FileWriter::flush() {
    const std::size_t whole = round_up<std::size_t>(used_, DAXFS_BLOCK_SIZE);
    std::memset(buffer_.data() + used_, 0, whole - used_);
    used_ = 0;
    return builder_.append_data(file_, start_ / DAXFS_BLOCK_SIZE, std::span(buffer_).first(whole));
}

}  // namespace daxfs

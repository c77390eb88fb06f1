// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/make/sink.h"

#include <cstring>

#include "lib/base/checked.h"

namespace daxfs {

Result<void> DeviceSink::write(BlockNo first, std::span<const std::byte> bytes) {
    DAXFS_TRY(device_.write(first.value * DAXFS_BLOCK_SIZE, bytes));
    bytes_written_ += bytes.size();
    return {};
}

Result<void> StagingSink::write(BlockNo first, std::span<const std::byte> bytes) {
    for (std::size_t done = 0; done < bytes.size(); done += DAXFS_BLOCK_SIZE, ++first) {
        std::byte* staged = image_.stage(first);
        if (staged == nullptr)
            return fail("{}: block {} lies outside the image", image_.path(), first);
        std::memcpy(staged, bytes.data() + done, DAXFS_BLOCK_SIZE);
    }
    return {};
}

Result<void> MemorySink::write(BlockNo first, std::span<const std::byte> bytes) {
    if (!range_inside<std::uint64_t>(first.value, bytes.size() / DAXFS_BLOCK_SIZE, size_ / DAXFS_BLOCK_SIZE))
        return fail("block {} lies outside the image", first);
    for (std::size_t done = 0; done < bytes.size(); done += DAXFS_BLOCK_SIZE, ++first)
        std::memcpy(block(first), bytes.data() + done, DAXFS_BLOCK_SIZE);
    return {};
}

std::byte* MemorySink::block(BlockNo block) {
    auto& found = blocks_[block];
    if (found == nullptr)
        found = std::make_unique<Block>();
    return found->bytes;
}

Image MemorySink::image() const {
    std::map<BlockNo, const std::byte*> written;
    for (const auto& [number, block] : blocks_)
        written.emplace(number, block->bytes);
    return Image::from_blocks(size_, written);
}

}  // namespace daxfs

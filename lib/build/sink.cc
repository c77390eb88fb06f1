// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/build/sink.h"

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
    const std::uint64_t blocks = bytes_.size() / DAXFS_BLOCK_SIZE;
    if (!range_inside<std::uint64_t>(first.value, bytes.size() / DAXFS_BLOCK_SIZE, blocks))
        return fail("block {} lies outside the image", first);
    std::memcpy(bytes_.data() + first.value * DAXFS_BLOCK_SIZE, bytes.data(), bytes.size());
    return {};
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// A device or image file, read block by block. Edits are staged in memory, seen by every later read, and reach the
// device only in `write_staged`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "lib/base/result.h"
#include "lib/base/strong.h"
#include "lib/format/daxfs_format.h"

namespace daxfs {

using BlockBytes = std::span<const std::byte, DAXFS_BLOCK_SIZE>;
using MutableBlockBytes = std::span<std::byte, DAXFS_BLOCK_SIZE>;

enum class Access { kRead, kWrite };

class Image {
  public:
    // Opens a block device or a regular file; anything else, and one that is empty, is an error that names it.
    // kWrite takes a device with O_EXCL and a file with an exclusive lock.
    static Result<Image> open(const std::string& path, Access access);
    // Bytes in memory, for tests and fuzzing. Never written back.
    static Image from_bytes(std::span<const std::byte> bytes);
    // The same, mostly zeros: `blocks` (each DAXFS_BLOCK_SIZE bytes, inside the size) are copied, the rest takes no
    // memory.
    static Image from_blocks(std::uint64_t size_bytes, const std::map<BlockNo, const std::byte*>& blocks);

    Image(Image&&) noexcept;
    Image& operator=(Image&&) noexcept;
    ~Image();

    // Bytes of the caller's, page aligned, not copied: they outlive the image, and write_staged changes them.
    static Image over(std::span<std::byte> bytes);

    const std::string& path() const;
    std::uint64_t size_bytes() const;
    std::uint64_t block_count() const { return size_bytes() / DAXFS_BLOCK_SIZE; }
    bool is_block_device() const;

    // The bytes of `block`: staged if edited, else from the device. They stay valid until the Image dies or the block
    // is staged. nullptr: outside the image, or unreadable (media error).
    const std::byte* try_block(BlockNo block) const;

    // The structure at byte `offset` in `block`; nullptr where `try_block` is, or where it would cross the block's end.
    template <typename T>
    const T* at(BlockNo block, std::size_t offset = 0) const {
        const std::byte* bytes = try_block(block);
        if (bytes == nullptr || offset > DAXFS_BLOCK_SIZE - sizeof(T))
            return nullptr;
        return reinterpret_cast<const T*>(bytes + offset);
    }

    // A writable copy of `block` in memory, made on first use. nullptr outside the image.
    std::byte* stage(BlockNo block);
    bool has_staged() const;
    // Writes every staged block in ascending order and makes them durable (fsync; of a device also its cache).
    Result<void> write_staged();

  private:
    struct State;
    explicit Image(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace daxfs

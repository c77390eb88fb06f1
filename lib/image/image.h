// SPDX-License-Identifier: GPL-2.0-or-later
// A device or image file, read block by block. Edits are staged in memory, seen by every later read, and reach the
// device only in `write_staged`, or block by block in `write_block`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/strong.h"
#include "lib/format/daxfs_format.h"
#include "lib/image/bad_blocks.h"

namespace daxfs {

using BlockBytes = std::span<const std::byte, DAXFS_BLOCK_SIZE>;
using MutableBlockBytes = std::span<std::byte, DAXFS_BLOCK_SIZE>;

enum class Access { kRead, kWrite };

// Bytes of one block that are to change.
struct Edit {
    ByteOffset offset;
    std::span<const std::byte> before;  // empty: the device cannot be read there, `after` is the whole block
    std::span<const std::byte> after;   // as many as `before`, where that is not empty
};

// Where `after` differs from `before` (nullptr: everywhere), both of `block`: in whole cache lines of 64 bytes,
// neighbours together, ascending. Ends with the first error of `visit`.
Result<void> for_each_difference(BlockNo block, const std::byte* before, const std::byte* after,
                                 const std::function<Result<void>(const Edit&)>& visit);

// What an image is about to do to its device.
struct Store {
    std::optional<BlockNo> block;      // none: all stores before it are made durable
    std::span<const std::byte> bytes;  // DAXFS_BLOCK_SIZE of them for a block
};

class Image {
  public:
    // Opens a block device or a regular file; anything else, and one that is empty, is an error that names it.
    // kWrite takes a device with O_EXCL and a file with an exclusive lock. What `bad` lists counts as unreadable until
    // it is written.
    static Result<Image> open(const std::string& path, Access access, BadBlocks bad = {});
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
    // is staged. nullptr: outside the image, or unreadable (media error). Where only sectors of it are unreadable,
    // they are zeros: see torn_blocks().
    const std::byte* try_block(BlockNo block) const;

    // The structure at byte `offset` in `block`; nullptr where `try_block` is, or where it would cross the block's end.
    template <typename T>
    const T* at(BlockNo block, std::size_t offset = 0) const {
        const std::byte* bytes = try_block(block);
        if (bytes == nullptr || offset > DAXFS_BLOCK_SIZE - sizeof(T))
            return nullptr;
        return reinterpret_cast<const T*>(bytes + offset);
    }

    // The same below what is staged: as the device has it, nullptr also where it can be read in part.
    const std::byte* device_block(BlockNo block) const;

    // Blocks that try_block() has met, that could be read in part, and that are not staged.
    struct TornBlock {
        BlockNo block;
        std::uint32_t lost_bytes = 0;
    };
    std::vector<TornBlock> torn_blocks() const;
    // Cheap where there are none.
    bool is_torn(BlockNo block) const;
    const BadBlocks& bad_blocks() const;

    // A writable copy of `block` in memory, made on first use. nullptr outside the image.
    std::byte* stage(BlockNo block);
    bool is_staged(BlockNo block) const;
    // Whether a staged block was not written since.
    bool has_staged() const;
    // Blocks that are staged, not written, and differ from the device; ascending.
    std::vector<BlockNo> edited_blocks() const;
    // What they change, as for_each_difference() says it. `visit` may write to the image.
    Result<void> for_each_edit(const std::function<Result<void>(const Edit&)>& visit) const;
    // Writes every staged block in ascending order and makes them durable (fsync; of a device also its cache).
    Result<void> write_staged();
    // Writes one block, past what is staged; durable after `flush`. A staged copy with the same bytes counts as
    // written, and one that was written before follows.
    Result<void> write_block(BlockNo block, BlockBytes bytes);
    Result<void> flush();
    // Nothing is staged afterwards. Pointers that `stage` and `try_block` gave are no longer good.
    void forget_staged();

    // Called before every store and every flush; where it fails, that does not happen, and the error is theirs. For
    // tests that cut the power.
    void before_stores(std::function<Result<void>(const Store&)> hook);

  private:
    struct State;
    explicit Image(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace daxfs

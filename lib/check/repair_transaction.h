// SPDX-License-Identifier: GPL-2.0-or-later
// Changes that reach the device together or not at all, through an undo journal, as the kernel does it: old bytes into
// a free slot, flush; changes in place, flush; commit word, flush. A kill in between is rolled back by the next
// recovery.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "lib/base/result.h"
#include "lib/image/image.h"
#include "lib/tree/volume.h"

namespace daxfs {

class RepairTransaction {
  public:
    // Takes the first journal that checks out and holds nothing uncommitted; an error where there is none.
    static Result<RepairTransaction> open(Image& image, const Volume& volume);

    // `length` bytes at `offset` of `block`, to be changed in place. The pointer is good until the commit; nullptr
    // outside the device. Old bytes are kept for whole lines of 64 bytes.
    std::byte* edit(BlockNo block, std::uint32_t offset, std::uint32_t length);
    template <typename T>
    T* edit_as(BlockNo block, std::uint32_t offset) {
        return reinterpret_cast<T*>(edit(block, offset, sizeof(T)));
    }
    // A whole block that nothing on the device reaches yet: no undo. Zeros at first.
    std::byte* create(BlockNo block);
    // As the device will be after the commit. nullptr: unreadable.
    const std::byte* read(BlockNo block) const;

    // Upper bound of the journal space that `lines` changed lines need.
    static std::uint64_t cost(std::uint64_t lines);
    bool has_room(std::uint64_t bytes) const { return used_ + bytes <= capacity_; }
    std::uint64_t capacity() const { return capacity_; }
    bool empty() const { return blocks_.empty(); }

    // Afterwards the transaction is empty and can be used again.
    Result<void> commit();

  private:
    struct Working {
        alignas(64) std::array<std::byte, DAXFS_BLOCK_SIZE> bytes;
        std::uint64_t lines = 0;  // bit i: line i needs undo
    };

    RepairTransaction(Image& image, const Volume& volume, std::uint32_t journal, std::uint64_t sequence);
    Working* working(BlockNo block);
    Result<void> write_undo();
    Result<void> write_changes();
    Result<void> write_commit_word();

    Image* image_;
    const Volume* volume_;
    std::uint32_t journal_;
    std::uint64_t sequence_;
    std::uint64_t capacity_;
    std::uint64_t used_ = 0;
    std::map<BlockNo, Working> blocks_;
};

}  // namespace daxfs

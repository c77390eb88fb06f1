// SPDX-License-Identifier: GPL-2.0-or-later
// Bounds how much of a big mapping stays in memory: a scan over terabytes keeps the last few windows it touched.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <sys/mman.h>

namespace daxfs {

// Windows share slots by hash; the one that comes takes the place of the one that was there, whose pages are given
// back. Pointers into a window given back stay good: the pages come again on the next access.
class ResidentWindows {
  public:
    // `base` is a shared file mapping of `size_bytes`.
    ResidentWindows(std::byte* base, std::uint64_t size_bytes) : base_(base), size_(size_bytes) {}

    void touch(std::uint64_t offset) {
        const std::uint64_t window = offset >> kWindowShift;
        // Spreads the heads of allocation groups, which are a power of two apart, over the slots.
        auto& slot = slots_[(window * 0x9e3779b97f4a7c15u) >> (64 - kSlotBits)];
        if (slot.load(std::memory_order_relaxed) == window + 1)
            return;
        const std::uint64_t before = slot.exchange(window + 1, std::memory_order_relaxed);
        if (before != 0)
            give_back((before - 1) << kWindowShift);
    }

  private:
    static constexpr unsigned kWindowShift = 19;  // 512 KiB
    static constexpr unsigned kSlotBits = 7;      // 64 MiB in all

    void give_back(std::uint64_t offset) {
        const std::uint64_t length = std::uint64_t{1} << kWindowShift;
        // A failure only costs memory.
        static_cast<void>(madvise(base_ + offset, length < size_ - offset ? length : size_ - offset, MADV_DONTNEED));
    }

    std::byte* base_;
    std::uint64_t size_;
    std::atomic<std::uint64_t> slots_[1 << kSlotBits] = {};
};

}  // namespace daxfs

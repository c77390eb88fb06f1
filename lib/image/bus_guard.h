// SPDX-License-Identifier: GPL-2.0-or-later
// Keeps SIGBUS from killing a tool: a page of a guarded mapping that cannot be read (a media error, a file truncated
// underneath) is replaced with zeros and remembered, and the access goes on.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace daxfs {

// One guarded mapping. The handler runs in whatever thread touched the page; everything it uses is lock-free.
class BusGuard {
  public:
    // `base` .. `base + size_bytes` is a mapping of the caller's, page aligned. At most kMaxGuards exist at a time;
    // a further one guards nothing.
    BusGuard(void* base, std::size_t size_bytes);
    ~BusGuard();
    BusGuard(const BusGuard&) = delete;
    BusGuard& operator=(const BusGuard&) = delete;

    // Whether the page at `offset` bytes can be read; touches it.
    bool readable(std::size_t offset) const;

    // Called by the signal handler. False: `address` is not in this mapping.
    bool handle(std::uintptr_t address);

    static constexpr std::size_t kMaxGuards = 64;

  private:
    // Open addressing, page + 1 in a cell; so many bad pages at most, behind that every page counts as bad.
    static constexpr std::size_t kCells = 1 << 16;

    void remember(std::uint64_t page);
    bool is_bad(std::uint64_t page) const;

    std::uintptr_t base_;
    std::size_t size_;
    std::atomic<std::uint64_t>* bad_pages_;
    std::atomic<bool> any_bad_{false};
    std::atomic<bool> full_{false};
};

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// One device in memory, and a view of it that may be scribbled on and thrown away: what is stored in the device shows
// in the view, what is stored in the view is gone after discard().
#pragma once

#include <cstddef>
#include <span>

#include "lib/base/result.h"

namespace daxfs::crash {

class Arena {
  public:
    static Result<Arena> make(std::span<const std::byte> bytes);
    Arena(Arena&& other) noexcept;
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    ~Arena();

    std::span<std::byte> device() const { return {device_, size_}; }
    std::span<std::byte> view() const { return {view_, size_}; }
    void discard();

  private:
    Arena(std::byte* device, std::byte* view, std::size_t size) : device_(device), view_(view), size_(size) {}

    std::byte* device_;
    std::byte* view_;
    std::size_t size_;
};

}  // namespace daxfs::crash

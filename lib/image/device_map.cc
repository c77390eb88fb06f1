// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/image/device_map.h"

#include <algorithm>
#include <mutex>

#include <sys/mman.h>

namespace daxfs {

DeviceMap::DeviceMap(const Device& device, std::uint64_t arena_bytes) : device_(device), size_(device.size_bytes()) {
    if (size_ > arena_bytes || !map_whole())
        reserve(arena_bytes);
    if (arena_ == nullptr)
        return;
    guard_.emplace(arena_, arena_bytes_);
    resident_.emplace(arena_, arena_bytes_);
}

DeviceMap::~DeviceMap() {
    guard_.reset();
    if (arena_ != nullptr)
        munmap(arena_, arena_bytes_);
}

bool DeviceMap::map_whole() {
    void* mapped = mmap(nullptr, size_, PROT_READ, MAP_SHARED | MAP_NORESERVE, device_.fd(), 0);
    if (mapped == MAP_FAILED)
        return false;
    arena_ = static_cast<std::byte*>(mapped);
    arena_bytes_ = size_;
    return true;
}

// Room for as many windows as there may be.
void DeviceMap::reserve(std::uint64_t most) {
    // Never all of the device, which is_whole() would take for mapped.
    std::uint64_t windows = std::min(most, size_ - 1) / kWindowBytes;
    for (; windows != 0; windows /= 2) {
        void* room = mmap(nullptr, windows * kWindowBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (room == MAP_FAILED)
            continue;
        arena_ = static_cast<std::byte*>(room);
        arena_bytes_ = windows * kWindowBytes;
        return;
    }
}

const std::byte* DeviceMap::block(BlockNo block) {
    const std::uint64_t offset = block.value * DAXFS_BLOCK_SIZE;
    if (is_whole())
        return mapped(offset);
    const std::optional<std::uint64_t> place = place_of(offset / kWindowBytes);
    return place ? mapped(*place + offset % kWindowBytes) : copied(block);
}

const std::byte* DeviceMap::mapped(std::uint64_t arena_offset) {
    resident_->touch(arena_offset);
    return guard_->readable(arena_offset) ? arena_ + arena_offset : nullptr;
}

std::optional<std::uint64_t> DeviceMap::place_of(std::uint64_t window) {
    {
        const std::shared_lock lock(lock_);
        const auto known = places_.find(window);
        if (known != places_.end())
            return known->second;
        if (places_.size() == arena_bytes_ / kWindowBytes)
            return std::nullopt;
    }
    const std::unique_lock lock(lock_);
    const std::uint64_t place = places_.size() * kWindowBytes;
    if (place == arena_bytes_)
        return std::nullopt;
    const auto [at, is_new] = places_.try_emplace(window, place);
    if (!is_new)
        return at->second;
    const std::uint64_t offset = window * kWindowBytes;
    if (mmap(arena_ + place, std::min(kWindowBytes, size_ - offset), PROT_READ, MAP_SHARED | MAP_NORESERVE | MAP_FIXED,
             device_.fd(), static_cast<off_t>(offset)) == MAP_FAILED) {
        places_.erase(at);
        return std::nullopt;
    }
    return place;
}

const std::byte* DeviceMap::copied(BlockNo block) {
    const std::unique_lock lock(lock_);
    auto [at, is_new] = copies_.try_emplace(block);
    if (is_new) {
        auto copy = std::make_unique<Copy>();
        if (device_.read(block.value * DAXFS_BLOCK_SIZE, copy->bytes))
            at->second = std::move(copy);
    }
    return at->second == nullptr ? nullptr : at->second->bytes;
}

// What is mapped shows it anyway. A block that could not be read can be now.
void DeviceMap::written(BlockNo block, std::span<const std::byte> bytes) {
    const std::unique_lock lock(lock_);
    const auto at = copies_.find(block);
    if (at == copies_.end())
        return;
    if (at->second == nullptr)
        at->second = std::make_unique<Copy>();
    std::copy(bytes.begin(), bytes.end(), at->second->bytes);
}

}  // namespace daxfs

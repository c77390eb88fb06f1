// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/image/device_map.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include <sys/mman.h>

namespace daxfs {

DeviceMap::DeviceMap(const Device& device, BadBlocks bad, std::uint64_t arena_bytes)
    : device_(device), size_(device.size_bytes()), bad_(std::move(bad)) {
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
        void* room =
            mmap(nullptr, windows * kWindowBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (room == MAP_FAILED)
            continue;
        arena_ = static_cast<std::byte*>(room);
        arena_bytes_ = windows * kWindowBytes;
        return;
    }
}

const std::byte* DeviceMap::block(BlockNo block) {
    if (!bad_.empty() && is_listed(block))
        return whole_copy(block);
    const std::uint64_t offset = block.value * DAXFS_BLOCK_SIZE;
    const std::optional<std::uint64_t> place = is_whole() ? offset : place_of(offset / kWindowBytes);
    if (!place)
        return copied(block);
    const std::uint64_t at = is_whole() ? offset : *place + offset % kWindowBytes;
    resident_->touch(at);
    // What was written since lies behind a page that the guard has replaced.
    return guard_->readable(at) ? arena_ + at : whole_copy(block);
}

bool DeviceMap::is_listed(BlockNo block) const {
    return !bad_.inside(ByteOffset{block.value * DAXFS_BLOCK_SIZE}, DAXFS_BLOCK_SIZE).empty();
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

const std::byte* DeviceMap::whole_copy(BlockNo block) {
    const std::shared_lock lock(lock_);
    const auto at = copies_.find(block);
    return at != copies_.end() && at->second != nullptr && at->second->lost_bytes == 0 ? at->second->bytes : nullptr;
}

// `lock_` is held: a device of this size has more blocks elsewhere.
const std::byte* DeviceMap::copied(BlockNo block) {
    const std::unique_lock lock(lock_);
    auto [at, is_new] = copies_.try_emplace(block);
    if (is_new) {
        at->second = std::make_unique<Copy>();
        if (!device_.read(block.value * DAXFS_BLOCK_SIZE, at->second->bytes))
            at->second = read_sectors(block);
    }
    return at->second != nullptr && at->second->lost_bytes == 0 ? at->second->bytes : nullptr;
}

const std::byte* DeviceMap::remains(BlockNo block) {
    const std::unique_lock lock(lock_);
    auto [at, is_new] = copies_.try_emplace(block);
    if (is_new)
        at->second = read_sectors(block);
    if (at->second == nullptr || at->second->lost_bytes == 0)
        return nullptr;
    any_torn_.store(true, std::memory_order_relaxed);
    return at->second->bytes;
}

bool DeviceMap::read_sector(std::uint64_t offset, std::span<std::byte, Device::kSectorBytes> bytes) const {
    if (!bad_.inside(ByteOffset{offset}, bytes.size()).empty())
        return false;
    const auto read = device_.is_block_device() ? device_.read_sector(offset, bytes) : device_.read(offset, bytes);
    return read.has_value();
}

std::unique_ptr<DeviceMap::Copy> DeviceMap::read_sectors(BlockNo block) const {
    auto copy = std::make_unique<Copy>();
    for (std::size_t from = 0; from < DAXFS_BLOCK_SIZE; from += Device::kSectorBytes) {
        const auto sector = std::span(copy->bytes).subspan(from).first<Device::kSectorBytes>();
        if (!read_sector(block.value * DAXFS_BLOCK_SIZE + from, sector))
            copy->lost_bytes += Device::kSectorBytes;
    }
    return copy->lost_bytes == DAXFS_BLOCK_SIZE ? nullptr : std::move(copy);
}

std::vector<std::pair<BlockNo, std::uint32_t>> DeviceMap::torn() const {
    std::vector<std::pair<BlockNo, std::uint32_t>> torn;
    const std::shared_lock lock(lock_);
    for (const auto& [block, copy] : copies_) {
        if (copy != nullptr && copy->lost_bytes != 0)
            torn.emplace_back(block, copy->lost_bytes);
    }
    return torn;
}

bool DeviceMap::is_torn(BlockNo block) const {
    if (!any_torn_.load(std::memory_order_relaxed))
        return false;
    const std::shared_lock lock(lock_);
    const auto at = copies_.find(block);
    return at != copies_.end() && at->second != nullptr && at->second->lost_bytes != 0;
}

// What is mapped shows it anyway, but for what could not be read.
void DeviceMap::written(BlockNo block, std::span<const std::byte> bytes) {
    const std::unique_lock lock(lock_);
    const auto at = is_listed(block) ? copies_.try_emplace(block).first : copies_.find(block);
    if (at == copies_.end())
        return;
    if (at->second == nullptr)
        at->second = std::make_unique<Copy>();
    std::ranges::copy(bytes, at->second->bytes);
    at->second->lost_bytes = 0;
}

}  // namespace daxfs

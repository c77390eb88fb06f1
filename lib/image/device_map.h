// SPDX-License-Identifier: GPL-2.0-or-later
// A device's blocks as memory that is read only. A device that fits into the address space is mapped whole; of a larger
// one (up to 512 PiB, where a process has 128 TiB) the parts that are looked at.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/base/strong.h"
#include "lib/format/daxfs_format.h"
#include "lib/image/bad_blocks.h"
#include "lib/image/bus_guard.h"
#include "lib/image/device.h"
#include "lib/image/resident_windows.h"

namespace daxfs {

class DeviceMap {
  public:
    static constexpr std::uint64_t kWindowBytes = std::uint64_t{1} << 30;
    // Far below the address space, also beside a sanitizer's shadow, and as many windows as stay below
    // vm.max_map_count (65,530).
    static constexpr std::uint64_t kArenaBytes = 30'000 * kWindowBytes;

    // `device` outlives the map and has at least one byte. What `bad` lists counts as unreadable until it is written.
    // No more than `arena_bytes` (whole windows) of the address space are taken, and less, or none, where a limit
    // (ulimit -v) allows only less.
    explicit DeviceMap(const Device& device, BadBlocks bad = {}, std::uint64_t arena_bytes = kArenaBytes);
    ~DeviceMap();
    DeviceMap(const DeviceMap&) = delete;
    DeviceMap& operator=(const DeviceMap&) = delete;

    // DAXFS_BLOCK_SIZE bytes that stay where they are as long as the map; nullptr: unreadable. `block` lies inside the
    // device. From any thread.
    //
    // A block behind more windows than fit is copied, and the copy is kept: memory in proportion to what is looked at.
    const std::byte* block(BlockNo block);
    // What can be read of an unreadable block, with zeros for the sectors that cannot; nullptr: all is readable, or
    // nothing. As long as the map.
    const std::byte* remains(BlockNo block);
    // `bytes`, DAXFS_BLOCK_SIZE of them, were written to the device.
    void written(BlockNo block, std::span<const std::byte> bytes);

    // Blocks that remains() had something of, and how many bytes of each it had not; ascending.
    std::vector<std::pair<BlockNo, std::uint32_t>> torn() const;
    bool is_torn(BlockNo block) const;

  private:
    bool is_whole() const { return arena_bytes_ >= size_; }
    bool map_whole();
    void reserve(std::uint64_t most);
    // Where `window` lies in the arena; empty: there is no room, or it cannot be mapped.
    std::optional<std::uint64_t> place_of(std::uint64_t window);
    struct Copy;
    const std::byte* copied(BlockNo block);
    const std::byte* whole_copy(BlockNo block);
    bool read_sector(std::uint64_t offset, std::span<std::byte, Device::kSectorBytes> bytes) const;
    std::unique_ptr<Copy> read_sectors(BlockNo block) const;
    bool is_listed(BlockNo block) const;

    struct Copy {
        alignas(64) std::byte bytes[DAXFS_BLOCK_SIZE] = {};
        std::uint32_t lost_bytes = 0;
    };

    const Device& device_;
    std::uint64_t size_;
    std::byte* arena_ = nullptr;
    std::uint64_t arena_bytes_ = 0;
    std::optional<BusGuard> guard_;
    std::optional<ResidentWindows> resident_;

    BadBlocks bad_;

    mutable std::shared_mutex lock_;
    std::unordered_map<std::uint64_t, std::uint64_t> places_;  // of windows, as offsets in the arena
    std::map<BlockNo, std::unique_ptr<Copy>> copies_;          // nullptr: nothing can be read
    std::atomic<bool> any_torn_{false};
};

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// An open block device or image file: its size, whole writes, zeroing, making durable. No cache, no mapping.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "lib/base/result.h"

namespace daxfs {

enum class DeviceAccess { kRead, kWrite };

class Device {
  public:
    // Anything but a block device or a regular file is an error. Writing takes a device with O_EXCL and a file with an
    // exclusive lock (flock); cached pages of a device, which a mount may have made stale, are dropped.
    static Result<Device> open(const std::string& path, DeviceAccess access);
    // A regular file, made if there is none, for writing.
    static Result<Device> open_or_create(const std::string& path);

    Device(Device&& other) noexcept;
    Device& operator=(Device&& other) noexcept;
    ~Device();

    int fd() const { return fd_; }
    const std::string& path() const { return path_; }
    bool is_block_device() const { return is_block_device_; }
    // Of a file as it was opened or last resized.
    std::uint64_t size_bytes() const { return size_; }

    Result<void> resize(std::uint64_t size_bytes);  // a regular file only
    Result<void> read(std::uint64_t offset, std::span<std::byte> bytes) const;
    // One sector, past the page cache, which has nothing of a page with a bad sector in it. Of a block device; `offset`
    // is a multiple of kSectorBytes.
    static constexpr std::size_t kSectorBytes = 512;
    Result<void> read_sector(std::uint64_t offset, std::span<std::byte, kSectorBytes> bytes) const;
    Result<void> write(std::uint64_t offset, std::span<const std::byte> bytes);
    // Durable when it returns: fsync, and of a device its cached pages are dropped.
    Result<void> flush();

  private:
    Device(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
    static Result<Device> adopt(const std::string& path, int fd, DeviceAccess access);

    std::string path_;
    int fd_ = -1;
    mutable int direct_fd_ = -1;  // of read_sector()
    bool is_block_device_ = false;
    std::uint64_t size_ = 0;
};

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/image/device.h"

#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/checked.h"

namespace daxfs {
namespace {

const char* wrong_kind(mode_t mode) {
    if (S_ISDIR(mode))
        return "is a directory, not a block device or an image file";
    if (S_ISCHR(mode))
        return "is a character device; daxfs needs a block device (an fsdax namespace) or an image file";
    return "is not a block device or an image file";
}

// Before open(2), which may block on a FIFO or have effects on a character device.
Result<void> check_kind(const std::string& path) {
    struct stat st {};
    if (stat(path.c_str(), &st) != 0)
        return fail("{}: {}", path, errno_text(errno));
    if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
        return fail("{}: {}", path, wrong_kind(st.st_mode));
    return {};
}

Result<bool> is_block(const std::string& path) {
    struct stat st {};
    if (stat(path.c_str(), &st) != 0)
        return fail("{}: {}", path, errno_text(errno));
    return S_ISBLK(st.st_mode);
}

}  // namespace

Device::Device(Device&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      direct_fd_(std::exchange(other.direct_fd_, -1)),
      is_block_device_(other.is_block_device_),
      size_(other.size_) {}

Device& Device::operator=(Device&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(fd_, other.fd_);
    std::swap(direct_fd_, other.direct_fd_);
    std::swap(is_block_device_, other.is_block_device_);
    std::swap(size_, other.size_);
    return *this;
}

Device::~Device() {
    for (const int fd : {fd_, direct_fd_}) {
        if (fd >= 0)
            close(fd);
    }
}

Result<Device> Device::open(const std::string& path, DeviceAccess access) {
    DAXFS_TRY(check_kind(path));
    DAXFS_TRY_ASSIGN(const bool block, is_block(path));
    int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    flags |= access == DeviceAccess::kWrite ? O_RDWR : O_RDONLY;
    if (block && access == DeviceAccess::kWrite)
        flags |= O_EXCL;
    const int fd = ::open(path.c_str(), flags);
    if (fd < 0 && errno == EBUSY)
        return fail("{}: in use (mounted, or held by another driver or program)", path);
    if (fd < 0)
        return fail("{}: cannot open: {}", path, errno_text(errno));
    return adopt(path, fd, access);
}

Result<Device> Device::open_or_create(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    if (fd < 0)
        return fail("{}: cannot create: {}", path, errno_text(errno));
    return adopt(path, fd, DeviceAccess::kWrite);
}

Result<Device> Device::adopt(const std::string& path, int fd, DeviceAccess access) {
    Device device(path, fd);
    struct stat st {};
    if (fstat(fd, &st) != 0)
        return fail("{}: {}", path, errno_text(errno));
    if (S_ISREG(st.st_mode)) {
        device.size_ = static_cast<std::uint64_t>(st.st_size);
        if (access == DeviceAccess::kWrite && flock(fd, LOCK_EX | LOCK_NB) != 0)
            return fail("{}: in use by another program", path);
        return device;
    }
    if (!S_ISBLK(st.st_mode))
        return fail("{}: {}", path, wrong_kind(st.st_mode));
    device.is_block_device_ = true;
    if (ioctl(fd, BLKGETSIZE64, &device.size_) != 0)
        return fail("{}: cannot get the size: {}", path, errno_text(errno));
    // Needs privileges and only matters where a mount wrote past this cache: no error.
    static_cast<void>(ioctl(fd, BLKFLSBUF, 0));
    return device;
}

Result<void> Device::resize(std::uint64_t size_bytes) {
    if (size_bytes > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()))
        return fail("{}: a size of {} bytes is too large for a file", path_, size_bytes);
    if (ftruncate(fd_, static_cast<off_t>(size_bytes)) != 0)
        return fail("{}: cannot set the size to {} bytes: {}", path_, size_bytes, errno_text(errno));
    size_ = size_bytes;
    return {};
}

Result<void> Device::read(std::uint64_t offset, std::span<std::byte> bytes) const {
    while (!bytes.empty()) {
        const ssize_t got = pread(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail("{}: cannot read at byte {}: {}", path_, offset, errno_text(errno));
        if (got == 0)
            return fail("{}: ends before byte {}", path_, offset + bytes.size());
        offset += static_cast<std::uint64_t>(got);
        bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
    return {};
}

Result<void> Device::read_sector(std::uint64_t offset, std::span<std::byte, kSectorBytes> bytes) const {
    if (direct_fd_ < 0)
        direct_fd_ = ::open(path_.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
    alignas(kSectorBytes) std::byte sector[kSectorBytes];
    if (direct_fd_ < 0 || pread(direct_fd_, sector, kSectorBytes, static_cast<off_t>(offset)) != kSectorBytes)
        return fail("{}: cannot read at byte {}: {}", path_, offset, errno_text(errno));
    std::memcpy(bytes.data(), sector, kSectorBytes);
    return {};
}

Result<void> Device::write(std::uint64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t put = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return fail("{}: cannot write at byte {}: {}", path_, offset, errno_text(put < 0 ? errno : EIO));
        offset += static_cast<std::uint64_t>(put);
        bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
    return {};
}

Result<void> Device::flush() {
    if (fsync(fd_) != 0)
        return fail("{}: cannot make the writes durable: {}", path_, errno_text(errno));
    if (is_block_device_)
        static_cast<void>(ioctl(fd_, BLKFLSBUF, 0));
    return {};
}

}  // namespace daxfs

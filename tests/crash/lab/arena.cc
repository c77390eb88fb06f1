// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/lab/arena.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace daxfs::crash {

Result<Arena> Arena::make(std::span<const std::byte> bytes) {
    const int file = memfd_create("crashlab", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, static_cast<off_t>(bytes.size())) != 0)
        return fail("no memory for a device of {} bytes: {}", bytes.size(), errno_text(errno));
    void* device = mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file, 0);
    void* view = mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    close(file);
    if (device == MAP_FAILED || view == MAP_FAILED)
        return fail("cannot map a device of {} bytes: {}", bytes.size(), errno_text(errno));
    std::memcpy(device, bytes.data(), bytes.size());
    return Arena(static_cast<std::byte*>(device), static_cast<std::byte*>(view), bytes.size());
}

Arena::Arena(Arena&& other) noexcept
    : device_(std::exchange(other.device_, nullptr)), view_(std::exchange(other.view_, nullptr)), size_(other.size_) {}

Arena::~Arena() {
    if (device_ == nullptr)
        return;
    munmap(device_, size_);
    munmap(view_, size_);
}

void Arena::discard() {
    madvise(view_, size_, MADV_DONTNEED);
}

}  // namespace daxfs::crash

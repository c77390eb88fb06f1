// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/hostile/guest/device.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

namespace daxfs::hostile {
namespace {

[[noreturn]] void give_up(const char* what) {
    std::printf("hostile: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

std::uint64_t number_in(const char* path) {
    std::ifstream file(path);
    std::string text;
    file >> text;
    return std::strtoull(text.c_str(), nullptr, 0);
}

// A word at a time: what the C library does with vectors costs an emulated processor many times as much.
bool differs(const std::byte* one, const std::byte* two) {
    const auto* a = reinterpret_cast<const std::uint64_t*>(one);
    const auto* b = reinterpret_cast<const std::uint64_t*>(two);
    for (std::size_t i = 0; i < DAXFS_BLOCK_SIZE / sizeof(std::uint64_t); i += 4) {
        if (((a[i] ^ b[i]) | (a[i + 1] ^ b[i + 1]) | (a[i + 2] ^ b[i + 2]) | (a[i + 3] ^ b[i + 3])) != 0)
            return true;
    }
    return false;
}

}  // namespace

PmemDevice::PmemDevice(const Base& base) : base_(base), in_place_(access("/dev/mem", F_OK) == 0) {
    const std::uint64_t address = number_in("/sys/block/pmem0/device/resource");
    const std::uint64_t size = number_in("/sys/block/pmem0/size") * 512;
    if (address == 0 || size < base.bytes().size())
        give_up("/dev/pmem0 is too small");
    void* place = MAP_FAILED;
    if (in_place_) {
        const int memory = open("/dev/mem", O_RDWR | O_CLOEXEC);
        if (memory >= 0)
            place = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, static_cast<off_t>(address));
        close(memory);
    } else {
        place = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    if (place == MAP_FAILED)
        give_up("/dev/mem");
    madvise(place, size, MADV_DONTFORK);
    bytes_ = {static_cast<std::byte*>(place), size};
}

void PmemDevice::lay_out(const Mutant& mutant) {
    const int device = in_place_ ? -1 : open("/dev/pmem0", O_RDWR | O_DIRECT | O_CLOEXEC);
    if (!in_place_ && (device < 0 || !read_device(device)))
        give_up("/dev/pmem0");
    for (BlockNo block; block.value < base_.bytes().size() / DAXFS_BLOCK_SIZE; ++block) {
        const std::uint64_t offset = block.value * DAXFS_BLOCK_SIZE;
        std::byte* place = bytes_.data() + offset;
        const std::byte* wanted = mutant.look(block);
        if (!differs(place, wanted))
            continue;
        std::memcpy(place, wanted, DAXFS_BLOCK_SIZE);
        if (!in_place_ && pwrite(device, place, DAXFS_BLOCK_SIZE, static_cast<off_t>(offset)) != DAXFS_BLOCK_SIZE)
            give_up("/dev/pmem0");
    }
    if (device >= 0)
        close(device);
}

bool PmemDevice::read_device(int device) {
    constexpr std::size_t kPiece = 1u << 20;
    for (std::size_t at = 0; at < bytes_.size(); at += kPiece) {
        const std::size_t size = std::min(kPiece, bytes_.size() - at);
        if (pread(device, bytes_.data() + at, size, static_cast<off_t>(at)) != static_cast<ssize_t>(size))
            return false;
    }
    return true;
}

}  // namespace daxfs::hostile

// SPDX-License-Identifier: GPL-2.0-or-later
// Devices that are larger than the part of the address space that they get.
#include "lib/image/device_map.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <string>
#include <utility>

namespace daxfs {
namespace {

constexpr std::uint64_t kWindow = DeviceMap::kWindowBytes;
constexpr std::uint64_t kWindowBlocks = kWindow / DAXFS_BLOCK_SIZE;
constexpr std::uint64_t kMostBlocks = (std::uint64_t{512} << 50) / DAXFS_BLOCK_SIZE;

// Files as large as the largest device take a filesystem in memory.
class MappedFile : public testing::Test {
  protected:
    ~MappedFile() override {
        if (fd_ >= 0)
            close(fd_);
    }

    void make(std::uint64_t bytes) {
        fd_ = memfd_create("device", 0);
        ASSERT_GE(fd_, 0);
        ASSERT_EQ(ftruncate(fd_, static_cast<off_t>(bytes)), 0);
    }
    void put(BlockNo block, char value) {
        ASSERT_EQ(pwrite(fd_, &value, 1, static_cast<off_t>(block.value * DAXFS_BLOCK_SIZE)), 1);
    }
    void map(std::uint64_t arena_bytes = DeviceMap::kArenaBytes, const BadBlocks& bad = {}) {
        auto device = Device::open("/proc/self/fd/" + std::to_string(fd_), DeviceAccess::kRead);
        ASSERT_TRUE(device) << device.error().message;
        device_.emplace(std::move(*device));
        map_ = std::make_unique<DeviceMap>(*device_, bad, arena_bytes);
    }
    // The first byte of `block`; empty: unreadable.
    std::optional<char> first(BlockNo block) {
        const std::byte* bytes = map_->block(block);
        return bytes == nullptr ? std::nullopt : std::optional(static_cast<char>(*bytes));
    }

    int fd_ = -1;
    std::optional<Device> device_;
    std::unique_ptr<DeviceMap> map_;
};

TEST_F(MappedFile, OfTheLargestSizeIsReadFromEndToEnd) {
    const BlockNo last{kMostBlocks - 1};
    make(kMostBlocks * DAXFS_BLOCK_SIZE);
    put(BlockNo{0}, 'a');
    put(BlockNo{kMostBlocks / 2}, 'b');
    put(last, 'c');
    map();
    EXPECT_EQ(first(BlockNo{0}), 'a');
    EXPECT_EQ(first(last), 'c');
    EXPECT_EQ(first(BlockNo{kMostBlocks / 2}), 'b');
    EXPECT_EQ(first(BlockNo{1}), '\0');
}

TEST_F(MappedFile, BehindMoreWindowsThanFitIsCopied) {
    make(5 * kWindow + 3 * DAXFS_BLOCK_SIZE);
    for (std::uint64_t window = 0; window < 6; ++window)
        put(BlockNo{window * kWindowBlocks + 2}, static_cast<char>('a' + window));
    map(2 * kWindow);
    const std::byte* pointers[6];
    for (std::uint64_t window = 0; window < 6; ++window)
        pointers[window] = map_->block(BlockNo{window * kWindowBlocks + 2});
    for (std::uint64_t window = 0; window < 6; ++window) {
        EXPECT_EQ(map_->block(BlockNo{window * kWindowBlocks + 2}), pointers[window]) << window;
        EXPECT_EQ(static_cast<char>(*pointers[window]), 'a' + static_cast<char>(window));
    }
}

TEST_F(MappedFile, IsCopiedWhereNoWindowFits) {
    make(2 * kWindow);
    put(BlockNo{7}, 'a');
    map(kWindow - 1);
    EXPECT_EQ(first(BlockNo{7}), 'a');
    EXPECT_EQ(first(BlockNo{8}), '\0');
}

TEST_F(MappedFile, WhatIsWrittenShowsInCopiesToo) {
    make(3 * kWindow);
    map(kWindow);
    const BlockNo blocks[] = {BlockNo{1}, BlockNo{kWindowBlocks + 1}, BlockNo{2 * kWindowBlocks + 1}};
    for (const BlockNo block : blocks)
        EXPECT_EQ(first(block), '\0');
    std::byte bytes[DAXFS_BLOCK_SIZE] = {std::byte{'x'}};
    for (const BlockNo block : blocks) {
        put(block, 'x');
        map_->written(block, bytes);
        EXPECT_EQ(first(block), 'x');
    }
}

TEST_F(MappedFile, WhatAnotherCutOffIsUnreadableMappedOrCopied) {
    make(3 * kWindow);
    map(kWindow);
    EXPECT_EQ(first(BlockNo{1}), '\0');
    ASSERT_EQ(ftruncate(fd_, DAXFS_BLOCK_SIZE), 0);
    EXPECT_EQ(first(BlockNo{2}), std::nullopt);
    EXPECT_EQ(first(BlockNo{kWindowBlocks + 1}), std::nullopt);
    EXPECT_EQ(first(BlockNo{0}), '\0');
}

// Block 1 has one bad sector of eight, block 2 nothing else, and block 3 none.
TEST_F(MappedFile, OfABlockWithABadSectorTheOthersRemain) {
    for (const std::uint64_t arena : {2 * kWindow, std::uint64_t{0}}) {
        make(kWindow);
        for (std::uint64_t sector = 0; sector < 32; ++sector) {
            const char value = static_cast<char>('a' + sector);
            ASSERT_EQ(pwrite(fd_, &value, 1, static_cast<off_t>(sector * BadBlocks::kSectorBytes)), 1);
        }
        map(arena, BadBlocks({{ByteOffset{13 * 512}, 512}, {ByteOffset{8192}, 4096}}));
        EXPECT_EQ(first(BlockNo{0}), 'a');
        EXPECT_EQ(map_->remains(BlockNo{0}), nullptr);
        EXPECT_EQ(first(BlockNo{1}), std::nullopt);
        const std::byte* remains = map_->remains(BlockNo{1});
        ASSERT_NE(remains, nullptr);
        for (std::uint64_t sector = 0; sector < 8; ++sector)
            EXPECT_EQ(static_cast<char>(remains[sector * 512]), sector == 5 ? '\0' : static_cast<char>('i' + sector));
        EXPECT_EQ(first(BlockNo{2}), std::nullopt);
        EXPECT_EQ(map_->remains(BlockNo{2}), nullptr);
        EXPECT_EQ(first(BlockNo{3}), 'y');
        ASSERT_EQ(map_->torn().size(), 1u);
        EXPECT_EQ(map_->torn().front(), std::pair(BlockNo{1}, std::uint32_t{512}));

        const std::byte bytes[DAXFS_BLOCK_SIZE] = {std::byte{'x'}};
        for (const BlockNo block : {BlockNo{1}, BlockNo{2}}) {
            put(block, 'x');
            map_->written(block, bytes);
            EXPECT_EQ(first(block), 'x');
        }
        EXPECT_TRUE(map_->torn().empty());
        map_.reset();
        close(std::exchange(fd_, -1));
    }
}

}  // namespace
}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/image/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "lib/image/device.h"

namespace daxfs {
namespace {

// A sparse file in the test's own folder.
class ScratchFile {
  public:
    explicit ScratchFile(std::uint64_t size_bytes) {
        path_ = testing::TempDir() + "image_test_" + std::to_string(getpid()) + '_' + std::to_string(++count_);
        std::ofstream(path_).put('\0');
        std::filesystem::resize_file(path_, size_bytes);
    }
    ~ScratchFile() { std::filesystem::remove(path_); }
    const std::string& path() const { return path_; }

    void put(std::uint64_t offset, char value) {
        std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(offset)).put(value);
    }
    char get(std::uint64_t offset) {
        std::ifstream file(path_, std::ios::binary);
        file.seekg(static_cast<std::streamoff>(offset));
        return static_cast<char>(file.get());
    }

  private:
    static inline int count_ = 0;
    std::string path_;
};

std::string error_of(const std::string& path, Access access = Access::kRead) {
    const auto image = Image::open(path, access);
    return image ? "" : image.error().message;
}

TEST(Image, ReadsBlocksAndNothingBehindTheEnd) {
    ScratchFile file(3 * 4096 + 100);
    file.put(2 * 4096 + 5, 'x');
    const Image image = Image::open(file.path(), Access::kRead).value();
    EXPECT_EQ(image.block_count(), 3u);
    EXPECT_EQ(image.size_bytes(), 3u * 4096 + 100);
    EXPECT_FALSE(image.is_block_device());
    EXPECT_EQ(static_cast<char>(image.try_block(BlockNo{2})[5]), 'x');
    EXPECT_EQ(image.try_block(BlockNo{3}), nullptr);
    EXPECT_EQ(image.try_block(BlockNo{~std::uint64_t{0}}), nullptr);
}

TEST(Image, AStructureThatWouldCrossTheBlocksEndIsNotThere) {
    const std::vector<std::byte> bytes(4096);
    const Image image = Image::from_bytes(bytes);
    EXPECT_NE(image.at<daxfs_super>(BlockNo{0}, 4096 - 512), nullptr);
    EXPECT_EQ(image.at<daxfs_super>(BlockNo{0}, 4096 - 511), nullptr);
    EXPECT_EQ(image.at<daxfs_super>(BlockNo{0}, ~std::size_t{0}), nullptr);
    EXPECT_EQ(image.at<daxfs_super>(BlockNo{1}), nullptr);
}

// First byte on the device, and how many.
std::vector<std::pair<std::uint64_t, std::size_t>> edits_of(const Image& image) {
    std::vector<std::pair<std::uint64_t, std::size_t>> edits;
    EXPECT_TRUE(image.for_each_edit([&](const Edit& edit) -> Result<void> {
        EXPECT_EQ(edit.before.size(), edit.after.size());
        EXPECT_NE(std::memcmp(edit.before.data(), edit.after.data(), edit.after.size()), 0);
        edits.emplace_back(edit.offset.value, edit.after.size());
        return {};
    }));
    return edits;
}

TEST(Image, EditsAreLinesThatDifferFromTheDevice) {
    const std::vector<std::byte> bytes(4 * 4096);
    Image image = Image::from_bytes(bytes);
    EXPECT_TRUE(edits_of(image).empty());
    std::byte* second = image.stage(BlockNo{2});
    EXPECT_TRUE(edits_of(image).empty());
    EXPECT_TRUE(image.edited_blocks().empty());
    second[0] = second[130] = second[191] = second[192] = second[4095] = std::byte{1};
    std::fill_n(image.stage(BlockNo{1}), 4096, std::byte{7});
    using testing::ElementsAre;
    using testing::Pair;
    EXPECT_THAT(edits_of(image),
                ElementsAre(Pair(4096, 4096), Pair(8192, 64), Pair(8192 + 128, 128), Pair(12288 - 64, 64)));
    EXPECT_THAT(image.edited_blocks(), ElementsAre(BlockNo{1}, BlockNo{2}));
    EXPECT_EQ(image.device_block(BlockNo{2})[0], std::byte{0});
    ASSERT_TRUE(image.write_staged());
    EXPECT_TRUE(edits_of(image).empty());
}

TEST(Image, AnUnreadableBlockIsAnEditAsAWhole) {
    ScratchFile file(8 * 4096);
    Image image = Image::open(file.path(), Access::kWrite).value();
    std::filesystem::resize_file(file.path(), 4 * 4096);
    ASSERT_EQ(image.device_block(BlockNo{5}), nullptr);
    ASSERT_NE(image.stage(BlockNo{5}), nullptr);
    std::size_t edits = 0;
    ASSERT_TRUE(image.for_each_edit([&](const Edit& edit) -> Result<void> {
        ++edits;
        EXPECT_EQ(edit.offset.value, 5u * 4096);
        EXPECT_TRUE(edit.before.empty());
        EXPECT_EQ(edit.after.size(), 4096u);
        return {};
    }));
    EXPECT_EQ(edits, 1u);
}

TEST(Image, ABlockIsWrittenPastWhatIsStaged) {
    const std::vector<std::byte> bytes(4 * 4096);
    Image image = Image::from_bytes(bytes);
    image.stage(BlockNo{1})[0] = std::byte{1};
    alignas(64) std::array<std::byte, 4096> block{};
    block[0] = std::byte{2};
    ASSERT_TRUE(image.write_block(BlockNo{1}, block));
    EXPECT_EQ(image.device_block(BlockNo{1})[0], std::byte{2});
    EXPECT_EQ(image.try_block(BlockNo{1})[0], std::byte{1});
    EXPECT_TRUE(image.has_staged());
    ASSERT_TRUE(image.write_block(BlockNo{1}, BlockBytes{image.try_block(BlockNo{1}), 4096}));
    EXPECT_FALSE(image.has_staged());
    ASSERT_TRUE(image.write_block(BlockNo{1}, block));
    EXPECT_EQ(image.try_block(BlockNo{1})[0], std::byte{2});
    EXPECT_FALSE(image.write_block(BlockNo{4}, block));
    image.stage(BlockNo{2})[0] = std::byte{3};
    image.forget_staged();
    EXPECT_FALSE(image.has_staged());
    EXPECT_EQ(image.try_block(BlockNo{2})[0], std::byte{0});
}

TEST(Image, AStoreThatTheHookRefusesDoesNotHappen) {
    const std::vector<std::byte> bytes(4 * 4096);
    Image image = Image::from_bytes(bytes);
    for (const std::uint64_t block : {1u, 2u})
        image.stage(BlockNo{block})[0] = std::byte{1};
    std::vector<std::optional<BlockNo>> seen;
    image.before_stores([&](const Store& store) -> Result<void> {
        seen.push_back(store.block);
        return seen.size() == 2 ? fail("no power") : Result<void>{};
    });
    EXPECT_EQ(image.write_staged().error().message, "no power");
    EXPECT_EQ(image.device_block(BlockNo{1})[0], std::byte{1});
    EXPECT_EQ(image.device_block(BlockNo{2})[0], std::byte{0});
    EXPECT_TRUE(image.write_staged());
    EXPECT_THAT(seen, testing::ElementsAre(BlockNo{1}, BlockNo{2}, BlockNo{2}, std::nullopt));
}

TEST(Image, WhatCannotBeOneIsNamed) {
    EXPECT_THAT(error_of("/nowhere"), testing::StartsWith("/nowhere: No such file"));
    EXPECT_THAT(error_of("/"), testing::HasSubstr("is a directory"));
    EXPECT_THAT(error_of("/dev/null"), testing::HasSubstr("is a character device"));
    ScratchFile empty(0);
    EXPECT_EQ(error_of(empty.path()), empty.path() + ": is empty");
    const std::string fifo = testing::TempDir() + "image_test_fifo";
    ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_THAT(error_of(fifo), testing::HasSubstr("is not a block device"));
    unlink(fifo.c_str());
}

TEST(Image, AFileIsWrittenByOneAtATime) {
    ScratchFile file(8192);
    const Image first = Image::open(file.path(), Access::kWrite).value();
    EXPECT_THAT(error_of(file.path(), Access::kWrite), testing::HasSubstr("in use by another program"));
    EXPECT_EQ(error_of(file.path(), Access::kRead), "");
}

TEST(Image, StagedBlocksAreSeenAtOnceAndWrittenLater) {
    ScratchFile file(4 * 4096);
    file.put(4096 + 1, 'b');
    Image image = Image::open(file.path(), Access::kWrite).value();
    std::byte* staged = image.stage(BlockNo{1});
    EXPECT_EQ(static_cast<char>(staged[1]), 'b');
    staged[0] = std::byte{'a'};
    EXPECT_EQ(static_cast<char>(image.try_block(BlockNo{1})[0]), 'a');
    EXPECT_EQ(file.get(4096), '\0');
    EXPECT_TRUE(image.has_staged());
    const std::byte* seen = image.try_block(BlockNo{1});
    ASSERT_TRUE(image.write_staged());
    EXPECT_FALSE(image.has_staged());
    EXPECT_EQ(file.get(4096), 'a');
    EXPECT_EQ(file.get(4097), 'b');
    EXPECT_EQ(static_cast<char>(seen[0]), 'a');
    EXPECT_EQ(image.stage(BlockNo{4}), nullptr);
}

TEST(Image, OneOpenedForReadingIsNeverWritten) {
    ScratchFile file(8192);
    Image image = Image::open(file.path(), Access::kRead).value();
    image.stage(BlockNo{0})[0] = std::byte{'x'};
    const auto written = image.write_staged();
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().message, file.path() + ": opened for reading only");
    EXPECT_EQ(file.get(0), '\0');
}

TEST(Image, AFileTruncatedUnderneathIsUnreadableAndDoesNotKill) {
    ScratchFile file(64 * 4096);
    file.put(40 * 4096, 'x');
    Image image = Image::open(file.path(), Access::kRead).value();
    const std::byte* held = image.try_block(BlockNo{40});
    ASSERT_NE(held, nullptr);
    std::filesystem::resize_file(file.path(), 8 * 4096);
    EXPECT_NE(image.try_block(BlockNo{7}), nullptr);
    EXPECT_EQ(image.try_block(BlockNo{41}), nullptr);
    // A pointer from before reads as zeros, and from then on the block is known as unreadable.
    const std::byte now = *static_cast<const volatile std::byte*>(held);
    EXPECT_EQ(now, std::byte{0});
    EXPECT_EQ(image.try_block(BlockNo{40}), nullptr);
    EXPECT_NE(image.stage(BlockNo{41}), nullptr);
}

TEST(Image, ManyThreadsMeetTheSameUnreadableBlocks) {
    ScratchFile file(512 * 4096);
    const Image image = Image::open(file.path(), Access::kRead).value();
    std::filesystem::resize_file(file.path(), 4096);
    std::atomic<int> unreadable{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (std::uint64_t block = 1; block < 512; ++block)
                unreadable += image.try_block(BlockNo{block}) == nullptr;
        });
    threads.clear();
    EXPECT_EQ(unreadable, 4 * 511);
}

std::uint64_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t all = 0, resident = 0;
    statm >> all >> resident;
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

TEST(Image, AScanOfABigFileKeepsMemorySmall) {
    constexpr std::uint64_t kBlocks = 65536;  // 256 MiB
    ScratchFile file(kBlocks * 4096);
    const Image image = Image::open(file.path(), Access::kRead).value();
    const std::uint64_t before = resident_bytes();
    std::uint64_t most = 0;
    for (std::uint64_t block = 0; block < kBlocks; ++block) {
        ASSERT_NE(image.try_block(BlockNo{block}), nullptr);
        if (block % 4096 == 0)
            most = std::max(most, resident_bytes());
    }
    // 64 MiB of windows; AddressSanitizer's shadow of the mapping takes 32 MiB more.
    EXPECT_LT(most - before, 112u << 20);
}

TEST(Image, InMemoryTakesStagedWritesAndAnySize) {
    std::array<std::byte, DAXFS_BLOCK_SIZE> block{};
    block[7] = std::byte{7};
    const BlockNo far{(std::uint64_t{1} << 40) / DAXFS_BLOCK_SIZE - 1};
    Image image = Image::from_blocks(std::uint64_t{1} << 40, {{far, block.data()}});
    EXPECT_EQ(image.try_block(far)[7], std::byte{7});
    EXPECT_EQ(image.try_block(far - 1)[7], std::byte{0});
    image.stage(BlockNo{1})[0] = std::byte{1};
    EXPECT_TRUE(image.write_staged());
    EXPECT_EQ(image.try_block(BlockNo{1})[0], std::byte{1});
    EXPECT_EQ(Image::from_bytes({}).block_count(), 0u);
}

TEST(Device, ReadsAndWritesExactlyAndSaysWhereItFails) {
    ScratchFile file(8192);
    Device device = Device::open(file.path(), DeviceAccess::kWrite).value();
    const std::array<std::byte, 3> abc = {std::byte{'a'}, std::byte{'b'}, std::byte{'c'}};
    ASSERT_TRUE(device.write(8189, abc));
    std::array<std::byte, 3> back{};
    ASSERT_TRUE(device.read(8189, back));
    EXPECT_EQ(back, abc);
    const auto behind = device.read(8190, back);
    ASSERT_FALSE(behind);
    EXPECT_EQ(behind.error().message, file.path() + ": ends before byte 8193");
    const auto huge = device.resize(~std::uint64_t{0});
    ASSERT_FALSE(huge);
    EXPECT_THAT(huge.error().message, testing::HasSubstr("too large"));
}

}  // namespace
}  // namespace daxfs

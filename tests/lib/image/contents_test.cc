// SPDX-License-Identifier: GPL-2.0-or-later
// What is left of an older daxfs is found and removed, wherever fsck.daxfs would find it.
#include "lib/image/contents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "lib/format/checksum.h"
#include "lib/format/geometry.h"

namespace daxfs {
namespace {

constexpr std::uint32_t kGroups = 72;
constexpr std::uint64_t kGroupBlocks = std::uint64_t{1} << DAXFS_MIN_AG_BLOCKS_LOG2;

// Of 72 groups of 16 MiB, as a copy made when group 1 was initialised has it.
daxfs_super older() {
    daxfs_super super{};
    super.magic = DAXFS_SUPER_MAGIC;
    super.version = DAXFS_VERSION_1;
    super.nonce = 0x1234;
    super.block_count = kGroups * kGroupBlocks;
    super.journal_block = 7;
    super.journal_count = 1;
    super.journal_blocks = DAXFS_MIN_JOURNAL_BLOCKS;
    super.root_ino = (7 + DAXFS_MIN_JOURNAL_BLOCKS) * DAXFS_INODES_PER_BLOCK;
    super.ag_count = kGroups;
    super.initialised_ags = 2;
    super.ag_blocks_log2 = DAXFS_MIN_AG_BLOCKS_LOG2;
    super.block_log2 = DAXFS_BLOCK_SHIFT;
    super.inode_log2 = DAXFS_INODE_SHIFT;
    super.crc = checksum(ChecksumSeed::of(super.nonce), super);
    return super;
}

class OldCopies : public testing::Test {
  protected:
    OldCopies() {
        std::ofstream(path_).put('\0');
        std::filesystem::resize_file(path_, kGroups * kGroupBlocks * DAXFS_BLOCK_SIZE);
    }
    ~OldCopies() override { std::filesystem::remove(path_); }

    void put(std::uint64_t group) {
        const daxfs_super super = older();
        std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary)
            .seekp(static_cast<std::streamoff>(group * kGroupBlocks * DAXFS_BLOCK_SIZE))
            .write(reinterpret_cast<const char*>(&super), sizeof(super));
    }
    bool is_there(std::uint64_t group) {
        daxfs_le64 magic;
        std::ifstream(path_, std::ios::binary)
            .seekg(static_cast<std::streamoff>(group * kGroupBlocks * DAXFS_BLOCK_SIZE))
            .read(reinterpret_cast<char*>(&magic), sizeof(magic));
        return magic == DAXFS_SUPER_MAGIC;
    }
    std::vector<std::string> wipe() {
        auto device = Device::open(path_, DeviceAccess::kWrite);
        EXPECT_TRUE(device);
        const auto contents = inspect_contents(*device);
        EXPECT_TRUE(contents);
        EXPECT_TRUE(wipe_contents(*device, *contents));
        return contents->found;
    }

  private:
    std::string path_ = testing::TempDir() + "contents_test_" + std::to_string(getpid());
};

// Group 71 is none of those that are looked at whatever the size of groups.
TEST_F(OldCopies, OfGroupsThatTheFoundOneDoesNotCountAreRemoved) {
    for (const std::uint64_t group : {1, 2, 3, 71})
        put(group);
    EXPECT_THAT(wipe(), testing::ElementsAre("daxfs filesystem with a damaged superblock"));
    for (const std::uint64_t group : {1, 2, 3, 71})
        EXPECT_FALSE(is_there(group)) << group;
}

TEST_F(OldCopies, AreFoundWhereNothingElseIsLeft) {
    put(5);
    EXPECT_THAT(wipe(), testing::ElementsAre("daxfs filesystem with a damaged superblock"));
    EXPECT_FALSE(is_there(5));
}

TEST_F(OldCopies, AreNotFoundOnAnEmptyDevice) {
    EXPECT_THAT(wipe(), testing::IsEmpty());
}

}  // namespace
}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Memory that has failed under a filesystem: what a check calls it, and what a repair brings back.
#include "lib/image/bad_blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "lib/check/check.h"
#include "tests/images/rich_image.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kSector = BadBlocks::kSectorBytes;

// A device whose sectors fail. Writing a block brings it back, as pmem's driver does it: each check says anew what is
// bad.
class FailedMemory : public testing::Test {
  protected:
    FailedMemory() : fd_(memfd_create("device", 0)) {
        EXPECT_EQ(ftruncate(fd_, static_cast<off_t>(rich_.size_bytes)), 0);
        fill();
    }
    ~FailedMemory() override { close(fd_); }

    void fill() {
        for (const auto& [number, block] : rich_.blocks)
            put(number, block.bytes);
    }
    void put(BlockNo block, const std::byte* bytes) {
        ASSERT_EQ(pwrite(fd_, bytes, DAXFS_BLOCK_SIZE, at(block)), static_cast<ssize_t>(DAXFS_BLOCK_SIZE));
    }
    test::Block get(BlockNo block) {
        test::Block bytes;
        EXPECT_EQ(pread(fd_, bytes.bytes, DAXFS_BLOCK_SIZE, at(block)), static_cast<ssize_t>(DAXFS_BLOCK_SIZE));
        return bytes;
    }
    static off_t at(BlockNo block) { return static_cast<off_t>(block.value * DAXFS_BLOCK_SIZE); }

    CheckResult check(CheckMode mode, const std::vector<ByteRange>& bad) {
        Image image =
            test::must(Image::open("/proc/self/fd/" + std::to_string(fd_),
                                   mode == CheckMode::kReport ? Access::kRead : Access::kWrite, BadBlocks(bad)));
        return test::must(check_image(image, {.mode = mode}));
    }

    // Where the first block of a file's data lies.
    BlockNo data_of(InodeNo ino) const {
        const Image image = rich_.image();
        const Volume volume = test::must(open_volume(image));
        ExtentCursor extents(volume, *read_inode(volume, ino).raw);
        return extents.next()->disk_block;
    }

    const test::RichImage& rich_ = test::rich_image();
    int fd_;
};

ByteRange sector_of(BlockNo block, std::uint64_t sector, std::uint64_t count = 1) {
    return {.start = ByteOffset{block.value * DAXFS_BLOCK_SIZE + sector * kSector}, .length = count * kSector};
}

TEST_F(FailedMemory, UnderDataIsNamedByFileAndByte) {
    const BlockNo data = data_of(rich_.small_file);
    // From the second block's last sector into the third.
    const CheckResult result = check(CheckMode::kReport, {sector_of(data + 1, 7, 3)});
    ASSERT_EQ(result.report.total(), 1u);
    const Finding& finding = result.report.findings().front();
    EXPECT_EQ(finding.problem, Problem::kDataUnreadable);
    EXPECT_EQ(finding.ino, rich_.small_file);
    EXPECT_EQ(finding.path, "/small");
    EXPECT_EQ(finding.at, 2 * DAXFS_BLOCK_SIZE - kSector);
    EXPECT_EQ(finding.count, 3 * kSector);
    EXPECT_EQ(finding.found, data.value * DAXFS_BLOCK_SIZE + finding.at);
}

TEST_F(FailedMemory, UnderDataIsClearedOnRequestAndNothingAroundIt) {
    const BlockNo data = data_of(rich_.small_file);
    test::Block before;
    std::fill_n(before.bytes, DAXFS_BLOCK_SIZE, std::byte{0x5a});
    put(data, before.bytes);
    put(data + 1, before.bytes);
    const std::vector<ByteRange> bad{sector_of(data, 3)};

    const CheckResult left = check(CheckMode::kPreen, bad);
    EXPECT_EQ(left.remaining, 1u);
    EXPECT_TRUE(left.losses.empty());
    EXPECT_EQ(std::memcmp(get(data).bytes, before.bytes, DAXFS_BLOCK_SIZE), 0);

    const CheckResult cleared = check(CheckMode::kYes, bad);
    EXPECT_EQ(cleared.remaining, 0u);
    ASSERT_EQ(cleared.losses.size(), 1u);
    EXPECT_EQ(cleared.losses.front().path, "/small");
    EXPECT_EQ(cleared.losses.front().what, "what was at bytes 1536 to 2048");
    test::Block expected = before;
    std::fill_n(expected.bytes + 3 * kSector, kSector, std::byte{0});
    EXPECT_EQ(std::memcmp(get(data).bytes, expected.bytes, DAXFS_BLOCK_SIZE), 0);
    EXPECT_EQ(std::memcmp(get(data + 1).bytes, before.bytes, DAXFS_BLOCK_SIZE), 0);
    EXPECT_TRUE(check(CheckMode::kReport, {}).clean());
}

// Nobody reads them: unwritten blocks, and free ones.
TEST_F(FailedMemory, UnderNothingIsNoProblem) {
    const BlockNo written = data_of(rich_.unwritten_file);
    EXPECT_TRUE(check(CheckMode::kReport, {sector_of(test::ImageEditor().free_block(), 0, 8)}).clean());
    EXPECT_TRUE(check(CheckMode::kReport, {sector_of(written + 4, 0, 8)}).clean());
    EXPECT_FALSE(check(CheckMode::kReport, {sector_of(written + 3, 0, 8)}).clean());
}

TEST_F(FailedMemory, UnderOneInodeLeavesItsNeighbours) {
    const Image image = rich_.image();
    const Volume volume = test::must(open_volume(image));
    const BlockNo block = volume.block_of(rich_.small_file);
    const std::uint32_t offset = volume.offset_of(rich_.small_file);
    const test::Block before = get(block);
    const CheckResult repaired = check(CheckMode::kYes, {sector_of(block, offset / kSector)});
    EXPECT_EQ(repaired.remaining, 0u);
    EXPECT_GE(repaired.report.count(Problem::kBlockTorn), 1u);
    const test::Block after = get(block);
    for (std::size_t sector = 0; sector < DAXFS_BLOCK_SIZE / kSector; ++sector) {
        const bool same = std::memcmp(before.bytes + sector * kSector, after.bytes + sector * kSector,
                                      offsetof(daxfs_inode, nlink)) == 0;
        EXPECT_EQ(same, sector != offset / kSector) << sector;
    }
    EXPECT_TRUE(check(CheckMode::kReport, {}).clean());
}

// A torn bitmap is made again, without a loss.
TEST_F(FailedMemory, UnderABitmapIsPreened) {
    const BlockNo bitmap = Geometry::of(rich_.super).bitmap(AgNo{0});
    for (const std::uint64_t sectors : {1, 8}) {
        fill();
        const CheckResult repaired = check(CheckMode::kPreen, {sector_of(bitmap, 0, sectors)});
        EXPECT_EQ(repaired.remaining, 0u);
        EXPECT_TRUE(repaired.losses.empty());
        EXPECT_TRUE(check(CheckMode::kReport, {}).clean());
    }
}

TEST_F(FailedMemory, UnderAJournalThatHoldsNothingIsPreened) {
    const BlockNo body = Geometry::of(rich_.super).journal_slot(1) + 9;
    const CheckResult looked = check(CheckMode::kReport, {sector_of(body, 6, 4)});
    EXPECT_EQ(looked.report.count(Problem::kBlockTorn), 2u);
    EXPECT_EQ(check(CheckMode::kPreen, {sector_of(body, 6, 4)}).remaining, 0u);
}

// Whatever sector it is: all is repaired, and what the repair wrote is a sound filesystem without the list.
TEST_F(FailedMemory, UnderAnyMetadataIsRepaired) {
    std::vector<BlockNo> blocks;
    for (const auto& [number, block] : rich_.blocks)
        blocks.push_back(number);
    for (std::size_t i = 0; i < blocks.size() * 8; i += i < 64 ? 3 : 149) {
        for (const std::uint64_t count : {1, 8}) {
            fill();
            const ByteRange bad = sector_of(blocks[i / 8], count == 8 ? 0 : i % 8, count);
            const CheckResult repaired = check(CheckMode::kYes, {bad});
            EXPECT_EQ(repaired.repair_error, "") << bad.start.value << '+' << bad.length;
            EXPECT_EQ(repaired.remaining, 0u) << bad.start.value << '+' << bad.length;
            EXPECT_TRUE(check(CheckMode::kReport, {}).clean()) << bad.start.value << '+' << bad.length;
        }
    }
}

}  // namespace
}  // namespace daxfs

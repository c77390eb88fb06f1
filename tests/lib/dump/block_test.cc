// SPDX-License-Identifier: GPL-2.0-or-later
// Recognition by magic and the decoding of single blocks, without a filesystem around them.
#include "lib/dump/block.h"

#include <cstring>

#include <gmock/gmock.h>

#include "lib/format/checksum.h"

namespace daxfs {
namespace {

using testing::HasSubstr;

// Blocks 0 to 7 of zeros, and block 8 as the test fills it.
class OneBlock : public testing::Test {
  protected:
    template <typename S>
    S& as(std::size_t offset = 0) {
        return *reinterpret_cast<S*>(bytes_.data() + kBlock * DAXFS_BLOCK_SIZE + offset);
    }
    DecodedBlock decode() {
        image_.emplace(Image::from_bytes(bytes_));
        volume_.image = &*image_;
        return decode_block(volume_, BlockNo{kBlock});
    }
    BlockBytes block() const { return BlockBytes{bytes_.data() + kBlock * DAXFS_BLOCK_SIZE, DAXFS_BLOCK_SIZE}; }

    static constexpr std::uint64_t kBlock = 8;
    std::vector<std::byte> bytes_ = std::vector<std::byte>((kBlock + 1) * DAXFS_BLOCK_SIZE);
    Volume volume_;

  private:
    std::optional<Image> image_;
};

TEST_F(OneBlock, OfNothingIsNoStructure) {
    EXPECT_EQ(decode().kind, BlockKind::kOther);
    EXPECT_TRUE(decode().sections.empty());
    EXPECT_EQ(block_kind_name(decode().kind), "other");
}

TEST_F(OneBlock, IsKnownByItsMagic) {
    const auto kind_of = [&](std::uint32_t magic, std::size_t offset = 0) {
        bytes_.assign(bytes_.size(), std::byte{0});
        as<daxfs_le32>(offset) = magic;
        return decode().kind;
    };
    EXPECT_EQ(kind_of(DAXFS_AG_MAGIC), BlockKind::kAgHeader);
    EXPECT_EQ(kind_of(DAXFS_EXTENT_NODE_MAGIC), BlockKind::kExtentNode);
    EXPECT_EQ(kind_of(DAXFS_DIR_NODE_MAGIC), BlockKind::kDirectoryNode);
    EXPECT_EQ(kind_of(DAXFS_JOURNAL_MAGIC), BlockKind::kJournal);
    EXPECT_EQ(kind_of(DAXFS_INTENT_MAGIC), BlockKind::kIntent);
    EXPECT_EQ(kind_of(DAXFS_INODE_MAGIC, 7 * DAXFS_INODE_SIZE), BlockKind::kInodes);
    EXPECT_EQ(kind_of(DAXFS_INODE_MAGIC, 8), BlockKind::kOther);
    as<daxfs_le64>() = DAXFS_SUPER_MAGIC;
    EXPECT_EQ(decode().kind, BlockKind::kSuperblock);
}

TEST_F(OneBlock, AnExtentLeafShowsEachExtentAndJudgesTheChecksum) {
    auto& header = as<daxfs_node_header>();
    header.magic = DAXFS_EXTENT_NODE_MAGIC;
    header.owner = 99;
    header.block = kBlock;
    header.count = 2;
    as<daxfs_extent>(64).length = 3;
    header.crc = node_checksum(volume_.seed, block());
    const DecodedBlock decoded = decode();
    ASSERT_EQ(decoded.sections.size(), 2u);
    EXPECT_EQ(decoded.sections[0].json["checksum"]["ok"], true);
    EXPECT_EQ(decoded.sections[1].rows.size(), 2u);
    EXPECT_THAT(decoded.sections[1].rows[0].value, HasSubstr("length 3"));
    EXPECT_TRUE(decoded.sections[1].rows[0].wrong);  // state 0
    EXPECT_EQ(with_problems(decoded.sections[1])["problems"].size(), 2u);
}

TEST_F(OneBlock, ACountBeyondTheNodeIsCapped) {
    auto& header = as<daxfs_node_header>();
    header.magic = DAXFS_EXTENT_NODE_MAGIC;
    header.count = 65535;
    EXPECT_EQ(decode().sections[1].rows.size(), DAXFS_NODE_EXTENTS);
    header.level = 3;
    EXPECT_EQ(decode().sections[1].rows.size(), DAXFS_NODE_INDEX);
}

TEST_F(OneBlock, ADirectoryLeafIsShownUpToTheRecordThatBreaksTheTiling) {
    auto& header = as<daxfs_node_header>();
    header.magic = DAXFS_DIR_NODE_MAGIC;
    header.count = 1;
    auto& entry = as<daxfs_dirent>(64);
    entry.length = 40;
    entry.name_length = 3;
    entry.type = DAXFS_DIRENT_REG;
    entry.ino = 5;
    std::memcpy(&entry + 1, "abc", 3);
    as<daxfs_dirent>(104).length = 7;
    const DecodedBlock decoded = decode();
    const Section& records = decoded.sections[1];
    ASSERT_EQ(records.rows.size(), 1u);
    EXPECT_THAT(records.rows[0].value, HasSubstr("\"abc\" reg (1), inode 5"));
    EXPECT_EQ(records.rows[0].target, (Target{Target::To::kInode, 5}));
    ASSERT_EQ(records.problems.size(), 1u);
    EXPECT_THAT(records.problems[0], HasSubstr("tile"));
}

TEST_F(OneBlock, OutsideTheDeviceIsSaidSo) {
    decode();
    const DecodedBlock decoded = decode_block(volume_, BlockNo{~std::uint64_t{0}});
    EXPECT_EQ(decoded.bytes, nullptr);
    EXPECT_THAT(decoded.title, HasSubstr("outside the device"));
    EXPECT_EQ(json_of(decoded)["readable"], false);
}

}  // namespace
}  // namespace daxfs

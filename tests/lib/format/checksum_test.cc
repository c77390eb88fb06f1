// SPDX-License-Identifier: GPL-2.0-or-later
// Each checksum against the definition at the top of daxfs_format.h, computed here byte by byte.
#include "lib/format/checksum.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string_view>
#include <vector>

#include "lib/base/crc32c.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kNonce = 0x1122334455667788;
const ChecksumSeed kSeed = ChecksumSeed::of(kNonce);

using Bytes = std::vector<std::byte>;

std::uint32_t plain(std::uint32_t seed, const Bytes& bytes) {
    return crc32c(seed, bytes.data(), bytes.size());
}

// The object's bytes, with different values everywhere, and with 4 zeros at `crc_offset`.
template <typename T>
Bytes bytes_without_crc(T& object, std::size_t crc_offset) {
    auto* raw = reinterpret_cast<std::byte*>(&object);
    for (std::size_t i = 0; i < sizeof(T); ++i)
        raw[i] = static_cast<std::byte>(i * 7 + 1);
    Bytes bytes(raw, raw + sizeof(T));
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(crc_offset), 4, std::byte{0});
    return bytes;
}

TEST(Checksum, TheSeedIsThatOfTheNonceInLittleEndian) {
    const Bytes nonce = {std::byte{0x88}, std::byte{0x77}, std::byte{0x66}, std::byte{0x55},
                         std::byte{0x44}, std::byte{0x33}, std::byte{0x22}, std::byte{0x11}};
    EXPECT_EQ(kSeed.value, plain(~0u, nonce));
}

TEST(Checksum, OfFixedStructuresCoversThemWithTheCrcTakenAsZero) {
    daxfs_super super;
    Bytes bytes = bytes_without_crc(super, 8);
    EXPECT_EQ(checksum(kSeed, super), plain(kSeed.value, bytes));
    daxfs_ag_header header;
    bytes = bytes_without_crc(header, 4);
    EXPECT_EQ(checksum(kSeed, header), plain(kSeed.value, bytes));
    daxfs_inode inode;
    bytes = bytes_without_crc(inode, 4);
    EXPECT_EQ(checksum(kSeed, inode), plain(kSeed.value, bytes));
    daxfs_journal_header journal;
    bytes = bytes_without_crc(journal, 4);
    EXPECT_EQ(checksum(kSeed, journal), plain(kSeed.value, bytes));
    daxfs_intent intent;
    bytes = bytes_without_crc(intent, 4);
    EXPECT_EQ(checksum(intent), plain(~0u, bytes));
}

TEST(Checksum, OfAMapBlockDependsOnItsPlace) {
    const Bytes map(DAXFS_BLOCK_SIZE, std::byte{0x5a});
    const Bytes seven = {std::byte{7}, {}, {}, {}, {}, {}, {}, {}};
    EXPECT_EQ(map_checksum(kSeed, BlockNo{7}, map), plain(plain(kSeed.value, seven), map));
    EXPECT_NE(map_checksum(kSeed, BlockNo{7}, map), map_checksum(kSeed, BlockNo{8}, map));
}

// Bytes of a node whose change changes its checksum.
std::size_t covered(std::uint32_t magic, std::uint16_t level, std::uint16_t count) {
    alignas(8) std::array<std::byte, DAXFS_BLOCK_SIZE> node{};
    auto& header = *reinterpret_cast<daxfs_node_header*>(node.data());
    header.magic = magic;
    header.level = level;
    header.count = count;
    const std::uint32_t whole = node_checksum(kSeed, node);
    std::size_t end = DAXFS_BLOCK_SIZE;
    while (end > sizeof(header)) {
        node[end - 1] ^= std::byte{1};
        if (node_checksum(kSeed, node) != whole)
            break;
        node[--end] ^= std::byte{1};
    }
    return end;
}

TEST(Checksum, OfANodeCoversTheHeaderAndTheEntriesInUse) {
    EXPECT_EQ(covered(DAXFS_EXTENT_NODE_MAGIC, 0, 3), 64u + 3 * 24);
    EXPECT_EQ(covered(DAXFS_EXTENT_NODE_MAGIC, 1, 3), 64u + 3 * 16);
    EXPECT_EQ(covered(DAXFS_DIR_NODE_MAGIC, 2, 252), 4096u);
    EXPECT_EQ(covered(DAXFS_DIR_NODE_MAGIC, 0, 9), 64u);
    EXPECT_EQ(covered(DAXFS_EXTENT_NODE_MAGIC, 0, 65535), 4096u);
}

TEST(Checksum, OfADirectoryEntryCoversItsNameAndNotWhatFollows) {
    alignas(8) std::array<std::byte, 40> record{};
    auto& entry = *reinterpret_cast<daxfs_dirent*>(record.data());
    entry.name_length = 5;
    const std::uint32_t before = dirent_checksum(kSeed, record);
    record[24 + 5] = std::byte{1};
    EXPECT_EQ(dirent_checksum(kSeed, record), before);
    record[24 + 4] = std::byte{1};
    EXPECT_NE(dirent_checksum(kSeed, record), before);
}

TEST(Checksum, OfAJournalEntryDependsOnJournalAndPosition) {
    const Bytes entry(48, std::byte{3});
    const std::uint32_t crc = journal_entry_checksum(kSeed, 1, 128, entry);
    EXPECT_NE(journal_entry_checksum(kSeed, 2, 128, entry), crc);
    EXPECT_NE(journal_entry_checksum(kSeed, 1, 136, entry), crc);
    Bytes zeroed = entry;
    std::fill_n(zeroed.begin(), 4, std::byte{0});
    const Bytes placed = {std::byte{1}, {}, {}, {}, std::byte{128}, {}, {}, {}};
    EXPECT_EQ(crc, plain(plain(kSeed.value, placed), zeroed));
}

TEST(Checksum, ACommitWordHoldsSequenceAndCheck) {
    const std::uint64_t word = commit_word(kSeed, 3, 0x1234);
    EXPECT_EQ(word & 0xffffffffffff, 0x1234u);
    const Bytes bytes = {std::byte{3}, {}, {}, {}, std::byte{0x34}, std::byte{0x12}, {}, {}, {}, {}, {}, {}};
    EXPECT_EQ(word >> 48, plain(kSeed.value, bytes) & 0xffff);
    EXPECT_EQ(commit_word(kSeed, 3, (std::uint64_t{1} << 48) + 5), commit_word(kSeed, 3, 5));
}

TEST(Checksum, DirectoryKeysAreBelow2To63AboveTheDotsAndKeyed) {
    daxfs_super super{};
    super.hash_key[0] = 1;
    super.hash_key[1] = 2;
    daxfs_super other = super;
    other.hash_key[1] = 3;
    for (int i = 0; i < 1000; ++i) {
        const std::string name = std::to_string(i);
        const auto bytes = std::as_bytes(std::span(name));
        const std::uint64_t key = directory_key(super, bytes);
        EXPECT_LT(key, std::uint64_t{1} << 63);
        EXPECT_GE(key, std::uint64_t{1} << 16);
        EXPECT_EQ(key & 0xffff, 0u);
        EXPECT_NE(key, directory_key(other, bytes));
    }
}

}  // namespace
}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/make/ag_builder.h"

#include <array>
#include <bit>
#include <cstring>

#include "lib/base/endian.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kWordsPerBlock = DAXFS_BITS_PER_MAP_BLOCK / 64;

void set_range(std::vector<std::uint64_t>& map, std::uint64_t from, std::uint64_t to) {
    for (; from < to && from % 64 != 0; ++from)
        map[from / 64] |= std::uint64_t{1} << (from % 64);
    for (; from + 64 <= to; from += 64)
        map[from / 64] = ~std::uint64_t{0};
    for (; from < to; ++from)
        map[from / 64] |= std::uint64_t{1} << (from % 64);
}

std::uint32_t ones(const std::vector<std::uint64_t>& map) {
    std::uint64_t count = 0;
    for (const std::uint64_t word : map)
        count += static_cast<unsigned>(std::popcount(word));
    return static_cast<std::uint32_t>(count);
}

// Header block and maps, in one piece as they lie on the device.
class Head {
  public:
    Head(const daxfs_super& super, const Geometry& geometry, AgNo ag)
        : seed_(ChecksumSeed::of(super.nonce)), first_(geometry.ag_header(ag)) {
        bytes_.resize((geometry.map_end() - DAXFS_AG_HEADER_BLOCK) * DAXFS_BLOCK_SIZE);
    }

    daxfs_ag_header& header() { return *reinterpret_cast<daxfs_ag_header*>(bytes_.data()); }
    BlockNo first() const { return first_; }
    std::span<const std::byte> bytes() const { return bytes_; }

    // Stores `map` at `block`, and the checksums of its blocks at `crc_offset` in the header's block.
    void store_map(BlockNo block, const std::vector<std::uint64_t>& map, std::uint32_t crc_offset) {
        std::byte* to = bytes_.data() + (block - first_) * DAXFS_BLOCK_SIZE;
        for (std::size_t i = 0; i < map.size(); ++i) {
            const std::uint64_t word = byte_swap_if_big(map[i]);
            std::memcpy(to + i * sizeof(word), &word, sizeof(word));
        }
        auto* crcs = reinterpret_cast<daxfs_le32*>(bytes_.data() + crc_offset);
        for (std::size_t i = 0; i < map.size() / kWordsPerBlock; ++i, to += DAXFS_BLOCK_SIZE)
            crcs[i] = map_checksum(seed_, block + i, {to, DAXFS_BLOCK_SIZE});
    }

    void seal() { header().crc = checksum(seed_, header()); }

  private:
    ChecksumSeed seed_;
    BlockNo first_;
    std::vector<std::byte> bytes_;
};

}  // namespace

AgMaps::AgMaps(const Geometry& geometry, AgNo ag)
    : bitmap(geometry.bitmap_blocks() * kWordsPerBlock),
      inode_map(geometry.bitmap_blocks() * kWordsPerBlock),
      orphan_map(geometry.orphan_map_blocks() * kWordsPerBlock),
      ag_(ag),
      blocks_(geometry.ag_length(ag)) {
    set_range(bitmap, 0, geometry.fixed_blocks(ag));
    set_range(bitmap, blocks_, bitmap.size() * 64);
}

std::uint32_t AgMaps::free_blocks() const {
    return static_cast<std::uint32_t>(bitmap.size() * 64 - ones(bitmap));
}
std::uint32_t AgMaps::inode_blocks() const {
    return ones(inode_map);
}
std::uint32_t AgMaps::orphan_groups() const {
    return ones(orphan_map);
}

Result<void> build_ag_head(const daxfs_super& super, const AgMaps& maps, BlockSink& sink) {
    const Geometry geometry = Geometry::of(super);
    const AgNo ag = maps.ag();
    Head head(super, geometry, ag);
    head.store_map(geometry.bitmap(ag), maps.bitmap, DAXFS_AG_BITMAP_CRCS);
    head.store_map(geometry.inode_map(ag), maps.inode_map, DAXFS_AG_IMAP_CRCS);
    head.store_map(geometry.orphan_map(ag), maps.orphan_map, DAXFS_AG_ORPHAN_CRCS);
    daxfs_ag_header& header = head.header();
    header.magic = DAXFS_AG_MAGIC;
    header.block = head.first().value;
    header.nonce = super.nonce;
    header.agno = static_cast<std::uint32_t>(ag.value);
    header.blocks = static_cast<std::uint32_t>(maps.blocks());
    header.free_blocks = maps.free_blocks();
    header.inode_blocks = maps.inode_blocks();
    header.free_inodes = maps.free_inodes;
    header.orphan_groups = maps.orphan_groups();
    head.seal();
    return sink.write(head.first(), head.bytes());
}

Result<void> build_journals(const daxfs_super& super, BlockSink& sink) {
    const Geometry geometry = Geometry::of(super);
    const ChecksumSeed seed = ChecksumSeed::of(super.nonce);
    for (std::uint32_t id = 0; id < geometry.journal_count; ++id) {
        alignas(64) std::array<std::byte, DAXFS_BLOCK_SIZE> block{};
        auto& header = *reinterpret_cast<daxfs_journal_header*>(block.data());
        header.magic = DAXFS_JOURNAL_MAGIC;
        header.id = id;
        header.blocks = geometry.journal_blocks;
        header.block = geometry.journal_slot(id).value;
        header.crc = checksum(seed, header);
        auto& commit = *reinterpret_cast<daxfs_le64*>(block.data() + DAXFS_JOURNAL_COMMIT_OFFSET);
        commit = commit_word(seed, id, 0);
        DAXFS_TRY(sink.write(geometry.journal_slot(id), block));
    }
    return {};
}

}  // namespace daxfs

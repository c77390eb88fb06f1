// SPDX-License-Identifier: GPL-2.0-or-later
// The head of an allocation group, and the journals, written whole.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/result.h"
#include "lib/format/checksum.h"
#include "lib/format/geometry.h"
#include "lib/make/sink.h"

namespace daxfs {

// The three maps of one AG as words of 64 bits, bit 0 lowest, in whole map blocks.
class AgMaps {
  public:
    // Taken: the fixed structures at the start, and the bits behind the end of a short AG. Everything else is free.
    AgMaps(const Geometry& geometry, AgNo ag);

    AgNo ag() const { return ag_; }
    // Blocks of the AG that exist.
    std::uint64_t blocks() const { return blocks_; }

    bool is_used(std::uint64_t index) const { return test(bitmap, index); }
    void set_used(std::uint64_t index) { set(bitmap, index); }
    void set_free(std::uint64_t index) { bitmap[index / 64] &= ~(std::uint64_t{1} << (index % 64)); }
    void set_inode_block(std::uint64_t index) { set(inode_map, index); }
    void set_orphan_group(std::uint64_t index) { set(orphan_map, index / DAXFS_ORPHAN_BLOCKS); }

    std::uint32_t free_blocks() const;
    std::uint32_t inode_blocks() const;
    std::uint32_t orphan_groups() const;

    // Indices are blocks from the start of the AG.
    std::vector<std::uint64_t> bitmap;
    std::vector<std::uint64_t> inode_map;
    std::vector<std::uint64_t> orphan_map;
    std::uint32_t free_inodes = 0;  // inodes with mode 0 in the inode blocks

  private:
    static bool test(const std::vector<std::uint64_t>& map, std::uint64_t bit) {
        return (map[bit / 64] >> (bit % 64) & 1) != 0;
    }
    static void set(std::vector<std::uint64_t>& map, std::uint64_t bit) {
        map[bit / 64] |= std::uint64_t{1} << (bit % 64);
    }

    AgNo ag_;
    std::uint64_t blocks_;
};

// Header (with the checksums of the maps) and maps. Not the superblock copy before them.
Result<void> build_ag_head(const daxfs_super& super, const AgMaps& maps, BlockSink& sink);

// Headers and commit words of all journals, at sequence 0. What older filesystems left in the bodies does not check
// out under the new nonce.
Result<void> build_journals(const daxfs_super& super, BlockSink& sink);

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Gives blocks to a filesystem that is being built: small things fill holes from the start of the first AG on, larger
// data lies congruent to its file, so that it can be mapped with huge pages.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/result.h"
#include "lib/make/ag_builder.h"

namespace daxfs {

struct BlockRun {
    BlockNo start;
    std::uint64_t length = 0;
};

class Allocator {
  public:
    explicit Allocator(const Geometry& geometry) : geometry_(geometry) { open_ag(); }

    // Up to `most` blocks in a row, wherever there is a hole; at least one.
    Result<BlockRun> allocate_small(std::uint64_t most);
    // Up to `most` blocks in a row that start at the place in a huge page at which `file_block` lies in its own.
    Result<BlockRun> allocate_congruent(std::uint64_t file_block, std::uint64_t most);
    // One block that does not adjoin the one before.
    Result<BlockNo> allocate_apart();

    // Takes back what was allocated.
    void release(const BlockRun& run);

    // Blocks that were allocated and not released.
    std::uint64_t used_blocks() const { return used_blocks_; }
    // Whether an allocation failed.
    bool ran_out() const { return ran_out_; }

    // AGs 0 .. n-1 that were used, in order.
    std::vector<AgMaps>& ags() { return ags_; }
    AgMaps& ag_of(BlockNo block) { return ags_[geometry_.ag_of(block).value]; }
    std::uint64_t index_in_ag(BlockNo block) const { return block - geometry_.ag_start(geometry_.ag_of(block)); }

  private:
    // Where the search starts in an AG; below it nothing (that fits) is free.
    struct Hints {
        std::uint64_t small = 0;
        std::uint64_t large = 0;
        std::uint64_t page = 0;  // the same for runs that start at a huge page's start
    };
    bool open_ag();
    tl::unexpected<Error> no_space();
    BlockRun take(std::size_t ag, std::uint64_t index, std::uint64_t most);

    Geometry geometry_;
    std::vector<AgMaps> ags_;
    std::vector<Hints> hints_;
    std::uint64_t apart_from_ = 0;  // next index for allocate_apart in the last AG
    std::uint64_t used_blocks_ = 0;
    bool ran_out_ = false;
};

}  // namespace daxfs

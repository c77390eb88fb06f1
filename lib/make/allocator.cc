// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/make/allocator.h"

#include <algorithm>

namespace daxfs {

tl::unexpected<Error> Allocator::no_space() {
    ran_out_ = true;
    return fail("no space is left");
}

bool Allocator::open_ag() {
    if (ags_.size() == geometry_.ag_count)
        return false;
    const AgNo ag{ags_.size()};
    ags_.emplace_back(geometry_, ag);
    hints_.push_back(
        {.small = geometry_.fixed_blocks(ag), .large = geometry_.head_blocks(), .page = geometry_.head_blocks()});
    apart_from_ = geometry_.head_blocks();
    return true;
}

BlockRun Allocator::take(std::size_t ag, std::uint64_t index, std::uint64_t most) {
    AgMaps& maps = ags_[ag];
    const std::uint64_t end = std::min(maps.blocks(), index + most);
    std::uint64_t next = index;
    while (next < end && !maps.is_used(next))
        maps.set_used(next++);
    used_blocks_ += next - index;
    return {geometry_.ag_start(maps.ag()) + index, next - index};
}

Result<BlockRun> Allocator::allocate_small(std::uint64_t most) {
    for (std::size_t ag = 0; ag < ags_.size() || open_ag(); ++ag) {
        std::uint64_t& hint = hints_[ag].small;
        while (hint < ags_[ag].blocks() && ags_[ag].is_used(hint))
            ++hint;
        if (hint < ags_[ag].blocks())
            return take(ag, hint, most);
    }
    return no_space();
}

Result<BlockRun> Allocator::allocate_congruent(std::uint64_t file_block, std::uint64_t most) {
    const std::uint64_t phase = file_block % DAXFS_HUGE_BLOCKS;
    for (std::size_t ag = 0; ag < ags_.size() || open_ag(); ++ag) {
        std::uint64_t& hint = hints_[ag].large;
        const std::uint64_t from = phase == 0 ? std::max(hint, hints_[ag].page) : hint;
        std::uint64_t index = from - from % DAXFS_HUGE_BLOCKS + phase;
        if (index < from)
            index += DAXFS_HUGE_BLOCKS;
        while (index < ags_[ag].blocks() && ags_[ag].is_used(index))
            index += DAXFS_HUGE_BLOCKS;
        // Nearly all files start so; when all starts are taken, they are not looked at again for each file.
        if (phase == 0)
            hints_[ag].page = index;
        if (index >= ags_[ag].blocks())
            continue;
        const BlockRun run = take(ag, index, most);
        hint = index + run.length;
        return run;
    }
    // What is left is not congruent.
    return allocate_small(most);
}

void Allocator::release(const BlockRun& run) {
    AgMaps& maps = ag_of(run.start);
    Hints& hints = hints_[maps.ag().value];
    const std::uint64_t index = index_in_ag(run.start);
    for (std::uint64_t i = 0; i < run.length; ++i)
        maps.set_free(index + i);
    used_blocks_ -= run.length;
    hints.small = std::min(hints.small, index);
    if (index >= geometry_.head_blocks()) {
        hints.large = std::min(hints.large, index);
        hints.page = std::min(hints.page, index);
    }
}

Result<BlockNo> Allocator::allocate_apart() {
    for (;;) {
        const std::size_t ag = ags_.size() - 1;
        while (apart_from_ < ags_[ag].blocks() && ags_[ag].is_used(apart_from_))
            ++apart_from_;
        if (apart_from_ < ags_[ag].blocks()) {
            const BlockRun run = take(ag, apart_from_, 1);
            apart_from_ += 2;
            return run.start;
        }
        if (!open_ag())
            return no_space();
    }
}

}  // namespace daxfs

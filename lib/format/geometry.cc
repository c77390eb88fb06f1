// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/format/geometry.h"

namespace daxfs {
namespace {

// Byte offsets on the device stay below 2^63.
constexpr std::uint64_t kMaxBlocks = std::uint64_t{1} << (63 - DAXFS_BLOCK_SHIFT);

const char* check_ags(const Geometry& g, std::uint64_t device_blocks) {
    if (g.ag_blocks_log2 < DAXFS_MIN_AG_BLOCKS_LOG2 || g.ag_blocks_log2 > DAXFS_MAX_AG_BLOCKS_LOG2)
        return "the allocation group size is out of range";
    if (g.align_blocks != 0 && g.align_blocks < DAXFS_MIN_ALIGN_BLOCKS)
        return "align_blocks is out of range";
    if (g.block_count > kMaxBlocks)
        return "the block count is out of range";
    if (g.block_count <= g.align_blocks)
        return "the block count leaves no room for an allocation group";
    if (g.block_count > device_blocks)
        return "the block count exceeds the device";
    if (g.ag_count == 0 || g.ag_count > DAXFS_MAX_AGS)
        return "the number of allocation groups is out of range";
    if (div_round_up(g.block_count - g.align_blocks, g.ag_blocks()) != g.ag_count)
        return "the number of allocation groups disagrees with the block count";
    if (g.ag_length(AgNo{g.ag_count - 1}) < g.head_blocks() + DAXFS_MIN_AG_SPARE_BLOCKS)
        return "the last allocation group is too short";
    return nullptr;
}

const char* check_journals(const Geometry& g) {
    if (g.journal_count < DAXFS_MIN_JOURNALS || g.journal_count > DAXFS_MAX_JOURNALS)
        return "the number of journals is out of range";
    if (g.journal_blocks < DAXFS_MIN_JOURNAL_BLOCKS || g.journal_blocks > DAXFS_MAX_JOURNAL_BLOCKS)
        return "the journal size is out of range";
    if (g.journal_block != g.ag_start(AgNo{0}) + g.map_end())
        return "the journals are not behind the maps of the first allocation group";
    if (g.fixed_blocks(AgNo{0}) > g.ag_length(AgNo{0}))
        return "the journals do not fit the first allocation group";
    return nullptr;
}

}  // namespace

const char* check_geometry(const Geometry& geometry, std::uint64_t device_blocks) {
    if (const char* problem = check_ags(geometry, device_blocks))
        return problem;
    return check_journals(geometry);
}

std::uint32_t align_blocks_for(std::uint64_t physical_start) {
    const auto into_huge_page = static_cast<std::uint32_t>(physical_start / DAXFS_BLOCK_SIZE % DAXFS_HUGE_BLOCKS);
    if (into_huge_page == 0)
        return 0;
    const std::uint32_t blocks = DAXFS_HUGE_BLOCKS - into_huge_page;
    return blocks < DAXFS_MIN_ALIGN_BLOCKS ? blocks + DAXFS_HUGE_BLOCKS : blocks;
}

}  // namespace daxfs

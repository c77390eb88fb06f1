// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/populate/sizing.h"

#include <algorithm>

#include "lib/base/checked.h"
#include "lib/base/size.h"
#include "lib/format/geometry.h"
#include "lib/make/sink.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kRoomShare = 10;
constexpr std::uint64_t kLeastRoomBlocks = 4 * kMiB / DAXFS_BLOCK_SIZE;
// As many groups as there can be, of a size whose maps take little memory: 16 PiB.
constexpr std::uint64_t kMeasuringAgBytes = std::uint64_t{1} << 30;

std::uint64_t free_in(const Geometry& geometry, AgNo ag) {
    return geometry.ag_length(ag) - geometry.fixed_blocks(ag);
}

// What is left of `super` after it, or nothing where it did not go in.
Result<std::uint64_t> build_nowhere(const daxfs_super& super, const Fill& fill, bool& ran_out) {
    NullSink sink;
    FilesystemBuilder builder(super, sink);
    auto done = builder.begin();
    if (done)
        done = fill(builder);
    if (done)
        done = builder.finish();
    ran_out = builder.ran_out_of_space();
    if (!done)
        return tl::unexpected(std::move(done).error());
    return builder.used_blocks();
}

}  // namespace

std::uint64_t capacity_blocks(const daxfs_super& super) {
    const Geometry geometry = Geometry::of(super);
    const std::uint64_t ags = geometry.ag_count;
    std::uint64_t blocks = free_in(geometry, AgNo{0});
    if (ags > 1)
        blocks += free_in(geometry, AgNo{ags - 1});
    if (ags > 2)
        blocks += (ags - 2) * free_in(geometry, AgNo{1});
    return blocks;
}

Result<std::uint64_t> needed_blocks(const FormatOptions& format, const Fill& fill) {
    FormatOptions measuring = format;
    measuring.ag_bytes = kMeasuringAgBytes;
    measuring.device_bytes = kMeasuringAgBytes * DAXFS_MAX_AGS;
    measuring.align_blocks = 0;
    measuring.reserved_bytes = 0;
    DAXFS_TRY_ASSIGN(const daxfs_super super, plan_filesystem(measuring));
    bool ran_out = false;
    auto used = build_nowhere(super, fill, ran_out);
    if (ran_out)
        return fail("it is more than {}", format_size(measuring.device_bytes));
    return used;
}

Result<bool> fits(const daxfs_super& super, const Fill& fill) {
    bool ran_out = false;
    auto used = build_nowhere(super, fill, ran_out);
    if (!used && !ran_out)
        return tl::unexpected(std::move(used).error());
    return used.has_value();
}

Result<std::uint64_t> bytes_for(const FormatOptions& format, std::uint64_t blocks, std::uint64_t unit_bytes) {
    FormatOptions sized = format;
    sized.device_bytes = round_up(std::max(minimum_bytes(format.align_blocks), blocks * DAXFS_BLOCK_SIZE), unit_bytes);
    for (;;) {
        DAXFS_TRY_ASSIGN(const daxfs_super super, plan_filesystem(sized));
        const std::uint64_t capacity = capacity_blocks(super);
        if (capacity >= blocks)
            return sized.device_bytes;
        sized.device_bytes += round_up((blocks - capacity) * DAXFS_BLOCK_SIZE, unit_bytes);
    }
}

Result<std::uint64_t> roomy_bytes(const FormatOptions& format, std::uint64_t needed) {
    return bytes_for(format, needed + std::max(needed / kRoomShare, kLeastRoomBlocks), kMiB);
}

// Where free space is in pieces, files have more extents than they had with room for everything: then a little more.
Result<std::uint64_t> smallest_bytes(const FormatOptions& format, std::uint64_t needed, const Fill& fill) {
    for (std::uint64_t blocks = needed;; blocks += std::max<std::uint64_t>(needed / 1024, 1)) {
        FormatOptions sized = format;
        DAXFS_TRY_ASSIGN(sized.device_bytes, bytes_for(format, blocks, DAXFS_BLOCK_SIZE));
        DAXFS_TRY_ASSIGN(const daxfs_super super, plan_filesystem(sized));
        DAXFS_TRY_ASSIGN(const bool enough, fits(super, fill));
        if (enough)
            return sized.device_bytes;
    }
}

}  // namespace daxfs

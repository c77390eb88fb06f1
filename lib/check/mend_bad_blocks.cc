// SPDX-License-Identifier: GPL-2.0-or-later
// Bytes that cannot be read become zeros, once their blocks are written; the rest of these blocks stays. Of metadata,
// what that damages is for the other mends; of data it is a loss.
//
// Trusts the extents that the passes believed.
#include <algorithm>

#include "lib/check/mending.h"

namespace daxfs {
namespace {

// They are held in memory until they are written: 256 MiB. What is left, the next run finds.
constexpr std::uint64_t kMostCleared = 65536;

void clear_data(Mending& m, const Finding& finding) {
    const ByteRange bad{.start = ByteOffset{finding.found}, .length = finding.count};
    std::uint64_t at = bad.start.value;
    for (; at < bad.end() && m.memory.cleared < kMostCleared; ++m.memory.cleared) {
        m.edit<std::byte>(BlockNo{at / DAXFS_BLOCK_SIZE});
        at = std::min(bad.end(), (at / DAXFS_BLOCK_SIZE + 1) * DAXFS_BLOCK_SIZE);
    }
    if (at != bad.start.value)
        m.lose(finding.ino, fmt::format("what was at bytes {} to {}", finding.at, finding.at + (at - bad.start.value)));
}

}  // namespace

Result<void> mend_bad_blocks(Mending& m) {
    m.each({Problem::kBlockTorn}, [&](const Finding& finding) { m.edit<std::byte>(finding.block); });
    if (m.may_lose())
        m.each({Problem::kDataUnreadable}, [&](const Finding& finding) { clear_data(m, finding); });
    return {};
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Memory that has failed, as the driver lists it: sectors of 512 bytes that give an error instead of their bytes.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/strong.h"
#include "lib/image/system.h"

namespace daxfs {

struct ByteRange {
    ByteOffset start;
    std::uint64_t length = 0;

    std::uint64_t end() const { return start.value + length; }
};

class BadBlocks {
  public:
    static constexpr std::uint64_t kSectorBytes = 512;

    BadBlocks() = default;
    explicit BadBlocks(std::vector<ByteRange> ranges);  // any order; they may overlap

    // Lines as in /sys/block/DISK/badblocks: a sector, and how many. The error names the line.
    static Result<BadBlocks> parse(std::string_view text);
    // The same from a file of at most kMostText bytes. The error names file and line.
    static constexpr std::size_t kMostText = std::size_t{16} << 20;
    static Result<BadBlocks> read(const std::string& path);
    // What the driver of a block device says, of a partition only what lies inside. Of a file, and where the driver has
    // no list: none.
    static BadBlocks of(const std::string& path);
    static BadBlocks of_device(dev_t device, const SystemPaths& system);

    // Ascending, apart from each other.
    const std::vector<ByteRange>& ranges() const { return ranges_; }
    bool empty() const { return ranges_.empty(); }
    // The parts of [start, start + length) that are bad; ascending.
    std::vector<ByteRange> inside(ByteOffset start, std::uint64_t length) const;

  private:
    std::vector<ByteRange> ranges_;
};

}  // namespace daxfs

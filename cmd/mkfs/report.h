// SPDX-License-Identifier: GPL-2.0-or-later
// What mkfs.daxfs says about the filesystem that it made.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cmd/mkfs/content.h"
#include "cmd/mkfs/options.h"
#include "lib/cli/tool.h"
#include "lib/image/system.h"

namespace daxfs::mkfs {

struct Outcome {
    daxfs_super super{};
    HugePageVerdict verdict;
    std::vector<std::string> overwritten;  // what was on the device
    std::uint64_t bytes_written = 0;       // 0 in a dry run
    std::optional<Filled> filled{};        // empty: with nothing
};

void report(const Options& options, const Outcome& outcome, cli::Streams& streams);

}  // namespace daxfs::mkfs

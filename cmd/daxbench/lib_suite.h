// SPDX-License-Identifier: GPL-2.0-or-later
// Google Benchmark over the library: checksums, cursors, builders.
#pragma once

#include <string>

#include "lib/cli/tool.h"

namespace daxfs::bench {

// Runs the benchmarks whose names match `filter` (all when empty); results go to streams.out. False: the filter
// matches nothing.
bool run_lib_suite(const std::string& filter, bool json, cli::Streams& streams);

}  // namespace daxfs::bench

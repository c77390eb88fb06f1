// SPDX-License-Identifier: GPL-2.0-or-later
// Google Benchmark over the library: checksums, cursors, builders.
#pragma once

#include <string>

namespace daxfs::bench {

// Runs the benchmarks whose names match `filter` (all when empty); results go to standard output. False: the filter
// matches nothing.
bool run_lib_suite(const std::string& filter, bool json);

}  // namespace daxfs::bench

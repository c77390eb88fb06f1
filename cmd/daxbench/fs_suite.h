// SPDX-License-Identifier: GPL-2.0-or-later
// The filesystem operations whose cost is compared. Each sample is a batch on fresh files, so that its figure does not
// depend on what ran before.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cmd/daxbench/result.h"

namespace daxfs::bench {

// Names in the order in which they run and are reported.
std::vector<std::string> operation_names();

// Runs the operations named in `only` (all when empty), `samples` batches each, in a directory of its own below
// `directory`, which is removed afterwards. `note` is told each operation before it runs. An operation that the
// filesystem refuses gives a Row with an error; only an unusable directory fails the call.
Result<Target> measure(const std::string& directory, const std::vector<std::string>& only, unsigned samples,
                       const std::function<void(const std::string&)>& note);

}  // namespace daxfs::bench

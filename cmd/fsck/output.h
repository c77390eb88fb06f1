// SPDX-License-Identifier: GPL-2.0-or-later
// What fsck.daxfs prints: findings and summary as text or JSON, explanations of problems, progress.
#pragma once

#include <string>

#include "lib/check/check.h"
#include "lib/cli/tool.h"

namespace daxfs::fsck {

void print_text(cli::Streams& streams, const std::string& path, const CheckResult& result, CheckMode mode,
                bool verbose);
// `exit_code` is part of it.
void print_json(cli::Streams& streams, const std::string& path, const CheckResult& result, CheckMode mode,
                int exit_code);
// False: there is no such problem.
bool print_explanation(cli::Streams& streams, unsigned id, bool json);

// A line of "pass done of" to `fd`; with 0 a bar on streams.err, where that is a terminal.
CheckProgress progress_to(int fd, cli::Streams& streams);

}  // namespace daxfs::fsck

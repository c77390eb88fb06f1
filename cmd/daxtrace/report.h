// SPDX-License-Identifier: GPL-2.0-or-later
// A Summary as text for a person and as JSON for a program: pure functions.
#pragma once

#include <string>

#include "cmd/daxtrace/summary.h"

namespace daxfs::trace {

[[nodiscard]] std::string text_report(const Summary& summary, bool color);

// Schema "daxfs.daxtrace.summary", version 1, described in daxtrace(8). Ends with a newline.
[[nodiscard]] std::string json_report(const Summary& summary);

}  // namespace daxfs::trace

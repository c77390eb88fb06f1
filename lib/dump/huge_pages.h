// SPDX-License-Identifier: GPL-2.0-or-later
// Whether files can be mapped with huge pages, for a program.
#pragma once

#include "lib/dump/section.h"
#include "lib/image/system.h"

namespace daxfs {

// {"answer": "yes", "reason": ...}, and "command" and "physical_start" where they are known.
Json json_of(const HugePageVerdict& verdict);

}  // namespace daxfs

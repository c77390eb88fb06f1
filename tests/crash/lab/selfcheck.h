// SPDX-License-Identifier: GPL-2.0-or-later
// Holds the recorder and the model of the cache to what guest/selfcheck.cc says of each instruction form.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/crash/lab/trace.h"

namespace daxfs::crash {

struct SelfCheck {
    std::uint64_t forms = 0;
    std::vector<std::string> wrong;  // what was said of a form and is not so
};

Result<SelfCheck> selfcheck(const Trace& trace);

}  // namespace daxfs::crash

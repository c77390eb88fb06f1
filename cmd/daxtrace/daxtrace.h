// SPDX-License-Identifier: GPL-2.0-or-later
// daxtrace: what DAX does on a live kernel, in numbers.
#pragma once

#include "lib/cli/tool.h"

namespace daxfs::trace {

// A command's own status is passed through; 126 and 127 as a shell uses them.
enum ExitCode {
    kExitOk = 0,
    kExitUsage = 2,
    kExitPermission = 3,
    kExitKernel = 4,   // no BTF, or nothing that can be attached
    kExitTrouble = 5,  // anything else: the report cannot be written, the counters cannot be read
    kExitCannotRun = 126,
    kExitNotFound = 127,
};

inline constexpr cli::Program kProgram{.name = "daxtrace", .trouble_exit = kExitTrouble};

int run(cli::Args args, cli::Streams& streams);

}  // namespace daxfs::trace

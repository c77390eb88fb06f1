// SPDX-License-Identifier: GPL-2.0-or-later
// daxlive: boots a stock kernel under QEMU with an image as /dev/pmem0 and runs one command in it.
#pragma once

#include "lib/cli/tool.h"

namespace daxfs::live {

// What daxlive itself has to say. Everything else is the command's own exit status.
enum ExitCode {
    kExitUsage = 120,      // bad arguments, a missing file, a guest that could not be made ready
    kExitQemu = 121,       // QEMU could not be started or ended by itself
    kExitGuestDied = 122,  // the kernel panicked or oopsed, or the machine was reset
    kExitComplaint = 123,  // the command ended, but the kernel had printed a WARNING, BUG or sanitizer report
    kExitTimeout = 124,
    kExitCut = 125,  // the power was cut, as asked
};

inline constexpr cli::Program kProgram{.name = "daxlive", .trouble_exit = kExitUsage};

int run(cli::Args args, cli::Streams& streams);

}  // namespace daxfs::live

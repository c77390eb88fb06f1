// SPDX-License-Identifier: GPL-2.0-or-later
// One life of a guest: starts QEMU, hands the job to its init, moves bytes both ways, and ends it: when the command has
// ended, when time is up, when the power is to be cut, or when the kernel died. QEMU never outlives this process.
#pragma once

#include <string>
#include <vector>

#include "cmd/daxlive/options.h"
#include "lib/base/result.h"
#include "lib/cli/tool.h"

namespace daxfs::live {

struct SessionPlan {
    const Options& options;
    std::size_t image_count;
    std::string console_file;
    std::string scratch;  // directory for QEMU's own messages
};

enum class Ending { kCommandEnded, kTimeout, kCut, kQemuEnded, kStopped, kGuestTrouble };

struct Outcome {
    Ending ending = Ending::kQemuEnded;
    int status = 0;                        // the command's, or the signal that stopped us
    bool started = false;                  // the command had started
    bool guest_died = false;               // the console says so
    std::vector<std::string> complaint;    // the kernel's first report
    std::vector<std::string> console_end;  // its last lines
    std::string message;                   // the guest's trouble, or QEMU's words
};

// `make_command` gets the descriptors that QEMU inherits and returns QEMU's command line.
struct Channels;
using MakeCommand = std::function<std::vector<std::string>(const Channels&)>;
Result<Outcome> run_session(const SessionPlan& plan, const MakeCommand& make_command, cli::Streams& streams);

}  // namespace daxfs::live

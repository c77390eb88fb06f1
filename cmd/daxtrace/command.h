// SPDX-License-Identifier: GPL-2.0-or-later
// A command that waits, already forked, until the trace is ready: nothing it does is missed, nothing before it is seen.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "lib/base/result.h"

namespace daxfs::trace {

class Command {
  public:
    static Result<Command> fork_waiting(const std::vector<std::string>& words);
    Command(Command&& other) noexcept;
    Command& operator=(Command&&) = delete;
    // A command that was never let go ends without having run.
    ~Command();

    [[nodiscard]] pid_t pid() const { return pid_; }

    // A pidfd, closed with the Command.
    [[nodiscard]] int pidfd() const { return pidfd_; }

    // Lets it go. 0, or the errno with which execvp failed.
    [[nodiscard]] int run();

    // Waits for its end. The status as a shell shows it: 128 + signal if one killed it. The terminal's interrupt and
    // quit keys are the command's own meanwhile.
    [[nodiscard]] int wait();

  private:
    Command() = default;

    pid_t pid_ = -1;
    int pidfd_ = -1;
    int go_ = -1;      // written: go
    int failed_ = -1;  // read: errno of execvp; end of file when it succeeded
};

}  // namespace daxfs::trace

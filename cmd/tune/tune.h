// SPDX-License-Identifier: GPL-2.0-or-later
// tune.daxfs: changes label, UUID and reserve of a filesystem that is not mounted.
#pragma once

#include <string>

#include "lib/cli/tool.h"

namespace daxfs::tuning {

constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;  // refused, or an error
constexpr int kExitUsage = 2;

inline constexpr cli::Program kProgram{.name = "tune.daxfs", .trouble_exit = kExitFailed, .ends_its_work = true};

// As typed; empty: not given.
struct CommandLine {
    std::string path;
    std::string label;
    std::string uuid;
    std::string reserve;
    std::string undo;
    bool no_label = false;
    bool dry_run = false;
    bool json = false;
};

void declare_options(CLI::App& app, CommandLine& line);

int tune_tool(cli::Args args, cli::Streams& streams);

}  // namespace daxfs::tuning

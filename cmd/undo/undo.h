// SPDX-License-Identifier: GPL-2.0-or-later
// daxfs-undo: puts back what a repair by fsck.daxfs changed, from the file that its --undo wrote.
#pragma once

#include <string>

#include "lib/cli/tool.h"

namespace daxfs::undo {

constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;  // refused, or an error
constexpr int kExitUsage = 2;

inline constexpr cli::Program kProgram{.name = "daxfs-undo", .trouble_exit = kExitFailed, .ends_its_work = true};

struct CommandLine {
    std::string file;
    std::string device;
    bool no = false;
    bool force = false;
    bool json = false;
};

void declare_options(CLI::App& app, CommandLine& line);

int undo_tool(cli::Args args, cli::Streams& streams);

}  // namespace daxfs::undo

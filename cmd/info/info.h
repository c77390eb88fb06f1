// SPDX-License-Identifier: GPL-2.0-or-later
// daxfs-info: one page about a filesystem, for a person with a question.
#pragma once

#include <string>

#include "lib/cli/tool.h"

namespace daxfs::info_page {

constexpr int kExitWell = 0;
constexpr int kExitToDo = 1;  // shown, and something is to be done: the page says what
constexpr int kExitUsage = 2;
constexpr int kExitTrouble = 8;  // nothing can be shown

inline constexpr cli::Program kProgram{.name = "daxfs-info", .trouble_exit = kExitTrouble};

struct CommandLine {
    std::string path;
    bool json = false;
};

void declare_options(CLI::App& app, CommandLine& line);

int info_tool(cli::Args args, cli::Streams& streams);

}  // namespace daxfs::info_page

// SPDX-License-Identifier: GPL-2.0-or-later
// fsck.daxfs: checks a filesystem on a device or in a file, and repairs it.
#pragma once

#include <optional>
#include <string>

#include "lib/cli/tool.h"

namespace daxfs::fsck {

// As e2fsck's, which fsck(8) and systemd-fsck read; added up where several hold.
constexpr int kExitClean = 0;
constexpr int kExitCorrected = 1;
constexpr int kExitUncorrected = 4;
constexpr int kExitTrouble = 8;
constexpr int kExitUsage = 16;

inline constexpr cli::Program kProgram{
    .name = "fsck.daxfs", .trouble_exit = kExitTrouble, .exits_add_up = true, .ends_its_work = true};

struct CommandLine {
    std::string path;
    bool no = false;
    bool preen = false;
    bool yes = false;
    bool force = false;
    bool json = false;
    bool verbose = false;
    std::string undo;
    std::string badblocks;
    std::optional<std::uint64_t> superblock;
    std::optional<unsigned> explain;
    std::optional<int> progress_fd;
};

void declare_options(CLI::App& app, CommandLine& line);

int fsck_tool(cli::Args args, cli::Streams& streams);

}  // namespace daxfs::fsck

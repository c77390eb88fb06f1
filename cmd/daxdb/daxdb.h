// SPDX-License-Identifier: GPL-2.0-or-later
// daxdb: looks inside a daxfs image. Read-only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/cli/tool.h"

namespace daxfs::daxdb {

// Exit codes, as daxdb(8) documents them.
inline constexpr int kOk = 0;
inline constexpr int kCommandFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kTrouble = 8;

inline constexpr cli::Program kProgram{.name = "daxdb", .trouble_exit = kTrouble};

struct Options {
    std::string image;
    std::vector<std::string> commands;
    std::string script;
    std::optional<std::uint64_t> superblock;
    bool force = false;
    bool json = false;
};

// The options of the command line, bound to `options`; also walked by the test that compares them with the man page.
void add_options(CLI::App& app, Options& options);

int run(cli::Args args, cli::Streams& streams);

}  // namespace daxfs::daxdb

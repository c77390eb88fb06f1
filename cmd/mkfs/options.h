// SPDX-License-Identifier: GPL-2.0-or-later
// The command line of mkfs.daxfs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/cli/tool.h"
#include "lib/make/plan.h"

namespace daxfs::mkfs {

// As typed.
struct CommandLine {
    std::string path;
    std::string size;
    std::string label;
    std::string uuid;
    std::string ag_size;
    std::string journal_size;
    std::string reserve;
    std::string rootdir;
    std::vector<std::string> archives;
    std::optional<std::uint32_t> journals;
    std::optional<std::uint64_t> align_blocks;
    bool shrink = false;
    bool force = false;
    bool dry_run = false;
    bool quiet = false;
    bool json = false;
};

void declare_options(CLI::App& app, CommandLine& line);

// As cli::parse().
std::optional<int> parse_options(cli::Args args, cli::Streams& streams, int usage_exit, CommandLine& line);

struct Options {
    std::string path;
    std::optional<std::uint64_t> size_bytes;
    // device_bytes and, without --align, align_blocks are still open.
    FormatOptions format;
    bool align_given = false;
    // SOURCE_DATE_EPOCH is set: everything random follows from the UUID.
    bool reproducible = false;
    // What it is filled with: one of these, or nothing.
    std::string rootdir;
    std::vector<std::string> archives;
    // The size is to be the smallest that holds that. Without it and without a size, there is some room.
    bool shrink = false;
    bool force = false;
    bool dry_run = false;
    bool quiet = false;
    bool json = false;
};

// Draws what is not given. `source_date_epoch` is the environment's; nullptr: not set.
Result<Options> read_options(const CommandLine& line, const char* source_date_epoch);

}  // namespace daxfs::mkfs

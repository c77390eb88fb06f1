// SPDX-License-Identifier: GPL-2.0-or-later
// What the user asked for, parsed and checked as far as that goes without looking at the machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/daxlive/cut.h"
#include "lib/base/result.h"
#include "lib/cli/tool.h"

namespace daxfs::live {

struct Share {
    std::string directory;
    bool read_only = false;
};

struct Options {
    std::vector<std::string> images;  // /dev/pmem0, /dev/pmem1
    std::string kernel = "6.12";      // a series below build/kernels, or a path
    std::string modules;              // directory lib/modules/RELEASE of a kernel given by path
    std::string module_file;          // daxfs.ko; empty: the one built for this kernel, if any
    std::string tools;                // directory of our tools; empty: where daxlive lies
    std::vector<std::string> host_tools;
    std::vector<std::string> initrd_directories;
    std::vector<std::string> qemu_arguments;
    std::vector<std::string> kernel_arguments;
    std::vector<Share> shares;
    std::string console;  // empty: a temporary file; "-": standard error
    std::string accelerator;
    std::optional<Cut> cut;
    std::optional<std::chrono::seconds> timeout;
    std::uint64_t memory_bytes = 0;  // 0: as much as the images need
    unsigned cpus = 1;
    bool icount = false;
    bool dry_run = false;
    std::vector<std::string> command;  // empty: a shell on this terminal

    bool interactive() const { return command.empty(); }
};

Result<Share> parse_share(std::string_view text);

// Declares the options; `raw` receives what needs more than CLI11 to be understood.
struct RawOptions {
    std::string image2, memory, cut;
    std::vector<std::string> shares;
    std::uint64_t timeout_seconds = 0;
};
void declare_options(CLI::App& app, Options& options, RawOptions& raw);

// As cli::parse().
std::optional<int> parse_options(cli::Args args, cli::Streams& streams, int usage_exit, Options& options,
                                 RawOptions& raw);

// Turns the raw texts into values and refuses what cannot go together.
Result<void> finish_options(Options& options, const RawOptions& raw);

// The words before the first "--", and the command behind it.
struct SplitArgs {
    std::vector<std::string> own;
    std::vector<std::string> command;
    bool has_separator = false;
};
SplitArgs split_args(cli::Args args);

}  // namespace daxfs::live

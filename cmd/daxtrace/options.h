// SPDX-License-Identifier: GPL-2.0-or-later
// What the user asked for, checked as far as that goes without looking at the kernel.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/cli/tool.h"

namespace daxfs::trace {

enum class Verb { kSummary, kDoctor };

struct Options {
    Verb verb = Verb::kSummary;
    std::vector<std::string> command;               // behind "--"
    std::optional<std::chrono::milliseconds> span;  // -d
    std::optional<int> pid;                         // -p
    bool all = false;
    std::string device;  // --dev as it was given
    std::string output;  // -o; empty: standard output
    bool json = false;
    bool cost = false;
    bool verbose = false;
};

// The device whose operations count: of a block device itself, of anything else the filesystem it lies in.
struct Device {
    std::string text;              // "/mnt (259:0)"
    std::uint32_t kernel_dev = 0;  // major << 20 | minor; 0: all
};
[[nodiscard]] Result<Device> resolve_device(const std::string& path);

// Texts that need more than CLI11 to be understood.
struct RawOptions {
    std::optional<double> seconds;
    std::optional<int> pid;
};

// Declares the verbs and options.
void declare_options(CLI::App& app, Options& options, RawOptions& raw);

// As cli::parse().
std::optional<int> parse_options(cli::Args args, cli::Streams& streams, int usage_exit, Options& options,
                                 RawOptions& raw);

// The values of raw texts; refuses what cannot go together. `command` is what stood behind "--".
[[nodiscard]] Result<void> finish_options(Options& options, const RawOptions& raw);

// The words before the first "--", and the command behind it.
struct SplitArgs {
    std::vector<std::string> own;
    std::vector<std::string> command;
    bool separator = false;
};
[[nodiscard]] SplitArgs split_args(cli::Args args);

}  // namespace daxfs::trace

// SPDX-License-Identifier: GPL-2.0-or-later
// daxbench: what file operations cost on mounted filesystems, what the library costs, and a report of either.
#pragma once

#include "lib/cli/tool.h"

namespace daxfs::bench {

inline constexpr int kOk = 0;
inline constexpr int kTrouble = 1;  // a directory cannot be used, a report cannot be read or written
inline constexpr int kUsage = 2;

inline constexpr cli::Program kProgram{.name = "daxbench", .trouble_exit = kTrouble};

int run(cli::Args args, cli::Streams& streams);

// The command line, for the test that holds it against the man page.
struct Options;
void describe(CLI::App& app, Options& options);

struct Options {
    struct {
        std::vector<std::string> dirs;
        std::vector<std::string> only;
        unsigned samples = 5;
        std::string output;
        bool instructions = false;
    } fs;
    struct {
        std::string filter;
        bool json = false;
    } lib;
    struct {
        std::vector<std::string> inputs;
        std::string markdown;
        std::string html;
        std::string baseline = "daxfs";
    } report;
    struct {
        std::vector<std::string> inputs;
        std::string markdown;
        std::string html;
    } profile;
};

}  // namespace daxfs::bench

// SPDX-License-Identifier: GPL-2.0-or-later
// What every tool's entry point looks like: a function from arguments and streams to an exit code, so that tests call
// it in-process; main() is one line.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>

// <CLI/CLI.hpp> alone compiles for seconds: one file of each tool includes it, which declares the options.
namespace CLI {
class App;
}

namespace daxfs::cli {

struct Streams {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
    bool color = false;     // `out` is a terminal and NO_COLOR is unset
    bool progress = false;  // `err` is a terminal
};

using Args = std::span<const std::string>;  // without the program's name
using Tool = std::function<int(Args, Streams&)>;

// Runs `tool` on the process's own arguments and streams. An exception that a library threw becomes one line on
// stderr and `trouble_exit`.
int run_main(int argc, char** argv, int trouble_exit, const Tool& tool);

// Parses `args`. Empty optional: go on. Otherwise the exit code to return: 0 after --help or --version,
// `usage_exit` after a mistake, whose message and a pointer to --help are on streams.err.
std::optional<int> parse(CLI::App& app, Args args, Streams& streams, int usage_exit);

}  // namespace daxfs::cli

// SPDX-License-Identifier: GPL-2.0-or-later
// What every tool's entry point looks like: a function from arguments and streams to an exit code, so that tests call
// it in-process; main() is one line. What all tools do alike on a command line and on a terminal is here too.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>

// <CLI/CLI.hpp> alone compiles for seconds: one file of each tool includes it, which declares the options.
namespace CLI {
class App;
}

namespace daxfs::cli {

struct Streams {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
    bool color = false;     // `out` is a terminal that takes escape sequences, and NO_COLOR is unset
    bool progress = false;  // `err` is a terminal
};

using Args = std::span<const std::string>;  // without the program's name
using Tool = std::function<int(Args, Streams&)>;

// What main() says about a tool.
struct Program {
    const char* name;
    int trouble_exit;            // a library threw, or standard output takes nothing
    bool exits_add_up = false;   // the exit code is a sum of bits, and `trouble_exit` is one of them
    bool ends_its_work = false;  // what it writes must not end halfway because a reader of its output went away
};

// Runs `tool` on the process's own arguments and streams. An exception that a library threw becomes one line on
// stderr and `trouble_exit`.
int run_main(int argc, char** argv, const Program& program, const Tool& tool);

// Whether "--json" is among them, in front of "--".
bool asks_for_json(Args args);

// One line on stderr that names the program; with `json` also a document on streams.out (schema "daxfs.error", see
// lib/cli/json.h). Returns `exit_code`.
int complain(Streams& streams, std::string_view program, bool json, int exit_code, std::string_view message);

// Parses `args`. Empty optional: go on. Otherwise the exit code to return: 0 after --help or --version,
// `usage_exit` after a mistake, which complain() said with a pointer to --help: as JSON too where `args` ask for it. A
// mistake is also a value that is an empty string: a shell makes it of an unset variable, and no option means anything
// by it.
std::optional<int> parse(CLI::App& app, Args args, Streams& streams, int usage_exit);

// What "-V" and "--version" print.
std::string version_line(std::string_view program);

// Whether a terminal of this TERM (null: unset) takes escape sequences.
bool takes_escapes(const char* term);

}  // namespace daxfs::cli

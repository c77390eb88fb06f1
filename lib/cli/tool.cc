// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/cli/tool.h"

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <vector>

#include <CLI/CLI.hpp>

namespace daxfs::cli {

int run_main(int argc, char** argv, int trouble_exit, const Tool& tool) {
    try {
        const bool no_color = std::getenv("NO_COLOR") != nullptr;
        Streams streams{std::cin, std::cout, std::cerr, isatty(STDOUT_FILENO) == 1 && !no_color,
                        isatty(STDERR_FILENO) == 1};
        const std::vector<std::string> args(argv + 1, argv + argc);
        const int code = tool(args, streams);
        std::cout.flush();
        if (!std::cout) {
            std::cerr << "error: cannot write to standard output\n";
            return trouble_exit;
        }
        return code;
    } catch (const std::exception& exception) {
        std::cerr << "error: " << exception.what() << '\n';
        return trouble_exit;
    }
}

std::optional<int> parse(CLI::App& app, Args args, Streams& streams, int usage_exit) {
    // CLI11 takes its arguments last first.
    std::vector<std::string> reversed(args.rbegin(), args.rend());
    try {
        app.parse(reversed);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error, streams.out, streams.err);
        return code == 0 ? 0 : usage_exit;
    }
    return std::nullopt;
}

}  // namespace daxfs::cli

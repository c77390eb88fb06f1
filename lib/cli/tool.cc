// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/cli/tool.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <new>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "lib/cli/json.h"
#include "lib/cli/text.h"

namespace daxfs::cli {
namespace {

int run_on_process(Args args, const Program& program, const Tool& tool) {
    const bool color =
        isatty(STDOUT_FILENO) == 1 && takes_escapes(std::getenv("TERM")) && std::getenv("NO_COLOR") == nullptr;
    Streams streams{std::cin, std::cout, std::cerr, color, isatty(STDERR_FILENO) == 1};
    const int code = tool(args, streams);
    std::cout.flush();
    if (std::cout)
        return code;
    std::cerr << program.name << ": cannot write to standard output\n";
    return program.exits_add_up ? code | program.trouble_exit : program.trouble_exit;
}

// The option or argument of `app`, or of the verbs that were given, whose value is an empty string.
const CLI::Option* empty_value(const CLI::App& app) {
    for (const CLI::Option* option : app.get_options()) {
        const auto& values = option->results();
        const bool takes_values = option->get_items_expected_max() > 0;
        if (takes_values && std::find(values.begin(), values.end(), std::string()) != values.end())
            return option;
    }
    for (const CLI::App* verb : app.get_subcommands())
        if (const CLI::Option* option = empty_value(*verb))
            return option;
    return nullptr;
}

bool takes_value(const CLI::App& app, const std::string& name) {
    const CLI::Option* option = app.get_option_no_throw(name);
    if (option != nullptr && option->get_items_expected_max() > 0)
        return true;
    const auto verbs = app.get_subcommands({});
    return std::any_of(verbs.begin(), verbs.end(), [&](const CLI::App* verb) { return takes_value(*verb, name); });
}

// The option of which "--option=" is all there is: CLI11 would take the next argument for its value.
std::optional<std::string> cut_off_value(const CLI::App& app, Args args) {
    for (const std::string& arg : args)
        if (arg.starts_with("--") && arg.find('=') == arg.size() - 1 && takes_value(app, arg.substr(0, arg.size() - 1)))
            return arg.substr(0, arg.size() - 1);
    return std::nullopt;
}

}  // namespace

int run_main(int argc, char** argv, const Program& program, const Tool& tool) {
    if (program.ends_its_work)
        std::signal(SIGPIPE, SIG_IGN);
    try {
        const std::vector<std::string> args(argv + 1, argv + argc);
        return run_on_process(args, program, tool);
    } catch (const std::bad_alloc&) {
        std::cerr << program.name << ": out of memory\n";
    } catch (const std::exception& exception) {
        std::cerr << program.name << ": a fault of this program: " << exception.what() << '\n';
    }
    return program.trouble_exit;
}

bool asks_for_json(Args args) {
    const auto end = std::find(args.begin(), args.end(), "--");
    return std::find(args.begin(), end, "--json") != end;
}

int complain(Streams& streams, std::string_view program, bool json, int exit_code, std::string_view message) {
    if (json)
        write_json(streams.out, {"daxfs.error", 1, program}, {{"error", message}, {"exit", exit_code}});
    streams.out.flush();
    streams.err << fmt::format("{}: {}\n", program, printable(message));
    return exit_code;
}

std::optional<int> parse(CLI::App& app, Args args, Streams& streams, int usage_exit) {
    const auto refuse = [&](std::string_view message) {
        return complain(streams, app.get_name(), asks_for_json(args), usage_exit,
                        fmt::format("{}; see {} --help", message, app.get_name()));
    };
    if (const auto name = cut_off_value(app, args))
        return refuse(*name + "=: the value is empty");
    // CLI11 takes its arguments last first.
    std::vector<std::string> reversed(args.rbegin(), args.rend());
    std::optional<std::string> mistake;
    try {
        app.parse(reversed);
    } catch (const CLI::Success& asked) {
        return app.exit(asked, streams.out, streams.err);
    } catch (const CLI::ParseError& error) {
        mistake = error.what();
    }
    // Before what CLI11 has to say of a number that is empty.
    if (const CLI::Option* option = empty_value(app))
        mistake = option->get_name() + ": the value is empty";
    return mistake ? std::optional(refuse(*mistake)) : std::nullopt;
}

std::string version_line(std::string_view program) {
    return fmt::format("{} {}", program, DAXFS_VERSION);
}

bool takes_escapes(const char* term) {
    return term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

}  // namespace daxfs::cli

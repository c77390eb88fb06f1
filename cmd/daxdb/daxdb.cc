// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxdb/daxdb.h"

#include <unistd.h>

#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>

#include "cmd/daxdb/commands.h"
#include "cmd/daxdb/screen.h"
#include "cmd/daxdb/session.h"

namespace daxfs::daxdb {
namespace {

// Runs lines, reports failures as "daxdb: WHERE: message", and remembers whether there was one.
class Runner {
  public:
    Runner(const Session& session, cli::Streams& streams, bool json)
        : session_(session), streams_(streams), report_(streams.out, json, TextStyle{.color = streams.color}) {
        report_.begin_document(session.path());
    }

    void line(std::string_view line, const std::string& where) {
        const auto words = split_words(line);
        if (words && words->empty())
            return;
        report_.begin_result(line);
        const auto result = run_line(session_, line, report_);
        report_.end_result(result ? std::string_view{} : result.error().message);
        if (result)
            return;
        streams_.out.flush();
        streams_.err << "daxdb: " << where << ": " << result.error().message << '\n';
        failed_ = true;
    }

    void lines(std::istream& in, const std::string& name) {
        std::string text;
        for (std::uint64_t number = 1; std::getline(in, text); ++number)
            line(text, fmt::format("{}:{}", name, number));
    }

    // `trouble`: what ended the run; empty: nothing did.
    int finish(const std::string& trouble) {
        const int code = !trouble.empty() ? kTrouble : failed_ ? kCommandFailed : kOk;
        report_.end_document(code, trouble);
        return trouble.empty() ? code : cli::complain(streams_, kProgram.name, false, code, trouble);
    }

  private:
    const Session& session_;
    cli::Streams& streams_;
    Report report_;
    bool failed_ = false;
};

bool on_terminal(const cli::Streams& streams) {
    return &streams.in == &std::cin && isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
}

Result<void> run_script(const std::string& script, cli::Streams& streams, Runner& runner) {
    if (script == "-") {
        runner.lines(streams.in, "standard input");
        return {};
    }
    std::ifstream file(script);
    if (!file)
        return fail("{}: {}", script, errno_text(errno));
    runner.lines(file, script);
    if (file.bad())
        return fail("{}: cannot be read", script);
    return {};
}

int run_commands(const Session& session, const Options& options, cli::Streams& streams) {
    Runner runner(session, streams, options.json);
    for (const std::string& command : options.commands)
        runner.line(command, command);
    Result<void> script;
    if (!options.script.empty())
        script = run_script(options.script, streams, runner);
    else if (options.commands.empty())
        runner.lines(streams.in, "standard input");
    return runner.finish(script ? "" : script.error().message);
}

}  // namespace

void add_options(CLI::App& app, Options& options) {
    app.add_option("IMAGE", options.image, "block device or image file")->required();
    app.add_option("-c,--command", options.commands, "run CMD and exit; may be repeated; \"help\" lists them")
        ->option_text("CMD")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_option("-f,--file", options.script, "run the commands in FILE (-: standard input) and exit")
        ->option_text("FILE");
    app.add_option("-b,--superblock", options.superblock, "use the superblock copy at BLOCK")->option_text("BLOCK");
    app.add_flag("-F,--force", options.force, "go on without a valid superblock");
    app.add_flag("--json", options.json, "write one JSON document");
    app.set_version_flag("-V,--version", cli::version_line("daxdb"));
}

int run(cli::Args args, cli::Streams& streams) {
    CLI::App app("Looks inside a daxfs filesystem; changes nothing.", "daxdb");
    Options options;
    add_options(app, options);
    app.footer(
        "Without a command: the full-screen view, or commands from standard input.\n"
        "Exit: 0 ok, 1 a command failed, 2 usage, 8 the image cannot be used.");
    if (const auto code = cli::parse(app, args, streams, kUsage))
        return *code;
    const auto session = open_session(options.image, options.superblock, options.force);
    if (!session)
        return cli::complain(streams, kProgram.name, options.json, kTrouble, session.error().message);
    if (!session->warning.empty())
        streams.err << "daxdb: " << session->warning << '\n';
    const bool interactive = options.commands.empty() && options.script.empty() && !options.json;
    if (!interactive || !on_terminal(streams))
        return run_commands(*session, options, streams);
    const auto shown = show_screen(*session, streams.color);
    return shown ? kOk : cli::complain(streams, kProgram.name, false, kTrouble, shown.error().message);
}

}  // namespace daxfs::daxdb

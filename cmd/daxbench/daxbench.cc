// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxbench/daxbench.h"

#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>

#include <CLI/CLI.hpp>

#include "cmd/daxbench/fs_suite.h"
#include "cmd/daxbench/lib_suite.h"
#include "cmd/daxbench/profile.h"
#include "cmd/daxbench/report.h"
#include "lib/cli/json.h"
#include "lib/cli/text.h"

namespace daxfs::bench {
namespace {

std::string kernel_release() {
    utsname names{};
    return uname(&names) == 0 ? names.release : "unknown";
}

std::string cpu_model() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);)
        if (line.rfind("model name", 0) == 0)
            return line.substr(line.find(": ") + 2);
    return "unknown CPU";
}

int complain(cli::Streams& streams, const std::string& message, int code) {
    return cli::complain(streams, kProgram.name, false, code, message);
}

Result<void> write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text;
    file.close();
    if (!file)
        return fail("{}: cannot write", path);
    return {};
}

int run_fs(const Options& options, cli::Streams& streams) {
    // The result itself is JSON.
    const auto refuse = [&](const std::string& message, int code) {
        return cli::complain(streams, kProgram.name, options.fs.output.empty(), code, message);
    };
    const auto names = operation_names();
    for (const std::string& name : options.fs.only)
        if (std::find(names.begin(), names.end(), name) == names.end())
            return refuse(fmt::format("no operation '{}'; 'daxbench list' shows them", name), kUsage);
    Suite suite{.kernel = kernel_release(), .cpu = cpu_model(), .instructions = options.fs.instructions};
    cli::StatusLine progress(streams.err);
    const auto note = [&](const std::string& what) {
        if (streams.progress)
            progress.show(what);
    };
    for (const std::string& dir : options.fs.dirs) {
        auto target = measure(dir, options.fs.only, options.fs.samples, note);
        if (!target) {
            progress.clear();
            return refuse(target.error().message, kTrouble);
        }
        suite.targets.push_back(*std::move(target));
    }
    progress.clear();
    const std::string text = cli::json_text(to_json(suite), 1) + '\n';
    if (options.fs.output.empty()) {
        streams.out << text;
        return kOk;
    }
    if (const auto written = write_file(options.fs.output, text); !written)
        return refuse(written.error().message, kTrouble);
    return kOk;
}

// Several results of one kernel become one table: the targets side by side.
Result<Suite> read_suites(const std::vector<std::string>& paths) {
    Suite all;
    for (const std::string& path : paths) {
        DAXFS_TRY_ASSIGN(const std::string text, read_file(path));
        auto suite = suite_from_json(text);
        if (!suite)
            return fail("{}: {}", path, suite.error().message);
        if (!all.targets.empty() && suite->instructions != all.instructions)
            return fail("{}: counts {}, the others do not", path, suite->instructions ? "instructions" : "time");
        all.kernel = suite->kernel;
        all.cpu = suite->cpu;
        all.instructions = suite->instructions;
        std::move(suite->targets.begin(), suite->targets.end(), std::back_inserter(all.targets));
    }
    return all;
}

// Markdown to its file or else to standard output; a page where one is wanted.
template <typename Page>
int write_report(const std::string& markdown_path, const std::string& markdown, const std::string& html_path,
                 const Page& page, cli::Streams& streams) {
    if (markdown_path.empty())
        streams.out << markdown;
    else if (const auto written = write_file(markdown_path, markdown); !written)
        return complain(streams, written.error().message, kTrouble);
    if (html_path.empty())
        return kOk;
    if (const auto written = write_file(html_path, page()); !written)
        return complain(streams, written.error().message, kTrouble);
    return kOk;
}

int run_lib(const Options& options, cli::Streams& streams) {
    if (run_lib_suite(options.lib.filter, options.lib.json, streams))
        return kOk;
    return cli::complain(streams, kProgram.name, options.lib.json, kTrouble,
                         fmt::format("--filter '{}' matches no benchmark", options.lib.filter));
}

int run_report(const Options& options, cli::Streams& streams) {
    const auto suite = read_suites(options.report.inputs);
    if (!suite)
        return complain(streams, suite.error().message, kTrouble);
    const std::string markdown = markdown_report(*suite, options.report.baseline);
    return write_report(
        options.report.markdown, markdown, options.report.html,
        [&] { return html_report(*suite, options.report.baseline); }, streams);
}

int run_profile(const Options& options, cli::Streams& streams) {
    std::vector<Profile> profiles;
    for (const std::string& path : options.profile.inputs) {
        auto profile = read_profile(path);
        if (!profile)
            return complain(streams, profile.error().message, kTrouble);
        if (!profiles.empty() && profile->operation != profiles[0].operation)
            return complain(streams, fmt::format("{}: is of another operation", path), kTrouble);
        profiles.push_back(*std::move(profile));
    }
    const int code = write_report(
        options.profile.markdown, profile_markdown(profiles), options.profile.html,
        [&] { return profile_html(profiles); }, streams);
    for (const Profile& profile : profiles)
        if (code == kOk && !profile.agrees())
            return complain(streams, fmt::format("{}: counts and clock do not agree", profile.filesystem), kTrouble);
    return code;
}

}  // namespace

void describe(CLI::App& app, Options& options) {
    app.set_version_flag("-V,--version", cli::version_line("daxbench"));
    app.require_subcommand(1);

    CLI::App* fs = app.add_subcommand("fs", "Measure file operations in directories on mounted filesystems");
    fs->add_option("DIR", options.fs.dirs, "A directory on each filesystem to compare")->required();
    fs->add_option("-r,--run", options.fs.only, "Run only this operation; may be given again");
    fs->add_option("-n,--samples", options.fs.samples, "Batches of each operation")->check(CLI::Range(1u, 1000u));
    fs->add_option("-o,--output", options.fs.output, "Write the JSON result here instead of standard output");
    fs->add_flag("--instructions", options.fs.instructions, "The clock counts instructions (QEMU -icount shift=0)");

    app.add_subcommand("list", "List the file operations");

    CLI::App* lib = app.add_subcommand("lib", "Measure the library with Google Benchmark");
    lib->add_option("--filter", options.lib.filter, "Regular expression of the benchmarks to run");
    lib->add_flag("--json", options.lib.json, "Google Benchmark's JSON");

    CLI::App* report = app.add_subcommand("report", "Make tables from results of 'fs'");
    report->add_option("FILE", options.report.inputs, "JSON results; several become one table")->required();
    report->add_option("--markdown", options.report.markdown, "Write Markdown here instead of standard output");
    report->add_option("--html", options.report.html, "Write a self-contained page here too");
    report->add_option("--baseline", options.report.baseline, "The filesystem that ratios are to")
        ->capture_default_str();

    CLI::App* profile = app.add_subcommand("profile", "Show where the instructions of one operation go");
    profile->add_option("FILE", options.profile.inputs, "JSON results, each with its stacks beside it")->required();
    profile->add_option("--markdown", options.profile.markdown, "Write Markdown here instead of standard output");
    profile->add_option("--html", options.profile.html, "Write a self-contained page with flame graphs here too");
}

int run(cli::Args args, cli::Streams& streams) {
    CLI::App app("Benchmarks of daxfs and its peers", "daxbench");
    Options options;
    describe(app, options);
    if (const auto code = cli::parse(app, args, streams, kUsage))
        return *code;
    if (app.got_subcommand("fs"))
        return run_fs(options, streams);
    if (app.got_subcommand("lib"))
        return run_lib(options, streams);
    if (app.got_subcommand("report"))
        return run_report(options, streams);
    if (app.got_subcommand("profile"))
        return run_profile(options, streams);
    for (const std::string& name : operation_names())
        streams.out << name << '\n';
    return kOk;
}

}  // namespace daxfs::bench

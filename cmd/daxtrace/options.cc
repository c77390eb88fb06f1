// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxtrace/options.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>

#include <CLI/CLI.hpp>

namespace daxfs::trace {
namespace {

constexpr double kMaxSeconds = 86400.0 * 366;

// The kernel's internal dev_t has 12 bits of major and 20 of minor.
constexpr unsigned kMinorBits = 20;

void declare_summary(CLI::App& summary, Options& options, RawOptions& raw) {
    summary.add_option("-d,--duration", raw.seconds, "Trace for SECONDS instead of while a command runs")
        ->type_name("SECONDS");
    summary.add_flag("-a,--all", options.all, "With a command: count every process, not its own ones alone");
    summary.add_option("-p,--pid", raw.pid, "With -d: only process PID and its later children")->type_name("PID");
    summary.add_option("--dev", options.device, "Only this block device, or the filesystem that holds this path")
        ->type_name("PATH");
    summary.add_flag("--json", options.json, "Print JSON (schema daxfs.daxtrace.summary, version 1)");
    summary.add_option("-o,--output", options.output, "Write the report here instead of to standard output")
        ->type_name("FILE");
    summary.add_flag("--cost", options.cost, "Also measure what the tracing itself costs");
}

}  // namespace

Result<Device> resolve_device(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0)
        return fail("--dev {}: {}", path, errno_text(errno));
    const dev_t dev = S_ISBLK(status.st_mode) ? status.st_rdev : status.st_dev;
    return Device{fmt::format("{} ({}:{})", path, major(dev), minor(dev)), major(dev) << kMinorBits | minor(dev)};
}

void declare_options(CLI::App& app, Options& options, RawOptions& raw) {
    app.set_version_flag("-V,--version", cli::version_line("daxtrace"));
    app.require_subcommand(1);
    CLI::App* summary =
        app.add_subcommand("summary", "Count and time DAX operations while a command runs, or for a while");
    summary->footer("Usage: daxtrace summary [OPTIONS] -- CMD [ARG...]\n       daxtrace summary [OPTIONS] -d SECONDS");
    declare_summary(*summary, options, raw);
    CLI::App* doctor = app.add_subcommand("doctor", "Say what can be traced on this kernel, and why not");
    doctor->callback([&options] { options.verb = Verb::kDoctor; });
    doctor->add_flag("-v,--verbose", options.verbose, "Add the log of the kernel's verifier, on standard error");
    doctor->add_flag("--json", options.json, "Print JSON (schema daxfs.daxtrace.doctor, version 1)");
}

std::optional<int> parse_options(cli::Args args, cli::Streams& streams, int usage_exit, Options& options,
                                 RawOptions& raw) {
    CLI::App app(
        "Count and time what DAX does on this kernel: faults of 2 MiB and 4 KiB, and why not 2 MiB; mappings;\n"
        "writes, commits and flushes. On daxfs, and on XFS and ext4 with DAX.",
        "daxtrace");
    declare_options(app, options, raw);
    return cli::parse(app, args, streams, usage_exit);
}

Result<void> finish_options(Options& options, const RawOptions& raw) {
    if (options.verb == Verb::kDoctor) {
        if (!options.command.empty())
            return fail("doctor runs no command");
        return {};
    }
    if (raw.seconds && !options.command.empty())
        return fail("-d and a command exclude each other");
    if (!raw.seconds && options.command.empty())
        return fail("give a command behind '--', or a time with -d");
    // Written so that NaN is refused too.
    if (raw.seconds && !(*raw.seconds >= 0.001 && *raw.seconds <= kMaxSeconds))
        return fail("-d: not a time between 0.001 and {:.0f} seconds", kMaxSeconds);
    if (raw.pid && !raw.seconds)
        return fail("-p goes with -d; a command's own processes are what is traced anyway");
    if (raw.pid && *raw.pid <= 0)
        return fail("-p: {} is not a process id", *raw.pid);
    if (options.all && options.command.empty())
        return fail("--all goes with a command; -d traces every process unless -p says otherwise");
    if (!options.command.empty() && options.command[0].empty())
        return fail("the command's name is empty");
    if (raw.seconds)
        options.span = std::chrono::milliseconds(static_cast<std::int64_t>(*raw.seconds * 1000));
    options.pid = raw.pid;
    return {};
}

SplitArgs split_args(cli::Args args) {
    SplitArgs split;
    const auto separator = std::find(args.begin(), args.end(), "--");
    split.own.assign(args.begin(), separator);
    if (separator != args.end()) {
        split.separator = true;
        split.command.assign(separator + 1, args.end());
    }
    return split;
}

}  // namespace daxfs::trace

// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxtrace/daxtrace.h"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <iostream>

#include "cmd/daxtrace/command.h"
#include "cmd/daxtrace/doctor.h"
#include "cmd/daxtrace/options.h"
#include "cmd/daxtrace/report.h"
#include "cmd/daxtrace/tracer.h"

namespace daxfs::trace {
namespace {

using Clock = std::chrono::steady_clock;

int complain(const Options& options, cli::Streams& streams, int code, const std::string& message) {
    return cli::complain(streams, kProgram.name, options.json, code, message);
}

std::string kernel_release() {
    utsname name{};
    uname(&name);
    return name.release;
}

// Sleeps until the time is over or a signal that means "enough" arrives.
void wait_for(std::chrono::milliseconds span) {
    sigset_t signals;
    sigset_t old;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, &old);
    const Clock::time_point end = Clock::now() + span;
    for (Clock::time_point now = Clock::now(); now < end; now = Clock::now()) {
        const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(end - now).count();
        const timespec timeout{static_cast<time_t>(left / 1000000000), static_cast<long>(left % 1000000000)};
        if (sigtimedwait(&signals, nullptr, &timeout) > 0)
            break;
    }
    sigprocmask(SIG_SETMASK, &old, nullptr);
}

// The pid as the kernel's programs see it is the one of the initial namespace.
Result<std::uint32_t> checked_pid(int pid) {
    constexpr ino_t kInitialPidNamespace = 0xeffffffc;
    struct stat status {};
    if (stat("/proc/self/ns/pid", &status) != 0 || status.st_ino != kInitialPidNamespace)
        return fail("-p works only in the initial pid namespace");
    if (kill(pid, 0) != 0 && errno == ESRCH)
        return fail("-p {}: no such process", pid);
    return static_cast<std::uint32_t>(pid);
}

std::string processes_text(const Options& options) {
    if (options.pid)
        return fmt::format("process {} and its later children", *options.pid);
    return options.command.empty() || options.all ? "all processes" : "the command's processes";
}

Result<TraceFilter> make_filter(const Options& options, Summary& summary) {
    TraceFilter filter;
    if (!options.device.empty()) {
        DAXFS_TRY_ASSIGN(const Device device, resolve_device(options.device));
        filter.kernel_dev = device.kernel_dev;
        summary.device = device.text;
    }
    if (options.pid) {
        DAXFS_TRY_ASSIGN(filter.tgid, checked_pid(*options.pid));
    }
    filter.followed_only = options.pid || (!options.command.empty() && !options.all);
    return filter;
}

// The exit code. `summary` is filled except for its counters.
int trace_command(const Options& options, const TraceFilter& filter, Tracer& tracer, Summary& summary,
                  cli::Streams& streams) {
    streams.out.flush();
    auto command = Command::fork_waiting(options.command);
    if (!command)
        return complain(options, streams, kExitTrouble, command.error().message);
    if (filter.followed_only)
        if (const auto followed = tracer.follow(command->pidfd()); !followed)
            return complain(options, streams, kExitTrouble, followed.error().message);
    const Clock::time_point begin = Clock::now();
    tracer.start();
    if (const int error = command->run(); error != 0)
        return complain(options, streams, error == ENOENT ? kExitNotFound : kExitCannotRun,
                        fmt::format("{}: {}", options.command[0], errno_text(error)));
    summary.exit_status = command->wait();
    tracer.stop();
    summary.duration_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - begin).count());
    return *summary.exit_status;
}

void trace_span(std::chrono::milliseconds span, Tracer& tracer, Summary& summary) {
    const Clock::time_point begin = Clock::now();
    tracer.start();
    wait_for(span);
    tracer.stop();
    summary.duration_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - begin).count());
}

// To `file` if it is open, else to standard output.
bool write_report(const Options& options, const Summary& summary, std::ofstream& file, cli::Streams& streams) {
    std::ostream& out = file.is_open() ? file : streams.out;
    out << (options.json ? json_report(summary) : text_report(summary, streams.color && !file.is_open()));
    out.flush();
    return static_cast<bool>(out);
}

int run_summary(const Options& options, cli::Streams& streams) {
    Summary summary;
    summary.kernel = kernel_release();
    summary.command = options.command;
    summary.processes = processes_text(options);
    const auto filter = make_filter(options, summary);
    if (!filter)
        return complain(options, streams, kExitUsage, filter.error().message);
    if (const std::string missing = missing_capabilities(); !missing.empty())
        return complain(options, streams, kExitPermission, missing);
    const KernelBtf btf;
    auto tracer = Tracer::open(btf, *filter, options.cost);
    if (!tracer)
        return complain(options, streams, kExitKernel, tracer.error().message);
    summary.notes = missing_notes((*tracer)->probe_states());
    std::ofstream file;
    if (!options.output.empty()) {
        file.open(options.output);
        if (!file)
            return complain(options, streams, kExitTrouble, fmt::format("{}: {}", options.output, errno_text(errno)));
    }

    int code = kExitOk;
    if (options.span) {
        trace_span(*options.span, **tracer, summary);
    } else {
        code = trace_command(options, *filter, **tracer, summary, streams);
        if (!summary.exit_status)
            return code;
    }
    if (const auto read = (*tracer)->read(summary); !read)
        return complain(options, streams, kExitTrouble, read.error().message);
    if (!write_report(options, summary, file, streams))
        return complain(options, streams, kExitTrouble, "cannot write the report");
    return code;
}

int run_doctor(const Options& options, cli::Streams& streams) {
    const Diagnosis diagnosis = diagnose();
    streams.out << (options.json ? doctor_json(diagnosis) : doctor_text(diagnosis, streams.color));
    if (options.verbose)
        streams.err << diagnosis.log;
    if (usable(diagnosis))
        return kExitOk;
    return diagnosis.permission_trouble.empty() ? kExitKernel : kExitPermission;
}

}  // namespace

int run(cli::Args args, cli::Streams& streams) {
    Options options;
    RawOptions raw;
    SplitArgs split = split_args(args);
    options.command = std::move(split.command);
    if (const auto code = parse_options(split.own, streams, kExitUsage, options, raw))
        return *code;
    if (const auto finished = finish_options(options, raw); !finished)
        return complain(options, streams, kExitUsage, finished.error().message + "; see daxtrace summary --help");
    return options.verb == Verb::kDoctor ? run_doctor(options, streams) : run_summary(options, streams);
}

}  // namespace daxfs::trace

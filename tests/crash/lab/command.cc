// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/lab/command.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <span>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "lib/image/device.h"
#include "tests/crash/lab/lab.h"
#include "tests/crash/lab/oracle.h"
#include "tests/crash/lab/poison.h"
#include "tests/crash/lab/selfcheck.h"

namespace daxfs::crash {
namespace {

void print_violation(std::ostream& out, const Violation& violation) {
    out << fmt::format("violation {}: case {}, operation {}\n{}", violation.id.text(), violation.case_name,
                       violation.operation, violation.why);
    constexpr std::size_t kMostLines = 6;
    for (std::size_t i = 0; i < std::min(violation.lost.size(), kMostLines); ++i)
        out << "  lost: " << violation.lost[i] << '\n';
    if (violation.lost.size() > kMostLines)
        out << fmt::format("  and {} more lines\n", violation.lost.size() - kMostLines);
}

void print_counts(std::ostream& out, const Counts& counts) {
    out << fmt::format(
        "{} cases, {} operations ({} returned an error), {} fences; states: {} generated, {} unique, "
        "{} judged; {} violations; {} cases skipped\n",
        counts.cases, counts.operations, counts.failed_operations, counts.fences, counts.generated, counts.unique,
        counts.judged, counts.violations, counts.skipped_cases);
    out << fmt::format("{} passed, {} failed\n", counts.cases - counts.failed_cases, counts.failed_cases);
}

Result<void> write_image(const std::string& path, std::span<const std::byte> bytes) {
    DAXFS_TRY_ASSIGN(Device file, Device::open_or_create(path));
    DAXFS_TRY(file.resize(bytes.size()));
    return file.write(0, bytes);
}

// DIRECTORY/state-TRACE-WORKER-NUMBER.img
Result<void> save_samples(const Lab& lab, std::uint32_t worker, const std::string& prefix) {
    std::size_t number = 0;
    for (const auto& [order, bytes] : lab.samples())
        DAXFS_TRY(write_image(fmt::format("{}-{}-{}.img", prefix, worker, number++), bytes));
    return {};
}

// One process judges every `workers`th case, prints its violations, and leaves its counts in `counts`.
int work(const Trace& trace, const LabOptions& options, Counts& counts, const std::string& samples, std::ostream& out,
         std::ostream& errors) {
    auto lab = Lab::open(trace, options);
    if (!lab) {
        errors << "crashlab: " << lab.error().message << '\n';
        return kExitTrouble;
    }
    lab->run();
    counts = lab->counts();
    for (const Violation& violation : lab->violations())
        print_violation(out, violation);
    out.flush();
    if (const auto saved = save_samples(*lab, options.worker, samples); !saved) {
        errors << "crashlab: " << saved.error().message << '\n';
        return kExitTrouble;
    }
    return counts.violations == 0 ? kExitClean : kExitViolations;
}

int check(const std::string& path, LabOptions options, const std::string& samples, std::ostream& out,
          std::ostream& errors) {
    const auto trace = Trace::open(path);
    if (!trace) {
        errors << "crashlab: " << trace.error().message << '\n';
        return kExitTrouble;
    }
    const std::size_t bytes = options.workers * sizeof(Counts);
    void* shared = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return kExitTrouble;
    auto* counts = static_cast<Counts*>(shared);
    std::vector<pid_t> workers;
    for (options.worker = 0; options.worker < options.workers; ++options.worker) {
        const pid_t pid = fork();
        if (pid == 0)
            _exit(work(*trace, options, counts[options.worker], samples, out, errors));
        workers.push_back(pid);
    }
    int code = kExitClean;
    for (const pid_t pid : workers) {
        int status = 0;
        waitpid(pid, &status, 0);
        code = std::max(code, WIFEXITED(status) ? WEXITSTATUS(status) : kExitTrouble);
    }
    Counts sum;
    for (std::uint32_t i = 0; i < options.workers; ++i)
        sum.add(counts[i]);
    munmap(shared, bytes);
    print_counts(out, sum);
    return code;
}

int replay(const std::string& path, const std::string& id, LabOptions options, const std::string& save,
           std::ostream& out, std::ostream& errors) {
    options.only = StateId::parse(id);
    if (!options.only) {
        errors << "crashlab: '" << id << "' is no CASE.OPERATION.POINT.STATE\n";
        return kExitTrouble;
    }
    const auto trace = Trace::open(path);
    if (!trace) {
        errors << "crashlab: " << trace.error().message << '\n';
        return kExitTrouble;
    }
    auto lab = Lab::open(*trace, options);
    if (!lab) {
        errors << "crashlab: " << lab.error().message << '\n';
        return kExitTrouble;
    }
    lab->run();
    for (const Violation& violation : lab->violations())
        print_violation(out, violation);
    if (lab->violations().empty())
        out << fmt::format("state {} is as it should be ({} judged)\n", id, lab->counts().judged);
    if (!save.empty()) {
        if (auto saved = lab->save(save); !saved) {
            errors << "crashlab: " << saved.error().message << '\n';
            return kExitTrouble;
        }
    }
    return lab->violations().empty() ? kExitClean : kExitViolations;
}

int check_itself(const std::string& path, std::ostream& out, std::ostream& errors) {
    const auto trace = Trace::open(path);
    const auto result = trace ? selfcheck(*trace) : tl::unexpected(trace.error());
    if (!result) {
        errors << "crashlab: " << result.error().message << '\n';
        return kExitTrouble;
    }
    for (const std::string& wrong : result->wrong)
        out << "not ok " << wrong << '\n';
    out << fmt::format("{} passed, {} failed\n", result->forms - result->wrong.size(), result->wrong.size());
    return result->wrong.empty() ? kExitClean : kExitViolations;
}

}  // namespace

int crashlab(std::vector<std::string> arguments, std::ostream& out, std::ostream& errors) {
    CLI::App app{"Judges every crash state of a recorded run.", "crashlab"};
    app.require_subcommand(1);
    LabOptions options;
    std::string path, id, save;
    const auto budget = [&](CLI::App* verb) {
        verb->add_option("--exhaustive", options.budget.exhaustive, "Up to so many states a fence all of them");
        verb->add_option("--pairs", options.budget.pairs, "States with two lines lost or kept, at most, a fence");
        verb->add_option("--random", options.budget.random, "Random states a fence");
        verb->add_flag("--last-operation", options.last_operation, "Only the last operation of each case");
        verb->add_flag_callback("--groups-missed", expect_missed_groups, "The superblock is an older one, put back");
    };
    auto* poison = app.add_subcommand("poison", "Fill the free blocks of an image with a pattern");
    poison->add_option("IMAGE", path)->required();
    auto* checking = app.add_subcommand("check", "Judge all states of a trace");
    checking->add_option("TRACE", path)->required();
    checking->add_option("--jobs", options.workers, "Processes (1)")->check(CLI::Range(1, 64));
    checking->add_option("--seconds", options.seconds, "Skip the cases that would begin later than this");
    checking->add_flag("--first", options.first, "Skip the cases behind the first violation");
    checking->add_option("--samples", options.samples, "Keep so many states (a process) that need recovery, as images");
    checking->add_option("--into", save, "... in this directory");
    budget(checking);
    auto* replaying = app.add_subcommand("replay", "Judge one state and show what is wrong with it");
    replaying->add_option("TRACE", path)->required();
    replaying->add_option("ID", id, "CASE.OPERATION.POINT.STATE")->required();
    replaying->add_option("--save", save, "Leave the state in this file, as an image");
    budget(replaying);
    auto* selfchecking = app.add_subcommand("selfcheck", "Hold the recorder to a trace of guest/selfcheck");
    selfchecking->add_option("TRACE", path)->required();
    try {
        std::reverse(arguments.begin(), arguments.end());
        app.parse(arguments);
    } catch (const CLI::ParseError& error) {
        return app.exit(error, out, errors) == 0 ? kExitClean : kExitTrouble;
    }
    if (poison->parsed()) {
        const auto done = poison_free_blocks(path);
        if (!done)
            errors << "crashlab: " << done.error().message << '\n';
        return done ? kExitClean : kExitTrouble;
    }
    if (selfchecking->parsed())
        return check_itself(path, out, errors);
    return checking->parsed()
               ? check(path, options, save + "/state-" + std::filesystem::path(path).stem().string(), out, errors)
               : replay(path, id, options, save, out, errors);
}

}  // namespace daxfs::crash

// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/fsck/output.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <ostream>

#include "cmd/fsck/fsck.h"
#include "lib/cli/json.h"
#include "lib/cli/text.h"

namespace daxfs::fsck {
namespace {

using cli::counted;
using cli::Json;
using cli::printable;

const char* mode_name(CheckMode mode) {
    switch (mode) {
        case CheckMode::kReport:
            return "report";
        case CheckMode::kPreen:
            return "preen";
        case CheckMode::kYes:
            return "yes";
    }
    return "";
}

void print_finding(cli::Streams& streams, const Finding& finding, CheckMode mode) {
    const ProblemInfo& problem = info(finding.problem);
    std::string line = fmt::format("[{:03}] {}", problem.id(), message_of(finding));
    if (!finding.path.empty())
        line += fmt::format(" ({})", printable(finding.path));
    if (finding.fixed)
        line += fmt::format(": {}", fix_name(problem.fix));
    else if (mode != CheckMode::kReport)
        line += ": NOT CORRECTED";
    if (streams.color)
        line = fmt::format("\033[{}m{}\033[0m",
                           finding.fixed                            ? 32
                           : problem.severity == Severity::kCorrupt ? 31
                                                                    : 33,
                           line);
    streams.out << line << '\n';
}

std::string place_of(const Loss& loss) {
    if (loss.ino.value == 0)
        return {};
    return loss.path.empty() ? fmt::format("inode {}: ", loss.ino)
                             : fmt::format("{} (inode {}): ", printable(loss.path), loss.ino);
}

void print_losses(cli::Streams& streams, const std::vector<Loss>& losses, const char* what) {
    for (const Loss& loss : losses)
        streams.out << fmt::format("{}: {}{}\n", what, place_of(loss), printable(loss.what));
}

// A lost directory may have had any number of files.
constexpr std::size_t kMaxReattached = 2000;

void print_reattached(cli::Streams& streams, const Reattachments& reattached, const char* what) {
    if (reattached.empty())
        return;
    streams.out << fmt::format("{} {}\n", what,
                               counted(reattached.size(), "file without a name", "files without names"));
    std::size_t left = kMaxReattached;
    for (const auto& [ino, path] : reattached) {
        if (left-- == 0)
            return;
        streams.out << fmt::format("{}: inode {} as {}\n", what, ino, printable(path));
    }
}

Json json_of(const Reattachments& reattached) {
    Json rows = Json::array();
    for (const auto& [ino, path] : reattached) {
        if (rows.size() < kMaxReattached)
            rows.push_back({{"inode", ino.value}, {"path", path}});
    }
    return rows;
}

Json json_of(const std::vector<Loss>& losses) {
    Json rows = Json::array();
    for (const Loss& loss : losses)
        rows.push_back({{"inode", loss.ino.value}, {"path", loss.path}, {"what", loss.what}});
    return rows;
}

void print_notes(cli::Streams& streams, const CheckResult& result) {
    if (result.report.left_out() > 0)
        streams.out << fmt::format("{} of the same places not listed\n",
                                   counted(result.report.left_out(), "further problem", "further problems"));
    if (result.skipped_blocks > 0)
        streams.out << fmt::format("{} no owner that could be read: left alone because of the damage above\n",
                                   counted(result.skipped_blocks, "used block has", "used blocks have"));
    if (result.skipped_links > 0)
        streams.out << fmt::format("{} could not be judged because of the damage above\n",
                                   counted(result.skipped_links, "link count"));
    if (result.given_back > 0)
        streams.out << fmt::format(
            "{} free space again\n",
            counted(result.given_back, "block of inodes that held none is", "blocks of inodes that held none are"));
    print_losses(streams, result.losses, "lost");
    print_reattached(streams, result.reattached, "reattached");
    if (result.plan) {
        print_losses(streams, result.plan->losses, "-y would lose");
        print_reattached(streams, result.plan->reattached, "-y would reattach");
    }
    if (!result.repair_error.empty())
        streams.out << fmt::format("repairs ended early: {}\n", result.repair_error);
    if (result.no_better)
        streams.out << "nothing was written: after these repairs no fewer problems would be found\n";
}

std::string hex(const std::vector<std::byte>& bytes, std::size_t most) {
    std::string text;
    for (std::size_t i = 0; i < std::min(bytes.size(), most); ++i)
        text += fmt::format("{:02x}", static_cast<unsigned>(bytes[i]));
    return bytes.size() > most ? text + "..." : text;
}

// From the first byte that differs on.
void print_edits(cli::Streams& streams, const RepairPlan& plan) {
    constexpr std::size_t kShown = 16;
    for (const PlannedEdit& edit : plan.edits) {
        std::size_t same = 0;
        while (same < edit.before.size() && edit.before[same] == edit.after[same])
            ++same;
        const auto tail = [&](const std::vector<std::byte>& bytes) {
            return bytes.empty() ? "unreadable"
                                 : hex({bytes.begin() + static_cast<std::ptrdiff_t>(same), bytes.end()}, kShown);
        };
        streams.out << fmt::format("-y would change byte {} (block {}+{}), {}: {} -> {}\n", edit.offset + same,
                                   (edit.offset.value + same) / DAXFS_BLOCK_SIZE,
                                   (edit.offset.value + same) % DAXFS_BLOCK_SIZE,
                                   counted(edit.after.size() - same, "byte"), tail(edit.before), tail(edit.after));
    }
    if (plan.edit_count > plan.edits.size())
        streams.out << fmt::format("and {}\n", counted(plan.edit_count - plan.edits.size(), "more range"));
}

Json json_of(const RepairPlan& plan) {
    Json edits = Json::array();
    for (const PlannedEdit& edit : plan.edits)
        edits.push_back({{"offset", edit.offset.value},
                         {"before", hex(edit.before, edit.before.size())},
                         {"after", hex(edit.after, edit.after.size())}});
    return {{"left_by_preen", plan.left_by_preen},
            {"left_by_yes", plan.left_by_yes},
            {"losses", json_of(plan.losses)},
            {"reattached", json_of(plan.reattached)},
            {"reattached_in_all", plan.reattached.size()},
            {"edits", edits},
            {"edits_in_all", plan.edit_count}};
}

std::string verdict(const CheckResult& result, CheckMode mode) {
    const Report& report = result.report;
    if (result.clean())
        return "clean";
    const std::string problems = counted(report.total(), "problem");
    if (mode != CheckMode::kReport) {
        if (result.remaining == 0)
            return fmt::format("{}, {}corrected", problems, report.total() == 1 ? "" : "all ");
        return fmt::format("{} found, {} left{}", problems, result.remaining,
                           mode == CheckMode::kPreen ? "; look with -n, then repair with -y" : "");
    }
    if (!report.has(Severity::kCorrupt) && !report.has(Severity::kPreen))
        return fmt::format("needs recovery ({}); mount or fsck.daxfs -p does it", counted(report.total(), "finding"));
    if (!result.plan)
        return problems;
    return fmt::format("{}; -p would leave {} of them, -y {}", problems, result.plan->left_by_preen,
                       result.plan->left_by_yes);
}

Json json_of(const Finding& finding) {
    const ProblemInfo& problem = info(finding.problem);
    Json row{{"id", problem.id()},
             {"severity", severity_name(problem.severity)},
             {"message", message_of(finding)},
             {"fixed", finding.fixed},
             {"fix", fix_name(problem.fix)}};
    if (finding.ino.value != 0)
        row["inode"] = finding.ino.value;
    if (finding.block.value != 0)
        row["block"] = finding.block.value;
    if (finding.offset != 0)
        row["offset"] = finding.offset;
    if (!finding.path.empty())
        row["path"] = finding.path;
    return row;
}

}  // namespace

void print_text(cli::Streams& streams, const std::string& path, const CheckResult& result, CheckMode mode,
                bool verbose) {
    for (const Finding& finding : result.report.findings())
        print_finding(streams, finding, mode);
    print_notes(streams, result);
    if (verbose && result.plan)
        print_edits(streams, *result.plan);
    streams.out << fmt::format("{}: {}, {}, {} of {} in use: {}\n", printable(path), counted(result.inodes, "inode"),
                               counted(result.directories, "directory", "directories"), result.volume.initialised_ags(),
                               counted(result.volume.geometry.ag_count, "AG"), verdict(result, mode));
}

void print_json(cli::Streams& streams, const std::string& path, const CheckResult& result, CheckMode mode,
                int exit_code) {
    Json findings = Json::array();
    for (const Finding& finding : result.report.findings())
        findings.push_back(json_of(finding));
    Json counts = Json::object();
    for (const auto& [problem, count] : result.report.counts())
        counts[std::to_string(info(problem).id())] = count;
    Json plan;  // null: there is nothing to plan
    if (result.plan)
        plan = json_of(*result.plan);
    const Volume& volume = result.volume;
    Json content{{"device", path},
                 {"mode", mode_name(mode)},
                 {"exit", exit_code},
                 {"verdict", verdict(result, mode)},
                 {"superblock", volume.super_block.value},
                 {"blocks", volume.geometry.block_count},
                 {"ags", volume.geometry.ag_count},
                 {"initialised_ags", volume.initialised_ags()},
                 {"inodes", result.inodes},
                 {"directories", result.directories},
                 {"problems", result.report.total()},
                 {"remaining", result.remaining},
                 {"counts", counts},
                 {"unlisted", result.report.left_out()},
                 {"skipped_blocks", result.skipped_blocks},
                 {"skipped_links", result.skipped_links},
                 {"inode_blocks_given_back", result.given_back},
                 {"repair_error", result.repair_error},
                 {"losses", json_of(result.losses)},
                 {"reattached", json_of(result.reattached)},
                 {"reattached_in_all", result.reattached.size()},
                 {"plan", plan},
                 {"findings", findings}};
    if (!result.repair_error.empty())
        content["error"] = result.repair_error;
    cli::write_json(streams.out, {"daxfs.fsck.1", 1, kProgram.name}, content);
}

bool print_explanation(cli::Streams& streams, unsigned id, bool json) {
    const ProblemInfo* problem = find_problem(id);
    if (problem == nullptr)
        return false;
    if (json)
        cli::write_json(streams.out, {"daxfs.fsck-problem.1", 1, kProgram.name},
                        {{"id", problem->id()},
                         {"severity", severity_name(problem->severity)},
                         {"fix", fix_name(problem->fix)},
                         {"message", problem->message},
                         {"explanation", problem->explanation}});
    else
        streams.out << fmt::format("{:03} ({})  {}\n\n{}\nRepair: {}\n", problem->id(),
                                   severity_name(problem->severity), problem->message, problem->explanation,
                                   fix_name(problem->fix));
    return true;
}

CheckProgress progress_to(int fd, cli::Streams& streams) {
    if (fd != 0)
        // Whoever read it may be gone: the check goes on without.
        return [fd, gone = false](int pass, std::uint64_t done, std::uint64_t of) mutable {
            gone = gone || dprintf(fd, "%d %lu %lu\n", pass, done, of) < 0;
        };
    if (!streams.progress)
        return {};
    return [line = std::make_shared<cli::StatusLine>(streams.err)](int pass, std::uint64_t done, std::uint64_t of) {
        line->show(fmt::format("pass {} of 5: {:3}%", pass, of == 0 ? 100 : done * 100 / of));
    };
}

}  // namespace daxfs::fsck

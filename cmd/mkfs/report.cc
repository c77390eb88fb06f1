// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/mkfs/report.h"

#include <ostream>

#include <fmt/ostream.h>

#include "cmd/mkfs/mkfs.h"
#include "lib/base/size.h"
#include "lib/cli/json.h"
#include "lib/cli/text.h"
#include "lib/dump/huge_pages.h"
#include "lib/format/geometry.h"
#include "lib/format/schema.h"

namespace daxfs::mkfs {
namespace {

std::string uuid_text(const FormatOptions& format) {
    return format_uuid(std::as_bytes(std::span(format.uuid)));
}

cli::Json filled_json(const Filled& filled) {
    const PopulateCounts& counts = filled.counts;
    return {{"files", counts.files},
            {"directories", counts.directories},
            {"symlinks", counts.symlinks},
            {"special_files", counts.special_files},
            {"further_links", counts.further_links},
            {"bytes", counts.bytes},
            {"whiteouts", counts.whiteouts},
            {"lost_xattrs", counts.with_xattrs},
            {"lost_acls", counts.with_acls},
            {"mounts_left_out", filled.mounts_left_out}};
}

void report_json(const Options& options, const Outcome& outcome, std::ostream& out) {
    const daxfs_super& super = outcome.super;
    const Geometry geometry = Geometry::of(super);
    cli::Json json{{"path", options.path},
                   {"dry_run", options.dry_run},
                   {"overwritten", outcome.overwritten},
                   {"uuid", uuid_text(options.format)},
                   {"label", options.format.label},
                   {"block_size", DAXFS_BLOCK_SIZE},
                   {"block_count", geometry.block_count},
                   {"align_blocks", geometry.align_blocks},
                   {"ag_count", geometry.ag_count},
                   {"ag_blocks", geometry.ag_blocks()},
                   {"head_blocks", geometry.head_blocks()},
                   {"journals", geometry.journal_count},
                   {"journal_blocks", geometry.journal_blocks},
                   {"reserved_blocks", std::uint64_t{super.reserved_blocks}},
                   {"root_inode", std::uint64_t{super.root_ino}},
                   {"bytes_written", outcome.bytes_written}};
    json["huge_pages"] = json_of(outcome.verdict);
    if (outcome.filled)
        json["content"] = filled_json(*outcome.filled);
    cli::write_json(out, {"daxfs.mkfs", 1, kProgram.name}, json);
}

std::string filled_text(const PopulateCounts& counts) {
    std::string text = fmt::format("{}, {}", cli::counted(counts.files, "file"),
                                   cli::counted(counts.directories, "directory", "directories"));
    if (counts.symlinks != 0)
        text += ", " + cli::counted(counts.symlinks, "symbolic link");
    if (counts.special_files != 0)
        text += ", " + cli::counted(counts.special_files, "special file");
    if (counts.further_links != 0)
        text += ", " + cli::counted(counts.further_links, "further link");
    return text + ", " + format_size(counts.bytes);
}

// Also where nothing else is printed: what is lost is never lost in silence.
void warn(const Options& options, const Filled& filled, std::ostream& err) {
    const auto line = [&](std::uint64_t count, std::string_view what) {
        if (count != 0)
            fmt::print(err, "{}: warning: {}: {}\n", kProgram.name, options.path, what);
    };
    const PopulateCounts& counts = filled.counts;
    line(counts.with_xattrs, fmt::format("extended attributes of {} are not kept: daxfs has none yet",
                                         cli::counted(counts.with_xattrs, "file")));
    line(counts.with_acls,
         fmt::format("ACLs of {} are not kept: daxfs has none yet", cli::counted(counts.with_acls, "file")));
    line(filled.mounts_left_out,
         fmt::format("what is mounted below {} is left out: {}", cli::printable(options.rootdir),
                     cli::counted(filled.mounts_left_out, "empty directory", "empty directories")));
}

void report_text(const Options& options, const Outcome& outcome, std::ostream& out) {
    const Geometry geometry = Geometry::of(outcome.super);
    const std::uint64_t reserved = outcome.super.reserved_blocks;
    const std::string label = options.format.label.empty() ? "" : " \"" + options.format.label + '"';
    fmt::print(out, "{}: {}{}, {}\n", options.path, options.dry_run ? "would make daxfs" : "daxfs", label,
               uuid_text(options.format));
    if (!outcome.overwritten.empty())
        fmt::print(out, "  {:<11} {}\n", "replaces", fmt::join(outcome.overwritten, ", "));
    fmt::print(out, "  {:<11} {}, {} blocks of 4096 bytes\n", "size",
               format_size(geometry.block_count * DAXFS_BLOCK_SIZE), geometry.block_count);
    fmt::print(out, "  {:<11} {} of {}, {} head each\n", "groups", geometry.ag_count,
               format_size(geometry.ag_blocks() * DAXFS_BLOCK_SIZE),
               format_size(std::uint64_t{geometry.head_blocks()} * DAXFS_BLOCK_SIZE));
    if (geometry.align_blocks != 0)
        fmt::print(out, "  {:<11} first group starts at block {}\n", "align", geometry.align_blocks);
    fmt::print(out, "  {:<11} {} of {}\n", "journals", geometry.journal_count,
               format_size(std::uint64_t{geometry.journal_blocks} * DAXFS_BLOCK_SIZE));
    fmt::print(out, "  {:<11} {} for root\n", "reserved", format_size(reserved * DAXFS_BLOCK_SIZE));
    if (outcome.filled)
        fmt::print(out, "  {:<11} {}\n", "content", filled_text(outcome.filled->counts));
    fmt::print(out, "  {:<11} {}: {}\n", "huge pages", answer_name(outcome.verdict.answer), outcome.verdict.reason);
    if (!outcome.verdict.command.empty())
        fmt::print(out, "  {:<11} {}\n", "to fix it", outcome.verdict.command);
}

}  // namespace

void report(const Options& options, const Outcome& outcome, cli::Streams& streams) {
    if (outcome.filled)
        warn(options, *outcome.filled, streams.err);
    if (options.json)
        report_json(options, outcome, streams.out);
    else if (!options.quiet)
        report_text(options, outcome, streams.out);
}

}  // namespace daxfs::mkfs

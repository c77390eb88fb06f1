// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/tune/tune.h"

#include <ostream>
#include <span>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "lib/base/size.h"
#include "lib/check/tune.h"
#include "lib/cli/json.h"
#include "lib/cli/text.h"
#include "lib/format/schema.h"
#include "lib/image/system.h"

namespace daxfs::tuning {
namespace {

using cli::counted;
using cli::printable;

// The errors are mistakes of the command line.
Result<Tuning> read_tuning(const CommandLine& line) {
    Tuning tuning;
    if (!line.label.empty() || line.no_label) {
        DAXFS_TRY(check_label(line.label));
        tuning.label = line.label;
    }
    if (!line.uuid.empty()) {
        DAXFS_TRY_ASSIGN(tuning.uuid, line.uuid == "random" ? random_uuid() : parse_uuid(line.uuid));
    }
    if (!line.reserve.empty()) {
        DAXFS_TRY_ASSIGN(tuning.reserved_bytes, parse_size(line.reserve));
    }
    if (!tuning.label && !tuning.uuid && !tuning.reserved_bytes)
        return fail("nothing to change is given; see tune.daxfs --help");
    return tuning;
}

Result<TuneOutcome> run(const CommandLine& line, const Tuning& tuning) {
    if (const auto user = in_use_by(line.path))
        return fail("{}: {}; unmount it first", line.path, *user);
    const Access access = line.dry_run ? Access::kRead : Access::kWrite;
    DAXFS_TRY_ASSIGN(Image image, Image::open(line.path, access));
    return tune(image, tuning, {.access = access, .undo = line.undo});
}

std::string uuid_text(const daxfs_super& super) {
    return format_uuid(std::as_bytes(std::span(super.uuid)));
}

std::string label_text(const daxfs_super& super) {
    const std::string label = label_of(super);
    return label.empty() ? "none" : '"' + printable(label) + '"';
}

std::string reserve_text(const daxfs_super& super) {
    return format_size(super.reserved_blocks * DAXFS_BLOCK_SIZE);
}

void print_text(std::ostream& out, const CommandLine& line, const TuneOutcome& outcome) {
    const auto row = [&](const char* what, const std::string& before, const std::string& after) {
        if (before != after)
            out << fmt::format("  {:<8} {} -> {}\n", what, before, after);
    };
    if (outcome.blocks == 0) {
        out << fmt::format("{}: nothing to change: it is so already\n", printable(line.path));
        return;
    }
    out << fmt::format("{}: {} {}\n", printable(line.path),
                       counted(outcome.blocks, "superblock, copies included,", "superblocks, copies included,"),
                       line.dry_run          ? "would change"
                       : outcome.blocks == 1 ? "was changed"
                                             : "were changed");
    row("label", label_text(outcome.before), label_text(outcome.after));
    row("UUID", uuid_text(outcome.before), uuid_text(outcome.after));
    row("reserved", reserve_text(outcome.before), reserve_text(outcome.after));
}

cli::Json json_of(const daxfs_super& super) {
    return {{"label", label_of(super)},
            {"uuid", uuid_text(super)},
            {"reserved_blocks", std::uint64_t{super.reserved_blocks}}};
}

void print_json(std::ostream& out, const CommandLine& line, const TuneOutcome& outcome) {
    cli::write_json(out, {"daxfs.tune", 1, kProgram.name},
                    {{"path", line.path},
                     {"dry_run", line.dry_run},
                     {"exit", kExitDone},
                     {"before", json_of(outcome.before)},
                     {"after", json_of(outcome.after)},
                     {"superblocks", outcome.blocks}});
}

}  // namespace

void declare_options(CLI::App& app, CommandLine& line) {
    app.description("Changes label, UUID and reserve of a daxfs filesystem that is not mounted.");
    app.set_version_flag("-V,--version", cli::version_line("tune.daxfs"));
    app.add_option("image_or_device", line.path, "Where it is")->required()->type_name("IMAGE_OR_DEVICE");
    auto* label = app.add_option("-L,--label", line.label, "Name of the filesystem, at most 63 bytes");
    label->type_name("LABEL");
    app.add_flag("--no-label", line.no_label, "Take the name away")->excludes(label);
    app.add_option("-U,--uuid", line.uuid, "UUID, or \"random\"")->type_name("UUID");
    app.add_option("--reserve", line.reserve, "Space that only root may use: bytes, or K, M, G, T, P")
        ->type_name("SIZE");
    app.add_flag("-n,--dry-run", line.dry_run, "Say what would change; write nothing");
    app.add_option("--undo", line.undo, "Keep the old bytes in this new file, for daxfs-undo")->type_name("FILE");
    app.add_flag("--json", line.json, "Report as JSON");
    app.footer("Exit status: 0 done, 1 refused or failed, 2 usage. All of it changes, or nothing.");
}

int tune_tool(cli::Args args, cli::Streams& streams) {
    CLI::App app{"", "tune.daxfs"};
    CommandLine line;
    declare_options(app, line);
    if (const auto code = cli::parse(app, args, streams, kExitUsage))
        return *code;
    const auto tuning = read_tuning(line);
    if (!tuning)
        return cli::complain(streams, kProgram.name, line.json, kExitUsage, tuning.error().message);
    const auto outcome = run(line, *tuning);
    if (!outcome)
        return cli::complain(streams, kProgram.name, line.json, kExitFailed, outcome.error().message);
    if (line.json)
        print_json(streams.out, line, *outcome);
    else
        print_text(streams.out, line, *outcome);
    return kExitDone;
}

}  // namespace daxfs::tuning

// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/undo/undo.h"

#include <ostream>

#include <CLI/CLI.hpp>

#include "lib/check/undo_file.h"
#include "lib/cli/json.h"
#include "lib/cli/text.h"
#include "lib/image/system.h"

namespace daxfs::undo {
namespace {

Result<UndoOutcome> run(const CommandLine& line) {
    DAXFS_TRY_ASSIGN(UndoFile file, UndoFile::open(line.file));
    if (!line.no) {
        if (const auto user = in_use_by(line.device))
            return fail("{}: {}; unmount it first", line.device, *user);
    }
    const Access access = line.no ? Access::kRead : Access::kWrite;
    DAXFS_TRY_ASSIGN(Image image, Image::open(line.device, access));
    return undo_repair(image, file, {.access = access, .force = line.force});
}

void print_text(std::ostream& out, const CommandLine& line, const UndoOutcome& outcome) {
    if (outcome.resumed)
        out << fmt::format("{}: an undo with this file was cut off, and goes on\n", line.device);
    if (outcome.finished_repair)
        out << fmt::format("{}: the repair was cut off; {} finished first\n", line.device,
                           line.no ? "it would be" : "it was");
    if (outcome.others > 0)
        out << fmt::format("{}: {} of {} something else than the repair put there\n", line.device, outcome.others,
                           cli::counted(outcome.records, "place holds", "places hold"));
    if (outcome.unreadable_blocks > 0)
        out << fmt::format("{}: {} not be read before the repair, and {} as {}\n", line.device,
                           cli::counted(outcome.unreadable_blocks, "block could", "blocks could"),
                           outcome.unreadable_blocks == 1 ? "stays" : "stay",
                           outcome.unreadable_blocks == 1 ? "it is" : "they are");
    out << fmt::format("{}: {} in {} {}\n", line.device, cli::counted(outcome.bytes, "byte"),
                       cli::counted(outcome.records - outcome.unreadable_blocks, "place"),
                       line.no              ? "would be put back"
                       : outcome.bytes == 1 ? "was put back"
                                            : "were put back");
}

// Empty: it was done.
std::string refusal_text(const CommandLine& line, const UndoOutcome& outcome) {
    if (outcome.refusal.empty())
        return {};
    return fmt::format("{}: {}; nothing was written{}", line.device, outcome.refusal,
                       outcome.others > 0 ? "; -f puts the old bytes there all the same" : "");
}

void print_json(std::ostream& out, const CommandLine& line, const UndoOutcome& outcome, int code) {
    cli::Json json{{"device", line.device},
                   {"file", line.file},
                   {"dry_run", line.no},
                   {"exit", code},
                   {"refusal", outcome.refusal},
                   {"places", outcome.records},
                   {"bytes", outcome.bytes},
                   {"other_places", outcome.others},
                   {"unreadable_blocks", outcome.unreadable_blocks},
                   {"repair_finished_first", outcome.finished_repair},
                   {"resumed", outcome.resumed}};
    if (const std::string refusal = refusal_text(line, outcome); !refusal.empty())
        json["error"] = refusal;
    cli::write_json(out, {"daxfs.undo.1", 1, kProgram.name}, json);
}

}  // namespace

void declare_options(CLI::App& app, CommandLine& line) {
    app.description("Puts back what a repair by fsck.daxfs changed, from the file that its --undo wrote.");
    app.set_version_flag("-V,--version", cli::version_line("daxfs-undo"));
    app.add_option("file", line.file, "What fsck.daxfs --undo wrote")->type_name("FILE")->required();
    app.add_option("device", line.device, "Block device or image file")->type_name("DEVICE")->required();
    app.add_flag("-n,--no", line.no, "Say what would be put back; write nothing");
    app.add_flag("-f,--force", line.force, "Also where the device is not as the repair left it");
    app.add_flag("--json", line.json, "Report as JSON");
    app.footer(
        "Exit status: 0 put back, 1 refused or failed, 2 usage. After a power cut run it again, with the same FILE.");
}

int undo_tool(cli::Args args, cli::Streams& streams) {
    CLI::App app{"", "daxfs-undo"};
    CommandLine line;
    declare_options(app, line);
    if (const auto code = cli::parse(app, args, streams, kExitUsage))
        return *code;
    const auto outcome = run(line);
    if (!outcome)
        return cli::complain(streams, kProgram.name, line.json, kExitFailed, outcome.error().message);
    const bool done = outcome->refusal.empty();
    const int code = done ? kExitDone : kExitFailed;
    if (line.json)
        print_json(streams.out, line, *outcome, code);
    else if (done)
        print_text(streams.out, line, *outcome);
    return done ? code : cli::complain(streams, kProgram.name, false, code, refusal_text(line, *outcome));
}

}  // namespace daxfs::undo

// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/fsck/fsck.h"

#include <unistd.h>

#include <istream>
#include <ostream>

#include <CLI/CLI.hpp>

#include "cmd/fsck/output.h"
#include "lib/check/check.h"
#include "lib/image/contents.h"
#include "lib/image/system.h"

namespace daxfs::fsck {
namespace {

int exit_code_of(const CheckResult& result) {
    if (result.clean())
        return kExitClean;
    if (!result.repair_error.empty())
        return kExitUncorrected | kExitTrouble;
    return result.remaining == 0 ? kExitCorrected : kExitUncorrected;
}

// What is there instead of daxfs, to be added to the error; empty: nobody knows.
std::string foreign_contents(const std::string& path) {
    const auto device = Device::open(path, DeviceAccess::kRead);
    if (!device)
        return {};
    const auto contents = inspect_contents(*device);
    if (!contents || contents->found.empty() || !contents->own_superblocks.empty())
        return {};
    return fmt::format("; it holds: {}", contents->found.front());
}

class Fsck {
  public:
    Fsck(const CommandLine& line, cli::Streams& streams) : line_(line), streams_(streams) {}

    int run() {
        if (line_.no || line_.preen || line_.yes)
            return finish(check(line_.no ? CheckMode::kReport : line_.yes ? CheckMode::kYes : CheckMode::kPreen));
        return ask();
    }

  private:
    int complain(int code, const std::string& message) {
        return cli::complain(streams_, kProgram.name, line_.json, code, message);
    }

    struct Outcome {
        Result<CheckResult> result;
        CheckMode mode;
    };

    Outcome check(CheckMode mode) {
        const bool write = mode != CheckMode::kReport;
        const auto run = [&]() -> Result<CheckResult> {
            if (write) {
                if (const auto user = in_use_by(line_.path))
                    return fail("{}: {}; unmount it first", line_.path, *user);
            }
            DAXFS_TRY_ASSIGN(BadBlocks bad, line_.badblocks.empty() ? Result<BadBlocks>(BadBlocks::of(line_.path))
                                                                    : BadBlocks::read(line_.badblocks));
            DAXFS_TRY_ASSIGN(Image image,
                             Image::open(line_.path, write ? Access::kWrite : Access::kRead, std::move(bad)));
            CheckOptions options{.mode = mode, .undo = line_.undo, .plan = !write};
            if (line_.superblock)
                options.superblock = BlockNo{*line_.superblock};
            if (line_.progress_fd)
                options.progress = progress_to(*line_.progress_fd, streams_);
            return check_image(image, options);
        };
        return {run(), mode};
    }

    int finish(const Outcome& outcome) {
        if (!outcome.result) {
            const std::string& message = outcome.result.error().message;
            const bool wrong_magic = message.find("wrong magic") != message.npos;
            return complain(kExitTrouble, message + (wrong_magic ? foreign_contents(line_.path) : ""));
        }
        const CheckResult& result = *outcome.result;
        const int code = exit_code_of(result);
        if (line_.json)
            print_json(streams_, line_.path, result, outcome.mode, code);
        else
            print_text(streams_, line_.path, result, outcome.mode, line_.verbose);
        return code;
    }

    // Without -n, -p or -y: shows what it would do, then asks once.
    int ask() {
        const Outcome first = check(CheckMode::kReport);
        const int code = finish(first);
        const auto& plan = first.result ? first.result->plan : std::nullopt;
        if (!plan || line_.json || plan->left_by_yes >= first.result->report.total())
            return code;
        streams_.out << "Repair what can be repaired? [y/N] " << std::flush;
        std::string answer;
        std::getline(streams_.in, answer);
        if (answer != "y" && answer != "Y" && answer != "yes")
            return code;
        return finish(check(CheckMode::kYes));
    }

    const CommandLine& line_;
    cli::Streams& streams_;
};

}  // namespace

void declare_options(CLI::App& app, CommandLine& line) {
    app.description("Checks a daxfs filesystem on a block device or in an image file, and repairs it.");
    app.set_version_flag("-V,--version", cli::version_line("fsck.daxfs"));
    app.add_option("device", line.path, "Block device or image file")->type_name("DEVICE");
    auto* no = app.add_flag("-n,--no", line.no, "Report only; write nothing");
    auto* preen = app.add_flag("-p,-a,--preen", line.preen, "Recover, and repair what cannot lose anything");
    auto* yes = app.add_flag("-y,--yes", line.yes, "Make every repair that there is");
    no->excludes(preen)->excludes(yes);
    preen->excludes(yes);
    app.add_flag("-f,--force", line.force, "Check even if clean (daxfs is always checked in full)");
    app.add_option("-b", line.superblock, "Use the superblock copy at this block")->type_name("BLOCK");
    app.add_option("-C", line.progress_fd, "Report progress to this descriptor; 0: a bar on stderr")->type_name("FD");
    app.add_option("--badblocks", line.badblocks, "List of unreadable sectors; without: the driver's")
        ->type_name("FILE");
    app.add_option("--undo", line.undo, "Keep the old bytes in this new file, for daxfs-undo")->type_name("FILE");
    app.add_flag("-v,--verbose", line.verbose, "With -n: also list the bytes that -y would change");
    app.add_flag("--json", line.json, "Report as JSON");
    app.add_option("--explain", line.explain, "Explain a problem by its number, and exit")->type_name("ID");
    app.footer("Exit status: 0 clean, 1 corrected, 4 left uncorrected, 8 operational error, 16 usage.");
}

int fsck_tool(cli::Args args, cli::Streams& streams) {
    CLI::App app{"", "fsck.daxfs"};
    CommandLine line;
    declare_options(app, line);
    if (const auto code = cli::parse(app, args, streams, kExitUsage))
        return *code;
    const auto refuse = [&](std::string_view message) {
        return cli::complain(streams, kProgram.name, line.json, kExitUsage, message);
    };
    if (line.explain) {
        if (print_explanation(streams, *line.explain, line.json))
            return kExitClean;
        return refuse(fmt::format("there is no problem {}", *line.explain));
    }
    if (line.path.empty())
        return refuse("DEVICE is required; see fsck.daxfs --help");
    if (line.progress_fd && *line.progress_fd < 0)
        return refuse("-C: not a file descriptor");
    if (line.json && line.progress_fd == STDOUT_FILENO)
        return refuse("-C 1 cannot go with --json: both write to standard output");
    return Fsck(line, streams).run();
}

}  // namespace daxfs::fsck

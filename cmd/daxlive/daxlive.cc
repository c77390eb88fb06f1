// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxlive/daxlive.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <ostream>

#include "cmd/daxlive/initramfs.h"
#include "cmd/daxlive/kernels.h"
#include "cmd/daxlive/options.h"
#include "cmd/daxlive/process.h"
#include "cmd/daxlive/qemu.h"
#include "cmd/daxlive/session.h"

namespace daxfs::live {
namespace {

// Two guests on one image would destroy it: each image stays locked while its guest runs.
Result<Fd> lock_image(const std::string& path) {
    Fd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (fd.get() < 0)
        return fail("{}: {}", path, errno_text(errno));
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
        return fail("{}: in use by another guest", path);
    return fd;
}

Result<void> check_shares(const Options& options) {
    for (const Share& share : options.shares) {
        std::error_code error;
        if (!std::filesystem::is_directory(share.directory, error))
            return fail("--share {}: not a directory", share.directory);
    }
    return {};
}

void print_lines(std::ostream& err, const auto& lines) {
    for (const std::string& line : lines)
        err << "    " << line << '\n';
}

// A report of the kernel's has been shown already, and says more.
void print_console_end(const Outcome& outcome, std::ostream& err) {
    if (!outcome.complaint.empty())
        return;
    err << "daxlive: the console ended with:\n";
    print_lines(err, outcome.console_end);
}

// Everything that ends without the command's own status, in one place.
int report(const Outcome& outcome, const Options& options, std::ostream& err) {
    if (!outcome.complaint.empty()) {
        err << "daxlive: the kernel reported:\n";
        print_lines(err, outcome.complaint);
    }
    switch (outcome.ending) {
        case Ending::kCommandEnded:
            if (!outcome.complaint.empty())
                return kExitComplaint;
            if (options.cut)
                err << "daxlive: the command ended before the power was cut\n";
            return outcome.status;
        case Ending::kCut:
            return outcome.complaint.empty() ? kExitCut : kExitComplaint;
        case Ending::kTimeout:
            err << fmt::format("daxlive: not done after {} s\n", options.timeout->count());
            print_console_end(outcome, err);
            return kExitTimeout;
        case Ending::kStopped:
            err << fmt::format("daxlive: stopped by signal {}\n", outcome.status);
            return 128 + outcome.status;
        case Ending::kGuestTrouble:
            err << "daxlive: guest: " << outcome.message << '\n';
            return kExitUsage;
        case Ending::kQemuEnded:
            break;
    }
    if (outcome.guest_died || outcome.started) {
        err << "daxlive: the guest went down before the command ended\n";
        print_console_end(outcome, err);
        return kExitGuestDied;
    }
    err << "daxlive: QEMU ended before the guest was up: "
        << (outcome.message.empty() ? "it said nothing\n" : outcome.message);
    print_console_end(outcome, err);
    return kExitQemu;
}

bool worth_keeping(int code) {
    return code == kExitGuestDied || code == kExitComplaint || code == kExitTimeout || code == kExitQemu;
}

Result<int> boot(const Options& options, cli::Streams& streams) {
    std::vector<Image> images;
    std::vector<Fd> locks;
    DAXFS_TRY(check_shares(options));
    for (const std::string& path : options.images) {
        DAXFS_TRY_ASSIGN(Image image, inspect_image(path));
        DAXFS_TRY_ASSIGN(Fd lock, lock_image(path));
        images.push_back(std::move(image));
        locks.push_back(std::move(lock));
    }
    const Places places = find_places(options);
    DAXFS_TRY_ASSIGN(const Kernel kernel, find_kernel(options, places));
    if (options.dry_run) {
        streams.out << quote_words(qemu_command(options, images, kernel, "INITRD", {3, 4})) << '\n';
        return 0;
    }
    DAXFS_TRY_ASSIGN(TemporaryDirectory scratch, TemporaryDirectory::make());
    const std::string initrd = scratch.path() + "/initrd";
    DAXFS_TRY(build_initramfs(options, places, kernel, initrd));
    const std::string console = options.console.empty() ? scratch.path() + "/console.log" : options.console;
    DAXFS_TRY_ASSIGN(const Outcome outcome, run_session(
                                                {options, images.size(), console, scratch.path()},
                                                [&](const Channels& channels) {
                                                    return qemu_command(options, images, kernel, initrd, channels);
                                                },
                                                streams));
    const int code = report(outcome, options, streams.err);
    if (worth_keeping(code) && options.console.empty()) {
        streams.err << "daxlive: the whole console is in " << console << '\n';
        unlink(initrd.c_str());
        scratch.keep();
    }
    return code;
}

}  // namespace

int run(cli::Args args, cli::Streams& streams) {
    const SplitArgs split = split_args(args);
    Options options;
    RawOptions raw;
    options.command = split.command;
    if (const auto code = parse_options(split.own, streams, kExitUsage, options, raw))
        return *code;
    if (split.has_separator && split.command.empty()) {
        streams.err << "daxlive: no command follows --\n";
        return kExitUsage;
    }
    Result<int> code = fail("unreachable");
    if (const auto finished = finish_options(options, raw); !finished)
        code = tl::unexpected(finished.error());
    else
        code = boot(options, streams);
    if (!code) {
        streams.err << "daxlive: " << code.error().message << '\n';
        return kExitUsage;
    }
    return *code;
}

}  // namespace daxfs::live

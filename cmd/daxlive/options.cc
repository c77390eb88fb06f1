// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxlive/options.h"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "cmd/daxlive/protocol.h"
#include "lib/base/size.h"

namespace daxfs::live {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kMinMemory = 256 * kMiB;
constexpr std::uint64_t kMaxMemory = kMiB << 20;
constexpr std::uint64_t kDefaultTimeoutSeconds = 300;

Result<void> check_command(const Options& options) {
    std::size_t bytes = 0;
    for (const std::string& word : options.command) {
        if (word.find('\0') != std::string::npos)
            return fail("the command contains a NUL byte");
        bytes += word.size() + sizeof "arg=";
    }
    // Leaves room for the environment and the mounts.
    if (bytes > kMaxPayload - 4096)
        return fail("the command has {} bytes; {} is the most that the guest takes", bytes, kMaxPayload - 4096);
    if (!options.command.empty() && options.command[0].empty())
        return fail("the command's name is empty");
    return {};
}

Result<void> check_combinations(const Options& options) {
    if (options.icount && options.cpus != 1)
        return fail("--icount counts one processor's instructions: it cannot go with --smp {}", options.cpus);
    if (options.icount && !options.accelerator.empty())
        return fail("--icount needs QEMU's own interpreter: it cannot go with --accel");
    if (options.cut && options.interactive())
        return fail("--cut-after needs a command to wait for");
    if (options.memory_bytes != 0 && (options.memory_bytes < kMinMemory || options.memory_bytes > kMaxMemory))
        return fail("--memory: {} MiB is outside 256 MiB to 1 TiB", options.memory_bytes / kMiB);
    if (options.memory_bytes % kMiB != 0)
        return fail("--memory: not a multiple of 1 MiB");
    return {};
}

}  // namespace

Result<Share> parse_share(std::string_view text) {
    Share share;
    constexpr std::string_view kReadOnly = ":ro";
    share.read_only = text.ends_with(kReadOnly);
    share.directory = text.substr(0, text.size() - (share.read_only ? kReadOnly.size() : 0));
    if (share.directory.empty())
        return fail("--share: '{}' names no directory", text);
    return share;
}

void declare_options(CLI::App& app, Options& options, RawOptions& raw) {
    app.set_version_flag("-V,--version", cli::version_line("daxlive"));
    options.images.resize(1);
    app.add_option("IMAGE", options.images[0], "Image file that becomes /dev/pmem0")->required();
    app.add_option("--image2", raw.image2, "Another image, /dev/pmem1")->type_name("IMAGE");
    app.add_option("--kernel", options.kernel, "6.12 (default), 6.1, or a path")->type_name("KERNEL");
    app.add_option("--modules", options.modules, "lib/modules/RELEASE of a KERNEL given by path")->type_name("DIR");
    app.add_option("--module", options.module_file, "Load this daxfs.ko, not the built one")->type_name("FILE");
    app.add_option("--tools", options.tools, "Where our tools are (default: beside daxlive)")->type_name("DIR");
    const auto many = [&](const char* name, std::vector<std::string>& into, const char* type, const char* text) {
        app.add_option(name, into, text)->type_name(type)->allow_extra_args(false);
    };
    many("--host-tool", options.host_tools, "PROGRAM", "Put a program of this machine into the guest");
    many("--initrd-add", options.initrd_directories, "DIR[:AT]", "Copy DIR into the guest, to / or AT");
    many("--share", raw.shares, "DIR[:ro]", "Share DIR with the guest as /share, /share2, ...");
    app.add_option("--smp", options.cpus, "Processors (1)")->type_name("N")->check(CLI::Range(1, 64));
    app.add_option("--memory", raw.memory, "Guest memory beside the images (2G)")->type_name("SIZE");
    app.add_flag("--icount", options.icount, "Count instructions: 1 ns of guest time each");
    app.add_option("--accel", options.accelerator, "QEMU accelerator (default: tcg)")->type_name("NAME");
    app.add_option("--timeout", raw.timeout_seconds, "Time limit (300 with CMD, else none)")
        ->type_name("SECONDS")
        ->check(CLI::Range(1, 86400));
    app.add_option("--cut-after", raw.cut, "Cut the power MS after CMD started, or when it prints MARKER")
        ->type_name("MS|MARKER");
    app.add_option("--console", options.console, "Kernel's console ('-': standard error)")->type_name("FILE");
    many("--kernel-arg", options.kernel_arguments, "WORD", "Append to the kernel's command line");
    many("--qemu-arg", options.qemu_arguments, "ARG", "Append to QEMU's (write --qemu-arg=-foo)");
    app.add_flag("--dry-run", options.dry_run, "Print QEMU's command line and stop");
}

std::optional<int> parse_options(cli::Args args, cli::Streams& streams, int usage_exit, Options& options,
                                 RawOptions& raw) {
    CLI::App app(
        "Boot the stock kernel under QEMU with IMAGE as /dev/pmem0, and run CMD or a shell.\n"
        "daxlive [OPTIONS] IMAGE [-- CMD...]",
        "daxlive");
    declare_options(app, options, raw);
    return cli::parse(app, args, streams, usage_exit);
}

Result<void> finish_options(Options& options, const RawOptions& raw) {
    if (!raw.image2.empty())
        options.images.push_back(raw.image2);
    if (!raw.memory.empty()) {
        auto bytes = parse_size(raw.memory);
        if (!bytes)
            return fail("--memory: {}", bytes.error().message);
        options.memory_bytes = *bytes;
        if (*bytes == 0)
            return fail("--memory: 0 MiB is outside 256 MiB to 1 TiB");
    }
    for (const std::string& text : raw.shares) {
        DAXFS_TRY_ASSIGN(Share share, parse_share(text));
        options.shares.push_back(std::move(share));
    }
    if (!raw.cut.empty())
        options.cut = parse_cut(raw.cut);
    if (raw.timeout_seconds != 0)
        options.timeout = std::chrono::seconds(raw.timeout_seconds);
    else if (!options.interactive())
        options.timeout = std::chrono::seconds(kDefaultTimeoutSeconds);
    DAXFS_TRY(check_command(options));
    return check_combinations(options);
}

SplitArgs split_args(cli::Args args) {
    const auto separator = std::find(args.begin(), args.end(), "--");
    SplitArgs split;
    split.own.assign(args.begin(), separator);
    split.has_separator = separator != args.end();
    if (split.has_separator)
        split.command.assign(separator + 1, args.end());
    return split;
}

}  // namespace daxfs::live

// SPDX-License-Identifier: GPL-2.0-or-later
//
// Everything that can be refused is refused before the first write. Then the order of writes: what was there becomes
// unrecognisable and that is made durable; everything but the superblock; the superblock. A power cut leaves the old
// filesystem, none, or the new one.
#include "cmd/mkfs/mkfs.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <ostream>
#include <utility>

#include <fmt/ranges.h>

#include "cmd/mkfs/options.h"
#include "cmd/mkfs/report.h"
#include "lib/image/contents.h"
#include "lib/image/device.h"
#include "lib/make/filesystem.h"

namespace daxfs::mkfs {
namespace {

// A file that was made for this filesystem goes again unless `keep` is called.
class CreatedFile {
  public:
    explicit CreatedFile(std::string path) : path_(std::move(path)) {}
    CreatedFile(const CreatedFile&) = delete;
    CreatedFile& operator=(const CreatedFile&) = delete;
    ~CreatedFile() {
        if (!keep_)
            unlink(path_.c_str());
    }
    void keep() { keep_ = true; }

  private:
    std::string path_;
    bool keep_ = false;
};

// The errors of planning name no device.
Result<daxfs_super> plan(const Options& options, std::uint64_t device_bytes) {
    FormatOptions format = options.format;
    format.device_bytes = device_bytes;
    auto super = plan_filesystem(format);
    if (!super)
        return fail("{}: {}", options.path, super.error().message);
    return super;
}

// Under a derived nonce, transactions that an older filesystem of the same UUID left in the journals would check out.
Result<void> clear_journals(const daxfs_super& super, BlockSink& sink) {
    static constexpr std::array<std::byte, 64 * DAXFS_BLOCK_SIZE> kZeros{};
    const Geometry geometry = Geometry::of(super);
    const BlockNo end = geometry.journal_slot(geometry.journal_count);
    for (BlockNo block = geometry.journal_block; block < end;) {
        const std::uint64_t blocks = std::min<std::uint64_t>(end - block, kZeros.size() / DAXFS_BLOCK_SIZE);
        DAXFS_TRY(sink.write(block, std::span(kZeros).first(blocks * DAXFS_BLOCK_SIZE)));
        block = block + blocks;
    }
    return {};
}

// And headers of groups that it had in use would be counted on.
Result<void> clear_headers(const daxfs_super& super, const Device& device, BlockSink& sink) {
    static constexpr std::array<std::byte, DAXFS_BLOCK_SIZE> kZeros{};
    const Geometry geometry = Geometry::of(super);
    for (std::uint32_t ag = super.initialised_ags; ag < super.ag_count; ++ag) {
        const BlockNo block = geometry.ag_header(AgNo{ag});
        daxfs_ag_header header;
        DAXFS_TRY(device.read(block.value * DAXFS_BLOCK_SIZE, std::as_writable_bytes(std::span(&header, 1))));
        if (header.magic == DAXFS_AG_MAGIC && header.nonce == super.nonce)
            DAXFS_TRY(sink.write(block, kZeros));
    }
    return {};
}

Result<std::uint64_t> write_filesystem(Device& device, const daxfs_super& super, bool derived_nonce) {
    DeviceSink sink(device);
    FilesystemBuilder builder(super, sink);
    DAXFS_TRY(builder.begin());
    if (derived_nonce) {
        DAXFS_TRY(clear_journals(super, sink));
        DAXFS_TRY(clear_headers(super, device, sink));
    }
    DAXFS_TRY(builder.finish());
    return sink.bytes_written();
}

Result<Outcome> make_in_new_file(const Options& options) {
    if (!options.size_bytes)
        return fail("{}: no such file; give a SIZE to make one", options.path);
    Outcome outcome{.super = {}, .verdict = huge_page_verdict(options.path), .overwritten = {}};
    DAXFS_TRY_ASSIGN(outcome.super, plan(options, *options.size_bytes));
    if (options.dry_run)
        return outcome;
    DAXFS_TRY_ASSIGN(Device device, Device::open_or_create(options.path));
    CreatedFile created(options.path);
    DAXFS_TRY(device.resize(*options.size_bytes));
    DAXFS_TRY_ASSIGN(outcome.bytes_written, write_filesystem(device, outcome.super, false));
    created.keep();
    return outcome;
}

// How much of an existing device or file to use.
Result<std::uint64_t> usable_bytes(const Options& options, const Device& device) {
    if (!options.size_bytes) {
        if (device.size_bytes() == 0)
            return fail("{}: is empty; give a SIZE", options.path);
        return device.size_bytes();
    }
    if (device.is_block_device() && *options.size_bytes > device.size_bytes())
        return fail("{}: has {} bytes, fewer than the {} asked for", options.path, device.size_bytes(),
                    *options.size_bytes);
    return *options.size_bytes;
}

Result<void> make_on_device(const Options& options, Device& device, std::uint64_t bytes, const Contents& contents,
                            Outcome& outcome) {
    if (!device.is_block_device() && bytes > device.size_bytes())
        DAXFS_TRY(device.resize(bytes));
    if (!contents.found.empty())
        DAXFS_TRY(wipe_contents(device, contents));
    DAXFS_TRY_ASSIGN(outcome.bytes_written, write_filesystem(device, outcome.super, options.reproducible));
    return {};
}

Result<Outcome> make_over_existing(Options options) {
    if (const auto user = in_use_by(options.path))
        return fail("{}: {}; it cannot be overwritten now", options.path, *user);
    const auto access = options.dry_run ? DeviceAccess::kRead : DeviceAccess::kWrite;
    DAXFS_TRY_ASSIGN(Device device, Device::open(options.path, access));
    DAXFS_TRY_ASSIGN(const std::uint64_t bytes, usable_bytes(options, device));
    Outcome outcome{.super = {}, .verdict = huge_page_verdict(options.path), .overwritten = {}};
    if (outcome.verdict.refused)
        return fail("{}: {}; it could not be mounted. To mend it: {}", options.path, outcome.verdict.reason,
                    outcome.verdict.command);
    if (!options.align_given)
        options.format.align_blocks = align_blocks_for(outcome.verdict.physical_start.value_or(0));
    DAXFS_TRY_ASSIGN(outcome.super, plan(options, bytes));
    outcome.verdict = fit_to_filesystem(outcome.verdict, outcome.super.align_blocks);
    DAXFS_TRY_ASSIGN(const Contents contents, inspect_contents(device));
    if (!contents.found.empty() && !options.force)
        return fail("{}: found {} on it; -f overwrites", options.path, fmt::join(contents.found, " and "));
    outcome.overwritten = contents.found;
    if (!options.dry_run)
        DAXFS_TRY(make_on_device(options, device, bytes, contents, outcome));
    return outcome;
}

Result<Outcome> make_filesystem(const Options& options) {
    struct stat st {};
    if (stat(options.path.c_str(), &st) == 0)
        return make_over_existing(options);
    if (errno == ENOENT)
        return make_in_new_file(options);
    return fail("{}: {}", options.path, errno_text(errno));
}

Result<void> run(const CommandLine& line, cli::Streams& streams) {
    DAXFS_TRY_ASSIGN(const Options options, read_options(line, std::getenv("SOURCE_DATE_EPOCH")));
    DAXFS_TRY_ASSIGN(const Outcome outcome, make_filesystem(options));
    report(options, outcome, streams);
    return {};
}

}  // namespace

int mkfs_tool(cli::Args args, cli::Streams& streams) {
    CommandLine line;
    if (const auto code = parse_options(args, streams, kExitFailed, line))
        return *code;
    if (const auto done = run(line, streams); !done)
        return cli::complain(streams, kProgram.name, line.json, kExitFailed, done.error().message);
    return kExitDone;
}

}  // namespace daxfs::mkfs

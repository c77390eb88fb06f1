// SPDX-License-Identifier: GPL-2.0-or-later
//
// Everything that can be refused is refused before the first write. Then the order of writes: what was there becomes
// unrecognisable and that is made durable; everything but the superblock; the superblock. A power cut, or an archive
// that ends in the middle, leaves the old filesystem, none, or the new one.
#include "cmd/mkfs/mkfs.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <utility>

#include <fmt/ranges.h>

#include "cmd/mkfs/content.h"
#include "cmd/mkfs/interrupt.h"
#include "cmd/mkfs/options.h"
#include "cmd/mkfs/report.h"
#include "lib/base/size.h"
#include "lib/image/contents.h"
#include "lib/image/device.h"
#include "lib/make/filesystem.h"
#include "lib/populate/sizing.h"

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

// Finds out the size that its content wants, and fills `outcome.filled`.
Result<std::uint64_t> size_of_content(const Options& options, Content& content, Outcome& outcome) {
    DAXFS_TRY(content.allow_repeats());
    const Fill measure = [&](FilesystemBuilder& builder) -> Result<void> {
        DAXFS_TRY_ASSIGN(outcome.filled, content.fill(builder, Reading::kLengths));
        return {};
    };
    DAXFS_TRY_ASSIGN(const std::uint64_t needed, needed_blocks(options.format, measure));
    auto bytes = options.shrink ? smallest_bytes(options.format, needed, measure) : roomy_bytes(options.format, needed);
    if (!bytes)
        return fail("{}: {}", options.path, bytes.error().message);
    return bytes;
}

// What to say of content for which there is no room. Archives that cannot be read again keep their secret.
tl::unexpected<Error> too_much(const Options& options, const daxfs_super& super, Content& content) {
    const std::string room = format_size(capacity_blocks(super) * DAXFS_BLOCK_SIZE);
    if (!content.can_repeat())
        return fail("{}: {} does not go into it: it has room for {}", options.path, content.name(), room);
    const Fill measure = [&](FilesystemBuilder& builder) -> Result<void> {
        DAXFS_TRY(content.fill(builder, Reading::kLengths));
        return {};
    };
    auto needed = needed_blocks(options.format, measure);
    if (!needed)
        return tl::unexpected(std::move(needed).error());
    return fail("{}: {} needs {}, and it has room for {}", options.path, content.name(),
                format_size(*needed * DAXFS_BLOCK_SIZE), room);
}

// Before anything is written, where that can be known.
Result<void> check_room(const Options& options, Content& content, Outcome& outcome) {
    const bool measure = options.dry_run ? content.any() : content.quick_to_measure();
    if (!measure)
        return {};
    if (options.dry_run)
        DAXFS_TRY(content.allow_repeats());
    DAXFS_TRY_ASSIGN(const bool enough, fits(outcome.super, [&](FilesystemBuilder& builder) -> Result<void> {
                         DAXFS_TRY_ASSIGN(outcome.filled, content.fill(builder, Reading::kLengths));
                         return {};
                     }));
    return enough ? Result<void>() : too_much(options, outcome.super, content);
}

Result<void> fill(const Options& options, Content& content, FilesystemBuilder& builder, Outcome& outcome) {
    auto filled = content.fill(builder, Reading::kContent);
    if (!filled && builder.ran_out_of_space())
        return too_much(options, outcome.super, content);
    if (!filled)
        return tl::unexpected(std::move(filled).error());
    outcome.filled = *filled;
    return {};
}

Result<void> write_filesystem(const Options& options, Device& device, bool derived_nonce, Content& content,
                              Outcome& outcome) {
    DeviceSink sink(device);
    FilesystemBuilder builder(outcome.super, sink);
    DAXFS_TRY(builder.begin());
    if (derived_nonce) {
        DAXFS_TRY(clear_journals(outcome.super, sink));
        DAXFS_TRY(clear_headers(outcome.super, device, sink));
    }
    if (content.any())
        DAXFS_TRY(fill(options, content, builder, outcome));
    if (auto done = builder.finish(); !done)
        return builder.ran_out_of_space() ? too_much(options, outcome.super, content) : std::move(done);
    outcome.super = builder.super();
    outcome.bytes_written = sink.bytes_written();
    return {};
}

Result<Outcome> make_in_new_file(const Options& options, Content& content) {
    if (!options.size_bytes && !content.any())
        return fail("{}: no such file; give a SIZE to make one", options.path);
    Outcome outcome{.super = {}, .verdict = huge_page_verdict(options.path), .overwritten = {}};
    std::uint64_t bytes = options.size_bytes.value_or(0);
    if (!options.size_bytes) {
        DAXFS_TRY_ASSIGN(bytes, size_of_content(options, content, outcome));
    }
    DAXFS_TRY_ASSIGN(outcome.super, plan(options, bytes));
    if (options.size_bytes)
        DAXFS_TRY(check_room(options, content, outcome));
    if (options.dry_run)
        return outcome;
    DAXFS_TRY_ASSIGN(Device device, Device::open_or_create(options.path));
    CreatedFile created(options.path);
    content.leave_out(options.path);
    DAXFS_TRY(device.resize(bytes));
    DAXFS_TRY(write_filesystem(options, device, false, content, outcome));
    created.keep();
    return outcome;
}

// How much of an existing device or file to use.
Result<std::uint64_t> usable_bytes(const Options& options, const Device& device, Content& content, Outcome& outcome) {
    if (options.shrink && device.is_block_device())
        return fail("{}: is a block device; --shrink is for image files", options.path);
    if (!options.size_bytes) {
        if (content.any() && (options.shrink || device.size_bytes() == 0))
            return size_of_content(options, content, outcome);
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
                            Content& content, Outcome& outcome) {
    if (!device.is_block_device() && bytes > device.size_bytes())
        DAXFS_TRY(device.resize(bytes));
    if (!contents.found.empty())
        DAXFS_TRY(wipe_contents(device, contents));
    if (options.shrink)
        DAXFS_TRY(device.resize(bytes));
    return write_filesystem(options, device, options.reproducible, content, outcome);
}

Result<Outcome> make_over_existing(Options options, Content& content) {
    if (const auto user = in_use_by(options.path))
        return fail("{}: {}; it cannot be overwritten now", options.path, *user);
    const auto access = options.dry_run ? DeviceAccess::kRead : DeviceAccess::kWrite;
    DAXFS_TRY_ASSIGN(Device device, Device::open(options.path, access));
    content.leave_out(options.path);
    Outcome outcome{.super = {}, .verdict = huge_page_verdict(options.path), .overwritten = {}};
    if (outcome.verdict.refused)
        return fail("{}: {}; it could not be mounted. To mend it: {}", options.path, outcome.verdict.reason,
                    outcome.verdict.command);
    if (!options.align_given)
        options.format.align_blocks = align_blocks_for(outcome.verdict.physical_start.value_or(0));
    DAXFS_TRY_ASSIGN(const Contents contents, inspect_contents(device));
    if (!contents.found.empty() && !options.force)
        return fail("{}: found {} on it; -f overwrites", options.path, fmt::join(contents.found, " and "));
    outcome.overwritten = contents.found;
    DAXFS_TRY_ASSIGN(const std::uint64_t bytes, usable_bytes(options, device, content, outcome));
    DAXFS_TRY_ASSIGN(outcome.super, plan(options, bytes));
    outcome.verdict = fit_to_filesystem(outcome.verdict, outcome.super.align_blocks);
    if (!outcome.filled)
        DAXFS_TRY(check_room(options, content, outcome));
    if (!options.dry_run)
        DAXFS_TRY(make_on_device(options, device, bytes, contents, content, outcome));
    return outcome;
}

Result<Outcome> make_filesystem(const Options& options, Content& content) {
    struct stat st {};
    if (stat(options.path.c_str(), &st) == 0)
        return make_over_existing(options, content);
    if (errno == ENOENT)
        return make_in_new_file(options, content);
    return fail("{}: {}", options.path, errno_text(errno));
}

Result<void> run(const CommandLine& line, cli::Streams& streams) {
    DAXFS_TRY_ASSIGN(const Options options, read_options(line, std::getenv("SOURCE_DATE_EPOCH")));
    DAXFS_TRY_ASSIGN(Content content, Content::open(options, streams));
    std::optional<InterruptGuard> interrupts;
    if (content.any())
        interrupts.emplace();
    DAXFS_TRY_ASSIGN(const Outcome outcome, make_filesystem(options, content));
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

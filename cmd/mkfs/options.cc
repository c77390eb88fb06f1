// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/mkfs/options.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string_view>

#include <CLI/CLI.hpp>

#include "lib/base/size.h"
#include "lib/format/identity.h"

namespace daxfs::mkfs {
namespace {

Result<std::int64_t> creation_time(const char* source_date_epoch) {
    if (source_date_epoch == nullptr)
        return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    const std::string_view text = source_date_epoch;
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size() || seconds < 0)
        return fail("SOURCE_DATE_EPOCH is \"{}\", not a number of seconds", text);
    return seconds;
}

Result<void> read_size(const std::string& text, std::optional<std::uint64_t>& size) {
    if (text.empty())
        return {};
    DAXFS_TRY_ASSIGN(size, parse_size(text));
    return {};
}

}  // namespace

void declare_options(CLI::App& app, CommandLine& line) {
    app.description("Makes a daxfs filesystem, empty or filled, on a block device or in an image file.");
    // The list fits a screen; who reads it knows this one.
    app.get_help_ptr()->group("");
    app.set_version_flag("-V,--version", cli::version_line("mkfs.daxfs"));
    app.add_option("image_or_device", line.path, "Where to make it")->required()->type_name("");
    app.add_option("size", line.size, "Bytes, or K, M, G, T, P; makes or extends a file")->type_name("SIZE");
    app.add_option("-L,--label", line.label, "Name of the filesystem, at most 63 bytes")->type_name("LABEL");
    app.add_option("-U,--uuid", line.uuid, "UUID (default: random)")->type_name("UUID");
    app.add_option("--rootdir", line.rootdir, "Fill it with what is in a directory")->type_name("DIR");
    app.add_option("--tar", line.archives, "Fill it from an archive (-: stdin); more: layers over it")
        ->type_name("FILE")
        ->allow_extra_args(false);
    app.add_flag("--shrink", line.shrink, "Smallest size that holds what it is filled with");
    app.add_flag("-f,--force", line.force, "Overwrite what is there");
    app.add_flag("-n,--dry-run", line.dry_run, "Show what would be made; write nothing");
    app.add_flag("-q,--quiet", line.quiet, "Print nothing");
    app.add_flag("--json", line.json, "Report as JSON");
    app.add_option("--ag-size", line.ag_size, "Size of an allocation group, 16M to 32G")->type_name("SIZE");
    app.add_option("--journals", line.journals, "Number of journals, 1 to 256")->type_name("N");
    app.add_option("--journal-size", line.journal_size, "Size of one journal, 128K to 4M")->type_name("SIZE");
    app.add_option("--reserve", line.reserve, "Space that only root may use")->type_name("SIZE");
    app.add_option("--align", line.align_blocks, "Blocks before the first group")->type_name("BLOCKS");
}

std::optional<int> parse_options(cli::Args args, cli::Streams& streams, int usage_exit, CommandLine& line) {
    CLI::App app("", "mkfs.daxfs");
    declare_options(app, line);
    return cli::parse(app, args, streams, usage_exit);
}

namespace {

Result<void> check_content(const CommandLine& line) {
    if (!line.rootdir.empty() && !line.archives.empty())
        return fail("--rootdir and --tar cannot be given together");
    if (line.shrink && line.rootdir.empty() && line.archives.empty())
        return fail("--shrink needs --rootdir or --tar");
    if (line.shrink && !line.size.empty())
        return fail("--shrink finds the size; give none");
    if (std::count(line.archives.begin(), line.archives.end(), "-") > 1)
        return fail("standard input can be one archive only");
    return {};
}

}  // namespace

Result<Options> read_options(const CommandLine& line, const char* source_date_epoch) {
    Options options{.path = line.path,
                    .size_bytes = {},
                    .format = {},
                    .align_given = line.align_blocks.has_value(),
                    .reproducible = source_date_epoch != nullptr,
                    .rootdir = line.rootdir,
                    .archives = line.archives,
                    .shrink = line.shrink,
                    .force = line.force,
                    .dry_run = line.dry_run,
                    .quiet = line.quiet,
                    .json = line.json};
    FormatOptions& format = options.format;
    DAXFS_TRY(check_content(line));
    DAXFS_TRY(read_size(line.size, options.size_bytes));
    DAXFS_TRY(read_size(line.ag_size, format.ag_bytes));
    DAXFS_TRY(read_size(line.journal_size, format.journal_bytes));
    DAXFS_TRY(read_size(line.reserve, format.reserved_bytes));
    DAXFS_TRY(check_label(line.label));
    format.label = line.label;
    format.journals = line.journals;
    format.align_blocks = line.align_blocks.value_or(0);
    DAXFS_TRY_ASSIGN(format.uuid, line.uuid.empty() ? random_uuid() : parse_uuid(line.uuid));
    DAXFS_TRY_ASSIGN(format.secrets, options.reproducible ? Secrets::derived_from(format.uuid) : Secrets::random());
    DAXFS_TRY_ASSIGN(format.created_sec, creation_time(source_date_epoch));
    return options;
}

}  // namespace daxfs::mkfs

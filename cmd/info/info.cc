// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/info/info.h"

#include <chrono>
#include <memory>
#include <ostream>
#include <span>
#include <thread>

#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include "cmd/info/facts.h"
#include "lib/base/size.h"
#include "lib/cli/json.h"
#include "lib/cli/text.h"
#include "lib/dump/huge_pages.h"
#include "lib/format/schema.h"

namespace daxfs::info_page {
namespace {

using cli::counted;
using cli::printable;

// Of a mounted filesystem a header may be read while it changes.
constexpr int kLooks = 10;
constexpr std::chrono::milliseconds kBetweenLooks{10};

struct Page {
    std::string device;  // that was read
    std::unique_ptr<Image> image;
    Facts facts;
};

// A mount point leads to its device.
std::string device_of(const std::string& path) {
    return mounted_device(path).value_or(path);
}

Result<Page> look(const std::string& device) {
    DAXFS_TRY_ASSIGN(Image opened, Image::open(device, Access::kRead));
    auto image = std::make_unique<Image>(std::move(opened));
    auto facts = facts_of(*image);
    if (!facts)
        return fail("{}: {}", device, facts.error().message);
    facts->in_use = in_use_by(device);
    facts->huge_pages = fit_to_filesystem(huge_page_verdict(device), facts->volume.super.align_blocks);
    return Page{device, std::move(image), *std::move(facts)};
}

Result<Page> look_until_sound(const std::string& device) {
    for (int left = kLooks;; --left) {
        auto page = look(device);
        if (left == 1 || !page || !page->facts.in_use || !page->facts.is_damaged())
            return page;
        std::this_thread::sleep_for(kBetweenLooks);
    }
}

std::string size_text(std::uint64_t blocks) {
    return format_size(blocks * DAXFS_BLOCK_SIZE);
}

std::string uuid_text(const daxfs_super& super) {
    return format_uuid(std::as_bytes(std::span(super.uuid)));
}

std::string feature_text(const daxfs_super& super) {
    if (super.compat == 0 && super.ro_compat == 0 && super.incompat == 0)
        return "no features";
    return fmt::format("features {:#x}, read-only {:#x}, incompatible {:#x}", std::uint32_t{super.compat},
                       std::uint32_t{super.ro_compat}, std::uint32_t{super.incompat});
}

// Rows of the page.
class Rows {
  public:
    explicit Rows(Section& section) : section_(section) {}
    void add(const char* name, std::string value, std::string complaint = {}) {
        Row row{.name = name, .value = std::move(value), .target = std::nullopt, .remark = std::move(complaint)};
        row.wrong = !row.remark.empty();
        section_.rows.push_back(std::move(row));
    }

  private:
    Section& section_;
};

void add_identity(Rows& rows, const Facts& facts) {
    const daxfs_super& super = facts.volume.super;
    const auto created = static_cast<std::int64_t>(std::uint64_t{super.created_sec});
    const std::string time = format_time(created);
    rows.add("label", facts.label.empty() ? "none" : printable(facts.label));
    rows.add("UUID", uuid_text(super));
    rows.add("version", fmt::format("{}, {}", std::uint32_t{super.version}, feature_text(super)));
    rows.add("created", time.empty() ? fmt::format("{} s after 1970", created) : time);
}

std::string passed_over(const Volume& volume) {
    if (!volume.primary_damage)
        return {};
    return fmt::format("{}; {}", describe(*volume.primary_damage),
                       volume.super_block.value == 0 ? "used as put right" : "this copy is used");
}

void add_space(Rows& rows, const Facts& facts) {
    const Geometry& geometry = facts.volume.geometry;
    const Space& space = facts.space;
    rows.add("size", fmt::format("{}, {} blocks of 4096 bytes", size_text(geometry.block_count), geometry.block_count),
             facts.volume.missing_blocks == 0
                 ? ""
                 : fmt::format("the device lacks {} of them", facts.volume.missing_blocks));
    rows.add("fixed", fmt::format("{} in heads of groups and journals", size_text(space.fixed)));
    rows.add("used", size_text(space.used));
    rows.add("free", size_text(space.free));
    rows.add("reserved", fmt::format("{} for root", size_text(space.reserved)));
    rows.add("groups",
             fmt::format("{} of {}, {} in use", geometry.ag_count, size_text(geometry.ag_blocks()),
                         facts.volume.initialised_ags()),
             space.unknown_ags == 0
                 ? ""
                 : fmt::format("{} cannot be read: counted as used", counted(space.unknown_ags, "header", "headers")));
    rows.add("inodes",
             fmt::format("{} used, {} free; each free block makes 8 more", space.inodes_used, space.inodes_free));
}

void add_state(Rows& rows, const Facts& facts) {
    const Geometry& geometry = facts.volume.geometry;
    std::string journals;
    if (!facts.damaged_journals.empty())
        journals = fmt::format("damaged: {}", fmt::join(facts.damaged_journals, ", "));
    else if (!facts.in_use && !facts.uncommitted_journals.empty())
        journals =
            fmt::format("{} to undo, in journal {}", counted(facts.uncommitted_journals.size(), "open transaction"),
                        fmt::join(facts.uncommitted_journals, ", "));
    rows.add("journals", fmt::format("{} of {}", geometry.journal_count, size_text(geometry.journal_blocks)), journals);
    if (!facts.in_use)
        rows.add("recovery", facts.needs_recovery() ? "needed" : "not needed",
                 facts.space.orphan_groups == 0 ? "" : "unlinked files, or long operations, to finish");
    const bool cut_off = facts.repair == Repair::kCutOff;
    rows.add("repair",
             facts.repair == Repair::kNone ? "none open"
             : cut_off                     ? "cut off"
                                           : "open",
             cut_off ? "what is shown may be half of it" : facts.repair_detail);
    rows.add("state", facts.errors_seen() ? "errors" : "no errors seen",
             facts.errors_seen() ? "damage was found since the last fsck.daxfs" : "");
}

void add_device(Rows& rows, const Facts& facts) {
    rows.add("huge pages", fmt::format("{}: {}", answer_name(facts.huge_pages.answer), facts.huge_pages.reason));
    if (!facts.huge_pages.command.empty())
        rows.add("to fix it", facts.huge_pages.command);
    rows.add("in use", facts.in_use ? printable(*facts.in_use) : "no");
}

void print_text(cli::Streams& streams, const CommandLine& line, const Page& page) {
    const Facts& facts = page.facts;
    Section section;
    section.title = printable(line.path == page.device ? page.device : line.path + " on " + page.device);
    Rows rows(section);
    add_identity(rows, facts);
    rows.add("superblock", fmt::format("block {}", facts.volume.super_block), passed_over(facts.volume));
    add_space(rows, facts);
    add_state(rows, facts);
    add_device(rows, facts);
    if (const std::string text = advice(facts, page.device); !text.empty())
        section.problem(printable(text));
    write_text(streams.out, section, {.color = streams.color});
}

void print_json(cli::Streams& streams, const CommandLine& line, const Page& page, int code) {
    const Facts& facts = page.facts;
    const daxfs_super& super = facts.volume.super;
    const Geometry& geometry = facts.volume.geometry;
    const Space& space = facts.space;
    cli::Json recovery;  // null: not to be known while it is in use
    if (!facts.in_use)
        recovery = facts.needs_recovery();
    cli::Json json{{"path", line.path},
                   {"device", page.device},
                   {"exit", code},
                   {"label", facts.label},
                   {"uuid", uuid_text(super)},
                   {"format_version", std::uint32_t{super.version}},
                   {"compat", std::uint32_t{super.compat}},
                   {"ro_compat", std::uint32_t{super.ro_compat}},
                   {"incompat", std::uint32_t{super.incompat}},
                   {"created", static_cast<std::int64_t>(std::uint64_t{super.created_sec})},
                   {"superblock", facts.volume.super_block.value},
                   {"superblock_damage", facts.volume.primary_damage ? describe(*facts.volume.primary_damage) : ""},
                   {"block_size", DAXFS_BLOCK_SIZE},
                   {"blocks", geometry.block_count},
                   {"missing_blocks", facts.volume.missing_blocks},
                   {"fixed_blocks", space.fixed},
                   {"used_blocks", space.used},
                   {"free_blocks", space.free},
                   {"reserved_blocks", space.reserved},
                   {"align_blocks", geometry.align_blocks},
                   {"ags", geometry.ag_count},
                   {"ag_blocks", geometry.ag_blocks()},
                   {"initialised_ags", facts.volume.initialised_ags()},
                   {"unknown_ags", space.unknown_ags},
                   {"inodes_used", space.inodes_used},
                   {"inodes_free", space.inodes_free},
                   {"journals", geometry.journal_count},
                   {"journal_blocks", geometry.journal_blocks},
                   {"uncommitted_journals", facts.uncommitted_journals},
                   {"damaged_journals", facts.damaged_journals},
                   {"orphan_groups", space.orphan_groups},
                   {"needs_recovery", recovery},
                   {"repair", repair_name(facts.repair)},
                   {"errors_seen", facts.errors_seen()},
                   {"damaged", facts.is_damaged()},
                   {"in_use", facts.in_use.value_or("")},
                   {"huge_pages", json_of(facts.huge_pages)},
                   {"to_do", advice(facts, page.device)}};
    cli::write_json(streams.out, {"daxfs.info", 1, kProgram.name}, json);
}

}  // namespace

void declare_options(CLI::App& app, CommandLine& line) {
    app.description("Shows one page about a daxfs filesystem; changes nothing.");
    app.set_version_flag("-V,--version", cli::version_line("daxfs-info"));
    app.add_option("device", line.path, "Block device, image file or mount point")->type_name("DEVICE")->required();
    app.add_flag("--json", line.json, "Report as JSON");
    app.footer("Exit status: 0 well, 1 something is to be done, 2 usage, 8 nothing can be shown.");
}

int info_tool(cli::Args args, cli::Streams& streams) {
    CLI::App app{"", "daxfs-info"};
    CommandLine line;
    declare_options(app, line);
    if (const auto code = cli::parse(app, args, streams, kExitUsage))
        return *code;
    const auto page = look_until_sound(device_of(line.path));
    if (!page)
        return cli::complain(streams, kProgram.name, line.json, kExitTrouble, page.error().message);
    const int code = advice(page->facts, page->device).empty() ? kExitWell : kExitToDo;
    if (line.json)
        print_json(streams, line, *page, code);
    else
        print_text(streams, line, *page);
    return code;
}

}  // namespace daxfs::info_page

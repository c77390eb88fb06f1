// SPDX-License-Identifier: GPL-2.0-or-later
// State of the view: what is selected, shown, and where one came from.
#include "cmd/daxdb/view.h"

#include <algorithm>

#include <fmt/format.h>

#include "cmd/daxdb/commands.h"
#include "lib/cli/text.h"
#include "lib/dump/block.h"
#include "lib/tree/directory.h"
#include "lib/tree/extent.h"
#include "lib/tree/inode.h"

namespace daxfs::daxdb {
namespace {

constexpr std::size_t kMaxChildren = 1000;  // of one item in the tree
constexpr std::size_t kMaxListed = 1000;    // extents or entries behind an inode
constexpr std::size_t kMaxHistory = 1000;
constexpr std::size_t kMaxPrompt = 4096;

Target block_target(std::uint64_t block) {
    return {Target::To::kBlock, block};
}
Target inode_target(std::uint64_t ino) {
    return {Target::To::kInode, ino};
}

TreeItem rest_item(int depth, std::string_view what) {
    return {.depth = depth, .label = fmt::format("... more {}: press g", what), .target = std::nullopt};
}

}  // namespace

View::View(const Session& session) : session_(session) {
    const Volume& volume = session.volume;
    tree_.push_back({.depth = 0, .label = "superblock", .target = block_target(volume.super_block.value)});
    tree_.push_back({.depth = 0, .label = "repair intent A", .target = block_target(DAXFS_INTENT_BLOCK_A)});
    tree_.push_back({.depth = 0, .label = "repair intent B", .target = block_target(DAXFS_INTENT_BLOCK_B)});
    if (volume.initialised_ags() > 0) {
        tree_.push_back(
            {.depth = 0,
             .label = fmt::format("allocation groups ({} of {})", volume.initialised_ags(), volume.super.ag_count),
             .target = std::nullopt,
             .children = TreeItem::Children::kAgs});
        tree_.push_back({.depth = 0,
                         .label = fmt::format("journals ({})", volume.geometry.journal_count),
                         .target = std::nullopt,
                         .children = TreeItem::Children::kJournals});
        tree_.push_back({.depth = 0,
                         .label = "/",
                         .target = inode_target(volume.super.root_ino),
                         .children = TreeItem::Children::kDirectory,
                         .number = volume.super.root_ino});
    }
    message_ = session.warning;
    load({.target = *tree_[0].target});
}

void View::press(KeyPress key) {
    if (prompt_)
        return press_in_prompt(key);
    message_.clear();
    if (key.key == Key::kTab) {
        tree_focused_ = !tree_focused_;
    } else if (key.key == Key::kBackspace) {
        back();
    } else if (key.key == Key::kCharacter) {
        switch (key.character) {
            case 'q':
                done_ = true;
                break;
            case 'g':
                prompt_.emplace();
                break;
            case 'b':
                back();
                break;
            case 'f':
                forward();
                break;
            case '?':
                message_ = "arrows move, Tab other pane, Enter follow, Backspace/b back, f forward, g go to, q quit";
                break;
            default:
                break;
        }
    } else if (tree_focused_) {
        press_in_tree(key);
    } else {
        press_in_fields(key);
    }
}

void View::press_in_prompt(KeyPress key) {
    switch (key.key) {
        case Key::kEscape:
            prompt_.reset();
            break;
        case Key::kEnter:
            go(*std::exchange(prompt_, std::nullopt));
            break;
        case Key::kBackspace:
            if (!prompt_->empty())
                prompt_->pop_back();
            break;
        case Key::kCharacter:
            if (prompt_->size() < kMaxPrompt)
                prompt_->push_back(key.character);
            break;
        default:
            break;
    }
}

void View::press_in_tree(KeyPress key) {
    TreeItem& item = tree_[tree_pane_.selected];
    const bool has_children = item.children != TreeItem::Children::kNone;
    switch (key.key) {
        case Key::kEnter:
            if (item.target)
                follow(*item.target);
            if (has_children)
                toggle(tree_pane_.selected);
            break;
        case Key::kRight:
            if (has_children && !item.expanded)
                toggle(tree_pane_.selected);
            break;
        case Key::kLeft:
            if (item.expanded) {
                toggle(tree_pane_.selected);
            } else {
                while (tree_pane_.selected > 0 && tree_[tree_pane_.selected].depth >= item.depth && item.depth > 0)
                    --tree_pane_.selected;
            }
            break;
        default:
            move(tree_pane_, tree_.size(), key.key);
    }
}

void View::press_in_fields(KeyPress key) {
    if (key.key != Key::kEnter)
        return move(fields_pane_, fields_.size(), key.key);
    if (fields_.empty())
        return;
    const auto target = fields_[fields_pane_.selected].target;
    if (target)
        follow(*target);
    else
        message_ = "no pointer here";
}

void View::move(Pane& pane, std::size_t count, Key key) const {
    const auto page = static_cast<std::size_t>(std::max(page_, 1));
    const std::size_t last = count == 0 ? 0 : count - 1;
    switch (key) {
        case Key::kUp:
            pane.selected -= pane.selected > 0 ? 1 : 0;
            break;
        case Key::kDown:
            pane.selected = std::min(pane.selected + 1, last);
            break;
        case Key::kPageUp:
            pane.selected -= std::min(page, pane.selected);
            break;
        case Key::kPageDown:
            pane.selected = std::min(pane.selected + page, last);
            break;
        case Key::kHome:
            pane.selected = 0;
            break;
        case Key::kEnd:
            pane.selected = last;
            break;
        default:
            break;
    }
}

// "block 5", "inode /a", "ag 1", "journal 0"; a bare number is a block, a bare path an inode.
void View::go(const std::string& where) {
    const auto words = split_words(where);
    if (!words) {
        message_ = words.error().message;
        return;
    }
    if (words->empty())
        return;
    const bool bare = words->size() == 1;
    const std::string& text = words->back();
    const std::string what = bare ? (text.starts_with('/') ? "inode" : "block") : words->front();
    const auto number = what == "inode" ? parse_inode(session_, text) : parse_number(text);
    const Geometry& geometry = session_.volume.geometry;
    if (!number)
        message_ = number.error().message;
    else if (what == "inode")
        follow(inode_target(*number));
    else if (what == "block")
        follow(block_target(*number));
    else if (what == "ag" && *number < session_.volume.initialised_ags())
        follow(block_target(geometry.ag_header(AgNo{*number}).value));
    else if (what == "journal" && *number < geometry.journal_count)
        follow(block_target(geometry.journal_slot(static_cast<std::uint32_t>(*number)).value));
    else
        message_ = fmt::format("no {} {}", what, *number);
}

void View::follow(const Target& target) {
    if (target == here_.target) {
        message_ = "already here";
        return;
    }
    here_.line = fields_pane_.selected;
    back_.push_back(here_);
    if (back_.size() > kMaxHistory)
        back_.erase(back_.begin());
    forward_.clear();
    load({.target = target});
}

void View::back() {
    if (back_.empty()) {
        message_ = "nothing to go back to";
        return;
    }
    here_.line = fields_pane_.selected;
    forward_.push_back(here_);
    const Place place = back_.back();
    back_.pop_back();
    load(place);
}

void View::forward() {
    if (forward_.empty()) {
        message_ = "nothing to go forward to";
        return;
    }
    here_.line = fields_pane_.selected;
    back_.push_back(here_);
    const Place place = forward_.back();
    forward_.pop_back();
    load(place);
}

void View::load(const Place& place) {
    here_ = place;
    fields_.clear();
    bytes_ = nullptr;
    if (place.target.to == Target::To::kBlock)
        load_block(BlockNo{place.target.number});
    else
        load_inode(InodeNo{place.target.number});
    fields_pane_ = {.selected = fields_.empty() ? 0 : std::min(place.line, fields_.size() - 1), .top = 0};
}

void View::load_block(BlockNo block) {
    const DecodedBlock decoded = decode_block(session_.volume, block);
    title_ = decoded.title;
    bytes_ = decoded.bytes;
    add_sections(decoded.sections);
}

void View::load_inode(InodeNo number) {
    const InodeReading reading = read_inode(session_.volume, number);
    if (reading.raw == nullptr) {
        title_ = fmt::format("inode {}", number);
        heading(describe(*reading.damage), true);
        return;
    }
    const Section section = decode_inode(session_.volume, number, *reading.raw);
    title_ = section.title;
    bytes_ = session_.image->try_block(session_.volume.block_of(number));
    add_sections({section});
    add_files_of(*reading.raw);
}

void View::heading(std::string text, bool wrong) {
    fields_.push_back({.name = "", .value = std::move(text), .remark = "", .wrong = wrong, .target = std::nullopt});
}

void View::add_sections(const std::vector<Section>& sections) {
    for (const Section& section : sections) {
        if (sections.size() > 1)
            heading(section.title);
        for (const Row& row : section.rows)
            fields_.push_back({.name = row.name,
                               .value = row.value,
                               .remark = row.remark,
                               .wrong = row.wrong,
                               .offset = row.offset,
                               .size = row.size,
                               .target = row.target});
        for (const std::string& problem : section.problems)
            heading(problem, true);
    }
}

// The entries of a directory or, of a file with a tree, its extents: what the inode is for.
void View::add_files_of(const daxfs_inode& inode) {
    const std::size_t before = fields_.size();
    const auto room = [&] { return fields_.size() < before + kMaxListed; };
    if (inode.format == DAXFS_FORMAT_DIRECTORY) {
        heading("entries");
        DirectoryCursor cursor(session_.volume, inode);
        while (const auto entry = room() ? cursor.next() : std::nullopt)
            fields_.push_back({.name = quote(entry->name),
                               .value = fmt::format("inode {}", entry->ino),
                               .remark = "",
                               .target = inode_target(entry->ino.value)});
        for (const Damage& damage : cursor.damage())
            heading(describe(damage), true);
    } else if (inode.format == DAXFS_FORMAT_EXTENT_TREE) {
        heading("extents");
        ExtentCursor cursor(session_.volume, inode);
        while (const auto extent = room() ? cursor.next() : std::nullopt)
            fields_.push_back(
                {.name = fmt::format("{}", extent->file_block),
                 .value = fmt::format("block {}, {}{}", extent->disk_block, cli::counted(extent->length, "block"),
                                      extent->unwritten ? ", unwritten" : ""),
                 .remark = "",
                 .target = block_target(extent->disk_block.value)});
        for (const Damage& damage : cursor.damage())
            heading(describe(damage), true);
    }
}

void View::toggle(std::size_t index) {
    TreeItem& item = tree_[index];
    const auto first = tree_.begin() + static_cast<std::ptrdiff_t>(index) + 1;
    item.expanded = !item.expanded;
    if (!item.expanded) {
        const auto last = std::find_if(first, tree_.end(), [&](const TreeItem& i) { return i.depth <= item.depth; });
        tree_.erase(first, last);
        return;
    }
    const std::vector<TreeItem> children = children_of(item);
    tree_.insert(first, children.begin(), children.end());
}

std::vector<TreeItem> View::children_of(const TreeItem& item) const {
    const Geometry& geometry = session_.volume.geometry;
    std::vector<TreeItem> items;
    const int depth = item.depth + 1;
    switch (item.children) {
        case TreeItem::Children::kNone:
            break;
        case TreeItem::Children::kAgs:
            for (std::uint64_t ag = 0; ag < session_.volume.initialised_ags() && items.size() < kMaxChildren; ++ag)
                items.push_back({.depth = depth,
                                 .label = fmt::format("AG {}", ag),
                                 .target = block_target(geometry.ag_header(AgNo{ag}).value),
                                 .children = TreeItem::Children::kAg,
                                 .number = ag});
            if (session_.volume.initialised_ags() > kMaxChildren)
                items.push_back(rest_item(depth, "AGs"));
            break;
        case TreeItem::Children::kAg:
            add_ag_children(items, item);
            break;
        case TreeItem::Children::kJournals:
            for (std::uint32_t id = 0; id < geometry.journal_count; ++id)
                items.push_back({.depth = depth,
                                 .label = fmt::format("journal {}", id),
                                 .target = block_target(geometry.journal_slot(id).value)});
            break;
        case TreeItem::Children::kDirectory:
            add_directory_children(items, item);
            break;
    }
    return items;
}

void View::add_ag_children(std::vector<TreeItem>& items, const TreeItem& item) const {
    const Geometry& geometry = session_.volume.geometry;
    const AgNo ag{item.number};
    const int depth = item.depth + 1;
    items.push_back({.depth = depth, .label = "superblock copy", .target = block_target(geometry.ag_start(ag).value)});
    const auto add = [&](const char* name, BlockNo first, std::uint32_t blocks) {
        for (std::uint32_t i = 0; i < blocks; ++i)
            items.push_back({.depth = depth,
                             .label = blocks == 1 ? std::string(name) : fmt::format("{} {}", name, i),
                             .target = block_target((first + i).value)});
    };
    add("block bitmap", geometry.bitmap(ag), geometry.bitmap_blocks());
    add("inode map", geometry.inode_map(ag), geometry.bitmap_blocks());
    add("orphan map", geometry.orphan_map(ag), geometry.orphan_map_blocks());
}

void View::add_directory_children(std::vector<TreeItem>& items, const TreeItem& item) const {
    const int depth = item.depth + 1;
    const InodeReading reading = read_inode(session_.volume, InodeNo{item.number});
    if (reading.raw == nullptr || !is_directory(*reading.raw)) {
        items.push_back({.depth = depth, .label = "(damaged)", .target = std::nullopt});
        return;
    }
    DirectoryCursor cursor(session_.volume, *reading.raw);
    while (const auto entry = cursor.next()) {
        if (items.size() == kMaxChildren) {
            items.push_back(rest_item(depth, "entries"));
            return;
        }
        const bool directory = entry->type == DAXFS_DIRENT_DIR;
        const std::string quoted = quote(entry->name);
        items.push_back({.depth = depth,
                         .label = quoted.substr(1, quoted.size() - 2) + (directory ? "/" : ""),
                         .target = inode_target(entry->ino.value),
                         .children = directory ? TreeItem::Children::kDirectory : TreeItem::Children::kNone,
                         .number = entry->ino.value});
    }
    if (items.empty())
        items.push_back(
            {.depth = depth, .label = cursor.damage_count() == 0 ? "(empty)" : "(damaged)", .target = std::nullopt});
}

}  // namespace daxfs::daxdb

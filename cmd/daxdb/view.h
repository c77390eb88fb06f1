// SPDX-License-Identifier: GPL-2.0-or-later
// The full-screen view without a terminal: keys go in, a grid of cells comes out.
//
// Left a tree (superblock, repair intents, allocation groups, journals, directories), right the decoded fields of one
// block or inode beside its bytes. Enter follows the pointer in the selected field, Backspace goes back.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cmd/daxdb/grid.h"
#include "cmd/daxdb/session.h"
#include "lib/dump/section.h"

namespace daxfs::daxdb {

enum class Key : std::uint8_t {
    kUp,
    kDown,
    kLeft,
    kRight,
    kPageUp,
    kPageDown,
    kHome,
    kEnd,
    kEnter,
    kBackspace,
    kTab,
    kEscape,
    kCharacter,  // `character` says which
    kOther,
};

struct KeyPress {
    Key key = Key::kOther;
    char character = '\0';
};

// One line of the left pane.
struct TreeItem {
    enum class Children : std::uint8_t { kNone, kAgs, kAg, kJournals, kDirectory };
    int depth = 0;
    std::string label;
    std::optional<Target> target;  // shown on Enter
    Children children = Children::kNone;
    std::uint64_t number = 0;  // AG or inode that the children belong to
    bool expanded = false;
};

// One line of the fields.
struct FieldLine {
    std::string name;  // empty: a heading
    std::string value;
    std::string remark;
    bool wrong = false;
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
    std::optional<Target> target;
};

class View {
  public:
    explicit View(const Session& session);

    void press(KeyPress key);
    bool done() const { return done_; }
    // Any size, 0 x 0 included. Pages scroll by the height last drawn.
    Grid render(int width, int height);

    const std::string& title() const { return title_; }

  private:
    struct Place {
        Target target;
        std::size_t line = 0;
    };
    struct Pane {
        std::size_t selected = 0;
        std::size_t top = 0;
    };

    void press_in_prompt(KeyPress key);
    void press_in_tree(KeyPress key);
    void press_in_fields(KeyPress key);
    void move(Pane& pane, std::size_t count, Key key) const;

    void go(const std::string& where);
    void follow(const Target& target);
    void back();
    void forward();
    void load(const Place& place);
    void load_block(BlockNo block);
    void load_inode(InodeNo number);
    void add_sections(const std::vector<Section>& sections);
    void add_files_of(const daxfs_inode& inode);
    void heading(std::string text, bool wrong = false);

    void toggle(std::size_t index);
    std::vector<TreeItem> children_of(const TreeItem& item) const;
    void add_ag_children(std::vector<TreeItem>& items, const TreeItem& item) const;
    void add_directory_children(std::vector<TreeItem>& items, const TreeItem& item) const;

    void draw_tree(Grid& grid, int x, int y, int width, int height);
    void draw_fields(Grid& grid, int x, int y, int width, int height);
    void draw_hex(Grid& grid, int x, int y, int width, int height) const;
    void draw_right(Grid& grid, int x, int width, int height);
    std::string status() const;

    const Session& session_;
    std::vector<TreeItem> tree_;
    Pane tree_pane_;
    std::vector<FieldLine> fields_;
    Pane fields_pane_;
    std::string title_;
    const std::byte* bytes_ = nullptr;  // of the block on the right
    Place here_;
    std::vector<Place> back_;
    std::vector<Place> forward_;
    bool tree_focused_ = true;
    std::optional<std::string> prompt_;
    std::string message_;
    int page_ = 10;
    bool done_ = false;
};

}  // namespace daxfs::daxdb

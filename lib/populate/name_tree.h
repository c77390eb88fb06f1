// SPDX-License-Identifier: GPL-2.0-or-later
// The names of a filesystem while entries come in any order, twice, or are taken away again: about 50 bytes and the
// name each.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "lib/base/siphash.h"
#include "lib/base/strong.h"
#include "lib/make/new_inodes.h"

namespace daxfs {

class NameTree {
  public:
    using Id = std::uint32_t;
    static constexpr Id kNone = ~Id{0};
    static constexpr Id kRoot = 0;

    struct Node {
        const char* name = nullptr;
        InodeNo ino;
        Id parent = kNone;
        Id first_child = kNone;
        Id next = kNone;  // sibling
        Id previous = kNone;
        std::uint32_t layer = 0;  // the last that had an entry for it
        std::uint16_t type = 0;   // S_IFMT; 0: not in use
        std::uint8_t name_length = 0;
        bool pinned = false;  // it stays: the root, lost+found

        std::string_view text() const { return {name, name_length}; }
    };

    explicit NameTree(InodeNo root);

    Node& at(Id id) { return nodes_[id]; }
    // Ids are below this; those not in use have type 0.
    Id end() const { return static_cast<Id>(nodes_.size()); }

    Id find(Id parent, std::string_view name) const;
    // The parent is a directory that has no such name.
    Id add(Id parent, std::string_view name, std::uint16_t type, InodeNo ino);
    // It has no children.
    void remove(Id id);

  private:
    std::uint64_t hash(Id parent, std::string_view name) const;
    void index(Id id);
    void grow();

    std::deque<Node> nodes_;
    std::vector<Id> unused_;
    // Open addressing: kNone was never used, kGone was. A power of two, at most half of them used.
    static constexpr Id kGone = kNone - 1;
    std::vector<Id> slots_;
    std::size_t taken_ = 0;  // slots that are not kNone
    SipKey key_{};           // random: no archive can choose names that collide
    TextStore texts_;
};

}  // namespace daxfs

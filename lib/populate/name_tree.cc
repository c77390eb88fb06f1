// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/populate/name_tree.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <array>
#include <cstring>

#include "lib/format/daxfs_format.h"

namespace daxfs {

NameTree::NameTree(InodeNo root) : slots_(1024, kNone) {
    // Without random numbers it is slower for who wants it to be, and nothing else.
    static_cast<void>(getrandom(key_.data(), sizeof(key_), 0));
    nodes_.push_back({.ino = root, .type = S_IFDIR, .pinned = true});
}

std::uint64_t NameTree::hash(Id parent, std::string_view name) const {
    std::array<std::byte, sizeof(parent) + DAXFS_NAME_MAX> bytes;
    std::memcpy(bytes.data(), &parent, sizeof(parent));
    std::memcpy(bytes.data() + sizeof(parent), name.data(), name.size());
    return siphash24(key_, std::span(bytes).first(sizeof(parent) + name.size()));
}

NameTree::Id NameTree::find(Id parent, std::string_view name) const {
    for (std::uint64_t slot = hash(parent, name);; ++slot) {
        const Id id = slots_[slot % slots_.size()];
        if (id == kNone)
            return kNone;
        if (id != kGone && nodes_[id].parent == parent && nodes_[id].text() == name)
            return id;
    }
}

void NameTree::index(Id id) {
    std::uint64_t slot = hash(nodes_[id].parent, nodes_[id].text());
    while (slots_[slot % slots_.size()] != kNone)
        ++slot;
    slots_[slot % slots_.size()] = id;
    ++taken_;
}

void NameTree::grow() {
    const std::size_t used = nodes_.size() - unused_.size();
    std::vector<Id>(used * 4 > slots_.size() ? slots_.size() * 2 : slots_.size(), kNone).swap(slots_);
    taken_ = 0;
    for (Id id = kRoot + 1; id < end(); ++id) {
        if (nodes_[id].type != 0)
            index(id);
    }
}

NameTree::Id NameTree::add(Id parent, std::string_view name, std::uint16_t type, InodeNo ino) {
    if ((taken_ + 1) * 2 > slots_.size())
        grow();
    Id id = end();
    if (unused_.empty()) {
        nodes_.emplace_back();
    } else {
        id = unused_.back();
        unused_.pop_back();
    }
    const Id next = nodes_[parent].first_child;
    nodes_[id] = {.name = texts_.keep(name),
                  .ino = ino,
                  .parent = parent,
                  .next = next,
                  .type = type,
                  .name_length = static_cast<std::uint8_t>(name.size())};
    nodes_[parent].first_child = id;
    if (next != kNone)
        nodes_[next].previous = id;
    index(id);
    return id;
}

void NameTree::remove(Id id) {
    const Node& node = nodes_[id];
    std::uint64_t slot = hash(node.parent, node.text());
    while (slots_[slot % slots_.size()] != id)
        ++slot;
    slots_[slot % slots_.size()] = kGone;
    if (node.previous == kNone)
        nodes_[node.parent].first_child = node.next;
    else
        nodes_[node.previous].next = node.next;
    if (node.next != kNone)
        nodes_[node.next].previous = node.previous;
    nodes_[id] = {};
    unused_.push_back(id);
}

}  // namespace daxfs

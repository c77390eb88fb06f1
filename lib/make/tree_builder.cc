// SPDX-License-Identifier: GPL-2.0-or-later
//
// Level by level: leaves first, then index nodes over them until their number fits the inode's fork. A node's low_key
// is the key of its entry in the parent; that of the leftmost node of each level is 0.
#include "lib/make/tree_builder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "lib/base/checked.h"

namespace daxfs {
namespace {

struct Child {
    std::uint64_t key;
    BlockNo block;
};

class Node {
  public:
    Node(std::uint32_t magic, unsigned level, const TreeTarget& target) : target_(target) {
        header().magic = magic;
        header().level = static_cast<std::uint16_t>(level);
        header().owner = target.owner.value;
        header().owner_generation = target.generation;
    }

    daxfs_node_header& header() { return *reinterpret_cast<daxfs_node_header*>(bytes_.data()); }
    std::byte* body() { return bytes_.data() + sizeof(daxfs_node_header); }

    // Gives the node a place and a checksum, and writes it.
    Result<Child> write(std::uint64_t low_key, std::size_t count) {
        DAXFS_TRY_ASSIGN(const BlockNo block, target_.allocate());
        header().block = block.value;
        header().low_key = low_key;
        header().count = static_cast<std::uint16_t>(count);
        header().crc = node_checksum(target_.seed, bytes_);
        DAXFS_TRY(target_.sink->write(block, bytes_));
        return Child{low_key, block};
    }

  private:
    const TreeTarget& target_;
    alignas(64) std::array<std::byte, DAXFS_BLOCK_SIZE> bytes_{};
};

// A piece of `left` entries out of those that are left, so that the last node of a level is not a tiny one.
std::size_t piece(std::size_t left, std::size_t most) {
    if (left <= most)
        return left;
    return left < 2 * most ? left - left / 2 : most;
}

void store_index(daxfs_index_entry* to, std::span<const Child> children) {
    for (std::size_t i = 0; i < children.size(); ++i) {
        to[i].key = children[i].key;
        to[i].block = children[i].block.value;
    }
}

Result<std::vector<Child>> build_index_level(std::uint32_t magic, unsigned level, const TreeTarget& target,
                                             std::span<const Child> children) {
    std::vector<Child> nodes;
    while (!children.empty()) {
        const auto part = children.first(piece(children.size(), DAXFS_NODE_INDEX));
        Node node(magic, level, target);
        store_index(reinterpret_cast<daxfs_index_entry*>(node.body()), part);
        DAXFS_TRY_ASSIGN(const Child written, node.write(part.front().key, part.size()));
        nodes.push_back(written);
        children = children.subspan(part.size());
    }
    return nodes;
}

Result<TreeRoot> build_over(std::uint32_t magic, daxfs_inode_format format, const TreeTarget& target,
                            std::vector<Child> nodes) {
    TreeRoot root;
    root.format = static_cast<std::uint8_t>(format);
    root.height = 1;
    root.node_blocks = nodes.size();
    while (nodes.size() > DAXFS_FORK_INDEX) {
        if (root.height == DAXFS_MAX_TREE_HEIGHT)
            return fail("the tree of inode {} would be higher than {}", target.owner, DAXFS_MAX_TREE_HEIGHT);
        DAXFS_TRY_ASSIGN(nodes, build_index_level(magic, root.height, target, nodes));
        root.node_blocks += nodes.size();
        ++root.height;
    }
    root.fork_count = static_cast<std::uint16_t>(nodes.size());
    store_index(root.fork.index, nodes);
    return root;
}

std::size_t record_bytes(const NewDirent& entry) {
    return round_up<std::size_t>(sizeof(daxfs_dirent) + entry.name.size(), 8);
}

// How many of `entries` fit one leaf.
std::size_t entries_in_leaf(std::span<const NewDirent> entries) {
    std::size_t used = DAXFS_DIR_LEAF_START;
    std::size_t count = 0;
    while (count < entries.size() && used + record_bytes(entries[count]) <= DAXFS_BLOCK_SIZE)
        used += record_bytes(entries[count++]);
    return count;
}

void seal_dirent(ChecksumSeed seed, std::byte* record) {
    auto& raw = *reinterpret_cast<daxfs_dirent*>(record);
    raw.crc = dirent_checksum(seed, {record, sizeof(raw) + raw.name_length});
}

void store_dirent(ChecksumSeed seed, std::byte* record, const NewDirent& entry, std::size_t length) {
    auto& raw = *reinterpret_cast<daxfs_dirent*>(record);
    raw.length = static_cast<std::uint16_t>(length);
    raw.name_length = static_cast<std::uint8_t>(entry.name.size());
    raw.type = entry.type;
    raw.key = entry.key;
    raw.ino = entry.ino.value;
    std::memcpy(record + sizeof(raw), entry.name.data(), entry.name.size());
    seal_dirent(seed, record);
}

// The rest of a leaf becomes a free record, or belongs to the last entry where it is too small for one.
void store_leaf(ChecksumSeed seed, std::byte* block, std::span<const NewDirent> entries) {
    std::size_t offset = DAXFS_DIR_LEAF_START;
    for (const NewDirent& entry : entries) {
        std::size_t length = record_bytes(entry);
        const std::size_t rest = DAXFS_BLOCK_SIZE - offset - length;
        if (&entry == &entries.back() && rest < sizeof(daxfs_dirent))
            length += rest;
        store_dirent(seed, block + offset, entry, length);
        offset += length;
    }
    if (offset == DAXFS_BLOCK_SIZE)
        return;
    auto& free = *reinterpret_cast<daxfs_dirent*>(block + offset);
    free.length = static_cast<std::uint16_t>(DAXFS_BLOCK_SIZE - offset);
    seal_dirent(seed, block + offset);
}

bool by_hash_then_name(const NewDirent& a, const NewDirent& b) {
    return a.key != b.key ? a.key < b.key : a.name < b.name;
}

}  // namespace

void TreeRoot::store_in(daxfs_inode& inode) const {
    inode.format = format;
    inode.tree_height = height;
    inode.fork_count = fork_count;
    inode.fork = fork;
}

Result<TreeRoot> build_extent_tree(const TreeTarget& target, std::span<const daxfs_extent> extents) {
    if (extents.size() <= DAXFS_FORK_EXTENTS) {
        TreeRoot root;
        root.format = DAXFS_FORMAT_EXTENTS;
        root.fork_count = static_cast<std::uint16_t>(extents.size());
        std::copy(extents.begin(), extents.end(), root.fork.extents);
        return root;
    }
    std::vector<Child> leaves;
    while (!extents.empty()) {
        const auto part = extents.first(piece(extents.size(), DAXFS_NODE_EXTENTS));
        Node node(DAXFS_EXTENT_NODE_MAGIC, 0, target);
        std::memcpy(node.body(), part.data(), part.size_bytes());
        const std::uint64_t low_key = leaves.empty() ? 0 : std::uint64_t{part.front().file_block};
        DAXFS_TRY_ASSIGN(const Child leaf, node.write(low_key, part.size()));
        leaves.push_back(leaf);
        extents = extents.subspan(part.size());
    }
    return build_over(DAXFS_EXTENT_NODE_MAGIC, DAXFS_FORMAT_EXTENT_TREE, target, std::move(leaves));
}

Result<TreeRoot> build_directory_tree(const TreeTarget& target, std::span<const NewDirent> entries) {
    if (entries.empty()) {
        TreeRoot root;
        root.format = DAXFS_FORMAT_DIRECTORY;
        return root;
    }
    // The length of a name is stored in a byte.
    const auto long_one = std::ranges::find_if(entries, [](const auto& e) { return e.name.size() > DAXFS_NAME_MAX; });
    if (long_one != entries.end())
        return fail("a name of {} bytes in the directory {}", long_one->name.size(), target.owner);
    std::vector<Child> leaves;
    while (!entries.empty()) {
        const auto part = entries.first(entries_in_leaf(entries));
        Node node(DAXFS_DIR_NODE_MAGIC, 0, target);
        auto* block = reinterpret_cast<std::byte*>(&node.header());
        store_leaf(target.seed, block, part);
        DAXFS_TRY_ASSIGN(const Child leaf, node.write(leaves.empty() ? 0 : part.front().key, part.size()));
        leaves.push_back(leaf);
        entries = entries.subspan(part.size());
    }
    return build_over(DAXFS_DIR_NODE_MAGIC, DAXFS_FORMAT_DIRECTORY, target, std::move(leaves));
}

Result<void> assign_keys(const daxfs_super& super, std::span<NewDirent> entries) {
    for (NewDirent& entry : entries)
        entry.key = directory_key(super, std::as_bytes(std::span(entry.name)));
    std::sort(entries.begin(), entries.end(), by_hash_then_name);
    std::uint64_t hash = 0;
    std::uint64_t ordinal = 0;
    for (NewDirent& entry : entries) {
        ordinal = entry.key == hash ? ordinal + 1 : 0;
        hash = entry.key;
        if (ordinal >> DAXFS_DIR_KEY_HASH_SHIFT != 0)
            return fail("too many names of inode's directory share one hash");
        entry.key = hash | ordinal;
    }
    return {};
}

}  // namespace daxfs

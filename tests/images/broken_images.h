// SPDX-License-Identifier: GPL-2.0-or-later
// The broken images: a rich image and one named piece of damage each, with the problem that fsck.daxfs must call it by.
#pragma once

#include <functional>
#include <vector>

#include "lib/check/problem.h"
#include "lib/tree/ag.h"
#include "tests/images/rich_image.h"

namespace daxfs::test {

struct BrokenImage {
    const char* name;
    Problem expected;
    std::function<void(ImageEditor&)> damage;
};

namespace broken {

using Edit = ImageEditor;

inline void change_inode(Edit& e, InodeNo ino, const std::function<void(daxfs_inode&)>& change) {
    change(e.inode(ino));
    e.seal_inode(ino);
}

inline void change_copy(Edit& e, const std::function<void(daxfs_super&)>& change) {
    auto& copy = e.at<daxfs_super>(e.volume().geometry.ag_start(AgNo{1}));
    change(copy);
    copy.crc = checksum(e.volume().seed, copy);
}

inline void change_entry(Edit& e, const std::string& name, const std::function<void(daxfs_dirent&)>& change) {
    const DirectoryEntry where = e.entry(e.rich().root, name);
    change(e.dirent(where));
    e.seal_dirent(where);
}

inline void change_header(Edit& e, const std::function<void(daxfs_ag_header&)>& change) {
    change(e.header(AgNo{0}));
    e.seal_header(AgNo{0});
}

inline void change_tree_leaf(Edit& e, const std::function<void(daxfs_node_header&)>& change) {
    const BlockNo leaf = e.node(e.rich().tree_file, TreeKind::kExtents, 0, 3);
    change(e.at<daxfs_node_header>(leaf));
    e.seal_node(leaf);
}

inline void change_tree_extent(Edit& e, const std::function<void(daxfs_extent&)>& change) {
    const BlockNo leaf = e.node(e.rich().tree_file, TreeKind::kExtents, 0, 3);
    change(e.leaf_extent(leaf, 5));
    e.seal_node(leaf);
}

inline void change_fork_extent(Edit& e, InodeNo ino, std::size_t index,
                               const std::function<void(daxfs_extent&)>& change) {
    change_inode(e, ino, [&](daxfs_inode& i) { change(i.fork.extents[index]); });
}

// Takes the entry out of its leaf, as the kernel would.
inline void remove_entry(Edit& e, InodeNo directory, const std::string& name) {
    const DirectoryEntry where = e.entry(directory, name);
    daxfs_dirent& raw = e.dirent(where);
    raw.type = DAXFS_DIRENT_FREE;
    raw.name_length = 0;
    raw.key = 0;
    raw.ino = 0;
    e.seal_dirent(where);
    auto& header = e.at<daxfs_node_header>(where.leaf);
    header.count = static_cast<std::uint16_t>(header.count - 1);
    e.seal_node(where.leaf);
}

// Gives an entry the name and key of another one of its leaf, the key's ordinal raised by `ordinal`.
inline void repeat_entry(Edit& e, std::uint64_t ordinal) {
    DirectoryCursor cursor(e.volume(), *read_inode(e.volume(), e.rich().big_directory).raw);
    auto first = cursor.next();
    auto second = cursor.next();
    while (second->leaf != first->leaf || second->name.size() != first->name.size()) {
        first = std::move(second);
        second = cursor.next();
    }
    e.dirent(*second).key = first->key + ordinal;
    std::memcpy(&e.dirent(*second) + 1, first->name.data(), first->name.size());
    e.seal_dirent(*second);
}

// The inode has a long operation in progress, and recovery is led to it.
inline void announce(Edit& e, InodeNo ino, daxfs_inode_operation operation, std::uint64_t first, std::uint64_t count) {
    change_inode(e, ino, [&](daxfs_inode& i) {
        i.operation = static_cast<std::uint8_t>(operation);
        i.operation_arg[0] = first;
        i.operation_arg[1] = count;
    });
    const std::uint64_t in_ag = e.volume().block_of(ino) - e.volume().geometry.ag_start(AgNo{0});
    e.set_map_bit(MapKind::kOrphans, AgNo{0}, in_ag / DAXFS_ORPHAN_BLOCKS, true);
    change_header(e, [](daxfs_ag_header& h) { h.orphan_groups = 1; });
}

// What lies at or behind file block `first` moves up by `count` blocks in the file's tree, as the kernel leaves it
// between two steps of a collapse or insert.
inline void insert_hole(Edit& e, InodeNo ino, std::uint64_t first, std::uint64_t count) {
    const auto move = [&](daxfs_le64& key) {
        if (key != 0 && key >= first)
            key = key + count;
    };
    TreeCursor tree(e.volume(), TreeKind::kExtents, *read_inode(e.volume(), ino).raw);
    while (const auto node = tree.next()) {
        auto& header = e.at<daxfs_node_header>(node->block);
        move(header.low_key);
        for (std::size_t i = 0; i < header.count; ++i) {
            if (header.level == 0) {
                daxfs_le64& key = e.leaf_extent(node->block, i).file_block;
                key = key >= first ? key + count : std::uint64_t{key};
            } else {
                move(e.at<daxfs_index_entry>(node->block, sizeof(header) + i * sizeof(daxfs_index_entry)).key);
            }
        }
        e.seal_node(node->block);
    }
    change_inode(e, ino, [&](daxfs_inode& i) {
        for (std::size_t n = 0; n < i.fork_count; ++n)
            move(i.fork.index[n].key);
    });
}

// The last name is gone, and recovery is led to the inode.
inline void unlink(Edit& e, InodeNo ino, const std::string& name, const std::function<void(daxfs_inode&)>& change) {
    const bool directory = is_directory(e.inode(ino));
    change_inode(e, ino, [&](daxfs_inode& i) {
        i.nlink = 0;
        change(i);
    });
    remove_entry(e, e.rich().root, name);
    if (directory)
        change_inode(e, e.rich().root, [](daxfs_inode& i) { i.nlink = i.nlink - 1; });
    const std::uint64_t in_ag = e.volume().block_of(ino) - e.volume().geometry.ag_start(AgNo{0});
    e.set_map_bit(MapKind::kOrphans, AgNo{0}, in_ag / DAXFS_ORPHAN_BLOCKS, true);
    change_header(e, [](daxfs_ag_header& h) { h.orphan_groups = 1; });
}

inline std::uint64_t used_data_bit(const Edit& e) {
    const daxfs_inode& inode = *read_inode(e.volume(), e.rich().small_file).raw;
    return inode.fork.extents[0].disk_block - e.volume().geometry.ag_start(AgNo{0}).value;
}

inline BlockNo journal(const Edit& e) {
    return e.volume().geometry.journal_slot(1);
}

inline void flipped_bits(std::vector<BrokenImage>& list) {
    using P = Problem;
    list.insert(
        list.end(),
        {
            {"superblock-bit", P::kSuperDamaged,
             [](Edit& e) { e.flip(BlockNo{0}, offsetof(daxfs_super, label) + 1, 3); }},
            {"superblock-magic-bit", P::kSuperDamaged, [](Edit& e) { e.flip(BlockNo{0}, 0, 1); }},
            {"superblock-nonce-bit", P::kSuperDamaged,
             [](Edit& e) { e.flip(BlockNo{0}, offsetof(daxfs_super, nonce)); }},
            {"superblock-lost", P::kSuperDamaged,
             [](Edit& e) { std::memset(e.block(BlockNo{0}), 0, DAXFS_BLOCK_SIZE); }},
            {"superblock-copy-bit", P::kSuperCopyDamaged,
             [](Edit& e) { e.flip(e.volume().geometry.ag_start(AgNo{1}), 100); }},
            {"ag-header-bit", P::kAgHeaderDamaged, [](Edit& e) { e.flip(e.volume().geometry.ag_header(AgNo{0}), 40); }},
            {"inode-bit", P::kInodeDamaged,
             [](Edit& e) {
                 e.flip(e.volume().block_of(e.rich().small_file), e.volume().offset_of(e.rich().small_file) + 70, 4);
             }},
            {"link-count-bit", P::kInodeDamaged,
             [](Edit& e) {
                 e.flip(e.volume().block_of(e.rich().linked_file),
                        e.volume().offset_of(e.rich().linked_file) + offsetof(daxfs_inode, nlink));
             }},
            {"extent-leaf-bit", P::kExtentNodeDamaged,
             [](Edit& e) { e.flip(e.node(e.rich().tree_file, TreeKind::kExtents, 0, 2), 1000, 7); }},
            {"extent-index-bit", P::kExtentNodeDamaged,
             [](Edit& e) { e.flip(e.node(e.rich().tree_file, TreeKind::kExtents, 1), 70); }},
            {"extent-node-magic-bit", P::kExtentNodeDamaged,
             [](Edit& e) { e.flip(e.node(e.rich().tree_file, TreeKind::kExtents, 0), 0); }},
            {"directory-node-bit", P::kDirectoryNodeDamaged,
             [](Edit& e) { e.flip(e.node(e.rich().big_directory, TreeKind::kDirectory, 0, 4), 9); }},
            {"directory-entry-bit", P::kEntryDamaged,
             [](Edit& e) {
                 const DirectoryEntry where = e.entry(e.rich().big_directory, "name-00077-of-many");
                 e.flip(where.leaf, where.offset + sizeof(daxfs_dirent) + 2, 2);
             }},
            {"bitmap-bit-set", P::kMapChecksum,
             [](Edit& e) {
                 const std::uint64_t bit = e.free_block() - e.volume().geometry.ag_start(AgNo{0});
                 e.flip(e.volume().geometry.bitmap(AgNo{0}), bit / 8, bit % 8);
             }},
            {"bitmap-bit-cleared", P::kBlockMarkedFree,
             [](Edit& e) {
                 const std::uint64_t bit = used_data_bit(e);
                 e.flip(e.volume().geometry.bitmap(AgNo{0}), bit / 8, bit % 8);
             }},
            {"inode-map-bit", P::kInodeMapDamaged,
             [](Edit& e) {
                 const std::uint64_t bit = e.free_block() - e.volume().geometry.ag_start(AgNo{0});
                 e.flip(e.volume().geometry.inode_map(AgNo{0}), bit / 8, bit % 8);
             }},
            {"orphan-map-bit", P::kMapChecksum, [](Edit& e) { e.flip(e.volume().geometry.orphan_map(AgNo{0}), 2); }},
            {"journal-header-bit", P::kJournalHeaderDamaged, [](Edit& e) { e.flip(journal(e), 8); }},
            {"commit-word-bit", P::kCommitWordDamaged,
             [](Edit& e) { e.flip(journal(e), DAXFS_JOURNAL_COMMIT_OFFSET); }},
            {"intent-garbage", P::kIntentDamaged, [](Edit& e) { e.flip(BlockNo{DAXFS_INTENT_BLOCK_B}, 5); }},
        });
}

// Whoever wrote these knew the checksums.
inline void forged_inodes(std::vector<BrokenImage>& list) {
    using P = Problem;
    const auto field = [](auto change) { return [change](Edit& e) { change_inode(e, e.rich().small_file, change); }; };
    list.insert(
        list.end(),
        {
            {"inode-other-number", P::kInodeDamaged, field([](daxfs_inode& i) { i.ino = i.ino + 1; })},
            {"inode-unknown-type", P::kInodeField, field([](daxfs_inode& i) { i.mode = 0xf1a4; })},
            {"inode-wrong-format", P::kInodeField, field([](daxfs_inode& i) { i.format = DAXFS_FORMAT_DIRECTORY; })},
            {"inode-unknown-format", P::kInodeField, field([](daxfs_inode& i) { i.format = 99; })},
            {"inode-fork-count", P::kInodeField, field([](daxfs_inode& i) { i.fork_count = 11; })},
            {"inode-tree-height", P::kInodeField, field([](daxfs_inode& i) { i.tree_height = 3; })},
            {"inode-nanoseconds", P::kInodeField, field([](daxfs_inode& i) { i.mtime_nsec = 1'000'000'000; })},
            {"inode-flags", P::kInodeField, field([](daxfs_inode& i) { i.flags = 0x80; })},
            {"inode-size", P::kInodeField, field([](daxfs_inode& i) { i.size = std::uint64_t{1} << 63; })},
            {"inode-operation", P::kInodeField, field([](daxfs_inode& i) { i.operation = 3; })},
            {"inode-arguments-of-no-operation", P::kInodeField, field([](daxfs_inode& i) { i.operation_arg[1] = 3; })},
            {"inode-device-major", P::kInodeField, field([](daxfs_inode& i) { i.rdev_major = 0x1000; })},
            {"inode-device-minor", P::kInodeField, field([](daxfs_inode& i) { i.rdev_minor = 0x100000; })},
            {"inode-tail", P::kInodeField, field([](daxfs_inode& i) { i.xattr_tail[111] = 1; })},
            {"inode-truncate-of-nothing", P::kInodeField, field([](daxfs_inode& i) {
                 i.operation = DAXFS_OPERATION_TRUNCATE;
                 i.operation_arg[0] = DAXFS_MAX_FILE_BLOCK + 1;
             })},
            {"inode-collapse-of-nothing", P::kInodeField,
             field([](daxfs_inode& i) { i.operation = DAXFS_OPERATION_COLLAPSE; })},
            {"inode-collapse-past-the-end", P::kInodeField, field([](daxfs_inode& i) {
                 i.operation = DAXFS_OPERATION_COLLAPSE;
                 i.operation_arg[0] = 5;
                 i.operation_arg[1] = DAXFS_MAX_FILE_BLOCK - 4;
             })},
            {"symlink-truncation", P::kInodeField,
             [](Edit& e) { announce(e, e.rich().long_symlink, DAXFS_OPERATION_TRUNCATE, 0, 0); }},
            {"orphan-symlink-truncation", P::kInodeField,
             [](Edit& e) {
                 unlink(e, e.rich().long_symlink, "long",
                        [](daxfs_inode& i) { i.operation = DAXFS_OPERATION_TRUNCATE; });
             }},
            {"orphan-symlink-empty", P::kInodeField,
             [](Edit& e) { unlink(e, e.rich().short_symlink, "short", [](daxfs_inode& i) { i.size = 0; }); }},
            {"orphan-directory-size", P::kInodeField,
             [](Edit& e) {
                 unlink(e, e.rich().empty_directory, "empty", [](daxfs_inode& i) { i.size = std::uint64_t{1} << 62; });
             }},
            {"inode-blocks", P::kBlocksWrong, field([](daxfs_inode& i) { i.blocks = 77; })},
            {"inode-blocks-of-directory", P::kBlocksWrong,
             [](Edit& e) { change_inode(e, e.rich().big_directory, [](daxfs_inode& i) { i.blocks = i.blocks + 1; }); }},
            {"directory-size", P::kDirectorySize,
             [](Edit& e) { change_inode(e, e.rich().big_directory, [](daxfs_inode& i) { i.size = 4096; }); }},
            {"directory-parent", P::kDirectoryParent,
             [](Edit& e) {
                 change_inode(e, e.rich().subdirectory, [&](daxfs_inode& i) { i.parent = e.rich().root.value; });
             }},
            {"root-is-a-file", P::kRootDamaged,
             [](Edit& e) {
                 change_inode(e, e.rich().root, [](daxfs_inode& i) {
                     i.mode = S_IFREG | 0644;
                     i.format = DAXFS_FORMAT_EXTENTS;
                     i.fork_count = 0;
                     i.tree_height = 0;
                     i.fork = {};
                 });
             }},
            {"link-count", P::kLinkCount,
             [](Edit& e) { change_inode(e, e.rich().linked_file, [](daxfs_inode& i) { i.nlink = 3; }); }},
            {"link-count-of-directory", P::kLinkCount,
             [](Edit& e) { change_inode(e, e.rich().big_directory, [](daxfs_inode& i) { i.nlink = 2; }); }},
            {"inode-block-lost", P::kInodeBlockDamaged,
             [](Edit& e) { std::memset(e.block(e.volume().block_of(e.rich().fifo)), 0, DAXFS_BLOCK_SIZE); }},
            {"inodes-in-the-head", P::kInodeBlockPlace,
             [](Edit& e) { e.set_map_bit(MapKind::kInodes, AgNo{0}, 3, true); }},
            {"tree-root-order", P::kTreeRootDamaged,
             [](Edit& e) { change_inode(e, e.rich().tree_file, [](daxfs_inode& i) { i.fork.index[0].key = 9; }); }},
        });
}

inline void forged_extents(std::vector<BrokenImage>& list) {
    using P = Problem;
    const auto extent = [](auto change) { return [change](Edit& e) { change_tree_extent(e, change); }; };
    const auto leaf = [](auto change) { return [change](Edit& e) { change_tree_leaf(e, change); }; };
    list.insert(
        list.end(),
        {
            {"extent-length-zero", P::kExtentInvalid, extent([](daxfs_extent& x) { x.length = 0; })},
            {"extent-state-zero", P::kExtentInvalid, extent([](daxfs_extent& x) { x.state = 0; })},
            {"extent-behind-largest-file", P::kExtentInvalid, extent([](daxfs_extent& x) {
                 x.file_block = DAXFS_MAX_FILE_BLOCK;
                 x.length = 2;
             })},
            {"extent-file-block-overflows", P::kExtentInvalid,
             extent([](daxfs_extent& x) { x.file_block = UINT64_MAX; })},
            {"extent-outside-device", P::kExtentInvalid, extent([](daxfs_extent& x) { x.disk_block = UINT64_MAX; })},
            {"extent-over-the-end", P::kExtentInvalid, extent([](daxfs_extent& x) { x.length = UINT32_MAX; })},
            {"extent-on-the-superblock", P::kExtentInvalid, extent([](daxfs_extent& x) { x.disk_block = 0; })},
            {"extent-on-a-bitmap", P::kExtentInvalid,
             [](Edit& e) {
                 change_tree_extent(e,
                                    [&](daxfs_extent& x) { x.disk_block = e.volume().geometry.bitmap(AgNo{1}).value; });
             }},
            {"extent-on-a-journal", P::kExtentInvalid,
             [](Edit& e) { change_tree_extent(e, [&](daxfs_extent& x) { x.disk_block = journal(e).value; }); }},
            {"extent-overlap", P::kExtentOverlap, extent([](daxfs_extent& x) { x.file_block = x.file_block - 1; })},
            {"extent-outside-leaf", P::kExtentOutsideLeaf,
             [](Edit& e) {
                 const BlockNo first = e.node(e.rich().tree_file, TreeKind::kExtents, 0, 3);
                 e.leaf_extent(first, e.at<daxfs_node_header>(first).count - 1).file_block = 2'000'000;
                 e.seal_node(first);
             }},
            {"extent-of-two-files", P::kDoubleClaim,
             [](Edit& e) {
                 const std::uint64_t other = e.inode(e.rich().unwritten_file).fork.extents[0].disk_block;
                 change_fork_extent(e, e.rich().small_file, 0, [&](daxfs_extent& x) { x.disk_block = other; });
             }},
            {"extent-twice-in-one-file", P::kDoubleClaim,
             [](Edit& e) {
                 change_inode(e, e.rich().small_file, [](daxfs_inode& i) {
                     i.fork.extents[1].disk_block = std::uint64_t{i.fork.extents[0].disk_block};
                 });
             }},
            {"extent-on-inodes", P::kDoubleClaim,
             [](Edit& e) {
                 change_fork_extent(e, e.rich().small_file, 0,
                                    [&](daxfs_extent& x) { x.disk_block = e.volume().block_of(e.rich().root).value; });
             }},
            {"symlink-unwritten", P::kExtentUnwrittenNotFile,
             [](Edit& e) {
                 change_fork_extent(e, e.rich().long_symlink, 0,
                                    [](daxfs_extent& x) { x.state = DAXFS_EXTENT_UNWRITTEN; });
             }},
            {"symlink-without-block", P::kSymlinkBlocks,
             [](Edit& e) {
                 change_fork_extent(e, e.rich().long_symlink, 0, [](daxfs_extent& x) { x.file_block = 1; });
             }},
            {"symlink-extents-out-of-order", P::kExtentOverlap,
             [](Edit& e) {
                 // A block of text at file block 5, and behind it the target, which a NUL and a byte follow.
                 const BlockNo other = e.free_block();
                 std::memset(e.block(other), 'y', DAXFS_BLOCK_SIZE);
                 e.set_map_bit(MapKind::kBlocks, AgNo{0}, other - e.volume().geometry.ag_start(AgNo{0}), true);
                 change_header(e, [](daxfs_ag_header& h) { h.free_blocks = h.free_blocks - 1; });
                 change_inode(e, e.rich().long_symlink, [&](daxfs_inode& i) {
                     i.fork.extents[1] = i.fork.extents[0];
                     i.fork.extents[0].file_block = 5;
                     i.fork.extents[0].disk_block = other.value;
                     i.fork_count = 2;
                     i.blocks = 2;
                     i.size = i.size + 2;
                 });
             }},
            {"node-owner", P::kExtentNodeDamaged, leaf([](daxfs_node_header& h) { h.owner = h.owner + 1; })},
            {"node-address", P::kExtentNodeDamaged, leaf([](daxfs_node_header& h) { h.block = h.block + 1; })},
            {"node-level", P::kExtentNodeDamaged, leaf([](daxfs_node_header& h) { h.level = 1; })},
            {"node-low-key", P::kExtentNodeDamaged, leaf([](daxfs_node_header& h) { h.low_key = h.low_key + 1; })},
            {"node-count", P::kExtentNodeDamaged, leaf([](daxfs_node_header& h) { h.count = 169; })},
            {"node-empty", P::kExtentNodeDamaged, leaf([](daxfs_node_header& h) { h.count = 0; })},
            {"node-points-to-itself", P::kExtentNodeDamaged,
             [](Edit& e) {
                 const BlockNo index = e.node(e.rich().tree_file, TreeKind::kExtents, 1);
                 e.at<daxfs_index_entry>(index, sizeof(daxfs_node_header)).block = index.value;
                 e.seal_node(index);
             }},
            {"node-all-children-the-same", P::kExtentNodeDamaged,
             [](Edit& e) {
                 const BlockNo index = e.node(e.rich().tree_file, TreeKind::kExtents, 1);
                 auto* entries = &e.at<daxfs_index_entry>(index, sizeof(daxfs_node_header));
                 for (int i = 1; i < e.at<daxfs_node_header>(index).count; ++i)
                     entries[i].block = std::uint64_t{entries[0].block};
                 e.seal_node(index);
             }},
            {"node-outside-device", P::kExtentNodeDamaged,
             [](Edit& e) {
                 const BlockNo index = e.node(e.rich().tree_file, TreeKind::kExtents, 1);
                 e.at<daxfs_index_entry>(index, sizeof(daxfs_node_header) + 16).block = UINT64_MAX;
                 e.seal_node(index);
             }},
        });
}

inline void forged_directories(std::vector<BrokenImage>& list) {
    using P = Problem;
    list.insert(list.end(),
                {
                    {"entry-hash", P::kEntryDamaged,
                     [](Edit& e) { change_entry(e, "small", [](daxfs_dirent& d) { d.key = d.key ^ (1ull << 40); }); }},
                    {"entry-slash", P::kEntryDamaged,
                     [](Edit& e) {
                         const DirectoryEntry where = e.entry(e.rich().root, "small");
                         e.block(where.leaf)[where.offset + sizeof(daxfs_dirent) + 1] = std::byte{'/'};
                         e.seal_dirent(where);
                     }},
                    {"entry-length", P::kEntryDamaged,
                     [](Edit& e) { change_entry(e, "small", [](daxfs_dirent& d) { d.length = 0; }); }},
                    {"entry-length-over-the-end", P::kEntryDamaged,
                     [](Edit& e) { change_entry(e, "small", [](daxfs_dirent& d) { d.length = 0xfff8; }); }},
                    {"entry-unknown-type", P::kEntryDamaged,
                     [](Edit& e) { change_entry(e, "small", [](daxfs_dirent& d) { d.type = 8; }); }},
                    {"entry-type", P::kEntryType,
                     [](Edit& e) { change_entry(e, "small", [](daxfs_dirent& d) { d.type = DAXFS_DIRENT_SOCK; }); }},
                    {"entry-key-twice", P::kDuplicateKey, [](Edit& e) { repeat_entry(e, 0); }},
                    {"entry-name-twice", P::kDuplicateName, [](Edit& e) { repeat_entry(e, 1); }},
                    {"entry-dangling", P::kEntryDangling,
                     [](Edit& e) { change_entry(e, "small", [](daxfs_dirent& d) { d.ino = UINT64_MAX; }); }},
                    {"entry-to-free-inode", P::kEntryDangling,
                     [](Edit& e) {
                         change_inode(e, e.rich().fifo, [](daxfs_inode& i) {
                             const std::uint64_t ino = i.ino;
                             i = daxfs_inode{};
                             i.magic = DAXFS_INODE_MAGIC;
                             i.ino = ino;
                         });
                     }},
                    {"directory-two-names", P::kDirectoryTwoParents,
                     [](Edit& e) {
                         change_entry(e, "small", [&](daxfs_dirent& d) {
                             d.ino = e.rich().subdirectory.value;
                             d.type = DAXFS_DIRENT_DIR;
                         });
                     }},
                    {"directory-loop", P::kDirectoryUnreachable,
                     [](Edit& e) {
                         // /big hangs below its own /big/sub ... and no longer below the root.
                         const DirectoryEntry sub = e.entry(e.rich().big_directory, "sub");
                         e.dirent(sub).ino = e.rich().big_directory.value;
                         e.seal_dirent(sub);
                         remove_entry(e, e.rich().root, "big");
                     }},
                    {"leaf-count", P::kLeafCount,
                     [](Edit& e) {
                         const BlockNo leaf = e.node(e.rich().root, TreeKind::kDirectory, 0);
                         auto& header = e.at<daxfs_node_header>(leaf);
                         header.count = static_cast<std::uint16_t>(header.count + 1);
                         e.seal_node(leaf);
                     }},
                    {"orphan-directory-with-names", P::kOrphanDirectoryNames,
                     [](Edit& e) { unlink(e, e.rich().big_directory, "big", [](daxfs_inode&) {}); }},
                    {"file-without-name", P::kUnreachable, [](Edit& e) { remove_entry(e, e.rich().root, "small"); }},
                });
}

inline void forged_rest(std::vector<BrokenImage>& list) {
    using P = Problem;
    list.insert(
        list.end(),
        {
            {"superblock-copy-of-another", P::kSuperCopyDiffers,
             [](Edit& e) {
                 auto& copy = e.at<daxfs_super>(e.volume().geometry.ag_start(AgNo{1}));
                 copy.hash_key[0] = copy.hash_key[0] ^ 1;
                 copy.crc = checksum(e.volume().seed, copy);
             }},
            {"superblock-reserved", P::kSuperReserved,
             [](Edit& e) {
                 e.super().reserved[100] = 1;
                 e.seal_super();
             }},
            {"superblock-rest-of-block", P::kSuperReserved, [](Edit& e) { e.flip(BlockNo{0}, 4095); }},
            {"superblock-copy-rest-of-block", P::kSuperCopyDiffers,
             [](Edit& e) { e.flip(e.volume().geometry.ag_start(AgNo{1}), 512); }},
            {"superblock-of-another", P::kSuperDamaged,
             [](Edit& e) {
                 e.super().nonce = e.super().nonce + 1;
                 e.super().crc = checksum(ChecksumSeed::of(e.super().nonce), e.super());
             }},
            {"superblock-fewer-journals", P::kSuperDamaged,
             [](Edit& e) {
                 e.super().journal_count = 1;
                 e.super().journal_blocks = 65;
                 e.seal_super();
             }},
            {"superblock-other-root", P::kSuperDamaged,
             [](Edit& e) {
                 e.super().root_ino = e.rich().small_file.value;
                 e.seal_super();
             }},
            {"ag-header-rest-of-block", P::kAgReserved,
             [](Edit& e) { e.flip(e.volume().geometry.ag_header(AgNo{1}), 4095); }},
            {"ag-header-unused-checksum", P::kAgReserved,
             [](Edit& e) { e.flip(e.volume().geometry.ag_header(AgNo{1}), DAXFS_AG_IMAP_CRCS + 4); }},
            {"ag-header-reserved", P::kAgReserved,
             [](Edit& e) { change_header(e, [](daxfs_ag_header& h) { h.reserved[3] = 1; }); }},
            {"node-generation", P::kNodeField,
             [](Edit& e) {
                 change_tree_leaf(e, [](daxfs_node_header& h) { h.owner_generation = h.owner_generation + 1; });
             }},
            {"node-reserved", P::kNodeField,
             [](Edit& e) { change_tree_leaf(e, [](daxfs_node_header& h) { h.reserved[0] = 1; }); }},
            {"extent-reserved", P::kExtentReserved,
             [](Edit& e) { change_tree_extent(e, [](daxfs_extent& x) { x.reserved[2] = 1; }); }},
            {"fork-extent-reserved", P::kExtentReserved,
             [](Edit& e) {
                 change_fork_extent(e, e.rich().small_file, 1, [](daxfs_extent& x) { x.reserved[0] = 9; });
             }},
            {"symlink-nul", P::kSymlinkNul,
             [](Edit& e) { change_inode(e, e.rich().short_symlink, [](daxfs_inode& i) { i.fork.data[3] = 0; }); }},
            {"symlink-nul-first", P::kSymlinkNul,
             [](Edit& e) { change_inode(e, e.rich().short_symlink, [](daxfs_inode& i) { i.fork.data[0] = 0; }); }},
            {"bitmap-tail", P::kMapTail,
             [](Edit& e) { e.set_map_bit(MapKind::kBlocks, AgNo{0}, DAXFS_BITS_PER_MAP_BLOCK - 1, false); }},
            {"inode-map-tail", P::kMapTail,
             [](Edit& e) { e.set_map_bit(MapKind::kInodes, AgNo{0}, DAXFS_BITS_PER_MAP_BLOCK - 1, true); }},
            {"orphan-map-tail", P::kMapTail,
             [](Edit& e) { e.set_map_bit(MapKind::kOrphans, AgNo{0}, DAXFS_BITS_PER_MAP_BLOCK - 1, true); }},
            {"superblock-errors", P::kSuperStateErrors,
             [](Edit& e) {
                 e.super().state = DAXFS_STATE_ERRORS;
                 e.seal_super();
             }},
            {"superblock-state", P::kSuperField,
             [](Edit& e) {
                 e.super().state = 0x80;
                 e.seal_super();
             }},
            {"superblock-reserve", P::kSuperField,
             [](Edit& e) {
                 e.super().reserved_blocks = UINT64_MAX;
                 e.seal_super();
             }},
            {"superblock-label-without-end", P::kSuperField,
             [](Edit& e) {
                 std::ranges::fill(e.super().label, daxfs_u8{'x'});
                 e.seal_super();
             }},
            {"superblock-label-behind-its-end", P::kSuperField,
             [](Edit& e) {
                 e.super().label[40] = 'x';
                 e.seal_super();
             }},
            {"superblock-copy-uuid", P::kSuperCopyDiffers,
             [](Edit& e) { change_copy(e, [](daxfs_super& s) { s.uuid[3] = s.uuid[3] ^ 1; }); }},
            {"superblock-copy-reserve", P::kSuperCopyDiffers,
             [](Edit& e) { change_copy(e, [](daxfs_super& s) { s.reserved_blocks = 1; }); }},
            {"superblock-copy-reserved", P::kSuperCopyDiffers,
             [](Edit& e) { change_copy(e, [](daxfs_super& s) { s.reserved[5] = 1; }); }},
            {"superblock-of-before", P::kSuperGroupsMissed,
             [](Edit& e) {
                 e.super().initialised_ags = 1;
                 e.seal_super();
             }},
            {"intent", P::kIntentPresent,
             [](Edit& e) {
                 auto& intent = e.at<daxfs_intent>(BlockNo{DAXFS_INTENT_BLOCK_A});
                 intent.magic = DAXFS_INTENT_MAGIC;
                 intent.redo_bytes = 64;
                 intent.crc = checksum(intent);
             }},
            {"ag-header-length", P::kAgHeaderDamaged,
             [](Edit& e) { change_header(e, [](daxfs_ag_header& h) { h.blocks = h.blocks - 1; }); }},
            {"counter-free-blocks", P::kFreeBlocksWrong,
             [](Edit& e) { change_header(e, [](daxfs_ag_header& h) { h.free_blocks = 0; }); }},
            {"counter-inode-blocks", P::kInodeBlocksWrong,
             [](Edit& e) { change_header(e, [](daxfs_ag_header& h) { h.inode_blocks = UINT32_MAX; }); }},
            {"counter-free-inodes", P::kFreeInodesWrong,
             [](Edit& e) { change_header(e, [](daxfs_ag_header& h) { h.free_inodes = h.free_inodes + 1; }); }},
            {"counter-orphan-groups", P::kOrphanGroupsWrong,
             [](Edit& e) { change_header(e, [](daxfs_ag_header& h) { h.orphan_groups = 5; }); }},
            {"bitmap-leak", P::kBlockMarkedUsed,
             [](Edit& e) {
                 const std::uint64_t bit = e.free_block() - e.volume().geometry.ag_start(AgNo{0});
                 e.set_map_bit(MapKind::kBlocks, AgNo{0}, bit, true);
             }},
            {"bitmap-hole", P::kBlockMarkedFree,
             [](Edit& e) { e.set_map_bit(MapKind::kBlocks, AgNo{0}, used_data_bit(e), false); }},
            {"orphan-bit-without-orphan", P::kOrphanBitStale,
             [](Edit& e) { e.set_map_bit(MapKind::kOrphans, AgNo{0}, 100, true); }},
            {"uncommitted-transaction", P::kJournalUncommitted,
             [](Edit& e) {
                 const ImageEditor::Range ranges[] = {e.range_of(e.rich().small_file)};
                 e.log_undo(1, ranges);
                 std::memset(&e.inode(e.rich().small_file), 0x5a, 200);
             }},
            {"journal-header-reserved", P::kJournalHeaderDamaged,
             [](Edit& e) {
                 auto& header = e.at<daxfs_journal_header>(journal(e));
                 header.reserved[0] = 1;
                 header.crc = checksum(e.volume().seed, header);
             }},
            {"undo-outside-device", P::kJournalEntryRange,
             [](Edit& e) {
                 const ImageEditor::Range ranges[] = {{ByteOffset{UINT64_MAX - 7}, 8}};
                 e.log_undo(1, ranges);
             }},
            {"undo-into-journal", P::kJournalEntryRange,
             [](Edit& e) {
                 const ImageEditor::Range ranges[] = {{ByteOffset{journal(e).value * DAXFS_BLOCK_SIZE + 64}, 8}};
                 e.log_undo(1, ranges);
             }},
            {"truncation-interrupted", P::kOperationPending,
             [](Edit& e) {
                 announce(e, e.rich().tree_file, DAXFS_OPERATION_TRUNCATE, 1000, 0);
                 change_inode(e, e.rich().tree_file, [](daxfs_inode& i) { i.size = 1000 * DAXFS_BLOCK_SIZE; });
             }},
            {"collapse-interrupted", P::kOperationPending,
             [](Edit& e) { announce(e, e.rich().tree_file, DAXFS_OPERATION_COLLAPSE, 1000, 77); }},
            {"insert-interrupted", P::kOperationPending,
             [](Edit& e) {
                 insert_hole(e, e.rich().tree_file, 1000, 77);
                 announce(e, e.rich().tree_file, DAXFS_OPERATION_COLLAPSE, 1000, 77);
             }},
            {"orphan-not-in-map", P::kOrphanBitMissing,
             [](Edit& e) {
                 change_inode(e, e.rich().small_file, [](daxfs_inode& i) { i.nlink = 0; });
                 remove_entry(e, e.rich().root, "small");
             }},
        });
}

}  // namespace broken

inline const std::vector<BrokenImage>& broken_images() {
    static const std::vector<BrokenImage> list = [] {
        std::vector<BrokenImage> all;
        broken::flipped_bits(all);
        broken::forged_inodes(all);
        broken::forged_extents(all);
        broken::forged_directories(all);
        broken::forged_rest(all);
        return all;
    }();
    return list;
}

}  // namespace daxfs::test

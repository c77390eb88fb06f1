// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/hostile/base.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "lib/tree/directory.h"
#include "lib/tree/inode.h"
#include "lib/tree/node.h"
#include "tests/hostile/mutant.h"

namespace daxfs::hostile {
namespace {

using test::must;

// Three groups in use, and a short fourth that is not.
constexpr std::uint64_t kDeviceBytes = 52u << 20;
// Directory trees and extent trees of two levels of nodes; no more, because each mutant is walked.
constexpr int kNames = 1300;
// Of a leaf full of extents or names: enough to have the first, the last and some between.
constexpr std::size_t kOfALeaf = 4;

FormatOptions options() {
    FormatOptions options = test::rich_options();
    options.device_bytes = kDeviceBytes;
    options.label = "hostile";
    return options;
}

void unmap(std::byte* bytes) {
    munmap(bytes, kDeviceBytes);
}

std::byte* map_zeros() {
    void* place =
        mmap(nullptr, kDeviceBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED)
        std::abort();
    return static_cast<std::byte*>(place);
}

// What the rich image has not: files that recovery will work on, one of huge pages, directories below directories.
void fill_more(FilesystemBuilder& builder) {
    const InodeNo root = builder.root();
    const FileRun huge[] = {{.file_block = 0, .length = 1024}};
    must(builder.add_file(root, "huge", 1024 * DAXFS_BLOCK_SIZE, huge));
    const FileRun doomed[] = {{.file_block = 0, .length = 40}, {.file_block = 100, .length = 12, .scattered = true}};
    must(builder.add_file(root, "doomed", 112 * DAXFS_BLOCK_SIZE, doomed));
    const FileRun cut[] = {{.file_block = 0, .length = 300, .scattered = true}};
    must(builder.add_file(root, "cut", 300 * DAXFS_BLOCK_SIZE, cut));
    must(builder.add_file(root, "folded", 300 * DAXFS_BLOCK_SIZE, cut));
    InodeNo directory = root;
    for (const char* name : {"a", "b", "c", "d"}) {
        directory = must(builder.add_directory(directory, name));
        const std::string text = std::string("in ") + name;
        for (const char* file : {"one", "two", "three"})
            must(builder.add_file_with_content(directory, file, std::as_bytes(std::span(text.data(), text.size()))));
        must(builder.add_symlink(directory, "link", "../one"));
    }
    must(builder.add_special(root, "socket", S_IFSOCK, 0, 0));
    must(builder.add_special(root, "tty", S_IFCHR, 5, 0));
}

InodeNo inode_of(const Volume& volume, const char* path) {
    return must(resolve_path(volume, path));
}

// `count` of `all`, first and last among them.
template <typename T>
std::vector<T> some_of(const std::vector<T>& all, std::size_t count) {
    if (all.size() <= count)
        return all;
    std::vector<T> some;
    for (std::size_t i = 0; i < count; ++i)
        some.push_back(all[i * (all.size() - 1) / (count - 1)]);
    return some;
}

}  // namespace

Base::Base() : memory_(map_zeros(), unmap), bytes_(memory_.get(), kDeviceBytes), image_(Image::over(bytes_)) {
    fill();
    volume_ = must(open_volume(image_));
    take_census();
    make_work();
}

void Base::fill() {
    MemorySink sink(kDeviceBytes);
    FilesystemBuilder builder(must(plan_filesystem(options())), sink);
    must(builder.begin());
    test::fill_rich_image(builder, rich_, {.names = kNames});
    fill_more(builder);
    must(builder.finish());
    for (const auto& [number, block] : test::blocks_of(sink.image()))
        std::memcpy(bytes_.data() + number.value * DAXFS_BLOCK_SIZE, block.bytes, DAXFS_BLOCK_SIZE);
}

std::vector<const Target*> Base::targets_of(const StructSchema& schema) const {
    std::vector<const Target*> found;
    for (const Target& target : targets_) {
        if (target.schema == &schema)
            found.push_back(&target);
    }
    return found;
}

std::vector<const Owner*> Base::files() const {
    std::vector<const Owner*> found;
    for (const Owner& owner : owners_) {
        if (!owner.extents.empty())
            found.push_back(&owner);
    }
    return found;
}

std::vector<const Owner*> Base::directories() const {
    std::vector<const Owner*> found;
    for (const Owner& owner : owners_) {
        if (!owner.dirents.empty())
            found.push_back(&owner);
    }
    return found;
}

std::vector<const Owner*> Base::with_nodes() const {
    std::vector<const Owner*> found;
    for (const Owner& owner : owners_) {
        if (!owner.nodes.empty())
            found.push_back(&owner);
    }
    return found;
}

void Base::take_census() {
    using Unit = Sealed::Unit;
    targets_.push_back({&kSchema<daxfs_super>, BlockNo{0}, 0, {Unit::kSuper, BlockNo{0}, 0}});
    for (const BlockNo block : {BlockNo{DAXFS_INTENT_BLOCK_A}, BlockNo{DAXFS_INTENT_BLOCK_B}})
        targets_.push_back({&kSchema<daxfs_intent>, block, 0, {Unit::kIntent, block, 0}});
    for (AgNo ag; ag.value < volume_.initialised_ags(); ++ag)
        add_group(ag);
    add_journals();
    for (const InodeNo ino : {rich_.root, InodeNo{rich_.root.value + 1}, rich_.big_directory, rich_.subdirectory,
                              rich_.empty_directory, rich_.tree_file, rich_.small_file, rich_.unwritten_file,
                              rich_.linked_file, rich_.short_symlink, rich_.long_symlink, rich_.fifo})
        add_inode(ino);
    for (const char* path : {"/device", "/tty", "/socket", "/huge", "/doomed", "/cut", "/folded", "/a", "/a/b",
                             "/a/b/c", "/a/b/c/d", "/a/one", "/a/b/c/d/three", "/a/b/link", "/big/name-00007-of-many"})
        add_inode(inode_of(volume_, path));
    for (const InodeNo ino : some_of(free_inodes_, kOfALeaf))
        add_inode(ino);
    add_places();
    std::set<BlockNo> blocks(metadata_.begin(), metadata_.end());
    for (const Target& target : targets_)
        blocks.insert(target.block);
    metadata_.assign(blocks.begin(), blocks.end());
}

void Base::add_group(AgNo ag) {
    using Unit = Sealed::Unit;
    const BlockNo start = volume_.geometry.ag_start(ag);
    const BlockNo header = volume_.geometry.ag_header(ag);
    if (start.value != 0)
        targets_.push_back({&kSchema<daxfs_super>, start, 0, {Unit::kSuper, start, 0}});
    targets_.push_back({&kSchema<daxfs_ag_header>, header, 0, {Unit::kAgHeader, header, 0}});
    for (BlockNo map = header + 1; map < start + volume_.geometry.map_end(); ++map)
        metadata_.push_back(map);
    const AgMap inodes(volume_, ag, MapKind::kInodes);
    for (auto bit = inodes.next_set(0); bit; bit = inodes.next_set(*bit + 1)) {
        for (std::uint32_t i = 0; i < DAXFS_INODES_PER_BLOCK; ++i) {
            const InodeNo ino{inodes.device_block(*bit).value * DAXFS_INODES_PER_BLOCK + i};
            if (is_free(*read_inode(volume_, ino).raw))
                free_inodes_.push_back(ino);
        }
    }
}

void Base::add_journals() {
    for (std::uint32_t id = 0; id < volume_.geometry.journal_count; ++id) {
        const BlockNo slot = volume_.geometry.journal_slot(id);
        targets_.push_back({&kSchema<daxfs_journal_header>, slot, 0, {Sealed::Unit::kJournalHeader, slot, 0}});
    }
}

void Base::add_inode(InodeNo ino) {
    const daxfs_inode& inode = *read_inode(volume_, ino).raw;
    const BlockNo block = volume_.block_of(ino);
    const std::uint32_t offset = volume_.offset_of(ino);
    const Sealed seal{Sealed::Unit::kInode, block, offset};
    targets_.push_back({&kSchema<daxfs_inode>, block, offset, seal, ino});
    Owner owner{.ino = ino, .mode = inode.mode, .nodes = {}, .extents = {}, .indices = {}, .dirents = {}};
    const auto fork = static_cast<std::uint32_t>(offset + offsetof(daxfs_inode, fork));
    for (std::uint32_t i = 0; i < inode.fork_count; ++i) {
        if (inode.format == DAXFS_FORMAT_EXTENTS)
            owner.extents.push_back({&kSchema<daxfs_extent>, block,
                                     fork + i * static_cast<std::uint32_t>(sizeof(daxfs_extent)), seal, ino});
        else
            owner.indices.push_back({&kSchema<daxfs_index_entry>, block,
                                     fork + i * static_cast<std::uint32_t>(sizeof(daxfs_index_entry)), seal, ino});
    }
    if (inode.format == DAXFS_FORMAT_EXTENT_TREE || inode.format == DAXFS_FORMAT_DIRECTORY)
        add_tree(owner, inode);
    for (const auto* list : {&owner.extents, &owner.indices, &owner.dirents})
        targets_.insert(targets_.end(), list->begin(), list->end());
    owners_.push_back(std::move(owner));
}

void Base::add_tree(Owner& owner, const daxfs_inode& inode) {
    const TreeKind kind = inode.format == DAXFS_FORMAT_DIRECTORY ? TreeKind::kDirectory : TreeKind::kExtents;
    TreeCursor tree(volume_, kind, inode);
    while (const auto node = tree.next()) {
        const Sealed seal{Sealed::Unit::kNode, node->block, 0};
        owner.nodes.push_back(node->block);
        targets_.push_back({&kSchema<daxfs_node_header>, node->block, 0, seal, owner.ino});
        std::vector<Target> entries;
        const auto add = [&](const StructSchema& schema, std::size_t index) {
            entries.push_back({&schema, node->block,
                               static_cast<std::uint32_t>(sizeof(daxfs_node_header) + index * schema.size), seal,
                               owner.ino});
        };
        if (node->level > 0) {
            for (std::size_t i = 0; i < index_entries(*node).size(); ++i)
                add(kSchema<daxfs_index_entry>, i);
            owner.indices.insert(owner.indices.end(), entries.begin(), entries.end());
        } else if (kind == TreeKind::kExtents) {
            for (std::size_t i = 0; i < leaf_extents(*node).size(); ++i)
                add(kSchema<daxfs_extent>, i);
            const auto some = some_of(entries, kOfALeaf);
            owner.extents.insert(owner.extents.end(), some.begin(), some.end());
        } else {
            add_leaf(owner, *node);
        }
    }
}

void Base::add_leaf(Owner& owner, const TreeNode& leaf) {
    std::vector<Target> entries;
    LeafCursor cursor(volume_, owner.ino, leaf);
    while (const auto record = cursor.next())
        entries.push_back({&kSchema<daxfs_dirent>,
                           leaf.block,
                           record->offset,
                           {Sealed::Unit::kDirent, leaf.block, record->offset},
                           owner.ino});
    const auto some = owner.ino == rich_.big_directory ? some_of(entries, kOfALeaf) : entries;
    owner.dirents.insert(owner.dirents.end(), some.begin(), some.end());
}

void Base::add_places() {
    const Geometry& geometry = volume_.geometry;
    const AgNo unused{volume_.initialised_ags()};
    places_ = {
        {"the superblock", BlockNo{0}},
        {"an intent", BlockNo{DAXFS_INTENT_BLOCK_A}},
        {"a journal's header", geometry.journal_slot(0)},
        {"another journal's header", geometry.journal_slot(geometry.journal_count - 1)},
        {"a journal's body", geometry.journal_slot(0) + 3},
        {"the root inode's block", volume_.block_of(rich_.root)},
        {"the head of a group not in use", geometry.ag_header(unused)},
        {"a group not in use", geometry.ag_start(unused) + geometry.head_blocks() + 8},
        {"the device's last block", BlockNo{geometry.block_count - 1}},
        {"the device's end", BlockNo{geometry.block_count}},
        {"far behind the device", BlockNo{std::uint64_t{1} << 51}},
        {"a wrapped byte offset", BlockNo{(std::uint64_t{1} << 52) + 700}},
        {"the end of numbers", BlockNo{~std::uint64_t{0}}},
    };
    for (AgNo ag; ag.value < 2; ++ag) {
        places_.push_back({"a group's superblock copy", geometry.ag_start(ag)});
        places_.push_back({"a group's header", geometry.ag_header(ag)});
        for (BlockNo map = geometry.ag_header(ag) + 1; map < geometry.ag_start(ag) + geometry.map_end(); ++map)
            places_.push_back({"a map", map});
        const AgMap map(volume_, ag, MapKind::kBlocks);
        int wanted = 2;
        for (std::uint64_t bit = map.bits(); bit-- > 0 && wanted > 0;) {
            if (!map.test(bit)) {
                places_.push_back({"a free block", map.device_block(bit)});
                --wanted;
            }
        }
    }
    for (const Owner& owner : owners_) {
        places_.push_back({"a block of inodes", volume_.block_of(owner.ino)});
        for (const BlockNo node : some_of(owner.nodes, 3))
            places_.push_back({S_ISDIR(owner.mode) ? "a directory's node" : "an extent node", node});
        for (const Target& target : some_of(owner.extents, 2))
            places_.push_back(
                {"a file's block", BlockNo{image_.at<daxfs_extent>(target.block, target.offset)->disk_block}});
    }
}

void Base::make_work() {
    using Unit = Sealed::Unit;
    Mutant work(*this);
    // Nothing names it any more.
    const InodeNo doomed = inode_of(volume_, "/doomed");
    const DirectoryEntry name = *find_entry(volume_, *read_inode(volume_, rich_.root).raw, "doomed");
    auto& record = work.at<daxfs_dirent>(name.leaf, name.offset);
    record.type = DAXFS_DIRENT_FREE;
    record.name_length = 0;
    record.key = 0;
    record.ino = 0;
    work.seal({Unit::kDirent, name.leaf, name.offset});
    auto& header = work.at<daxfs_node_header>(name.leaf);
    header.count = static_cast<std::uint16_t>(header.count - 1);
    work.seal_node(name.leaf);
    work.inode(doomed).nlink = 0;
    const auto announce = [&](const char* path, daxfs_inode_operation operation, std::uint64_t first) {
        daxfs_inode& inode = work.inode(inode_of(volume_, path));
        inode.operation = static_cast<std::uint8_t>(operation);
        inode.operation_arg[0] = first;
        inode.operation_arg[1] = operation == DAXFS_OPERATION_COLLAPSE ? 5 : 0;
        return InodeNo{inode.ino};
    };
    std::set<std::pair<AgNo, std::uint64_t>> groups;
    for (const InodeNo ino :
         {doomed, announce("/cut", DAXFS_OPERATION_TRUNCATE, 200), announce("/folded", DAXFS_OPERATION_COLLAPSE, 10)}) {
        work.seal_inode(ino);
        const BlockNo block = volume_.block_of(ino);
        const AgNo ag = volume_.geometry.ag_of(block);
        groups.insert({ag, (block - volume_.geometry.ag_start(ag)) / DAXFS_ORPHAN_BLOCKS});
    }
    for (const auto& [ag, bit] : groups) {
        work.set_map_bit(MapKind::kOrphans, ag, bit, true);
        auto& group = work.at<daxfs_ag_header>(volume_.geometry.ag_header(ag));
        group.orphan_groups = group.orphan_groups + 1;
        work.seal({Unit::kAgHeader, volume_.geometry.ag_header(ag), 0});
    }
    // A transaction over an inode and a group's header was cut off behind its first stores.
    std::vector<Undo> undo;
    const auto old_bytes = [&](BlockNo block, std::uint32_t offset, std::uint32_t length) {
        const std::byte* bytes = work.look(block) + offset;
        undo.push_back({.offset = block.value * DAXFS_BLOCK_SIZE + offset,
                        .length = length,
                        .kind = DAXFS_JOURNAL_BYTES,
                        .bytes = {bytes, bytes + length}});
    };
    old_bytes(volume_.block_of(rich_.small_file), volume_.offset_of(rich_.small_file), DAXFS_INODE_SIZE);
    old_bytes(volume_.geometry.ag_header(AgNo{0}), 0, sizeof(daxfs_ag_header));
    const std::uint32_t journal = volume_.geometry.journal_count - 1;
    work.log_undo(journal, undo);
    std::uint32_t position = DAXFS_JOURNAL_BODY_OFFSET;
    for (const Undo& entry : undo) {
        const BlockNo slot = volume_.geometry.journal_slot(journal);
        targets_.push_back({&kSchema<daxfs_journal_entry>, slot, position, {Unit::kJournalEntry, slot, position}});
        position += static_cast<std::uint32_t>(sizeof(daxfs_journal_entry)) + entry.length;
    }
    work.inode(rich_.small_file).size = 12345;
    auto& group = work.at<daxfs_ag_header>(volume_.geometry.ag_header(AgNo{0}));
    group.free_blocks = group.free_blocks - 7;
    work_ = work.changed();
}

}  // namespace daxfs::hostile

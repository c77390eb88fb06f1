// SPDX-License-Identifier: GPL-2.0-or-later
// Harm that no field shows by itself: each unit checks out, together they make no sense.
#include <array>
#include <cstring>

#include "lib/tree/inode.h"
#include "tests/hostile/mutant.h"

namespace daxfs::hostile {
namespace {

daxfs_extent& extent_at(Mutant& mutant, const Target& target) {
    return mutant.at<daxfs_extent>(target.block, target.offset);
}
daxfs_index_entry& index_at(Mutant& mutant, const Target& target) {
    return mutant.at<daxfs_index_entry>(target.block, target.offset);
}
daxfs_dirent& dirent_at(Mutant& mutant, const Target& target) {
    return mutant.at<daxfs_dirent>(target.block, target.offset);
}

const Owner& any_file(Mutant& mutant, Dice& dice) {
    return *dice.pick(mutant.base().files());
}
const Owner& any_directory(Mutant& mutant, Dice& dice) {
    return *dice.pick(mutant.base().directories());
}

// An extent that maps what is not the file's, with and without a length that reaches further.
void foreign_blocks(Mutant& mutant, Dice& dice) {
    const Owner& owner = any_file(mutant, dice);
    const Target& target = dice.pick(owner.extents);
    daxfs_extent& extent = extent_at(mutant, target);
    const Place& place = dice.pick(mutant.base().places());
    BlockNo to = place.block;
    const char* what = place.name;
    if (dice.one_in(4)) {
        to = mutant.volume().block_of(owner.ino);
        what = "its own inode";
    }
    // Starts there, or ends there.
    const std::uint64_t length = extent.length;
    extent.disk_block = dice.one_in(3) && to.value >= length ? to.value - length + 1 : to.value;
    if (dice.one_in(3))
        extent.length = static_cast<std::uint32_t>(dice.one_in(2) ? dice.between(1, 600) : 1);
    if (dice.one_in(4))
        extent.state = extent.state == DAXFS_EXTENT_WRITTEN ? DAXFS_EXTENT_UNWRITTEN : DAXFS_EXTENT_WRITTEN;
    mutant.say("inode {}: extent at {}+{} maps {} at block {}", owner.ino, target.block, target.offset, what,
               std::uint64_t{extent.disk_block});
    mutant.seal(target.seal);
}

// Two extents, of one file or of two, with the same blocks.
void blocks_twice(Mutant& mutant, Dice& dice) {
    const Owner& owner = any_file(mutant, dice);
    const Owner& other = dice.one_in(2) ? owner : any_file(mutant, dice);
    const Target& target = dice.pick(owner.extents);
    const Target& source = dice.pick(other.extents);
    const daxfs_extent from = extent_at(mutant, source);
    daxfs_extent& extent = extent_at(mutant, target);
    extent.disk_block = from.disk_block + dice.below(from.length);
    if (dice.one_in(2))
        extent.length = from.length;
    mutant.say("inode {}: extent at {}+{} maps blocks of inode {}", owner.ino, target.block, target.offset, other.ino);
    mutant.seal(target.seal);
}

void extent_order(Mutant& mutant, Dice& dice) {
    const Owner& owner = any_file(mutant, dice);
    const Target& target = dice.pick(owner.extents);
    const Target& other = dice.pick(owner.extents);
    daxfs_extent& extent = extent_at(mutant, target);
    const daxfs_extent second = extent_at(mutant, other);
    switch (dice.below(5)) {
        case 0:
            extent_at(mutant, other) = extent;
            extent_at(mutant, target) = second;
            break;
        case 1:
            extent.file_block = second.file_block;
            break;
        case 2:
            extent.length = static_cast<std::uint32_t>(extent.length + dice.between(1, 2000));
            break;
        case 3:
            extent.file_block = DAXFS_MAX_FILE_BLOCK - dice.below(3);
            break;
        default:
            extent.file_block = extent.file_block + dice.between(1, 1000) - 500;
            break;
    }
    mutant.say("inode {}: extent at {}+{} is out of order: file block {}, length {}", owner.ino, target.block,
               target.offset, std::uint64_t{extent.file_block}, std::uint32_t{extent.length});
    mutant.seal(target.seal);
    mutant.seal(other.seal);
}

const Owner& any_tree(Mutant& mutant, Dice& dice) {
    return *dice.pick(mutant.base().with_nodes());
}

// A child that is itself an ancestor, a sibling, or a node of another tree; now and then made to look the part.
void tree_child(Mutant& mutant, Dice& dice) {
    const Owner& owner = any_tree(mutant, dice);
    const Owner& other = dice.one_in(3) ? any_tree(mutant, dice) : owner;
    const Target& target = dice.pick(owner.indices);
    const BlockNo child = dice.pick(other.nodes);
    daxfs_index_entry& entry = index_at(mutant, target);
    entry.block = child.value;
    mutant.say("inode {}: index entry at {}+{} leads to node {} of inode {}", owner.ino, target.block, target.offset,
               child, other.ino);
    if (dice.one_in(2)) {
        auto& header = mutant.at<daxfs_node_header>(child);
        header.owner = owner.ino.value;
        header.owner_generation = mutant.inode(owner.ino).generation;
        header.low_key = entry.key;
        if (dice.one_in(2))
            header.level = static_cast<std::uint16_t>(dice.below(3));
        mutant.say("which says so");
        mutant.seal_node(child);
    }
    mutant.seal(target.seal);
}

void tree_levels(Mutant& mutant, Dice& dice) {
    const Owner& owner = any_tree(mutant, dice);
    daxfs_inode& inode = mutant.inode(owner.ino);
    if (dice.one_in(2)) {
        inode.tree_height = static_cast<std::uint8_t>(dice.below(DAXFS_MAX_TREE_HEIGHT + 2));
        mutant.say("inode {}: height {}", owner.ino, inode.tree_height);
    }
    if (dice.one_in(2)) {
        const BlockNo node = dice.pick(owner.nodes);
        auto& header = mutant.at<daxfs_node_header>(node);
        header.level = static_cast<std::uint16_t>(dice.below(DAXFS_MAX_TREE_HEIGHT + 1));
        mutant.say("inode {}: node {} at level {}", owner.ino, node, std::uint16_t{header.level});
        mutant.seal_node(node);
    }
    if (dice.one_in(2)) {
        inode.fork_count = static_cast<std::uint16_t>(dice.below(DAXFS_FORK_INDEX + 2));
        mutant.say("inode {}: {} entries in the fork", owner.ino, std::uint16_t{inode.fork_count});
    }
    mutant.seal_inode(owner.ino);
}

void tree_counts(Mutant& mutant, Dice& dice) {
    const Owner& owner = any_tree(mutant, dice);
    const BlockNo node = dice.pick(owner.nodes);
    auto& header = mutant.at<daxfs_node_header>(node);
    const std::uint64_t counts[] = {0,
                                    1,
                                    DAXFS_NODE_EXTENTS,
                                    DAXFS_NODE_EXTENTS + 1,
                                    DAXFS_NODE_INDEX,
                                    DAXFS_NODE_INDEX + 1,
                                    0xffff,
                                    std::uint64_t{header.count} + 1,
                                    std::uint64_t{header.count} - 1};
    header.count = static_cast<std::uint16_t>(dice.pick(counts));
    if (dice.one_in(4))
        header.low_key = header.low_key + dice.below(3) - 1;
    mutant.say("inode {}: node {} counts {} from key {}", owner.ino, node, std::uint16_t{header.count},
               std::uint64_t{header.low_key});
    mutant.seal_node(node);
}

void index_order(Mutant& mutant, Dice& dice) {
    const Owner& owner = any_tree(mutant, dice);
    const Target& target = dice.pick(owner.indices);
    const Target& other = dice.pick(owner.indices);
    daxfs_index_entry& entry = index_at(mutant, target);
    if (dice.one_in(2))
        std::swap(entry, index_at(mutant, other));
    else
        entry.key = dice.one_in(2) ? std::uint64_t{index_at(mutant, other).key} : dice.below(1u << 20);
    mutant.say("inode {}: index entry at {}+{} out of order", owner.ino, target.block, target.offset);
    mutant.seal(target.seal);
    mutant.seal(other.seal);
}

// A name that leads to another inode: an ancestor, a directory that has a parent, a free one, a block that has none.
void name_leads_to(Mutant& mutant, Dice& dice) {
    const Owner& owner = any_directory(mutant, dice);
    const Target& target = dice.pick(owner.dirents);
    daxfs_dirent& entry = dirent_at(mutant, target);
    const char* what = "";
    switch (dice.below(5)) {
        case 0:
            entry.ino = owner.ino.value;
            what = "its own directory";
            break;
        case 1:
            entry.ino = any_directory(mutant, dice).ino.value;
            what = "a directory";
            break;
        case 2:
            entry.ino = dice.pick(mutant.base().free_inodes()).value;
            what = "a free inode";
            break;
        case 3: {
            const Place& place = dice.pick(mutant.base().places());
            entry.ino = place.block.value * DAXFS_INODES_PER_BLOCK + dice.below(DAXFS_INODES_PER_BLOCK);
            what = place.name;
            break;
        }
        default:
            entry.ino = dice.pick(mutant.base().owners()).ino.value;
            what = "another inode";
            break;
    }
    const daxfs_inode* inode = read_inode(mutant.volume(), InodeNo{entry.ino}).raw;
    if (inode != nullptr && dice.one_in(2) && !is_free(*inode))
        entry.type = dirent_type_of(inode->mode);
    mutant.say("directory {}: the entry at {}+{} leads to {} ({})", owner.ino, target.block, target.offset, what,
               std::uint64_t{entry.ino});
    mutant.seal(target.seal);
}

void name_itself(Mutant& mutant, Dice& dice) {
    const Owner& owner = any_directory(mutant, dice);
    const Target& target = dice.pick(owner.dirents);
    const Target& other = dice.pick(owner.dirents);
    daxfs_dirent& entry = dirent_at(mutant, target);
    auto* name = reinterpret_cast<char*>(&entry + 1);
    const daxfs_dirent twin = dirent_at(mutant, other);
    switch (dice.below(8)) {
        case 0:
            entry.key = twin.key + dice.below(2);
            break;
        case 1:
            name[dice.below(entry.name_length)] = dice.one_in(2) ? '/' : '\0';
            break;
        case 2:
            entry.type = static_cast<std::uint8_t>(dice.below(9));
            break;
        case 3:
            entry.name_length = static_cast<std::uint8_t>(dice.next());
            break;
        case 4:
            entry.length = static_cast<std::uint16_t>(8 * dice.below(DAXFS_BLOCK_SIZE / 8 + 1));
            break;
        case 5:
            entry.key = dice.one_in(2) ? dice.below(4) : std::uint64_t{entry.key} ^ std::uint64_t{1} << dice.below(63);
            break;
        case 6:
            if (entry.name_length >= 2)
                std::memcpy(name, "..", 2);
            entry.name_length = static_cast<std::uint8_t>(dice.between(1, 2));
            break;
        default:
            // Two of one name.
            if (twin.length == entry.length) {
                std::memcpy(&entry, &dirent_at(mutant, other), sizeof(entry) + entry.name_length);
                entry.key = entry.key + 1;
            }
            break;
    }
    mutant.say("directory {}: the entry at {}+{} has type {}, key {:#x}, {} bytes of name, {} in all", owner.ino,
               target.block, target.offset, entry.type, std::uint64_t{entry.key}, entry.name_length,
               std::uint16_t{entry.length});
    mutant.seal(target.seal);
}

// An inode that claims to be something else, with the same fork.
void inode_nature(Mutant& mutant, Dice& dice) {
    const InodeNo ino = dice.pick(mutant.base().owners()).ino;
    daxfs_inode& inode = mutant.inode(ino);
    constexpr std::array kTypes{S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK, 0, 0x3000, 0xf000};
    if (dice.one_in(2))
        inode.mode = static_cast<std::uint16_t>(dice.pick(kTypes) | (inode.mode & 07777));
    if (dice.one_in(2))
        inode.format = static_cast<std::uint8_t>(dice.below(6));
    constexpr std::array<std::uint64_t, 10> kSizes{
        0, 1, 239, 240, 241, 4095, 4096, 1u << 30, ~std::uint64_t{0} / 2, ~std::uint64_t{0}};
    if (dice.one_in(3))
        inode.size = dice.pick(kSizes);
    if (dice.one_in(3))
        inode.nlink = static_cast<std::uint32_t>(dice.one_in(2) ? dice.below(3) : dice.next());
    if (dice.one_in(4))
        inode.flags = static_cast<std::uint32_t>(dice.next() & DAXFS_INODE_FLAGS_KNOWN);
    mutant.say("inode {}: mode {:o}, format {}, size {}, {} links", ino, std::uint16_t{inode.mode}, inode.format,
               std::uint64_t{inode.size}, std::uint32_t{inode.nlink});
    mutant.seal_inode(ino);
}

// An inode that a name leads to and its map has, in a block that is a map, a journal, a node or a file's.
void inode_elsewhere(Mutant& mutant, Dice& dice) {
    const Geometry& geometry = mutant.geometry();
    const Place& place = dice.pick(mutant.base().places());
    const BlockNo block = dice.one_in(3) ? dice.pick(mutant.base().metadata()) : place.block;
    if (block < geometry.ag_start(AgNo{0}) || block.value >= geometry.block_count)
        return inode_nature(mutant, dice);
    const AgNo ag = geometry.ag_of(block);
    if (ag.value >= mutant.volume().initialised_ags())
        return inode_nature(mutant, dice);
    const daxfs_inode copy = mutant.inode(dice.pick(mutant.base().owners()).ino);
    const auto slot = static_cast<std::uint32_t>(dice.below(DAXFS_INODES_PER_BLOCK));
    const InodeNo ino{block.value * DAXFS_INODES_PER_BLOCK + slot};
    mutant.inode(ino) = copy;
    mutant.inode(ino).ino = ino.value;
    mutant.seal_inode(ino);
    mutant.seal({Sealed::Unit::kMap, block, 0});
    mutant.set_map_bit(MapKind::kInodes, ag, block - geometry.ag_start(ag), true);
    const Owner& directory = any_directory(mutant, dice);
    const Target& target = dice.pick(directory.dirents);
    daxfs_dirent& entry = dirent_at(mutant, target);
    entry.ino = ino.value;
    if (!is_free(copy))
        entry.type = dirent_type_of(copy.mode);
    mutant.say("directory {}: the entry at {}+{} leads to inode {}, in {}", directory.ino, target.block, target.offset,
               ino, block == place.block ? place.name : "a block of metadata");
    mutant.seal(target.seal);
}

void inode_twin(Mutant& mutant, Dice& dice) {
    const InodeNo from = dice.pick(mutant.base().owners()).ino;
    const InodeNo to = dice.pick(mutant.base().owners()).ino;
    const daxfs_inode copy = mutant.inode(from);
    daxfs_inode& inode = mutant.inode(to);
    inode = copy;
    inode.ino = to.value;
    mutant.say("inode {} is a copy of {}", to, from);
    mutant.seal_inode(to);
}

// Work that recovery is led to.
void false_work(Mutant& mutant, Dice& dice) {
    const InodeNo ino = dice.one_in(8) ? dice.pick(mutant.base().free_inodes()) : dice.pick(mutant.base().owners()).ino;
    daxfs_inode& inode = mutant.inode(ino);
    constexpr std::array<std::uint64_t, 9> kArguments{
        0, 1, 5, 100, 5000, DAXFS_MAX_FILE_BLOCK, DAXFS_MAX_FILE_BLOCK + 1, std::uint64_t{1} << 63, ~std::uint64_t{0}};
    inode.operation = static_cast<std::uint8_t>(dice.between(1, 3));
    inode.operation_arg[0] = dice.pick(kArguments);
    inode.operation_arg[1] = dice.pick(kArguments);
    if (dice.one_in(3))
        inode.nlink = 0;
    mutant.say("inode {}: operation {} ({}, {}) in progress, {} links", ino, inode.operation,
               std::uint64_t{inode.operation_arg[0]}, std::uint64_t{inode.operation_arg[1]},
               std::uint32_t{inode.nlink});
    mutant.seal_inode(ino);
    const BlockNo block = mutant.volume().block_of(ino);
    const AgNo ag = mutant.geometry().ag_of(block);
    mutant.set_map_bit(MapKind::kOrphans, ag, (block - mutant.geometry().ag_start(ag)) / DAXFS_ORPHAN_BLOCKS, true);
}

void blocks_swapped(Mutant& mutant, Dice& dice) {
    const BlockNo one = dice.pick(mutant.base().metadata());
    const BlockNo two = dice.pick(mutant.base().metadata());
    test::Block copy;
    std::memcpy(copy.bytes, mutant.look(one), DAXFS_BLOCK_SIZE);
    const bool swap = dice.one_in(2);
    std::memcpy(mutant.block(one), mutant.look(two), DAXFS_BLOCK_SIZE);
    if (swap)
        std::memcpy(mutant.block(two), copy.bytes, DAXFS_BLOCK_SIZE);
    mutant.say("block {} has the bytes of block {}{}", one, two, swap ? " and the other way round" : "");
}

}  // namespace

void harm_structure(Mutant& mutant, Dice& dice) {
    constexpr std::array kWays{
        foreign_blocks, foreign_blocks, foreign_blocks, blocks_twice,    blocks_twice, extent_order,
        tree_child,     tree_child,     tree_levels,    tree_counts,     index_order,  name_leads_to,
        name_leads_to,  name_itself,    name_itself,    inode_nature,    inode_nature, inode_twin,
        false_work,     false_work,     blocks_swapped, inode_elsewhere,
    };
    dice.pick(kWays)(mutant, dice);
}

}  // namespace daxfs::hostile

// SPDX-License-Identifier: GPL-2.0-or-later
// Every directory's tree checks out; its entries tile their leaves, have the hash of their name as key, and name inodes
// that exist, by their type. Each directory has one name. Counts the names of every inode; claims directory blocks.
//
// Trusts pass 1: the inode table knows which inodes are in use, and of what type.
#include <algorithm>
#include <string>
#include <vector>

#include "lib/check/checker.h"
#include "lib/tree/directory.h"

namespace daxfs {
namespace {

class DirectoryCheck {
  public:
    DirectoryCheck(Checker& checker, DirectoryState& directory, const daxfs_inode& inode)
        : checker_(checker), directory_(directory), inode_(inode), ino_(directory.ino) {}

    void run() {
        TreeCursor tree(checker_.volume, TreeKind::kDirectory, inode_);
        if (tree.fork_damage()) {
            checker_.report.add(finding_of(Problem::kTreeRootDamaged, *tree.fork_damage()));
            lose();
        }
        while (const auto node = tree.next()) {
            if (node->damage) {
                checker_.report.add(finding_of(Problem::kDirectoryNodeDamaged, *node->damage));
                lose();
                continue;
            }
            checker_.claims.claim(node->block, 1, ino_);
            checker_.note_torn(node->block);
            check_node_rest(checker_, inode_, *node->header);
            ++owned_;
            if (node->level == 0)
                check_leaf(*node);
        }
        if (complete_)
            check_totals();
    }

  private:
    struct Entry {
        std::uint64_t key;
        InodeNo ino;
        std::uint8_t type;
        std::uint32_t offset;
        std::string_view name;
    };

    void check_leaf(const TreeNode& leaf) {
        entries_.clear();
        bool whole = true;
        std::uint64_t live = 0;
        LeafCursor records(checker_.volume, ino_, leaf);
        while (const auto record = records.next()) {
            if (records.record_damage()) {
                checker_.report.add(finding_of(Problem::kEntryDamaged, *records.record_damage()));
                lose_names();
                whole = false;
            } else if (!record->free()) {
                ++live;
                entries_.push_back(
                    {record->raw->key, InodeNo{record->raw->ino}, record->raw->type, record->offset, record->name});
            }
        }
        if (records.damage()) {
            checker_.report.add(finding_of(Problem::kEntryDamaged, *records.damage()));
            lose_names();
            whole = false;
        }
        if (whole && live != leaf.header->count)
            checker_.report.add({.problem = Problem::kLeafCount,
                                 .ino = ino_,
                                 .block = leaf.block,
                                 .found = leaf.header->count,
                                 .expected = live});
        check_entries(leaf.block);
    }

    void check_entries(BlockNo leaf) {
        std::ranges::sort(entries_, {}, &Entry::key);
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            const Entry& entry = entries_[i];
            if (i > 0 && entries_[i - 1].key == entry.key)
                checker_.report.add({.problem = Problem::kDuplicateKey,
                                     .ino = ino_,
                                     .block = leaf,
                                     .offset = entry.offset,
                                     .at = entry.key});
            check_unique(entry, leaf);
            check_target(entry, leaf);
        }
    }

    // Equal names have equal hashes: only entries of one hash are compared.
    void check_unique(const Entry& entry, BlockNo leaf) {
        const std::uint64_t hash = entry.key >> DAXFS_DIR_KEY_HASH_SHIFT;
        if (hash != hash_) {
            hash_ = hash;
            same_hash_.clear();
        }
        if (std::ranges::find(same_hash_, entry.name) != same_hash_.end())
            add(Problem::kDuplicateName, entry, leaf);
        else if (same_hash_.size() < kMaxCompared)
            same_hash_.emplace_back(entry.name);
    }

    void check_target(const Entry& entry, BlockNo leaf) {
        InodeState* target = checker_.inodes.find(entry.ino);
        if (target == nullptr || (!target->damaged && !target->used())) {
            Finding finding = place(Problem::kEntryDangling, entry, leaf);
            finding.detail = target == nullptr ? "does not exist" : "is free";
            checker_.report.add(std::move(finding));
            return;
        }
        directory_.has_names = true;
        if (target->damaged)
            return;
        ++target->names;
        if (target->type != entry.type) {
            Finding finding = place(Problem::kEntryType, entry, leaf);
            finding.found = entry.type;
            finding.expected = target->type;
            checker_.report.add(std::move(finding));
        }
        if (target->type == DAXFS_DIRENT_DIR)
            note_subdirectory(entry, leaf);
    }

    void note_subdirectory(const Entry& entry, BlockNo leaf) {
        DirectoryState* child = checker_.inodes.find_directory(entry.ino);
        ++directory_.subdirectories;
        if (child->named_by.value != 0 || entry.ino.value == checker_.volume.super.root_ino)
            add(Problem::kDirectoryTwoParents, entry, leaf);
        else
            child->named_by = ino_;
    }

    void check_totals() {
        if (owned_ != inode_.blocks)
            checker_.report.add(
                {.problem = Problem::kBlocksWrong, .ino = ino_, .found = inode_.blocks, .expected = owned_});
        if (owned_ * DAXFS_BLOCK_SIZE != inode_.size && inode_.nlink != 0)
            checker_.report.add({.problem = Problem::kDirectorySize,
                                 .ino = ino_,
                                 .found = inode_.size,
                                 .expected = owned_ * DAXFS_BLOCK_SIZE});
    }

    Finding place(Problem problem, const Entry& entry, BlockNo leaf) const {
        return {.problem = problem,
                .ino = ino_,
                .block = leaf,
                .offset = entry.offset,
                .at = entry.ino.value,
                .name = std::string(entry.name)};
    }
    void add(Problem problem, const Entry& entry, BlockNo leaf) { checker_.report.add(place(problem, entry, leaf)); }

    void lose() {
        complete_ = false;
        checker_.owners_incomplete = true;
        lose_names();
    }
    void lose_names() { checker_.names_incomplete = true; }

    static constexpr std::size_t kMaxCompared = 64;

    Checker& checker_;
    DirectoryState& directory_;
    const daxfs_inode& inode_;
    InodeNo ino_;
    std::uint64_t owned_ = 0;
    bool complete_ = true;
    std::vector<Entry> entries_;  // of one leaf
    std::uint64_t hash_ = 0;
    std::vector<std::string> same_hash_;
};

void check_root(Checker& checker) {
    const InodeNo root{checker.volume.super.root_ino};
    const InodeState* state = checker.inodes.find(root);
    Finding finding{.problem = Problem::kRootDamaged, .ino = root};
    if (state == nullptr || (!state->used() && !state->damaged))
        finding.detail = "does not exist";
    else if (state->damaged)
        return;  // reported
    else if (state->type != DAXFS_DIRENT_DIR)
        finding.detail = "is not a directory";
    else if (checker.inodes.find_directory(root)->parent != root)
        finding.detail = "is not its own parent";
    else
        return;
    checker.report.add(std::move(finding));
}

}  // namespace

void check_directories(Checker& checker) {
    check_root(checker);
    auto& directories = checker.inodes.directories();
    for (std::size_t i = 0; i < directories.size(); ++i) {
        if (i % 1024 == 0)
            checker.tell(3, i, directories.size());
        const InodeReading reading = read_mapped_inode(checker.volume, directories[i].ino);
        if (!reading.damage)
            DirectoryCheck(checker, directories[i], *reading.raw).run();
    }
    for (const DirectoryState& directory : directories) {
        if (directory.named_by.value != 0 && directory.named_by != directory.parent)
            checker.report.add({.problem = Problem::kDirectoryParent,
                                .ino = directory.ino,
                                .found = directory.parent.value,
                                .expected = directory.named_by.value});
    }
}

}  // namespace daxfs

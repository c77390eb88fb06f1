// SPDX-License-Identifier: GPL-2.0-or-later
// Repairs. A round runs the passes over the image as it is staged, and then the first of the mends below that finds
// something to do; what it stages, the next round judges. So each mend trusts what those before it in the list bring in
// order, and may leave what follows from its work (a free block that is marked used, a file whose name is gone) to
// those behind it. Nothing reaches the device from here.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "lib/check/checker.h"
#include "lib/image/image.h"
#include "lib/make/tree_builder.h"
#include "lib/tree/ag.h"

namespace daxfs {

// What a repair could not save.
struct Loss {
    InodeNo ino{0};  // 0: belongs to no inode
    std::string path{};
    std::string what{};
};

// What had no name, and its path in lost+found.
using Reattachments = std::map<InodeNo, std::string>;

// The findings of a round, by problem, in the order in which the passes met them.
using Worklist = std::map<Problem, std::vector<Finding>>;

// What outlives a round.
struct RepairMemory {
    std::vector<Loss> losses{};
    std::set<InodeNo> distrusted{};  // believed without a right checksum: they lose to whoever has one
    std::set<InodeNo> rebuild{};     // directories whose tree is to be looked for, though no finding says so
    Reattachments reattached{};
    std::uint64_t copied = 0;   // blocks with two owners that were copied, or kMostCopied of them
    std::uint64_t cleared = 0;  // blocks of data that were staged for their unreadable bytes
};

class Mending {
  public:
    Mending(Image& image, Checker& look, const Worklist& work, bool may_lose, RepairMemory& remembered)
        : checker(look), volume(look.volume), memory(remembered), image_(image), work_(work), may_lose_(may_lose) {}

    const std::vector<Finding>& work(Problem problem) const;
    // Calls `mend` with each finding of these problems.
    template <typename Mend>
    void each(std::initializer_list<Problem> problems, const Mend& mend) const {
        for (const Problem problem : problems) {
            for (const Finding& finding : work(problem))
                mend(finding);
        }
    }
    bool has_work(Problem problem) const { return !work(problem).empty(); }
    // Whether a repair may throw away what cannot be saved (-y), or must leave it (-p).
    bool may_lose() const { return may_lose_; }
    bool changed() const { return changed_; }
    // Nobody knows of damage to what owns blocks or holds names: the claims are the truth.
    bool is_structure_sound() const;

    // To be changed in place; nullptr outside the device. `offset` + the size lies inside the block.
    template <typename T>
    T* edit(BlockNo block, std::uint32_t offset = 0) {
        std::byte* bytes = image_.stage(block);
        changed_ = changed_ || bytes != nullptr;
        return bytes == nullptr ? nullptr : reinterpret_cast<T*>(bytes + offset);
    }
    // `bytes` replace what lies there.
    void store(BlockNo block, std::uint32_t offset, std::span<const std::byte> bytes);
    // With a right checksum and its own number.
    void store_inode(InodeNo ino, daxfs_inode inode);
    void free_inode(InodeNo ino, std::uint32_t generation);
    // One bit of a map, and the checksum of its block.
    void set_map_bit(AgNo ag, MapKind kind, std::uint64_t bit, bool value);
    void seal_map(AgNo ag, MapKind kind, std::uint32_t map_block);

    // A block that nobody owns and no bitmap calls used, claimed for `owner`. Near: in this AG or behind it.
    std::optional<BlockNo> allocate(AgNo near, InodeNo owner);
    // Where the nodes of a new tree of `ino` go.
    TreeTarget tree_target(InodeNo ino, std::uint32_t generation, BlockSink& sink);

    void lose(InodeNo ino, std::string what);

    Checker& checker;
    const Volume& volume;
    RepairMemory& memory;

    Image& image() { return image_; }

  private:
    bool is_free(AgNo ag, std::uint64_t bit) const;

    Image& image_;
    const Worklist& work_;
    bool may_lose_;
    bool changed_ = false;
    std::uint64_t next_free_ = 0;  // where the last search ended, from the start of AG 0
    std::uint64_t path_budget_ = 200'000;
};

// In the order of trust. A failure is one to allocate: what was staged stays staged.
Result<void> mend_bad_blocks(Mending& mending);   // bytes that cannot be read
Result<void> mend_bits(Mending& mending);         // one wrong bit of anything with a checksum
Result<void> mend_heads(Mending& mending);        // superblock, copies, AG headers, journals, intents
Result<void> mend_inode_maps(Mending& mending);   // which blocks hold inodes
Result<void> mend_inodes(Mending& mending);       // fields, and inodes that do not check out
Result<void> mend_extents(Mending& mending);      // files' extents, from what can be found of them
Result<void> mend_claims(Mending& mending);       // blocks with two owners
Result<void> mend_directories(Mending& mending);  // names, from what can be found of them
Result<void> mend_connection(Mending& mending);   // the root, loops, lost+found
Result<void> mend_counts(Mending& mending);       // counts and hints that follow from what is there
Result<void> mend_operations(Mending& mending);   // what recovery would finish
Result<void> mend_maps(Mending& mending);         // bitmaps, orphan maps, counters, from the claims
Result<void> mend_state(Mending& mending);        // the mark that there was damage

// Maps and counters as the claims and counts of the passes say.
void rewrite_maps(Mending& mending);

// Blocks of inodes that hold none, in groups with many, become free; how many. For a filesystem without problems.
std::uint64_t give_back_inode_blocks(Mending& mending);

}  // namespace daxfs

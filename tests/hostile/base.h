// SPDX-License-Identifier: GPL-2.0-or-later
// The image that every mutant is made of, and a census of its structures.
//
// It is the rich image of the tests and more: trees of several levels, a file that huge pages map, directories in
// directories, a group that is not in use. Of half of the mutants it is quiet; the other half starts with work for
// recovery: an orphan, a truncation and a collapse in progress, and an open transaction.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "lib/format/schemas.h"
#include "lib/make/sink.h"
#include "lib/tree/ag.h"
#include "lib/tree/volume.h"
#include "tests/images/rich_image.h"

namespace daxfs::hostile {

// What a checksum covers, and where it lies.
struct Sealed {
    enum class Unit : std::uint8_t {
        kSuper,
        kAgHeader,
        kMap,  // its checksum is in the group's header
        kInode,
        kNode,
        kDirent,
        kJournalHeader,
        kJournalEntry,
        kIntent,
    };
    Unit unit = Unit::kSuper;
    BlockNo block;
    std::uint32_t offset = 0;  // of the unit in its block
};

// One structure of the image: an instance of a schema.
struct Target {
    const StructSchema* schema = nullptr;
    BlockNo block;
    std::uint32_t offset = 0;  // in the block
    Sealed seal;               // what covers it
    InodeNo owner{0};          // whose it is; 0: the filesystem's
};

// A block with a word for what lies there, as somewhere that a pointer should not point.
struct Place {
    const char* name;
    BlockNo block;
};

// A file or directory with what it is made of, as indices into Base::targets().
struct Owner {
    InodeNo ino;
    std::uint16_t mode = 0;
    std::vector<BlockNo> nodes;   // parents before children
    std::vector<Target> extents;  // wherever they lie
    std::vector<Target> indices;
    std::vector<Target> dirents;
};

class Base {
  public:
    Base();
    Base(const Base&) = delete;
    Base& operator=(const Base&) = delete;

    const Volume& volume() const { return volume_; }
    std::span<const std::byte> bytes() const { return bytes_; }
    BlockBytes block(BlockNo number) const {
        return BlockBytes{bytes_.data() + number.value * DAXFS_BLOCK_SIZE, DAXFS_BLOCK_SIZE};
    }
    // Blocks that differ where there is work for recovery.
    const test::Blocks& work() const { return work_; }

    const std::vector<Target>& targets() const { return targets_; }
    std::vector<const Target*> targets_of(const StructSchema& schema) const;
    const std::vector<Owner>& owners() const { return owners_; }
    std::vector<const Owner*> files() const;
    std::vector<const Owner*> directories() const;
    std::vector<const Owner*> with_nodes() const;

    const std::vector<BlockNo>& metadata() const { return metadata_; }
    const std::vector<Place>& places() const { return places_; }
    const std::vector<InodeNo>& free_inodes() const { return free_inodes_; }

  private:
    void fill();
    void take_census();
    void add_group(AgNo ag);
    void add_journals();
    void add_inode(InodeNo ino);
    void add_tree(Owner& owner, const daxfs_inode& inode);
    void add_leaf(Owner& owner, const TreeNode& leaf);
    void add_places();
    void make_work();

    std::unique_ptr<std::byte, void (*)(std::byte*)> memory_;
    std::span<std::byte> bytes_;
    Image image_;
    Volume volume_;
    test::RichImage rich_;
    test::Blocks work_;
    std::vector<Target> targets_;
    std::vector<Owner> owners_;
    std::vector<BlockNo> metadata_;
    std::vector<Place> places_;
    std::vector<InodeNo> free_inodes_;
};

}  // namespace daxfs::hostile

// SPDX-License-Identifier: GPL-2.0-or-later
// The entries of a directory, in key order; lookup of a name; paths.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/tree/node.h"

namespace daxfs {

struct DirectoryEntry {
    std::uint64_t key = 0;
    InodeNo ino;
    std::uint8_t type = 0;  // DAXFS_DIRENT_*, never free
    std::string name;
    BlockNo leaf;              // where it lies
    std::uint32_t offset = 0;  // in that block
};

// One record of a leaf as it lies there, free ones included.
struct DirectoryRecord {
    std::uint32_t offset = 0;
    const daxfs_dirent* raw = nullptr;
    std::string_view name;  // as long as name_length says; inside the record

    bool free() const { return raw->type == DAXFS_DIRENT_FREE; }
};

// Steps through the records of a leaf. Stops where a length breaks the tiling, and says so in `damage`. Records whose
// checksum or fields are wrong are yielded, with `record_damage` set until the next call.
class LeafCursor {
  public:
    LeafCursor(const Volume& volume, InodeNo owner, const TreeNode& leaf);

    std::optional<DirectoryRecord> next();
    const std::optional<Damage>& record_damage() const { return record_damage_; }
    const std::optional<Damage>& damage() const { return damage_; }

  private:
    std::optional<Damage> check(const DirectoryRecord& record) const;

    const Volume* volume_;
    InodeNo owner_;
    TreeNode leaf_;
    std::uint32_t offset_;
    std::optional<Damage> record_damage_;
    std::optional<Damage> damage_;
};

class DirectoryCursor : public DamageLog {
  public:
    // Entries with a key of at least `from`. An inode that is no directory yields none.
    DirectoryCursor(const Volume& volume, const daxfs_inode& inode, std::uint64_t from = 0);

    std::optional<DirectoryEntry> next();

  private:
    bool load_next_leaf();

    const Volume* volume_;
    InodeNo owner_;
    std::uint64_t from_;
    std::optional<TreeCursor> tree_;
    std::vector<DirectoryEntry> leaf_;
    std::size_t next_ = 0;
};

// Why no entry can have this name, as a phrase; nullptr: one can.
const char* name_fault(std::string_view name);

std::optional<DirectoryEntry> find_entry(const Volume& volume, const daxfs_inode& directory, std::string_view name);

// An absolute path, symlinks not followed. The error names the component that is missing, no directory, or damaged.
Result<InodeNo> resolve_path(const Volume& volume, std::string_view path);

}  // namespace daxfs

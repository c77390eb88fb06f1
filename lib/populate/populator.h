// SPDX-License-Identifier: GPL-2.0-or-later
// Fills a filesystem that is being built from sources of entries, one behind the other, each a layer over those before:
// what comes later replaces what was there, and whiteouts take away what layers below have.
//
//   Populator populator(builder, {});
//   populator.add(source);
//   populator.finish();
//
// What a path says is believed after it was looked at: no ".." and no name that is too long comes through, and what is
// not in the filesystem cannot be reached from it. Directories that a source leaves out are made.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lib/base/result.h"
#include "lib/make/filesystem.h"
#include "lib/populate/entry.h"
#include "lib/populate/file_writer.h"
#include "lib/populate/name_tree.h"

namespace daxfs {

struct PopulateProgress {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;  // of data
};

struct PopulateOptions {
    // No time is later, and what was read last is not taken over, which reading changes: SOURCE_DATE_EPOCH. In seconds.
    std::optional<std::int64_t> latest_sec{};
    // Called for each entry and each piece of data; false: stop.
    std::function<bool(const PopulateProgress&)> progress{};
};

// What is in the filesystem in the end, without its root and lost+found.
struct PopulateCounts {
    std::uint64_t files = 0;
    std::uint64_t directories = 0;
    std::uint64_t symlinks = 0;
    std::uint64_t special_files = 0;
    std::uint64_t further_links = 0;  // names of a file beside its first
    std::uint64_t bytes = 0;          // sizes of the files; 2^64 - 1: that many, or more
    // What came and is not kept: entries with extended attributes other than ACLs, and with ACLs.
    std::uint64_t with_xattrs = 0;
    std::uint64_t with_acls = 0;
    std::uint64_t whiteouts = 0;  // of names and of whole directories
};

class Populator {
  public:
    // The builder has begun.
    Populator(FilesystemBuilder& builder, PopulateOptions options);

    // Errors name the entry and what is wrong with it.
    Result<void> add(EntrySource& source);
    // Names all that was added. The builder's finish() comes behind.
    Result<PopulateCounts> finish();

  private:
    using Id = NameTree::Id;
    struct Place {
        Id parent = NameTree::kNone;
        std::string_view name;  // empty: the root
        Id id = NameTree::kNone;
    };

    Result<void> add_entry(EntrySource& source, const Entry& entry);
    Result<void> place(EntrySource& source, const Entry& entry);
    Result<void> place_directory(const Place& at, const Attributes& attributes);
    Result<void> place_link(const Place& at, const Entry& entry);
    Result<void> place_other(EntrySource& source, const Place& at, const Entry& entry, const Attributes& attributes);
    Result<void> take_away(const Entry& entry);
    Result<InodeNo> add_inode(const Entry& entry, const Attributes& attributes);
    Result<void> copy_data(EntrySource& source, InodeNo file, std::uint64_t size_bytes);

    Result<Place> look_up(std::string_view path, bool make_parents);
    Result<Id> make_directory(Id parent, std::string_view name, const Attributes& attributes);
    Result<void> name(const Place& at, std::uint16_t type, InodeNo ino);
    Result<void> remove(Id id);
    Result<void> remove_below(Id id, std::uint32_t before_layer);
    Result<void> drop_name_of(InodeNo ino);

    Attributes settled(const Attributes& attributes) const;
    Result<void> tell_progress();
    Result<void> count(Id id, PopulateCounts& counts);

    FilesystemBuilder& builder_;
    PopulateOptions options_;
    NameTree tree_;
    FileWriter writer_;
    std::uint32_t layer_ = 0;
    std::map<FileIdentity, InodeNo> known_;                   // of this source
    std::unordered_map<InodeNo, std::uint64_t> extra_names_;  // of files with more than one: how many more
    PopulateCounts counts_;
    PopulateProgress progress_;
};

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// What a new filesystem is filled with, one name at a time: a directory tree or an archive is a source of entries.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "lib/base/result.h"
#include "lib/make/filesystem.h"

namespace daxfs {

// Device and inode number of a file with several names, where the source tells them apart by these.
using FileIdentity = std::pair<std::uint64_t, std::uint64_t>;

struct Entry {
    enum class Kind {
        kFile,      // anything with an inode
        kWhiteout,  // what layers below have at `path` is gone
        kOpaque,    // and what they have in the directory `path`
    };
    Kind kind = Kind::kFile;
    std::string path;  // from the root, as the source has it
    mode_t type = 0;   // S_IFMT
    Attributes attributes;
    std::uint64_t size = 0;                // of a regular file, in bytes
    std::string target;                    // of a symbolic link
    std::optional<std::string> link_to;    // one more name of what is at this path; nothing else counts then
    std::optional<FileIdentity> identity;  // the second with the same is one more name of the first
    std::uint64_t major = 0;               // of a device node
    std::uint64_t minor = 0;
    // Which the format has no place for.
    bool has_xattrs = false;
    bool has_acl = false;
};

// A part of a regular file that is not a hole. Parts ascend and do not overlap.
struct Piece {
    std::uint64_t offset = 0;  // in bytes
    std::uint64_t length = 0;
    const std::byte* bytes = nullptr;  // until the next call of the source; nullptr where lengths are all one asked for
};

// Whether files are read, or only found out where they have holes.
enum class Reading { kContent, kLengths };

class EntrySource {
  public:
    virtual ~EntrySource() = default;
    // nullptr: that was all. Valid until the next call. Errors name the file.
    virtual Result<const Entry*> next() = 0;
    // Of the regular file that next() gave last. Empty: that was all. An error is a phrase without the file's name.
    virtual Result<std::optional<Piece>> next_piece() = 0;
    // How messages call the entry of that path.
    virtual std::string describe(const std::string& path) const = 0;
};

}  // namespace daxfs

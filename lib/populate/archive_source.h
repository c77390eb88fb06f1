// SPDX-License-Identifier: GPL-2.0-or-later
// A tar archive (v7, ustar, pax, GNU; plain, or compressed in a way that libarchive knows by itself) as a source.
//
// Names that start with ".wh." are what they are in layers of OCI images: ".wh.NAME" takes away what layers below have
// at NAME, ".wh..wh..opq" all that they have in its directory. Others that start with ".wh..wh." are a union
// filesystem's own, and are passed over.
#pragma once

#include <optional>
#include <string>

#include "lib/populate/archive_input.h"
#include "lib/populate/archive_library.h"
#include "lib/populate/entry.h"

namespace daxfs {

class ArchiveSource : public EntrySource {
  public:
    // Reads on where `input`, which must outlive it, stands.
    static Result<ArchiveSource> open(const ArchiveInput& input);
    ArchiveSource(ArchiveSource&& other) noexcept;
    ArchiveSource& operator=(ArchiveSource&&) = delete;
    ~ArchiveSource() override;

    Result<const Entry*> next() override;
    Result<std::optional<Piece>> next_piece() override;
    std::string describe(const std::string& path) const override;

  private:
    ArchiveSource(const ArchiveLibrary& library, archive* opened, std::string name);

    // The library's last error; and with the archive, and the entry that was read last.
    tl::unexpected<Error> trouble() const;
    tl::unexpected<Error> trouble_behind() const;
    Result<void> fill(archive_entry* raw);
    Result<void> fill_attributes(archive_entry* raw);
    // False: to be passed over.
    Result<bool> read_whiteout();

    const ArchiveLibrary* library_;
    archive* archive_;
    std::string name_;
    std::string place_;  // the last path that was read, for messages
    Entry entry_;
};

}  // namespace daxfs

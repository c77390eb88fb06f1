// SPDX-License-Identifier: GPL-2.0-or-later
// One file's data, from pieces of any length to whole blocks: what is no piece is a hole where it is at least a block,
// else zeros. Holds 1 MiB, so that a run of 64 KiB or more is known as such before its first block gets a place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/result.h"
#include "lib/make/filesystem.h"
#include "lib/populate/entry.h"

namespace daxfs {

class FileWriter {
  public:
    explicit FileWriter(FilesystemBuilder& builder);

    // Between files; `size_bytes` is where the pieces must end at the latest.
    void start(InodeNo file, std::uint64_t size_bytes);
    // Errors: the piece lies before the end of the one before or behind the end of the file; no space; I/O.
    Result<void> put(const Piece& piece);
    Result<void> finish();

  private:
    Result<void> flush();
    std::uint64_t end() const { return start_ + used_; }

    FilesystemBuilder& builder_;
    std::vector<std::byte> buffer_;
    InodeNo file_;
    std::uint64_t size_ = 0;
    std::uint64_t done_ = 0;   // first byte behind the last piece
    std::uint64_t start_ = 0;  // byte of the file that the buffer starts with, at a block's start
    std::size_t used_ = 0;     // bytes in the buffer
};

}  // namespace daxfs

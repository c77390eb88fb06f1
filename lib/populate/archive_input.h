// SPDX-License-Identifier: GPL-2.0-or-later
// The bytes of an archive: a file, which can be read again, or a pipe, which can be copied to a file for that.
#pragma once

#include <sys/types.h>

#include <string>

#include "lib/base/result.h"

namespace daxfs {

class ArchiveInput {
  public:
    // "-": standard input.
    static Result<ArchiveInput> open(const std::string& path);
    ArchiveInput(ArchiveInput&& other) noexcept;
    ArchiveInput& operator=(ArchiveInput&&) = delete;
    ~ArchiveInput();

    const std::string& name() const { return name_; }
    int fd() const { return fd_; }
    bool can_rewind() const { return start_ >= 0; }
    // To where it began. An error where it cannot be read again.
    Result<void> rewind();
    // Afterwards it can be read again. Takes the space of the archive in $TMPDIR, or /tmp, until the end of the
    // program.
    Result<void> keep_copy();

  private:
    ArchiveInput(std::string name, int fd);

    std::string name_;
    int fd_ = -1;
    off_t start_ = -1;  // negative: it cannot be read again
};

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// What a new filesystem is filled with: --rootdir or --tar.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cmd/mkfs/options.h"
#include "lib/cli/text.h"
#include "lib/cli/tool.h"
#include "lib/populate/archive_input.h"
#include "lib/populate/entry.h"
#include "lib/populate/populator.h"

namespace daxfs::mkfs {

struct Filled {
    PopulateCounts counts;
    std::uint64_t mounts_left_out = 0;
};

class Content {
  public:
    // Opens what the options name. Nothing is read yet.
    static Result<Content> open(const Options& options, cli::Streams& streams);

    bool any() const { return !rootdir_.empty() || !archives_.empty(); }
    // What messages call it.
    std::string name() const;
    // Whether it costs little to look at all of it before it is written.
    bool quick_to_measure() const { return !rootdir_.empty(); }
    // Whether it can be gone through several times.
    bool can_repeat() const;
    // Makes that so.
    Result<void> allow_repeats();

    // A regular file of this identity is not part of the content: the image itself.
    void leave_out(const std::string& path);

    // Adds all of it to a builder that has begun.
    Result<Filled> fill(FilesystemBuilder& builder, Reading reading);

  private:
    Result<Filled> fill_from_directory(Populator& populator, Reading reading);
    Result<Filled> fill_from_archives(Populator& populator);
    bool show(const PopulateProgress& progress, Reading reading);

    std::string rootdir_;
    std::vector<ArchiveInput> archives_;
    bool archives_read_ = false;  // they do not stand at their start any more
    std::optional<std::int64_t> latest_sec_;
    std::optional<FileIdentity> left_out_;
    cli::Streams* streams_ = nullptr;
    // Of a progress line: when it was shown last.
    std::int64_t shown_ms_ = 0;
    cli::StatusLine* line_ = nullptr;
};

}  // namespace daxfs::mkfs

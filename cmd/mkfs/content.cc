// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/mkfs/content.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "cmd/mkfs/interrupt.h"
#include "lib/base/size.h"
#include "lib/populate/archive_source.h"
#include "lib/populate/directory_source.h"

namespace daxfs::mkfs {
namespace {

constexpr std::int64_t kShowEveryMs = 200;

std::int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace

Result<Content> Content::open(const Options& options, cli::Streams& streams) {
    Content content;
    content.rootdir_ = options.rootdir;
    content.streams_ = &streams;
    if (options.reproducible)
        content.latest_sec_ = options.format.created_sec;
    // Before anything is overwritten.
    if (!options.archives.empty())
        DAXFS_TRY(ArchiveLibrary::get());
    for (const std::string& path : options.archives) {
        DAXFS_TRY_ASSIGN(ArchiveInput input, ArchiveInput::open(path));
        content.archives_.push_back(std::move(input));
    }
    if (!content.rootdir_.empty())
        DAXFS_TRY(DirectorySource::open(content.rootdir_, {}));
    return content;
}

std::string Content::name() const {
    if (!rootdir_.empty())
        return rootdir_;
    return archives_.size() == 1 ? archives_[0].name() : fmt::format("{} archives", archives_.size());
}

bool Content::can_repeat() const {
    return std::all_of(archives_.begin(), archives_.end(), [](const ArchiveInput& a) { return a.can_rewind(); });
}

Result<void> Content::allow_repeats() {
    for (ArchiveInput& archive : archives_)
        DAXFS_TRY(archive.keep_copy());
    return {};
}

void Content::leave_out(const std::string& path) {
    struct stat st {};
    if (stat(path.c_str(), &st) == 0)
        left_out_ = {st.st_dev, st.st_ino};
}

bool Content::show(const PopulateProgress& progress, Reading reading) {
    if (InterruptGuard::interrupted())
        return false;
    const std::int64_t now = now_ms();
    if (!streams_->progress || now - shown_ms_ < kShowEveryMs)
        return true;
    shown_ms_ = now;
    line_->show(fmt::format("{}: {} names, {}", reading == Reading::kLengths ? "measuring" : "writing",
                            progress.entries, format_size(progress.bytes)));
    return true;
}

Result<Filled> Content::fill(FilesystemBuilder& builder, Reading reading) {
    cli::StatusLine line(streams_->err);
    line_ = &line;
    Populator populator(builder, {.latest_sec = latest_sec_, .progress = [&](const PopulateProgress& progress) {
                                      return show(progress, reading);
                                  }});
    auto filled = rootdir_.empty() ? fill_from_archives(populator) : fill_from_directory(populator, reading);
    line_ = nullptr;
    return filled;
}

Result<Filled> Content::fill_from_directory(Populator& populator, Reading reading) {
    DAXFS_TRY_ASSIGN(DirectorySource source,
                     DirectorySource::open(rootdir_, {.reading = reading, .leave_out = left_out_}));
    DAXFS_TRY(populator.add(source));
    DAXFS_TRY_ASSIGN(const PopulateCounts counts, populator.finish());
    return Filled{.counts = counts, .mounts_left_out = source.mounts_left_out()};
}

Result<Filled> Content::fill_from_archives(Populator& populator) {
    const bool again = std::exchange(archives_read_, true);
    for (ArchiveInput& archive : archives_) {
        if (again)
            DAXFS_TRY(archive.rewind());
        DAXFS_TRY_ASSIGN(ArchiveSource source, ArchiveSource::open(archive));
        DAXFS_TRY(populator.add(source));
    }
    DAXFS_TRY_ASSIGN(const PopulateCounts counts, populator.finish());
    return Filled{.counts = counts};
}

}  // namespace daxfs::mkfs

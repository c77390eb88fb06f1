// SPDX-License-Identifier: GPL-2.0-or-later
// A directory tree as a source: the directory first, then what is in it by the bytes of the names, each directory
// before its contents. So one tree gives one order, whatever readdir(3) says.
//
// What is mounted somewhere below is not entered: such a directory comes without contents. So no bind mount makes it go
// in circles. Of a tree of any depth one directory is open at a time.
#pragma once

#include <dirent.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/populate/entry.h"

namespace daxfs {

class DirectorySource : public EntrySource {
  public:
    // A regular file of this identity is left out: the image itself may lie in the tree.
    struct Options {
        Reading reading = Reading::kContent;
        std::optional<FileIdentity> leave_out{};
    };

    static Result<DirectorySource> open(const std::string& path, const Options& options);
    DirectorySource(DirectorySource&& other) noexcept;
    DirectorySource& operator=(DirectorySource&&) = delete;
    ~DirectorySource() override;

    Result<const Entry*> next() override;
    Result<std::optional<Piece>> next_piece() override;
    std::string describe(const std::string& path) const override;

    // Directories that were not entered because something is mounted there.
    std::uint64_t mounts_left_out() const { return mounts_left_out_; }

  private:
    struct Level {
        FileIdentity identity;
        std::size_t path_length = 0;  // of the path of what is in it
        std::vector<std::string> names;
        std::size_t next = 0;
    };

    DirectorySource(std::string root, int directory, const Options& options);

    Result<const Entry*> first();
    Result<bool> read_entry(const std::string& name);
    Result<void> enter(const std::string& name);
    Result<void> leave();
    Result<std::vector<std::string>> read_names() const;
    Result<void> open_file(const std::string& name, const struct statx& found);
    Result<void> fill(const std::string& name, const struct statx& found);
    Result<void> note_attributes(const std::string& name);
    Result<void> expect_unchanged() const;
    Result<std::optional<std::pair<std::uint64_t, std::uint64_t>>> next_data() const;
    void close_file();

    std::string root_;
    Options options_;
    int directory_ = -1;  // the one that `levels_` ends with
    int file_ = -1;
    std::optional<std::uint64_t> mount_;  // which mount the tree is; empty: the kernel does not say
    std::uint64_t device_ = 0;
    std::vector<Level> levels_;
    std::string path_;  // of the directory, with a slash behind it; empty: the root
    std::optional<std::string> descend_;
    Entry entry_;
    bool started_ = false;

    // Of the open file.
    struct stat opened_ {};
    std::uint64_t position_ = 0;
    std::uint64_t data_end_ = 0;  // of the data that `position_` is in
    std::vector<std::byte> buffer_;
    std::uint64_t mounts_left_out_ = 0;
};

}  // namespace daxfs

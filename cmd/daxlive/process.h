// SPDX-License-Identifier: GPL-2.0-or-later
// Small helpers around this machine's files and programs.
#pragma once

#include <span>
#include <string>

#include "lib/base/result.h"

namespace daxfs::live {

// A file descriptor that closes itself.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() { reset(); }

    int get() const { return fd_; }
    void reset();

  private:
    int fd_ = -1;
};

// A regular file below 4 GiB, or its first bytes.
Result<std::string> read_whole_file(const std::string& path);
Result<std::string> read_file_start(const std::string& path, std::size_t most);
Result<void> write_whole_file(const std::string& path, std::string_view bytes);

// Runs a program without a shell and returns what it printed on standard output; anything but exit status 0 is an
// error that quotes its last line.
Result<std::string> capture(std::span<const std::string> words);

// A program's full path, from PATH and the directories of system programs; empty when there is none.
std::string find_program(const std::string& name);

// A directory that is removed with all that is in it.
class TemporaryDirectory {
  public:
    static Result<TemporaryDirectory> make();
    TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    TemporaryDirectory& operator=(TemporaryDirectory&& other) noexcept {
        std::swap(path_, other.path_);
        return *this;
    }
    ~TemporaryDirectory();

    const std::string& path() const { return path_; }
    void keep() { path_.clear(); }

  private:
    explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
    std::string path_;
};

}  // namespace daxfs::live

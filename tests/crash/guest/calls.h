// SPDX-License-Identifier: GPL-2.0-or-later
// The calls that operations are made of: each returns 0, or errno.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace daxfs::crash {

int result(long returned);

// Closes what it opened; -1 becomes the errno of open.
class File {
  public:
    explicit File(const char* path, int flags = O_RDWR, mode_t mode = 0644)
        : file_(open(path, flags | O_CLOEXEC, mode)), error_(errno) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (file_ >= 0)
            close(file_);
    }
    bool good() const { return file_ >= 0; }
    int error() const { return error_; }
    int get() const { return file_; }

  private:
    int file_;
    int error_;
};

// Bytes that differ from call to call and from place to place, never zero; good until the next call of the same thread.
const char* pattern(std::size_t bytes);

int write_at(const char* path, std::uint64_t offset, std::size_t bytes, int flags = 0);
int append(const char* path, std::size_t bytes);
int allocate(const char* path, int mode, std::uint64_t offset, std::uint64_t bytes);
int make_file(const char* path, std::size_t bytes);
int rename_with(const char* from, const char* to, unsigned flags);
int sync_file(const char* path);
// What came first, and fsync(2) of the file.
int then_sync(int error, const char* path);

void flush_lines(const char* bytes, std::size_t count);

// kHeld: kMsync, twice, while a pipe refers to the pages.
enum class Ending { kNone, kMsync, kFlush, kHeld };
// Stores through a mapping of the file. `alone`: nobody else changes it meanwhile, and it must show what was stored.
int store_at(const char* path, std::uint64_t offset, std::size_t bytes, Ending ending, bool alone = true);

}  // namespace daxfs::crash

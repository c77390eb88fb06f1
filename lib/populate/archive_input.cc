// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/populate/archive_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <utility>
#include <vector>

namespace daxfs {
namespace {

Result<int> temporary_file() {
    const char* folder = std::getenv("TMPDIR");
    std::string path = std::string(folder == nullptr || *folder == '\0' ? "/tmp" : folder) + "/mkfs.daxfs.XXXXXX";
    const int fd = mkostemp(path.data(), O_CLOEXEC);
    if (fd < 0)
        return fail("cannot make a temporary file as {}: {}", path, errno_text(errno));
    unlink(path.c_str());
    return fd;
}

Result<void> write_all(int fd, const std::byte* bytes, std::size_t length) {
    while (length > 0) {
        const ssize_t put = write(fd, bytes, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return fail("cannot write to a temporary file: {}", errno_text(put < 0 ? errno : EIO));
        bytes += put;
        length -= static_cast<std::size_t>(put);
    }
    return {};
}

}  // namespace

ArchiveInput::ArchiveInput(std::string name, int fd) : name_(std::move(name)), fd_(fd) {
    struct stat st {};
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        start_ = lseek(fd, 0, SEEK_CUR);
}

ArchiveInput::ArchiveInput(ArchiveInput&& other) noexcept
    : name_(std::move(other.name_)), fd_(std::exchange(other.fd_, -1)), start_(other.start_) {}

ArchiveInput::~ArchiveInput() {
    if (fd_ >= 0)
        close(fd_);
}

Result<ArchiveInput> ArchiveInput::open(const std::string& path) {
    if (path == "-") {
        const int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            return fail("standard input: {}", errno_text(errno));
        return ArchiveInput("standard input", fd);
    }
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fail("{}: cannot open the archive: {}", path, errno_text(errno));
    ArchiveInput input(path, fd);
    struct stat st {};
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        return fail("{}: is a directory, not an archive; --rootdir takes one", path);
    return input;
}

Result<void> ArchiveInput::rewind() {
    if (!can_rewind() || lseek(fd_, start_, SEEK_SET) != start_)
        return fail("{}: cannot be read a second time", name_);
    return {};
}

Result<void> ArchiveInput::keep_copy() {
    if (can_rewind())
        return {};
    DAXFS_TRY_ASSIGN(const int copy, temporary_file());
    ArchiveInput kept(name_, copy);
    std::vector<std::byte> buffer(1 << 20);
    for (;;) {
        const ssize_t got = read(fd_, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail("{}: cannot read: {}", name_, errno_text(errno));
        if (got == 0)
            break;
        if (auto put = write_all(copy, buffer.data(), static_cast<std::size_t>(got)); !put)
            return fail("{}: {}", name_, put.error().message);
    }
    std::swap(fd_, kept.fd_);
    start_ = 0;
    return rewind();
}

}  // namespace daxfs

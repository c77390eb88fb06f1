// SPDX-License-Identifier: GPL-2.0-or-later
//
// Nothing is opened by a path that could have been changed on the way: each name in its directory, and not through a
// symbolic link. What is opened must be what was looked at.
#include "lib/populate/directory_source.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "lib/base/checked.h"

namespace daxfs {
namespace {

constexpr std::size_t kPieceBytes = 1 << 20;
constexpr const char* kChanged = "changed while it was read";

std::uint64_t device_of(const struct statx& st) {
    return makedev(st.stx_dev_major, st.stx_dev_minor);
}

FileIdentity identity_of(const struct statx& st) {
    return {device_of(st), st.stx_ino};
}

FileIdentity identity_of(const struct stat& st) {
    return {st.st_dev, st.st_ino};
}

std::optional<std::uint64_t> mount_of(const struct statx& st) {
    return (st.stx_mask & STATX_MNT_ID) != 0 ? std::optional<std::uint64_t>(st.stx_mnt_id) : std::nullopt;
}

// Reading is not to change the times of what is read, where the kernel lets us.
int open_quietly(int directory, const char* name, int flags) {
    const int all = flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    const int fd = openat(directory, name, all | O_NOATIME);
    return fd >= 0 || errno != EPERM ? fd : openat(directory, name, all);
}

int look_at(int directory, const char* name, int flags, struct statx& st) {
    return statx(directory, name, flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_MNT_ID, &st);
}

// What went away, or became something else, since its name was read.
tl::unexpected<Error> trouble_with(const std::string& path, const char* what, int code) {
    if (code == ENOENT || code == ELOOP || code == ENOTDIR)
        return fail("{}: {}: it was there a moment ago", path, kChanged);
    return fail("{}: cannot {}: {}", path, what, errno_text(code));
}

}  // namespace

DirectorySource::DirectorySource(std::string root, int directory, const Options& options)
    : root_(std::move(root)), options_(options), directory_(directory) {}

DirectorySource::DirectorySource(DirectorySource&& other) noexcept
    : root_(std::move(other.root_)),
      options_(std::move(other.options_)),
      directory_(std::exchange(other.directory_, -1)),
      file_(std::exchange(other.file_, -1)) {}

DirectorySource::~DirectorySource() {
    close_file();
    if (directory_ >= 0)
        close(directory_);
}

void DirectorySource::close_file() {
    if (file_ >= 0)
        close(file_);
    file_ = -1;
}

Result<DirectorySource> DirectorySource::open(const std::string& path, const Options& options) {
    const int directory = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return fail("{}: cannot read the directory: {}", path, errno_text(errno));
    std::string root = path;
    while (root.size() > 1 && root.back() == '/')
        root.pop_back();
    return DirectorySource(std::move(root), directory, options);
}

std::string DirectorySource::describe(const std::string& path) const {
    if (path.empty())
        return root_;
    return root_ == "/" ? '/' + path : root_ + '/' + path;
}

Result<std::vector<std::string>> DirectorySource::read_names() const {
    const std::string where = describe(path_.substr(0, path_.size() - std::min<std::size_t>(path_.size(), 1)));
    const int copy = open_quietly(directory_, ".", O_DIRECTORY);
    DIR* const stream = copy < 0 ? nullptr : fdopendir(copy);
    if (stream == nullptr) {
        const int code = errno;
        if (copy >= 0)
            close(copy);
        return fail("{}: cannot read the directory: {}", where, errno_text(code));
    }
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* found = readdir(stream)) {
        const std::string_view name = found->d_name;
        if (name != "." && name != "..")
            names.emplace_back(name);
        errno = 0;
    }
    const int code = errno;
    closedir(stream);
    if (code != 0)
        return fail("{}: cannot read the directory: {}", where, errno_text(code));
    std::sort(names.begin(), names.end());
    return names;
}

Result<const Entry*> DirectorySource::first() {
    started_ = true;
    struct statx found {};
    if (look_at(directory_, "", AT_EMPTY_PATH, found) != 0)
        return fail("{}: {}", root_, errno_text(errno));
    mount_ = mount_of(found);
    device_ = device_of(found);
    DAXFS_TRY(fill({}, found));
    DAXFS_TRY_ASSIGN(std::vector<std::string> names, read_names());
    levels_.push_back({.identity = identity_of(found), .path_length = 0, .names = std::move(names)});
    return &entry_;
}

Result<const Entry*> DirectorySource::next() {
    close_file();
    if (!started_)
        return first();
    if (descend_)
        DAXFS_TRY(enter(*std::exchange(descend_, std::nullopt)));
    for (;;) {
        Level& level = levels_.back();
        if (level.next < level.names.size()) {
            DAXFS_TRY_ASSIGN(const bool kept, read_entry(level.names[level.next++]));
            if (kept)
                return &entry_;
        } else if (levels_.size() == 1) {
            return nullptr;
        } else {
            DAXFS_TRY(leave());
        }
    }
}

Result<void> DirectorySource::enter(const std::string& name) {
    const std::string path = path_ + name;
    const int below = open_quietly(directory_, name.c_str(), O_DIRECTORY);
    if (below < 0)
        return trouble_with(describe(path), "read the directory", errno);
    close(std::exchange(directory_, below));
    struct statx found {};
    if (look_at(directory_, "", AT_EMPTY_PATH, found) != 0)
        return fail("{}: {}", describe(path), errno_text(errno));
    const FileIdentity identity = identity_of(found);
    if (mount_of(found) != mount_)
        return fail("{}: {}: something was mounted there", describe(path), kChanged);
    // Where the kernel does not tell mounts apart, a bind mount could lead back.
    if (std::any_of(levels_.begin(), levels_.end(), [&](const Level& level) { return level.identity == identity; }))
        return fail("{}: is also one of the directories that it lies in", describe(path));
    path_ = path + '/';
    DAXFS_TRY_ASSIGN(std::vector<std::string> names, read_names());
    levels_.push_back({.identity = identity, .path_length = path_.size(), .names = std::move(names)});
    return {};
}

Result<void> DirectorySource::leave() {
    levels_.pop_back();
    const int above = open_quietly(directory_, "..", O_DIRECTORY);
    if (above < 0)
        return trouble_with(describe(path_), "go back to the directory above", errno);
    close(std::exchange(directory_, above));
    struct statx found {};
    if (look_at(directory_, "", AT_EMPTY_PATH, found) != 0 || identity_of(found) != levels_.back().identity)
        return fail("{}: {}: it was moved", describe(path_), kChanged);
    path_.resize(levels_.back().path_length);
    return {};
}

// False: it is left out.
Result<bool> DirectorySource::read_entry(const std::string& name) {
    struct statx found {};
    if (look_at(directory_, name.c_str(), 0, found) != 0)
        return trouble_with(describe(path_ + name), "look at it", errno);
    if (S_ISREG(found.stx_mode) && options_.leave_out == identity_of(found))
        return false;
    DAXFS_TRY(fill(name, found));
    if (S_ISREG(found.stx_mode))
        DAXFS_TRY(open_file(name, found));
    if (S_ISDIR(found.stx_mode)) {
        if (mount_of(found) == mount_ && device_of(found) == device_)
            descend_ = name;
        else
            ++mounts_left_out_;
    }
    return true;
}

Result<void> DirectorySource::fill(const std::string& name, const struct statx& found) {
    entry_ = {};
    entry_.path = path_ + name;
    entry_.type = found.stx_mode & S_IFMT;
    entry_.attributes = {.permissions = static_cast<std::uint16_t>(found.stx_mode & 07777),
                         .uid = found.stx_uid,
                         .gid = found.stx_gid,
                         .time = {},
                         .accessed = Timestamp{found.stx_atime.tv_sec, found.stx_atime.tv_nsec},
                         .modified = Timestamp{found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec}};
    entry_.size = found.stx_size;
    entry_.major = found.stx_rdev_major;
    entry_.minor = found.stx_rdev_minor;
    if (!S_ISDIR(entry_.type) && found.stx_nlink > 1)
        entry_.identity = identity_of(found);
    if (S_ISLNK(entry_.type)) {
        std::array<char, 1 << 16> target;
        const ssize_t length = readlinkat(directory_, name.c_str(), target.data(), target.size());
        if (length < 0)
            return trouble_with(describe(entry_.path), "read the symbolic link", errno);
        entry_.target.assign(target.data(), static_cast<std::size_t>(length));
    }
    return note_attributes(name);
}

// By its path, which is the only way to what cannot be opened: a directory above may have changed, but all that comes
// of it is a number in a warning.
Result<void> DirectorySource::note_attributes(const std::string& name) {
    const std::string path = describe(path_ + name);
    const auto list = [&](char* to, std::size_t size) {
        return name.empty() ? flistxattr(directory_, to, size) : llistxattr(path.c_str(), to, size);
    };
    std::string names;
    ssize_t length = list(nullptr, 0);
    if (length > 0) {
        names.resize(64 << 10);  // XATTR_LIST_MAX
        length = list(names.data(), names.size());
    }
    if (length < 0 && errno != ENOTSUP && errno != ENAMETOOLONG)
        return trouble_with(path, "list the extended attributes", errno);
    names.resize(static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
    for (std::size_t at = 0; at < names.size(); at = names.find('\0', at) + 1) {
        const std::string_view attribute = names.c_str() + at;
        if (attribute.starts_with("system.posix_acl_"))
            entry_.has_acl = true;
        else
            entry_.has_xattrs = true;
    }
    return {};
}

Result<void> DirectorySource::open_file(const std::string& name, const struct statx& found) {
    const std::string path = describe(entry_.path);
    position_ = 0;
    // As many blocks as its size takes: no holes to look for.
    const bool dense = found.stx_blocks * 512 >= found.stx_size;
    data_end_ = dense ? entry_.size : 0;
    if (dense && options_.reading == Reading::kLengths) {
        if (faccessat(directory_, name.c_str(), R_OK, AT_EACCESS) != 0)
            return trouble_with(path, "open", errno);
        return {};
    }
    file_ = open_quietly(directory_, name.c_str(), 0);
    if (file_ < 0)
        return trouble_with(path, "open", errno);
    if (fstat(file_, &opened_) != 0)
        return fail("{}: {}", path, errno_text(errno));
    if (!S_ISREG(opened_.st_mode) || identity_of(opened_) != identity_of(found))
        return fail("{}: {}: another file has its name now", path, kChanged);
    entry_.size = static_cast<std::uint64_t>(opened_.st_size);
    data_end_ = std::min(data_end_, entry_.size);
    return {};
}

Result<void> DirectorySource::expect_unchanged() const {
    struct stat now {};
    if (file_ < 0)
        return {};
    if (fstat(file_, &now) != 0)
        return fail("{}", errno_text(errno));
    if (now.st_size != opened_.st_size || now.st_mtim.tv_sec != opened_.st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != opened_.st_mtim.tv_nsec)
        return fail("{}", kChanged);
    return {};
}

// [start, end) of the data at or behind `position_`. Empty: a hole to the end of the file.
Result<std::optional<std::pair<std::uint64_t, std::uint64_t>>> DirectorySource::next_data() const {
    using Range = std::pair<std::uint64_t, std::uint64_t>;
    const auto seek = [&](std::uint64_t from, int whence) { return lseek(file_, static_cast<off_t>(from), whence); };
    const off_t data = seek(position_, SEEK_DATA);
    if (data < 0 && errno == ENXIO)
        return std::optional<Range>();
    if (data < 0 && errno == EINVAL)
        return Range{position_, entry_.size};  // a filesystem that cannot say
    const off_t hole = data < 0 ? -1 : seek(static_cast<std::uint64_t>(data), SEEK_HOLE);
    if (hole < 0)
        return fail("cannot find out where it has holes: {}", errno_text(errno));
    return Range{static_cast<std::uint64_t>(data), std::min(static_cast<std::uint64_t>(hole), entry_.size)};
}

Result<std::optional<Piece>> DirectorySource::next_piece() {
    if (position_ >= data_end_ && position_ < entry_.size) {
        DAXFS_TRY_ASSIGN(const auto data, next_data());
        position_ = data ? data->first : entry_.size;
        data_end_ = data ? data->second : entry_.size;
    }
    if (position_ >= entry_.size) {
        DAXFS_TRY(expect_unchanged());
        return std::optional<Piece>();
    }
    Piece piece{.offset = position_, .length = data_end_ - position_};
    if (options_.reading == Reading::kContent) {
        buffer_.resize(kPieceBytes);
        const ssize_t got = pread(file_, buffer_.data(), std::min<std::uint64_t>(piece.length, kPieceBytes),
                                  static_cast<off_t>(position_));
        if (got < 0)
            return fail("cannot read at byte {}: {}", position_, errno_text(errno));
        if (got == 0)
            return fail("{}: it has fewer than {} bytes now", kChanged, entry_.size);
        piece.length = static_cast<std::uint64_t>(got);
        piece.bytes = buffer_.data();
    }
    position_ += piece.length;
    return piece;
}

}  // namespace daxfs

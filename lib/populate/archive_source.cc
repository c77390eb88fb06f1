// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/populate/archive_source.h"

#include <sys/stat.h>

#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

namespace daxfs {
namespace {

constexpr std::size_t kReadBytes = 256 << 10;
constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kUnionsOwn = ".wh..wh.";
constexpr std::int64_t kMaxId = std::numeric_limits<std::uint32_t>::max() - std::int64_t{1};  // 2^32 - 1 is no user

// As bytes, or where the archive says that it is UTF-8 and the locale is another, as that.
std::string text(const char* bytes, const char* utf8) {
    return bytes != nullptr ? bytes : utf8 != nullptr ? utf8 : "";
}

Timestamp timestamp(time_t sec, long nsec) {
    return {sec, nsec >= 0 && nsec < 1'000'000'000 ? static_cast<std::uint32_t>(nsec) : 0};
}

}  // namespace

ArchiveSource::ArchiveSource(const ArchiveLibrary& library, archive* opened, std::string name)
    : library_(&library), archive_(opened), name_(std::move(name)) {}

ArchiveSource::ArchiveSource(ArchiveSource&& other) noexcept
    : library_(other.library_), archive_(std::exchange(other.archive_, nullptr)), name_(std::move(other.name_)) {}

ArchiveSource::~ArchiveSource() {
    if (archive_ != nullptr)
        library_->archive_read_free(archive_);
}

Result<ArchiveSource> ArchiveSource::open(const ArchiveInput& input) {
    DAXFS_TRY_ASSIGN(const ArchiveLibrary* library, ArchiveLibrary::get());
    archive* const opened = library->archive_read_new();
    if (opened == nullptr)
        return fail("{}: out of memory", input.name());
    ArchiveSource source(*library, opened, input.name());
    // Not what needs another program to be run.
    library->archive_read_support_filter_bzip2(opened);
    library->archive_read_support_filter_compress(opened);
    library->archive_read_support_filter_gzip(opened);
    library->archive_read_support_filter_lz4(opened);
    library->archive_read_support_filter_lzma(opened);
    library->archive_read_support_filter_xz(opened);
    library->archive_read_support_filter_zstd(opened);
    library->archive_read_support_format_tar(opened);
    if (library->archive_read_open_fd(opened, input.fd(), kReadBytes) != ARCHIVE_OK)
        return source.trouble_behind();
    return source;
}

std::string ArchiveSource::describe(const std::string& path) const {
    return path.empty() ? name_ : name_ + ": " + path;
}

tl::unexpected<Error> ArchiveSource::trouble() const {
    const char* message = library_->archive_error_string(archive_);
    return fail("cannot read the archive: {}", message != nullptr ? message : "unknown error");
}

tl::unexpected<Error> ArchiveSource::trouble_behind() const {
    return fail("{}: {}", place_.empty() ? name_ : describe("behind " + place_), trouble().value().message);
}

Result<const Entry*> ArchiveSource::next() {
    for (;;) {
        archive_entry* raw = nullptr;
        const int code = library_->archive_read_next_header(archive_, &raw);
        if (code == ARCHIVE_EOF)
            return nullptr;
        if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
            return trouble_behind();
        DAXFS_TRY(fill(raw));
        DAXFS_TRY_ASSIGN(const bool wanted, read_whiteout());
        if (wanted)
            return &entry_;
    }
}

Result<void> ArchiveSource::fill(archive_entry* raw) {
    const ArchiveLibrary& lib = *library_;
    entry_ = {};
    entry_.path = place_ = text(lib.archive_entry_pathname(raw), lib.archive_entry_pathname_utf8(raw));
    if (entry_.path.empty())
        return fail("{}: has an entry without a name", name_);
    const std::string link = text(lib.archive_entry_hardlink(raw), lib.archive_entry_hardlink_utf8(raw));
    if (!link.empty()) {
        entry_.link_to = link;
        return {};
    }
    entry_.type = lib.archive_entry_filetype(raw) & S_IFMT;
    if (S_ISLNK(entry_.type))
        entry_.target = text(lib.archive_entry_symlink(raw), lib.archive_entry_symlink_utf8(raw));
    const std::int64_t size = lib.archive_entry_size(raw);
    if (size < 0)
        return fail("{}: has a size of {} bytes", describe(entry_.path), size);
    entry_.size = static_cast<std::uint64_t>(size);
    entry_.major = lib.archive_entry_rdevmajor(raw);
    entry_.minor = lib.archive_entry_rdevminor(raw);
    return fill_attributes(raw);
}

Result<void> ArchiveSource::fill_attributes(archive_entry* raw) {
    const ArchiveLibrary& lib = *library_;
    const std::int64_t uid = lib.archive_entry_uid(raw);
    const std::int64_t gid = lib.archive_entry_gid(raw);
    if (uid < 0 || uid > kMaxId || gid < 0 || gid > kMaxId)
        return fail("{}: belongs to user {} and group {}; both can be 0 to {}", describe(entry_.path), uid, gid,
                    kMaxId);
    const Timestamp modified = timestamp(lib.archive_entry_mtime(raw), lib.archive_entry_mtime_nsec(raw));
    const bool has_atime = lib.archive_entry_atime_is_set(raw) != 0;
    entry_.attributes = {
        .permissions = static_cast<std::uint16_t>(lib.archive_entry_perm(raw) & 07777),
        .uid = static_cast<std::uint32_t>(uid),
        .gid = static_cast<std::uint32_t>(gid),
        .time = {},
        .accessed = has_atime ? timestamp(lib.archive_entry_atime(raw), lib.archive_entry_atime_nsec(raw)) : modified,
        .modified = modified};
    entry_.has_xattrs = lib.archive_entry_xattr_count(raw) > 0;
    entry_.has_acl = lib.archive_entry_acl_types(raw) != 0;
    return {};
}

Result<bool> ArchiveSource::read_whiteout() {
    std::string_view path = entry_.path;
    while (path.ends_with('/'))
        path.remove_suffix(1);
    const std::size_t slash = path.rfind('/');
    const std::string_view name = slash == path.npos ? path : path.substr(slash + 1);
    const std::string folder(slash == path.npos ? std::string_view() : path.substr(0, slash + 1));
    if (!name.starts_with(kWhiteout))
        return true;
    const std::string hidden(name.substr(kWhiteout.size()));
    Entry::Kind kind = Entry::Kind::kWhiteout;
    std::string where = folder + hidden;
    if (name == kOpaque) {
        kind = Entry::Kind::kOpaque;
        where = folder;
    } else if (name.starts_with(kUnionsOwn)) {
        return false;
    } else if (hidden.empty() || hidden == "." || hidden == "..") {
        return fail("{}: is a whiteout of no name", describe(entry_.path));
    }
    entry_ = {};
    entry_.kind = kind;
    entry_.path = where;
    return true;
}

Result<std::optional<Piece>> ArchiveSource::next_piece() {
    for (;;) {
        const void* bytes = nullptr;
        std::size_t length = 0;
        la_int64_t offset = 0;
        const int code = library_->archive_read_data_block(archive_, &bytes, &length, &offset);
        if (code == ARCHIVE_EOF)
            return std::optional<Piece>();
        if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
            return trouble();
        if (length > 0)
            return Piece{.offset = static_cast<std::uint64_t>(offset),
                         .length = length,
                         .bytes = static_cast<const std::byte*>(bytes)};
    }
}

}  // namespace daxfs

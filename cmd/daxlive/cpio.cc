// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxlive/cpio.h"

#include <sys/stat.h>

#include <limits>

namespace daxfs::live {
namespace {

void pad(std::string& archive, std::size_t unit) {
    archive.resize((archive.size() + unit - 1) / unit * unit, '\0');
}

}  // namespace

Result<std::string> CpioWriter::clean(std::string_view path) {
    std::string result;
    for (std::size_t start = 0; start <= path.size();) {
        const std::size_t end = std::min(path.find('/', start), path.size());
        const std::string_view part = path.substr(start, end - start);
        if (part == "..")
            return fail("initramfs: '{}' leads out of the guest's root", path);
        if (!part.empty() && part != ".")
            result.append(result.empty() ? "" : "/").append(part);
        start = end + 1;
    }
    if (result.size() >= 4096 || result.find('\0') != std::string::npos)
        return fail("initramfs: '{}' is no usable path", path.substr(0, 80));
    return result;
}

Result<void> CpioWriter::add_parents(const std::string& path) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
        DAXFS_TRY(add_directory(path.substr(0, slash)));
    return {};
}

Result<void> CpioWriter::add_directory(std::string_view path, unsigned permissions) {
    DAXFS_TRY_ASSIGN(const std::string name, clean(path));
    if (name.empty() || directories_.contains(name))
        return {};
    DAXFS_TRY(add_parents(name));
    directories_.insert(name);
    write({.path = name, .mode = S_IFDIR | permissions, .bytes = {}});
    return {};
}

Result<void> CpioWriter::add_file(std::string_view path, unsigned permissions, std::string_view bytes) {
    DAXFS_TRY_ASSIGN(const std::string name, clean(path));
    if (name.empty())
        return fail("initramfs: a file needs a name");
    if (bytes.size() > std::numeric_limits<std::uint32_t>::max())
        return fail("initramfs: {} is larger than 4 GiB", name);
    DAXFS_TRY(add_parents(name));
    write({.path = name, .mode = S_IFREG | permissions, .bytes = bytes});
    return {};
}

Result<void> CpioWriter::add_link(std::string_view path, std::string_view target) {
    DAXFS_TRY_ASSIGN(const std::string name, clean(path));
    if (name.empty() || target.empty() || target.size() >= 4096)
        return fail("initramfs: '{}' cannot be a symbolic link", path);
    DAXFS_TRY(add_parents(name));
    write({.path = name, .mode = S_IFLNK | 0777, .bytes = target});
    return {};
}

Result<void> CpioWriter::add_console() {
    DAXFS_TRY(add_directory("dev"));
    write({.path = "dev/console", .mode = S_IFCHR | 0600, .bytes = {}, .device_major = 5, .device_minor = 1});
    return {};
}

// Thirteen fields of eight hexadecimal digits behind the magic; name and data each padded to four bytes.
void CpioWriter::write(const Entry& entry) {
    constexpr unsigned kNone = 0;
    archive_ += fmt::format("070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}",
                            next_inode_++, entry.mode, kNone, kNone, 1, kNone, entry.bytes.size(), kNone, kNone,
                            entry.device_major, entry.device_minor, entry.path.size() + 1, kNone);
    archive_.append(entry.path).push_back('\0');
    pad(archive_, 4);
    archive_.append(entry.bytes);
    pad(archive_, 4);
}

std::string CpioWriter::finish() && {
    write({.path = "TRAILER!!!", .mode = 0, .bytes = {}});
    pad(archive_, 512);
    return std::move(archive_);
}

}  // namespace daxfs::live

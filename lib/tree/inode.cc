// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/tree/inode.h"

#include <algorithm>
#include <span>

#include "lib/base/zeros.h"
#include "lib/format/inode_schema.h"
#include "lib/tree/ag.h"

namespace daxfs {
namespace {

// What the kernel can make a device number of.
const std::uint64_t kMaxMajor = kSchema<daxfs_inode>.find("rdev_major")->max;
const std::uint64_t kMaxMinor = kSchema<daxfs_inode>.find("rdev_minor")->max;

constexpr std::uint32_t kNanoseconds = 1'000'000'000;

class FieldCheck {
  public:
    FieldCheck(const Volume& volume, const daxfs_inode& inode, InodeNo ino)
        : volume_(volume), inode_(inode), ino_(ino) {}

    std::optional<Damage> run() const {
        if (is_free(inode_))
            return only(check_free());
        for (const char* detail : {check_type(), check_fork(), check_size(), check_rest()}) {
            if (detail != nullptr)
                return only(detail);
        }
        return std::nullopt;
    }

  private:
    std::optional<Damage> only(const char* detail) const {
        if (detail == nullptr)
            return std::nullopt;
        return Damage{.kind = DamageKind::kValue,
                      .unit = Unit::kInode,
                      .block = volume_.block_of(ino_),
                      .offset = volume_.offset_of(ino_),
                      .owner = ino_,
                      .detail = detail};
    }

    const char* check_free() const {
        daxfs_inode rest = inode_;
        rest.magic = 0;
        rest.crc = 0;
        rest.ino = 0;
        rest.generation = 0;
        return is_zero(&rest, sizeof(rest)) ? nullptr : "a free inode with fields that are not zero";
    }

    const char* check_type() const {
        if (dirent_type_of(inode_.mode) == DAXFS_DIRENT_FREE)
            return "mode has no known file type";
        const std::uint8_t format = inode_.format;
        const bool extents = format == DAXFS_FORMAT_EXTENTS || format == DAXFS_FORMAT_EXTENT_TREE;
        bool fits = format == DAXFS_FORMAT_NONE;
        if (is_regular(inode_))
            fits = extents;
        else if (is_directory(inode_))
            fits = format == DAXFS_FORMAT_DIRECTORY;
        else if (is_symlink(inode_))
            fits = extents || format == DAXFS_FORMAT_INLINE;
        return fits ? nullptr : "format does not fit the file type";
    }

    const char* check_fork() const {
        const std::uint32_t count = inode_.fork_count;
        const std::uint32_t height = inode_.tree_height;
        const bool empty_directory = inode_.format == DAXFS_FORMAT_DIRECTORY && count == 0;
        const bool tree = inode_.format == DAXFS_FORMAT_EXTENT_TREE || inode_.format == DAXFS_FORMAT_DIRECTORY;
        if (tree && !empty_directory) {
            if (height == 0 || height > DAXFS_MAX_TREE_HEIGHT)
                return "tree_height is out of range";
            return count == 0 || count > DAXFS_FORK_INDEX ? "fork_count is out of range" : nullptr;
        }
        if (height != 0)
            return "tree_height without a tree";
        const std::uint32_t limit = inode_.format == DAXFS_FORMAT_EXTENTS ? DAXFS_FORK_EXTENTS : 0;
        return count > limit ? "fork_count is out of range" : nullptr;
    }

    const char* check_size() const {
        const std::uint64_t size = inode_.size;
        if (size > INT64_MAX)
            return "size is out of range";
        if (is_directory(inode_)) {
            if (size % DAXFS_BLOCK_SIZE != 0)
                return "a directory's size is no multiple of a block";
            // Of one with names it is compared with its tree. The module refuses both.
            return inode_.nlink == 0 && size / DAXFS_BLOCK_SIZE > volume_.geometry.block_count
                       ? "an unlinked directory is larger than the device"
                       : nullptr;
        }
        if (inode_.format == DAXFS_FORMAT_INLINE && size > DAXFS_FORK_SIZE)
            return "size is larger than the inline data";
        if (is_symlink(inode_))
            return size == 0 || size > DAXFS_SYMLINK_MAX ? "a symlink's size is out of range" : nullptr;
        if (!is_regular(inode_) && size != 0)
            return "a special file has a size";
        return nullptr;
    }

    // What recovery would do is known, possible and in range.
    const char* check_operation() const {
        const std::uint64_t first = inode_.operation_arg[0];
        const std::uint64_t count = inode_.operation_arg[1];
        if (inode_.operation == DAXFS_OPERATION_NONE)
            return first != 0 || count != 0 ? "arguments of an operation that is not in progress" : nullptr;
        if (inode_.operation > DAXFS_OPERATION_COLLAPSE)
            return "unknown operation in progress";
        // The module announces none of a symlink: the target would be lost in it.
        if (!is_regular(inode_))
            return "an operation in progress on something that is no file";
        if (first > DAXFS_MAX_FILE_BLOCK)
            return "an operation in progress behind the last file block";
        if (inode_.operation == DAXFS_OPERATION_TRUNCATE)
            return nullptr;
        return count == 0 || count > DAXFS_MAX_FILE_BLOCK - first ? "a collapse in progress of no range of a file"
                                                                  : nullptr;
    }

    const char* check_rest() const {
        if (const char* damage = check_operation())
            return damage;
        if ((inode_.flags & ~DAXFS_INODE_FLAGS_KNOWN) != 0)
            return "unknown flags";
        if (inode_.nlink > DAXFS_LINK_MAX)
            return "nlink is out of range";
        for (const std::uint32_t nsec : {inode_.atime_nsec, inode_.mtime_nsec, inode_.ctime_nsec, inode_.btime_nsec}) {
            if (nsec >= kNanoseconds)
                return "a time has a second or more of nanoseconds";
        }
        if (inode_.xattr_block != 0)
            return "an xattr block, which this version does not have";
        if (inode_.reserved0 != 0)
            return "reserved byte is not zero";
        // The module refuses the inode.
        if (inode_.rdev_major > kMaxMajor || inode_.rdev_minor > kMaxMinor)
            return "the number of a device is out of range";
        if (!is_zero(inode_.xattr_tail))
            return "reserved bytes at its end are not zero";
        return nullptr;
    }

    const Volume& volume_;
    const daxfs_inode& inode_;
    InodeNo ino_;
};

Damage inode_damage(const Volume& volume, InodeNo ino, DamageKind kind, std::uint64_t found, std::uint64_t expected) {
    return {.kind = kind,
            .unit = Unit::kInode,
            .block = volume.block_of(ino),
            .offset = volume.offset_of(ino),
            .owner = ino,
            .found = found,
            .expected = expected};
}

}  // namespace

InodeReading read_mapped_inode(const Volume& volume, InodeNo ino) {
    InodeReading reading{.raw = volume.image->at<daxfs_inode>(volume.block_of(ino), volume.offset_of(ino)),
                         .damage = std::nullopt};
    if (reading.raw == nullptr) {
        reading.damage = inode_damage(volume, ino, DamageKind::kUnreadable, 0, 0);
        return reading;
    }
    const daxfs_inode& inode = *reading.raw;
    if (inode.magic != DAXFS_INODE_MAGIC)
        reading.damage = inode_damage(volume, ino, DamageKind::kMagic, inode.magic, DAXFS_INODE_MAGIC);
    else if (const std::uint32_t actual = checksum(volume.seed, inode); inode.crc != actual)
        reading.damage = inode_damage(volume, ino, DamageKind::kChecksum, inode.crc, actual);
    else if (inode.ino != ino.value)
        reading.damage = inode_damage(volume, ino, DamageKind::kAddress, inode.ino, ino.value);
    return reading;
}

InodeReading read_inode(const Volume& volume, InodeNo ino) {
    const BlockNo block = volume.block_of(ino);
    InodeReading missing;
    missing.damage = inode_damage(volume, ino, DamageKind::kRange, 0, 0);
    if (!volume.is_allocatable(block)) {
        missing.damage->detail = "no inode can lie there";
        return missing;
    }
    const AgNo ag = volume.geometry.ag_of(block);
    if (!AgMap(volume, ag, MapKind::kInodes).test(block - volume.geometry.ag_start(ag))) {
        missing.damage->detail = "the inode map does not have its block";
        return missing;
    }
    return read_mapped_inode(volume, ino);
}

std::uint8_t dirent_type_of(std::uint16_t mode) {
    switch (mode & S_IFMT) {
        case S_IFREG:
            return DAXFS_DIRENT_REG;
        case S_IFDIR:
            return DAXFS_DIRENT_DIR;
        case S_IFCHR:
            return DAXFS_DIRENT_CHR;
        case S_IFBLK:
            return DAXFS_DIRENT_BLK;
        case S_IFIFO:
            return DAXFS_DIRENT_FIFO;
        case S_IFSOCK:
            return DAXFS_DIRENT_SOCK;
        case S_IFLNK:
            return DAXFS_DIRENT_LNK;
        default:
            return DAXFS_DIRENT_FREE;
    }
}

std::optional<Damage> check_inode_fields(const Volume& volume, const daxfs_inode& inode, InodeNo ino) {
    return FieldCheck(volume, inode, ino).run();
}

}  // namespace daxfs

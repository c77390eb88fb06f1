// SPDX-License-Identifier: GPL-2.0-or-later
// libarchive, loaded when the first archive is read: with all that it needs itself (libxml2, and the 30 MiB of libicu)
// it is many times larger than the tools, and would lie in every guest's initramfs and slow down every start of
// mkfs.daxfs.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include "lib/base/result.h"

namespace daxfs {

// What is used of it.
#define DAXFS_EACH_ARCHIVE_FUNCTION(F)      \
    F(archive_read_new)                     \
    F(archive_read_support_format_tar)      \
    F(archive_read_support_filter_bzip2)    \
    F(archive_read_support_filter_compress) \
    F(archive_read_support_filter_gzip)     \
    F(archive_read_support_filter_lz4)      \
    F(archive_read_support_filter_lzma)     \
    F(archive_read_support_filter_xz)       \
    F(archive_read_support_filter_zstd)     \
    F(archive_read_open_fd)                 \
    F(archive_read_next_header)             \
    F(archive_read_data_block)              \
    F(archive_read_free)                    \
    F(archive_error_string)                 \
    F(archive_entry_pathname)               \
    F(archive_entry_pathname_utf8)          \
    F(archive_entry_hardlink)               \
    F(archive_entry_hardlink_utf8)          \
    F(archive_entry_symlink)                \
    F(archive_entry_symlink_utf8)           \
    F(archive_entry_filetype)               \
    F(archive_entry_perm)                   \
    F(archive_entry_size)                   \
    F(archive_entry_uid)                    \
    F(archive_entry_gid)                    \
    F(archive_entry_rdevmajor)              \
    F(archive_entry_rdevminor)              \
    F(archive_entry_atime)                  \
    F(archive_entry_atime_is_set)           \
    F(archive_entry_atime_nsec)             \
    F(archive_entry_mtime)                  \
    F(archive_entry_mtime_nsec)             \
    F(archive_entry_acl_types)              \
    F(archive_entry_xattr_count)

struct ArchiveLibrary {
#define DAXFS_MEMBER(name) decltype(&::name) name = nullptr;
    DAXFS_EACH_ARCHIVE_FUNCTION(DAXFS_MEMBER)
#undef DAXFS_MEMBER

    // Loaded at the first call. An error where it is not installed, or is another than what this was built for.
    static Result<const ArchiveLibrary*> get();
};

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// A whole filesystem, written once: mkfs makes an empty one, tests make rich ones.
//
//   daxfs_super super = *plan_filesystem(options);
//   MemorySink sink(options.device_bytes);
//   FilesystemBuilder builder(super, sink);
//   builder.begin();
//   auto file = builder.add_file(builder.root(), "log", {}, content_blocks, {{.file_block = 0, .length = 8}});
//   builder.finish();
//
// Metadata is kept in memory until finish(), which writes everything, makes it durable, and only then writes the
// superblock copies and the superblock: a power cut in between leaves no filesystem, not half a one.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/result.h"
#include "lib/format/checksum.h"
#include "lib/format/geometry.h"
#include "lib/make/ag_builder.h"
#include "lib/make/sink.h"
#include "lib/make/tree_builder.h"

namespace daxfs {

struct Timestamp {
    std::int64_t sec = 0;
    std::uint32_t nsec = 0;
};

struct Attributes {
    std::uint16_t permissions = 0;  // the bits below S_IFMT; 0: 0644, of a directory 0755, of a symlink 0777
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t project = 0;
    std::uint32_t flags = 0;        // DAXFS_INODE_*
    std::optional<Timestamp> time;  // all four; empty: when the filesystem was created
};

// A run of file blocks to be given disk blocks.
struct FileRun {
    std::uint64_t file_block = 0;
    std::uint32_t length = 1;
    bool unwritten = false;
    // Split into extents of one block each that are apart on the device, for tests of big trees.
    bool scattered = false;
};

class FilesystemBuilder {
  public:
    // `super` comes from plan_filesystem.
    FilesystemBuilder(const daxfs_super& super, BlockSink& sink);
    FilesystemBuilder(FilesystemBuilder&&) noexcept;
    ~FilesystemBuilder();

    // Makes what was on the device unrecognisable (superblock and repair intents), durably. Root and lost+found exist
    // from here on.
    Result<void> begin();
    // Nothing is added afterwards.
    Result<void> finish();

    InodeNo root() const;
    InodeNo lost_and_found() const;
    // As finish() writes it: initialised_ags may have grown.
    const daxfs_super& super() const;

    Result<InodeNo> add_directory(InodeNo parent, std::string_view name, const Attributes& attributes = {});
    // Runs ascend and do not overlap. Their blocks are allocated, congruent to the file from 64 KiB on, and not
    // written: see write_data. `size_bytes` may lie anywhere, also before or behind the last run.
    Result<InodeNo> add_file(InodeNo parent, std::string_view name, std::uint64_t size_bytes,
                             std::span<const FileRun> runs, const Attributes& attributes = {});
    // The same, with content written at once.
    Result<InodeNo> add_file_with_content(InodeNo parent, std::string_view name, std::span<const std::byte> content,
                                          const Attributes& attributes = {});
    // Inline up to 240 bytes, else in one block.
    Result<InodeNo> add_symlink(InodeNo parent, std::string_view name, std::string_view target,
                                const Attributes& attributes = {});
    // `type` is S_IFCHR, S_IFBLK, S_IFIFO or S_IFSOCK.
    Result<InodeNo> add_special(InodeNo parent, std::string_view name, mode_t type, std::uint32_t major,
                                std::uint32_t minor, const Attributes& attributes = {});
    // A further name of something that is no directory.
    Result<void> add_link(InodeNo parent, std::string_view name, InodeNo target);
    // An unlinked file that was open when the power went: no name, nlink 0, orphan bit set.
    Result<InodeNo> add_orphan(std::uint64_t size_bytes, std::span<const FileRun> runs,
                               const Attributes& attributes = {});

    // Extents of a file, as allocated.
    Result<std::vector<daxfs_extent>> extents(InodeNo file) const;
    // Writes whole blocks of a file's data; the blocks must be mapped.
    Result<void> write_data(InodeNo file, std::uint64_t file_block, std::span<const std::byte> bytes);

    // The inode as finish() will write it, for tests that want it strange; its checksum, and the members that finish()
    // fills in (format, tree, fork, blocks and a directory's size), are set later. nullptr: no such inode.
    daxfs_inode* inode(InodeNo ino);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace daxfs

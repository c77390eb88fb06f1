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
#include <memory>
#include <optional>
#include <span>
#include <string_view>
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
    // The bits below S_IFMT; empty: 0644, of a directory 0755, of a symlink 0777.
    std::optional<std::uint16_t> permissions;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t project = 0;
    std::uint32_t flags = 0;        // DAXFS_INODE_*
    std::optional<Timestamp> time;  // all four; empty: when the filesystem was created
    // These two where they differ from it.
    std::optional<Timestamp> accessed{};
    std::optional<Timestamp> modified{};
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
    // Nothing is added afterwards. An error where something has no name.
    Result<void> finish();

    InodeNo root() const;
    InodeNo lost_and_found() const;
    // As finish() writes it: initialised_ags may have grown.
    const daxfs_super& super() const;
    // Blocks that were given to inodes, trees and data; after finish() of all there is.
    std::uint64_t used_blocks() const;
    // Whether something failed because there was no space for it.
    bool ran_out_of_space() const;

    // The parent of what gets its names later, by add_link; until then it may be changed and discarded.
    static constexpr InodeNo kNoParent{0};

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
    // A further name of something that is no directory, or the first of anything that has none.
    Result<void> add_link(InodeNo parent, std::string_view name, InodeNo target);
    // Takes back what has no name: its inode and its blocks are free again.
    Result<void> discard(InodeNo ino);
    // In place of those that it was added with. The type stays.
    Result<void> set_attributes(InodeNo ino, const Attributes& attributes);
    // An unlinked file that was open when the power went: no name, nlink 0, orphan bit set.
    Result<InodeNo> add_orphan(std::uint64_t size_bytes, std::span<const FileRun> runs,
                               const Attributes& attributes = {});

    // In bytes, as it was added with.
    Result<std::uint64_t> file_size(InodeNo file) const;
    // Extents of a file, as allocated.
    Result<std::vector<daxfs_extent>> extents(InodeNo file) const;
    // Writes whole blocks of a file's data; the blocks must be mapped.
    Result<void> write_data(InodeNo file, std::uint64_t file_block, std::span<const std::byte> bytes);

    // Maps whole blocks behind all that the file has, and writes them. Pieces that continue each other lie as one run
    // would whose first piece is the first of them: a file of 64 KiB or more starts with at least 64 KiB.
    Result<void> append_data(InodeNo file, std::uint64_t file_block, std::span<const std::byte> bytes);

    // For tests that want it strange: the directory that the inode says it is in.
    Result<void> set_parent(InodeNo ino, InodeNo parent);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace daxfs

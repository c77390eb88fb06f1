// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/make/filesystem.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "lib/base/checked.h"
#include "lib/base/siphash.h"
#include "lib/format/copy_places.h"
#include "lib/make/allocator.h"
#include "lib/make/plan.h"
#include "lib/tree/inode.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kCongruentFrom = 16;  // blocks: 64 KiB
constexpr std::uint64_t kInodeBlockRun = 8;   // 32 KiB
constexpr std::array<std::byte, DAXFS_BLOCK_SIZE> kZeros{};

struct NewInode {
    daxfs_inode raw{};
    std::vector<daxfs_extent> extents;
    std::vector<NewDirent> entries;  // of a directory
};

std::uint16_t full_mode(mode_t type, std::uint16_t permissions) {
    if (permissions == 0)
        permissions = S_ISDIR(type) ? 0755 : S_ISLNK(type) ? 0777 : 0644;
    return static_cast<std::uint16_t>(type | (permissions & 07777));
}

Result<void> check_name(std::string_view name) {
    if (name.empty() || name.size() > DAXFS_NAME_MAX || name == "." || name == ".." ||
        name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos)
        return fail("\"{}\" cannot be the name of a file", name);
    return {};
}

daxfs_extent make_extent(std::uint64_t file_block, BlockRun run, bool unwritten) {
    daxfs_extent extent{};
    extent.file_block = file_block;
    extent.disk_block = run.start.value;
    extent.length = static_cast<std::uint32_t>(run.length);
    extent.state = unwritten ? DAXFS_EXTENT_UNWRITTEN : DAXFS_EXTENT_WRITTEN;
    return extent;
}

void set_times(daxfs_inode& inode, Timestamp time) {
    inode.atime_sec = static_cast<std::uint64_t>(time.sec);
    inode.atime_nsec = time.nsec;
    inode.mtime_sec = inode.ctime_sec = inode.btime_sec = inode.atime_sec;
    inode.mtime_nsec = inode.ctime_nsec = inode.btime_nsec = inode.atime_nsec;
}

}  // namespace

struct FilesystemBuilder::State {
    State(const daxfs_super& new_super, BlockSink& new_sink)
        : super(new_super),
          sink(new_sink),
          geometry(Geometry::of(new_super)),
          seed(ChecksumSeed::of(new_super.nonce)),
          allocator(geometry) {}

    daxfs_super super;
    BlockSink& sink;
    Geometry geometry;
    ChecksumSeed seed;
    Allocator allocator;

    std::map<InodeNo, NewInode> inodes;
    std::vector<BlockRun> inode_runs;
    InodeNo next_ino{0};
    std::uint64_t inodes_left = 0;  // in the last run, from next_ino on

    Result<void> add_inode_run();
    Result<NewInode*> add_inode(mode_t type, const Attributes& attributes);
    Result<NewInode*> find(InodeNo ino);
    Result<NewInode*> find_directory(InodeNo ino);
    Result<InodeNo> add_named(InodeNo parent, std::string_view name, mode_t type, const Attributes& attributes);
    Result<void> enter(InodeNo parent, std::string_view name, NewInode& target);
    Result<void> map_run(NewInode& inode, const FileRun& run);
    Result<void> map_runs(NewInode& inode, std::span<const FileRun> runs);
    void set_orphan(InodeNo ino);
    std::uint32_t generation(InodeNo ino) const;

    Result<void> finish_inode(NewInode& inode);
    Result<void> write_inodes(const BlockRun& run);
    Result<void> write_supers();
};

std::uint32_t FilesystemBuilder::State::generation(InodeNo ino) const {
    daxfs_le64 number;
    number = ino.value;
    const std::uint64_t nonce = super.nonce;
    return static_cast<std::uint32_t>(siphash24({nonce, ~nonce}, std::as_bytes(std::span(&number, 1))));
}

// The very first run is one block: it lies right behind the journals, where the superblock says that root is.
Result<void> FilesystemBuilder::State::add_inode_run() {
    const std::uint64_t wanted = inode_runs.empty() ? 1 : kInodeBlockRun;
    DAXFS_TRY_ASSIGN(const BlockRun run, allocator.allocate_small(wanted));
    for (std::uint64_t i = 0; i < run.length; ++i) {
        AgMaps& maps = allocator.ag_of(run.start + i);
        maps.set_inode_block(allocator.index_in_ag(run.start + i));
        maps.free_inodes += DAXFS_INODES_PER_BLOCK;
    }
    inode_runs.push_back(run);
    next_ino = InodeNo{run.start.value * DAXFS_INODES_PER_BLOCK};
    inodes_left = run.length * DAXFS_INODES_PER_BLOCK;
    return {};
}

Result<NewInode*> FilesystemBuilder::State::add_inode(mode_t type, const Attributes& attributes) {
    if (inodes_left == 0)
        DAXFS_TRY(add_inode_run());
    const InodeNo ino = next_ino;
    ++next_ino;
    --inodes_left;
    --allocator.ag_of(BlockNo{ino.value / DAXFS_INODES_PER_BLOCK}).free_inodes;
    NewInode& inode = inodes[ino];
    inode.raw.magic = DAXFS_INODE_MAGIC;
    inode.raw.ino = ino.value;
    inode.raw.mode = full_mode(type, attributes.permissions);
    inode.raw.uid = attributes.uid;
    inode.raw.gid = attributes.gid;
    inode.raw.project = attributes.project;
    inode.raw.flags = attributes.flags;
    inode.raw.generation = generation(ino);
    inode.raw.change = 1;
    set_times(inode.raw,
              attributes.time.value_or(Timestamp{static_cast<std::int64_t>(std::uint64_t{super.created_sec}), 0}));
    return &inode;
}

Result<NewInode*> FilesystemBuilder::State::find(InodeNo ino) {
    const auto it = inodes.find(ino);
    if (it == inodes.end())
        return fail("there is no inode {}", ino);
    return &it->second;
}

Result<NewInode*> FilesystemBuilder::State::find_directory(InodeNo ino) {
    DAXFS_TRY_ASSIGN(NewInode * inode, find(ino));
    if (!S_ISDIR(inode->raw.mode))
        return fail("inode {} is not a directory", ino);
    return inode;
}

Result<void> FilesystemBuilder::State::enter(InodeNo parent, std::string_view name, NewInode& target) {
    DAXFS_TRY(check_name(name));
    DAXFS_TRY_ASSIGN(NewInode * directory, find_directory(parent));
    directory->entries.push_back(
        {.key = 0, .ino = InodeNo{target.raw.ino}, .type = dirent_type_of(target.raw.mode), .name = std::string(name)});
    target.raw.nlink = target.raw.nlink + 1;
    target.raw.parent = parent.value;
    if (S_ISDIR(target.raw.mode)) {
        target.raw.nlink = 2;
        directory->raw.nlink = directory->raw.nlink + 1;
    }
    return {};
}

Result<InodeNo> FilesystemBuilder::State::add_named(InodeNo parent, std::string_view name, mode_t type,
                                                    const Attributes& attributes) {
    DAXFS_TRY(check_name(name));
    DAXFS_TRY(find_directory(parent));
    DAXFS_TRY_ASSIGN(NewInode * inode, add_inode(type, attributes));
    DAXFS_TRY(enter(parent, name, *inode));
    return InodeNo{inode->raw.ino};
}

Result<void> FilesystemBuilder::State::map_run(NewInode& inode, const FileRun& run) {
    std::uint64_t file_block = run.file_block;
    std::uint64_t left = run.length;
    while (left > 0) {
        BlockRun got;
        if (run.scattered) {
            DAXFS_TRY_ASSIGN(got.start, allocator.allocate_apart());
            got.length = 1;
        } else if (run.length < kCongruentFrom) {
            DAXFS_TRY_ASSIGN(got, allocator.allocate_small(left));
        } else {
            DAXFS_TRY_ASSIGN(got, allocator.allocate_congruent(file_block, left));
        }
        inode.extents.push_back(make_extent(file_block, got, run.unwritten));
        inode.raw.blocks = inode.raw.blocks + got.length;
        file_block += got.length;
        left -= got.length;
    }
    return {};
}

Result<void> FilesystemBuilder::State::map_runs(NewInode& inode, std::span<const FileRun> runs) {
    std::uint64_t next = 0;
    for (const FileRun& run : runs) {
        if (run.file_block < next || run.length == 0 ||
            !range_inside<std::uint64_t>(run.file_block, run.length, DAXFS_MAX_FILE_BLOCK + 1))
            return fail("inode {}: the run at file block {} is out of order or range", std::uint64_t{inode.raw.ino},
                        run.file_block);
        DAXFS_TRY(map_run(inode, run));
        next = run.file_block + run.length;
    }
    return {};
}

void FilesystemBuilder::State::set_orphan(InodeNo ino) {
    const BlockNo block{ino.value / DAXFS_INODES_PER_BLOCK};
    allocator.ag_of(block).set_orphan_group(allocator.index_in_ag(block));
}

Result<void> FilesystemBuilder::State::finish_inode(NewInode& inode) {
    const TreeTarget target{.seed = seed,
                            .owner = InodeNo{inode.raw.ino},
                            .generation = inode.raw.generation,
                            .allocate = [this]() -> Result<BlockNo> {
                                DAXFS_TRY_ASSIGN(const BlockRun run, allocator.allocate_small(1));
                                return run.start;
                            },
                            .sink = &sink};
    TreeRoot root;
    if (S_ISDIR(inode.raw.mode)) {
        DAXFS_TRY(assign_keys(super, inode.entries));
        DAXFS_TRY_ASSIGN(root, build_directory_tree(target, inode.entries));
        inode.raw.size = root.node_blocks * DAXFS_BLOCK_SIZE;
    } else if (inode.raw.format == DAXFS_FORMAT_EXTENTS) {
        DAXFS_TRY_ASSIGN(root, build_extent_tree(target, inode.extents));
    } else {
        return {};
    }
    root.store_in(inode.raw);
    inode.raw.blocks = inode.raw.blocks + root.node_blocks;
    return {};
}

Result<void> FilesystemBuilder::State::write_inodes(const BlockRun& run) {
    std::vector<daxfs_inode> table(run.length * DAXFS_INODES_PER_BLOCK);
    std::uint64_t ino = run.start.value * DAXFS_INODES_PER_BLOCK;
    for (daxfs_inode& raw : table) {
        const auto it = inodes.find(InodeNo{ino});
        if (it != inodes.end()) {
            raw = it->second.raw;
        } else {
            raw.magic = DAXFS_INODE_MAGIC;
            raw.ino = ino;
        }
        raw.crc = checksum(seed, raw);
        ++ino;
    }
    return sink.write(run.start, std::as_bytes(std::span(table)));
}

// Copies first, the superblock itself last.
Result<void> FilesystemBuilder::State::write_supers() {
    super.initialised_ags = static_cast<std::uint32_t>(allocator.ags().size());
    seal(super);
    alignas(64) std::array<std::byte, DAXFS_BLOCK_SIZE> block{};
    std::memcpy(block.data(), &super, sizeof(super));
    // Also in the first groups that are not in use: until they are, no other copy would be there. The module overwrites
    // it when it initialises the group.
    const std::uint64_t copies = std::min<std::uint64_t>(geometry.ag_count, kGroupsWithCopy);
    for (std::uint64_t ag = 0; ag < std::max<std::uint64_t>(copies, allocator.ags().size()); ++ag) {
        if (geometry.ag_start(AgNo{ag}) != BlockNo{0})
            DAXFS_TRY(sink.write(geometry.ag_start(AgNo{ag}), block));
    }
    DAXFS_TRY(sink.flush());
    DAXFS_TRY(sink.write(BlockNo{0}, block));
    return sink.flush();
}

FilesystemBuilder::FilesystemBuilder(const daxfs_super& super, BlockSink& sink)
    : state_(std::make_unique<State>(super, sink)) {}
FilesystemBuilder::FilesystemBuilder(FilesystemBuilder&&) noexcept = default;
FilesystemBuilder::~FilesystemBuilder() = default;

Result<void> FilesystemBuilder::begin() {
    BlockSink& sink = state_->sink;
    DAXFS_TRY(sink.write(BlockNo{0}, kZeros));
    DAXFS_TRY(sink.write(BlockNo{DAXFS_INTENT_BLOCK_A}, kZeros));
    DAXFS_TRY(sink.write(BlockNo{DAXFS_INTENT_BLOCK_B}, kZeros));
    DAXFS_TRY(sink.flush());
    DAXFS_TRY_ASSIGN(NewInode * root_inode, state_->add_inode(S_IFDIR, {}));
    const InodeNo root_ino{root_inode->raw.ino};
    root_inode->raw.nlink = 2;
    root_inode->raw.parent = root_ino.value;
    DAXFS_TRY(state_->add_named(root_ino, "lost+found", S_IFDIR, {.permissions = 0700, .time = {}}));
    return {};
}

Result<void> FilesystemBuilder::finish() {
    for (auto& [ino, inode] : state_->inodes)
        DAXFS_TRY(state_->finish_inode(inode));
    for (const BlockRun& run : state_->inode_runs)
        DAXFS_TRY(state_->write_inodes(run));
    DAXFS_TRY(build_journals(state_->super, state_->sink));
    for (const AgMaps& maps : state_->allocator.ags())
        DAXFS_TRY(build_ag_head(state_->super, maps, state_->sink));
    DAXFS_TRY(state_->sink.flush());
    return state_->write_supers();
}

InodeNo FilesystemBuilder::root() const {
    return InodeNo{state_->super.root_ino};
}
InodeNo FilesystemBuilder::lost_and_found() const {
    return root() + 1;
}
const daxfs_super& FilesystemBuilder::super() const {
    return state_->super;
}

Result<InodeNo> FilesystemBuilder::add_directory(InodeNo parent, std::string_view name, const Attributes& attributes) {
    return state_->add_named(parent, name, S_IFDIR, attributes);
}

Result<InodeNo> FilesystemBuilder::add_file(InodeNo parent, std::string_view name, std::uint64_t size_bytes,
                                            std::span<const FileRun> runs, const Attributes& attributes) {
    DAXFS_TRY_ASSIGN(const InodeNo ino, state_->add_named(parent, name, S_IFREG, attributes));
    NewInode& inode = state_->inodes[ino];
    inode.raw.format = DAXFS_FORMAT_EXTENTS;
    inode.raw.size = size_bytes;
    DAXFS_TRY(state_->map_runs(inode, runs));
    return ino;
}

Result<InodeNo> FilesystemBuilder::add_file_with_content(InodeNo parent, std::string_view name,
                                                         std::span<const std::byte> content,
                                                         const Attributes& attributes) {
    const std::uint64_t blocks = div_round_up<std::uint64_t>(content.size(), DAXFS_BLOCK_SIZE);
    const FileRun run{.file_block = 0, .length = static_cast<std::uint32_t>(blocks)};
    const auto runs = std::span(&run, blocks == 0 ? 0 : 1);
    DAXFS_TRY_ASSIGN(const InodeNo ino, add_file(parent, name, content.size(), runs, attributes));
    const std::size_t whole = content.size() - content.size() % DAXFS_BLOCK_SIZE;
    DAXFS_TRY(write_data(ino, 0, content.first(whole)));
    if (whole == content.size())
        return ino;
    std::array<std::byte, DAXFS_BLOCK_SIZE> last{};
    std::memcpy(last.data(), content.data() + whole, content.size() - whole);
    DAXFS_TRY(write_data(ino, whole / DAXFS_BLOCK_SIZE, last));
    return ino;
}

Result<InodeNo> FilesystemBuilder::add_symlink(InodeNo parent, std::string_view name, std::string_view target,
                                               const Attributes& attributes) {
    if (target.empty() || target.size() > DAXFS_SYMLINK_MAX)
        return fail("\"{}\": a symbolic link's target has 1 to {} bytes, not {}", name, DAXFS_SYMLINK_MAX,
                    target.size());
    DAXFS_TRY_ASSIGN(const InodeNo ino, state_->add_named(parent, name, S_IFLNK, attributes));
    NewInode& inode = state_->inodes[ino];
    inode.raw.size = target.size();
    if (target.size() <= DAXFS_FORK_SIZE) {
        inode.raw.format = DAXFS_FORMAT_INLINE;
        std::memcpy(inode.raw.fork.data, target.data(), target.size());
        return ino;
    }
    inode.raw.format = DAXFS_FORMAT_EXTENTS;
    DAXFS_TRY(state_->map_run(inode, {.file_block = 0, .length = 1}));
    std::array<std::byte, DAXFS_BLOCK_SIZE> block{};
    std::memcpy(block.data(), target.data(), target.size());
    DAXFS_TRY(write_data(ino, 0, block));
    return ino;
}

Result<InodeNo> FilesystemBuilder::add_special(InodeNo parent, std::string_view name, mode_t type, std::uint32_t major,
                                               std::uint32_t minor, const Attributes& attributes) {
    if (type != S_IFCHR && type != S_IFBLK && type != S_IFIFO && type != S_IFSOCK)
        return fail("\"{}\": mode {:#o} is not that of a special file", name, type);
    DAXFS_TRY_ASSIGN(const InodeNo ino, state_->add_named(parent, name, type, attributes));
    NewInode& inode = state_->inodes[ino];
    inode.raw.rdev_major = major;
    inode.raw.rdev_minor = minor;
    return ino;
}

Result<void> FilesystemBuilder::add_link(InodeNo parent, std::string_view name, InodeNo target) {
    DAXFS_TRY_ASSIGN(NewInode * inode, state_->find(target));
    if (S_ISDIR(inode->raw.mode))
        return fail("inode {} is a directory: it has one name", target);
    return state_->enter(parent, name, *inode);
}

Result<InodeNo> FilesystemBuilder::add_orphan(std::uint64_t size_bytes, std::span<const FileRun> runs,
                                              const Attributes& attributes) {
    DAXFS_TRY_ASSIGN(NewInode * inode, state_->add_inode(S_IFREG, attributes));
    inode->raw.format = DAXFS_FORMAT_EXTENTS;
    inode->raw.size = size_bytes;
    inode->raw.parent = root().value;
    DAXFS_TRY(state_->map_runs(*inode, runs));
    state_->set_orphan(InodeNo{inode->raw.ino});
    return InodeNo{inode->raw.ino};
}

Result<std::vector<daxfs_extent>> FilesystemBuilder::extents(InodeNo file) const {
    DAXFS_TRY_ASSIGN(const NewInode* inode, state_->find(file));
    return inode->extents;
}

Result<void> FilesystemBuilder::write_data(InodeNo file, std::uint64_t file_block, std::span<const std::byte> bytes) {
    DAXFS_TRY_ASSIGN(const NewInode* inode, state_->find(file));
    while (!bytes.empty()) {
        const auto it = std::find_if(inode->extents.begin(), inode->extents.end(), [&](const daxfs_extent& extent) {
            return file_block >= extent.file_block && file_block - extent.file_block < extent.length;
        });
        if (it == inode->extents.end() || bytes.size() < DAXFS_BLOCK_SIZE)
            return fail("inode {}: file block {} cannot be written", file, file_block);
        const std::uint64_t skip = file_block - it->file_block;
        const std::uint64_t blocks = std::min<std::uint64_t>(it->length - skip, bytes.size() / DAXFS_BLOCK_SIZE);
        DAXFS_TRY(state_->sink.write(BlockNo{it->disk_block + skip}, bytes.first(blocks * DAXFS_BLOCK_SIZE)));
        bytes = bytes.subspan(blocks * DAXFS_BLOCK_SIZE);
        file_block += blocks;
    }
    return {};
}

daxfs_inode* FilesystemBuilder::inode(InodeNo ino) {
    const auto it = state_->inodes.find(ino);
    return it == state_->inodes.end() ? nullptr : &it->second.raw;
}

}  // namespace daxfs

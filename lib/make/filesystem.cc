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
#include "lib/make/new_inodes.h"
#include "lib/make/plan.h"
#include "lib/tree/inode.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kCongruentFrom = 16;  // blocks: 64 KiB
constexpr std::uint64_t kInodeBlockRun = 8;   // 32 KiB
constexpr std::array<std::byte, DAXFS_BLOCK_SIZE> kZeros{};

std::uint16_t full_mode(mode_t type, std::optional<std::uint16_t> permissions) {
    const std::uint16_t usual = S_ISDIR(type) ? 0755 : S_ISLNK(type) ? 0777 : 0644;
    return static_cast<std::uint16_t>(type | (permissions.value_or(usual) & 07777));
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

daxfs_inode raw_inode(const NewInode& inode) {
    daxfs_inode raw{};
    raw.magic = DAXFS_INODE_MAGIC;
    raw.ino = inode.ino.value;
    raw.mode = inode.mode;
    raw.format = inode.format;
    raw.flags = inode.flags;
    raw.nlink = inode.nlink;
    raw.uid = inode.uid;
    raw.gid = inode.gid;
    raw.project = inode.project;
    raw.size = inode.size;
    raw.atime_sec = static_cast<std::uint64_t>(inode.atime_sec);
    raw.mtime_sec = static_cast<std::uint64_t>(inode.mtime_sec);
    raw.ctime_sec = raw.btime_sec = static_cast<std::uint64_t>(inode.ctime_sec);
    raw.atime_nsec = inode.atime_nsec;
    raw.mtime_nsec = inode.mtime_nsec;
    raw.ctime_nsec = raw.btime_nsec = inode.ctime_nsec;
    raw.change = 1;
    raw.parent = inode.parent.value;
    raw.rdev_major = inode.rdev_major;
    raw.rdev_minor = inode.rdev_minor;
    return raw;
}

daxfs_inode free_inode(InodeNo ino) {
    daxfs_inode raw{};
    raw.magic = DAXFS_INODE_MAGIC;
    raw.ino = ino.value;
    return raw;
}

std::uint64_t blocks_of(std::span<const daxfs_extent> extents) {
    std::uint64_t blocks = 0;
    for (const daxfs_extent& extent : extents)
        blocks += extent.length;
    return blocks;
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

    NewInodes inodes;

    Result<void> add_inode_run();
    Result<NewInode*> add_inode(mode_t type, const Attributes& attributes);
    Result<NewInode*> find(InodeNo ino);
    Result<NewInode*> find_directory(InodeNo ino);
    Result<InodeNo> add_named(InodeNo parent, std::string_view name, mode_t type, const Attributes& attributes);
    Result<void> enter(InodeNo parent, std::string_view name, NewInode& target);
    Result<BlockRun> allocate(const FileRun& run, std::uint64_t file_block, std::uint64_t most);
    Result<void> map_run(NewInode& inode, const FileRun& run);
    Result<void> map_runs(NewInode& inode, std::span<const FileRun> runs);
    void append_extent(NewInode& inode, const daxfs_extent& extent);
    void set_orphan(NewInode& inode);
    void set_attributes(NewInode& inode, const Attributes& attributes);
    std::uint32_t generation(InodeNo ino) const;

    Result<TreeRoot> build_tree(const TreeTarget& target, NewInode& inode);
    Result<daxfs_inode> finish_inode(NewInode& inode);
    Result<void> write_inodes(const NewInodes::Run& run);
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
    const std::uint64_t wanted = inodes.runs().empty() ? 1 : kInodeBlockRun;
    DAXFS_TRY_ASSIGN(const BlockRun run, allocator.allocate_small(wanted));
    for (std::uint64_t i = 0; i < run.length; ++i) {
        AgMaps& maps = allocator.ag_of(run.start + i);
        maps.set_inode_block(allocator.index_in_ag(run.start + i));
        maps.free_inodes += DAXFS_INODES_PER_BLOCK;
    }
    inodes.add_run(run);
    return {};
}

void FilesystemBuilder::State::set_attributes(NewInode& inode, const Attributes& attributes) {
    const Timestamp created{static_cast<std::int64_t>(std::uint64_t{super.created_sec}), 0};
    const Timestamp changed = attributes.time.value_or(created);
    const Timestamp accessed = attributes.accessed.value_or(changed);
    const Timestamp modified = attributes.modified.value_or(changed);
    inode.mode = full_mode(inode.mode & S_IFMT, attributes.permissions);
    inode.uid = attributes.uid;
    inode.gid = attributes.gid;
    inode.project = attributes.project;
    inode.flags = attributes.flags;
    inode.atime_sec = accessed.sec;
    inode.atime_nsec = accessed.nsec;
    inode.mtime_sec = modified.sec;
    inode.mtime_nsec = modified.nsec;
    inode.ctime_sec = changed.sec;
    inode.ctime_nsec = changed.nsec;
}

Result<NewInode*> FilesystemBuilder::State::add_inode(mode_t type, const Attributes& attributes) {
    if (inodes.left() == 0)
        DAXFS_TRY(add_inode_run());
    NewInode& inode = inodes.add();
    --allocator.ag_of(BlockNo{inode.ino.value / DAXFS_INODES_PER_BLOCK}).free_inodes;
    inode.mode = static_cast<std::uint16_t>(type);
    set_attributes(inode, attributes);
    if (S_ISDIR(type))
        inodes.start_entries(inode);
    return &inode;
}

Result<NewInode*> FilesystemBuilder::State::find(InodeNo ino) {
    NewInode* inode = inodes.find(ino);
    if (inode == nullptr || inode->mode == 0)
        return fail("there is no inode {}", ino);
    return inode;
}

Result<NewInode*> FilesystemBuilder::State::find_directory(InodeNo ino) {
    DAXFS_TRY_ASSIGN(NewInode * inode, find(ino));
    if (!S_ISDIR(inode->mode))
        return fail("inode {} is not a directory", ino);
    return inode;
}

Result<void> FilesystemBuilder::State::enter(InodeNo parent, std::string_view name, NewInode& target) {
    DAXFS_TRY(check_name(name));
    DAXFS_TRY_ASSIGN(NewInode * directory, find_directory(parent));
    if (target.nlink == DAXFS_LINK_MAX)
        return fail("inode {} has {} names, as many as there can be", target.ino, target.nlink);
    inodes.add_entry(*directory, name, target.ino, dirent_type_of(target.mode));
    ++target.nlink;
    target.parent = parent;
    if (S_ISDIR(target.mode)) {
        target.nlink += 1;
        ++directory->nlink;
    }
    return {};
}

Result<InodeNo> FilesystemBuilder::State::add_named(InodeNo parent, std::string_view name, mode_t type,
                                                    const Attributes& attributes) {
    if (parent != kNoParent) {
        DAXFS_TRY(check_name(name));
        DAXFS_TRY(find_directory(parent));
    }
    DAXFS_TRY_ASSIGN(NewInode * inode, add_inode(type, attributes));
    if (parent != kNoParent)
        DAXFS_TRY(enter(parent, name, *inode));
    return inode->ino;
}

Result<BlockRun> FilesystemBuilder::State::allocate(const FileRun& run, std::uint64_t file_block, std::uint64_t most) {
    if (run.scattered) {
        DAXFS_TRY_ASSIGN(const BlockNo block, allocator.allocate_apart());
        return BlockRun{block, 1};
    }
    if (run.length < kCongruentFrom)
        return allocator.allocate_small(most);
    return allocator.allocate_congruent(file_block, most);
}

Result<void> FilesystemBuilder::State::map_run(NewInode& inode, const FileRun& run) {
    std::uint64_t file_block = run.file_block;
    std::uint64_t left = run.length;
    while (left > 0) {
        DAXFS_TRY_ASSIGN(const BlockRun got, allocate(run, file_block, left));
        inodes.add_extent(inode, make_extent(file_block, got, run.unwritten));
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
            return fail("inode {}: the run at file block {} is out of order or range", inode.ino, run.file_block);
        DAXFS_TRY(map_run(inode, run));
        next = run.file_block + run.length;
    }
    return {};
}

// As one extent with the one before, where they lie behind each other.
void FilesystemBuilder::State::append_extent(NewInode& inode, const daxfs_extent& extent) {
    daxfs_extent* last = inodes.last_extent(inode);
    if (last != nullptr && last->state == extent.state && last->file_block + last->length == extent.file_block &&
        last->disk_block + last->length == extent.disk_block)
        last->length = last->length + extent.length;
    else
        inodes.add_extent(inode, extent);
}

void FilesystemBuilder::State::set_orphan(NewInode& inode) {
    const BlockNo block{inode.ino.value / DAXFS_INODES_PER_BLOCK};
    allocator.ag_of(block).set_orphan_group(allocator.index_in_ag(block));
    inode.orphan = true;
}

Result<TreeRoot> FilesystemBuilder::State::build_tree(const TreeTarget& target, NewInode& inode) {
    if (!S_ISDIR(inode.mode))
        return build_extent_tree(target, inodes.extents(inode));
    std::vector<NewDirent> entries;
    entries.reserve(inodes.entries(inode).size());
    for (const NewEntry& entry : inodes.entries(inode))
        entries.push_back({.key = 0, .ino = entry.ino, .type = entry.type, .name = std::string(entry.text())});
    inodes.entries(inode) = {};
    DAXFS_TRY(assign_keys(super, entries));
    return build_directory_tree(target, entries);
}

Result<daxfs_inode> FilesystemBuilder::State::finish_inode(NewInode& inode) {
    if (inode.nlink == 0 && !inode.orphan)
        return fail("inode {} has no name", inode.ino);
    daxfs_inode raw = raw_inode(inode);
    raw.generation = generation(inode.ino);
    if (inode.format == DAXFS_FORMAT_INLINE) {
        const std::string_view text = inodes.target(inode);
        std::memcpy(raw.fork.data, text.data(), text.size());
    }
    if (!S_ISDIR(inode.mode) && inode.format != DAXFS_FORMAT_EXTENTS)
        return raw;
    const TreeTarget target{.seed = seed,
                            .owner = inode.ino,
                            .generation = raw.generation,
                            .allocate = [this]() -> Result<BlockNo> {
                                DAXFS_TRY_ASSIGN(const BlockRun run, allocator.allocate_small(1));
                                return run.start;
                            },
                            .sink = &sink};
    raw.blocks = S_ISDIR(inode.mode) ? 0 : blocks_of(inodes.extents(inode));
    DAXFS_TRY_ASSIGN(const TreeRoot root, build_tree(target, inode));
    root.store_in(raw);
    raw.blocks = raw.blocks + root.node_blocks;
    if (S_ISDIR(inode.mode))
        raw.size = root.node_blocks * DAXFS_BLOCK_SIZE;
    return raw;
}

Result<void> FilesystemBuilder::State::write_inodes(const NewInodes::Run& run) {
    std::vector<daxfs_inode> table(run.blocks.length * DAXFS_INODES_PER_BLOCK);
    const InodeNo first{run.blocks.start.value * DAXFS_INODES_PER_BLOCK};
    for (std::uint64_t i = 0; i < table.size(); ++i) {
        NewInode* inode = inodes.in_run(run, i);
        if (inode == nullptr || inode->mode == 0) {
            table[i] = free_inode(first + i);
        } else {
            DAXFS_TRY_ASSIGN(table[i], finish_inode(*inode));
        }
        table[i].crc = checksum(seed, table[i]);
    }
    return sink.write(run.blocks.start, std::as_bytes(std::span(table)));
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
    root_inode->nlink = 2;
    root_inode->parent = root_inode->ino;
    DAXFS_TRY(state_->add_named(root_inode->ino, "lost+found", S_IFDIR, {.permissions = 0700, .time = {}}));
    return {};
}

Result<void> FilesystemBuilder::finish() {
    for (const auto& [first, run] : state_->inodes.runs())
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
std::uint64_t FilesystemBuilder::used_blocks() const {
    return state_->allocator.used_blocks();
}
bool FilesystemBuilder::ran_out_of_space() const {
    return state_->allocator.ran_out();
}

Result<InodeNo> FilesystemBuilder::add_directory(InodeNo parent, std::string_view name, const Attributes& attributes) {
    return state_->add_named(parent, name, S_IFDIR, attributes);
}

Result<InodeNo> FilesystemBuilder::add_file(InodeNo parent, std::string_view name, std::uint64_t size_bytes,
                                            std::span<const FileRun> runs, const Attributes& attributes) {
    DAXFS_TRY_ASSIGN(const InodeNo ino, state_->add_named(parent, name, S_IFREG, attributes));
    DAXFS_TRY_ASSIGN(NewInode * inode, state_->find(ino));
    inode->format = DAXFS_FORMAT_EXTENTS;
    inode->size = size_bytes;
    DAXFS_TRY(state_->map_runs(*inode, runs));
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
    DAXFS_TRY_ASSIGN(NewInode * inode, state_->find(ino));
    inode->size = target.size();
    if (target.size() <= DAXFS_FORK_SIZE) {
        inode->format = DAXFS_FORMAT_INLINE;
        state_->inodes.set_target(*inode, target);
        return ino;
    }
    inode->format = DAXFS_FORMAT_EXTENTS;
    DAXFS_TRY(state_->map_run(*inode, {.file_block = 0, .length = 1}));
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
    DAXFS_TRY_ASSIGN(NewInode * inode, state_->find(ino));
    inode->rdev_major = major;
    inode->rdev_minor = minor;
    return ino;
}

Result<void> FilesystemBuilder::add_link(InodeNo parent, std::string_view name, InodeNo target) {
    DAXFS_TRY_ASSIGN(NewInode * inode, state_->find(target));
    if (S_ISDIR(inode->mode) && inode->nlink >= 2)
        return fail("inode {} is a directory: it has one name", target);
    return state_->enter(parent, name, *inode);
}

Result<void> FilesystemBuilder::discard(InodeNo ino) {
    DAXFS_TRY_ASSIGN(NewInode * inode, state_->find(ino));
    if (inode->nlink != 0 || inode->orphan)
        return fail("inode {} is in use", ino);
    if (!S_ISDIR(inode->mode) && inode->format == DAXFS_FORMAT_EXTENTS) {
        for (const daxfs_extent& extent : state_->inodes.extents(*inode))
            state_->allocator.release({BlockNo{extent.disk_block}, extent.length});
    }
    ++state_->allocator.ag_of(BlockNo{ino.value / DAXFS_INODES_PER_BLOCK}).free_inodes;
    *inode = {.ino = ino};
    return {};
}

Result<void> FilesystemBuilder::set_attributes(InodeNo ino, const Attributes& attributes) {
    DAXFS_TRY_ASSIGN(NewInode * inode, state_->find(ino));
    state_->set_attributes(*inode, attributes);
    return {};
}

Result<InodeNo> FilesystemBuilder::add_orphan(std::uint64_t size_bytes, std::span<const FileRun> runs,
                                              const Attributes& attributes) {
    DAXFS_TRY_ASSIGN(NewInode * inode, state_->add_inode(S_IFREG, attributes));
    inode->format = DAXFS_FORMAT_EXTENTS;
    inode->size = size_bytes;
    inode->parent = root();
    DAXFS_TRY(state_->map_runs(*inode, runs));
    state_->set_orphan(*inode);
    return inode->ino;
}

Result<std::uint64_t> FilesystemBuilder::file_size(InodeNo file) const {
    DAXFS_TRY_ASSIGN(const NewInode* inode, state_->find(file));
    return inode->size;
}

Result<std::vector<daxfs_extent>> FilesystemBuilder::extents(InodeNo file) const {
    DAXFS_TRY_ASSIGN(const NewInode* inode, state_->find(file));
    return state_->inodes.extents(*inode);
}

Result<void> FilesystemBuilder::write_data(InodeNo file, std::uint64_t file_block, std::span<const std::byte> bytes) {
    DAXFS_TRY_ASSIGN(const std::vector<daxfs_extent> mapped, extents(file));
    while (!bytes.empty()) {
        const auto it = std::find_if(mapped.begin(), mapped.end(), [&](const daxfs_extent& extent) {
            return file_block >= extent.file_block && file_block - extent.file_block < extent.length;
        });
        if (it == mapped.end() || bytes.size() < DAXFS_BLOCK_SIZE)
            return fail("inode {}: file block {} cannot be written", file, file_block);
        const std::uint64_t skip = file_block - it->file_block;
        const std::uint64_t blocks = std::min<std::uint64_t>(it->length - skip, bytes.size() / DAXFS_BLOCK_SIZE);
        DAXFS_TRY(state_->sink.write(BlockNo{it->disk_block + skip}, bytes.first(blocks * DAXFS_BLOCK_SIZE)));
        bytes = bytes.subspan(blocks * DAXFS_BLOCK_SIZE);
        file_block += blocks;
    }
    return {};
}

Result<void> FilesystemBuilder::append_data(InodeNo file, std::uint64_t file_block, std::span<const std::byte> bytes) {
    DAXFS_TRY_ASSIGN(NewInode * inode, state_->find(file));
    const std::uint64_t blocks = bytes.size() / DAXFS_BLOCK_SIZE;
    const daxfs_extent* last = state_->inodes.last_extent(*inode);
    const std::uint64_t mapped = last == nullptr ? 0 : last->file_block + last->length;
    if (!S_ISREG(inode->mode) || bytes.empty() || bytes.size() % DAXFS_BLOCK_SIZE != 0 || file_block < mapped ||
        !range_inside<std::uint64_t>(file_block, blocks, DAXFS_MAX_FILE_BLOCK + 1))
        return fail("inode {}: file block {} cannot be appended", file, file_block);
    const bool continues = last != nullptr && file_block == mapped;
    while (!bytes.empty()) {
        const std::uint64_t left = bytes.size() / DAXFS_BLOCK_SIZE;
        DAXFS_TRY_ASSIGN(const BlockRun got, blocks >= kCongruentFrom || continues
                                                 ? state_->allocator.allocate_congruent(file_block, left)
                                                 : state_->allocator.allocate_small(left));
        DAXFS_TRY(state_->sink.write(got.start, bytes.first(got.length * DAXFS_BLOCK_SIZE)));
        state_->append_extent(*inode, make_extent(file_block, got, false));
        bytes = bytes.subspan(got.length * DAXFS_BLOCK_SIZE);
        file_block += got.length;
    }
    return {};
}

Result<void> FilesystemBuilder::set_parent(InodeNo ino, InodeNo parent) {
    DAXFS_TRY_ASSIGN(NewInode * inode, state_->find(ino));
    inode->parent = parent;
    return {};
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// A small filesystem with one of everything, made by the builders, and an editor that damages a copy of it in named
// places, with or without putting the checksums right.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "lib/make/filesystem.h"
#include "lib/make/plan.h"
#include "lib/tree/ag.h"
#include "lib/tree/directory.h"
#include "lib/tree/extent.h"
#include "lib/tree/inode.h"
#include "lib/tree/journal.h"

namespace daxfs::test {

// Test data that cannot be made is a mistake in the test.
template <typename T>
T must(Result<T> result) {
    if (!result) {
        fmt::print(stderr, "test image: {}\n", result.error().message);
        std::abort();
    }
    if constexpr (!std::is_void_v<T>)
        return *std::move(result);
}

struct alignas(64) Block {
    std::byte bytes[DAXFS_BLOCK_SIZE];
};
// Those that are not all zero.
using Blocks = std::map<BlockNo, Block>;

inline Image image_of(std::uint64_t size_bytes, const Blocks& blocks) {
    std::map<BlockNo, const std::byte*> pointers;
    for (const auto& [number, block] : blocks)
        pointers.emplace(number, block.bytes);
    return Image::from_blocks(size_bytes, pointers);
}

inline Blocks blocks_of(const Image& image) {
    static constexpr std::byte kZeros[DAXFS_BLOCK_SIZE]{};
    Blocks blocks;
    for (BlockNo number; number.value < image.block_count(); ++number) {
        const std::byte* bytes = image.try_block(number);
        if (std::memcmp(bytes, kZeros, DAXFS_BLOCK_SIZE) != 0)
            std::memcpy(blocks[number].bytes, bytes, DAXFS_BLOCK_SIZE);
    }
    return blocks;
}

struct RichImage {
    Blocks blocks;
    std::uint64_t size_bytes = 0;
    daxfs_super super{};
    InodeNo root;
    InodeNo big_directory;    // several leaves
    InodeNo subdirectory;     // /big/sub
    InodeNo empty_directory;  // /empty
    InodeNo tree_file;        // /tree: an extent tree of two levels
    InodeNo small_file;       // /small: extents in the inode
    InodeNo unwritten_file;   // /unwritten
    InodeNo linked_file;      // /linked and /big/linked-too
    InodeNo short_symlink;    // inline
    InodeNo long_symlink;     // in a block
    InodeNo fifo;
    InodeNo orphan;  // with blocks; only where asked for

    Image image() const { return image_of(size_bytes, blocks); }
};

constexpr std::uint32_t kTreeFileExtents = 2600;  // more than 15 leaves
constexpr int kBigDirectoryNames = 1500;

inline FormatOptions rich_options() {
    FormatOptions options;
    options.device_bytes = 48u << 20;
    options.ag_bytes = 16u << 20;
    options.journals = 2;
    options.journal_bytes = 128u << 10;
    for (std::size_t i = 0; i < options.uuid.size(); ++i)
        options.uuid[i] = static_cast<std::uint8_t>(i + 1);
    options.label = "rich";
    options.secrets = Secrets::derived_from(options.uuid);
    options.created_sec = 1'700'000'000;
    return options;
}

struct RichSize {
    std::uint32_t extents = kTreeFileExtents;
    int names = kBigDirectoryNames;
    bool with_orphan = false;
};

inline void fill_rich_image(FilesystemBuilder& builder, RichImage& image, const RichSize& size) {
    const InodeNo root = image.root = builder.root();
    image.big_directory = must(builder.add_directory(root, "big"));
    for (int i = 0; i < size.names; ++i)
        must(builder.add_special(image.big_directory, fmt::format("name-{:05}-of-many", i), S_IFIFO, 0, 0));
    image.subdirectory = must(builder.add_directory(image.big_directory, "sub"));
    image.empty_directory = must(builder.add_directory(root, "empty"));
    const FileRun scattered[] = {{.file_block = 0, .length = size.extents, .unwritten = false, .scattered = true}};
    image.tree_file = must(builder.add_file(root, "tree", size.extents * DAXFS_BLOCK_SIZE, scattered));
    const FileRun small[] = {{.file_block = 0, .length = 3}, {.file_block = 100, .length = 2}};
    image.small_file = must(builder.add_file(root, "small", 102 * DAXFS_BLOCK_SIZE, small));
    const FileRun mixed[] = {{.file_block = 0, .length = 4},
                             {.file_block = 4, .length = 4, .unwritten = true},
                             {.file_block = 5000, .length = 600, .unwritten = true}};
    image.unwritten_file = must(builder.add_file(root, "unwritten", 12345, mixed));
    const std::string text = "linked twice";
    image.linked_file =
        must(builder.add_file_with_content(root, "linked", std::as_bytes(std::span(text.data(), text.size()))));
    must(builder.add_link(image.big_directory, "linked-too", image.linked_file));
    image.short_symlink = must(builder.add_symlink(root, "short", "big/sub"));
    image.long_symlink = must(builder.add_symlink(root, "long", std::string(300, 'x')));
    image.fifo = must(builder.add_special(root, "fifo", S_IFIFO, 0, 0));
    must(builder.add_special(root, "device", S_IFBLK, 8, 1));
    if (size.with_orphan) {
        const FileRun runs[] = {{.file_block = 0, .length = 700},
                                {.file_block = 1000, .length = 60, .scattered = true}};
        image.orphan = must(builder.add_orphan(700 * DAXFS_BLOCK_SIZE, runs));
    }
}

inline RichImage make_rich_image(const RichSize& size = {}) {
    RichImage image;
    const FormatOptions options = rich_options();
    MemorySink sink(options.device_bytes);
    FilesystemBuilder builder(must(plan_filesystem(options)), sink);
    must(builder.begin());
    fill_rich_image(builder, image, size);
    must(builder.finish());
    image.super = builder.super();
    image.size_bytes = options.device_bytes;
    image.blocks = blocks_of(sink.image());
    return image;
}

// A filesystem of one group, with what `fill` puts there.
inline RichImage make_image(std::uint64_t bytes, const std::function<void(FilesystemBuilder&)>& fill) {
    FormatOptions options = rich_options();
    options.device_bytes = bytes;
    options.ag_bytes = bytes;
    MemorySink sink(bytes);
    FilesystemBuilder builder(must(plan_filesystem(options)), sink);
    must(builder.begin());
    fill(builder);
    must(builder.finish());
    RichImage image;
    image.blocks = blocks_of(sink.image());
    image.size_bytes = bytes;
    image.super = builder.super();
    image.root = builder.root();
    return image;
}

inline const RichImage& rich_image() {
    static const RichImage image = make_rich_image();
    return image;
}

inline const RichImage& rich_image_with_orphan() {
    static const RichImage image = make_rich_image({.with_orphan = true});
    return image;
}

// Damages a copy of a rich image.
class ImageEditor {
  public:
    explicit ImageEditor(const RichImage& rich = rich_image())
        : rich_(rich), blocks_(rich.blocks), pristine_(rich.image()), volume_(must(open_volume(pristine_))) {}

    const RichImage& rich() const { return rich_; }
    const Volume& volume() const { return volume_; }  // of the undamaged image
    const Blocks& blocks() const { return blocks_; }
    Image image() const { return image_of(rich_.size_bytes, blocks_); }

    std::byte* block(BlockNo number) { return blocks_[number].bytes; }
    template <typename T>
    T& at(BlockNo number, std::size_t offset = 0) {
        return *reinterpret_cast<T*>(block(number) + offset);
    }
    void flip(BlockNo number, std::size_t offset, unsigned bit = 0) {
        block(number)[offset] ^= static_cast<std::byte>(1u << bit);
    }

    daxfs_super& super() { return at<daxfs_super>(BlockNo{0}); }
    daxfs_ag_header& header(AgNo ag) { return at<daxfs_ag_header>(volume_.geometry.ag_header(ag)); }
    daxfs_inode& inode(InodeNo ino) { return at<daxfs_inode>(volume_.block_of(ino), volume_.offset_of(ino)); }
    // Node number `index` of `level` in the tree of `ino`, as the undamaged image has it.
    BlockNo node(InodeNo ino, TreeKind kind, std::uint32_t level, std::size_t index = 0) const {
        TreeCursor tree(volume_, kind, *read_inode(volume_, ino).raw);
        while (const auto found = tree.next()) {
            if (found->level == level && index-- == 0)
                return found->block;
        }
        std::abort();
    }
    daxfs_extent& leaf_extent(BlockNo leaf, std::size_t index) {
        return at<daxfs_extent>(leaf, sizeof(daxfs_node_header) + index * sizeof(daxfs_extent));
    }
    DirectoryEntry entry(InodeNo directory, const std::string& name) const {
        return *find_entry(volume_, *read_inode(volume_, directory).raw, name);
    }
    daxfs_dirent& dirent(const DirectoryEntry& where) { return at<daxfs_dirent>(where.leaf, where.offset); }

    void seal_super() { super().crc = checksum(volume_.seed, super()); }
    void seal_header(AgNo ag) { header(ag).crc = checksum(volume_.seed, header(ag)); }
    void seal_inode(InodeNo ino) { inode(ino).crc = checksum(volume_.seed, inode(ino)); }
    void seal_node(BlockNo number) {
        at<daxfs_node_header>(number).crc = node_checksum(volume_.seed, BlockBytes{block(number), DAXFS_BLOCK_SIZE});
    }
    void seal_dirent(const DirectoryEntry& where) {
        const std::span record(block(where.leaf) + where.offset, DAXFS_BLOCK_SIZE - where.offset);
        dirent(where).crc = dirent_checksum(volume_.seed, record);
    }
    // One bit of a map, and the map's checksum.
    void set_map_bit(MapKind kind, AgNo ag, std::uint64_t bit, bool value) {
        const AgMap map(volume_, ag, kind);
        const auto index = static_cast<std::uint32_t>(bit / DAXFS_BITS_PER_MAP_BLOCK);
        auto& word = at<daxfs_le64>(map.block(index), bit % DAXFS_BITS_PER_MAP_BLOCK / 64 * 8);
        const std::uint64_t mask = std::uint64_t{1} << (bit % 64);
        word = value ? word | mask : word & ~mask;
        const std::uint32_t table = kind == MapKind::kBlocks   ? DAXFS_AG_BITMAP_CRCS
                                    : kind == MapKind::kInodes ? DAXFS_AG_IMAP_CRCS
                                                               : DAXFS_AG_ORPHAN_CRCS;
        at<daxfs_le32>(volume_.geometry.ag_header(ag), table + 4 * index) =
            map_checksum(volume_.seed, map.block(index), BlockBytes{block(map.block(index)), DAXFS_BLOCK_SIZE});
    }
    // A block of AG 0 that nobody owns.
    BlockNo free_block() const {
        const AgMap map(volume_, AgNo{0}, MapKind::kBlocks);
        for (std::uint64_t bit = map.bits(); bit-- > 0;) {
            if (!map.test(bit))
                return map.device_block(bit);
        }
        std::abort();
    }

    struct Range {
        ByteOffset offset;
        std::uint32_t length;
        bool fill = false;  // its first 8 bytes repeat over it: logged once
    };
    // What the kernel writes before it changes `ranges`: their bytes as they are now, as far as one block goes.
    void log_undo(std::uint32_t journal, std::span<const Range> ranges) {
        std::uint32_t position = DAXFS_JOURNAL_BODY_OFFSET;
        std::uint32_t ordinal = 0;
        for (const Range& range : ranges) {
            const std::uint32_t stored = range.fill ? 8 : range.length;
            std::vector<std::byte> bytes(sizeof(daxfs_journal_entry) + round_up<std::uint32_t>(stored, 8));
            auto* entry = reinterpret_cast<daxfs_journal_entry*>(bytes.data());
            entry->ordinal = ordinal++;
            entry->sequence = read_journal(volume_, journal).sequence + 1;
            entry->offset = range.offset.value;
            entry->length = range.length;
            entry->kind = range.fill ? DAXFS_JOURNAL_FILL : DAXFS_JOURNAL_BYTES;
            const std::size_t in_block = range.offset.value % DAXFS_BLOCK_SIZE;
            if (range.offset.value < rich_.size_bytes)
                std::memcpy(entry + 1, block(BlockNo{range.offset.value / DAXFS_BLOCK_SIZE}) + in_block,
                            std::min<std::size_t>(stored, DAXFS_BLOCK_SIZE - in_block));
            entry->crc = journal_entry_checksum(volume_.seed, journal, position,
                                                std::span(bytes).first(sizeof(*entry) + stored));
            for (const std::byte byte : bytes) {
                block(volume_.geometry.journal_slot(journal) +
                      position / DAXFS_BLOCK_SIZE)[position % DAXFS_BLOCK_SIZE] = byte;
                ++position;
            }
        }
    }
    Range range_of(InodeNo ino) const { return {ByteOffset{ino.value * DAXFS_INODE_SIZE}, DAXFS_INODE_SIZE}; }

  private:
    const RichImage& rich_;
    Blocks blocks_;
    Image pristine_;
    Volume volume_;
};

}  // namespace daxfs::test

// SPDX-License-Identifier: GPL-2.0-or-later
// Opens bytes as an image, checks and repairs it, gathers what daxfs-info shows, and walks every cursor. Nothing may
// crash, hang or read out of bounds; and what a repair calls clean must be clean.
//
// First byte below 0x80: the rest is an image as it is. From there on: patches of a real image, because arbitrary bytes
// get past no checksum. Bit 0 of the first byte: put the checksums right after patching. Then records of
//   index of a metadata block (1 byte), offset in it (2 bytes, little-endian), length (1 byte, mod 17), bytes
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cmd/info/facts.h"
#include "lib/check/check.h"
#include "lib/check/path.h"
#include "lib/tree/intent.h"
#include "tests/images/rich_image.h"

namespace daxfs {
namespace {

using test::Block;
using test::Blocks;

const test::RichImage& base() {
    static const test::RichImage image = test::make_rich_image({.extents = 400, .names = 150, .with_orphan = true});
    return image;
}

// What the checksum of a block covers.
enum class Kind { kSuper, kAgHeader, kMap, kJournal, kInodes, kNode, kOther };

Kind kind_of(const Volume& volume, BlockNo number) {
    const Geometry& geometry = volume.geometry;
    const std::uint64_t in_ag = (number - geometry.ag_start(AgNo{0})) % geometry.ag_blocks();
    if (in_ag == 0)
        return Kind::kSuper;
    if (in_ag == DAXFS_AG_HEADER_BLOCK)
        return Kind::kAgHeader;
    if (in_ag >= DAXFS_AG_BITMAP_BLOCK && in_ag < geometry.map_end())
        return Kind::kMap;
    if (number >= geometry.journal_slot(0) && number < geometry.journal_slot(geometry.journal_count))
        return (number - geometry.journal_block) % geometry.journal_blocks == 0 ? Kind::kJournal : Kind::kOther;
    const std::uint32_t magic = volume.image->at<daxfs_node_header>(number)->magic;
    if (magic == DAXFS_INODE_MAGIC)
        return Kind::kInodes;
    return magic == DAXFS_EXTENT_NODE_MAGIC || magic == DAXFS_DIR_NODE_MAGIC ? Kind::kNode : Kind::kOther;
}

// The places that patches go to, in the order of the device.
const std::vector<std::pair<BlockNo, Kind>>& metadata() {
    static const auto list = [] {
        std::vector<std::pair<BlockNo, Kind>> found;
        const Image image = base().image();
        const Volume volume = test::must(open_volume(image));
        for (const auto& [number, block] : base().blocks) {
            if (const Kind kind = kind_of(volume, number); kind != Kind::kOther)
                found.emplace_back(number, kind);
        }
        return found;
    }();
    return list;
}

class Sealer {
  public:
    explicit Sealer(Blocks& blocks)
        : blocks_(blocks),
          super_(*reinterpret_cast<daxfs_super*>(blocks[BlockNo{0}].bytes)),
          seed_(ChecksumSeed::of(super_.nonce)) {}

    void run() {
        for (const auto& [number, kind] : metadata())
            seal(number, kind);
        const Geometry geometry = Geometry::of(base().super);
        for (AgNo ag; ag.value < geometry.ag_count; ++ag)
            seal_maps(geometry, ag);
    }

  private:
    void seal(BlockNo number, Kind kind) {
        std::byte* bytes = blocks_[number].bytes;
        if (kind == Kind::kSuper) {
            auto& super = *reinterpret_cast<daxfs_super*>(bytes);
            super.crc = checksum(ChecksumSeed::of(super.nonce), super);
        } else if (kind == Kind::kInodes) {
            for (auto& inode : std::span(reinterpret_cast<daxfs_inode*>(bytes), DAXFS_INODES_PER_BLOCK))
                inode.crc = checksum(seed_, inode);
        } else if (kind == Kind::kNode) {
            seal_node(bytes);
        } else if (kind == Kind::kJournal) {
            seal_journal(bytes);
        }
    }

    void seal_node(std::byte* bytes) {
        auto& header = *reinterpret_cast<daxfs_node_header*>(bytes);
        header.crc = node_checksum(seed_, BlockBytes{bytes, DAXFS_BLOCK_SIZE});
        if (header.magic != DAXFS_DIR_NODE_MAGIC || header.level != 0)
            return;
        for (std::size_t offset = DAXFS_DIR_LEAF_START; offset + sizeof(daxfs_dirent) <= DAXFS_BLOCK_SIZE;) {
            auto& entry = *reinterpret_cast<daxfs_dirent*>(bytes + offset);
            if (entry.length < sizeof(entry) || entry.length % 8 != 0 || entry.length > DAXFS_BLOCK_SIZE - offset)
                return;
            entry.crc = dirent_checksum(seed_, {bytes + offset, DAXFS_BLOCK_SIZE - offset});
            offset += entry.length;
        }
    }

    // The header, the commit word, and entries whose data stays in the first block.
    void seal_journal(std::byte* bytes) {
        auto& header = *reinterpret_cast<daxfs_journal_header*>(bytes);
        header.crc = checksum(seed_, header);
        auto& word = *reinterpret_cast<daxfs_le64*>(bytes + DAXFS_JOURNAL_COMMIT_OFFSET);
        word = commit_word(seed_, header.id, word);
        for (std::size_t offset = DAXFS_JOURNAL_BODY_OFFSET; offset + sizeof(daxfs_journal_entry) < DAXFS_BLOCK_SIZE;) {
            auto& entry = *reinterpret_cast<daxfs_journal_entry*>(bytes + offset);
            const std::size_t size = sizeof(entry) + (entry.kind == DAXFS_JOURNAL_FILL ? 8 : std::size_t{entry.length});
            if (entry.length == 0 || size > DAXFS_BLOCK_SIZE - offset)
                return;
            entry.crc =
                journal_entry_checksum(seed_, header.id, static_cast<std::uint32_t>(offset), {bytes + offset, size});
            offset += round_up<std::size_t>(size, 8);
        }
    }

    void seal_maps(const Geometry& geometry, AgNo ag) {
        const auto header_block = blocks_.find(geometry.ag_header(ag));
        if (header_block == blocks_.end())
            return;
        std::byte* bytes = header_block->second.bytes;
        const std::pair<BlockNo, std::uint32_t> maps[] = {{geometry.bitmap(ag), DAXFS_AG_BITMAP_CRCS},
                                                          {geometry.inode_map(ag), DAXFS_AG_IMAP_CRCS},
                                                          {geometry.orphan_map(ag), DAXFS_AG_ORPHAN_CRCS}};
        for (const auto& [map, offset] : maps)
            *reinterpret_cast<daxfs_le32*>(bytes + offset) =
                map_checksum(seed_, map, BlockBytes{blocks_[map].bytes, DAXFS_BLOCK_SIZE});
        auto& header = *reinterpret_cast<daxfs_ag_header*>(bytes);
        header.crc = checksum(seed_, header);
    }

    Blocks& blocks_;
    daxfs_super& super_;
    ChecksumSeed seed_;
};

Image patched(std::span<const std::uint8_t> input, bool seal) {
    Blocks blocks = base().blocks;
    while (input.size() >= 4) {
        const auto& [number, kind] = metadata()[input[0] % metadata().size()];
        const std::size_t offset = (input[1] | static_cast<std::size_t>(input[2]) << 8) % DAXFS_BLOCK_SIZE;
        const std::size_t wanted = input[3] % 17;
        input = input.subspan(4);
        const std::size_t length = std::min({wanted, input.size(), DAXFS_BLOCK_SIZE - offset});
        if (length > 0)
            std::memcpy(blocks[number].bytes + offset, input.data(), length);
        input = input.subspan(std::min(wanted, input.size()));
    }
    if (seal)
        Sealer(blocks).run();
    return test::image_of(base().size_bytes, blocks);
}

void walk_inode(const Volume& volume, InodeNo ino, std::uint64_t& budget) {
    const InodeReading reading = read_inode(volume, ino);
    if (reading.raw == nullptr)
        return;
    ExtentCursor extents(volume, *reading.raw);
    while (const auto extent = extents.next()) {
        if (budget-- % 64 == 0)
            find_extent(volume, *reading.raw, extent->file_block);
        if (budget == 0)
            return;
    }
    DirectoryCursor entries(volume, *reading.raw);
    while (const auto entry = entries.next()) {
        if (budget-- % 64 == 0)
            find_entry(volume, *reading.raw, entry->name);
        if (budget == 0)
            return;
    }
}

void walk(const Image& image) {
    const auto volume = open_volume(image);
    if (!volume)
        return;
    std::uint64_t budget = 20'000;
    for (AgNo ag; ag.value < volume->initialised_ags() && budget > 0; ++ag) {
        const AgMap map(*volume, ag, MapKind::kInodes);
        for (auto bit = map.next_set(0); bit && budget > 0; bit = map.next_set(*bit + 1)) {
            for (std::uint32_t i = 0; i < DAXFS_INODES_PER_BLOCK && budget > 0; ++i, --budget)
                walk_inode(*volume, InodeNo{map.device_block(*bit).value * DAXFS_INODES_PER_BLOCK + i}, budget);
        }
    }
    for (const char* path : {"/big/sub/../../small", "/big/name-00007-of-many", "/none"}) {
        if (const auto ino = resolve_path(*volume, path))
            cheap_path(*volume, *ino, budget);
    }
}

void check_everything(Image& image) {
    walk(image);
    if (const auto facts = info_page::facts_of(image))
        (void)info_page::advice(*facts, "");
    (void)check_image(image, {.mode = CheckMode::kReport});
}

void repair_everything(Image& image) {
    const auto repaired = check_image(image, {.mode = CheckMode::kYes});
    if (!repaired || repaired->remaining != 0)
        return;
    const auto again = check_image(image, {.mode = CheckMode::kReport});
    if (!again || !again->clean())
        std::abort();
    walk(image);
}

void run(std::span<const std::uint8_t> input) {
    if (input.empty())
        return;
    const std::uint8_t mode = input[0];
    input = input.subspan(1);
    const auto make = [&] {
        return mode < 0x80 ? Image::from_bytes(std::as_bytes(input)) : patched(input, (mode & 1) != 0);
    };
    Image looked_at = make();
    check_everything(looked_at);
    Image repaired = make();
    repair_everything(repaired);
}

}  // namespace
}  // namespace daxfs

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    daxfs::run({data, size});
    return 0;
}

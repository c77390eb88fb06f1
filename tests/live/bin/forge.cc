// SPDX-License-Identifier: GPL-2.0-or-later
// Changes metadata of an unmounted filesystem and makes the checksums right again, so that only what it says is wrong.
// Offsets and sizes in bytes, of the structures in daxfs(5).
//
//   forge DEVICE get inode INO OFFSET SIZE         prints a field
//   forge DEVICE get block BLOCK OFFSET SIZE
//   forge DEVICE put inode INO OFFSET SIZE VALUE
//   forge DEVICE put node BLOCK OFFSET SIZE VALUE  a node of an extent tree, or an index node of a directory
//   forge DEVICE bit used|inodes BLOCK 0|1         of the block bitmap or the inode map; the group's counters follow
//   forge DEVICE entry LEAF NAME NEW-NAME INO      a directory's entry, by a name of the same length; INO 0: its own
#include <bit>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "check.h"
#include "lib/format/checksum.h"
#include "lib/image/image.h"
#include "lib/tree/ag.h"
#include "lib/tree/volume.h"

namespace {

using namespace daxfs;

template <typename T>
T must(Result<T> result, const std::string& what) {
    if (!result)
        fail(what + ": " + result.error().message);
    if constexpr (!std::is_void_v<T>)
        return *std::move(result);
}

std::uint64_t number(const char* text) {
    char* end = nullptr;
    const std::uint64_t value = std::strtoull(text, &end, 0);
    expect(end != text && *end == 0, std::string("no number: ") + text);
    return value;
}

class Forger {
  public:
    explicit Forger(const std::string& device)
        : image_(must(Image::open(device, Access::kWrite), device)), volume_(must(open_volume(image_), device)) {}

    std::uint64_t get(std::string_view kind, std::uint64_t which, std::uint64_t offset, std::uint64_t size) {
        std::uint64_t value = 0;
        std::memcpy(&value, place(kind, which) + offset, size);
        return value;
    }

    void put(std::string_view kind, std::uint64_t which, std::uint64_t offset, std::uint64_t size,
             std::uint64_t value) {
        std::byte* unit = place(kind, which);
        std::memcpy(unit + offset, &value, size);
        if (kind == "inode") {
            auto* raw = reinterpret_cast<daxfs_inode*>(unit);
            raw->crc = checksum(volume_.seed, *raw);
        } else {
            seal_node(unit);
        }
        save();
    }

    void set_bit(std::string_view map, std::uint64_t block, bool value) {
        const AgNo ag = volume_.geometry.ag_of(BlockNo{block});
        const AgMap bits(volume_, ag, map == "used" ? MapKind::kBlocks : MapKind::kInodes);
        const std::uint64_t bit = block - volume_.geometry.ag_start(ag).value;
        const auto index = static_cast<std::uint32_t>(bit / DAXFS_BITS_PER_MAP_BLOCK);
        expect(bits.test(bit) != value, "the bit is as it should become");
        std::byte* words = image_.stage(bits.block(index));
        words[bit % DAXFS_BITS_PER_MAP_BLOCK / 8] ^= std::byte{1} << (bit % 8);
        std::byte* head = image_.stage(volume_.geometry.ag_header(ag));
        const std::size_t crcs = map == "used" ? DAXFS_AG_BITMAP_CRCS : DAXFS_AG_IMAP_CRCS;
        *reinterpret_cast<daxfs_le32*>(head + crcs + 4 * index) =
            map_checksum(volume_.seed, bits.block(index), {words, DAXFS_BLOCK_SIZE});
        auto* header = reinterpret_cast<daxfs_ag_header*>(head);
        if (map == "used")
            header->free_blocks = header->free_blocks + (value ? -1u : 1u);
        else
            header->inode_blocks = header->inode_blocks + (value ? 1u : -1u);
        header->crc = checksum(volume_.seed, *header);
        save();
    }

    void change_entry(std::uint64_t leaf, std::string_view name, std::string_view new_name, std::uint64_t ino) {
        std::byte* bytes = image_.stage(BlockNo{leaf});
        expect(bytes != nullptr && name.size() == new_name.size(), "leaf or length of the name");
        for (std::size_t at = DAXFS_DIR_LEAF_START; at < DAXFS_BLOCK_SIZE;) {
            auto* entry = reinterpret_cast<daxfs_dirent*>(bytes + at);
            auto* text = reinterpret_cast<char*>(entry + 1);
            if (std::string_view(text, entry->name_length) == name) {
                std::memcpy(text, new_name.data(), name.size());
                if (ino != 0)
                    entry->ino = ino;
                entry->crc = dirent_checksum(volume_.seed, {bytes + at, sizeof(*entry) + name.size()});
                save();
                return;
            }
            expect(entry->length != 0, "a directory leaf");
            at += entry->length;
        }
        fail("no such entry");
    }

  private:
    std::byte* place(std::string_view kind, std::uint64_t which) {
        const InodeNo ino{which};
        std::byte* block = image_.stage(kind == "inode" ? volume_.block_of(ino) : BlockNo{which});
        expect(block != nullptr, "a block of the device");
        return block + (kind == "inode" ? volume_.offset_of(ino) : 0);
    }

    void seal_node(std::byte* bytes) {
        auto* node = reinterpret_cast<daxfs_node_header*>(bytes);
        const bool index = node->level != 0;
        const std::size_t entry = index                                    ? sizeof(daxfs_index_entry)
                                  : node->magic == DAXFS_EXTENT_NODE_MAGIC ? sizeof(daxfs_extent)
                                                                           : 0;
        const std::size_t used = sizeof(*node) + entry * node->count;
        expect(used <= DAXFS_BLOCK_SIZE, "a node");
        node->crc = node_checksum(volume_.seed, {bytes, used});
    }

    void save() { must(image_.write_staged(), "write"); }

    Image image_;
    Volume volume_;
};

}  // namespace

int main(int argc, char** argv) {
    expect(argc >= 6, "arguments");
    Forger forger(argv[1]);
    const std::string_view verb = argv[2];
    if (verb == "get" && argc == 7)
        std::printf("%llu\n", static_cast<unsigned long long>(
                                  forger.get(argv[3], number(argv[4]), number(argv[5]), number(argv[6]))));
    else if (verb == "put" && argc == 8)
        forger.put(argv[3], number(argv[4]), number(argv[5]), number(argv[6]), number(argv[7]));
    else if (verb == "bit" && argc == 6)
        forger.set_bit(argv[3], number(argv[4]), number(argv[5]) != 0);
    else if (verb == "entry" && argc == 7)
        forger.change_entry(number(argv[3]), argv[4], argv[5], number(argv[6]));
    else
        fail("no such command");
    return 0;
}

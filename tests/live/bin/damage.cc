// SPDX-License-Identifier: GPL-2.0-or-later
// Damages an unmounted filesystem in a way that a test names; checksums are right but where they are the damage. The
// same again heals it, but for `undo`.
//
//   damage DEVICE inode INO            the inode's checksum
//   damage DEVICE leaf INO INDEX       the checksum of a leaf of a file's extent tree
//   damage DEVICE group AG             the checksum of an allocation group's header
//   damage DEVICE map KIND AG          a bit of its blocks, inodes or orphans map
//   damage DEVICE journal ID           the checksum of a journal's header
//   damage DEVICE word ID              a journal's commit word
//   damage DEVICE undo ID BYTE LENGTH  an open transaction that would undo these bytes, to what they are
//   damage DEVICE undo-super FIELD VALUE    one that would undo a member of the superblock to VALUE
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "lib/tree/ag.h"
#include "lib/tree/extent.h"
#include "lib/tree/inode.h"
#include "lib/tree/journal.h"
#include "tests/live/bin/check.h"

namespace {

using namespace daxfs;

template <typename T>
T must(Result<T> result) {
    expect(bool(result), result ? "" : result.error().message);
    if constexpr (!std::is_void_v<T>)
        return *std::move(result);
}

class Spoiler {
  public:
    explicit Spoiler(const char* device) : image_(must(Image::open(device, Access::kWrite))) {}

    void inode(InodeNo ino) { flip(volume_.block_of(ino), volume_.offset_of(ino) + offsetof(daxfs_inode, crc)); }

    void leaf(InodeNo ino, std::uint64_t index) {
        TreeCursor tree(volume_, TreeKind::kExtents, *read_inode(volume_, ino).raw);
        while (const auto node = tree.next()) {
            if (node->level == 0 && index-- == 0) {
                flip(node->block, offsetof(daxfs_node_header, crc));
                return;
            }
        }
        fail("no leaf");
    }

    void group(AgNo ag) { flip(volume_.geometry.ag_header(ag), offsetof(daxfs_ag_header, crc)); }

    void map(std::string_view kind, AgNo ag) {
        flip(kind == "blocks"   ? volume_.geometry.bitmap(ag)
             : kind == "inodes" ? volume_.geometry.inode_map(ag)
                                : volume_.geometry.orphan_map(ag),
             DAXFS_BLOCK_SIZE - 1);
    }

    void journal(std::uint32_t id) { flip(volume_.geometry.journal_slot(id), offsetof(daxfs_journal_header, crc)); }
    void word(std::uint32_t id) { flip(volume_.geometry.journal_slot(id), DAXFS_JOURNAL_COMMIT_OFFSET); }

    void undo(std::uint32_t id, std::uint64_t offset, std::uint32_t length) {
        std::vector<std::byte> old(length);
        for (std::uint32_t i = 0; i < length; ++i)
            if (const std::byte* block = image_.try_block(BlockNo{(offset + i) / DAXFS_BLOCK_SIZE}))
                old[i] = block[(offset + i) % DAXFS_BLOCK_SIZE];
        log(id, offset, old);
    }

    void undo_super(const std::string& field, std::uint64_t value) {
        daxfs_super super = volume_.super;
        const std::map<std::string, std::function<void()>> fields{
            {"version", [&] { super.version = static_cast<std::uint32_t>(value); }},
            {"incompat", [&] { super.incompat = static_cast<std::uint32_t>(value); }},
            {"state", [&] { super.state = static_cast<std::uint32_t>(value); }},
            {"nonce", [&] { super.nonce = value; }},
            {"hash_key", [&] { super.hash_key[0] = value; }},
            {"block_count", [&] { super.block_count = value; }},
            {"root_ino", [&] { super.root_ino = value; }},
            {"journal_count", [&] { super.journal_count = static_cast<std::uint32_t>(value); }},
            {"journal_blocks", [&] { super.journal_blocks = static_cast<std::uint32_t>(value); }},
            {"initialised_ags", [&] { super.initialised_ags = static_cast<std::uint32_t>(value); }},
            {"label", [&] { super.label[0] = static_cast<std::uint8_t>(value); }},
        };
        fields.at(field)();
        super.crc = checksum(ChecksumSeed::of(super.nonce), super);
        const auto* bytes = reinterpret_cast<const std::byte*>(&super);
        log(0, 0, {bytes, bytes + sizeof(super)});
    }

    void write() { must(image_.write_staged()); }

  private:
    void flip(BlockNo block, std::size_t offset) { image_.stage(block)[offset] ^= std::byte{1}; }

    // The first entry of a transaction that did not commit.
    void log(std::uint32_t id, std::uint64_t offset, const std::vector<std::byte>& old) {
        std::vector<std::byte> bytes(sizeof(daxfs_journal_entry) + round_up<std::size_t>(old.size(), 8));
        auto* entry = reinterpret_cast<daxfs_journal_entry*>(bytes.data());
        entry->sequence = read_journal(volume_, id).sequence + 1;
        entry->offset = offset;
        entry->length = static_cast<std::uint32_t>(old.size());
        entry->kind = DAXFS_JOURNAL_BYTES;
        std::memcpy(entry + 1, old.data(), old.size());
        entry->crc = journal_entry_checksum(volume_.seed, id, DAXFS_JOURNAL_BODY_OFFSET,
                                            std::span(bytes).first(sizeof(*entry) + old.size()));
        std::uint32_t position = DAXFS_JOURNAL_BODY_OFFSET;
        for (const std::byte byte : bytes) {
            const BlockNo block = volume_.geometry.journal_slot(id) + position / DAXFS_BLOCK_SIZE;
            image_.stage(block)[position++ % DAXFS_BLOCK_SIZE] = byte;
        }
    }

    Image image_;
    Volume volume_ = must(open_volume(image_));
};

}  // namespace

int main(int argc, char** argv) {
    expect(argc >= 4, "damage DEVICE VERB ARGUMENT...");
    const std::string_view verb = argv[2];
    const auto number = [&](int i) {
        expect(i < argc, "an argument is missing");
        return std::strtoull(argv[i], nullptr, 0);
    };
    const auto small = [&](int i) { return static_cast<std::uint32_t>(number(i)); };
    Spoiler damage(argv[1]);
    if (verb == "inode")
        damage.inode(InodeNo{number(3)});
    else if (verb == "leaf")
        damage.leaf(InodeNo{number(3)}, number(4));
    else if (verb == "group")
        damage.group(AgNo{number(3)});
    else if (verb == "map")
        damage.map(argv[3], AgNo{number(4)});
    else if (verb == "journal")
        damage.journal(small(3));
    else if (verb == "word")
        damage.word(small(3));
    else if (verb == "undo")
        damage.undo(small(3), number(4), small(5));
    else if (verb == "undo-super")
        damage.undo_super(argv[3], number(4));
    else
        fail("no such damage");
    damage.write();
}

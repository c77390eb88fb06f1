// SPDX-License-Identifier: GPL-2.0-or-later
// Any field of an inode or a node, whose checksum is made right again.
#include "tests/live/damage/verbs.h"

namespace damage {
namespace {

using namespace daxfs;

struct Field {
    bool inode;
    BlockNo block;
    std::size_t unit;  // where the inode or node starts in the block
    std::size_t offset, size;
};

// inode|node, its number or block, offset and size.
Field field_of(const Volume& volume, const Arguments& arguments) {
    const bool inode = arguments.text(0) == "inode";
    expect(inode || arguments.text(0) == "node", "inode or node");
    const InodeNo ino{arguments.number(1)};
    const Field field{.inode = inode,
                      .block = inode ? volume.block_of(ino) : BlockNo{arguments.number(1)},
                      .unit = inode ? volume.offset_of(ino) : 0,
                      .offset = arguments.number(2),
                      .size = arguments.number(3)};
    const std::size_t end = inode ? DAXFS_INODE_SIZE : DAXFS_BLOCK_SIZE;
    expect(field.size <= sizeof(std::uint64_t) && field.offset <= end - field.size, "a field of at most 8 bytes");
    return field;
}

void get(Target& target, const Arguments& arguments) {
    const Field field = field_of(target.volume, arguments);
    const std::byte* bytes = target.image.try_block(field.block);
    expect(bytes != nullptr, "no block of the device");
    std::uint64_t value = 0;
    std::memcpy(&value, bytes + field.unit + field.offset, field.size);
    std::printf("%llu\n", static_cast<unsigned long long>(value));
}

void put(Target& target, const Arguments& arguments) {
    const Field field = field_of(target.volume, arguments);
    std::byte* unit = target.stage(field.block) + field.unit;
    const std::uint64_t value = arguments.number(4);
    std::memcpy(unit + field.offset, &value, field.size);
    if (field.inode) {
        auto& inode = *reinterpret_cast<daxfs_inode*>(unit);
        inode.crc = checksum(target.volume.seed, inode);
    } else {
        auto& node = *reinterpret_cast<daxfs_node_header*>(unit);
        node.crc = node_checksum(target.volume.seed, {unit, DAXFS_BLOCK_SIZE});
    }
}

}  // namespace

Verbs field_verbs() {
    return {{"get", {4, get}}, {"put", {5, put}}};
}

}  // namespace damage

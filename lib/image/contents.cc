// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/image/contents.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>

#include <blkid/blkid.h>

#include "lib/format/checksum.h"
#include "lib/format/copy_places.h"
#include "lib/format/geometry.h"

namespace daxfs {
namespace {

constexpr const char* kDamagedOwn = "daxfs filesystem with a damaged superblock";

struct FreeProbe {
    void operator()(blkid_probe probe) const { blkid_free_probe(probe); }
};
using Probe = std::unique_ptr<std::remove_pointer_t<blkid_probe>, FreeProbe>;

Result<Probe> make_probe(const Device& device) {
    Probe probe(blkid_new_probe());
    if (probe == nullptr || blkid_probe_set_device(probe.get(), device.fd(), 0, 0) != 0)
        return fail("{}: cannot look for what is on it", device.path());
    blkid_probe_enable_superblocks(probe.get(), 1);
    blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_LABEL |
                                                       BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_BADCSUM);
    blkid_probe_enable_partitions(probe.get(), 1);
    blkid_probe_set_partitions_flags(probe.get(), BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);
    return probe;
}

std::string value_of(blkid_probe probe, const char* name) {
    const char* value = nullptr;
    if (blkid_probe_lookup_value(probe, name, &value, nullptr) != 0)
        return {};
    return value;
}

// What the last probing call found, as a phrase.
std::string phrase(blkid_probe probe) {
    if (const std::string table = value_of(probe, "PTTYPE"); !table.empty())
        return table + " partition table";
    const std::string type = value_of(probe, "TYPE");
    const std::string usage = value_of(probe, "USAGE");
    const std::string label = value_of(probe, "LABEL");
    std::string text = type + (usage == "raid" ? " member" : usage == "crypto" ? " volume" : " filesystem");
    if (usage == "other" || usage.empty())
        text = type + " signature";
    return label.empty() ? text : text + " labelled \"" + label + '"';
}

// A range outside the device, or one that cannot be read, holds no superblock.
template <typename T>
bool read_at(const Device& device, BlockNo block, T& into) {
    if (block.value >= device.size_bytes() / DAXFS_BLOCK_SIZE)
        return false;
    return device.read(block.value * DAXFS_BLOCK_SIZE, std::as_writable_bytes(std::span(&into, 1))).has_value();
}

bool has_super_magic(const Device& device, BlockNo block) {
    daxfs_le64 magic;
    return read_at(device, block, magic) && magic == DAXFS_SUPER_MAGIC;
}

bool checks_out(const daxfs_super& super) {
    return super.magic == DAXFS_SUPER_MAGIC && super.crc == checksum(ChecksumSeed::of(super.nonce), super);
}

bool is_head_of_ag_0(const std::byte* bytes, BlockNo at) {
    const auto& header = *reinterpret_cast<const daxfs_ag_header*>(bytes);
    return header.magic == DAXFS_AG_MAGIC && header.block == at.value && header.agno == 0 &&
           header.crc == checksum(ChecksumSeed::of(header.nonce), header);
}

// Where AG 0 of an older daxfs starts, from its header: it knows its own address and carries the nonce. Looked for as
// far as mkfs puts it by itself.
std::optional<BlockNo> find_ag_0(const Device& device) {
    constexpr std::uint64_t kSearched = DAXFS_HUGE_BLOCKS + DAXFS_MIN_ALIGN_BLOCKS + DAXFS_AG_HEADER_BLOCK;
    constexpr std::uint64_t kWindow = 16;
    const std::uint64_t end = std::min(kSearched, device.size_bytes() / DAXFS_BLOCK_SIZE);
    alignas(64) std::array<std::byte, kWindow * DAXFS_BLOCK_SIZE> window;
    for (std::uint64_t first = 0; first < end; first += kWindow) {
        const std::uint64_t blocks = std::min(kWindow, end - first);
        if (!device.read(first * DAXFS_BLOCK_SIZE, std::span(window).first(blocks * DAXFS_BLOCK_SIZE)))
            return std::nullopt;
        for (std::uint64_t i = 0; i < blocks; ++i)
            if (first + i >= DAXFS_AG_HEADER_BLOCK &&
                is_head_of_ag_0(window.data() + i * DAXFS_BLOCK_SIZE, BlockNo{first + i}))
                return BlockNo{first + i - DAXFS_AG_HEADER_BLOCK};
    }
    return std::nullopt;
}

// The first copy in an AG behind AG 0, for each size that an AG can have.
std::optional<daxfs_super> find_copy(const Device& device, BlockNo ag_0, BlockNo& found_at) {
    daxfs_super super;
    for (unsigned log2 = DAXFS_MIN_AG_BLOCKS_LOG2; log2 <= DAXFS_MAX_AG_BLOCKS_LOG2; ++log2) {
        found_at = ag_0 + (std::uint64_t{1} << log2);
        if (read_at(device, found_at, super) && checks_out(super))
            return super;
    }
    found_at = ag_0;
    if (read_at(device, found_at, super) && checks_out(super))
        return super;
    return std::nullopt;
}

void list_copies(const Device& device, const daxfs_super& super, Contents& contents) {
    // More AGs than this cost seconds to visit; so many copies are no help to anybody who looks for one.
    constexpr std::uint64_t kMaxVisited = 16384;
    const Geometry geometry = Geometry::of(super);
    if (check_geometry(geometry, device.size_bytes() / DAXFS_BLOCK_SIZE) != nullptr)
        return;
    // All groups: an old copy knows fewer in use than there are.
    const std::uint64_t ags = std::min<std::uint64_t>(super.ag_count, kMaxVisited);
    for (std::uint64_t ag = 0; ag < ags; ++ag)
        if (has_super_magic(device, geometry.ag_start(AgNo{ag})))
            contents.own_superblocks.push_back(geometry.ag_start(AgNo{ag}));
}

// Where fsck.daxfs would look for a copy: whatever lies there, it would believe it once the new superblock is lost.
// Whether one checks out.
bool list_searched(const Device& device, Contents& contents) {
    bool sound = false;
    for_each_copy_place(device.size_bytes() / DAXFS_BLOCK_SIZE, [&](BlockNo block) {
        daxfs_super super;
        if (!has_super_magic(device, block))
            return;
        sound = sound || (read_at(device, block, super) && checks_out(super));
        contents.own_superblocks.push_back(block);
    });
    return sound;
}

void inspect_own(const Device& device, Contents& contents) {
    daxfs_super super;
    const bool readable = read_at(device, BlockNo{0}, super);
    if (readable && checks_out(super)) {
        contents.found.push_back("daxfs filesystem");
        contents.own_superblocks.push_back(BlockNo{0});
        list_copies(device, super, contents);
        return;
    }
    const auto ag_0 = find_ag_0(device);
    BlockNo at;
    const auto copy = find_copy(device, ag_0.value_or(BlockNo{0}), at);
    if (copy) {
        contents.own_superblocks.push_back(at);
        list_copies(device, *copy, contents);
    }
    if (copy || ag_0 || (readable && super.magic == DAXFS_SUPER_MAGIC))
        contents.found.push_back(kDamagedOwn);
}

}  // namespace

Result<Contents> inspect_contents(const Device& device) {
    Contents contents;
    inspect_own(device, contents);
    const bool sound_copy = list_searched(device, contents);
    std::ranges::sort(contents.own_superblocks);
    const auto repeated = std::ranges::unique(contents.own_superblocks);
    contents.own_superblocks.erase(repeated.begin(), repeated.end());
    DAXFS_TRY_ASSIGN(const Probe probe, make_probe(device));
    // More than a few are the same one again: a signature cannot be skipped without wiping it.
    while (contents.found.size() < 4 && blkid_do_probe(probe.get()) == 0) {
        std::string text = phrase(probe.get());
        if (std::find(contents.found.begin(), contents.found.end(), text) == contents.found.end())
            contents.found.push_back(std::move(text));
    }
    // Beside another filesystem, a copy is what that one has not overwritten yet.
    if (contents.found.empty() && sound_copy)
        contents.found.push_back(kDamagedOwn);
    return contents;
}

Result<void> wipe_contents(Device& device, const Contents& contents) {
    static constexpr std::array<std::byte, DAXFS_BLOCK_SIZE> kZeros{};
    for (const BlockNo block : contents.own_superblocks)
        DAXFS_TRY(device.write(block.value * DAXFS_BLOCK_SIZE, kZeros));
    DAXFS_TRY_ASSIGN(const Probe probe, make_probe(device));
    // Each wipe makes the prober look at the same place again, where another signature may show.
    for (int rounds = 0; rounds < 256 && blkid_do_probe(probe.get()) == 0; ++rounds)
        if (blkid_do_wipe(probe.get(), 0) != 0)
            return fail("{}: cannot remove the {} signature", device.path(), phrase(probe.get()));
    return {};
}

}  // namespace daxfs

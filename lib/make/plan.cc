// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/make/plan.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>

#include <sys/random.h>

#include "lib/base/checked.h"
#include "lib/base/siphash.h"
#include "lib/base/size.h"
#include "lib/format/checksum.h"
#include "lib/format/geometry.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kMaxDeviceBytes = std::uint64_t{DAXFS_MAX_AGS}
                                          << (DAXFS_MAX_AG_BLOCKS_LOG2 + DAXFS_BLOCK_SHIFT);
// Between AG 0 and the device's start there is at most one gigantic page.
constexpr std::uint64_t kMaxAlignBlocks = std::uint64_t{1} << (30 - DAXFS_BLOCK_SHIFT);

constexpr unsigned kDefaultAgLog2 = 18;  // 1 GiB
constexpr std::uint64_t kWantedMaxAgs = 4096;
constexpr std::uint64_t kWantedMinAgs = 4;

constexpr std::uint32_t kDefaultJournals = 8;
constexpr std::uint32_t kTinyJournals = 4;
constexpr std::uint64_t kTinyBytes = 64 * kMiB;
// What AG 0 keeps behind the journals: root's inodes and tree, and something to work with.
constexpr std::uint64_t kMinBehindJournals = 64;

constexpr std::uint64_t kReservedShare = 256;
constexpr std::uint64_t kMaxReservedBlocks = 64 * kMiB / DAXFS_BLOCK_SIZE;

unsigned choose_ag_log2(std::uint64_t usable_blocks) {
    unsigned log2 = kDefaultAgLog2;
    while (log2 < DAXFS_MAX_AG_BLOCKS_LOG2 && usable_blocks >> log2 > kWantedMaxAgs)
        ++log2;
    while (log2 > DAXFS_MIN_AG_BLOCKS_LOG2 && usable_blocks >> log2 < kWantedMinAgs)
        --log2;
    return log2;
}

Result<unsigned> ag_log2(const FormatOptions& options, std::uint64_t usable_blocks) {
    if (!options.ag_bytes)
        return choose_ag_log2(usable_blocks);
    const std::uint64_t bytes = *options.ag_bytes;
    constexpr std::uint64_t kMin = std::uint64_t{DAXFS_BLOCK_SIZE} << DAXFS_MIN_AG_BLOCKS_LOG2;
    constexpr std::uint64_t kMax = std::uint64_t{DAXFS_BLOCK_SIZE} << DAXFS_MAX_AG_BLOCKS_LOG2;
    if (!std::has_single_bit(bytes) || bytes < kMin || bytes > kMax)
        return fail("the allocation group size must be a power of two from 16M to 32G, not {}", bytes);
    return static_cast<unsigned>(std::countr_zero(bytes)) - DAXFS_BLOCK_SHIFT;
}

// The last AG is not used where it is shorter than its head and a little more.
Result<void> place_ags(Geometry& geometry, std::uint64_t usable_blocks) {
    std::uint64_t ags = div_round_up(usable_blocks, geometry.ag_blocks());
    const std::uint64_t last = usable_blocks - ((ags - 1) << geometry.ag_blocks_log2);
    std::uint64_t used = usable_blocks;
    if (last < geometry.head_blocks() + DAXFS_MIN_AG_SPARE_BLOCKS) {
        --ags;
        used = ags << geometry.ag_blocks_log2;
    }
    if (ags == 0)
        return fail("too small for allocation groups of this size");
    if (ags > DAXFS_MAX_AGS)
        return fail("too many allocation groups ({}; at most {}): make them larger", ags, DAXFS_MAX_AGS);
    geometry.ag_count = static_cast<std::uint32_t>(ags);
    geometry.block_count = geometry.align_blocks + used;
    return {};
}

Result<void> place_journals(Geometry& geometry, const FormatOptions& options) {
    const std::uint64_t bytes = options.journal_bytes.value_or(DAXFS_MIN_JOURNAL_BLOCKS * DAXFS_BLOCK_SIZE);
    if (bytes % DAXFS_BLOCK_SIZE != 0 || bytes < DAXFS_MIN_JOURNAL_BLOCKS * DAXFS_BLOCK_SIZE ||
        bytes > DAXFS_MAX_JOURNAL_BLOCKS * DAXFS_BLOCK_SIZE)
        return fail("the journal size must be a multiple of 4K from 128K to 4M, not {}", bytes);
    const bool tiny = options.device_bytes < kTinyBytes;
    geometry.journal_count = options.journals.value_or(tiny ? kTinyJournals : kDefaultJournals);
    if (geometry.journal_count < DAXFS_MIN_JOURNALS || geometry.journal_count > DAXFS_MAX_JOURNALS)
        return fail("the number of journals must be from {} to {}, not {}", DAXFS_MIN_JOURNALS, DAXFS_MAX_JOURNALS,
                    geometry.journal_count);
    geometry.journal_blocks = static_cast<std::uint32_t>(bytes / DAXFS_BLOCK_SIZE);
    geometry.journal_block = geometry.ag_start(AgNo{0}) + geometry.map_end();
    if (geometry.fixed_blocks(AgNo{0}) + kMinBehindJournals > geometry.ag_length(AgNo{0}))
        return fail("{} journals of {} bytes do not fit the first allocation group", geometry.journal_count, bytes);
    return {};
}

Result<Geometry> plan_geometry(const FormatOptions& options) {
    if (options.align_blocks > kMaxAlignBlocks ||
        (options.align_blocks != 0 && options.align_blocks < DAXFS_MIN_ALIGN_BLOCKS))
        return fail("the alignment must be 0, or from {} to {} blocks, not {}", DAXFS_MIN_ALIGN_BLOCKS, kMaxAlignBlocks,
                    options.align_blocks);
    if (options.device_bytes > kMaxDeviceBytes)
        return fail("{} bytes are too large: at most 512P", options.device_bytes);
    if (options.device_bytes < minimum_bytes(options.align_blocks))
        return fail("{} bytes are too small: at least {}", options.device_bytes,
                    format_size(minimum_bytes(options.align_blocks)));
    const std::uint64_t usable = options.device_bytes / DAXFS_BLOCK_SIZE - options.align_blocks;
    Geometry geometry;
    geometry.align_blocks = static_cast<std::uint32_t>(options.align_blocks);
    DAXFS_TRY_ASSIGN(const unsigned log2, ag_log2(options, usable));
    geometry.ag_blocks_log2 = static_cast<std::uint8_t>(log2);
    DAXFS_TRY(place_ags(geometry, usable));
    DAXFS_TRY(place_journals(geometry, options));
    return geometry;
}

Result<std::uint64_t> choose_reserve(const FormatOptions& options, const Geometry& geometry) {
    if (options.reserved_bytes)
        return reserve_blocks(*options.reserved_bytes, geometry);
    return std::min(geometry.block_count / kReservedShare, kMaxReservedBlocks);
}

std::uint64_t derive(const Uuid& uuid, std::string_view what) {
    SipKey key;
    std::memcpy(key.data(), uuid.data(), sizeof(key));
    for (auto& half : key)
        half = byte_swap_if_big(half);
    return siphash24(key, std::as_bytes(std::span(what)));
}

void store_geometry(daxfs_super& super, const Geometry& geometry) {
    super.block_count = geometry.block_count;
    super.journal_block = geometry.journal_block.value;
    super.align_blocks = geometry.align_blocks;
    super.ag_count = geometry.ag_count;
    super.journal_count = geometry.journal_count;
    super.journal_blocks = geometry.journal_blocks;
    super.ag_blocks_log2 = geometry.ag_blocks_log2;
    super.block_log2 = DAXFS_BLOCK_SHIFT;
    super.inode_log2 = DAXFS_INODE_SHIFT;
    // The first block behind the journals holds the first inodes.
    super.root_ino = geometry.journal_slot(geometry.journal_count).value * DAXFS_INODES_PER_BLOCK;
}

}  // namespace

Result<Secrets> Secrets::random() {
    Secrets secrets;
    struct {
        std::uint64_t words[3];
    } drawn;
    if (getrandom(&drawn, sizeof(drawn), 0) != sizeof(drawn))
        return fail("cannot get random numbers: {}", errno_text(errno));
    secrets.nonce = drawn.words[0];
    secrets.hash_key = {drawn.words[1], drawn.words[2]};
    return secrets;
}

Secrets Secrets::derived_from(const Uuid& uuid) {
    return {.nonce = derive(uuid, "nonce"), .hash_key = {derive(uuid, "hash key 0"), derive(uuid, "hash key 1")}};
}

std::uint64_t minimum_bytes(std::uint64_t align_blocks) {
    return 8 * kMiB + align_blocks * DAXFS_BLOCK_SIZE;
}

Result<std::uint64_t> reserve_blocks(std::uint64_t bytes, const Geometry& geometry) {
    const std::uint64_t blocks = div_round_up<std::uint64_t>(bytes, DAXFS_BLOCK_SIZE);
    if (blocks > geometry.block_count / 2)
        return fail("the reserve must be at most half of the device, not {} bytes", bytes);
    return blocks;
}

Result<daxfs_super> plan_filesystem(const FormatOptions& options) {
    if (options.label.size() >= DAXFS_LABEL_SIZE)
        return fail("the label is longer than {} bytes", DAXFS_LABEL_SIZE - 1);
    DAXFS_TRY_ASSIGN(const Geometry geometry, plan_geometry(options));
    daxfs_super super{};
    super.magic = DAXFS_SUPER_MAGIC;
    super.version = DAXFS_VERSION_1;
    std::copy(options.uuid.begin(), options.uuid.end(), super.uuid);
    super.nonce = options.secrets.nonce;
    super.hash_key[0] = options.secrets.hash_key[0];
    super.hash_key[1] = options.secrets.hash_key[1];
    store_geometry(super, geometry);
    DAXFS_TRY_ASSIGN(super.reserved_blocks, choose_reserve(options, geometry));
    super.created_sec = static_cast<std::uint64_t>(options.created_sec);
    super.initialised_ags = 1;
    std::copy(options.label.begin(), options.label.end(), super.label);
    seal(super);
    return super;
}

void seal(daxfs_super& super) {
    super.crc = checksum(ChecksumSeed::of(super.nonce), super);
}

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Intents with redo lists, and undo files, of any bytes. Nothing may crash, hang or read out of bounds; what is refused
// changes nothing.
//
// First byte, bit 0: an undo file, else an intent. Bit 1: put the checksums right. Of an intent, then 2 bytes each for
// redo_block and redo_bytes, which wide() makes numbers of, and what lies from block 4 on.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "lib/base/checked.h"
#include "lib/base/crc32c.h"
#include "lib/check/redo.h"
#include "lib/check/undo_file.h"
#include "lib/format/checksum.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kBlocks = 16;
constexpr std::size_t kListStart = 4 * DAXFS_BLOCK_SIZE;

struct alignas(64) Block {
    std::byte bytes[DAXFS_BLOCK_SIZE];
};

void expect_same(const std::vector<Block>& a, const std::vector<Block>& b) {
    if (std::memcmp(a.data(), b.data(), a.size() * sizeof(Block)) != 0)
        std::abort();
}

// Two bytes that reach small numbers and the ends of 64 bits.
std::uint64_t wide(std::uint8_t low, std::uint8_t high) {
    const std::uint64_t value = low | (std::uint64_t{high} & 0x3f) << 8;
    return (high & 0x80) != 0 ? ~value : (high & 0x40) != 0 ? value << 49 : value;
}

void run_intent(std::span<const std::uint8_t> input, bool seal) {
    if (input.size() < 4)
        return;
    std::vector<Block> device(kBlocks);
    auto* bytes = device[0].bytes;
    const auto list = input.subspan(4).first(std::min(input.size() - 4, kBlocks * DAXFS_BLOCK_SIZE - kListStart));
    if (!list.empty())
        std::memcpy(bytes + kListStart, list.data(), list.size());
    daxfs_intent intent{};
    intent.magic = DAXFS_INTENT_MAGIC;
    intent.redo_block = wide(input[0], input[1]);
    intent.redo_bytes = wide(input[2], input[3]);
    if (seal && intent.redo_block < kBlocks &&
        range_inside<std::uint64_t>(intent.redo_block * DAXFS_BLOCK_SIZE, intent.redo_bytes,
                                    kBlocks * DAXFS_BLOCK_SIZE))
        intent.redo_crc = crc32c(~0u, bytes + intent.redo_block * DAXFS_BLOCK_SIZE, intent.redo_bytes);
    intent.crc = checksum(intent);
    std::memcpy(device[DAXFS_INTENT_BLOCK_A].bytes, &intent, sizeof(intent));
    const std::vector<Block> before = device;
    Image image = Image::over(std::as_writable_bytes(std::span(device)));
    (void)finish_announced(image, Access::kRead);
    expect_same(device, before);
    image.forget_staged();
    const auto outcome = finish_announced(image, Access::kWrite);
    if (!outcome || outcome->what != Announced::kFinished)
        expect_same(device, before);
}

void seal_undo(std::vector<std::uint8_t>& file) {
    if (file.size() < sizeof(UndoHeader))
        return;
    auto& header = *reinterpret_cast<UndoHeader*>(file.data());
    header.device_bytes = kBlocks * DAXFS_BLOCK_SIZE;
    header.records_bytes = file.size() - sizeof(header);
    std::uint32_t records_crc = ~0u;
    std::uint64_t records = 0;
    for (std::size_t at = sizeof(header); file.size() - at >= sizeof(UndoRecord); ++records) {
        auto& record = *reinterpret_cast<UndoRecord*>(file.data() + at);
        const std::size_t size = sizeof(record) + round_up<std::uint64_t>(record.length, 8);
        if (record.length > DAXFS_BLOCK_SIZE || size > file.size() - at)
            break;
        record.crc = 0;
        record.crc = crc32c(~0u, &record, sizeof(record) + record.length);
        records_crc = crc32c(records_crc, &record.crc, sizeof(record.crc));
        at += size;
    }
    header.records = records;
    header.records_crc = records_crc;
    header.crc = 0;
    header.crc = crc32c(~0u, &header, sizeof(header));
}

void run_undo(std::span<const std::uint8_t> input, bool seal) {
    std::vector<std::uint8_t> bytes(input.begin(), input.end());
    if (seal)
        seal_undo(bytes);
    const int fd = memfd_create("undo", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
        std::abort();
    auto file = UndoFile::open("/proc/self/fd/" + std::to_string(fd));
    close(fd);
    if (!file)
        return;
    std::vector<Block> device(kBlocks);
    const std::vector<Block> before = device;
    for (const bool force : {false, true}) {
        for (const Access access : {Access::kRead, Access::kWrite}) {
            Image image = Image::over(std::as_writable_bytes(std::span(device)));
            const auto outcome = undo_repair(image, *file, {.access = access, .force = force});
            if (access == Access::kRead || (outcome && !outcome->refusal.empty()))
                expect_same(device, before);
            device = before;
        }
    }
}

}  // namespace
}  // namespace daxfs

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return 0;
    const std::span<const std::uint8_t> rest{data + 1, size - 1};
    if ((data[0] & 1) != 0)
        daxfs::run_undo(rest, (data[0] & 2) != 0);
    else
        daxfs::run_intent(rest, (data[0] & 2) != 0);
    return 0;
}

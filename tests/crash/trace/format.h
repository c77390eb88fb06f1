// SPDX-License-Identifier: GPL-2.0-or-later
// The store trace: what a machine did to its persistent memory, in the order in which the processor did it.
//
// A file is one Header, Records, and as the last one a kEnd. Beside it lies FILE.base, the device as it was when the
// recorder was armed. All integers are little-endian, as on the machines that write and read it.
#pragma once

#include <cstdint>
#include <string_view>

namespace daxfs::crash {

constexpr char kTraceMagic[8] = {'D', 'X', 'T', 'R', 'A', 'C', 'E', '\n'};
constexpr std::uint32_t kTraceVersion = 1;
constexpr std::uint64_t kLine = 64;         // bytes of a cache line
constexpr std::uint64_t kWord = 8;          // bytes that become durable together
constexpr std::uint64_t kHashBlock = 4096;  // what one hash of kEnd covers
constexpr char kPoison = '\xdb';            // fills what nobody wrote: no file may ever show it

struct Header {
    char magic[8];
    std::uint32_t version;
    std::uint32_t header_bytes;  // of this struct
    std::uint64_t device_bytes;
    std::uint64_t base_hash;  // hash_bytes of the device when armed
    char kernel[64];          // NUL-terminated, as the caller of the recorder named them
    char module[64];
};
static_assert(sizeof(Header) == 160);

enum class Kind : std::uint8_t {
    kStore = 1,  // payload: the bytes, stored in ascending order, whole words each at once
    kNtStore,    // the same by non-temporal stores: durable at the next fence, in no order before it
    kFlush,      // detail: Flush; offset: of the line
    kFence,      // detail: Fence
    kMark,       // detail: Mark; payload: text
    kEnd,        // payload: hash_bytes of each kHashBlock of the device as it really was
};

enum class Flush : std::uint8_t { kClwb = 1, kClflushopt, kClflush };

// Only the first three order flushes and non-temporal stores in a program that does so on purpose. Locked instructions
// drain too, but come from locks and interrupts, where they stand by chance: no one may count on them.
enum class Fence : std::uint8_t { kSfence = 1, kMfence, kWbinvd };

// What the guest says about itself, see guest/mark.h.
enum class Mark : std::uint8_t {
    kArm = 1,     // recording starts; text: "TRACE MODULE", names of both
    kEnd,         // and ends
    kCase,        // text: "NAME LISTING-HASH"; the hash is - where the device is still to be recovered
    kOperation,   // an operation begins; text: "FLAGS NAME"
    kDone,        // it returned; text: "ERRNO LISTING-HASH" (decimal, 16 hex digits)
    kPhase,       // setup or cleanup, which is replayed and not examined; text: its name
    kSymbols,     // text: one line of /proc/kallsyms
    kReturned,    // of two calls at once in an operation one; text: the directory below which it worked
    kInterleave,  // until kDone the processors take turns at random stores; text: a seed
};

struct Record {
    Kind kind;
    std::uint8_t detail;
    std::uint8_t cpu;
    std::uint8_t reserved;
    std::uint32_t bytes;   // of the payload, which follows, padded with zeros to a multiple of 8
    std::uint64_t offset;  // on the device
    std::uint64_t pc;      // of the instruction
};
static_assert(sizeof(Record) == 24);

constexpr std::uint64_t padded(std::uint64_t bytes) {
    return (bytes + 7) & ~std::uint64_t{7};
}

// FNV-1a over 8-byte words; `bytes` is a multiple of 8.
inline std::uint64_t hash_bytes(const void* data, std::uint64_t bytes) {
    const auto* words = static_cast<const unsigned char*>(data);
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (std::uint64_t i = 0; i < bytes; i += 8) {
        std::uint64_t word;
        __builtin_memcpy(&word, words + i, 8);
        hash = (hash ^ word) * 0x100000001b3u;
        hash ^= hash >> 29;
    }
    return hash;
}

}  // namespace daxfs::crash

// SPDX-License-Identifier: GPL-2.0-or-later
// What the mixer does to a file: one operation, its text form, and the bytes that it writes.
//
// An operation is raw: where it lies outside what its thread may touch, or behind the end of file, it is clipped when
// it is carried out. So any part of a sequence is a sequence too, and can be replayed.
#pragma once

#include <array>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/live/bin/check.h"

namespace mixer {

enum class Kind : std::uint8_t {
    kRead,
    kReadDirect,
    kLoad,
    kWrite,
    kWriteSync,
    kWriteDirect,
    kStore,
    kStoreTail,
    kCopy,
    kPunch,
    kZero,
    kZeroKeep,
    kAlloc,
    kAllocKeep,
    kTruncate,
    kMsync,
    kFsync,
    kSeek,
    kReopen,
    kRemap,
    kCollapse,
    kInsert,
    kCount
};
constexpr std::size_t kKinds = static_cast<std::size_t>(Kind::kCount);

struct KindInfo {
    std::string_view name;
    unsigned weight;   // how often, against the others
    bool overlapping;  // its outcome can be told while other threads change the same bytes
    bool disjoint;     // ... while they change bytes nearby
    bool resizes;      // in a file of several owners only the last one may
    bool optional;     // not every filesystem has it
};

// By Kind.
constexpr std::array<KindInfo, kKinds> kInfo{{
    {"read", 6, true, true, false, false},     {"dread", 3, true, true, false, false},
    {"load", 5, true, true, false, false},     {"write", 8, true, true, false, false},
    {"swrite", 2, true, true, false, false},   {"dwrite", 4, true, true, false, false},
    {"store", 8, true, true, false, false},    {"tail", 3, false, true, true, false},
    {"copy", 2, false, true, false, false},    {"punch", 4, true, true, false, false},
    {"zero", 2, true, true, false, false},     {"zerokeep", 2, true, true, false, false},
    {"alloc", 2, true, true, false, false},    {"allockeep", 2, true, true, false, false},
    {"truncate", 5, true, true, true, false},  {"msync", 2, true, true, false, false},
    {"fsync", 1, true, true, false, false},    {"seek", 1, false, false, false, false},
    {"reopen", 1, true, true, false, false},   {"remap", 1, true, true, false, false},
    {"collapse", 2, false, false, true, true}, {"insert", 2, false, false, true, true},
}};

constexpr const KindInfo& info(Kind kind) {
    return kInfo[static_cast<std::size_t>(kind)];
}

inline Kind kind_named(std::string_view name) {
    for (std::size_t i = 0; i < kKinds; ++i)
        if (kInfo[i].name == name)
            return static_cast<Kind>(i);
    fail("no operation '" + std::string(name) + "'");
}

struct Op {
    Kind kind;
    std::uint32_t round;
    std::uint32_t thread;
    std::uint64_t at;
    std::uint64_t length;
    std::uint32_t value;  // which bytes; for kCopy how far before or behind the source lies

    // Never 0, which is what a hole holds; different in each block and for each value.
    std::uint8_t byte(std::uint64_t place) const {
        return static_cast<std::uint8_t>(1 + (value * 97u + place * 7u + (place >> 12) * 31u) % 255u);
    }
};

enum class Sharing { kOverlapping, kDisjoint };

// How a sequence runs, whatever its operations.
struct Setup {
    std::string path;
    std::size_t limit = 256 << 10;  // bytes; the file grows no further
    unsigned threads = 1;
    Sharing sharing = Sharing::kOverlapping;
    std::size_t align = 1;  // of the borders between the threads' parts, where they are disjoint
    bool inject = false;    // allocations fail (/proc/thread-self/make-it-fail): ENOMEM is no failure
};

struct Sequence {
    Setup setup;
    std::vector<Op> ops;  // by round
};

inline void save(const Sequence& sequence, std::ostream& to) {
    const Setup& setup = sequence.setup;
    to << "mixer 1 size " << setup.limit << " threads " << setup.threads << " align " << setup.align << " disjoint "
       << (setup.sharing == Sharing::kDisjoint) << '\n';
    for (const Op& op : sequence.ops)
        to << op.round << ' ' << op.thread << ' ' << info(op.kind).name << ' ' << op.at << ' ' << op.length << ' '
           << op.value << '\n';
}

// What save() wrote; `setup.path` stays.
inline void load(const char* path, Sequence& sequence) {
    std::ifstream from(path);
    std::string word, name;
    unsigned version = 0, disjoint = 0;
    Setup& setup = sequence.setup;
    from >> word >> version >> word >> setup.limit >> word >> setup.threads >> word >> setup.align >> word >> disjoint;
    expect(from && version == 1 && setup.limit > 0 && setup.threads > 0 && setup.align > 0,
           std::string(path) + " is no log of the mixer");
    setup.sharing = disjoint ? Sharing::kDisjoint : Sharing::kOverlapping;
    for (Op op{}; from >> op.round >> op.thread >> name >> op.at >> op.length >> op.value;) {
        op.kind = kind_named(name);
        expect(op.thread < setup.threads, "a thread that there is not, in " + std::string(path));
        sequence.ops.push_back(op);
    }
}

}  // namespace mixer

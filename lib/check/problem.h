// SPDX-License-Identifier: GPL-2.0-or-later
// What fsck can find (the catalogue of problems.def) and one thing that it found.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "lib/base/strong.h"
#include "lib/tree/damage.h"

namespace daxfs {

enum class Severity : std::uint8_t {
    kRecovery,  // what a power cut leaves behind, as intended
    kPreen,     // damage whose repair cannot lose anything
    kCorrupt,
};

enum class Fix : std::uint8_t {
    kNone,  // nothing on this device mends it
    kRollBack,
    kFreeOrphan,
    kFinishOperation,
    kRewriteCopy,
    kClearState,
    kRewriteMap,
    kRewriteCounters,
    kRewriteUnit,
    kEmptyJournal,
    kApplyIntent,
    kClearIntent,
    kMendInode,
    kRebuildTree,
    kSeparate,
    kRebuildNames,
    kReattach,
    kMakeRoot,
    kClearBytes,
};

enum class Problem : std::uint16_t {
#define PROBLEM(name, id, severity, fix, message, explanation) name = id,
#include "lib/check/problems.def"
#undef PROBLEM
};

struct ProblemInfo {
    Problem problem;
    const char* name;  // "kExtentOverlap"
    Severity severity;
    Fix fix;
    const char* message;
    const char* explanation;

    unsigned id() const { return static_cast<unsigned>(problem); }
};

// Ascending ids.
std::span<const ProblemInfo> problem_catalogue();
// nullptr: no such id.
const ProblemInfo* find_problem(unsigned id);
inline const ProblemInfo& info(Problem problem) {
    return *find_problem(static_cast<unsigned>(problem));
}

const char* severity_name(Severity severity);
// What the repair does, as a phrase: "rolled back".
const char* fix_name(Fix fix);

struct Finding {
    Problem problem{};
    InodeNo ino{0};
    BlockNo block{0};
    std::uint32_t offset = 0;
    AgNo ag{0};
    std::uint64_t at = 0;
    std::uint64_t found = 0;
    std::uint64_t expected = 0;
    std::uint64_t count = 0;
    std::string detail{};
    std::string name{};  // of a directory entry; any bytes
    std::string path{};  // of `ino`, where it was cheap to find
    bool fixed = false;
};

// Block, offset, values and detail as the cursor saw them.
Finding finding_of(Problem problem, const Damage& damage);
// The message with its members filled in, control characters of names made visible.
std::string message_of(const Finding& finding);

}  // namespace daxfs

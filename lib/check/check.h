// SPDX-License-Identifier: GPL-2.0-or-later
// The whole check of an image: recovery, all passes, and the repairs that the mode allows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/check/checker.h"
#include "lib/check/mending.h"
#include "lib/check/report.h"
#include "lib/image/image.h"
#include "lib/tree/volume.h"

namespace daxfs {

enum class CheckMode : std::uint8_t {
    kReport,  // nothing is written; uncommitted transactions are undone in memory
    kPreen,   // recovery, and repairs that cannot lose anything
    kYes,     // every repair that there is
};

// Bytes that a repair would change.
struct PlannedEdit {
    ByteOffset offset;
    std::vector<std::byte> before{};  // empty: they cannot be read
    std::vector<std::byte> after{};
};

// What the repairs would do and leave, found by making them in memory.
struct RepairPlan {
    static constexpr std::size_t kMaxEdits = 4096;

    // What is not better is not written: at most as many as were found.
    std::uint64_t left_by_preen = 0;
    std::uint64_t left_by_yes = 0;
    std::vector<Loss> losses{};        // of kYes
    Reattachments reattached{};        // of kYes
    std::vector<PlannedEdit> edits{};  // of kYes: the first kMaxEdits
    std::uint64_t edit_count = 0;
};

struct CheckOptions {
    CheckMode mode = CheckMode::kReport;
    std::optional<BlockNo> superblock{};  // look there and nowhere else
    std::string undo{};                   // file for the way back, to be made before the first store; empty: none
    bool plan = false;                    // of kReport: also find out what repairs would do
    CheckProgress progress{};
    std::uint64_t longest_list = 0;  // of a repair's redo list, in blocks, for tests; 0: what is free in a row
};

struct CheckResult {
    Volume volume;
    Report report;
    std::uint64_t inodes = 0;
    std::uint64_t directories = 0;
    std::uint64_t skipped_links = 0;
    std::uint64_t skipped_blocks = 0;
    std::uint64_t given_back = 0;  // blocks of inodes that held none
    // After repairs, by a check of everything before it is written: what is left. Without repairs: report.total().
    std::uint64_t remaining = 0;
    std::string repair_error{};  // why nothing, or not all, was written; empty: all was, or nothing for what follows
    bool no_better = false;      // nothing was written: after these repairs there would be as many problems, or more
    std::vector<Loss> losses{};  // what repairs could not save
    Reattachments reattached{};  // what had no name, and has one in lost+found
    std::optional<RepairPlan> plan{};

    bool clean() const { return report.total() == 0; }
};

// Errors: no daxfs filesystem can be found, it needs a newer version, or I/O. For kPreen and kYes the image is open for
// writing.
Result<CheckResult> check_image(Image& image, const CheckOptions& options);

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// The whole check of an image: recovery, all passes, and the repairs that the mode allows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/check/checker.h"
#include "lib/check/report.h"
#include "lib/image/image.h"
#include "lib/tree/volume.h"

namespace daxfs {

enum class CheckMode : std::uint8_t {
    kReport,  // nothing is written; uncommitted transactions are undone in memory
    kPreen,   // recovery, and repairs that cannot lose anything
    kYes,     // every repair that there is
};

struct CheckOptions {
    CheckMode mode = CheckMode::kReport;
    std::optional<BlockNo> superblock{};  // look there and nowhere else
    CheckProgress progress{};
};

struct CheckResult {
    Volume volume;
    Report report;
    std::uint64_t inodes = 0;
    std::uint64_t directories = 0;
    std::uint64_t skipped_links = 0;
    std::uint64_t skipped_blocks = 0;
    std::uint64_t given_back = 0;  // blocks of inodes that held none
    // After repairs, by a second check of everything: what is left. Without repairs: report.total().
    std::uint64_t remaining = 0;
    std::string repair_error{};  // why repairs ended early; empty: they did not

    bool clean() const { return report.total() == 0; }
};

// Errors: no daxfs filesystem can be found, it needs a newer version, or I/O. For kPreen and kYes the image is open for
// writing.
Result<CheckResult> check_image(Image& image, const CheckOptions& options);

}  // namespace daxfs

// SPDX-License-Identifier: GPL-2.0-or-later
// Where the instructions of one operation go: counts by call stack (tests/bench/profile makes them) as a table by
// function and as flame graphs of all filesystems on one scale.
#pragma once

#include <cmath>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "lib/base/result.h"

namespace daxfs::bench {

// One function below one caller. Figures are instructions of a whole batch.
struct CallNode {
    double self = 0, total = 0;
    std::map<std::string, CallNode> callees;  // by name: "daxfs_create [daxfs]", "vfs_open"
};

struct Profile {
    std::string filesystem, operation, kernel;
    double calls = 0;     // of the batch
    double measured = 0;  // instructions a call, by the clock: what `./dev bench` says
    CallNode root;

    double counted() const { return root.total / calls; }
    double apart() const { return counted() / measured - 1; }
    // Counts and clock are within 2 % of each other.
    bool agrees() const { return std::abs(apart()) <= 0.02; }
};

struct FunctionCost {
    std::string name;
    double self = 0, total = 0;  // instructions of the batch; the total counts a recursion once
};

// Lines "OUTER;...;INNER COUNT".
Result<CallNode> parse_folded(const std::string& text);

// `path`: a result of one operation on one filesystem, NAME.json; the stacks of its sample N are in NAME.N.folded
// beside it. What is read is the sample in the middle.
Result<Profile> read_profile(const std::string& path);

// The dearest by itself first.
std::vector<FunctionCost> by_function(const CallNode& root);

std::string profile_markdown(std::span<const Profile> profiles);
// Self-contained. Every flame graph has the scale of the dearest.
std::string profile_html(std::span<const Profile> profiles);

}  // namespace daxfs::bench

// SPDX-License-Identifier: GPL-2.0-or-later
// What a run of the filesystem suite measured, and its JSON form (schema "daxbench-fs", version 1).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/cli/json.h"

namespace daxfs::bench {

// The module's own counts for one operation; only daxfs has them.
struct Persistence {
    double commits = 0;
    double flushed_lines = 0;
    double fences = 0;
    double logged_bytes = 0;
};

// One operation on one filesystem. `samples` are nanoseconds a call, one figure a batch; under QEMU -icount shift=0
// one nanosecond is one instruction.
struct Row {
    std::string operation;
    std::vector<double> samples;
    std::string error;   // why there is no figure
    unsigned calls = 0;  // in a batch
    std::optional<Persistence> persistence;

    double median() const;
    double minimum() const;
    double maximum() const;
};

struct Target {
    std::string name;  // filesystem type
    std::string directory;
    std::vector<Row> rows;
};

struct Suite {
    std::string kernel;
    std::string cpu;
    bool instructions = false;  // figures are instructions
    std::vector<Target> targets;
};

cli::Json to_json(const Suite& suite);
// An error says that it is no result and why: the line that is no JSON, or the member that is missing or of a wrong
// type.
Result<Suite> suite_from_json(const std::string& text);

// Of a regular file alone. Errors name it.
Result<std::string> read_file(const std::string& path);

}  // namespace daxfs::bench

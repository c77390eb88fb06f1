// SPDX-License-Identifier: GPL-2.0-or-later
// Why a fault was not one of 2 MiB, in words, and what to do about it.
#pragma once

#include <span>

#include "bpf/daxtrace.h"

namespace daxfs::trace {

struct Reason {
    daxtrace_reason code;
    const char* key;      // in JSON, stable
    const char* meaning;  // one clause
    const char* remedy;   // one or two sentences, then commands, one a line
    bool fallback;        // a 2 MiB fault was tried and fell back; otherwise none was tried
};

// All of them but NONE, in the order of the report.
[[nodiscard]] std::span<const Reason> reasons();

}  // namespace daxfs::trace

// SPDX-License-Identifier: GPL-2.0-or-later
// What can be traced on this kernel, found out by doing it.
#pragma once

#include <string>
#include <vector>

#include "cmd/daxtrace/summary.h"

namespace daxfs::trace {

struct Diagnosis {
    std::string kernel;
    std::string btf_trouble;         // empty: the kernel has BTF
    std::string permission_trouble;  // empty: this process may trace
    std::vector<ProbeState> probes;
    std::string log;  // what libbpf and the verifier said of those that do not work
};

// Tries every probe, alone.
[[nodiscard]] Diagnosis diagnose();

[[nodiscard]] bool usable(const Diagnosis& diagnosis);
[[nodiscard]] std::string doctor_text(const Diagnosis& diagnosis, bool color);
// Schema "daxfs.daxtrace.doctor", version 1.
[[nodiscard]] std::string doctor_json(const Diagnosis& diagnosis);

}  // namespace daxfs::trace

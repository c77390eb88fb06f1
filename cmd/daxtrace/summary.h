// SPDX-License-Identifier: GPL-2.0-or-later
// What a trace found, free of libbpf: the reports are pure functions of a Summary, and tests make one by hand.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bpf/daxtrace.h"

namespace daxfs::trace {

// A row of the report: what it is called in JSON and for a person.
struct OpName {
    const char* key;
    const char* label;
};
[[nodiscard]] const OpName& op_name(daxtrace_op_id op);

// What the counters of daxtrace_totals by kind and state count, in reports and JSON: the last one "other".
[[nodiscard]] std::string alloc_kind_name(std::size_t kind);
[[nodiscard]] std::string map_state_name(std::size_t state);

struct ProbeState {
    std::string name;  // of the tracepoint
    bool attached = false;
    std::string why;  // not attached: one clause
};

// What one program cost, as the kernel measured it (--cost).
struct ProgramCost {
    std::string probe;
    std::uint64_t runs = 0;
    std::uint64_t total_ns = 0;
};

struct Summary {
    std::string kernel;                // uname -r
    std::vector<std::string> command;  // empty: a span of time was traced
    std::optional<int> exit_status;    // the command's, as a shell shows it
    std::string device;                // what --dev said; empty: all
    std::string processes;             // whose operations these are, in words
    std::uint64_t duration_ns = 0;
    std::vector<ProbeState> probes;
    std::vector<std::string> notes;   // what could not be seen, one line each
    std::uint64_t kernel_missed = 0;  // operations whose program the kernel did not run (it was busy on that CPU)
    daxtrace_totals totals{};
    std::array<daxtrace_op, DAXTRACE_OP_COUNT> ops{};
    std::vector<ProgramCost> cost;

    [[nodiscard]] const daxtrace_op& op(daxtrace_op_id id) const { return ops[id]; }
    [[nodiscard]] std::uint64_t seen() const { return totals.seen + kernel_missed; }
    [[nodiscard]] std::uint64_t dropped() const { return totals.dropped_no_start + kernel_missed; }
    // seen = recorded + dropped. False only if the tracer itself is wrong.
    [[nodiscard]] bool adds_up() const { return seen() == totals.recorded + dropped(); }
    [[nodiscard]] std::uint64_t huge_faults() const;   // 2 MiB faults that mapped a huge page
    [[nodiscard]] std::uint64_t small_faults() const;  // 4 KiB faults, pfn_mkwrite apart
};

// The sums over CPUs.
[[nodiscard]] daxtrace_op sum_op(std::span<const daxtrace_op> per_cpu);
[[nodiscard]] daxtrace_totals sum_totals(std::span<const daxtrace_totals> per_cpu);

// A duration in ns that at least `fraction` of the operations did not exceed: the upper end of a bucket, or the
// longest one if that is less. 0 when there were none.
[[nodiscard]] std::uint64_t quantile_bound(const daxtrace_op& op, double fraction);

}  // namespace daxfs::trace

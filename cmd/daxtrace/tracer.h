// SPDX-License-Identifier: GPL-2.0-or-later
// The live half: loads the BPF programs, attaches what this kernel offers, and reads the per-CPU counters.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cmd/daxtrace/probes.h"
#include "cmd/daxtrace/summary.h"
#include "lib/base/result.h"

namespace daxfs::trace {

struct TraceFilter {
    std::uint32_t kernel_dev = 0;  // 0: all
    std::uint32_t tgid = 0;        // 0: none; in the initial pid namespace
    bool followed_only = false;    // tasks given to follow(), `tgid`, and their later children
};

class Tracer {
  public:
    // Loads and attaches. What cannot be attached is left out and named in probe_states(); an error means that nothing
    // useful is left. Nothing is counted before start().
    static Result<std::unique_ptr<Tracer>> open(const KernelBtf& btf, const TraceFilter& filter, bool measure_cost);
    ~Tracer();
    Tracer(const Tracer&) = delete;
    Tracer& operator=(const Tracer&) = delete;

    [[nodiscard]] const std::vector<ProbeState>& probe_states() const { return states_; }

    Result<void> follow(int pidfd);
    void start();
    // Counts no further, and detaches.
    void stop();

    // After stop(): the counters, the probes and their cost into `summary`.
    Result<void> read(Summary& summary) const;

  private:
    Tracer();

    struct Programs;
    std::unique_ptr<Programs> programs_;
    std::vector<ProbeState> states_;
};

// Loads and attaches this probe alone, for a moment. Empty: it works; otherwise why not, one clause.
[[nodiscard]] std::string try_probe(const KernelBtf& btf, const Probe& probe);

// What libbpf said since the last load began, the verifier's log included; empty if it had nothing to complain of.
[[nodiscard]] std::string take_libbpf_log();

// The line of libbpf's log that says why the verifier refused a program; empty if there is none.
[[nodiscard]] std::string verifier_verdict(const std::string& log);

// One line for each group of probes of which something is missing.
[[nodiscard]] std::vector<std::string> missing_notes(const std::vector<ProbeState>& states);

}  // namespace daxfs::trace

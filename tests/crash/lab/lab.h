// SPDX-License-Identifier: GPL-2.0-or-later
// Goes through a trace case by case, makes the states that a power cut could have left, and judges them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "tests/crash/lab/arena.h"
#include "tests/crash/lab/memory.h"
#include "tests/crash/lab/oracle.h"
#include "tests/crash/lab/promise.h"
#include "tests/crash/lab/states.h"
#include "tests/crash/lab/symbols.h"
#include "tests/crash/lab/trace.h"

namespace daxfs::crash {

// Names one state of one trace, however often it is generated: "CASE.OPERATION.POINT.STATE". A point is a fence, or the
// return of the operation.
struct StateId {
    std::uint32_t case_number = 0, operation = 0, point = 0, state = 0;

    std::string text() const { return fmt::format("{}.{}.{}.{}", case_number, operation, point, state); }
    static std::optional<StateId> parse(const std::string& text);
    bool operator==(const StateId&) const = default;
};

struct Counts {
    std::uint64_t cases = 0, operations = 0, failed_operations = 0;
    std::uint64_t fences = 0;     // points at which something could be lost
    std::uint64_t generated = 0;  // states
    std::uint64_t unique = 0;     // different devices
    std::uint64_t judged = 0;     // different trees after recovery, in one operation
    std::uint64_t violations = 0;
    std::uint64_t failed_cases = 0;   // with at least one
    std::uint64_t skipped_cases = 0;  // for want of time

    void add(const Counts& other);
};

struct Violation {
    StateId id;
    std::string case_name, operation, why;
    std::vector<std::string> lost;  // lines, where the state leaves them behind
};

struct LabOptions {
    StateBudget budget;
    std::uint32_t worker = 0, workers = 1;  // this process judges the cases whose number is `worker` modulo `workers`
    std::uint32_t seconds = 0;              // 0: no limit; else cases that would begin later are skipped
    bool last_operation = false;            // judge only the last operation of each case
    bool first = false;                     // skip all cases behind the first violation
    std::size_t samples = 0;                // keep so many states that need recovery, a fair choice of all
    std::optional<StateId> only;            // judge this state alone, whatever was judged before it
};

class Lab {
  public:
    static Result<Lab> open(const Trace& trace, const LabOptions& options);

    void run();
    const Counts& counts() const { return counts_; }
    const std::vector<Violation>& violations() const { return violations_; }
    // With `only`: leaves that state in FILE as an image.
    Result<void> save(const std::string& path) const;
    // The states of `samples`.
    const std::map<std::uint64_t, std::vector<std::byte>>& samples() const { return samples_; }

  private:
    Lab(const Trace& trace, const LabOptions& options, Arena arena, Arena ahead, Areas areas);

    void mark(std::size_t at);
    void start_case(const Event& event);
    void start_operation(std::size_t at);
    bool is_last_operation(std::size_t done) const;
    void end_operation(const Event& event);
    void half_returned(const Event& event);
    Promise::Reference look(std::string_view expected_hash);
    Promise::Reference look_recovered();
    Promise::Reference reject(std::string why);
    void sample(std::uint64_t device_hash, std::size_t journals);
    void examine();
    void examine_state(const std::vector<Choice>& choices, const State& state);
    bool is_free(std::uint64_t offset, const Rollback& rollback) const;
    std::uint64_t tree_hash(const std::vector<Choice>& choices, const State& state, const Rollback& rollback) const;
    void put(const Choice& choice, const LineBytes& bytes);
    void violate(const std::vector<Choice>& choices, const State& state, std::string why);
    bool may_start();

    const Trace& trace_;
    LabOptions options_;
    Arena arena_;  // what is surely durable
    Arena ahead_;  // with every store so far, and at an operation's begin with those of the operation
    std::size_t ahead_at_ = 0;
    Areas areas_;
    Memory memory_;
    std::uint64_t durable_hash_ = 0, durable_tree_hash_ = 0;  // relative to the start
    Promise promise_;
    Symbols symbols_;

    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
    bool examining_ = false;  // this case
    bool in_operation_ = false;
    bool passing_ = false;  // over the states of this operation
    bool changed_ = false;  // stores since the last point
    std::uint32_t case_number_ = 0;
    std::string case_name_, operation_name_;
    StateId id_;
    std::unordered_set<std::uint64_t> seen_devices_, seen_trees_;
    Counts counts_;
    std::vector<Violation> violations_;  // the first of each operation; all are counted
    std::vector<std::byte> saved_;
    std::map<std::uint64_t, std::vector<std::byte>> samples_;  // by a hash that is as good as random
};

}  // namespace daxfs::crash

// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxtrace/summary.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lib/format/trace_names.h"

namespace daxfs::trace {
namespace {

constexpr std::array<OpName, DAXTRACE_OP_COUNT> kNames{{
#define DAXTRACE_OP_NAME(name, key, label) {key, label},
    DAXTRACE_OPS(DAXTRACE_OP_NAME)
#undef DAXTRACE_OP_NAME
}};

static_assert(sizeof(daxtrace_totals) % sizeof(__u64) == 0);

std::string name_at(std::span<const NamedValue> names, std::size_t index) {
    return std::string(index < names.size() ? names[index].name : kOtherName);
}

}  // namespace

const OpName& op_name(daxtrace_op_id op) {
    return kNames[op];
}

std::string alloc_kind_name(std::size_t kind) {
    return name_at(kAllocKinds, kind);
}

std::string map_state_name(std::size_t state) {
    return name_at(kMapStates, state);
}

std::uint64_t Summary::huge_faults() const {
    return op(DAXTRACE_OP_FAULT_PMD_READ).count + op(DAXTRACE_OP_FAULT_PMD_WRITE).count;
}

std::uint64_t Summary::small_faults() const {
    return op(DAXTRACE_OP_FAULT_PTE_READ).count + op(DAXTRACE_OP_FAULT_PTE_WRITE).count;
}

daxtrace_op sum_op(std::span<const daxtrace_op> per_cpu) {
    daxtrace_op sum{};
    for (const daxtrace_op& one : per_cpu) {
        sum.count += one.count;
        sum.errors += one.errors;
        sum.total_ns += one.total_ns;
        sum.max_ns = std::max(sum.max_ns, one.max_ns);
        sum.bytes += one.bytes;
        sum.allocated += one.allocated;
        for (std::size_t bucket = 0; bucket < DAXTRACE_BUCKETS; ++bucket)
            sum.histogram[bucket] += one.histogram[bucket];
    }
    return sum;
}

daxtrace_totals sum_totals(std::span<const daxtrace_totals> per_cpu) {
    // Every member is a counter of 64 bits.
    std::array<__u64, sizeof(daxtrace_totals) / sizeof(__u64)> sum{};
    for (const daxtrace_totals& one : per_cpu) {
        std::array<__u64, sum.size()> counters;
        std::memcpy(counters.data(), &one, sizeof one);
        std::transform(sum.begin(), sum.end(), counters.begin(), sum.begin(), std::plus<>{});
    }
    daxtrace_totals result;
    std::memcpy(&result, sum.data(), sizeof result);
    return result;
}

std::uint64_t quantile_bound(const daxtrace_op& op, double fraction) {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(op.count)));
    std::uint64_t so_far = 0;
    for (unsigned bucket = 0; bucket < DAXTRACE_BUCKETS; ++bucket) {
        so_far += op.histogram[bucket];
        if (so_far >= wanted && so_far > 0)
            return bucket + 1 == DAXTRACE_BUCKETS
                       ? op.max_ns
                       : std::min<std::uint64_t>(op.max_ns, std::uint64_t{1} << (bucket + 1));
    }
    return op.max_ns;
}

}  // namespace daxfs::trace

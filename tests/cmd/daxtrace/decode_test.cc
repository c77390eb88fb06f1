// SPDX-License-Identifier: GPL-2.0-or-later
// The decisions that the BPF programs take, compiled here for user space.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>

#include "cmd/daxtrace/reasons.h"
#include "cmd/daxtrace/summary.h"
#include "lib/format/trace_names.h"

namespace daxfs::trace {
namespace {

constexpr std::uint64_t kHuge = DAXTRACE_PMD_SIZE;

// A write fault that has everything that 2 MiB need.
daxtrace_pmd_fault good_fault() {
    daxtrace_pmd_fault fault{};
    fault.address = 64 * kHuge + 0x5000;
    fault.pgoff = 2 * DAXTRACE_PMD_PAGES + 5;
    fault.max_pgoff = 8 * DAXTRACE_PMD_PAGES;
    fault.vma_start = 62 * kHuge;
    fault.vma_end = 70 * kHuge;
    fault.map_offset = 2 * kHuge;
    fault.map_length = 6 * kHuge;
    fault.map_device = 100 * kHuge;
    fault.map_state = DAXFS_MAP_WRITTEN;
    fault.write = 1;
    fault.shared = 1;
    fault.asked = 1;
    fault.mapped = 1;
    return fault;
}

TEST(PmdReason, IsOtherWhenNothingKnownIsWrong) {
    const daxtrace_pmd_fault fault = good_fault();
    EXPECT_EQ(daxtrace_pmd_reason(&fault), DAXTRACE_REASON_OTHER);
}

TEST(PmdReason, NamesEachSingleObstacle) {
    const auto with = [](auto change) {
        daxtrace_pmd_fault fault = good_fault();
        change(fault);
        return daxtrace_pmd_reason(&fault);
    };
    using Fault = daxtrace_pmd_fault;
    EXPECT_EQ(with([](Fault& f) { f.address += 0x1000; }), DAXTRACE_REASON_COLOUR);
    EXPECT_EQ(with([](Fault& f) { f.shared = 0; }), DAXTRACE_REASON_PRIVATE_COW);
    EXPECT_EQ(with([](Fault& f) { f.vma_start = 64 * kHuge + 0x1000; }), DAXTRACE_REASON_VMA_START);
    EXPECT_EQ(with([](Fault& f) { f.vma_end = 65 * kHuge - 0x1000; }), DAXTRACE_REASON_VMA_END);
    EXPECT_EQ(with([](Fault& f) { f.max_pgoff = 3 * DAXTRACE_PMD_PAGES - 1; }), DAXTRACE_REASON_EOF);
    EXPECT_EQ(with([](Fault& f) { f.asked = 0; }), DAXTRACE_REASON_PTE_CONFLICT);
    EXPECT_EQ(with([](Fault& f) { f.mapped = 0; }), DAXTRACE_REASON_MAP_ERROR);
    EXPECT_EQ(with([](Fault& f) { f.map_length = kHuge - 1; }), DAXTRACE_REASON_SHORT_EXTENT);
    EXPECT_EQ(with([](Fault& f) { f.map_state = DAXFS_MAP_HOLE; }), DAXTRACE_REASON_HOLE);
    EXPECT_EQ(with([](Fault& f) { f.map_state = DAXFS_MAP_UNWRITTEN; }), DAXTRACE_REASON_HOLE);
    EXPECT_EQ(with([](Fault& f) { f.map_device += 4096; }), DAXTRACE_REASON_PHYS_MISALIGNED);
}

TEST(PmdReason, OfAStateThatNobodyKnowsIsOther) {
    daxtrace_pmd_fault fault = good_fault();
    fault.map_device += 4096;
    fault.map_state = DAXFS_MAP_STATE_COUNT;
    EXPECT_EQ(daxtrace_pmd_reason(&fault), DAXTRACE_REASON_OTHER);
    fault.map_state = 4000000000u;
    EXPECT_EQ(daxtrace_pmd_reason(&fault), DAXTRACE_REASON_OTHER);
}

TEST(PmdReason, FollowsTheKernelsOrderWhenSeveralObstaclesMeet) {
    daxtrace_pmd_fault fault = good_fault();
    fault.shared = 0;
    fault.vma_end = fault.address + 0x1000;
    fault.asked = 0;
    EXPECT_EQ(daxtrace_pmd_reason(&fault), DAXTRACE_REASON_PRIVATE_COW);
    fault.write = 0;
    EXPECT_EQ(daxtrace_pmd_reason(&fault), DAXTRACE_REASON_VMA_END);
}

TEST(PmdReason, CountsOnlyWhatTheExtentHasBehindTheFault) {
    daxtrace_pmd_fault fault = good_fault();
    // 4 KiB too few, counted from the 2 MiB boundary of the fault.
    fault.map_offset = 0;
    fault.map_length = 3 * kHuge - 4096;
    EXPECT_EQ(daxtrace_pmd_reason(&fault), DAXTRACE_REASON_SHORT_EXTENT);
    fault.map_length = 3 * kHuge;
    EXPECT_EQ(daxtrace_pmd_reason(&fault), DAXTRACE_REASON_OTHER);
    // A mapping that starts beyond the fault has nothing for it.
    fault.map_offset = 3 * kHuge;
    EXPECT_EQ(daxtrace_pmd_reason(&fault), DAXTRACE_REASON_SHORT_EXTENT);
}

TEST(DaxfsReason, TellsTheColourFromTheEdgeOfTheMapping) {
    EXPECT_EQ(daxtrace_daxfs_reason(DAXFS_FAULT_VMA, 0x1000, 0x200000), DAXTRACE_REASON_COLOUR);
    EXPECT_EQ(daxtrace_daxfs_reason(DAXFS_FAULT_VMA, 0x1000, 0x201000), DAXTRACE_REASON_VMA_EDGE);
}

TEST(DaxfsReason, HasARowForEveryNumberTheModuleMaySend) {
    std::set<std::uint32_t> seen;
    for (const NamedValue& reason : kFaultReasons)
        if (reason.value != DAXFS_FAULT_NONE)
            seen.insert(daxtrace_daxfs_reason(static_cast<std::uint32_t>(reason.value), 0, 0));
    EXPECT_EQ(seen.size(), kFaultReasons.size() - 1);
    EXPECT_EQ(seen.count(DAXTRACE_REASON_NONE), 0u);
}

// What a newer module or kernel may say, and what no module would.
std::vector<std::uint32_t> unknown_numbers(std::uint32_t first) {
    return {first, first + 1, 255, 256, 0x7fffffff, 0x80000000, 0xffffffff};
}

TEST(Unknown, ReasonsAreOther) {
    for (const std::uint32_t number : unknown_numbers(static_cast<std::uint32_t>(kFaultReasons.size())))
        EXPECT_EQ(daxtrace_daxfs_reason(number, 0, 0), DAXTRACE_REASON_OTHER) << number;
    EXPECT_EQ(daxtrace_daxfs_reason(DAXFS_FAULT_NONE, 0, 0), DAXTRACE_REASON_OTHER);
    daxtrace_totals totals{};
    for (const std::uint32_t number : unknown_numbers(DAXTRACE_REASON_COUNT))
        daxtrace_count_reason(&totals, number);
    daxtrace_count_reason(&totals, DAXTRACE_REASON_NONE);
    EXPECT_EQ(totals.reasons[DAXTRACE_REASON_OTHER], 8u);
    EXPECT_EQ(totals.reasons[DAXTRACE_REASON_NONE], 0u);
}

TEST(Unknown, IomapTypesAreNoStateOfOurs) {
    EXPECT_EQ(daxtrace_iomap_state(0), DAXFS_MAP_HOLE);
    EXPECT_EQ(daxtrace_iomap_state(2), DAXFS_MAP_WRITTEN);
    EXPECT_EQ(daxtrace_iomap_state(3), DAXFS_MAP_UNWRITTEN);
    for (const std::uint32_t type : {1u, 4u, 5u, 0xffffu})
        EXPECT_GE(daxtrace_iomap_state(type), static_cast<std::uint32_t>(DAXFS_MAP_STATE_COUNT)) << type;
}

// Nothing else in the counters is touched, and each event is counted once: in its own place, or as other.
RC_GTEST_PROP(Unknown, KindsAndStatesAreCountedAsOther, (std::vector<std::uint32_t> numbers)) {
    daxtrace_totals totals{};
    daxtrace_totals expected{};
    for (std::uint32_t number : numbers) {
        number >>= number % 32;  // small ones too
        daxtrace_count_alloc(&totals, number, 7);
        daxtrace_count_map(&totals, number);
        const std::size_t kind = std::min<std::size_t>(number, kAllocKinds.size());
        expected.alloc_calls[kind] += 1;
        expected.alloc_blocks[kind] += 7;
        expected.map_states[std::min<std::size_t>(number, kMapStates.size())] += 1;
    }
    RC_ASSERT(std::memcmp(&totals, &expected, sizeof totals) == 0);
}

std::uint32_t row(std::uint32_t order, std::uint32_t result, bool write, bool mkwrite = false, bool again = false) {
    const daxtrace_fault fault{.order = order, .result = result, .write = write, .mkwrite = mkwrite, .again = again};
    return daxtrace_fault_op(&fault);
}

TEST(FaultRow, IsThatOfSizeAndDirection) {
    constexpr std::uint32_t kNoPage = 0x100;
    EXPECT_EQ(row(9, kNoPage, false), DAXTRACE_OP_FAULT_PMD_READ);
    EXPECT_EQ(row(9, kNoPage, true), DAXTRACE_OP_FAULT_PMD_WRITE);
    EXPECT_EQ(row(9, DAXTRACE_FAULT_NEEDDSYNC, true), DAXTRACE_OP_FAULT_PMD_WRITE);
    EXPECT_EQ(row(0, kNoPage, false), DAXTRACE_OP_FAULT_PTE_READ);
    EXPECT_EQ(row(0, kNoPage, true), DAXTRACE_OP_FAULT_PTE_WRITE);
    EXPECT_EQ(row(0, kNoPage, true, true), DAXTRACE_OP_FAULT_MKWRITE);
}

TEST(FaultRow, TakesAnErrorFirst) {
    constexpr std::uint32_t kSigbus = 2;
    EXPECT_EQ(row(9, kSigbus | DAXTRACE_FAULT_FALLBACK, true), DAXTRACE_OP_FAULT_ERROR);
    EXPECT_EQ(row(0, kSigbus, true, true), DAXTRACE_OP_FAULT_ERROR);
}

TEST(FaultRow, DoesNotCountAFallbackThatTheKernelTriesAgain) {
    EXPECT_EQ(row(9, DAXTRACE_FAULT_FALLBACK, false), DAXTRACE_OP_FAULT_PMD_FALLBACK);
    EXPECT_EQ(row(9, 0, false), DAXTRACE_OP_FAULT_PMD_FALLBACK);
    EXPECT_EQ(row(9, DAXTRACE_FAULT_FALLBACK, false, false, true), DAXTRACE_OP_FAULT_PMD_AGAIN);
}

TEST(FaultRow, IsOtherForASizeOrAResultThatNobodyKnows) {
    constexpr std::uint32_t kNoPage = 0x100;
    constexpr std::uint32_t kRetry = 0x400;
    constexpr std::uint32_t kNew = 0x100000;
    EXPECT_EQ(row(18, kNoPage, true), DAXTRACE_OP_FAULT_OTHER);
    EXPECT_EQ(row(18, DAXTRACE_FAULT_FALLBACK, true), DAXTRACE_OP_FAULT_OTHER);
    EXPECT_EQ(row(0xffffffff, kNoPage, true), DAXTRACE_OP_FAULT_OTHER);
    for (const std::uint32_t order : {0u, 9u})
        for (const std::uint32_t result : {kRetry, kNew})
            EXPECT_EQ(row(order, result, false), DAXTRACE_OP_FAULT_OTHER) << order << ' ' << result;
    EXPECT_EQ(row(0, 0, false), DAXTRACE_OP_FAULT_OTHER);
    EXPECT_EQ(row(0, kNoPage | kNew, false), DAXTRACE_OP_FAULT_PTE_READ);
}

TEST(MapRow, FollowsTheIomapFlags) {
    EXPECT_EQ(daxtrace_map_op(0x100), DAXTRACE_OP_MAP_READ);
    EXPECT_EQ(daxtrace_map_op(0x101), DAXTRACE_OP_MAP_WRITE);
    EXPECT_EQ(daxtrace_map_op(0x108), DAXTRACE_OP_MAP_FAULT_READ);
    EXPECT_EQ(daxtrace_map_op(0x109), DAXTRACE_OP_MAP_FAULT_WRITE);
    EXPECT_EQ(daxtrace_map_op(0x103), DAXTRACE_OP_MAP_OTHER);
    EXPECT_EQ(daxtrace_map_op(0x104), DAXTRACE_OP_MAP_OTHER);
    EXPECT_EQ(daxtrace_map_op(0x181), DAXTRACE_OP_MAP_OTHER);
}

RC_GTEST_PROP(Bucket, HoldsItsDuration, (std::uint64_t ns)) {
    const std::uint32_t bucket = daxtrace_bucket(ns);
    RC_ASSERT(bucket < DAXTRACE_BUCKETS);
    RC_ASSERT(bucket == 0 || ns >= std::uint64_t{1} << bucket);
    RC_ASSERT(bucket + 1 == DAXTRACE_BUCKETS || ns < std::uint64_t{1} << (bucket + 1));
}

TEST(Bucket, IsRightAtEveryPowerOfTwo) {
    EXPECT_EQ(daxtrace_bucket(0), 0u);
    for (std::uint32_t power = 1; power < 64; ++power) {
        const std::uint64_t ns = std::uint64_t{1} << power;
        EXPECT_EQ(daxtrace_bucket(ns), std::min<std::uint32_t>(power, DAXTRACE_BUCKETS - 1)) << power;
        EXPECT_EQ(daxtrace_bucket(ns - 1), std::min<std::uint32_t>(power - 1, DAXTRACE_BUCKETS - 1)) << power;
    }
}

TEST(Reasons, EachHasItsOwnKeyAndARemedy) {
    std::set<std::string> keys;
    for (const Reason& reason : reasons()) {
        keys.insert(reason.key);
        EXPECT_GT(std::string(reason.remedy).size(), 20u) << reason.key;
    }
    EXPECT_EQ(keys.size(), reasons().size());
}

TEST(Sums, AddEveryCpuAndKeepTheLongest) {
    std::vector<daxtrace_op> ops(3);
    ops[0].count = 2;
    ops[0].max_ns = 50;
    ops[2].count = 5;
    ops[2].max_ns = 70;
    ops[2].histogram[6] = 5;
    const daxtrace_op op = sum_op(ops);
    EXPECT_EQ(op.count, 7u);
    EXPECT_EQ(op.max_ns, 70u);
    EXPECT_EQ(op.histogram[6], 5u);

    std::vector<daxtrace_totals> totals(2);
    totals[0].seen = 1;
    totals[1].seen = 4;
    totals[1].reasons[DAXTRACE_REASON_PTE_TABLE] = 9;
    EXPECT_EQ(sum_totals(totals).seen, 5u);
    EXPECT_EQ(sum_totals(totals).reasons[DAXTRACE_REASON_PTE_TABLE], 9u);
}

TEST(Quantile, IsTheEndOfTheBucketButNeverBeyondTheLongest) {
    daxtrace_op op{};
    EXPECT_EQ(quantile_bound(op, 0.5), 0u);
    op.count = 100;
    op.histogram[10] = 98;
    op.histogram[20] = 2;
    op.max_ns = 1500000;
    EXPECT_EQ(quantile_bound(op, 0.5), 2048u);
    EXPECT_EQ(quantile_bound(op, 0.99), 1500000u);
}

}  // namespace
}  // namespace daxfs::trace

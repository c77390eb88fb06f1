// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/scale/model/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/scale/model/locks.h"
#include "tests/scale/model/recording.h"
#include "tests/scale/model/report.h"

namespace daxfs::scale {
namespace {

constexpr Costs kFree{.line = 0, .fence = 0};

// Each task does the same operation.
Trace trace_of(unsigned tasks, std::uint32_t instructions, std::vector<Event> events, std::vector<Resource> resources) {
    Trace trace;
    trace.resources = std::move(resources);
    const Operation operation{.instructions = instructions, .events = std::move(events)};
    trace.tasks.assign(tasks, Task{.operations = {operation}});
    return trace;
}

double speed(const Trace& trace, unsigned processors, const Costs& costs) {
    const unsigned counts[] = {1, processors};
    return curve(trace, counts, costs).back().speed;
}

TEST(Replay, WhatSharesNothingIsAsFastAsThereAreProcessors) {
    EXPECT_NEAR(speed(trace_of(64, 1000, {}, {}), 64, Costs{}), 64, 0.7);
}

TEST(Replay, ALockHeldForAQuarterOfTheTimeLetsFourThrough) {
    const Trace trace = trace_of(16, 1000, {{100, Step::kLock, 0}, {350, Step::kUnlock, 0}}, {{true, "the lock"}});
    EXPECT_NEAR(speed(trace, 2, kFree), 2, 0.1);
    EXPECT_NEAR(speed(trace, 4, kFree), 4, 0.2);
    const Point many = replay(trace, 16, kFree);
    EXPECT_NEAR(many.speed, 4, 0.1);
    ASSERT_EQ(many.losses.size(), 1U);
    EXPECT_EQ(many.losses[0].name, "the lock");
    EXPECT_NEAR(many.losses[0].share, 0.75, 0.02);
}

TEST(Replay, ReadersDoNotWaitForEachOtherButForAWriter) {
    const std::vector<Resource> lock = {{true, "semaphore"}};
    EXPECT_NEAR(speed(trace_of(8, 1000, {{0, Step::kLockShared, 0}, {1000, Step::kUnlock, 0}}, lock), 8, kFree), 8,
                0.2);
    EXPECT_NEAR(speed(trace_of(8, 1000, {{0, Step::kLock, 0}, {1000, Step::kUnlock, 0}}, lock), 8, kFree), 1, 0.1);
    const std::vector<Event> downgraded = {{0, Step::kLock, 0}, {500, Step::kDowngrade, 0}, {1000, Step::kUnlock, 0}};
    EXPECT_LT(speed(trace_of(8, 1000, downgraded, lock), 8, kFree), 1.5);
}

TEST(Replay, FencesInsideALockCount) {
    const Trace trace =
        trace_of(8, 1000, {{0, Step::kLock, 0}, {50, Step::kFence, 0}, {100, Step::kUnlock, 0}}, {{true, "lock"}});
    EXPECT_NEAR(speed(trace, 8, kFree), 8, 0.3);
    // 1,100 of 2,000 are inside.
    EXPECT_NEAR(speed(trace, 8, Costs{.line = 0, .fence = 1000}), 2000.0 / 1100, 0.05);
}

TEST(Replay, ALineThatAllWriteIsHandedOn) {
    const Trace trace = trace_of(16, 1000, {{500, Step::kWrite, 0}}, {{false, "counter"}});
    EXPECT_NEAR(speed(trace, 1, Costs{}), 1, 0.01);
    EXPECT_NEAR(speed(trace, 2, Costs{.line = 250, .fence = 0}), 2 / 1.25, 0.05);
    EXPECT_NEAR(speed(trace, 16, Costs{.line = 250, .fence = 0}), 4, 0.1);
}

TEST(Replay, ALineThatIsOnlyReadCostsNothingOnceItIsThere) {
    EXPECT_NEAR(speed(trace_of(16, 1000, {{500, Step::kRead, 0}}, {{false, "flags"}}), 16, Costs{}), 16, 0.4);
}

TEST(Replay, AnUnlockThatIsMissingStopsNobody) {
    const Trace trace = trace_of(4, 1000, {{900, Step::kLock, 0}}, {{true, "tried"}});
    EXPECT_GT(speed(trace, 4, kFree), 3.5);
}

TEST(Replay, WhoOnlyTriesForALockDoesNotWait) {
    const Trace trace = trace_of(8, 1000, {{0, Step::kTryLock, 0}, {1000, Step::kUnlock, 0}}, {{true, "tried"}});
    EXPECT_NEAR(speed(trace, 8, kFree), 8, 0.2);
}

TEST(Replay, ACircleOfLocksIsSeen) {
    Trace trace = trace_of(
        2, 1000, {{0, Step::kLock, 0}, {900, Step::kLock, 1}, {950, Step::kUnlock, 1}, {960, Step::kUnlock, 0}},
        {{true, "a"}, {true, "b"}});
    EXPECT_FALSE(replay(trace, 2, kFree).stuck);
    auto& events = trace.tasks[1].operations[0].events;
    std::swap(events[0].resource, events[1].resource);
    EXPECT_TRUE(replay(trace, 2, kFree).stuck);
}

TEST(Replay, InterruptedOperationsAreLeftOutAndSleepersRefused) {
    Trace trace = trace_of(2, 1000, {}, {});
    EXPECT_EQ(unusable(trace), "");
    trace.tasks[0].operations[0].slept = trace.tasks[1].operations[0].slept = true;
    EXPECT_EQ(unusable(trace), "waits for another task");
    trace.tasks[1].operations[0].interrupted = true;
    EXPECT_EQ(unusable(trace), "other work comes in between each time");
    trace.tasks[1].operations.push_back({.instructions = 5000});
    trace.tasks[1].operations.push_back({.instructions = 5000});
    EXPECT_EQ(instructions_alone(trace), 5000U);
}

TEST(Report, SaysWhatLimitsAndWhatIsNotKnown) {
    const unsigned counts[] = {1, 2, 4};
    const std::vector<Resource> lock = {{true, "rename_lock (d_move)"}};
    Curve known = curve_of(trace_of(4, 1000, {{0, Step::kLock, 0}, {1000, Step::kUnlock, 0}}, lock), counts, kFree);
    known.filesystem = "daxfs";
    Trace sleepers = trace_of(4, 500, {}, {});
    for (Task& task : sleepers.tasks)
        task.operations[0].slept = true;
    Curve unknown = curve_of(sleepers, counts, kFree);
    unknown.filesystem = "ext4";
    known.operation = unknown.operation = "rename";
    known.own_directories = unknown.own_directories = true;
    const std::string text = markdown_of({known, unknown}, kFree);
    EXPECT_THAT(text,
                testing::HasSubstr("| rename | daxfs | 1000 | 1.0 | 1.0 | lock of `rename_lock (d_move)` 74 % |"));
    EXPECT_THAT(text, testing::HasSubstr("| rename | ext4 | 500 | - | - | waits for another task |"));
    EXPECT_THAT(json_of({known, unknown}, kFree), testing::HasSubstr("\"schema\": \"daxfs-scale\""));
    known.points[2].stuck = true;
    EXPECT_THAT(markdown_of({known}, kFree), testing::HasSubstr("| 1.0 | - | from 4 on tries for locks fail"));
}

TEST(Trace, IsReadAsItWasWritten) {
    Trace trace = trace_of(2, 70, {{1, Step::kLock, 0}, {2, Step::kFence, 0}, {70, Step::kUnlock, 0}},
                           {{true, "mutex of daxfs_tx_ready [daxfs]"}, {false, "jiffies"}});
    trace.tasks[1].operations[0].slept = true;
    std::stringstream text;
    write_trace(trace, text);
    Trace read;
    std::string error;
    ASSERT_TRUE(read_trace(text, read, error)) << error;
    std::ostringstream again;
    write_trace(read, again);
    EXPECT_EQ(again.str(), text.str());
    EXPECT_TRUE(read.tasks[1].operations[0].slept);
    EXPECT_EQ(read.resources[0].name, "mutex of daxfs_tx_ready [daxfs]");
}

TEST(Trace, NonsenseIsNamed) {
    Trace trace;
    std::string error;
    std::istringstream other("something else\n"), event("daxfs-scale 1\ntask 0\noperation 5 0\nr 3 0\n"),
        late("daxfs-scale 1\nline a\ntask 0\noperation 5 0\nr 9 0\n");
    EXPECT_FALSE(read_trace(other, trace, error));
    EXPECT_EQ(error, "is no trace of operations");
    EXPECT_FALSE(read_trace(event, trace, error));
    EXPECT_EQ(error, "line 4: r 3 0");
    EXPECT_FALSE(read_trace(late, trace, error));
}

TEST(Recording, KeepsWhatTwoTasksTouchAndOneWrites) {
    const std::string a = "daxfs_tx_ready [daxfs]", b = "inode_sb_list_add";
    Recording recording;
    for (unsigned task = 0; task < 2; ++task) {
        recording.begin_task(task);
        recording.begin_operation();
        recording.access(1, 0xffff'0000 + task * 64, true, a);  // a line each
        recording.access(2, 0xffff'1000, false, a);             // read by both
        recording.access(3, 0xffff'2000 + task * 8, true, b);   // one line
        recording.access(9, 0xffff'2000 + task * 8, true, b);   // together with that
        recording.lock(10, Step::kLock, 0xffff'3000 + task * 4, a);
        recording.lock(11, Step::kLock, 0xffff'4000, b);
        recording.fence(12);
        recording.lock(13, Step::kUnlock, 0xffff'4000, b);
        recording.end_operation(20, false, false);
    }
    const Trace trace =
        recording.shared([](std::uint64_t address) { return address == 0xffff'4000 ? "the_lock" : ""; });
    ASSERT_EQ(trace.resources.size(), 2U);
    EXPECT_EQ(trace.resources[0].name, b);
    EXPECT_FALSE(trace.resources[0].is_lock);
    EXPECT_EQ(trace.resources[1].name, "the_lock (" + b + ")");
    ASSERT_EQ(trace.tasks.size(), 2U);
    std::vector<std::uint32_t> times;
    for (const Event& event : trace.tasks[1].operations[0].events)
        times.push_back(event.time);
    EXPECT_THAT(times, testing::ElementsAre(3, 11, 12, 13));
}

TEST(Recording, WhatIsAProcessorsOwnIsSharedByNobody) {
    const std::string who = "get_tx [daxfs]";
    Recording recording;
    for (const unsigned processor : {0, 1, 0, 1}) {
        recording.begin_task(processor);
        recording.begin_operation();
        recording.access(1, 0xffff'0000 + processor * 64, true, who);
        recording.end_operation(20, false, false);
    }
    EXPECT_TRUE(recording.shared([](std::uint64_t) { return ""; }).resources.empty());
}

TEST(Locks, AreKnownByNameWithAnyEnding) {
    EXPECT_EQ(lock_step("mutex_lock"), Step::kLock);
    EXPECT_EQ(lock_step("_raw_spin_lock_irqsave"), Step::kLock);
    EXPECT_EQ(lock_step("_raw_spin_unlock_irqrestore"), Step::kUnlock);
    EXPECT_EQ(lock_step("down_read_killable"), Step::kLockShared);
    EXPECT_EQ(lock_step("up_write"), Step::kUnlock);
    EXPECT_EQ(lock_step("downgrade_write"), Step::kDowngrade);
    EXPECT_EQ(lock_step("down"), Step::kLock);
    EXPECT_EQ(lock_step("down_trylock"), Step::kTryLock);
    EXPECT_EQ(lock_step("down_read_trylock"), Step::kTryLockShared);
    for (const char* other : {"mutex_is_locked", "update_time", "down_read_non_owner", "upgrade", "vfs_open"})
        EXPECT_EQ(lock_step(other), std::nullopt) << other;
    EXPECT_TRUE(works_for_caller("lockref_get"));
    EXPECT_TRUE(works_for_caller("__percpu_counter_sum"));
    EXPECT_FALSE(works_for_caller("daxfs_create"));
}

}  // namespace
}  // namespace daxfs::scale

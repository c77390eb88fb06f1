// SPDX-License-Identifier: GPL-2.0-or-later
// Replays the operations of a trace on many processors at once, which share what the trace says and nothing else.
//
// Time is instructions. Beside them a processor waits for
//	a lock		until whoever has it unlocks it; first come, first served. Who only tries goes on without it
//	a line		that another processor wrote last, or that others have and it writes: Costs::line, one transfer
// at a time 	a fence		behind flushed lines: Costs::fence
// That is all: to sleep and to be woken costs nothing, nor do misses of the cache that one processor alone would have.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/scale/model/trace.h"

namespace daxfs::scale {

struct Costs {
    std::uint32_t line = 200;    // about 60 ns at 3.3 GHz and an instruction a cycle
    std::uint32_t fence = 1000;  // about 300 ns: the write queue of the memory has the lines
};

struct Loss {
    std::string name;
    bool is_lock = false;
    double share = 0;  // of all processors' time
};

struct Point {
    unsigned processors = 0;
    double speed = 0;          // operations in a time, relative to one processor
    bool stuck = false;        // all wait for each other: the speed says nothing
    std::vector<Loss> losses;  // the dearest first
};

// What keeps a trace from being replayed; empty: nothing. Needs one operation of each task that nothing interrupted.
std::string unusable(const Trace& trace);

// Instructions of an operation, fences not counted; the median over all tasks.
std::uint32_t instructions_alone(const Trace& trace);

// The first task's operations on processor 0, and so on. The same arguments give the same figures.
Point replay(const Trace& trace, unsigned processors, const Costs& costs);

// Speeds are relative to the first of `processors`, which is 1.
std::vector<Point> curve(const Trace& trace, std::span<const unsigned> processors, const Costs& costs);

}  // namespace daxfs::scale

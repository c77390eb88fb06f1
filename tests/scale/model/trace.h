// SPDX-License-Identifier: GPL-2.0-or-later
// What operations on many processors would share: locks, cache lines that somebody writes, and the fences they wait
// for. The recorder writes it (plugin.cc), the replay reads it. A trace is of one operation, which many tasks did one
// after the other, each on a processor of its own, several times.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace daxfs::scale {

enum class Step : std::uint8_t {
    kRead,
    kWrite,
    kLock,
    kLockShared,
    kTryLock,
    kTryLockShared,
    kUnlock,
    kDowngrade,
    kFence
};

struct Event {
    std::uint32_t time = 0;  // instructions since the operation began
    Step step = Step::kRead;
    std::uint32_t resource = 0;  // index into Trace::resources; of a fence nothing
};

struct Operation {
    std::uint32_t instructions = 0;
    bool interrupted = false;  // something else ran in between
    bool slept = false;        // the task waited for another one
    std::vector<Event> events;
};

struct Task {
    unsigned processor = 0;  // that it was recorded on
    std::vector<Operation> operations;
};

struct Resource {
    bool is_lock = false;  // else a line
    std::string name;
};

struct Trace {
    std::vector<Resource> resources;
    std::vector<Task> tasks;
};

void write_trace(const Trace& trace, std::ostream& out);
// False: the text is no trace; `error` says where.
bool read_trace(std::istream& in, Trace& trace, std::string& error);

}  // namespace daxfs::scale

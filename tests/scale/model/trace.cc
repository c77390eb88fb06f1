// SPDX-License-Identifier: GPL-2.0-or-later
// The form of a trace: lines of words. "lock NAME" and "line NAME" number the resources from 0, "task PROCESSOR" begins
// a task, "operation INSTRUCTIONS FLAGS" an operation of it, and "LETTER TIME RESOURCE" is an event of that.
#include "tests/scale/model/trace.h"

#include <istream>
#include <ostream>
#include <sstream>
#include <string_view>

namespace daxfs::scale {
namespace {

constexpr std::string_view kHead = "daxfs-scale 1";
constexpr std::string_view kLetters = "rwxstTudf";  // by Step
constexpr unsigned kInterrupted = 1, kSlept = 2;

bool read_event(char letter, std::istream& words, Trace& trace) {
    const std::size_t step = kLetters.find(letter);
    Event event;
    if (step == std::string_view::npos || trace.tasks.empty() || trace.tasks.back().operations.empty() ||
        !(words >> event.time >> event.resource))
        return false;
    event.step = static_cast<Step>(step);
    Operation& operation = trace.tasks.back().operations.back();
    const bool in_order = operation.events.empty() || operation.events.back().time <= event.time;
    operation.events.push_back(event);
    return in_order && event.time <= operation.instructions &&
           (event.step == Step::kFence || event.resource < trace.resources.size());
}

bool read_line(const std::string& line, Trace& trace) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word == "lock" || word == "line") {
        std::string name;
        std::getline(words >> std::ws, name);
        trace.resources.push_back({word == "lock", name});
        return !name.empty();
    }
    if (word == "task") {
        return static_cast<bool>(words >> trace.tasks.emplace_back().processor);
    }
    if (word == "operation") {
        Operation operation;
        unsigned flags = 0;
        if (trace.tasks.empty() || !(words >> operation.instructions >> flags))
            return false;
        operation.interrupted = (flags & kInterrupted) != 0;
        operation.slept = (flags & kSlept) != 0;
        trace.tasks.back().operations.push_back(operation);
        return true;
    }
    return word.size() == 1 && read_event(word[0], words, trace);
}

}  // namespace

void write_trace(const Trace& trace, std::ostream& out) {
    out << kHead << '\n';
    for (const Resource& resource : trace.resources)
        out << (resource.is_lock ? "lock " : "line ") << resource.name << '\n';
    for (const Task& task : trace.tasks) {
        out << "task " << task.processor << '\n';
        for (const Operation& operation : task.operations) {
            out << "operation " << operation.instructions << ' '
                << (operation.interrupted ? kInterrupted : 0) + (operation.slept ? kSlept : 0) << '\n';
            for (const Event& event : operation.events)
                out << kLetters[static_cast<std::size_t>(event.step)] << ' ' << event.time << ' ' << event.resource
                    << '\n';
        }
    }
}

bool read_trace(std::istream& in, Trace& trace, std::string& error) {
    std::string line;
    trace = Trace{};
    if (!std::getline(in, line) || line != kHead) {
        error = "is no trace of operations";
        return false;
    }
    for (unsigned number = 2; std::getline(in, line); ++number) {
        if (read_line(line, trace))
            continue;
        error = "line " + std::to_string(number) + ": " + line;
        return false;
    }
    return true;
}

}  // namespace daxfs::scale

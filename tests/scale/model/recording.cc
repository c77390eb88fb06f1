// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/scale/model/recording.h"

namespace daxfs::scale {
namespace {

bool is_access(Step step) {
    return step == Step::kRead || step == Step::kWrite;
}

}  // namespace

void Recording::begin_task(unsigned processor) {
    tasks_.push_back({processor, {}});
}

void Recording::begin_operation() {
    tasks_.back().batches.emplace_back();
    last_[0].clear();
    last_[1].clear();
}

bool Recording::is_together(std::uint32_t time, std::uint64_t line, bool store) {
    const auto [known, is_new] = last_[store].try_emplace(line, time);
    if (!is_new && time - known->second < kTogether)
        return true;
    known->second = time;
    return false;
}

void Recording::access(std::uint32_t time, std::uint64_t address, bool store, const std::string& who) {
    if (!is_together(time, address / kLineBytes, store))
        tasks_.back().batches.back().seen.push_back({store ? Step::kWrite : Step::kRead, time, address, &who});
}

void Recording::lock(std::uint32_t time, Step step, std::uint64_t address, const std::string& who) {
    tasks_.back().batches.back().seen.push_back({step, time, address, &who});
}

void Recording::fence(std::uint32_t time) {
    tasks_.back().batches.back().seen.push_back({Step::kFence, time, 0, nullptr});
}

void Recording::end_operation(std::uint32_t instructions, bool interrupted, bool slept) {
    Batch& batch = tasks_.back().batches.back();
    batch.instructions = instructions;
    batch.interrupted = interrupted;
    batch.slept = slept;
}

// Kernel addresses have the top bit: lines, which are numbers of 58 bits, do not.
std::uint64_t Recording::key_of(const Seen& seen) {
    return is_access(seen.step) ? seen.address / kLineBytes : seen.address;
}

Recording::Table Recording::find_shared() const {
    Table table;
    for (const Recorded& task : tasks_)
        for (const Batch& batch : task.batches)
            for (const Seen& seen : batch.seen) {
                // What came in between is none of the operation's.
                if (seen.step == Step::kFence || batch.interrupted)
                    continue;
                const auto [entry, is_new] = table.try_emplace(key_of(seen));
                Sharing& sharing = entry->second;
                if (is_new)
                    sharing = {.processor = task.processor, .address = seen.address, .who = seen.who};
                sharing.shared |= sharing.processor != task.processor;
                // Named after who writes: that is why it is shared.
                if (seen.step != Step::kRead && !sharing.written) {
                    sharing.written = true;
                    sharing.address = seen.address;
                    sharing.who = seen.who;
                }
            }
    return table;
}

Trace Recording::shared(const std::function<std::string(std::uint64_t)>& symbol) const {
    Table table = find_shared();
    Trace trace;
    for (const Recorded& recorded : tasks_) {
        Task& task = trace.tasks.emplace_back();
        task.processor = recorded.processor;
        for (const Batch& batch : recorded.batches) {
            Operation& operation = task.operations.emplace_back();
            operation.instructions = batch.instructions;
            operation.interrupted = batch.interrupted;
            operation.slept = batch.slept;
            if (batch.interrupted)
                continue;
            for (const Seen& seen : batch.seen) {
                if (seen.step == Step::kFence) {
                    operation.events.push_back({seen.time, seen.step, 0});
                    continue;
                }
                Sharing& sharing = table.at(key_of(seen));
                if (!sharing.shared || !sharing.written)
                    continue;
                if (sharing.index == 0) {
                    const std::string data = symbol(sharing.address);
                    trace.resources.push_back(
                        {!is_access(seen.step), data.empty() ? *sharing.who : data + " (" + *sharing.who + ")"});
                    sharing.index = static_cast<std::uint32_t>(trace.resources.size());
                }
                operation.events.push_back({seen.time, seen.step, sharing.index - 1});
            }
        }
    }
    return trace;
}

}  // namespace daxfs::scale

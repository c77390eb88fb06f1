// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/scale/model/replay.h"

#include <algorithm>
#include <deque>
#include <map>
#include <queue>

namespace daxfs::scale {
namespace {

constexpr std::uint64_t kRounds = 200;  // operations that a processor alone would do in the time that is replayed

using Time = std::uint64_t;

struct Line {
    std::uint64_t copies = 0;  // a bit a processor that has it
    bool written = false;      // by the only one
    Time free_at = 0;          // the last transfer has ended
};

struct Waiter {
    unsigned processor;
    bool shared;
    Time since;
};

struct Lock {
    int owner = -1;
    unsigned readers = 0;
    std::deque<Waiter> queue;
};

struct Held {
    std::uint32_t lock;
    bool shared;
    unsigned depth;
};

struct Processor {
    std::vector<const Operation*> operations;
    std::size_t operation = 0, event = 0;
    Time begun = 0;  // of the operation, moved by all that it waited for
    std::vector<Held> held;
    std::uint64_t done = 0;
};

class Machine {
  public:
    Machine(const Trace& trace, unsigned processors, const Costs& costs)
        : costs_(costs),
          processors_(processors),
          lines_(trace.resources.size()),
          locks_(trace.resources.size()),
          lost_(trace.resources.size()) {
        for (unsigned i = 0; i < processors; ++i)
            for (const Operation& operation : trace.tasks[i].operations)
                if (!operation.interrupted)
                    processors_[i].operations.push_back(&operation);
    }

    // Operations that are done at the end, in parts too.
    double run(Time end, Time stagger) {
        for (unsigned i = 0; i < processors_.size(); ++i) {
            processors_[i].begun = i * stagger;
            plan(i);
        }
        while (!turns_.empty() && turns_.top().first < end) {
            const unsigned processor = turns_.top().second;
            const Time now = turns_.top().first;
            turns_.pop();
            step(processor, now);
        }
        double done = 0;
        for (const Processor& each : processors_)
            done += static_cast<double>(each.done);
        return done;
    }

    // Nobody had anything to do before the end.
    bool is_stuck() const { return turns_.empty(); }

    const std::vector<Time>& lost() const { return lost_; }

  private:
    const Operation& operation_of(const Processor& processor) const {
        return *processor.operations[processor.operation];
    }

    // Its next event, or the end of its operation.
    void plan(unsigned number) {
        const Processor& processor = processors_[number];
        const Operation& operation = operation_of(processor);
        const bool over = processor.event == operation.events.size();
        turns_.emplace(processor.begun + (over ? operation.instructions : operation.events[processor.event].time),
                       number);
    }

    void step(unsigned number, Time now) {
        Processor& processor = processors_[number];
        const Operation& operation = operation_of(processor);
        if (processor.event == operation.events.size()) {
            end_operation(number, now);
            return;
        }
        const Event& event = operation.events[processor.event++];
        switch (event.step) {
            case Step::kRead:
            case Step::kWrite:
                delay(number, event.resource, transfer(number, event, now));
                break;
            case Step::kFence:
                processor.begun += costs_.fence;
                break;
            case Step::kLock:
            case Step::kLockShared:
                if (!lock(number, event.resource, event.step == Step::kLockShared, now))
                    return;  // it goes on when the lock is its own
                break;
            case Step::kTryLock:
            case Step::kTryLockShared:
                try_lock(number, event.resource, event.step == Step::kTryLockShared);
                break;
            case Step::kUnlock:
                unlock(number, event.resource, now);
                break;
            case Step::kDowngrade:
                downgrade(number, event.resource, now);
                break;
        }
        plan(number);
    }

    void end_operation(unsigned number, Time now) {
        Processor& processor = processors_[number];
        // An unlock that was not seen: nobody is to wait for ever.
        while (!processor.held.empty()) {
            processor.held.back().depth = 1;
            unlock(number, processor.held.back().lock, now);
        }
        ++processor.done;
        processor.begun = now;
        processor.event = 0;
        processor.operation = (processor.operation + 1) % processor.operations.size();
        plan(number);
    }

    void delay(unsigned number, std::uint32_t resource, Time waited) {
        processors_[number].begun += waited;
        lost_[resource] += waited;
    }

    // How long until the line is here.
    Time transfer(unsigned number, const Event& event, Time now) {
        Line& line = lines_[event.resource];
        const std::uint64_t own = std::uint64_t{1} << number;
        const bool store = event.step == Step::kWrite;
        const bool here = store ? line.copies == own : (line.copies & own) != 0;
        const bool first = line.copies == 0;
        line.copies = store ? own : line.copies | own;
        if (here || first)
            return 0;
        line.free_at = std::max(now, line.free_at) + costs_.line;
        return line.free_at - now;
    }

    // ---- locks ----

    Held* held_by(unsigned number, std::uint32_t resource) {
        auto& held = processors_[number].held;
        const auto found =
            std::find_if(held.begin(), held.end(), [&](const Held& each) { return each.lock == resource; });
        return found == held.end() ? nullptr : &*found;
    }

    bool lock(unsigned number, std::uint32_t resource, bool shared, Time now) {
        Lock& lock = locks_[resource];
        if (Held* held = held_by(number, resource); held != nullptr) {
            ++held->depth;
            return true;
        }
        const bool free = is_free(lock, shared);
        if (free)
            give(number, resource, shared);
        else
            lock.queue.push_back({number, shared, now});
        return free;
    }

    static bool is_free(const Lock& lock, bool shared) {
        return lock.owner < 0 && lock.queue.empty() && (shared || lock.readers == 0);
    }

    // Without it the unlock that follows does nothing.
    void try_lock(unsigned number, std::uint32_t resource, bool shared) {
        if (held_by(number, resource) == nullptr && is_free(locks_[resource], shared))
            give(number, resource, shared);
    }

    void give(unsigned number, std::uint32_t resource, bool shared) {
        Lock& lock = locks_[resource];
        if (shared)
            ++lock.readers;
        else
            lock.owner = static_cast<int>(number);
        processors_[number].held.push_back({resource, shared, 1});
    }

    void unlock(unsigned number, std::uint32_t resource, Time now) {
        Held* held = held_by(number, resource);
        if (held == nullptr || --held->depth != 0)
            return;
        Lock& lock = locks_[resource];
        if (held->shared)
            --lock.readers;
        else
            lock.owner = -1;
        auto& all = processors_[number].held;
        all.erase(all.begin() + (held - all.data()));
        admit(resource, now);
    }

    void downgrade(unsigned number, std::uint32_t resource, Time now) {
        Held* held = held_by(number, resource);
        if (held == nullptr || held->shared)
            return;
        held->shared = true;
        locks_[resource].owner = -1;
        ++locks_[resource].readers;
        admit(resource, now);
    }

    void admit(std::uint32_t resource, Time now) {
        Lock& lock = locks_[resource];
        while (!lock.queue.empty() && lock.owner < 0 && (lock.queue.front().shared || lock.readers == 0)) {
            const Waiter waiter = lock.queue.front();
            lock.queue.pop_front();
            give(waiter.processor, resource, waiter.shared);
            delay(waiter.processor, resource, now - waiter.since);
            plan(waiter.processor);
        }
    }

    Costs costs_;
    std::vector<Processor> processors_;
    std::vector<Line> lines_;
    std::vector<Lock> locks_;
    std::vector<Time> lost_;
    using Turn = std::pair<Time, unsigned>;
    std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns_;
};

// One operation of one processor alone, fences included.
Time time_alone(const Trace& trace, const Costs& costs) {
    Time sum = 0, count = 0;
    for (const Task& task : trace.tasks)
        for (const Operation& operation : task.operations) {
            if (operation.interrupted)
                continue;
            sum += operation.instructions;
            for (const Event& event : operation.events)
                sum += event.step == Step::kFence ? costs.fence : 0;
            ++count;
        }
    return std::max<Time>(1, sum / std::max<Time>(1, count));
}

std::vector<Loss> losses_of(const Trace& trace, const Machine& machine, double all_time) {
    std::map<std::pair<bool, std::string>, double> by_name;
    for (std::size_t i = 0; i < trace.resources.size(); ++i)
        by_name[{trace.resources[i].is_lock, trace.resources[i].name}] +=
            static_cast<double>(machine.lost()[i]) / all_time;
    std::vector<Loss> losses;
    for (const auto& [resource, share] : by_name)
        if (share > 0)
            losses.push_back({resource.second, resource.first, share});
    std::stable_sort(losses.begin(), losses.end(), [](const Loss& a, const Loss& b) { return a.share > b.share; });
    return losses;
}

}  // namespace

std::string unusable(const Trace& trace) {
    if (trace.tasks.empty())
        return "no task";
    std::size_t slept = 0, operations = 0;
    for (const Task& task : trace.tasks) {
        std::size_t usable = 0;
        for (const Operation& operation : task.operations) {
            usable += !operation.interrupted;
            slept += !operation.interrupted && operation.slept;
        }
        if (usable == 0)
            return "other work comes in between each time";
        operations += usable;
    }
    return slept * 2 > operations ? "waits for another task" : "";
}

std::uint32_t instructions_alone(const Trace& trace) {
    std::vector<std::uint32_t> all;
    for (const Task& task : trace.tasks)
        for (const Operation& operation : task.operations)
            if (!operation.interrupted)
                all.push_back(operation.instructions);
    if (all.empty())
        return 0;
    std::nth_element(all.begin(), all.begin() + all.size() / 2, all.end());
    return all[all.size() / 2];
}

Point replay(const Trace& trace, unsigned processors, const Costs& costs) {
    const Time alone = time_alone(trace, costs), end = alone * kRounds;
    Machine machine(trace, processors, costs);
    const double done = machine.run(end, alone / processors);
    return {.processors = processors,
            .speed = done / static_cast<double>(kRounds),
            .stuck = machine.is_stuck(),
            .losses = losses_of(trace, machine, static_cast<double>(end) * processors)};
}

std::vector<Point> curve(const Trace& trace, std::span<const unsigned> processors, const Costs& costs) {
    std::vector<Point> points;
    for (const unsigned count : processors)
        points.push_back(replay(trace, count, costs));
    const double first = points.empty() ? 1 : points.front().speed;
    for (Point& point : points)
        point.speed /= first;
    return points;
}

}  // namespace daxfs::scale

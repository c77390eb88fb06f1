// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/profile/stacks.h"

#include <algorithm>
#include <set>
#include <string>

namespace daxfs::bench {
namespace {

bool is_prefix(std::uint8_t byte) {
    constexpr std::uint8_t kPrefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
    return std::find(std::begin(kPrefixes), std::end(kPrefixes), byte) != std::end(kPrefixes) || (byte & 0xf0) == 0x40;
}

}  // namespace

Transfer transfer_of(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty() && is_prefix(bytes[0]))
        bytes = bytes.subspan(1);
    if (bytes.empty())
        return Transfer::kNone;
    const unsigned second = bytes.size() > 1 ? bytes[1] : 0;
    switch (bytes[0]) {
        case 0xe8:
            return Transfer::kCall;
        case 0xff:  // group 5: /2 is a near call
            return (second >> 3 & 7) == 2 ? Transfer::kCall : Transfer::kNone;
        case 0xc2:
        case 0xc3:
            return Transfer::kReturn;
        case 0xcf:  // iret
            return Transfer::kInterruptReturn;
        case 0x0f:  // sysret
            return second == 0x07 ? Transfer::kInterruptReturn : Transfer::kNone;
        default:
            return Transfer::kNone;
    }
}

Stacks::Node* Stacks::Node::child(const Function& of) {
    std::unique_ptr<Node>& node = children[&of];
    if (!node) {
        node = std::make_unique<Node>();
        node->function = &of;
    }
    return node.get();
}

Stacks::Stacks() : interrupts_(root_.child(interrupts_name_)), others_(root_.child(others_name_)) {
    running_.root = &root_;
}

Stacks::Node* Stacks::top() const {
    return running_.frames.empty() ? running_.root : running_.frames.back().node;
}

void Stacks::step(const Instruction& now) {
    if (arrives_by_itself(now))
        interrupt(now);
    else
        follow(now);
    ++top()->count;
    ++total_;
    running_.last = &now;
}

// The entry's first instruction: nothing else jumps there, but for one entry's stub to the entry itself.
bool Stacks::arrives_by_itself(const Instruction& now) const {
    const Function& function = *now.function;
    return function.entry != Function::Entry::kNone && (function.stubs || now.pc == function.start) &&
           (running_.last == nullptr || !running_.last->function->stubs);
}

void Stacks::push(Node* parent, const Instruction& now, std::uint64_t return_address) {
    running_.frames.push_back({parent->child(*now.function), parent, return_address, false, nullptr});
}

// What the last instruction has begun, a return say, goes on when the interrupt is over.
void Stacks::interrupt(const Instruction& now) {
    push(now.function->entry == Function::Entry::kInterrupt ? interrupts_ : top(), now, 0);
    running_.frames.back().interrupts = true;
    running_.frames.back().interrupted = running_.last;
}

void Stacks::follow(const Instruction& now) {
    while (running_.last != nullptr && running_.last->transfer == Transfer::kInterruptReturn)
        leave_interrupts();
    const Instruction* last = running_.last;
    if (last != nullptr && last->transfer == Transfer::kCall) {
        push(top(), now, last->pc + last->bytes);
        return;
    }
    const bool lost = last != nullptr && last->transfer == Transfer::kReturn && !leave_calls(now.pc);
    if (lost || running_.frames.empty()) {
        push(top(), now, 0);
        return;
    }
    Frame& frame = running_.frames.back();
    if (frame.node->function != now.function)
        frame.node = frame.parent->child(*now.function);
}

void Stacks::leave_interrupts() {
    auto& frames = running_.frames;
    while (!frames.empty() && !frames.back().interrupts)
        frames.pop_back();
    running_.last = frames.empty() ? nullptr : frames.back().interrupted;
    if (!frames.empty())
        frames.pop_back();
}

// False: no frame waits at the target, which then is the caller of the outermost one that was known.
bool Stacks::leave_calls(std::uint64_t target) {
    auto& frames = running_.frames;
    auto frame = frames.rbegin();
    while (frame != frames.rend() && !frame->interrupts && frame->return_address != target)
        ++frame;
    const bool found = frame != frames.rend() && !frame->interrupts;
    frames.erase(frame.base() - (found ? 1 : 0), frames.end());
    return found;
}

void Stacks::switch_task(std::uint64_t task) {
    if (task == task_)
        return;
    waiting_[task_] = std::move(running_);
    task_ = task;
    const auto known = waiting_.find(task);
    if (known != waiting_.end()) {
        running_ = std::move(known->second);
        return;
    }
    running_ = Task{};
    running_.root = others_;
}

void Stacks::write_folded(std::ostream& out) const {
    std::set<std::string> lines;
    const auto visit = [&](const auto& self, const Node& node, const std::string& outer) -> void {
        const std::string path =
            node.function == nullptr ? "" : outer + (outer.empty() ? "" : ";") + node.function->name;
        if (node.count != 0)
            lines.insert(path + " " + std::to_string(node.count));
        for (const auto& [function, child] : node.children)
            self(self, *child, path);
    };
    visit(visit, root_, "");
    for (const std::string& line : lines)
        out << line << '\n';
}

}  // namespace daxfs::bench

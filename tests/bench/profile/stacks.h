// SPDX-License-Identifier: GPL-2.0-or-later
// Counts the instructions that one processor executes by the stack of functions that they ran below.
//
// A stack is followed from instruction to instruction: a call pushes, a return goes back to the frame that waits at its
// target, a jump into another function takes its caller's frame over (a tail call). System calls and faults nest below
// what they interrupt; interrupts have a root of their own, and so have the other tasks that the scheduler switches to.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <ostream>
#include <span>
#include <vector>

#include "tests/bench/profile/symbols.h"

namespace daxfs::bench {

enum class Transfer : std::uint8_t { kNone, kCall, kReturn, kInterruptReturn };  // kNone: jumps too

// `bytes` is the whole instruction.
Transfer transfer_of(std::span<const std::uint8_t> bytes);

struct Instruction {
    std::uint64_t pc = 0;
    std::uint32_t bytes = 0;
    Transfer transfer = Transfer::kNone;  // calls and returns of user space are not looked at
    const Function* function = nullptr;
};

class Stacks {
  public:
    Stacks();
    // `now` is about to be executed; it is counted, and must outlive this.
    void step(const Instruction& now);
    // From here on another task runs. Tasks are told apart by any number, the address of their stack say.
    void name_task(std::uint64_t task) { task_ = task; }
    void switch_task(std::uint64_t task);

    std::uint64_t total() const { return total_; }
    // One line a stack, "OUTER;...;INNER COUNT", sorted.
    void write_folded(std::ostream& out) const;

  private:
    struct Node {
        const Function* function = nullptr;
        std::uint64_t count = 0;
        std::map<const Function*, std::unique_ptr<Node>> children;
        Node* child(const Function& of);
    };
    struct Frame {
        Node* node;
        Node* parent;
        std::uint64_t return_address;    // 0: nobody knows who called
        bool interrupts;                 // the processor came by itself ...
        const Instruction* interrupted;  // ... behind, or instead of, this one
    };
    struct Task {
        std::vector<Frame> frames;
        const Instruction* last = nullptr;  // executed
        Node* root = nullptr;
    };

    bool arrives_by_itself(const Instruction& now) const;
    void push(Node* parent, const Instruction& now, std::uint64_t return_address);
    void interrupt(const Instruction& now);
    void follow(const Instruction& now);
    void leave_interrupts();
    bool leave_calls(std::uint64_t target);
    Node* top() const;

    Function interrupts_name_{.name = "[interrupts]"}, others_name_{.name = "[other tasks]"};
    Node root_;
    Node *interrupts_, *others_;
    Task running_;
    std::map<std::uint64_t, Task> waiting_;
    std::uint64_t task_ = 0;
    std::uint64_t total_ = 0;
};

}  // namespace daxfs::bench

// SPDX-License-Identifier: GPL-2.0-or-later
// Which function an instruction of the guest belongs to, by its /proc/kallsyms.
#pragma once

#include <cstdint>
#include <deque>
#include <istream>
#include <string>
#include <vector>

namespace daxfs::bench {

struct Function {
    std::string name;  // as stacks show it: "daxfs_create [daxfs]"
    std::uint64_t start = 0;
    enum class Entry : std::uint8_t {
        kNone,       // is called
        kException,  // the processor comes here from a system call or a fault, on behalf of what runs
        kInterrupt,  // ... whatever runs
    } entry = Entry::kNone;
    bool stubs = false;  // many entries, one behind the other, not one at `start`
    bool user = false;
};

class Symbols {
  public:
    // Lines that name no code are passed over.
    explicit Symbols(std::istream& kallsyms);

    bool empty() const { return starts_.empty(); }
    // All code outside the kernel is one function, "daxbench".
    const Function& at(std::uint64_t pc) const;

  private:
    struct Start {
        std::uint64_t address;
        const Function* function;
    };
    std::vector<Start> starts_;
    std::deque<Function> functions_;
    Function user_{.name = "daxbench", .user = true};
    Function unknown_{.name = "unknown"};
};

}  // namespace daxfs::bench

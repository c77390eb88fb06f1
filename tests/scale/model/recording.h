// SPDX-License-Identifier: GPL-2.0-or-later
// Gathers all that the tasks of one recording touch, and keeps what they share.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/scale/model/trace.h"

namespace daxfs::scale {

class Recording {
  public:
    static constexpr std::uint64_t kLineBytes = 64;
    // Accesses of one kind to one line that lie closer together, in instructions, are one: nobody comes in between.
    static constexpr std::uint32_t kTogether = 256;

    void begin_task(unsigned processor);
    void begin_operation();
    // `who` lives as long as the recording.
    void access(std::uint32_t time, std::uint64_t address, bool store, const std::string& who);
    void lock(std::uint32_t time, Step step, std::uint64_t address, const std::string& who);
    void fence(std::uint32_t time);
    void end_operation(std::uint32_t instructions, bool interrupted, bool slept);

    // Locks that two tasks at least took; lines that one wrote and another touched. What only tasks of one processor
    // touched is that processor's, and theirs alone: each is replayed on a processor of its own. `symbol` names an
    // address, or not.
    Trace shared(const std::function<std::string(std::uint64_t)>& symbol) const;

  private:
    struct Seen {
        Step step;
        std::uint32_t time;
        std::uint64_t address;  // of a line its first byte
        const std::string* who;
    };
    struct Batch {
        std::uint32_t instructions = 0;
        bool interrupted = false, slept = false;
        std::vector<Seen> seen;
    };
    struct Sharing {
        unsigned processor = 0;  // of the first task
        bool shared = false, written = false;
        std::uint64_t address = 0;  // the first that was touched
        const std::string* who = nullptr;
        std::uint32_t index = 0;
    };
    using Table = std::unordered_map<std::uint64_t, Sharing>;  // locks by address, lines by number with the top bit off

    static std::uint64_t key_of(const Seen& seen);
    Table find_shared() const;
    bool is_together(std::uint32_t time, std::uint64_t line, bool store);

    struct Recorded {
        unsigned processor;
        std::vector<Batch> batches;
    };
    std::vector<Recorded> tasks_;
    std::unordered_map<std::uint64_t, std::uint32_t> last_[2];  // by line, of loads and stores of this operation
};

}  // namespace daxfs::scale

// SPDX-License-Identifier: GPL-2.0-or-later
// Random operations on one file, by one thread or by several at the same time, through every door that a file has;
// after each round the file must be what the model in memory says (after fsx, by Apple and others). A sequence runs in
// a process of its own on a new file. One that fails is shrunk to few operations and written to a log for --replay.
//
//   mixer FILE [--seed N] [--rounds N] [--seconds N] [--threads N] [--disjoint] [--align BYTES] [--size BYTES]
//              [--ops LIST] [--inject] [--log FILE] [--shrink SECONDS]
//   mixer FILE --replay LOG [--tries N]
//
// --seconds runs sequences of --rounds rounds, with the next seed each, until the time is over. --ops names the
// operations to use; with + before each name they come on top of the usual ones. The usual ones are all that the
// filesystem has; what was asked for must work.
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <optional>
#include <thread>

#include "tests/live/mixer/worker.h"

namespace mixer {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kMostOpsInRound = 4;   // of one thread, where there are several
constexpr unsigned kWholeEvery = 64;      // rounds after which the whole file is compared
constexpr unsigned kSequenceLimit = 120;  // seconds: longer is a hang

struct Options {
    Setup setup;
    std::uint64_t seed = 1;
    unsigned rounds = 500;
    unsigned seconds = 0;
    unsigned shrink_seconds = 20;
    unsigned tries = 10;  // of a sequence of several threads, which fails only sometimes
    std::vector<Kind> kinds;
    const char* log = nullptr;
    const char* replay = nullptr;
};

// All threads leave at nearly the same moment; who is early sleeps, because there are more threads than processors.
class Barrier {
  public:
    explicit Barrier(unsigned threads) : threads_(threads) {}
    void wait() {
        const unsigned turn = turn_.load();
        if (waiting_.fetch_add(1) + 1 == threads_) {
            waiting_ = 0;
            turn_.fetch_add(1);
            turn_.notify_all();
            return;
        }
        turn_.wait(turn);
    }

  private:
    unsigned threads_;
    std::atomic<unsigned> waiting_{0};
    std::atomic<unsigned> turn_{0};
};

// The bytes that a thread may touch.
Range part_of(const Setup& setup, unsigned thread) {
    if (setup.sharing == Sharing::kOverlapping || setup.threads == 1)
        return {0, setup.limit};
    const auto border = [&](unsigned n) { return setup.limit * n / setup.threads / setup.align * setup.align; };
    return {border(thread), thread + 1 == setup.threads ? setup.limit : border(thread + 1)};
}

// Carries a sequence out and compares. Everything wrong ends the process.
class Runner {
  public:
    explicit Runner(const Sequence& sequence)
        : setup_(sequence.setup),
          model_(setup_),
          gate_(setup_.threads),
          by_round_(sequence.ops.empty() ? 0 : sequence.ops.back().round + 1) {
        for (const Op& op : sequence.ops)
            by_round_[op.round].push_back(op);
        fd_ = open_file(setup_.path.c_str(), O_TRUNC);
        // Where parts are disjoint only the last thread sees the end of file.
        model_.set_size(part_of(setup_, setup_.threads - 1).from);
        expect(ftruncate(fd_, static_cast<off_t>(model_.size())) == 0, "ftruncate");
        map_ = map_file(fd_, setup_.limit, 0, true);
        done_.resize(setup_.threads);
    }

    void run() {
        std::vector<std::thread> threads;
        for (unsigned thread = 1; thread < setup_.threads; ++thread)
            threads.emplace_back([this, thread] { work(thread); });
        work(0);
        for (auto& thread : threads)
            thread.join();
        compare({0, setup_.limit}, false);
    }

  private:
    // What the thread itself knows of the size after an operation.
    static std::size_t size_seen(const Done& done, std::size_t size) {
        const bool nothing = done.range.bytes() == 0 && done.op.kind != Kind::kTruncate;
        return nothing || done.error != 0 ? size : size_after(done, size);
    }

    void work(unsigned thread) {
        Worker worker(setup_, part_of(setup_, thread));
        for (const auto& ops : by_round_) {
            if (ops.empty())
                continue;
            gate_.wait();
            std::size_t size = model_.size();
            done_[thread].clear();
            for (const Op& op : ops) {
                if (op.thread != thread)
                    continue;
                done_[thread].push_back(worker.carry_out(op, size));
                size = size_seen(done_[thread].back(), size);
            }
            gate_.wait();
            if (thread == 0)
                check(ops.front().round);
        }
    }

    void check(unsigned round) {
        round_ = round;
        model_.play(done_);
        model_.check_size(round, static_cast<std::size_t>(size_of(fd_)));
        Range range = model_.touched();
        if (round % kWholeEvery == 0)
            range = {0, setup_.limit};
        compare(range, round % 3 == 0);
    }

    void compare(Range range, bool mapped) {
        const auto size = static_cast<std::size_t>(size_of(fd_));
        range.to = std::min(range.to, size);
        range.from = std::min(range.from, range.to);
        std::vector<std::uint8_t> got;
        if (mapped)
            got.assign(map_ + range.from, map_ + range.to);
        else
            got = read_all(fd_, range.bytes(), static_cast<off_t>(range.from));
        for (std::size_t i = 0; i < got.size(); ++i)
            if (!model_.admits(range.from + i, got[i]))
                fail("round " + std::to_string(round_) + ": byte " + std::to_string(range.from + i) + " is " +
                     std::to_string(got[i]) + ", was " + std::to_string(model_.bytes()[range.from + i]) +
                     (mapped ? " (mapped)" : ""));
        const Range touched = model_.touched();
        got.resize(std::max(touched.to, range.to) - range.from);
        model_.adopt(size, {range.from, range.from + got.size()}, got.data());
    }

    Setup setup_;
    Model model_;
    Barrier gate_;
    std::vector<std::vector<Op>> by_round_;
    std::vector<std::vector<Done>> done_;
    int fd_ = -1;
    const std::uint8_t* map_ = nullptr;
    unsigned round_ = 0;
};

// What the process that ran a sequence said; nothing when the file was as it must be.
std::optional<std::string> failure(const Sequence& sequence) {
    int ends[2];
    expect(pipe2(ends, O_CLOEXEC) == 0, "pipe");
    std::fflush(stdout);
    const pid_t pid = fork();
    expect(pid >= 0, "fork");
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        catch_sigbus();
        alarm(kSequenceLimit);
        Runner(sequence).run();
        std::_Exit(0);
    }
    close(ends[1]);
    std::string text;
    char part[512];
    for (ssize_t count; (count = read(ends[0], part, sizeof part)) > 0;)
        text.append(part, static_cast<std::size_t>(count));
    close(ends[0]);
    int status = 0;
    expect(waitpid(pid, &status, 0) == pid, "waitpid");
    if (status == 0)
        return std::nullopt;
    if (WIFSIGNALED(status))
        text += "FAIL: ended by signal " + std::to_string(WTERMSIG(status)) + "\n";
    return text;
}

std::optional<std::string> failure_in(const Sequence& sequence, unsigned tries) {
    for (unsigned i = 0; i < tries; ++i)
        if (auto text = failure(sequence))
            return text;
    return std::nullopt;
}

Sequence generate(const Options& options, std::uint64_t seed) {
    Random random(seed);
    Sequence sequence{options.setup, {}};
    unsigned total = 0;
    for (const Kind kind : options.kinds)
        total += info(kind).weight;
    const auto some_kind = [&] {
        auto left = random.below(total);
        for (const Kind kind : options.kinds) {
            if (left < info(kind).weight)
                return kind;
            left -= info(kind).weight;
        }
        return options.kinds.front();
    };
    const unsigned threads = options.setup.threads;
    const std::size_t limit = options.setup.limit;
    std::uint64_t hot = 0;
    for (unsigned round = 0; round < options.rounds; ++round) {
        // Several threads meet in one place most of the time, and a lone one returns to where it was.
        if (random.below(4) == 0)
            hot = random.below(limit);
        for (unsigned thread = 0; thread < threads; ++thread) {
            const auto count = threads == 1 ? 1 : 1 + random.below(kMostOpsInRound);
            for (unsigned i = 0; i < count; ++i) {
                Op op{some_kind(), round, thread, 0, 0, static_cast<std::uint32_t>(random.next())};
                if (info(op.kind).resizes && options.setup.sharing == Sharing::kDisjoint && thread + 1 != threads)
                    op.kind = Kind::kStore;
                op.at = random.below(3) ? hot + random.below(3 * kPage) : random.below(limit);
                if (random.below(3) == 0)
                    op.at = op.at / kPage * kPage;
                const std::size_t most = random.below(24) == 0 ? limit : random.below(4) == 0 ? 8 * kPage : kPage;
                op.length = random.below(4) == 0 ? most : 1 + random.below(most);
                sequence.ops.push_back(op);
            }
        }
    }
    return sequence;
}

// Leaves out ever smaller parts for as long as what is left fails too (Zeller's ddmin without its complements).
Sequence shrink(Sequence sequence, const Options& options) {
    const auto deadline = Clock::now() + std::chrono::seconds(options.shrink_seconds);
    const unsigned tries = sequence.setup.threads == 1 ? 1 : options.tries;
    for (std::size_t part = sequence.ops.size() / 2; part > 0; part = part == 1 ? 0 : (part + 1) / 2) {
        for (std::size_t from = 0; from < sequence.ops.size() && Clock::now() < deadline;) {
            Sequence shorter = sequence;
            const auto first = shorter.ops.begin() + static_cast<long>(from);
            const auto left = static_cast<std::size_t>(shorter.ops.end() - first);
            shorter.ops.erase(first, first + static_cast<long>(std::min(part, left)));
            if (failure_in(shorter, tries))
                sequence = std::move(shorter);
            else
                from += part;
        }
    }
    return sequence;
}

// Nothing behind the round that failed matters.
void cut_behind_failure(Sequence& sequence, const std::string& text) {
    unsigned round = 0;
    const std::size_t place = text.find("round ");
    if (place == std::string::npos || std::sscanf(text.c_str() + place, "round %u", &round) != 1)
        return;
    std::erase_if(sequence.ops, [&](const Op& op) { return op.round > round; });
}

[[noreturn]] void report(Sequence sequence, const std::string& text, std::uint64_t seed, const Options& options) {
    std::cout << text << "seed " << seed << ", " << sequence.ops.size() << " operations\n";
    if (options.shrink_seconds > 0) {
        cut_behind_failure(sequence, text);
        sequence = shrink(sequence, options);
        if (const auto again = failure_in(sequence, options.tries))
            std::cout << "shrunk to " << sequence.ops.size() << " operations: " << *again;
    }
    if (options.log != nullptr) {
        std::ofstream log(options.log);
        save(sequence, log);
        std::cout << "the operations are in " << options.log << '\n';
    }
    if (sequence.ops.size() <= 24)
        save(sequence, std::cout);
    std::cout.flush();
    std::exit(1);
}

bool supported(const Setup& setup, Kind kind) {
    const int fd = open_file((setup.path + ".probe").c_str(), O_TRUNC);
    expect(ftruncate(fd, 4 * kPage) == 0, "ftruncate");
    const int mode = kind == Kind::kCollapse ? FALLOC_FL_COLLAPSE_RANGE : FALLOC_FL_INSERT_RANGE;
    const bool ok = fallocate(fd, mode, kPage, kPage) == 0 || errno != EOPNOTSUPP;
    close(fd);
    expect(unlink((setup.path + ".probe").c_str()) == 0, "unlink");
    return ok;
}

bool possible(const Setup& setup, Kind kind) {
    return setup.threads == 1 ||
           (setup.sharing == Sharing::kOverlapping ? info(kind).overlapping : info(kind).disjoint);
}

std::vector<Kind> choose_kinds(const Setup& setup, const char* list) {
    std::vector<Kind> kinds, asked;
    bool usual = list == nullptr;
    std::stringstream words(list == nullptr ? "" : list);
    for (std::string word; std::getline(words, word, ',');) {
        usual |= word.starts_with('+');
        asked.push_back(kind_named(word.starts_with('+') ? word.substr(1) : word));
    }
    for (std::size_t i = 0; usual && i < kKinds; ++i) {
        const auto kind = static_cast<Kind>(i);
        if (possible(setup, kind) && (!info(kind).optional || supported(setup, kind)))
            kinds.push_back(kind);
    }
    for (const Kind kind : asked) {
        expect(possible(setup, kind), std::string(info(kind).name) + " needs one thread, or disjoint parts");
        expect(!info(kind).optional || supported(setup, kind), std::string(info(kind).name) + " is not supported");
        if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
            kinds.push_back(kind);
    }
    expect(!kinds.empty(), "--ops names no operation");
    return kinds;
}

Options parse(int argc, char** argv) {
    constexpr const char* kUsage = "usage: mixer FILE [OPTION...], see the head of mixer.cc";
    Options options;
    const char* ops = nullptr;
    expect(argc >= 2, kUsage);
    options.setup.path = argv[1];
    for (int i = 2; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--disjoint" || name == "--inject") {
            options.setup.sharing = name == "--disjoint" ? Sharing::kDisjoint : options.setup.sharing;
            options.setup.inject |= name == "--inject";
            continue;
        }
        expect(i + 1 < argc, kUsage);
        const char* value = argv[++i];
        char* unit = nullptr;
        const auto number = std::strtoull(value, &unit, 0) << (*unit == 'M' ? 20 : *unit == 'K' ? 10 : 0);
        if (name == "--seed")
            options.seed = number;
        else if (name == "--rounds")
            options.rounds = static_cast<unsigned>(number);
        else if (name == "--seconds")
            options.seconds = static_cast<unsigned>(number);
        else if (name == "--threads")
            options.setup.threads = static_cast<unsigned>(number);
        else if (name == "--align")
            options.setup.align = number;
        else if (name == "--size")
            options.setup.limit = number;
        else if (name == "--shrink")
            options.shrink_seconds = static_cast<unsigned>(number);
        else if (name == "--tries")
            options.tries = static_cast<unsigned>(number);
        else if (name == "--ops")
            ops = value;
        else if (name == "--log")
            options.log = value;
        else if (name == "--replay")
            options.replay = value;
        else
            fail(std::string(kUsage) + ": " + argv[i - 1]);
    }
    const Setup& setup = options.setup;
    expect(setup.threads >= 1 && setup.align >= 1 && setup.limit / setup.threads >= 2 * kPage &&
               setup.limit / setup.threads >= setup.align && setup.limit % kPage == 0 && options.rounds > 0,
           "at least one thread, and 8192 bytes for each, in whole blocks");
    if (options.replay == nullptr)
        options.kinds = choose_kinds(setup, ops);
    return options;
}

int replay(const Options& options) {
    Sequence sequence{options.setup, {}};
    load(options.replay, sequence);
    const auto text = failure_in(sequence, sequence.setup.threads == 1 ? 1 : options.tries);
    std::cout << text.value_or("mixer: no failure\n");
    return text ? 1 : 0;
}

int mix(const Options& options) {
    const auto deadline = Clock::now() + std::chrono::seconds(options.seconds);
    std::uint64_t seed = options.seed, operations = 0;
    do {
        Sequence sequence = generate(options, seed);
        if (const auto text = failure(sequence))
            report(std::move(sequence), *text, seed, options);
        operations += sequence.ops.size();
        ++seed;
    } while (Clock::now() < deadline);
    std::cout << "mixer: " << operations << " operations, " << options.setup.threads << " threads, seeds "
              << options.seed << " to " << seed - 1 << '\n';
    return 0;
}

}  // namespace
}  // namespace mixer

int main(int argc, char** argv) {
    const mixer::Options options = mixer::parse(argc, argv);
    return options.replay != nullptr ? mixer::replay(options) : mixer::mix(options);
}

// SPDX-License-Identifier: GPL-2.0-or-later
// In the guest: hostile SEED FIRST COUNT [LIMIT] assaults the mutants one after the other, each from a child with a
// time limit in seconds. Says
//   try NUMBER                                        before each, so that a guest that goes down names its mutant
//   done NUMBER HARM mounted|refused ERRNO ... | TEXT what came of it
//   report NUMBER WHY                                 the kernel reported something: nothing is believed after that
// After a report the machine is reset, because an unmount may hang.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "cmd/daxlive/console.h"
#include "tests/hostile/guest/device.h"
#include "tests/hostile/guest/workload.h"

namespace daxfs::hostile {
namespace {

void write_to(const char* path, const char* text) {
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, text, std::strlen(text));
        close(fd);
    }
}

void print_file(const std::string& path) {
    char buffer[4096];
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    for (ssize_t count; fd >= 0 && (count = read(fd, buffer, sizeof(buffer))) > 0;)
        std::fwrite(buffer, 1, static_cast<std::size_t>(count), stdout);
    if (fd >= 0)
        close(fd);
}

// The kernel's log from where it was last read. Reading begins at its end: what the kernel said while it booted is no
// mutant's doing.
class KernelLog {
  public:
    KernelLog() : fd_(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) { lseek(fd_, 0, SEEK_END); }

    // The first line of a report, or nothing; then `lines` has what follows it too.
    std::string report(std::string& lines) {
        std::string first;
        char record[8192];
        for (;;) {
            const ssize_t size = read(fd_, record, sizeof(record) - 1);
            if (size < 0 && errno == EPIPE)
                continue;
            if (size <= 0)
                return first;
            record[size] = '\0';
            const char* text = std::strchr(record, ';');
            if (text == nullptr)
                continue;
            const std::string line(text + 1, std::strcspn(text + 1, "\n"));
            if (first.empty() && live::is_complaint(line))
                first = line;
            if (!first.empty())
                lines += "# " + line + "\n";
        }
    }

  private:
    int fd_;
};

[[noreturn]] void end_guest() {
    std::fflush(stdout);
    // What was said is on its way to the host.
    sleep(1);
    write_to("/proc/sysrq-trigger", "b");
    for (;;)
        pause();
}

// False: it did not end in time.
bool wait_for(pid_t child, int seconds, int& status) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    timespec limit{seconds, 0};
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (sigtimedwait(&signals, nullptr, &limit) < 0 && errno == EAGAIN)
            return waitpid(child, &status, WNOHANG) == child;
    }
    return true;
}

// What the child is doing, for the host to see.
void print_state(pid_t child) {
    print_file("/proc/" + std::to_string(child) + "/stack");
    write_to("/proc/sysrq-trigger", "w");
}

struct Run {
    std::uint64_t seed = 0, first = 0, count = 0;
    int limit = 0;  // seconds
    bool race = false;
};

bool changes(const Mutant& mutant, const Owner& owner) {
    const Base& base = mutant.base();
    const BlockNo block = base.volume().block_of(owner.ino);
    const std::uint32_t offset = base.volume().offset_of(owner.ino);
    if (std::memcmp(mutant.look(block) + offset, base.block(block).data() + offset, DAXFS_INODE_SIZE) != 0)
        return true;
    return std::ranges::any_of(owner.nodes, [&](BlockNo node) { return mutant.changed().contains(node); });
}

// Files and directories that were changed: the workload looks at them first.
std::vector<std::uint64_t> suspects(const std::vector<Mutant>& mutants) {
    std::vector<std::uint64_t> found;
    for (const Owner& owner : mutants[0].base().owners()) {
        if (std::ranges::any_of(mutants, [&](const Mutant& mutant) { return changes(mutant, owner); }))
            found.push_back(owner.ino.value);
    }
    return found;
}

// The mutants that one race is run with; numbers of their own.
std::vector<Mutant> mutants_of(const Base& base, const Run& run, std::uint64_t number) {
    constexpr std::uint64_t kOfARace = 3;
    std::vector<Mutant> mutants;
    for (std::uint64_t i = 0; i < (run.race ? kOfARace : 1); ++i)
        mutants.push_back(make_mutant(base, run.seed, run.race ? number * kOfARace + i : number));
    return mutants;
}

// Changes bytes behind the kernel's back, as another owner of the memory would, until it is destroyed.
class Trembler {
  public:
    Trembler(PmemDevice& device, const std::vector<Mutant>& mutants, std::uint64_t seed, const Outcome& outcome) {
        for (const Mutant& mutant : mutants)
            changes_.push_back(changes_of(device, mutant));
        thread_ = std::jthread([this, seed, &outcome](const std::stop_token& stop) { tremble(stop, seed, outcome); });
    }

  private:
    struct Change {
        std::uint64_t* place;
        std::uint64_t base, mutant;
    };

    static std::vector<Change> changes_of(PmemDevice& device, const Mutant& mutant) {
        std::vector<Change> changes;
        for (const auto& [number, block] : mutant.changed()) {
            const auto* mine = reinterpret_cast<const std::uint64_t*>(block.bytes);
            const auto* base = reinterpret_cast<const std::uint64_t*>(mutant.base().block(number).data());
            auto* place = reinterpret_cast<std::uint64_t*>(device.bytes() + number.value * DAXFS_BLOCK_SIZE);
            for (std::size_t i = 0; i < DAXFS_BLOCK_SIZE / sizeof(std::uint64_t); ++i) {
                if (mine[i] != base[i])
                    changes.push_back({place + i, base[i], mine[i]});
            }
        }
        return changes;
    }

    void tremble(const std::stop_token& stop, std::uint64_t seed, const Outcome& outcome) {
        Dice dice(seed, 0);
        // Half of the time recovery sees it too.
        const bool from_the_start = dice.one_in(2);
        while (!from_the_start && !stop.stop_requested() && outcome.mount_error < 0)
            std::this_thread::yield();
        while (!stop.stop_requested()) {
            const auto& changes = dice.pick(changes_);
            for (const Change& change : changes)
                __atomic_store_n(change.place, change.mutant, __ATOMIC_RELAXED);
            pause_for(dice.below(dice.one_in(8) ? 20'000 : 300));
            for (const Change& change : changes)
                __atomic_store_n(change.place, change.base, __ATOMIC_RELAXED);
            pause_for(dice.below(dice.one_in(8) ? 20'000 : 300));
        }
    }

    static void pause_for(std::uint64_t loops) {
        for (std::uint64_t i = 0; i < loops; ++i)
            std::atomic_signal_fence(std::memory_order_seq_cst);
    }

    std::vector<std::vector<Change>> changes_;
    std::jthread thread_;
};

void assault_one(const Run& run, std::uint64_t number, PmemDevice& device, const std::vector<Mutant>& mutants,
                 KernelLog& log, Outcome& outcome) {
    outcome = Outcome{};
    const std::vector<std::uint64_t> inodes = suspects(mutants);
    const pid_t child = fork();
    if (child == 0) {
        assault(run.seed, number, inodes, outcome);
        _exit(0);
    }
    std::unique_ptr<Trembler> trembler;
    if (run.race)
        trembler = std::make_unique<Trembler>(device, mutants, run.seed + number, outcome);
    int status = 0;
    const bool ended = wait_for(child, run.limit, status);
    std::string lines;
    std::string why = log.report(lines);
    if (why.empty() && !ended)
        why = std::string("time limit in ") + outcome.phase;
    if (why.empty() && status != 0)
        why = "the workload ended with status " + std::to_string(status) + " in " + outcome.phase;
    if (why.empty() && outcome.mount_error == 0 && outcome.umount_error != 0)
        why = std::string("umount: ") + std::strerror(outcome.umount_error);
    if (why.empty())
        return;
    std::printf("report %llu %s (%s)\n%s", static_cast<unsigned long long>(number), why.c_str(), outcome.options,
                lines.c_str());
    if (!ended)
        print_state(child);
    end_guest();
}

void say_done(const Run& run, std::uint64_t number, const Outcome& outcome, const std::vector<Mutant>& mutants) {
    const std::string harm(run.race ? "race" : harm_name(harm_of(number)));
    std::string text = mutants[0].text();
    for (std::size_t i = 1; i < mutants.size(); ++i)
        text += " || " + mutants[i].text();
    std::printf("done %llu %s %s %s names=%u calls=%u euclean=%u eio=%u erofs=%u sigbus=%u %s | %s\n",
                static_cast<unsigned long long>(number), harm.c_str(), outcome.mount_error == 0 ? "mounted" : "refused",
                outcome.mount_error == 0 ? "-" : strerrorname_np(outcome.mount_error), outcome.names, outcome.calls,
                outcome.damaged, outcome.io_errors, outcome.read_only, outcome.bus_errors, outcome.options,
                text.c_str());
}

int run_all(const Run& run) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    void* shared = mmap(nullptr, sizeof(Outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    auto& outcome = *new (shared) Outcome;
    const Base base;
    Mutant quiet(base);
    Mutant with_work(base);
    with_work.start_with_work();
    PmemDevice device(base);
    if (run.race && !device.in_place()) {
        std::printf("hostile: a race takes /dev/mem\n");
        return 1;
    }
    KernelLog log;
    for (std::uint64_t number = run.first; number < run.first + run.count; ++number) {
        std::printf("try %llu\n", static_cast<unsigned long long>(number));
        const std::vector<Mutant> mutants = mutants_of(base, run, number);
        device.lay_out(!run.race ? mutants[0] : number % 2 == 0 ? quiet : with_work);
        assault_one(run, number, device, mutants, log, outcome);
        say_done(run, number, outcome, mutants);
    }
    return 0;
}

}  // namespace
}  // namespace daxfs::hostile

int main(int argc, char** argv) {
    if (argc < 5)
        return 2;
    const auto number = [&](int index) { return std::strtoull(argv[index], nullptr, 10); };
    return daxfs::hostile::run_all({.seed = number(1),
                                    .first = number(2),
                                    .count = number(3),
                                    .limit = std::atoi(argv[4]),
                                    .race = argc > 5 && std::strcmp(argv[5], "race") == 0});
}

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

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>
#include <string>
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

// The kernel's log from where it was last read.
class KernelLog {
  public:
    KernelLog() : fd_(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) { skip(); }

    void skip() { lseek(fd_, 0, SEEK_END); }
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

[[noreturn]] void report_hang(std::uint64_t number, pid_t child, const Outcome& outcome) {
    std::printf("report %llu time limit in %s (%s)\n", static_cast<unsigned long long>(number), outcome.phase,
                outcome.options);
    const std::string proc = "/proc/" + std::to_string(child);
    print_file(proc + "/stack");
    print_file(proc + "/status");
    write_to("/proc/sysrq-trigger", "w");
    end_guest();
}

// Files and directories that were changed: the workload looks at them first.
std::vector<std::uint64_t> suspects(const Mutant& mutant) {
    const Base& base = mutant.base();
    std::vector<std::uint64_t> found;
    for (const Owner& owner : base.owners()) {
        const BlockNo block = base.volume().block_of(owner.ino);
        const std::uint32_t offset = base.volume().offset_of(owner.ino);
        bool changed =
            std::memcmp(mutant.look(block) + offset, base.block(block).data() + offset, DAXFS_INODE_SIZE) != 0;
        for (const BlockNo node : owner.nodes)
            changed = changed || mutant.changed().contains(node);
        if (changed)
            found.push_back(owner.ino.value);
    }
    return found;
}

void assault_one(std::uint64_t seed, std::uint64_t number, const Mutant& mutant, int limit, KernelLog& log,
                 Outcome& outcome) {
    outcome = Outcome{};
    const pid_t child = fork();
    if (child == 0) {
        assault(seed, number, suspects(mutant), outcome);
        _exit(0);
    }
    int status = 0;
    if (!wait_for(child, limit, status))
        report_hang(number, child, outcome);
    std::string lines;
    std::string why = log.report(lines);
    if (why.empty() && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        why = std::string("the workload ended with status ") + std::to_string(status) + " in " + outcome.phase;
    if (why.empty() && outcome.mount_error == 0 && outcome.umount_error != 0)
        why = std::string("umount: ") + std::strerror(outcome.umount_error);
    if (!why.empty()) {
        std::printf("report %llu %s (%s)\n%s", static_cast<unsigned long long>(number), why.c_str(), outcome.options,
                    lines.c_str());
        end_guest();
    }
}

void say_done(std::uint64_t number, const Outcome& outcome, const Mutant& mutant) {
    const std::string harm(harm_name(harm_of(number)));
    std::printf("done %llu %s %s %s names=%u calls=%u euclean=%u eio=%u erofs=%u sigbus=%u %s | %s\n",
                static_cast<unsigned long long>(number), harm.c_str(), outcome.mount_error == 0 ? "mounted" : "refused",
                outcome.mount_error == 0 ? "-" : strerrorname_np(outcome.mount_error), outcome.names, outcome.calls,
                outcome.damaged, outcome.io_errors, outcome.read_only, outcome.bus_errors, outcome.options,
                mutant.text().c_str());
}

int run(std::uint64_t seed, std::uint64_t first, std::uint64_t count, int limit) {
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
    PmemDevice device(base);
    KernelLog log;
    for (std::uint64_t number = first; number < first + count; ++number) {
        std::printf("try %llu\n", static_cast<unsigned long long>(number));
        const Mutant mutant = make_mutant(base, seed, number);
        device.lay_out(mutant);
        assault_one(seed, number, mutant, limit, log, outcome);
        say_done(number, outcome, mutant);
    }
    return 0;
}

}  // namespace
}  // namespace daxfs::hostile

int main(int argc, char** argv) {
    if (argc < 4)
        return 2;
    const auto number = [&](int index) { return std::strtoull(argv[index], nullptr, 10); };
    return daxfs::hostile::run(number(1), number(2), number(3), argc > 4 ? std::atoi(argv[4]) : 30);
}

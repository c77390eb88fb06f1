// SPDX-License-Identifier: GPL-2.0-or-later
// In the guest: runs cases of one or two operations on the mounted filesystem, marked in the trace.
// Usage: cases MOUNTPOINT TRACE one|held|cached|huge|levels|groups|apart|opening [NAME...] | full LEAVE [NAME...] |
//                               two FROM COUNT SEED | both FROM COUNT [PAIR...] | recover
//        cases MOUNTPOINT - wear; cases pairs
// one: each operation alone; full: the same with LEAVE free blocks; held: two calls at once; cached: on files in the
// page cache; both: two calls at once on two processors, COUNT schedules; huge: on files in huge pages; levels: on
// trees of several levels. On a filesystem of several allocation groups: groups, each operation with the directories A
// and B in two of them; apart, two calls at once that change the maps of one each; opening, what takes a group into
// use. wear leaves files and names behind everywhere, for a filesystem that is then made anew. pairs: says how many
// there are.
//
// In a module with call sites (kernel/sites.h) the environment's SITES may be "count": says "reached CASE SITE HITS"
// for each that the operations of a case reached; or "omit SITE" or "delay SITE": it is broken while operations run.
#include <fcntl.h>
#include <ftw.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/crash/guest/both.h"
#include "tests/crash/guest/groups.h"
#include "tests/crash/guest/huge.h"
#include "tests/crash/guest/levels.h"
#include "tests/crash/guest/mark.h"
#include "tests/crash/guest/observe.h"
#include "tests/crash/guest/operations.h"
#include "tests/crash/guest/sites.h"
#include "tests/crash/trace/format.h"

namespace daxfs::crash {
namespace {

std::string root;

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(2);
}

int remove_entry(const char* path, const struct stat*, int, FTW*) {
    return remove(path);
}

void perform(const Operation& operation, bool first = true) {
    const char* flags = first || operation.second == nullptr ? operation.flags : operation.second;
    say(Mark::kOperation, std::string(flags) + " " + operation.name);
    const int error = operation.run();
    char text[64];
    // The tree is looked at after the mark: looking stores nothing, and takes no part in the operation.
    std::snprintf(text, sizeof text, "%d %016llx", error, static_cast<unsigned long long>(observe(root)));
    say(Mark::kDone, text);
}

struct Setting {
    bool is_full = false;
    std::uint64_t leave = 0;                     // free blocks
    void (*make)(const char*) = make_directory;  // the directories A and B
};

void run_case(const std::string& name, const std::vector<const Operation*>& sequence, Setting setting = {}) {
    say(Mark::kPhase, "setup");
    if (mkdir("case", 0755) != 0 || chdir("case") != 0)
        die("case");
    make_tree(setting.make);
    for (const Operation* operation : sequence)
        if (operation->prepare != nullptr)
            operation->prepare();
    if (setting.is_full)
        fill(setting.leave);
    char text[256];
    std::snprintf(text, sizeof text, "%s %016llx", name.c_str(), static_cast<unsigned long long>(observe(root)));
    say(Mark::kCase, text);
    Sites sites(name);
    bool first = true;
    for (const Operation* operation : sequence) {
        perform(*operation, first);
        first = false;
    }
    sites.end();
    say(Mark::kPhase, "cleanup");
    if (chdir("..") != 0 || nftw("case", remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0)
        die("cleanup");
}

bool chosen(const char* name, int count, char** names) {
    if (count == 0)
        return true;
    for (int i = 0; i < count; ++i)
        if (std::strcmp(name, names[i]) == 0)
            return true;
    return false;
}

void run_each(const std::vector<Operation>& table, int count, char** names, Setting setting = {}) {
    for (const Operation& operation : table)
        if (chosen(operation.name, count, names))
            run_case(operation.name, {&operation}, setting);
}

// Pairs in an order that SEED shuffles, so that any slice of them is a fair sample.
void run_pairs(std::uint64_t from, std::uint64_t count, std::uint64_t seed) {
    const auto& all = operations();
    const std::uint64_t pairs = all.size() * all.size();
    std::vector<std::uint32_t> order(pairs);
    for (std::uint32_t i = 0; i < pairs; ++i)
        order[i] = i;
    for (std::uint64_t i = pairs - 1; i > 0; --i) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        std::swap(order[i], order[(seed >> 33) % (i + 1)]);
    }
    for (std::uint64_t i = from; i < from + count && i < pairs; ++i) {
        const Operation& first = all[order[i] / all.size()];
        const Operation& second = all[order[i] % all.size()];
        run_case(std::string(first.name) + "+" + second.name, {&first, &second});
    }
}

// Schedules are numbered: each is of the next pair, and seeded with its number.
void run_schedules(std::uint64_t from, std::uint64_t count, int names, char** name) {
    for (std::uint64_t i = from; count > 0; ++i) {
        const Operation pair = pair_of(i);
        if (!chosen(pair.name, names, name))
            continue;
        set_schedule(i);
        run_case(std::string(pair.name) + "/" + std::to_string(i), {&pair});
        --count;
    }
}

int mount_device() {
    return mount("/dev/pmem0", root.c_str(), "daxfs", MS_NOATIME, "dax=always") == 0 ? 0 : errno;
}

// A filesystem that was just recovered takes new files, and gives their space back.
int probe() {
    const std::string path = root + "/probe", moved = root + "/lost+found/probe";
    const std::string text(20000, 'p');
    std::ofstream(path) << text;
    std::string found;
    std::getline(std::ifstream(path), found);
    if (found != text)
        return EIO;
    return rename(path.c_str(), moved.c_str()) == 0 && unlink(moved.c_str()) == 0 ? 0 : errno;
}

// Mounts what a crash left, and then works on it.
void recover(const std::string& name) {
    static const Operation mounting = {"=", "mount", mount_device};
    static const Operation probing = {"n", "probe", probe};
    say(Mark::kCase, name + " -");
    Sites sites(name);
    perform(mounting);
    perform(probing);
    sites.end();
}

// Data is all of the pattern that no file may show later; names and inodes lie where those of a new filesystem will.
void wear() {
    const std::string poison(150000, kPoison);
    for (int i = 0; i < 120; ++i) {
        const std::string directory = "old" + std::to_string(i / 12);
        mkdir(directory.c_str(), 0755);
        const std::string name = directory + "/" + std::string(60, 'o') + std::to_string(i);
        std::ofstream(name) << poison.substr(0, 1000 * i);
        if (i % 5 == 0 && symlink(poison.substr(0, 900).c_str(), (name + "-link").c_str()) != 0)
            die("wear");
        if (i % 3 == 0 && unlink(name.c_str()) != 0)
            die("wear");
    }
    sync();
}

// Names for the addresses of stores.
void tell_symbols() {
    std::ifstream symbols("/proc/kallsyms");
    for (std::string line; std::getline(symbols, line);)
        if (line.ends_with("[daxfs]"))
            say(Mark::kSymbols, line);
}

// Also where something fails: what was recorded until then can be judged.
void end_trace() {
    say(Mark::kEnd);
}

int run(int count, char** words) {
    if (count == 2 && std::strcmp(words[1], "pairs") == 0) {
        std::printf("%zu\n", operations().size() * operations().size());
        return 0;
    }
    if (count < 4)
        return 2;
    root = words[1];
    const std::string_view what = words[3];
    if (what != "recover" && chdir(root.c_str()) != 0)
        die(words[1]);
    umask(022);
    if (what == "wear") {
        wear();
        return 0;
    }
    // The kernel's name for what was loaded: a hash of the module's code.
    std::string module;
    std::getline(std::ifstream("/sys/module/daxfs/srcversion"), module);
    say(Mark::kArm, std::string(words[2]) + " " + module);
    atexit(end_trace);
    tell_symbols();
    if (what == "one") {
        run_each(operations(), count - 4, words + 4);
        run_each(large_operations(), count - 4, words + 4);
        run_each(short_operations(), count - 4, words + 4);
    } else if (what == "huge") {
        run_each(huge_operations(), count - 4, words + 4);
    } else if (what == "levels") {
        run_each(level_operations(), count - 4, words + 4);
    } else if (what == "held") {
        run_each(held_operations(), count - 4, words + 4);
    } else if (what == "cached") {
        run_each(cached_operations(), count - 4, words + 4);
    } else if (what == "groups") {
        open_second_group();
        run_each(operations(), count - 4, words + 4, {.make = make_apart});
        run_each(spread_operations(), count - 4, words + 4, {.make = make_apart});
    } else if (what == "apart") {
        open_second_group();
        run_each(apart_operations(), count - 4, words + 4, {.make = make_apart});
    } else if (what == "opening") {
        run_each(opening_operations(), count - 4, words + 4);
    } else if (what == "full" && count > 4) {
        run_each(operations(), count - 5, words + 5, {.is_full = true, .leave = std::strtoull(words[4], nullptr, 10)});
    } else if (what == "two" && count == 7) {
        run_pairs(std::strtoull(words[4], nullptr, 10), std::strtoull(words[5], nullptr, 10),
                  std::strtoull(words[6], nullptr, 10));
    } else if (what == "both" && count > 5) {
        run_schedules(std::strtoull(words[4], nullptr, 10), std::strtoull(words[5], nullptr, 10), count - 6, words + 6);
    } else if (what == "recover") {
        recover(words[2]);
    } else {
        return 2;
    }
    return 0;
}

}  // namespace
}  // namespace daxfs::crash

int main(int count, char** words) {
    return daxfs::crash::run(count, words);
}

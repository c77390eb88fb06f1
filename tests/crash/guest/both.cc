// SPDX-License-Identifier: GPL-2.0-or-later
// Which calls meet: those that share an allocation group alone, each below a directory of its own, are there wholly or
// not at all; of those that share a directory, a file or a tree too, the filesystem must be sound at every moment, and
// what they did is durable when both have returned.
#include "tests/crash/guest/both.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <thread>
#include <utility>
#include <vector>

#include "tests/crash/guest/calls.h"
#include "tests/crash/guest/mark.h"

namespace daxfs::crash {
namespace {

constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
constexpr const char* kTree = "A/scattered";
constexpr const char* kNames = "A/names";

std::string name(int number) {
    return std::string(kNames) + "/" + std::to_string(number) + std::string(200, 'n');
}

// A file of many extents, and a directory of many names: each with a tree.
void make_trees() {
    must(make_file(kTree, 0), kTree);
    for (std::uint64_t block = 0; block < 60; block += 2)
        must(allocate(kTree, FALLOC_FL_KEEP_SIZE, block * 4096, 4096), kTree);
    make_directory(kNames);
    for (int i = 0; i < 30; ++i)
        must(result(link("A/foo", name(i).c_str())), kNames);
    sync();
}

int store_in(const char* path, std::uint64_t offset, std::size_t bytes) {
    return store_at(path, offset, bytes, Ending::kFlush, false);
}

struct Call {
    const char* name;
    int (*run)();
};

// Calls of which every two may meet, one of `first` and one of `second`.
struct Meeting {
    const char* name;
    const char* flags;
    std::vector<Call> first, second;
    void (*prepare)() = nullptr;
};

// clang-format off
const std::vector<Meeting>& meetings() {
    static const std::vector<Call> in_a = {
        {"create", [] { return make_file("A/new", 0); }},
        {"unlink", [] { return result(unlink("A/foo")); }},
        {"append", [] { return append("A/hole", 9000); }},
        {"truncate", [] { return result(truncate("A/foo", 4096)); }},
        {"chmod", [] { return result(chmod("A/foo", 0400)); }},
        {"rename", [] { return result(rename("A/bar", "A/bar2")); }},
        {"rename-over", [] { return result(rename("A/bar", "A/foo")); }},
        {"mkdir", [] { return result(mkdir("A/newdir", 0755)); }},
        {"symlink-long", [] { return result(symlink(long_target().c_str(), "A/long")); }},
        {"rmdir", [] { return result(rmdir("A/sub")); }},
        {"punch", [] { return allocate("A/foo", kPunch, 4096, 4096); }},
    };
    static const std::vector<Call> in_b = {
        {"create", [] { return make_file("B/new", 0); }},
        {"unlink", [] { return result(unlink("B/old")); }},
        {"truncate", [] { return result(truncate("B/old", 100)); }},
        {"chown", [] { return result(chown("B/old", 1000, 1001)); }},
        {"rename", [] { return result(rename("B/old", "B/older")); }},
        {"mkdir", [] { return result(mkdir("B/newdir", 0755)); }},
        {"symlink-long", [] { return result(symlink(long_target().c_str(), "B/long")); }},
        {"rmdir", [] { return result(rmdir("B/empty")); }},
    };
    static const std::vector<Call> names = {
        {"create", [] { return make_file("A/new", 0); }},
        {"unlink", [] { return result(unlink("A/bar")); }},
        {"link", [] { return result(link("A/foo", "A/linked")); }},
        {"rename", [] { return result(rename("A/pre", "A/pre2")); }},
        {"rename-out", [] { return result(rename("A/pre", "B/pre")); }},
        {"mkdir", [] { return result(mkdir("A/newdir", 0755)); }},
    };
    static const std::vector<Call> other_names = {
        {"create", [] { return make_file("A/other", 0); }},
        {"unlink", [] { return result(unlink("A/link")); }},
        {"link", [] { return result(link("B/old", "A/old")); }},
        {"rename-in", [] { return result(rename("B/old", "A/old")); }},
        {"rename-over", [] { return result(rename("B/old", "A/hole")); }},
        {"rmdir", [] { return result(rmdir("A/sub")); }},
        {"rename-directory", [] { return result(rename("A/sub", "B/sub")); }},
    };
    static const std::vector<Call> inode = {
        {"append", [] { return append("A/pre", 5000); }},
        {"truncate", [] { return result(truncate("A/pre", 3 * 4096 + 100)); }},
        {"write", [] { return write_at("A/pre", 4096, 9000); }},
        {"store", [] { return store_in("A/pre", 2 * 4096 + 200, 5000); }},
        {"punch", [] { return allocate("A/pre", kPunch, 4096, 2 * 4096); }},
        {"chmod", [] { return result(chmod("A/pre", 0400)); }},
    };
    static const std::vector<Call> same_inode = {
        {"append", [] { return append("A/pre", 3000); }},
        {"store", [] { return store_in("A/pre", 3 * 4096, 3000); }},
        {"store-same", [] { return store_in("A/pre", 2 * 4096 + 100, 3000); }},
        {"write", [] { return write_at("A/pre", 2 * 4096 + 50, 700); }},
        {"fallocate", [] { return allocate("A/pre", 0, 4 * 4096, 40000); }},
        {"zero-range", [] { return allocate("A/pre", FALLOC_FL_ZERO_RANGE, 5000, 9000); }},
        {"link", [] { return result(link("A/pre", "B/pre")); }},
        {"unlink", [] { return result(unlink("A/pre")); }},
        {"fsync", [] { return sync_file("A/pre"); }},
    };
    static const std::vector<Call> tree = {
        {"write", [] { return write_at(kTree, 21 * 4096, 4096); }},
        {"store", [] { return store_in(kTree, 31 * 4096 + 8, 100); }},
        {"punch", [] { return allocate(kTree, kPunch, 10 * 4096, 20 * 4096); }},
        {"collapse", [] { return allocate(kTree, FALLOC_FL_COLLAPSE_RANGE, 4096, 4096); }},
        {"link", [] { return result(link("A/bar", name(100).c_str())); }},
        {"unlink", [] { return result(unlink(name(7).c_str())); }},
    };
    static const std::vector<Call> same_tree = {
        {"store", [] { return store_in(kTree, 40 * 4096 + 8, 100); }},
        {"store-hole", [] { return store_in(kTree, 41 * 4096 + 8, 100); }},
        {"fallocate", [] { return allocate(kTree, FALLOC_FL_KEEP_SIZE, 0, 20 * 4096); }},
        {"truncate", [] { return result(truncate(kTree, 8 * 4096)); }},
        {"link", [] { return result(link("A/bar", name(101).c_str())); }},
        {"unlink", [] { return result(unlink(name(8).c_str())); }},
        {"rename", [] { return result(rename(name(9).c_str(), name(102).c_str())); }},
    };
    static const std::vector<Meeting> all = {
        {"group", "p", in_a, in_b},
        {"directory", "n", names, other_names},
        {"inode", "nr", inode, same_inode},
        {"tree", "nr", tree, same_tree, [] { make_trees(); must(result(truncate(kTree, 60 * 4096)), kTree); }},
    };
    return all;
}
// clang-format on

struct Pair {
    std::string name;
    const Meeting* meeting;
    const Call* first;
    const Call* second;
};

const std::vector<Pair>& pairs() {
    static const std::vector<Pair> all = [] {
        std::vector<Pair> made;
        for (const Meeting& meeting : meetings())
            for (const Call& first : meeting.first)
                for (const Call& second : meeting.second)
                    made.push_back(
                        {std::string(meeting.name) + ":" + first.name + "+" + second.name, &meeting, &first, &second});
        return made;
    }();
    return all;
}

const Pair* current;
std::uint64_t current_seed;

// A thread on a processor of its own. It goes on spinning until all are there: then nothing is left to be woken.
void run_on(int processor, std::atomic<int>& waiting, const Call& call, const char* below, int& error) {
    cpu_set_t mask;
    CPU_ZERO(&mask);
    CPU_SET(processor, &mask);
    must(result(sched_setaffinity(0, sizeof mask, &mask)), "sched_setaffinity");
    --waiting;
    while (waiting != 0)
        __builtin_ia32_pause();
    error = call.run();
    if (below != nullptr)
        say(Mark::kReturned, below);
}

int run_pair() {
    const Pair& pair = *current;
    const bool apart = pair.meeting->flags[0] == 'p';
    std::atomic<int> waiting{3};
    int errors[2] = {};
    std::thread first([&] { run_on(0, waiting, *pair.first, apart ? "/case/A" : nullptr, errors[0]); });
    std::thread second([&] { run_on(1, waiting, *pair.second, apart ? "/case/B" : nullptr, errors[1]); });
    while (waiting != 1)
        sched_yield();
    say(Mark::kInterleave, std::to_string(current_seed));
    --waiting;
    first.join();
    second.join();
    return errors[0] != 0 ? errors[0] : errors[1];
}

}  // namespace

std::size_t count_pairs() {
    return pairs().size();
}

Operation pair_of(std::uint64_t pair) {
    current = &pairs()[pair % pairs().size()];
    return {current->meeting->flags, current->name.c_str(), run_pair, current->meeting->prepare};
}

void set_schedule(std::uint64_t seed) {
    current_seed = seed;
}

}  // namespace daxfs::crash

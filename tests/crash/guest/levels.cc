// SPDX-License-Identifier: GPL-2.0-or-later
// How many steps it takes until a tree gains a level, or loses it, is found out on a twin; the file that is looked at
// then goes all steps but the last one, which is the operation.
#include "tests/crash/guest/levels.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "tests/crash/guest/calls.h"

namespace daxfs::crash {
namespace {

constexpr int kMostSteps = 3000;

// One more, or one less, of what a tree is of; where everything that a tree takes is counted.
struct Kind {
    int (*make)(const char* path);
    int (*add)(const char* path, int number);
    int (*remove)(const char* path, int number);
    std::uint64_t (*blocks)(const char* path);
    // A level comes and goes with a block beside the leaf that splits or goes, and beside what was added or removed.
    std::uint64_t level_blocks;
};

struct stat status_of(const char* path) {
    struct stat status {};
    must(result(stat(path, &status)), path);
    return status;
}

// Extents of one block. The last ones first: leaves split in halves, so that there are many.
off_t place(int number) {
    return off_t{2} * (kMostSteps - number) * 4096;
}

constexpr Kind kExtents = {
    .make = [](const char* path) { return make_file(path, 0); },
    .add = [](const char* path, int number) { return allocate(path, FALLOC_FL_KEEP_SIZE, place(number), 4096); },
    .remove =
        [](const char* path, int number) {
            return allocate(path, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, place(number), 4096);
        },
    .blocks = [](const char* path) { return static_cast<std::uint64_t>(status_of(path).st_blocks) / 8; },
    .level_blocks = 3,
};

std::string name(const char* path, int number) {
    return path + ("/" + std::to_string(number) + std::string(230, 'n'));
}

// More names of one file: they take nothing but their entries.
constexpr Kind kNames = {
    .make = [](const char* path) { return result(mkdir(path, 0755)); },
    .add = [](const char* path, int number) { return result(link("A/foo", name(path, number).c_str())); },
    .remove = [](const char* path, int number) { return result(unlink(name(path, number).c_str())); },
    .blocks = [](const char* path) { return static_cast<std::uint64_t>(status_of(path).st_size) / 4096; },
    .level_blocks = 2,
};

struct Steps {
    int added = 0, removed = 0;
};

// Up to the step that makes a level, and with `back` up to the one that takes it away again.
Steps count(const Kind& kind, const char* path, bool back) {
    Steps steps;
    std::uint64_t before = kind.blocks(path), now = before;
    for (bool gained = false; !gained; before = now) {
        must(steps.added == kMostSteps ? EDOM : kind.add(path, steps.added), "no level is gained");
        ++steps.added;
        now = kind.blocks(path);
        gained = now - before >= kind.level_blocks;
    }
    for (bool lost = !back; !lost; before = now) {
        must(steps.removed == steps.added ? EDOM : kind.remove(path, steps.removed), "no level is lost");
        ++steps.removed;
        now = kind.blocks(path);
        lost = before - now >= kind.level_blocks;
    }
    return steps;
}

const char* const kTree = "A/tree";
Steps prepared;

void prepare(const Kind& kind, bool back) {
    const std::string twin = "B/twin";
    must(kind.make(twin.c_str()), "B/twin");
    prepared = count(kind, twin.c_str(), back);
    for (int i = prepared.removed; i < prepared.added; ++i)
        must(kind.remove(twin.c_str(), i), "B/twin");
    must(result(remove(twin.c_str())), "B/twin");
    must(kind.make(kTree), kTree);
    --(back ? prepared.removed : prepared.added);
    for (int i = 0; i < prepared.added; ++i)
        must(kind.add(kTree, i), kTree);
    for (int i = 0; i < prepared.removed; ++i)
        must(kind.remove(kTree, i), kTree);
}

// A file or a directory of two levels.
void make_levels(const Kind& kind) {
    must(kind.make(kTree), kTree);
    count(kind, kTree, false);
}

int change(const Kind& kind, int (*step)(const char*, int), int number, bool gains) {
    const std::uint64_t before = kind.blocks(kTree);
    if (const int error = step(kTree, number))
        return error;
    const std::uint64_t now = kind.blocks(kTree);
    must((gains ? now - before : before - now) >= kind.level_blocks ? 0 : EDOM,
         "the tree has as many levels as before");
    return 0;
}

// Two leaves of three extents each: one less, and they fit the inode.
constexpr int kTwoLeaves = 170;

void make_two_leaves() {
    must(kExtents.make(kTree), kTree);
    for (int i = 0; i < kTwoLeaves; ++i)
        must(kExtents.add(kTree, i), kTree);
    for (int i = 3; i < kTwoLeaves - 3; ++i)
        must(kExtents.remove(kTree, i), kTree);
}

// Records with a few bytes to spare, too few for a free record; leaves that split make them tight.
int split_slack() {
    must(kNames.make(kTree), kTree);
    const auto shorter = [](int number) {
        const std::string longer = name(kTree, number);
        return longer.substr(0, longer.size() - 9);
    };
    int error = 0;
    for (int i = 0; i < 40 && error == 0; ++i)
        error = kNames.add(kTree, i);
    for (int i = 0; i < 40 && error == 0; i += 2) {
        error = kNames.remove(kTree, i);
        error = error != 0 ? error : result(link("A/foo", shorter(i).c_str()));
    }
    for (int i = 40; i < 80 && error == 0; ++i)
        error = kNames.add(kTree, i);
    return error;
}

}  // namespace

// clang-format off
const std::vector<Operation>& level_operations() {
    static const std::vector<Operation> all = {
        {"c", "fallocate-gains-level", [] { return change(kExtents, kExtents.add, prepared.added, true); }, [] { prepare(kExtents, false); }},
        {"-", "punch-loses-level", [] { return change(kExtents, kExtents.remove, prepared.removed, false); }, [] { prepare(kExtents, true); }},
        {"-", "punch-into-inode", [] { return change(kExtents, kExtents.remove, 2, false); }, make_two_leaves},
        {"-", "truncate-levels", [] { return result(truncate(kTree, 100)); }, [] { make_levels(kExtents); must(result(truncate(kTree, 2 * kMostSteps * 4096)), kTree); }},
        {"-", "unlink-levels", [] { return result(unlink(kTree)); }, [] { make_levels(kExtents); }},
        {"-", "link-gains-level", [] { return change(kNames, kNames.add, prepared.added, true); }, [] { prepare(kNames, false); }},
        {"-", "unlink-loses-level", [] { return change(kNames, kNames.remove, prepared.removed, false); }, [] { prepare(kNames, true); }},
        {"n", "links-split-slack", split_slack},
        {"-", "rename-in-levels", [] { return result(rename(name(kTree, 3).c_str(), (std::string(kTree) + "/" + std::string(200, 'm')).c_str())); }, [] { make_levels(kNames); }},
    };
    return all;
}
// clang-format on

}  // namespace daxfs::crash

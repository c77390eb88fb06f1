// SPDX-License-Identifier: GPL-2.0-or-later
// In the guest, under the recorder (../plugin.cc): tasks, each on a processor of its own, do an operation one after the
// other, in a directory of their own and then all in one.
//   tasks DIRECTORY MANIFEST TASKS OPERATION...
// Line N of MANIFEST says what the Nth recording is of: "own OPERATION" or
// "one OPERATION".
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/scale/mark.h"

namespace {

using namespace daxfs::scale;
using daxfs::bench::mark;

constexpr unsigned kWarm = 4, kRecorded = 12, kCalls = kWarm + kRecorded;
constexpr std::size_t kPage = 4096;

void expect(bool good, const std::string& what) {
    if (good)
        return;
    std::perror(what.c_str());
    std::exit(1);
}

std::array<char, kPage> page;

// What the calls of one task need. Its directory is the current one.
struct Setting {
    std::vector<std::string> names, others;
    int fd = -1;
    volatile char* map = nullptr;
};

int create_file(const std::string& name) {
    return open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0644);
}

void make_files(Setting& setting) {
    for (const std::string& name : setting.names)
        expect(close(create_file(name)) == 0, "create");
}

void open_file(Setting& setting) {
    setting.fd = create_file(setting.names[0]);
    expect(setting.fd >= 0, "create");
}

void fill_file(Setting& setting) {
    open_file(setting);
    for (unsigned i = 0; i < kCalls; ++i)
        expect(write(setting.fd, page.data(), kPage) == kPage, "write");
}

// Sparse, and small: each fault is one of 4 KiB.
void map_file(Setting& setting) {
    open_file(setting);
    expect(ftruncate(setting.fd, kCalls * kPage) == 0, "ftruncate");
    void* map = mmap(nullptr, kCalls * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, setting.fd, 0);
    expect(map != MAP_FAILED, "mmap");
    setting.map = static_cast<volatile char*>(map);
}

void nothing(Setting&) {}

bool append(const Setting& setting) {
    return write(setting.fd, page.data(), kPage) == kPage;
}

constexpr struct {
    std::string_view name;
    void (*prepare)(Setting& setting);
    bool (*call)(Setting& setting, unsigned i);
} kOperations[] = {
    {"create + close", nothing, [](Setting& setting, unsigned i) { return close(create_file(setting.names[i])) == 0; }},
    {"unlink", make_files, [](Setting& setting, unsigned i) { return unlink(setting.names[i].c_str()) == 0; }},
    {"rename", make_files,
     [](Setting& setting, unsigned i) { return rename(setting.names[i].c_str(), setting.others[i].c_str()) == 0; }},
    {"mkdir", nothing, [](Setting& setting, unsigned i) { return mkdir(setting.names[i].c_str(), 0755) == 0; }},
    {"append 4K", open_file, [](Setting& setting, unsigned) { return append(setting); }},
    {"append 4K + fsync", open_file,
     [](Setting& setting, unsigned) { return append(setting) && fsync(setting.fd) == 0; }},
    {"overwrite 4K", fill_file,
     [](Setting& setting, unsigned i) { return pwrite(setting.fd, page.data(), kPage, i * kPage) == kPage; }},
    {"write fault 4K, hole", map_file,
     [](Setting& setting, unsigned i) {
         setting.map[i * kPage] = 'f';
         return true;
     }},
    {"stat", make_files,
     [](Setting& setting, unsigned i) {
         struct stat status {};
         return stat(setting.names[i].c_str(), &status) == 0;
     }},
};

// Tasks that share a processor share nothing else that is dealt out in turn: each round begins at another one.
unsigned processor_of(unsigned task) {
    const auto processors = static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN));
    return (task + task / processors) % processors;
}

void pin(unsigned processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    expect(sched_setaffinity(0, sizeof set, &set) == 0, "sched_setaffinity");
}

void wait_for(int pipe) {
    char byte = 0;
    expect(read(pipe, &byte, 1) == 1, "read from a pipe");
}

void tell(int pipe) {
    expect(write(pipe, "x", 1) == 1, "write to a pipe");
}

struct Child {
    int to[2], from[2];
};

template <typename Operation>
[[noreturn]] void run_task(const Operation& operation, unsigned task, const std::string& directory,
                           const Child& child) {
    pin(processor_of(task));
    expect(chdir(directory.c_str()) == 0, directory);
    Setting setting;
    for (unsigned i = 0; i < kCalls; ++i) {
        setting.names.push_back("t" + std::to_string(task) + "." + std::to_string(i));
        setting.others.push_back("u" + std::to_string(task) + "." + std::to_string(i));
    }
    wait_for(child.to[0]);
    operation.prepare(setting);
    tell(child.from[1]);
    wait_for(child.to[0]);
    unsigned i = 0;
    bool good = true;
    for (; i < kWarm; ++i)
        good &= operation.call(setting, i);
    // The first round sees the code for the first time.
    mark<kMarkTask>();
    for (; i + 1 < kCalls; ++i) {
        good &= operation.call(setting, i);
        mark<kMarkOperation>();
    }
    good &= operation.call(setting, i);
    mark<kMarkTaskEnd>();
    expect(good, std::string(operation.name));
    tell(child.from[1]);
    // What the task has stays its own until all have run.
    wait_for(child.to[0]);
    _exit(0);
}

template <typename Operation>
void record(const Operation& operation, unsigned tasks, const std::vector<std::string>& directories) {
    std::vector<Child> children(tasks);
    for (unsigned task = 0; task < tasks; ++task) {
        expect(pipe(children[task].to) == 0 && pipe(children[task].from) == 0, "pipe");
        const pid_t pid = fork();
        expect(pid >= 0, "fork");
        if (pid == 0)
            run_task(operation, task, directories[task % directories.size()], children[task]);
    }
    mark<kMarkRecording>();
    for (unsigned round = 0; round < 2; ++round)
        for (const Child& child : children) {
            tell(child.to[1]);
            wait_for(child.from[0]);
        }
    mark<kMarkWrite>();
    for (const Child& child : children) {
        tell(child.to[1]);
        for (const int fd : {child.to[0], child.to[1], child.from[0], child.from[1]})
            close(fd);
    }
    for (unsigned task = 0; task < tasks; ++task) {
        int status = 0;
        expect(wait(&status) > 0 && status == 0, "a task");
    }
}

std::vector<std::string> make_directories(const std::string& stem, unsigned count) {
    std::vector<std::string> directories;
    for (unsigned i = 0; i < count; ++i) {
        directories.push_back(stem + std::to_string(i));
        expect(mkdir(directories.back().c_str(), 0755) == 0, directories.back());
    }
    return directories;
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc >= 5, "usage: tasks DIRECTORY MANIFEST TASKS OPERATION...");
    std::FILE* manifest = std::fopen(argv[2], "w");
    expect(manifest != nullptr, argv[2]);
    const auto tasks = static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10));
    expect(sysconf(_SC_NPROCESSORS_ONLN) > 1, "one processor alone shares nothing");
    unsigned recording = 0;
    for (int i = 4; i < argc; ++i) {
        bool known = false;
        for (const auto& operation : kOperations) {
            if (operation.name != argv[i])
                continue;
            known = true;
            for (const bool own : {true, false}) {
                const std::string stem = std::string(argv[1]) + "/r" + std::to_string(recording++) + ".";
                record(operation, tasks, make_directories(stem, own ? tasks : 1));
                std::fprintf(manifest, "%s %s\n", own ? "own" : "one", argv[i]);
            }
        }
        expect(known, std::string("no operation '") + argv[i] + "'");
    }
    expect(std::fclose(manifest) == 0, argv[2]);
    return 0;
}

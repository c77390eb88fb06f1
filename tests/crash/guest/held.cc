// SPDX-License-Identifier: GPL-2.0-or-later
// Two calls at once on one processor: a thread is parked at a delay point of the module (kernel/points.h) in the middle
// of its transaction, and another call begins and ends before it goes on.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "tests/crash/guest/calls.h"
#include "tests/crash/guest/mark.h"
#include "tests/crash/guest/operations.h"

namespace daxfs::crash {
namespace {

class Point {
  public:
    explicit Point(const std::string& name) : path_("/sys/kernel/debug/daxfs/points/" + name) {}

    void tell(const std::string& text) const {
        const File file(path_.c_str(), O_WRONLY);
        if (!file.good() || write(file.get(), text.data(), text.size()) < 0)
            die("cannot be told anything");
    }

    void wait_until_parked() const {
        for (int i = 0; i < 5000; ++i) {
            char text[64] = {};
            const File file(path_.c_str(), O_RDONLY);
            if (read(file.get(), text, sizeof text - 1) > 0 && std::strstr(text, "parked 1") != nullptr)
                return;
            usleep(1000);
        }
        die("nobody came by");
    }

  private:
    [[noreturn]] void die(const char* what) const {
        std::fprintf(stderr, "cases: %s: %s\n", path_.c_str(), what);
        std::exit(2);
    }

    std::string path_;
};

// `held` waits at the point until `other` has returned. Where they are one operation each, `below` is the directory
// that `other` works in.
template <typename Held, typename Other>
int while_held(const char* point_name, const Held& held, const Other& other, const char* below = nullptr) {
    const Point point(point_name);
    int held_error = 0;
    std::thread thread([&] {
        point.tell("park " + std::to_string(gettid()));
        held_error = held();
    });
    point.wait_until_parked();
    const int error = other();
    if (below != nullptr)
        say(Mark::kReturned, below);
    point.tell("go");
    thread.join();
    return error != 0 ? error : held_error;
}

constexpr const char* kB = "/case/B";

int change_mode() {
    return result(chmod("A/foo", 0400));
}

// Made before anybody is held and undone after: both wait for whoever is in a fault.
class Mapping {
  public:
    explicit Mapping(const char* path)
        : file_(path),
          bytes_(static_cast<char*>(
              mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, file_.get(), 0))) {}
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() { munmap(bytes_, kBytes); }

    int store(std::size_t offset, std::size_t count) const {
        if (bytes_ == MAP_FAILED)
            return EIO;
        std::memcpy(bytes_ + offset, pattern(count), count);
        flush_lines(bytes_ + offset, count);
        return 0;
    }

  private:
    static constexpr std::size_t kBytes = 8 * 4096;
    File file_;
    char* bytes_;
};

int fault_and_fault() {
    const Mapping mapping("A/pre");
    return while_held(
        "lookup", [&] { return mapping.store(3 * 4096 + 200, 1000); }, [&] { return mapping.store(4 * 4096, 3000); });
}

int fault_and_write() {
    const Mapping mapping("A/pre");
    return while_held(
        "lookup", [&] { return mapping.store(3 * 4096 + 200, 1000); },
        [] { return write_at("A/pre", 2 * 4096, 4096); });
}

int write_and_fault(const char* path) {
    const Mapping mapping(path);
    return while_held(
        "lookup", [&] { return write_at(path, 5 * 4096 + 300, 6000); }, [&] { return mapping.store(5 * 4096, 300); });
}

}  // namespace

// clang-format off
const std::vector<Operation>& held_operations() {
    static const std::vector<Operation> all = {
        {"p", "chmod-stored+unlink", [] { return while_held("stored", change_mode, [] { return result(unlink("B/old")); }, kB); }},
        {"p", "chmod-logged+create", [] { return while_held("logged", change_mode, [] { return make_file("B/new", 0); }, kB); }},
        {"p", "chmod-durable+mkdir", [] { return while_held("durable", change_mode, [] { return result(mkdir("B/newdir", 0755)); }, kB); }},
        {"p", "chmod-committed+append", [] { return while_held("committed", change_mode, [] { return append("B/old", 1000); }, kB); }},
        {"p", "chmod-stored+truncate", [] { return while_held("stored", change_mode, [] { return result(truncate("B/old", 100)); }, kB); }},
        {"p", "rename-stored+unlink", [] { return while_held("stored", [] { return result(rename("A/bar", "A/bar2")); }, [] { return result(unlink("B/old")); }, kB); }},
        {"p", "rename-stored+rename", [] { return while_held("stored", [] { return result(rename("A/bar", "A/bar2")); }, [] { return result(rename("B/old", "B/older")); }, kB); }},
        {"p", "create-stored+chown", [] { return while_held("stored", [] { return make_file("A/new", 0); }, [] { return result(chown("B/old", 1000, 1001)); }, kB); }},
        {"p", "append-stored+rename", [] { return while_held("stored", [] { return append("A/hole", 9000); }, [] { return result(rename("B/old", "B/older")); }, kB); }},
        {"p", "truncate-durable+chmod", [] { return while_held("durable", [] { return result(truncate("A/foo", 4096)); }, [] { return result(chmod("B/old", 0400)); }, kB); }},
        {"p", "unlink-stored+chmod", [] { return while_held("stored", [] { return result(unlink("A/foo")); }, [] { return result(chmod("B/old", 0400)); }, kB); }},
        {"rf", "fault+fault-preallocated", fault_and_fault},
        {"r", "fault+write-preallocated", fault_and_write},
        {"r", "write+fault-preallocated", [] { return write_and_fault("A/pre"); }},
        {"r", "write+fault-hole", [] { return write_and_fault("A/hole"); }},
    };
    return all;
}

const std::vector<Operation>& apart_operations() {
    static const std::vector<Operation> all = {
        {"p", "create-stored+unlink", [] { return while_held("stored", [] { return make_file("A/new", 0); }, [] { return result(unlink("B/old")); }, kB); }},
        {"p", "create-logged+symlink-long", [] { return while_held("logged", [] { return make_file("A/new", 0); }, [] { return result(symlink(long_target().c_str(), "B/long")); }, kB); }},
        {"p", "unlink-stored+unlink", [] { return while_held("stored", [] { return result(unlink("A/foo")); }, [] { return result(unlink("B/old")); }, kB); }},
        {"p", "unlink-durable+create", [] { return while_held("durable", [] { return result(unlink("A/foo")); }, [] { return make_file("B/new", 0); }, kB); }},
        {"p", "append-stored+symlink-long", [] { return while_held("stored", [] { return append("A/hole", 9000); }, [] { return result(symlink(long_target().c_str(), "B/long")); }, kB); }},
        {"p", "append-committed+truncate", [] { return while_held("committed", [] { return append("A/hole", 9000); }, [] { return result(truncate("B/old", 0)); }, kB); }},
        {"p", "truncate-stored+mkdir", [] { return while_held("stored", [] { return result(truncate("A/foo", 4096)); }, [] { return result(mkdir("B/newdir", 0755)); }, kB); }},
        {"p", "mkdir-stored+rmdir", [] { return while_held("stored", [] { return result(mkdir("A/newdir", 0755)); }, [] { return result(rmdir("B/empty")); }, kB); }},
    };
    return all;
}
// clang-format on

}  // namespace daxfs::crash

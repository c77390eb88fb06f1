// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxbench/fs_suite.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>

#include "cmd/daxbench/mark.h"
#include "lib/format/daxfs_trace_format.h"

namespace daxfs::bench {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHuge = std::size_t{2} << 20;
constexpr std::size_t kFileBytes = std::size_t{64} << 20;
constexpr off_t kBigBytes = off_t{1} << 30;
constexpr unsigned kNames = 500;     // calls in a batch of operations on names
constexpr unsigned kWrites = 500;    // ... on data
constexpr unsigned kFaults = 2048;   // ... of 4 KiB faults: 8 MiB
constexpr unsigned kCrowd = 10'000;  // files in the directory that names are looked up in

std::string errno_now() {
    return errno_text(errno);
}

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0)
            close(fd_);
    }
    int get() const { return fd_; }
    bool valid() const { return fd_ >= 0; }

  private:
    int fd_;
};

// A shared mapping of a file at a 2 MiB-aligned address, so that what keeps a fault from 2 MiB is the filesystem.
class AlignedMapping {
  public:
    AlignedMapping(int fd, std::size_t bytes, int protection, bool huge) : bytes_(bytes) {
        void* room = mmap(nullptr, bytes + kHuge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (room == MAP_FAILED)
            return;
        room_ = static_cast<char*>(room);
        char* aligned = room_ + (kHuge - reinterpret_cast<std::uintptr_t>(room_) % kHuge) % kHuge;
        if (mmap(aligned, bytes, protection, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
            return;
        madvise(aligned, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
        data_ = aligned;
    }
    AlignedMapping(const AlignedMapping&) = delete;
    AlignedMapping& operator=(const AlignedMapping&) = delete;
    ~AlignedMapping() {
        if (room_ != nullptr)
            munmap(room_, bytes_ + kHuge);
    }
    volatile char* data() const { return data_; }

  private:
    std::size_t bytes_;
    char* room_ = nullptr;
    char* data_ = nullptr;
};

// The module's counters since mount, where the directory lies on daxfs.
class Counters {
  public:
    explicit Counters(const std::string& directory) {
        struct statfs facts {};
        if (statfs(directory.c_str(), &facts) != 0 || static_cast<std::uint32_t>(facts.f_type) != DAXFS_STATFS_MAGIC)
            return;
        struct stat status {};
        if (stat(directory.c_str(), &status) != 0)
            return;
        std::error_code ignored;
        const auto block = fmt::format("/sys/dev/block/{}:{}", major(status.st_dev), minor(status.st_dev));
        const auto device = std::filesystem::canonical(block, ignored);
        if (!ignored)
            folder_ = "/sys/fs/daxfs/" + device.filename().string() + "/";
    }
    bool present() const { return !folder_.empty(); }
    Persistence read() const {
        return {.commits = value("commits"),
                .flushed_lines = value("flushed_lines"),
                .fences = value("fences"),
                .logged_bytes = value("logged_bytes")};
    }

  private:
    double value(const char* name) const {
        std::ifstream file(folder_ + name);
        double number = 0;
        file >> number;
        return number;
    }
    std::string folder_;
};

std::int64_t now_ns() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// Times the part of a batch that is the operation itself.
class Batch {
  public:
    Batch(std::string directory, std::string crowd, const Counters& counters)
        : directory_(std::move(directory)), crowd_(std::move(crowd)), counters_(counters) {}

    // Empty, this batch's own.
    const std::string& directory() const { return directory_; }
    // Holds kCrowd files, crowd0 and so on; each batch leaves it as it was.
    const std::string& crowd() const { return crowd_; }
    std::string file() const { return directory_ + "/file"; }

    // Calls body(0) .. body(calls - 1), each returning whether it went well. The first failure ends the batch.
    template <typename Body>
    Result<void> time(unsigned calls, Body&& body) {
        const Persistence before = counters_.present() ? counters_.read() : Persistence{};
        const std::int64_t start = now_ns();
        mark<kMarkBegin>();
        for (unsigned i = 0; i < calls; ++i)
            if (!body(i))
                return fail("{}", errno_now());
        mark<kMarkEnd>();
        const std::int64_t end = now_ns();
        calls_ = calls;
        ns_per_call_ = static_cast<double>(end - start) / calls;
        if (counters_.present())
            persistence_ = difference(counters_.read(), before, calls);
        return {};
    }

    unsigned calls() const { return calls_; }
    double ns_per_call() const { return ns_per_call_; }
    const Persistence& persistence() const { return persistence_; }

  private:
    static Persistence difference(const Persistence& after, const Persistence& before, double calls) {
        return {.commits = (after.commits - before.commits) / calls,
                .flushed_lines = (after.flushed_lines - before.flushed_lines) / calls,
                .fences = (after.fences - before.fences) / calls,
                .logged_bytes = (after.logged_bytes - before.logged_bytes) / calls};
    }
    std::string directory_;
    std::string crowd_;
    const Counters& counters_;
    unsigned calls_ = 0;
    double ns_per_call_ = 0;
    Persistence persistence_;
};

using Page = std::array<char, kPage>;
const Page& page_of_data() {
    alignas(kPage) static Page page = [] {
        Page filled{};
        filled.fill('d');
        return filled;
    }();
    return page;
}

bool write_page(int fd) {
    return write(fd, page_of_data().data(), kPage) == static_cast<ssize_t>(kPage);
}
bool pwrite_page(int fd, off_t offset) {
    return pwrite(fd, page_of_data().data(), kPage, offset) == static_cast<ssize_t>(kPage);
}

int create(const std::string& path, int flags = 0) {
    return open(path.c_str(), O_CREAT | O_RDWR | flags, 0644);
}

std::vector<std::string> paths(const std::string& directory, const char* stem, unsigned count) {
    std::vector<std::string> list;
    for (unsigned i = 0; i < count; ++i)
        list.push_back(fmt::format("{}/{}{}", directory, stem, i));
    return list;
}

Result<void> create_many(const std::string& directory, const char* stem, unsigned count) {
    for (const std::string& path : paths(directory, stem, count)) {
        const Descriptor file(create(path));
        if (!file.valid())
            return fail("create: {}", errno_now());
    }
    return {};
}

Result<void> remove_files(const std::vector<std::string>& names) {
    for (const std::string& name : names)
        if (unlink(name.c_str()) != 0)
            return fail("unlink: {}", errno_now());
    return {};
}

Result<void> fill_file(int fd, std::size_t bytes) {
    for (std::size_t at = 0; at < bytes; at += kPage)
        if (!write_page(fd))
            return fail("write: {}", errno_now());
    return {};
}

// Leaves the crowd as it was, so that every batch meets the same directory.
Result<void> bench_create(Batch& batch) {
    const auto names = paths(batch.crowd(), "new", kNames);
    DAXFS_TRY(batch.time(kNames, [&](unsigned i) {
        const int fd = create(names[i]);
        return fd >= 0 && close(fd) == 0;
    }));
    return remove_files(names);
}

Result<void> bench_create_fsync(Batch& batch) {
    const auto names = paths(batch.directory(), "new", kNames);
    return batch.time(kNames, [&](unsigned i) {
        const int fd = create(names[i]);
        return fd >= 0 && fsync(fd) == 0 && close(fd) == 0;
    });
}

Result<void> bench_stat(Batch& batch) {
    const auto names = paths(batch.crowd(), "crowd", kNames);
    struct stat status {};
    return batch.time(kNames, [&](unsigned i) { return stat(names[i].c_str(), &status) == 0; });
}

Result<void> bench_rename(Batch& batch) {
    const auto from = paths(batch.crowd(), "crowd", kNames);
    const auto to = paths(batch.crowd(), "renamed", kNames);
    DAXFS_TRY(batch.time(kNames, [&](unsigned i) { return rename(from[i].c_str(), to[i].c_str()) == 0; }));
    for (unsigned i = 0; i < kNames; ++i)
        if (rename(to[i].c_str(), from[i].c_str()) != 0)
            return fail("rename back: {}", errno_now());
    return {};
}

Result<void> bench_unlink(Batch& batch) {
    DAXFS_TRY(create_many(batch.crowd(), "new", kNames));
    const auto names = paths(batch.crowd(), "new", kNames);
    return batch.time(kNames, [&](unsigned i) { return unlink(names[i].c_str()) == 0; });
}

Result<void> bench_mkdir(Batch& batch) {
    const auto names = paths(batch.directory(), "dir", kNames);
    return batch.time(kNames, [&](unsigned i) { return mkdir(names[i].c_str(), 0755) == 0; });
}

Result<void> bench_rmdir(Batch& batch) {
    const auto names = paths(batch.directory(), "dir", kNames);
    for (const auto& name : names)
        if (mkdir(name.c_str(), 0755) != 0)
            return fail("mkdir: {}", errno_now());
    return batch.time(kNames, [&](unsigned i) { return rmdir(names[i].c_str()) == 0; });
}

Result<void> bench_readdir(Batch& batch) {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(batch.crowd().c_str()), closedir);
    if (!stream)
        return fail("opendir: {}", errno_now());
    return batch.time(kCrowd, [&](unsigned) { return readdir(stream.get()) != nullptr; });
}

Result<void> bench_append(Batch& batch) {
    const Descriptor file(create(batch.file(), O_APPEND));
    return batch.time(kWrites, [&](unsigned) { return write_page(file.get()); });
}

Result<void> bench_append_fsync(Batch& batch) {
    const Descriptor file(create(batch.file(), O_APPEND));
    return batch.time(kWrites, [&](unsigned) { return write_page(file.get()) && fsync(file.get()) == 0; });
}

Result<void> bench_overwrite(Batch& batch) {
    const Descriptor file(create(batch.file()));
    DAXFS_TRY(fill_file(file.get(), kWrites * kPage));
    return batch.time(kWrites, [&](unsigned i) { return pwrite_page(file.get(), off_t{i} * off_t{kPage}); });
}

Result<void> bench_overwrite_fsync(Batch& batch) {
    const Descriptor file(create(batch.file()));
    DAXFS_TRY(fill_file(file.get(), kWrites * kPage));
    return batch.time(kWrites, [&](unsigned i) {
        return pwrite_page(file.get(), off_t{i} * off_t{kPage}) && fsync(file.get()) == 0;
    });
}

Result<void> bench_read(Batch& batch) {
    const Descriptor file(create(batch.file()));
    DAXFS_TRY(fill_file(file.get(), kWrites * kPage));
    Page page;
    return batch.time(kWrites, [&](unsigned i) {
        return pread(file.get(), page.data(), kPage, off_t{i} * off_t{kPage}) == static_cast<ssize_t>(kPage);
    });
}

// Touches one byte of every `step` bytes of a mapping of `fd`.
Result<void> time_faults(Batch& batch, int fd, std::size_t step, unsigned count, bool store) {
    const AlignedMapping mapping(fd, step * count, PROT_READ | PROT_WRITE, step == kHuge);
    volatile char* data = mapping.data();
    if (data == nullptr)
        return fail("mmap: {}", errno_now());
    return batch.time(count, [&](unsigned i) {
        if (store)
            data[i * step] = 'f';
        else
            static_cast<void>(data[i * step]);
        return true;
    });
}

Result<void> bench_fault_hole(Batch& batch) {
    const Descriptor file(create(batch.file()));
    if (ftruncate(file.get(), kFaults * kPage) != 0)
        return fail("ftruncate: {}", errno_now());
    return time_faults(batch, file.get(), kPage, kFaults, true);
}

Result<void> bench_fault_preallocated(Batch& batch) {
    const Descriptor file(create(batch.file()));
    if (posix_fallocate(file.get(), 0, kFaults * kPage) != 0)
        return fail("fallocate: {}", errno_now());
    return time_faults(batch, file.get(), kPage, kFaults, true);
}

Result<void> bench_fault_written(Batch& batch) {
    const Descriptor file(create(batch.file()));
    DAXFS_TRY(fill_file(file.get(), kFaults * kPage));
    return time_faults(batch, file.get(), kPage, kFaults, true);
}

Result<void> bench_fault_read(Batch& batch) {
    const Descriptor file(create(batch.file()));
    DAXFS_TRY(fill_file(file.get(), kFaults * kPage));
    return time_faults(batch, file.get(), kPage, kFaults, false);
}

Result<void> bench_pmd_write(Batch& batch) {
    const Descriptor file(create(batch.file()));
    DAXFS_TRY(fill_file(file.get(), kFileBytes));
    return time_faults(batch, file.get(), kHuge, kFileBytes / kHuge, true);
}

Result<void> bench_pmd_read(Batch& batch) {
    const Descriptor file(create(batch.file()));
    DAXFS_TRY(fill_file(file.get(), kFileBytes));
    return time_faults(batch, file.get(), kHuge, kFileBytes / kHuge, false);
}

Result<void> bench_msync(Batch& batch) {
    const Descriptor file(create(batch.file()));
    DAXFS_TRY(fill_file(file.get(), kWrites * kPage));
    const AlignedMapping mapping(file.get(), kWrites * kPage, PROT_READ | PROT_WRITE, false);
    volatile char* data = mapping.data();
    if (data == nullptr)
        return fail("mmap: {}", errno_now());
    return batch.time(kWrites, [&](unsigned i) {
        data[i * kPage] = 's';
        return msync(const_cast<char*>(data) + i * kPage, kPage, MS_SYNC) == 0;
    });
}

Result<void> bench_fallocate(Batch& batch) {
    const Descriptor file(create(batch.file()));
    return batch.time(1, [&](unsigned) { return fallocate(file.get(), 0, 0, kBigBytes) == 0; });
}

Result<void> bench_truncate(Batch& batch) {
    const Descriptor file(create(batch.file()));
    if (fallocate(file.get(), 0, 0, kBigBytes) != 0)
        return fail("fallocate: {}", errno_now());
    return batch.time(1, [&](unsigned) { return ftruncate(file.get(), 0) == 0; });
}

struct Operation {
    const char* name;
    Result<void> (*run)(Batch&);
};

constexpr std::array kOperations{
    Operation{"create + close", bench_create},
    Operation{"unlink (empty)", bench_unlink},
    Operation{"mkdir", bench_mkdir},
    Operation{"rmdir", bench_rmdir},
    Operation{"rename", bench_rename},
    Operation{"create + fsync + close", bench_create_fsync},
    Operation{"append 4K + fsync", bench_append_fsync},
    Operation{"append 4K", bench_append},
    Operation{"overwrite 4K", bench_overwrite},
    Operation{"overwrite 4K + fsync", bench_overwrite_fsync},
    Operation{"pread 4K", bench_read},
    Operation{"write fault 4K, hole", bench_fault_hole},
    Operation{"write fault 4K, preallocated", bench_fault_preallocated},
    Operation{"write fault 4K, written", bench_fault_written},
    Operation{"read fault 4K, written", bench_fault_read},
    Operation{"write fault 2M, written", bench_pmd_write},
    Operation{"read fault 2M, written", bench_pmd_read},
    Operation{"store + msync, one page", bench_msync},
    Operation{"fallocate 1 GiB", bench_fallocate},
    Operation{"truncate 1 GiB", bench_truncate},
    Operation{"readdir, an entry", bench_readdir},
    Operation{"stat", bench_stat},
};

std::string filesystem_type(const std::string& directory) {
    struct stat status {};
    if (stat(directory.c_str(), &status) != 0)
        return "unknown";
    const auto device = fmt::format("{}:{}", major(status.st_dev), minor(status.st_dev));
    // Fields of mountinfo: id parent major:minor root mountpoint options ... - type source options.
    std::ifstream mounts("/proc/self/mountinfo");
    for (std::string line; std::getline(mounts, line);) {
        const std::size_t dash = line.find(" - ");
        if (dash == std::string::npos || line.find(' ' + device + ' ') == std::string::npos)
            continue;
        return line.substr(dash + 3, line.find(' ', dash + 3) - dash - 3);
    }
    return "unknown";
}

Result<void> make_crowd(const std::string& path) {
    if (mkdir(path.c_str(), 0755) != 0)
        return fail("{}: {}", path, errno_now());
    return create_many(path, "crowd", kCrowd);
}

Row measure_row(const Operation& operation, const std::string& directory, unsigned samples, const Counters& counters) {
    Row row{.operation = operation.name};
    for (unsigned n = 0; n < samples; ++n) {
        const std::string own = fmt::format("{}/{}", directory, n);
        std::error_code trouble;
        std::filesystem::create_directory(own, trouble);
        Batch batch(own, directory + "/crowd", counters);
        const auto done = operation.run(batch);
        std::filesystem::remove_all(own, trouble);
        if (!done) {
            row.samples.clear();
            row.error = done.error().message;
            return row;
        }
        row.calls = batch.calls();
        row.samples.push_back(batch.ns_per_call());
        if (counters.present())
            row.persistence = batch.persistence();
    }
    return row;
}

}  // namespace

std::vector<std::string> operation_names() {
    std::vector<std::string> names;
    for (const Operation& operation : kOperations)
        names.emplace_back(operation.name);
    return names;
}

Result<Target> measure(const std::string& directory, const std::vector<std::string>& only, unsigned samples,
                       const std::function<void(const std::string&)>& note) {
    std::string own = directory + "/daxbench-XXXXXX";
    if (mkdtemp(own.data()) == nullptr)
        return fail("{}: cannot make a directory here: {}", directory, errno_now());
    const Counters counters(own);
    DAXFS_TRY(make_crowd(own + "/crowd"));
    Target target{.name = filesystem_type(own), .directory = directory};
    for (const Operation& operation : kOperations) {
        if (!only.empty() && std::find(only.begin(), only.end(), operation.name) == only.end())
            continue;
        note(fmt::format("{}: {}", target.name, operation.name));
        target.rows.push_back(measure_row(operation, own, samples, counters));
    }
    std::error_code trouble;
    std::filesystem::remove_all(own, trouble);
    if (trouble)
        return fail("{}: cannot remove: {}", own, trouble.message());
    return target;
}

}  // namespace daxfs::bench

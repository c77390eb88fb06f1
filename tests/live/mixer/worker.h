// SPDX-License-Identifier: GPL-2.0-or-later
// One thread of the mixer: its own descriptors and mapping of the file, and carrying out operations on it.
#pragma once

#include "tests/live/mixer/model.h"
#include "tests/live/mixer/sigbus.h"

namespace mixer {

class Worker {
  public:
    Worker(const Setup& setup, Range part)
        : setup_(setup), part_(part), buffer_(setup.limit / kPage * kPage + 2 * kPage) {
        // Aligned, for direct I/O.
        const auto start = reinterpret_cast<std::uintptr_t>(buffer_.data());
        io_ = buffer_.data() + ((kPage - start % kPage) % kPage);
        open_all();
        map();
    }
    Worker(const Worker&) = delete;
    ~Worker() {
        close_all();
        munmap(map_, setup_.limit);
    }

    // `size`: of the file, as far as this thread knows.
    Done carry_out(const Op& op, std::size_t size) {
        Done done{.op = op, .range = clip(op, size), .source = 0, .size_before = size, .data = {}};
        if (op.kind == Kind::kCopy)
            place_source(done);
        if (done.range.bytes() == 0 && op.kind != Kind::kTruncate)
            return done;
        fail_allocations(true);
        errno = 0;
        run(done);
        fail_allocations(false);
        // EFAULT: in the kernel, a fault on the source of a write that finds no memory ends the copy.
        const bool excused = done.error == 0 || (setup_.inject && (done.error == ENOMEM || done.error == EFAULT));
        errno = done.error;
        expect(excused, describe(op, done.range) + " failed");
        return done;
    }

    // Allocations of this thread are made to fail while an operation runs (the kernel's fault injection decides which).
    void fail_allocations(bool on) const {
        if (!setup_.inject)
            return;
        const int fd = open("/proc/thread-self/make-it-fail", O_WRONLY | O_CLOEXEC);
        expect(fd >= 0 && write(fd, on ? "1" : "0", 1) == 1, "/proc/thread-self/make-it-fail");
        close(fd);
    }

  private:
    void open_all() {
        plain_ = open_file(setup_.path.c_str());
        sync_ = open_file(setup_.path.c_str(), O_DSYNC);
        direct_ = open_file(setup_.path.c_str(), O_DIRECT);
    }

    void close_all() const {
        close(plain_);
        close(sync_);
        close(direct_);
    }

    // By turns so that huge faults are possible and so that they are not.
    void map() { map_ = map_file(plain_, setup_.limit, 0, huge_ = !huge_); }

    // The place that the operation means: in the thread's part, in the file where it must be, aligned where it must be.
    Range clip(const Op& op, std::size_t size) const {
        Range range{part_.from + op.at % part_.bytes(), 0};
        std::size_t most = part_.to, unit = 1;
        switch (op.kind) {
            case Kind::kLoad:
            case Kind::kStore:
            case Kind::kCopy:
                most = std::min(most, size);
                break;
            case Kind::kReadDirect:
            case Kind::kWriteDirect:
                unit = kPage;
                break;
            case Kind::kCollapse:
                unit = kPage;
                most = size == 0 ? 0 : size - 1;
                break;
            case Kind::kInsert:
                unit = kPage;
                break;
            case Kind::kStoreTail:
                return size % kPage == 0 ? Range{} : Range{size, (size / kPage + 1) * kPage};
            case Kind::kTruncate:
                return {range.from, range.from};
            default:
                break;
        }
        range.from = (range.from + unit - 1) / unit * unit;
        range.to = std::min<std::size_t>(most, range.from + std::max<std::size_t>(op.length, unit)) / unit * unit;
        if (op.kind == Kind::kInsert) {
            const std::size_t room = (setup_.limit - size) / unit * unit;
            range.to = range.from < size ? std::min(range.to, range.from + room) : 0;
        }
        return range.from < range.to ? range : Range{};
    }

    // Beside the target, at a distance that the operation's value tells; often in the same block.
    void place_source(Done& done) const {
        Range& range = done.range;
        const std::size_t before = range.from - part_.from, gap = done.op.value % (2 * kPage);
        const std::size_t bytes = std::min(range.bytes(), before);
        range.to = range.from + bytes;
        done.source = part_.from + (before - bytes > gap ? before - bytes - gap : 0);
    }

    void run(Done& done) {
        const Kind kind = done.op.kind;
        if (kind == Kind::kRead)
            read_from(plain_, done);
        else if (kind == Kind::kReadDirect)
            read_from(direct_, done);
        else if (kind == Kind::kWrite)
            write_to(plain_, filled(done), done);
        else if (kind == Kind::kWriteSync)
            write_to(sync_, filled(done), done);
        else if (kind == Kind::kWriteDirect)
            write_to(direct_, filled(done), done);
        else if (kind == Kind::kCopy)
            write_to(plain_, map_ + done.source, done);
        else
            run_other(done);
    }

    void run_other(Done& done) {
        switch (done.op.kind) {
            case Kind::kLoad:
                return load(done);
            case Kind::kStore:
                return store(done);
            case Kind::kStoreTail:
                without_sigbus([&] { map_[done.range.from] = 0xee; });
                return;
            case Kind::kPunch:
                return allocate(done, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
            case Kind::kZero:
                return allocate(done, FALLOC_FL_ZERO_RANGE);
            case Kind::kZeroKeep:
                return allocate(done, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
            case Kind::kAlloc:
                return allocate(done, 0);
            case Kind::kAllocKeep:
                return allocate(done, FALLOC_FL_KEEP_SIZE);
            case Kind::kCollapse:
                return allocate(done, FALLOC_FL_COLLAPSE_RANGE);
            case Kind::kInsert:
                return allocate(done, FALLOC_FL_INSERT_RANGE);
            case Kind::kTruncate:
                return note(done, ftruncate(plain_, place(done)));
            case Kind::kMsync:
                return note(done, msync(map_, setup_.limit, MS_SYNC));
            case Kind::kFsync:
                return note(done, done.op.value % 2 ? fsync(plain_) : fdatasync(plain_));
            case Kind::kSeek:
                return seek(done);
            case Kind::kReopen:
                close_all();
                fail_allocations(false);
                return open_all();
            case Kind::kRemap:
                munmap(map_, setup_.limit);
                fail_allocations(false);
                return map();
            default:
                break;
        }
    }

    static off_t place(const Done& done) { return static_cast<off_t>(done.range.from); }

    static void note(Done& done, int result) { done.error = result == 0 ? 0 : errno; }

    static void count(Done& done, ssize_t result) {
        done.error = result < 0 ? errno : 0;
        done.count = result < 0 ? 0 : static_cast<std::size_t>(result);
    }

    void read_from(int fd, Done& done) {
        count(done, pread(fd, io_, done.range.bytes(), place(done)));
        done.data.assign(io_, io_ + done.count);
    }

    const std::uint8_t* filled(const Done& done) {
        for (std::size_t i = 0; i < done.range.bytes(); ++i)
            io_[i] = done.op.byte(done.range.from + i);
        return io_;
    }

    // Short only where allocations are made to fail.
    void write_to(int fd, const std::uint8_t* from, Done& done) {
        count(done, pwrite(fd, from, done.range.bytes(), place(done)));
        expect(done.error != 0 || setup_.inject || done.count == done.range.bytes(),
               describe(done.op, done.range) + " wrote " + std::to_string(done.count) + " bytes");
    }

    void load(Done& done) {
        done.sigbus = !without_sigbus([&] { std::memcpy(io_, map_ + done.range.from, done.range.bytes()); });
        if (!done.sigbus) {
            done.count = done.range.bytes();
            done.data.assign(io_, io_ + done.count);
        }
    }

    void store(Done& done) {
        const std::uint8_t* from = filled(done);
        done.sigbus = !without_sigbus([&] { std::memcpy(map_ + done.range.from, from, done.range.bytes()); });
        done.count = done.range.bytes();
    }

    void allocate(Done& done, int mode) {
        note(done, fallocate(plain_, mode, place(done), static_cast<off_t>(done.range.bytes())));
    }

    // What SEEK_DATA skips is zeros: they count as bytes that were read.
    void seek(Done& done) {
        const off_t data = lseek(plain_, place(done), SEEK_DATA);
        if (data < 0 && errno != ENXIO)
            return note(done, -1);
        done.count = data < 0 ? done.range.bytes() : static_cast<std::size_t>(data) - done.range.from;
        done.data.assign(std::min(done.count, done.range.bytes()), 0);
    }

    Setup setup_;
    Range part_;
    std::vector<std::uint8_t> buffer_;
    std::uint8_t* io_;
    int plain_ = -1, sync_ = -1, direct_ = -1;
    std::uint8_t* map_ = nullptr;
    bool huge_ = false;
};

}  // namespace mixer

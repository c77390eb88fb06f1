// SPDX-License-Identifier: GPL-2.0-or-later
// Asynchronous direct I/O, by raw system calls: libaio's and io_uring's.
//
//   async_io aio|uring FILE   many writes in flight, into holes, unwritten and written blocks and behind the end of
//   file;
//                             then many reads; what they find is what was written, also through the page cache
#include "tests/live/bin/check.h"

#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>

namespace {

constexpr std::size_t kBlock = 16 << 10;
constexpr std::size_t kBlocks = 128;
constexpr unsigned kDepth = 32;

struct Request {
    std::size_t block;
    void* data;
};

class Aio {
  public:
    Aio() { expect(syscall(SYS_io_setup, kDepth, &context_) == 0, "io_setup"); }

    void run(int fd, bool write, const std::vector<Request>& requests) {
        std::vector<iocb> blocks(requests.size());
        std::vector<iocb*> pointers;
        for (std::size_t i = 0; i < requests.size(); ++i) {
            blocks[i] = iocb{};
            blocks[i].aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
            blocks[i].aio_fildes = static_cast<std::uint32_t>(fd);
            blocks[i].aio_buf = reinterpret_cast<std::uintptr_t>(requests[i].data);
            blocks[i].aio_nbytes = kBlock;
            blocks[i].aio_offset = static_cast<std::int64_t>(requests[i].block * kBlock);
            pointers.push_back(&blocks[i]);
        }
        const long count = static_cast<long>(requests.size());
        expect(syscall(SYS_io_submit, context_, count, pointers.data()) == count, "io_submit");
        std::vector<io_event> events(requests.size());
        expect(syscall(SYS_io_getevents, context_, count, count, events.data(), nullptr) == count, "io_getevents");
        for (const io_event& event : events)
            expect(event.res == static_cast<std::int64_t>(kBlock),
                   "an aio request ended with " + std::to_string(event.res));
    }

  private:
    aio_context_t context_ = 0;
};

template <class T>
T* ring_field(std::uint8_t* ring, unsigned offset) {
    return reinterpret_cast<T*>(ring + offset);
}

class Uring {
  public:
    Uring() {
        fd_ = static_cast<int>(syscall(SYS_io_uring_setup, kDepth, &params_));
        expect(fd_ >= 0, "io_uring_setup");
        expect(params_.features & IORING_FEAT_SINGLE_MMAP, "one mapping for both rings");
        const std::size_t bytes =
            std::max<std::size_t>(params_.sq_off.array + params_.sq_entries * sizeof(unsigned),
                                  params_.cq_off.cqes + params_.cq_entries * sizeof(io_uring_cqe));
        ring_ = map(bytes, IORING_OFF_SQ_RING);
        entries_ = reinterpret_cast<io_uring_sqe*>(map(params_.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES));
    }

    void run(int fd, bool write, const std::vector<Request>& requests) {
        auto* tail = ring_field<std::atomic<unsigned>>(ring_, params_.sq_off.tail);
        auto* array = ring_field<unsigned>(ring_, params_.sq_off.array);
        const unsigned mask = params_.sq_entries - 1;
        unsigned at = tail->load();
        for (const Request& request : requests) {
            io_uring_sqe& entry = entries_[at & mask];
            entry = io_uring_sqe{};
            entry.opcode = write ? IORING_OP_WRITE : IORING_OP_READ;
            entry.fd = fd;
            entry.addr = reinterpret_cast<std::uintptr_t>(request.data);
            entry.len = kBlock;
            entry.off = request.block * kBlock;
            array[at & mask] = at & mask;
            ++at;
        }
        tail->store(at, std::memory_order_release);
        const long count = static_cast<long>(requests.size());
        expect(syscall(SYS_io_uring_enter, fd_, count, count, IORING_ENTER_GETEVENTS, nullptr, 0) == count,
               "io_uring_enter");
        auto* head = ring_field<std::atomic<unsigned>>(ring_, params_.cq_off.head);
        auto* done = ring_field<std::atomic<unsigned>>(ring_, params_.cq_off.tail);
        auto* results = ring_field<io_uring_cqe>(ring_, params_.cq_off.cqes);
        unsigned from = head->load();
        expect(done->load(std::memory_order_acquire) - from == requests.size(), "number of completions");
        for (; from != done->load(); ++from) {
            const int result = results[from & (params_.cq_entries - 1)].res;
            expect(result == static_cast<int>(kBlock), "an io_uring request ended with " + std::to_string(result));
        }
        head->store(from, std::memory_order_release);
    }

  private:
    std::uint8_t* map(std::size_t bytes, std::uint64_t offset) {
        void* result =
            mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, static_cast<off_t>(offset));
        expect(result != MAP_FAILED, "mmap of a ring");
        return static_cast<std::uint8_t*>(result);
    }

    io_uring_params params_{};
    int fd_ = -1;
    std::uint8_t* ring_ = nullptr;
    io_uring_sqe* entries_ = nullptr;
};

std::uint8_t byte_of(std::size_t block, int round) {
    return static_cast<std::uint8_t>(1 + (block * 7 + 31u * round) % 251);
}

template <class Engine>
void exercise(const char* path) {
    Engine engine;
    const int direct = open_file(path, O_DIRECT | O_TRUNC);
    const int cached = open_file(path);
    // A quarter written, a quarter unwritten, a quarter a hole, a quarter behind the end of file.
    std::vector<std::uint8_t> old(kBlocks / 4 * kBlock, 0xff);
    write_all(cached, old.data(), old.size(), 0);
    expect(fallocate(cached, 0, kBlocks / 4 * kBlock, kBlocks / 4 * kBlock) == 0, "fallocate");
    expect(ftruncate(cached, kBlocks * 3 / 4 * kBlock) == 0, "ftruncate");

    std::uint8_t* memory = nullptr;
    expect(posix_memalign(reinterpret_cast<void**>(&memory), kPage, kBlocks * kBlock) == 0, "posix_memalign");
    std::vector<std::size_t> order(kBlocks);
    for (std::size_t i = 0; i < kBlocks; ++i)
        order[i] = i;
    Random random(9);
    for (int round = 0; round < 2; ++round) {
        for (std::size_t i = kBlocks - 1; i > 0; --i)
            std::swap(order[i], order[random.below(i + 1)]);
        for (bool write : {true, false}) {
            for (std::size_t i = 0; i < kBlocks; ++i)
                std::memset(memory + i * kBlock, write ? byte_of(i, round) : 0, kBlock);
            for (std::size_t i = 0; i < kBlocks; i += kDepth) {
                std::vector<Request> batch;
                for (std::size_t j = i; j < i + kDepth; ++j)
                    batch.push_back({order[j], memory + order[j] * kBlock});
                engine.run(direct, write, batch);
            }
        }
        expect(size_of(cached) == static_cast<off_t>(kBlocks * kBlock), "size");
        const auto got = read_all(cached, kBlocks * kBlock, 0);
        for (std::size_t i = 0; i < kBlocks * kBlock; ++i) {
            expect(memory[i] == byte_of(i / kBlock, round), "direct read of byte " + std::to_string(i));
            expect(got[i] == byte_of(i / kBlock, round), "buffered read of byte " + std::to_string(i));
        }
    }
    std::free(memory);
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 3, "usage: async_io aio|uring FILE");
    if (std::string(argv[1]) == "aio")
        exercise<Aio>(argv[2]);
    else
        exercise<Uring>(argv[2]);
}

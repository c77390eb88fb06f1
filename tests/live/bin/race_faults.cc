// SPDX-License-Identifier: GPL-2.0-or-later
// Threads that store into the same hole at the same moment, each its own bytes. Whoever maps the block first must not
// have its bytes zeroed by the second.
//
//   race_faults FILE ROUNDS THREADS pages|huge
#include "tests/live/bin/check.h"

#include <sched.h>

#include <atomic>
#include <thread>

namespace {

// All threads leave at nearly the same moment.
class Barrier {
  public:
    explicit Barrier(unsigned threads) : threads_(threads) {}
    void wait() {
        const unsigned round = round_.load();
        if (waiting_.fetch_add(1) + 1 == threads_) {
            waiting_ = 0;
            round_.fetch_add(1);
            return;
        }
        for (unsigned spins = 0; round_.load() == round; ++spins)
            if (spins > 200)
                sched_yield();
    }

  private:
    unsigned threads_;
    std::atomic<unsigned> waiting_{0};
    std::atomic<unsigned> round_{0};
};

constexpr std::size_t kStoresInUnit = 8;

// Where thread `t` of `threads` stores for the n-th time into a unit.
std::size_t place(std::size_t unit, unsigned threads, unsigned t, std::size_t n) {
    return unit / kStoresInUnit * n + t * (unit / kStoresInUnit / threads);
}

std::uint8_t value(std::size_t round, unsigned t) {
    return static_cast<std::uint8_t>(1 + (round * 7 + t) % 255);
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 5, "usage: race_faults FILE ROUNDS THREADS pages|huge");
    const std::size_t rounds = std::strtoull(argv[2], nullptr, 10);
    const auto threads = static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10));
    const bool huge = std::strcmp(argv[4], "huge") == 0;
    const std::size_t unit = huge ? kHuge : kPage;
    const std::size_t bytes = rounds * unit;
    const int fd = open_file(argv[1], O_TRUNC);
    expect(ftruncate(fd, static_cast<off_t>(bytes)) == 0, "ftruncate");
    std::uint8_t* map = map_file(fd, bytes, 0, huge);

    Barrier barrier(threads);
    std::vector<std::thread> workers;
    for (unsigned t = 0; t < threads; ++t)
        workers.emplace_back([&, t] {
            for (std::size_t round = 0; round < rounds; ++round) {
                barrier.wait();
                for (std::size_t n = 0; n < kStoresInUnit; ++n)
                    map[round * unit + place(unit, threads, t, n)] = value(round, t);
            }
        });
    for (auto& worker : workers)
        worker.join();

    for (std::size_t round = 0; round < rounds; ++round) {
        const auto got = read_all(fd, unit, static_cast<off_t>(round * unit));
        std::size_t stored = 0;
        for (unsigned t = 0; t < threads; ++t)
            for (std::size_t n = 0; n < kStoresInUnit; ++n, ++stored)
                expect(got[place(unit, threads, t, n)] == value(round, t),
                       "round " + std::to_string(round) + ": a byte of thread " + std::to_string(t) + " is lost");
        std::size_t others = 0;
        for (const std::uint8_t byte : got)
            others += byte != 0;
        expect(others == stored, "round " + std::to_string(round) + ": bytes that nobody stored");
    }
    expect(fsync(fd) == 0, "fsync");
}

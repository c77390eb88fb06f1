// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/image/bus_guard.h"

#include <csignal>
#include <mutex>

#include <sys/mman.h>
#include <unistd.h>

namespace daxfs {
namespace {

std::atomic<BusGuard*> guards[BusGuard::kMaxGuards];
// Handlers that are running: a guard is not destroyed under one.
std::atomic<int> handlers_running{0};
struct sigaction previous_action;

std::size_t page_size() {
    static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    return size;
}

bool handled_by_a_guard(std::uintptr_t address) {
    for (auto& slot : guards) {
        BusGuard* guard = slot.load();
        if (guard != nullptr && guard->handle(address))
            return true;
    }
    return false;
}

void on_sigbus(int, siginfo_t* info, void*) {
    ++handlers_running;
    const bool handled = handled_by_a_guard(reinterpret_cast<std::uintptr_t>(info->si_addr));
    --handlers_running;
    // Not ours: with the action of before in place, the access faults again and takes its course.
    if (!handled)
        sigaction(SIGBUS, &previous_action, nullptr);
}

void install_handler() {
    static std::once_flag once;
    std::call_once(once, [] {
        page_size();  // not computed inside the handler
        struct sigaction action {};
        action.sa_sigaction = on_sigbus;
        action.sa_flags = SA_SIGINFO | SA_NODEFER;
        sigemptyset(&action.sa_mask);
        sigaction(SIGBUS, &action, &previous_action);
    });
}

}  // namespace

BusGuard::BusGuard(void* base, std::size_t size_bytes)
    : base_(reinterpret_cast<std::uintptr_t>(base)), size_(size_bytes) {
    // Zero-filled on demand, so that an image without bad pages pays for none.
    void* cells = mmap(nullptr, kCells * sizeof(*bad_pages_), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    // Without the cells, the first bad page makes every page count as bad.
    bad_pages_ = cells == MAP_FAILED ? nullptr : static_cast<std::atomic<std::uint64_t>*>(cells);
    install_handler();
    for (auto& slot : guards) {
        BusGuard* none = nullptr;
        if (slot.compare_exchange_strong(none, this))
            break;
    }
}

BusGuard::~BusGuard() {
    for (auto& slot : guards) {
        BusGuard* self = this;
        slot.compare_exchange_strong(self, nullptr);
    }
    while (handlers_running != 0)
        usleep(10);
    if (bad_pages_ != nullptr)
        munmap(bad_pages_, kCells * sizeof(*bad_pages_));
}

bool BusGuard::handle(std::uintptr_t address) {
    if (address < base_ || address - base_ >= size_)
        return false;
    const std::size_t page = (address - base_) / page_size();
    remember(page);
    void* at = reinterpret_cast<void*>(base_ + page * page_size());
    return mmap(at, page_size(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

bool BusGuard::readable(std::size_t offset) const {
    static_cast<void>(*reinterpret_cast<const volatile unsigned char*>(base_ + offset));
    return !any_bad_.load(std::memory_order_acquire) || !is_bad(offset / page_size());
}

void BusGuard::remember(std::uint64_t page) {
    for (std::size_t i = 0; bad_pages_ != nullptr && i < kCells; ++i) {
        std::uint64_t empty = 0;
        auto& cell = bad_pages_[(page + i) % kCells];
        if (cell.compare_exchange_strong(empty, page + 1) || empty == page + 1) {
            any_bad_.store(true, std::memory_order_release);
            return;
        }
    }
    full_ = true;
    any_bad_.store(true, std::memory_order_release);
}

bool BusGuard::is_bad(std::uint64_t page) const {
    if (full_)
        return true;
    for (std::size_t i = 0; i < kCells; ++i) {
        const std::uint64_t cell = bad_pages_[(page + i) % kCells].load(std::memory_order_acquire);
        if (cell == page + 1)
            return true;
        if (cell == 0)
            return false;
    }
    return false;
}

}  // namespace daxfs

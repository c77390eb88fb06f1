// SPDX-License-Identifier: GPL-2.0-or-later
// In the guest: every form of store, flush and fence that reaches persistent memory, each marked with whether its line
// is surely durable afterwards ("d") or may still be lost ("p"). `crashlab selfcheck` holds the recorder to it. Usage:
// selfcheck FILE TRACE, on a filesystem with DAX
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/crash/guest/mark.h"

namespace daxfs::crash {
namespace {

constexpr std::size_t kBytes = 256 * 1024;
char* memory;
std::size_t used = 4096 - 64;  // forms march over lines, and now and then over the end of a page

char* fresh() {
    char* at = memory + used;
    used += 128;
    if (used > kBytes - 4096)
        std::exit(3);
    return at;
}

void clwb(const char* at) {
    asm volatile("clwb (%0)" : : "r"(at) : "memory");
}
void sfence() {
    asm volatile("sfence" : : : "memory");
}

// The same store twice: flushed and fenced, and left in the cache.
template <typename Store>
void plain(const char* name, Store store) {
    char* at = fresh();
    say(Mark::kOperation, std::string("d ") + name);
    store(at);
    clwb(at);
    clwb(at + 64);
    sfence();
    say(Mark::kDone, "0 -");
    at = fresh();
    say(Mark::kOperation, std::string("p ") + name + ", not flushed");
    store(at);
    sfence();
    say(Mark::kDone, "0 -");
}

// A fence alone makes it durable.
template <typename Store>
void non_temporal(const char* name, Store store) {
    char* at = fresh();
    say(Mark::kOperation, std::string("d ") + name);
    store(at);
    sfence();
    say(Mark::kDone, "0 -");
    at = fresh();
    say(Mark::kOperation, std::string("p ") + name + ", not fenced");
    store(at);
    say(Mark::kDone, "0 -");
}

// Flushes `at`'s line after a plain store.
template <typename Flush>
void flush(const char* name, Flush flushing) {
    char* at = fresh();
    say(Mark::kOperation, std::string("d ") + name);
    *reinterpret_cast<volatile std::uint64_t*>(at) = 0x1122334455667788;
    flushing(at);
    sfence();
    say(Mark::kDone, "0 -");
    at = fresh();
    say(Mark::kOperation, std::string("p ") + name + ", not fenced");
    *reinterpret_cast<volatile std::uint64_t*>(at) = 0x1122334455667788;
    flushing(at);
    say(Mark::kDone, "0 -");
}

const std::uint64_t kValue = 0x123456789abcdef1;
alignas(64) const std::uint64_t kVector[8] = {1, 2, 3, 4, 5, 6, 7, 8};

void stores() {
    plain("mov 8", [](char* at) { asm volatile("mov %1, (%0)" : : "r"(at), "r"(kValue) : "memory"); });
    plain("mov 4", [](char* at) { asm volatile("movl %k1, 4(%0)" : : "r"(at), "r"(kValue) : "memory"); });
    plain("mov 2", [](char* at) { asm volatile("movw %w1, 2(%0)" : : "r"(at), "r"(kValue) : "memory"); });
    plain("mov 1", [](char* at) { asm volatile("movb %b1, 7(%0)" : : "r"(at), "q"(kValue) : "memory"); });
    plain("mov across words", [](char* at) { asm volatile("mov %1, 5(%0)" : : "r"(at), "r"(kValue) : "memory"); });
    plain("mov across lines", [](char* at) { asm volatile("mov %1, 60(%0)" : : "r"(at), "r"(kValue) : "memory"); });
    plain("movups", [](char* at) {
        asm volatile("movups %1, %%xmm0; movups %%xmm0, 8(%0)" : : "r"(at), "m"(kVector) : "xmm0", "memory");
    });
    plain("vmovdqu ymm", [](char* at) {
        asm volatile("vmovdqu %1, %%ymm0; vmovdqu %%ymm0, (%0)" : : "r"(at), "m"(kVector) : "xmm0", "memory");
    });
    plain("rep stosb", [](char* at) {
        std::size_t count = 43;
        asm volatile("rep stosb" : "+D"(at), "+c"(count) : "a"(0x5a) : "memory");
    });
    plain("rep movsq", [](char* at) {
        const std::uint64_t* from = kVector;
        std::size_t count = 7;
        asm volatile("rep movsq" : "+D"(at), "+S"(from), "+c"(count) : : "memory");
    });
    plain("xchg", [](char* at) {
        std::uint64_t value = kValue;
        asm volatile("xchg %0, (%1)" : "+r"(value) : "r"(at) : "memory");
    });
    plain("lock xadd", [](char* at) {
        std::uint64_t value = kValue;
        asm volatile("lock xadd %0, (%1)" : "+r"(value) : "r"(at) : "memory");
    });
    plain("lock cmpxchg16b", [](char* at) {
        std::uint64_t low = 0, high = 0;
        std::memcpy(&low, at, 8);
        std::memcpy(&high, at + 8, 8);
        asm volatile("lock cmpxchg16b (%2)"
                     : "+a"(low), "+d"(high)
                     : "r"(at), "b"(kValue), "c"(kValue)
                     : "memory", "cc");
    });
    plain("addq", [](char* at) { asm volatile("addq $3, (%0)" : : "r"(at) : "memory", "cc"); });
}

void non_temporal_stores() {
    non_temporal("movnti 8", [](char* at) { asm volatile("movnti %1, (%0)" : : "r"(at), "r"(kValue) : "memory"); });
    non_temporal("movnti 4", [](char* at) { asm volatile("movnti %k1, (%0)" : : "r"(at), "r"(kValue) : "memory"); });
    non_temporal("movntdq", [](char* at) {
        asm volatile("movups %1, %%xmm0; movntdq %%xmm0, (%0)" : : "r"(at), "m"(kVector) : "xmm0", "memory");
    });
    non_temporal("movntps", [](char* at) {
        asm volatile("movups %1, %%xmm0; movntps %%xmm0, 16(%0)" : : "r"(at), "m"(kVector) : "xmm0", "memory");
    });
    non_temporal("vmovntdq ymm", [](char* at) {
        asm volatile("vmovdqu %1, %%ymm0; vmovntdq %%ymm0, (%0)" : : "r"(at), "m"(kVector) : "xmm0", "memory");
    });
}

void flushes() {
    flush("clwb", [](char* at) { asm volatile("clwb (%0)" : : "r"(at) : "memory"); });
    flush("clflushopt", [](char* at) { asm volatile("clflushopt (%0)" : : "r"(at) : "memory"); });
    flush("clflush", [](char* at) { asm volatile("clflush (%0)" : : "r"(at) : "memory"); });
    flush("clwb disp8", [](char* at) { asm volatile("clwb -8(%0)" : : "r"(at + 40) : "memory"); });
    flush("clwb disp32", [](char* at) { asm volatile("clwb 0x1000(%0)" : : "r"(at - 0x1000) : "memory"); });
    flush("clwb index", [](char* at) {
        asm volatile("clwb 8(%0,%1,8)" : : "r"(at - 24), "r"(std::uint64_t{2}) : "memory");
    });
    flush("clwb r12", [](char* at) { asm volatile("mov %0, %%r12; clwb (%%r12)" : : "r"(at) : "r12", "memory"); });
    flush("clwb r13", [](char* at) { asm volatile("mov %0, %%r13; clwb (%%r13)" : : "r"(at) : "r13", "memory"); });
    flush("clwb index alone", [](char* at) {
        const std::uint64_t half = reinterpret_cast<std::uint64_t>(at) / 2;
        asm volatile("clwb (,%0,2)" : : "r"(half) : "memory");
    });
}

void fences() {
    char* at = fresh();
    say(Mark::kOperation, "d mfence");
    *reinterpret_cast<volatile std::uint64_t*>(at) = kValue;
    clwb(at);
    asm volatile("mfence" : : : "memory");
    say(Mark::kDone, "0 -");
    // A store after the flush is not covered by it.
    at = fresh();
    say(Mark::kOperation, "p store after its flush");
    clwb(at);
    *reinterpret_cast<volatile std::uint64_t*>(at) = kValue;
    sfence();
    say(Mark::kDone, "0 -");
    // Locked instructions drain too, but nobody may count on them.
    at = fresh();
    say(Mark::kOperation, "p locked instruction for a fence");
    std::uint64_t elsewhere = 1;
    *reinterpret_cast<volatile std::uint64_t*>(at) = kValue;
    clwb(at);
    asm volatile("lock incq %0" : "+m"(elsewhere) : : "memory", "cc");
    say(Mark::kDone, "0 -");
}

int run(const char* path, const char* trace) {
    const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    static char zeros[kBytes];
    if (file < 0 || pwrite(file, zeros, kBytes, 0) != static_cast<ssize_t>(kBytes) || fsync(file) != 0)
        return 1;
    void* mapped = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, file, 0);
    if (mapped == MAP_FAILED)
        return 1;
    memory = static_cast<char*>(mapped);
    // Every page is mapped for writing before: no fault stores anything in between.
    for (std::size_t i = 0; i < kBytes; i += 4096)
        *reinterpret_cast<volatile char*>(memory + i) = 1;
    say(Mark::kArm, std::string(trace) + " selfcheck");
    stores();
    non_temporal_stores();
    flushes();
    fences();
    say(Mark::kEnd);
    return 0;
}

}  // namespace
}  // namespace daxfs::crash

int main(int count, char** words) {
    return count == 3 ? daxfs::crash::run(words[1], words[2]) : 2;
}

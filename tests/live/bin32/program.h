// SPDX-License-Identifier: GPL-2.0-or-later
// A 32-bit program without large files, and without a library: none is needed to build or to run it. It brings its own
// system calls; each .cc file defines run().
#pragma once

int run(int argc, char** argv);

namespace program {

inline constexpr int kExit = 1;
inline constexpr int kWrite = 4;

inline long call(int number, long first, long second, long third) {
    long result = 0;
    asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second), "d"(third) : "memory");
    return result;
}

inline long address(const void* pointer) {
    return reinterpret_cast<long>(pointer);
}

inline unsigned length(const char* text) {
    unsigned bytes = 0;
    while (text[bytes] != '\0')
        ++bytes;
    return bytes;
}

inline void print(const char* text, long fd = 1) {
    call(kWrite, fd, address(text), static_cast<long>(length(text)));
}

inline void print_number(unsigned long number) {
    char text[12] = {};
    unsigned at = sizeof(text) - 1;
    do {
        text[--at] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    print(text + at);
}

[[noreturn]] inline void end(int status) {
    while (true)
        call(kExit, status, 0, 0);
}

}  // namespace program

extern "C" [[noreturn]] inline __attribute__((used)) void start_with(unsigned long* stack) {
    program::end(run(static_cast<int>(stack[0]), reinterpret_cast<char**>(stack + 1)));
}

// The arguments lie where the stack begins.
asm(".globl _start\n"
    "_start:\n"
    "    mov %esp, %eax\n"
    "    and $-16, %esp\n"
    "    sub $12, %esp\n"
    "    push %eax\n"
    "    call start_with\n");

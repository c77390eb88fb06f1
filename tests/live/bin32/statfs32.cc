// SPDX-License-Identifier: GPL-2.0-or-later
// What statfs(2) says to a 32-bit program without large files. It brings its own system calls, see readdir32.cc.
//
//   statfs32 DIR    prints "BLOCKS FREE-BLOCKS FILES FREE-FILES", or "errno N"

namespace {

constexpr int kExit = 1;
constexpr int kWrite = 4;
constexpr int kStatfs = 99;

// struct compat_statfs
struct Statfs {
    unsigned type, block_bytes, blocks, free_blocks, available_blocks, files, free_files;
    int fsid[2];
    unsigned name_bytes, fragment_bytes, flags, spare[4];
};

long call(int number, long first, long second, long third) {
    long result = 0;
    asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second), "d"(third) : "memory");
    return result;
}

void print(const char* text) {
    unsigned bytes = 0;
    while (text[bytes] != '\0')
        ++bytes;
    call(kWrite, 1, reinterpret_cast<long>(text), static_cast<long>(bytes));
}

void print_number(unsigned long number, const char* behind) {
    char text[12] = {};
    unsigned at = sizeof(text) - 1;
    do {
        text[--at] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    print(text + at);
    print(behind);
}

int run(int argc, char** argv) {
    if (argc != 2)
        return 2;
    Statfs stat;
    const long result = call(kStatfs, reinterpret_cast<long>(argv[1]), reinterpret_cast<long>(&stat), 0);
    if (result != 0) {
        print("errno ");
        print_number(static_cast<unsigned long>(-result), "\n");
        return 0;
    }
    print_number(stat.blocks, " ");
    print_number(stat.free_blocks, " ");
    print_number(stat.files, " ");
    print_number(stat.free_files, "\n");
    return 0;
}

}  // namespace

extern "C" [[noreturn]] void start_with(unsigned long* stack) {
    const int status = run(static_cast<int>(stack[0]), reinterpret_cast<char**>(stack + 1));
    while (true)
        call(kExit, status, 0, 0);
}

// The arguments lie where the stack begins.
asm(".globl _start\n"
    "_start:\n"
    "    mov %esp, %eax\n"
    "    and $-16, %esp\n"
    "    sub $12, %esp\n"
    "    push %eax\n"
    "    call start_with\n");

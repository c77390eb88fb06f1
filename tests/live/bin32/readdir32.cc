// SPDX-License-Identifier: GPL-2.0-or-later
// Reads a directory as a 32-bit program without large files does.
//
//   readdir32 list CALL BYTES DIR   every name, by getdents or getdents64 in reads of BYTES
//   readdir32 seek CALL BYTES DIR   from the position behind every entry on: what comes first; says how many entries
//   share one
//   readdir32 generation ANY ANY FILE   FS_IOC_GETVERSION by its 32-bit number
//
// Positions must fit 31 bits, be those of "." and ".." (1, 2) first, and never go back.

#include "program.h"

namespace {

using namespace program;

constexpr int kOpen = 5;
constexpr int kLseek = 19;
constexpr int kIoctl = 54;
constexpr int kGetdents = 141;
constexpr int kGetdents64 = 220;

constexpr long kGetVersion32 = static_cast<long>(0x80047601UL);  // FS_IOC32_GETVERSION

constexpr unsigned kMaxEntries = 20000;
constexpr unsigned kNameBytes = 32;
constexpr unsigned kBufferBytes = 32768;

bool same(const char* one, const char* other) {
    while (*one != '\0' && *one == *other) {
        ++one;
        ++other;
    }
    return *one == *other;
}

void expect(bool ok, const char* what, const char* name = "") {
    if (ok)
        return;
    print("FAIL: ", 2);
    print(what, 2);
    print(" ", 2);
    print(name, 2);
    print("\n", 2);
    end(1);
}

struct Entry {
    char name[kNameBytes];
    unsigned long position;  // behind it
};

struct OldEntry {
    unsigned long ino;
    unsigned long position;
    unsigned short bytes;
    char name[1];
};

struct LargeEntry {
    unsigned ino_low, ino_high;
    unsigned position_low, position_high;
    unsigned short bytes;
    unsigned char type;
    char name[1];
};

Entry entries[kMaxEntries];
alignas(8) char buffer[kBufferBytes];

void add(unsigned count, const char* name, unsigned long position) {
    expect(count < kMaxEntries && length(name) < kNameBytes, "too many entries, or too long a name:", name);
    Entry& entry = entries[count];
    for (unsigned i = 0; i <= length(name); ++i)
        entry.name[i] = name[i];
    entry.position = position;
}

// One read of at most `bytes`, behind `count` entries: how many there are then.
unsigned read_some(int number, long fd, unsigned bytes, unsigned count) {
    const long got = call(number, fd, address(buffer), static_cast<long>(bytes));
    expect(got >= 0, "the directory cannot be read");
    for (long at = 0; at < got; ++count) {
        if (number == kGetdents) {
            const auto* entry = reinterpret_cast<const OldEntry*>(buffer + at);
            add(count, entry->name, entry->position);
            at += entry->bytes;
        } else {
            const auto* entry = reinterpret_cast<const LargeEntry*>(buffer + at);
            expect(entry->position_high == 0, "a position of more than 32 bits:", entry->name);
            add(count, entry->name, entry->position_low);
            at += entry->bytes;
        }
    }
    return count;
}

unsigned read_all(int number, long fd, unsigned bytes) {
    unsigned count = 0;
    for (unsigned before = 1; before != count;) {
        before = count;
        count = read_some(number, fd, bytes, count);
    }
    expect(count >= 2 && same(entries[0].name, ".") && same(entries[1].name, ".."), ". and .. do not come first");
    expect(entries[0].position == 1, "the position behind .");
    expect(count == 2 || entries[1].position == 2, "the position behind ..");
    for (unsigned i = 1; i < count; ++i) {
        expect(entries[i].position <= 0x7fffffff, "a position of more than 31 bits:", entries[i].name);
        expect(entries[i].position >= entries[i - 1].position, "positions go back:", entries[i].name);
    }
    return count;
}

// A position that several entries share is that of the first of them.
void seek(int number, long fd, unsigned bytes) {
    const unsigned count = read_all(number, fd, bytes);
    unsigned shared = 0;
    for (unsigned i = 0; i + 1 < count; ++i) {
        unsigned first = i + 1;
        while (first > 1 && entries[first - 2].position == entries[i].position)
            --first;
        shared += first <= i ? 1 : 0;
        const Entry wanted = entries[first];
        expect(call(kLseek, fd, static_cast<long>(entries[i].position), 0) == static_cast<long>(entries[i].position),
               "lseek");
        const unsigned again = read_some(number, fd, 64, count);
        expect(again > count && same(entries[count].name, wanted.name), "seeking does not lead to", wanted.name);
    }
    expect(call(kLseek, fd, 0x7fffffff, 0) == 0x7fffffff && read_some(number, fd, bytes, count) == count,
           "there is something behind the end");
    expect(call(kLseek, fd, 0, 0) == 0 && read_all(number, fd, bytes) == count, "reading it again");
    print("shared positions: ");
    print_number(shared);
    print("\n");
}

unsigned parse(const char* text) {
    unsigned number = 0;
    for (; *text != '\0'; ++text)
        number = number * 10 + static_cast<unsigned>(*text - '0');
    return number;
}

}  // namespace

int run(int argc, char** argv) {
    expect(argc == 5, "readdir32 list|seek|generation getdents|getdents64 BYTES DIR");
    const int number = same(argv[2], "getdents") ? kGetdents : kGetdents64;
    const unsigned bytes = parse(argv[3]);
    expect(bytes <= kBufferBytes, "a buffer of at most 32768 bytes");
    const long fd = call(kOpen, address(argv[4]), 0, 0);
    expect(fd >= 0, "cannot open", argv[4]);
    if (same(argv[1], "generation")) {
        unsigned generation = 0;
        expect(call(kIoctl, fd, kGetVersion32, address(&generation)) == 0, "no generation of", argv[4]);
        print_number(generation);
        print("\n");
        return 0;
    }
    if (same(argv[1], "seek")) {
        seek(number, fd, bytes);
        return 0;
    }
    const unsigned count = read_all(number, fd, bytes);
    for (unsigned i = 0; i < count; ++i) {
        print(entries[i].name);
        print("\n");
    }
    return 0;
}

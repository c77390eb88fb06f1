// SPDX-License-Identifier: GPL-2.0-or-later
// An append-only log in a mapped file: each record is stored through the mapping, flushed with msync(2), and then
// acknowledged by a line in another file. After a power cut every acknowledged record must be there.
//
//   mmap_log append LOG ACKNOWLEDGED RECORDS    0 records: until killed
//   mmap_log verify LOG ACKNOWLEDGED            prints how many records were acknowledged and found
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr std::size_t kRecordBytes = 256;
constexpr std::uint64_t kMaxRecords = 65536;  // a mapping of 16 MiB
constexpr std::size_t kLogBytes = kRecordBytes * kMaxRecords;

struct Record {
    std::uint64_t number;
    std::uint64_t check;
    char text[kRecordBytes - 16];
};
static_assert(sizeof(Record) == kRecordBytes);

std::uint64_t check_of(std::uint64_t number) {
    return (number + 1) * 0x9e3779b97f4a7c15u;
}

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

Record* map_log(const char* path, int flags, int protection) {
    const int fd = open(path, flags, 0644);
    if (fd < 0)
        die(path);
    if ((flags & O_CREAT) != 0 && ftruncate(fd, kLogBytes) != 0)
        die(path);
    void* log = mmap(nullptr, kLogBytes, protection, MAP_SHARED, fd, 0);
    if (log == MAP_FAILED)
        die("mmap");
    return static_cast<Record*>(log);
}

void append(const char* path, const char* acknowledged, std::uint64_t records) {
    Record* log = map_log(path, O_CREAT | O_RDWR, PROT_READ | PROT_WRITE);
    const int ack = open(acknowledged, O_CREAT | O_TRUNC | O_WRONLY, 0644);
    if (ack < 0)
        die(acknowledged);
    for (std::uint64_t n = 0; n < kMaxRecords && (records == 0 || n < records); ++n) {
        Record record{.number = n, .check = check_of(n), .text = {}};
        std::snprintf(record.text, sizeof record.text, "record %llu", static_cast<unsigned long long>(n));
        std::memcpy(&log[n], &record, sizeof record);
        const std::size_t page = n * kRecordBytes & ~std::size_t{4095};
        if (msync(reinterpret_cast<char*>(log) + page, 4096, MS_SYNC) != 0)
            die("msync");
        const std::string line = std::to_string(n + 1) + "\n";
        if (pwrite(ack, line.data(), line.size(), 0) < 0)
            die(acknowledged);
    }
}

int verify(const char* path, const char* acknowledged) {
    std::uint64_t promised = 0;
    if (std::FILE* file = std::fopen(acknowledged, "r")) {
        unsigned long long number = 0;
        if (std::fscanf(file, "%llu", &number) == 1)
            promised = number;
        std::fclose(file);
    }
    const Record* log = map_log(path, O_RDONLY, PROT_READ);
    for (std::uint64_t n = 0; n < promised; ++n)
        if (log[n].number != n || log[n].check != check_of(n)) {
            std::printf("record %llu of %llu acknowledged ones is lost\n", static_cast<unsigned long long>(n),
                        static_cast<unsigned long long>(promised));
            return 1;
        }
    std::printf("%llu records acknowledged, all found\n", static_cast<unsigned long long>(promised));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string verb = argc > 1 ? argv[1] : "";
    if (verb == "append" && argc == 5) {
        append(argv[2], argv[3], std::strtoull(argv[4], nullptr, 10));
        return 0;
    }
    if (verb == "verify" && argc == 4)
        return verify(argv[2], argv[3]);
    std::fprintf(stderr, "usage: mmap_log append LOG ACKNOWLEDGED RECORDS | verify LOG ACKNOWLEDGED\n");
    return 2;
}

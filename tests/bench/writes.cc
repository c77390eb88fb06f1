// SPDX-License-Identifier: GPL-2.0-or-later
// In the guest, under the byte counter (counter.cc): writes that allocate, and one that does not, each between two
// marks. Usage: writes DIRECTORY. A mark's text is "OPERATION BYTES-OF-DATA".
#include <vector>

#include "tests/crash/guest/mark.h"
#include "tests/live/bin/check.h"

namespace {

using daxfs::crash::Mark;

constexpr std::size_t kLarge = std::size_t{64} << 20;
constexpr std::size_t kSmall = std::size_t{8} << 20;

void write_file(int fd, std::size_t bytes, std::size_t call) {
    const std::vector<std::uint8_t> data(call, 0x5a);
    for (std::size_t at = 0; at < bytes; at += call)
        write_all(fd, data.data(), call, static_cast<off_t>(at));
}

void store_file(int fd, std::size_t bytes, std::size_t /*call*/) {
    expect(ftruncate(fd, static_cast<off_t>(bytes)) == 0, "ftruncate");
    std::uint8_t* map = map_file(fd, bytes, 0, false);
    for (std::size_t at = 0; at < bytes; at += 8)
        *reinterpret_cast<volatile std::uint64_t*>(map + at) = 0x5a5a5a5a5a5a5a5a;
    expect(msync(map, bytes, MS_SYNC) == 0, "msync");
}

constexpr struct {
    const char* name;
    std::size_t bytes, call;
    void (*run)(int fd, std::size_t bytes, std::size_t call);
    bool again;  // on the file of the operation before
} kOperations[] = {
    {"write-1m", kLarge, std::size_t{1} << 20, write_file, false},
    {"overwrite-1m", kLarge, std::size_t{1} << 20, write_file, true},
    {"append-64k", kSmall, std::size_t{64} << 10, write_file, false},
    {"append-4k", kSmall, kPage, write_file, false},
    {"store-4k-faults", kSmall, 0, store_file, false},
};

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 2, "usage: writes DIRECTORY");
    const std::string path = std::string(argv[1]) + "/file";
    int fd = -1;
    for (const auto& operation : kOperations) {
        if (!operation.again) {
            unlink(path.c_str());
            sync();
            fd = open_file(path.c_str(), O_EXCL);
        }
        daxfs::crash::say(Mark::kArm, std::string(operation.name) + " " + std::to_string(operation.bytes));
        operation.run(fd, operation.bytes, operation.call);
        expect(fsync(fd) == 0, "fsync");
        daxfs::crash::say(Mark::kEnd);
    }
    return 0;
}

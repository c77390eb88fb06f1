// SPDX-License-Identifier: GPL-2.0-or-later
// One call whose N-th allocation fails, where the kernel can do that (/proc/self/fail-nth); 0: none fails. Prints how
// many it came to, N at most, and "ok", or what errno says.
//
//   failing N mount DEVICE DIRECTORY [ro]    ro: and norecovery
//   failing N stat PATH
#include <sys/mount.h>

#include <string_view>

#include "tests/live/bin/check.h"

namespace {

int call(const std::vector<std::string>& arguments) {
    const std::string& verb = arguments.front();
    struct stat st {};
    if (verb == "stat")
        return stat(arguments.at(1).c_str(), &st);
    expect(verb == "mount", "mount or stat");
    const bool read_only = arguments.size() > 3;
    return mount(arguments.at(1).c_str(), arguments.at(2).c_str(), "daxfs", read_only ? MS_RDONLY : 0,
                 read_only ? "dax=always,norecovery" : "dax=always");
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc >= 4, "failing N mount|stat ARGUMENT...");
    const std::string number = argv[1];
    const std::vector<std::string> arguments(argv + 2, argv + argc);
    const int fd = number == "0" ? -1 : open("/proc/self/fail-nth", O_RDWR);
    char left[16] = "0";
    if (number != "0")
        expect(write(fd, number.data(), number.size()) > 0, "fail-nth");
    const int result = call(arguments);
    const int error = errno;
    // What is left to count, and then no more.
    if (number != "0")
        expect(pread(fd, left, sizeof left - 1, 0) > 0 && pwrite(fd, "0", 1, 0) == 1, "fail-nth");
    std::printf("%ld %s\n", std::atol(number.c_str()) - std::atol(left), result == 0 ? "ok" : std::strerror(error));
    return 0;
}

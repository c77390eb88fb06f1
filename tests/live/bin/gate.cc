// SPDX-License-Identifier: GPL-2.0-or-later
// The device is taken away while a thread is held between daxfs_enter() and daxfs_leave(): the driver must wait for it.
//
//   gate CASE POINT FILE UNBIND DEVICE
// CASE is how the thread uses FILE: write, fault, mkdir, truncate. The device is taken away by writing DEVICE to
// UNBIND. Prints "EIO", or "done" and how many bytes were written.
#include "tests/live/bin/points.h"
#include "tests/live/mixer/sigbus.h"

namespace {

constexpr std::size_t kBytes = 64 << 10;

// What the thread does: -1 and errno, or what it wrote.
std::function<ssize_t()> action(const std::string& name, const std::string& path) {
    const int fd = open_file(path.c_str(), O_TRUNC);
    const std::vector<std::uint8_t> data(kBytes, 0x66);
    if (name == "write")
        return [=] { return pwrite(fd, data.data(), kBytes, 0); };
    if (name == "mkdir")
        return [=] { return mkdir((path + ".new").c_str(), 0755); };
    write_all(fd, data.data(), kBytes, 0);
    if (name == "truncate")
        return [=] { return ftruncate(fd, 100); };
    if (name == "fault") {
        expect(ftruncate(fd, 2 * kBytes) == 0, "ftruncate");
        std::uint8_t* map = map_file(fd, kPage, kBytes, false);
        return [=] {
            const bool stored = mixer::without_sigbus([&] { *static_cast<volatile std::uint8_t*>(map) = 0x66; });
            errno = EIO;
            return stored ? 1 : -1;
        };
    }
    fail("no case " + name);
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 6, "usage: gate CASE POINT FILE UNBIND DEVICE");
    mixer::catch_sigbus();
    Point point(argv[2]);
    const auto act = action(argv[1], argv[3]);
    ssize_t done = 0;
    int error = 0;
    Actor inside([&] {
        done = act();
        error = errno;
    });
    Actor remover([&] {
        const int fd = open(argv[4], O_WRONLY | O_CLOEXEC);
        expect(write(fd, argv[5], std::strlen(argv[5])) > 0, "unbind");
        close(fd);
    });
    point.park(inside.tid());
    inside.start();
    point.wait_parked();
    remover.start();
    // Without somebody inside it takes far less.
    std::this_thread::sleep_for(std::chrono::seconds(2));
    remover.expect_blocked("the device went away under a thread that uses it");
    expect(!inside.finished(), "nobody was held");
    point.go();
    inside.wait();
    remover.wait();
    expect(done >= 0 || error == EIO, "a call that the device went away under: error " + std::to_string(error));
    if (done < 0)
        std::puts("EIO");
    else
        std::printf("done %zd\n", done);
    return 0;
}

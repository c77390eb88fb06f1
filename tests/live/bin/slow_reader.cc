// SPDX-License-Identifier: GPL-2.0-or-later
// read(2) into memory that somebody else has to bring, and does not: nobody who wants the file waits for it.
//
//   slow_reader DIR FILE   DIR: for a slow file; FILE is made
#include <sys/stat.h>

#include <chrono>
#include <functional>
#include <thread>

#include "slow_file.h"

namespace {

constexpr std::size_t kBytes = 3 * kPage;

// Fails when `call` waits for the reader: then the slow file goes on after a while.
void expect_prompt(SlowFile& slow, const char* what, const std::function<bool()>& call) {
    std::atomic<bool> done = false, late = false;
    std::thread watch([&] {
        for (int i = 0; i < 500 && !done; ++i)
            usleep(10000);
        late = !done;
        if (late)
            slow.go();
    });
    const bool ok = call();
    done = true;
    watch.join();
    expect(ok, what);
    expect(!late, std::string(what) + " waited for a reader of the file");
}

}  // namespace

// Where nothing of the target is in memory yet, and where it never will be.
void read_to_fresh_memory(const std::string& path, bool hole) {
    constexpr std::size_t kSize = 3 * kHuge + 5;
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644);
    expect(fd >= 0, path);
    if (hole)
        expect(ftruncate(fd, kSize) == 0, "ftruncate");
    else
        write_all(fd, std::vector<char>(kSize, 'f').data(), kSize, 0);
    void* fresh = mmap(nullptr, 4 * kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(fresh != MAP_FAILED, "mmap");
    const ssize_t got = pread(fd, fresh, 4 * kHuge, 0);
    expect(got == static_cast<ssize_t>(kSize), std::to_string(got) + " bytes came to fresh memory");
    for (std::size_t i = 0; i < 4 * kHuge; ++i)
        expect(static_cast<char*>(fresh)[i] == (hole || i >= kSize ? 0 : 'f'), "byte " + std::to_string(i));
    munmap(fresh, 4 * kHuge);
    errno = 0;
    expect(pread(fd, fresh, kPage, 0) == -1 && errno == EFAULT, "a read to nowhere");
    expect(pread(fd, fresh, kPage, kSize) == 0, "a read behind the end");
    close(fd);
}

int main(int argc, char** argv) {
    expect(argc == 3, "arguments");
    const std::string path = argv[2];
    for (const bool hole : {true, false})
        read_to_fresh_memory(path, hole);
    SlowFile slow(argv[1], 's');
    const std::vector<char> data(kBytes, 'd');
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644);
    expect(fd >= 0, path);
    write_all(fd, data.data(), data.size(), 0);

    const int other = slow.open_cached();
    expect(other >= 0, "open of the slow file");
    auto* target = static_cast<char*>(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, other, 0));
    expect(target != MAP_FAILED, "mmap of the slow file");
    slow.stop();
    ssize_t got = 0;
    std::thread reader([&] { got = pread(fd, target + 100, kBytes - 100, 100); });
    slow.expect_request();
    usleep(50000);

    expect_prompt(slow, "chmod", [&] { return fchmod(fd, 0600) == 0; });
    expect_prompt(slow, "write", [&] { return pwrite(fd, data.data(), kPage, kPage) == static_cast<ssize_t>(kPage); });
    expect_prompt(slow, "truncate", [&] { return ftruncate(fd, kBytes - 5) == 0; });
    expect_prompt(slow, "unlink", [&] { return unlink(path.c_str()) == 0; });

    slow.go();
    reader.join();
    expect(got == static_cast<ssize_t>(kBytes - 105), "the reader got " + std::to_string(got) + " bytes");
    for (std::size_t i = 0; i < kBytes; ++i)
        expect(target[i] == (i < 100 || i >= kBytes - 5 ? 's' : 'd'), "byte " + std::to_string(i) + " of the target");
    std::printf("ok\n");
}

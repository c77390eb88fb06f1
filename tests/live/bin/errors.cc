// SPDX-License-Identifier: GPL-2.0-or-later
// What a filesystem that met damage still does. Each call prints "ok", or what errno says.
//
//   errors emergency DIR BAD       finds out about BAD, a damaged file, with files open and mapped; then nothing
//   changes errors truncate FILE SIZE errors collapse FILE BLOCK COUNT errors insert FILE BLOCK COUNT errors punch FILE
//   BLOCK COUNT errors read FILE BLOCK, errors write FILE BLOCK, errors allocate FILE BLOCK COUNT, errors zero FILE
//   BYTE COUNT, errors flags FILE FLAGS
#include <csetjmp>
#include <csignal>
#include <string_view>

#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "tests/live/bin/check.h"

namespace {

sigjmp_buf before_store;

void on_sigbus(int) {
    siglongjmp(before_store, 1);
}

// False: SIGBUS.
bool store(volatile std::uint8_t* at, std::uint8_t value) {
    if (sigsetjmp(before_store, 1) != 0)
        return false;
    *at = value;
    return true;
}

void expect_errno(long result, int wanted, const char* what) {
    expect(result == -1 && errno == wanted, what);
}

void emergency(const std::string& dir, const std::string& bad) {
    const std::string path = dir + "/open";
    const int fd = open_file(path.c_str());
    const std::vector<std::uint8_t> page(kPage, 7);
    write_all(fd, page.data(), kPage, 0);
    expect(ftruncate(fd, 4 * kPage) == 0 && fchmod(fd, 0600) == 0, "a file with a hole");
    std::uint8_t* mapped = map_file(fd, 4 * kPage, 0, false);
    expect(store(mapped, 8), "a store before the damage");
    signal(SIGBUS, on_sigbus);
    struct stat st {};
    expect_errno(stat(bad.c_str(), &st), EUCLEAN, "stat of the damaged file");

    expect_errno(pwrite(fd, page.data(), kPage, kPage), EROFS, "a write into a hole");
    expect_errno(pwrite(fd, page.data(), kPage, 0), EROFS, "an overwrite");
    expect_errno(ftruncate(fd, 1), EROFS, "ftruncate");
    expect_errno(fallocate(fd, 0, 0, 8 * kPage), EROFS, "fallocate");
    expect_errno(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kPage), EROFS, "punch");
    expect_errno(fchmod(fd, 0644), EROFS, "fchmod");
    int flags = FS_NOATIME_FL;
    expect_errno(ioctl(fd, FS_IOC_SETFLAGS, &flags), EROFS, "chattr");
    expect_errno(open(path.c_str(), O_WRONLY | O_TRUNC), EROFS, "O_TRUNC");
    expect_errno(open((dir + "/new").c_str(), O_CREAT | O_WRONLY, 0644), EROFS, "create");
    expect_errno(open(dir.c_str(), O_TMPFILE | O_WRONLY, 0644), EROFS, "O_TMPFILE");
    expect_errno(mkdir((dir + "/new").c_str(), 0755), EROFS, "mkdir");
    expect_errno(link(path.c_str(), (dir + "/new").c_str()), EROFS, "link");
    expect_errno(symlink("x", (dir + "/new").c_str()), EROFS, "symlink");
    expect_errno(rename(path.c_str(), (dir + "/new").c_str()), EROFS, "rename");
    expect_errno(unlink(path.c_str()), EROFS, "unlink");
    expect(fstat(fd, &st) == 0 && st.st_size == 4 * static_cast<off_t>(kPage) && (st.st_mode & 0777) == 0600,
           "size and mode are as before");

    expect(store(mapped + 1, 9), "a store to a page that has its block");
    expect(!store(mapped + 2 * kPage, 9), "a store into a hole has a place to go");
    const auto now = read_all(fd, 4 * kPage, 0);
    expect(now[0] == 8 && now[1] == 9 && now[2] == 7 && now[2 * kPage] == 0, "the file's bytes");
    expect(fsync(fd) == 0 && close(fd) == 0, "fsync");
}

void say(long result) {
    std::puts(result >= 0 ? "ok" : std::strerror(errno));
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc >= 4, "errors VERB FILE ARGUMENT...");
    const std::string_view verb = argv[1];
    if (verb == "emergency") {
        emergency(argv[2], argv[3]);
        return 0;
    }
    const auto number = [&](int i) { return std::strtoll(argv[i], nullptr, 0); };
    const auto place = static_cast<off_t>(number(3) * static_cast<long long>(kPage));
    const auto bytes = [&] { return static_cast<off_t>(number(4) * static_cast<long long>(kPage)); };
    const int fd = open(argv[2], verb == "read" || verb == "flags" ? O_RDONLY : O_RDWR);
    std::vector<std::uint8_t> page(kPage, 1);
    int flags = argc > 3 ? static_cast<int>(number(3)) : 0;
    if (fd == -1)
        say(fd);
    else if (verb == "flags")
        say(ioctl(fd, FS_IOC_SETFLAGS, &flags));
    else if (verb == "truncate")
        say(ftruncate(fd, number(3)));
    else if (verb == "collapse" && argc > 4)
        say(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, place, bytes()));
    else if (verb == "insert" && argc > 4)
        say(fallocate(fd, FALLOC_FL_INSERT_RANGE, place, bytes()));
    else if (verb == "punch" && argc > 4)
        say(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, place, bytes()));
    else if (verb == "allocate" && argc > 4)
        say(fallocate(fd, 0, place, bytes()));
    else if (verb == "zero" && argc > 4)
        say(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, number(3), number(4)));
    else if (verb == "read")
        say(pread(fd, page.data(), kPage, place));
    else if (verb == "write")
        say(pwrite(fd, page.data(), kPage, place));
    else
        fail("no such call");
}

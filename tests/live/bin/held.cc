// SPDX-License-Identifier: GPL-2.0-or-later
// Somebody refers to pages of a file while the file loses their blocks, or they move: he reads what was in them, and
// what he writes to them lands in no other file and no metadata; nobody waits for him, but for the unmounting.
//   held all DIR MOUNT COUNTERS      every way to hold pages, with every way to lose blocks; DIR for a slow file
//   held stored DIR MOUNT COUNTERS   what is stored to held pages behind an fsync is flushed by the next one
//   held umount DEVICE MOUNT PATH    unmounting waits, and says so
//   held killed DEVICE MOUNT PATH COUNTERS   whoever unmounts is killed: the device stays in use without him
//   held lazy DEVICE MOUNT PATH COUNTERS     the same where a task unmounts that exits, and waits for half a minute
//   held hold FILE                   a pipe refers to pages of a new file until it is killed
//   held refused FILE                buffers that are registered for long are refused
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <memory>
#include <thread>

#include "slow_file.h"

namespace {

constexpr std::size_t kHeld = 8 * kPage;
constexpr char kOwn = 'v';
constexpr char kOthers = 'R';
constexpr char kSlow = 'E';

// ---- holding ----

// A reference on the pages of a mapping, which may go away afterwards. drop() gives it back and says what was read of
// them; 0 by whoever writes to them.
class Holder {
  public:
    Holder() = default;
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    virtual ~Holder() = default;
    virtual char drop() = 0;
};

class InPipe : public Holder {
  public:
    explicit InPipe(const std::uint8_t* map) {
        expect(pipe(ends_) == 0, "pipe");
        const iovec pages{const_cast<std::uint8_t*>(map), kHeld};
        expect(vmsplice(ends_[1], &pages, 1, 0) == static_cast<ssize_t>(kHeld), "vmsplice");
    }
    ~InPipe() override {
        close(ends_[0]);
        close(ends_[1]);
    }
    char drop() override { return first_of(ends_[0]); }

  protected:
    static char first_of(int fd) {
        std::vector<char> got(kHeld);
        std::size_t done = 0;
        while (done < kHeld) {
            const ssize_t count = read(fd, got.data() + done, kHeld - done);
            expect(count > 0, "read of held pages");
            done += static_cast<std::size_t>(count);
        }
        for (const char byte : got)
            expect(byte == got[0], "held pages differ from each other");
        return got[0];
    }
    int ends_[2]{};
};

// The pipe that was filled is gone; another one shares its pages.
class InSecondPipe : public InPipe {
  public:
    explicit InSecondPipe(const std::uint8_t* map) : InPipe(map) {
        int second[2];
        expect(pipe(second) == 0, "pipe");
        expect(tee(ends_[0], second[1], kHeld, 0) == static_cast<ssize_t>(kHeld), "tee");
        std::swap(second[0], ends_[0]);
        std::swap(second[1], ends_[1]);
        close(second[0]);
        close(second[1]);
    }
};

// In the queue of a socket that nobody has read from yet.
class InSocket : public InPipe {
  public:
    explicit InSocket(const std::uint8_t* map) : InPipe(map) {
        expect(socketpair(AF_UNIX, SOCK_STREAM, 0, pair_) == 0, "socketpair");
        expect(splice(ends_[0], nullptr, pair_[0], nullptr, kHeld, 0) == static_cast<ssize_t>(kHeld), "splice");
    }
    ~InSocket() override {
        close(pair_[0]);
        close(pair_[1]);
    }
    char drop() override { return first_of(pair_[1]); }

  private:
    int pair_[2]{};
};

// A call that sleeps in the middle, because the other side is the slow file.
class InCall : public Holder {
  public:
    InCall(SlowFile& slow, int fd, std::function<void(int fd)> call) : slow_(slow), fd_(fd) {
        expect(fd >= 0, "open of the slow file");
        slow_.stop();
        thread_ = std::thread(std::move(call), fd);
        slow_.expect_request();
    }
    ~InCall() override {
        wait();
        close(fd_);
    }

  protected:
    void wait() {
        slow_.go();
        if (thread_.joinable())
            thread_.join();
    }
    SlowFile& slow_;

  private:
    int fd_;
    std::thread thread_;
};

// read(2) of the slow file into the pages.
class ReadInto : public InCall {
  public:
    ReadInto(SlowFile& slow, std::uint8_t* map)
        : InCall(slow, slow.open_direct(), [map](int fd) {
              expect(read(fd, map, kHeld) == static_cast<ssize_t>(kHeld), "direct read into held pages");
          }) {}
    char drop() override {
        wait();
        return 0;
    }
};

// write(2) of the pages to it.
class WriteFrom : public InCall {
  public:
    WriteFrom(SlowFile& slow, std::uint8_t* map)
        : InCall(slow, slow.open_direct(), [map](int fd) {
              expect(write(fd, map, kHeld) == static_cast<ssize_t>(kHeld), "direct write of held pages");
          }) {}
    char drop() override {
        wait();
        return slow_.written();
    }
};

// process_vm_readv(2) from the pages into a mapping of it, which has to be read from the slow file first.
class ReadByProcess : public InCall {
  public:
    ReadByProcess(SlowFile& slow, std::uint8_t* map)
        : ReadByProcess(slow, map, std::make_shared<std::vector<char>>(kHeld)) {}
    char drop() override {
        wait();
        return (*got_)[0];
    }

  private:
    ReadByProcess(SlowFile& slow, std::uint8_t* map, const std::shared_ptr<std::vector<char>>& got)
        : InCall(slow, slow.open_cached(),
                 [map, got](int fd) {
                     posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
                     void* to = mmap(nullptr, kHeld, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
                     expect(to != MAP_FAILED, "mmap of the slow file");
                     const iovec local{to, kHeld};
                     const iovec remote{map, kHeld};
                     expect(process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(kHeld),
                            "process_vm_readv");
                     std::memcpy(got->data(), to, kHeld);
                     munmap(to, kHeld);
                 }),
          got_(got) {}
    std::shared_ptr<std::vector<char>> got_;
};

// process_vm_writev(2) to the pages, from such a mapping.
class WriteByProcess : public InCall {
  public:
    WriteByProcess(SlowFile& slow, std::uint8_t* map)
        : InCall(slow, slow.open_cached(), [map](int fd) {
              posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
              void* from = mmap(nullptr, kHeld, PROT_READ, MAP_PRIVATE, fd, 0);
              expect(from != MAP_FAILED, "mmap of the slow file");
              const iovec local{from, kHeld};
              const iovec remote{map, kHeld};
              expect(process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(kHeld),
                     "process_vm_writev");
              munmap(from, kHeld);
          }) {}
    char drop() override {
        wait();
        return 0;
    }
};

struct WayToHold {
    const char* name;
    bool all;  // with every way to lose, or with the main ones
    int map_flags;
    bool writes;
    std::function<std::unique_ptr<Holder>(SlowFile&, std::uint8_t*)> hold;
};

const std::vector<WayToHold>& ways_to_hold() {
    static const std::vector<WayToHold> ways = {
        {"a pipe", true, MAP_SHARED, false, [](SlowFile&, std::uint8_t* map) { return std::make_unique<InPipe>(map); }},
        {"a pipe, of a private mapping", false, MAP_PRIVATE, false,
         [](SlowFile&, std::uint8_t* map) {
             (void)*static_cast<volatile std::uint8_t*>(map);
             auto holder = std::make_unique<InPipe>(map);
             std::memset(map, 'c', kHeld);  // a copy, from here on
             return holder;
         }},
        {"tee", false, MAP_SHARED, false,
         [](SlowFile&, std::uint8_t* map) { return std::make_unique<InSecondPipe>(map); }},
        {"a socket", false, MAP_SHARED, false,
         [](SlowFile&, std::uint8_t* map) { return std::make_unique<InSocket>(map); }},
        {"a direct read", true, MAP_SHARED, true,
         [](SlowFile& slow, std::uint8_t* map) { return std::make_unique<ReadInto>(slow, map); }},
        {"a direct write", true, MAP_SHARED, false,
         [](SlowFile& slow, std::uint8_t* map) { return std::make_unique<WriteFrom>(slow, map); }},
        {"process_vm_readv", false, MAP_SHARED, false,
         [](SlowFile& slow, std::uint8_t* map) { return std::make_unique<ReadByProcess>(slow, map); }},
    };
    return ways;
}

// ---- losing ----

struct File {
    std::string path;
    int fd;
};

void drop_caches() {
    sync();
    std::ofstream("/proc/sys/vm/drop_caches") << "3\n";
}

void allocate(int fd, int mode, off_t at, off_t bytes, const char* what) {
    expect(fallocate(fd, mode, at, bytes) == 0, what);
}

void append(int fd, std::size_t bytes) {
    const std::vector<char> data(64 << 10, kOwn);
    for (std::size_t done = 0; done < bytes; done += data.size())
        write_all(fd, data.data(), data.size(), size_of(fd));
}

void unlink_and_close(File& file) {
    expect(unlink(file.path.c_str()) == 0, "unlink");
    close(file.fd);
    file.fd = -1;
}

void rename_over(File& file) {
    const std::string other = file.path + ".new";
    close(open_file(other.c_str(), O_TRUNC));
    close(file.fd);
    expect(rename(other.c_str(), file.path.c_str()) == 0, "rename");
    file.fd = open_file(file.path.c_str());
}

void evict(File& file) {
    close(file.fd);
    drop_caches();
    file.fd = open_file(file.path.c_str());
}

struct WayToLose {
    const char* name;
    std::size_t bytes;    // of the file before
    std::uint64_t freed;  // held pages whose blocks leave the file
    bool main;
    void (*lose)(File& file);
};

constexpr WayToLose kWaysToLose[] = {
    {"truncate", 1 << 20, 8, true, [](File& file) { expect(ftruncate(file.fd, 0) == 0, "truncate"); }},
    {"truncate to a page", 1 << 20, 7, false, [](File& file) { expect(ftruncate(file.fd, kPage) == 0, "truncate"); }},
    {"O_TRUNC", 1 << 20, 8, false, [](File& file) { close(open_file(file.path.c_str(), O_TRUNC)); }},
    {"punch", 1 << 20, 8, true,
     [](File& file) { allocate(file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kHeld, "punch"); }},
    {"collapse", 1 << 20, 8, false,
     [](File& file) { allocate(file.fd, FALLOC_FL_COLLAPSE_RANGE, 0, kHeld, "collapse"); }},
    {"insert", 1 << 20, 0, false, [](File& file) { allocate(file.fd, FALLOC_FL_INSERT_RANGE, 0, kHeld, "insert"); }},
    {"zero range", 1 << 20, 0, false,
     [](File& file) { allocate(file.fd, FALLOC_FL_ZERO_RANGE, 0, kHeld, "zero range"); }},
    {"unlink and close", 1 << 20, 8, true, unlink_and_close},
    {"rename over", 1 << 20, 8, false, rename_over},
    {"gather", 1 << 20, 0, false, [](File& file) { append(file.fd, 2 << 20); }},
    {"eviction", 1 << 20, 0, false, evict},
    {"eviction, truncate", 1 << 20, 8, true,
     [](File& file) {
         evict(file);
         expect(ftruncate(file.fd, 0) == 0, "truncate");
     }},
    {"a mapping, truncate", 4 << 20, 8, false,
     [](File& file) {
         munmap(map_file(file.fd, kHuge, 0, true), kHuge);
         expect(ftruncate(file.fd, 0) == 0, "truncate");
     }},
};

// ---- what others have ----

std::string name_of(const std::string& dir, int i) {
    return dir + "/others" + std::to_string(i);
}

// All of the space, as data and as inodes.
int fill(const std::string& dir) {
    for (int i = 0; i < 80; ++i)
        (void)mknod((dir + "/inode" + std::to_string(i)).c_str(), S_IFREG | 0600, 0);
    const std::vector<char> data(1 << 20, kOthers);
    for (int i = 0;; ++i) {
        const int fd = open_file(name_of(dir, i).c_str(), O_TRUNC);
        const ssize_t done = write(fd, data.data(), data.size());
        close(fd);
        if (done < static_cast<ssize_t>(data.size()))
            return i + 1;
    }
}

void check_filled(const std::string& dir, int files, const std::string& what) {
    drop_caches();
    for (int i = 0; i < files; ++i) {
        const int fd = open_file(name_of(dir, i).c_str());
        const std::vector<std::uint8_t> got = read_all(fd, static_cast<std::size_t>(size_of(fd)), 0);
        expect(got == std::vector<std::uint8_t>(got.size(), kOthers), what + ": another file has changed");
        close(fd);
    }
    struct stat st {};
    for (int i = 0; i < 80; ++i)
        if (stat((dir + "/inode" + std::to_string(i)).c_str(), &st) != 0)
            expect(errno == ENOENT, what + ": an inode has changed");
}

void clear(const std::string& dir, int files) {
    for (int i = 0; i < files; ++i)
        unlink(name_of(dir, i).c_str());
    for (int i = 0; i < 80; ++i)
        unlink((dir + "/inode" + std::to_string(i)).c_str());
}

void check_own(const File& file, bool may_be_written, const std::string& what) {
    if (file.fd < 0)
        return;
    const std::vector<std::uint8_t> got = read_all(file.fd, static_cast<std::size_t>(size_of(file.fd)), 0);
    const auto strange = [may_be_written](std::uint8_t byte) {
        return byte != kOwn && byte != 0 && (!may_be_written || byte != kSlow);
    };
    expect(std::none_of(got.begin(), got.end(), strange), what + ": what the file itself holds");
}

// Space that was held is free a little after it was let go.
void wait_for_space(const std::string& counters, const std::string& what) {
    for (int i = 0; counter(counters, "held_blocks") != 0; ++i) {
        expect(i < 500, what + ": held blocks do not become free");
        usleep(20000);
    }
}

void one(SlowFile& slow, const std::string& dir, const std::string& counters, const WayToHold& hold,
         const WayToLose& loss) {
    const std::string what = std::string(hold.name) + ", " + loss.name;
    File file{dir + "/victim", -1};
    file.fd = open_file(file.path.c_str(), O_TRUNC);
    append(file.fd, loss.bytes);
    std::uint8_t* map = map_file(file.fd, kHeld, 0, false, hold.map_flags);
    const std::unique_ptr<Holder> holder = hold.hold(slow, map);
    munmap(map, kHeld);
    loss.lose(file);
    expect(counter(counters, "held_blocks") == loss.freed,
           what + ": number of held blocks " + std::to_string(counter(counters, "held_blocks")));
    const int files = fill(dir);
    const char got = holder->drop();
    expect(hold.writes || got == kOwn || (!loss.freed && got == 0), what + ": the holder reads " + std::to_string(got));
    check_filled(dir, files, what);
    check_own(file, hold.writes, what);
    clear(dir, files);
    if (file.fd >= 0)
        close(file.fd);
    unlink(file.path.c_str());
    wait_for_space(counters, what);
}

int all(const std::string& slow_dir, const std::string& dir, const std::string& counters) {
    SlowFile slow(slow_dir, kSlow);
    for (const WayToHold& hold : ways_to_hold())
        for (const WayToLose& loss : kWaysToLose)
            if (hold.all || loss.main)
                one(slow, dir, counters, hold, loss);
    return 0;
}

// ---- storing ----

// What the file goes through between the fsync(2) that cleaned its pages and the end of the store.
struct BetweenStores {
    const char* name;
    off_t moved;  // by so much in the file
    void (*happens)(File& file);
};

constexpr BetweenStores kBetweenStores[] = {
    {"nothing", 0, [](File&) {}},
    {"msync", 0,
     [](File& file) {
         std::uint8_t* map = map_file(file.fd, kHeld, 0, false);
         expect(msync(map, kHeld, MS_SYNC) == 0, "msync");
         munmap(map, kHeld);
     }},
    {"eviction", 0, evict},
    {"insert", kPage, [](File& file) { allocate(file.fd, FALLOC_FL_INSERT_RANGE, 0, kPage, "insert"); }},
    {"punch behind it", 0,
     [](File& file) { allocate(file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kHeld, kPage, "punch"); }},
};

std::uint64_t flushed_by(const std::string& counters, const std::function<void()>& what) {
    const std::uint64_t before = counter(counters, "flushed_lines");
    what();
    return counter(counters, "flushed_lines") - before;
}

void stored_late(const std::string& dir, const std::string& counters, const BetweenStores& between, std::size_t bytes,
                 const std::function<std::unique_ptr<Holder>(std::uint8_t*)>& hold, const std::string& what) {
    constexpr std::uint64_t kLines = kHeld / 64;
    File file{dir + "/stored", -1};
    file.fd = open_file(file.path.c_str(), O_TRUNC);
    append(file.fd, bytes);
    std::uint8_t* map = map_file(file.fd, kHeld, 0, false);
    std::memset(map, 'm', kHeld);
    const std::unique_ptr<Holder> holder = hold(map);
    expect(fsync(file.fd) == 0, "fsync");
    munmap(map, kHeld);
    between.happens(file);
    const std::uint64_t flushed = flushed_by(counters, [&] {
        holder->drop();
        expect(fsync(file.fd) == 0, "fsync");
    });
    expect(flushed >= kLines, what + ": " + std::to_string(flushed) + " lines flushed");
    const std::vector<std::uint8_t> got = read_all(file.fd, kHeld, static_cast<std::size_t>(between.moved));
    expect(got == std::vector<std::uint8_t>(kHeld, kSlow), what + ": contents");
    // It is over: nobody refers to them any more.
    expect(flushed_by(counters, [&] { expect(fsync(file.fd) == 0, "fsync"); }) < kLines, what + ": flushed for ever");
    close(file.fd);
    unlink(file.path.c_str());
}

int stored(const std::string& slow_dir, const std::string& dir, const std::string& counters) {
    SlowFile slow(slow_dir, kSlow);
    for (const BetweenStores& between : kBetweenStores) {
        for (const std::size_t bytes : {std::size_t{1} << 20, std::size_t{4} << 20}) {
            const std::string what = std::string(between.name) + " of " + std::to_string(bytes >> 20) + " MiB";
            stored_late(
                dir, counters, between, bytes, [&](std::uint8_t* map) { return std::make_unique<ReadInto>(slow, map); },
                "a direct read, " + what);
            stored_late(
                dir, counters, between, bytes,
                [&](std::uint8_t* map) { return std::make_unique<WriteByProcess>(slow, map); },
                "process_vm_writev, " + what);
        }
    }
    return 0;
}

// ---- unmounting ----

pid_t unmounting(const char* dir) {
    const pid_t child = fork();
    expect(child >= 0, "fork");
    if (child == 0)
        _exit(umount(dir) == 0 ? 0 : 1);
    return child;
}

std::unique_ptr<Holder> hold_by_pipe(const std::string& path, bool remove) {
    const int fd = open_file(path.c_str(), O_TRUNC);
    append(fd, 1 << 20);
    std::uint8_t* map = map_file(fd, kHeld, 0, false);
    auto holder = std::make_unique<InPipe>(map);
    munmap(map, kHeld);
    close(fd);
    if (remove)
        expect(unlink(path.c_str()) == 0, "unlink");
    return holder;
}

// sync(2) is for everybody: it does not wait for what the unmounting waits for.
void expect_sync_returns() {
    const pid_t child = fork();
    if (child == 0) {
        sync();
        _exit(0);
    }
    for (int tries = 0; tries < 100; ++tries) {
        if (waitpid(child, nullptr, WNOHANG) == child)
            return;
        usleep(50000);
    }
    fail("sync(2) waits while a filesystem is being unmounted");
}

// Exits with what mount(2) says.
pid_t mounting(const char* device, const char* dir) {
    const pid_t child = fork();
    if (child == 0)
        _exit(mount(device, dir, "daxfs", 0, "dax=always") == 0 ? 0 : errno);
    return child;
}

[[noreturn]] void hold(const std::string& path) {
    const auto holder = hold_by_pipe(path, false);
    std::puts("holding");
    std::fflush(stdout);
    while (true)
        pause();
}

void expect_busy(const char* device, const char* dir) {
    int status = 0;
    const pid_t child = mounting(device, dir);
    expect(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == EBUSY, "mounted while a pipe refers to pages");
    const int fd = open(device, O_RDWR | O_EXCL | O_CLOEXEC);
    expect(fd == -1 && errno == EBUSY, "the device is nobody's while a pipe refers to pages");
    // Others than a filesystem, as tools that read: the block layer asks the holder to bring its data out.
    const int plain = open(device, O_RDONLY | O_CLOEXEC);
    expect(plain >= 0 && ioctl(plain, BLKFLSBUF, 0) == 0, "flushing the device");
    close(plain);
    expect(syscall(SYS_delete_module, "daxfs", O_NONBLOCK) == -1 && errno == EWOULDBLOCK,
           "the module is not in use while a pipe refers to pages");
    expect_sync_returns();
}

// Nobody unmounts any more, and a pipe refers to pages: until it does not, nobody else gets the device.
void end_background(Holder& holder, const char* device, const char* dir, const std::string& counters) {
    expect_busy(device, dir);
    expect(counter(counters, "held_blocks") == kHeld / kPage, "number of held blocks of a background unmounting");
    usleep(300000);
    expect_busy(device, dir);
    expect(holder.drop() == kOwn, "what the pipe gives");
    for (int tries = 0; mount(device, dir, "daxfs", 0, "dax=always") != 0; ++tries) {
        expect(errno == EBUSY && tries < 100, "mount, once nobody refers to pages");
        usleep(50000);
    }
}

int killed(const char* device, const char* dir, const std::string& path, const std::string& counters) {
    for (const bool removed : {true, false}) {
        auto holder = hold_by_pipe(path, removed);
        const pid_t child = unmounting(dir);
        usleep(300000);
        int status = 0;
        expect(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child, "an unmounting that is killed");
        end_background(*holder, device, dir, counters);
    }
    return 0;
}

// The last user of a filesystem that is detached unmounts it while he exits.
int lazy(const char* device, const char* dir, const std::string& path, const std::string& counters) {
    auto holder = hold_by_pipe(path, true);
    int ready[2];
    int go[2];
    expect(pipe(ready) == 0 && pipe(go) == 0, "pipe");
    const pid_t child = fork();
    expect(child >= 0, "fork");
    if (child == 0) {
        char byte = 0;
        (void)open_file((path + ".last").c_str());
        (void)write(ready[1], &byte, 1);
        (void)read(go[0], &byte, 1);
        _exit(0);
    }
    char byte = 0;
    expect(read(ready[0], &byte, 1) == 1, "the last user");
    expect(umount2(dir, MNT_DETACH) == 0, "detaching");
    expect(write(go[1], &byte, 1) == 1, "the last user");
    int status = 0;
    sleep(5);
    expect(waitpid(child, &status, WNOHANG) == 0, "unmounted while a pipe refers to pages");
    expect(waitpid(child, &status, 0) == child && status == 0, "the exit of the last user");
    end_background(*holder, device, dir, counters);
    return 0;
}

int unmount(const char* device, const char* dir, const std::string& path) {
    int status = 0;
    for (const bool removed : {false, true}) {
        auto holder = hold_by_pipe(path, removed);
        const pid_t child = unmounting(dir);
        usleep(500000);
        expect(waitpid(child, &status, WNOHANG) == 0, "unmounted while a pipe refers to pages");
        expect_sync_returns();
        // Whoever mounts it meanwhile waits too, or is told that it is busy.
        const pid_t again = mounting(device, dir);
        usleep(300000);
        const bool busy = waitpid(again, &status, WNOHANG) == again;
        expect(!busy || WEXITSTATUS(status) == EBUSY, "mounted while a pipe refers to pages");
        expect(holder->drop() == kOwn, "what the pipe gives");
        expect(waitpid(child, &status, 0) == child && status == 0, "unmounting, once nobody refers to pages");
        if (busy)
            expect(mount(device, dir, "daxfs", 0, "dax=always") == 0, "mount");
        else
            expect(waitpid(again, &status, 0) == again && status == 0, "the mount that waited");
    }
    return 0;
}

// ---- what the mm layer refuses for files that are mapped directly ----

int refused(const char* path) {
    const int fd = open_file(path, O_TRUNC);
    append(fd, 1 << 20);
    std::uint8_t* map = map_file(fd, kHeld, 0, false);
    io_uring_params params{};
    const long ring = syscall(SYS_io_uring_setup, 4, &params);
    expect(ring >= 0, "io_uring_setup");
    const iovec buffer{map, kHeld};
    expect(syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1) == -1 && errno == EOPNOTSUPP,
           "registering pages of the device as a fixed buffer");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 2 ? argv[1] : "";
    if (what == "all" && argc == 5)
        return all(argv[2], argv[3], argv[4]);
    if (what == "stored" && argc == 5)
        return stored(argv[2], argv[3], argv[4]);
    if (what == "umount" && argc == 5)
        return unmount(argv[2], argv[3], argv[4]);
    if (what == "killed" && argc == 6)
        return killed(argv[2], argv[3], argv[4], argv[5]);
    if (what == "lazy" && argc == 6)
        return lazy(argv[2], argv[3], argv[4], argv[5]);
    if (what == "hold" && argc == 3)
        hold(argv[2]);
    if (what == "refused" && argc == 3)
        return refused(argv[2]);
    fail(
        "usage: held all|stored DIR MOUNT COUNTERS | umount DEVICE MOUNT PATH | killed DEVICE MOUNT PATH COUNTERS | "
        "lazy DEVICE MOUNT PATH COUNTERS | hold FILE | refused FILE");
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/hostile/guest/workload.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "tests/hostile/dice.h"

namespace daxfs::hostile {
namespace {

constexpr const char* kDevice = "/dev/pmem0";
constexpr const char* kMountPoint = "/mnt";
constexpr std::size_t kPage = 4096;
constexpr std::size_t kHuge = std::size_t{2} << 20;
constexpr int kDeepest = 7;
constexpr std::uint32_t kMostNames = 600;
constexpr std::size_t kFilesWritten = 10;
constexpr std::size_t kDirectoriesWritten = 4;
constexpr int kChangesOfASuspect = 10;
constexpr int kChanges = 3;

sigjmp_buf bus_error;
volatile sig_atomic_t bus_error_expected;

void on_bus_error(int) {
    if (bus_error_expected)
        siglongjmp(bus_error, 1);
    _exit(99);
}

class Assault {
  public:
    Assault(std::uint64_t seed, std::uint64_t number, const std::vector<std::uint64_t>& suspects, Outcome& outcome)
        : dice_(seed + 1, number), suspects_(suspects.begin(), suspects.end()), outcome_(outcome) {}

    void run() {
        const bool writable = mount_it();
        if (outcome_.mount_error != 0)
            return;
        outcome_.phase = "walk";
        walk({kMountPoint, true}, 0);
        whole();
        if (writable || dice_.one_in(2)) {
            change_it();
            outcome_.phase = "sync";
            note(dice_.one_in(2) ? syncfs_root() : 0);
        }
        outcome_.phase = "umount";
        outcome_.umount_error = umount2(kMountPoint, 0) == 0 ? 0 : errno;
        outcome_.phase = "";
    }

  private:
    struct Found {
        std::string path;
        bool suspect;
    };

    // Suspects first, and more often.
    void change_it() {
        outcome_.phase = "write";
        for (const Found& file : files_) {
            if (file.suspect)
                write_file(file.path, kChangesOfASuspect);
        }
        for (std::size_t i = 0; i < kFilesWritten && !files_.empty(); ++i)
            write_file(dice_.pick(files_).path, kChanges);
        outcome_.phase = "names";
        for (const Found& directory : directories_) {
            if (directory.suspect)
                change_directory(directory.path);
        }
        for (std::size_t i = 0; i < kDirectoriesWritten && !directories_.empty(); ++i)
            change_directory(dice_.pick(directories_).path);
    }

    // Whether it is mounted for writing.
    bool mount_it() {
        struct Way {
            const char* options;
            unsigned long flags;
        };
        constexpr std::array<Way, 10> kWays{{{"dax=always", 0},
                                             {"dax=always", 0},
                                             {"dax=always", 0},
                                             {"dax=always", 0},
                                             {"dax=always,errors=continue", 0},
                                             {"dax=inode", 0},
                                             {"dax=never", 0},
                                             {"dax=never,errors=continue", 0},
                                             {"dax=always", MS_RDONLY},
                                             {"norecovery", MS_RDONLY}}};
        const Way& way = dice_.pick(kWays);
        outcome_.options = way.flags != 0 ? (way.options[0] == 'n' ? "ro,norecovery" : "ro") : way.options;
        outcome_.phase = "mount";
        outcome_.mount_error = mount(kDevice, kMountPoint, "daxfs", way.flags | MS_NODEV, way.options) == 0 ? 0 : errno;
        return outcome_.mount_error == 0 && way.flags == 0;
    }

    void note(long result) {
        ++outcome_.calls;
        if (result >= 0)
            return;
        switch (errno) {
            case EUCLEAN:
                ++outcome_.damaged;
                return;
            case EIO:
                ++outcome_.io_errors;
                return;
            case EROFS:
                ++outcome_.read_only;
                return;
            default:
                ++outcome_.others;
        }
    }

    int syncfs_root() {
        const int fd = open(kMountPoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            return -1;
        const int result = syncfs(fd);
        close(fd);
        return result;
    }

    void whole() {
        struct statfs room;
        note(statfs(kMountPoint, &room));
    }

    void walk(const Found& found, int depth) {
        DIR* directory = opendir(found.path.c_str());
        note(directory == nullptr ? -1 : 0);
        if (directory == nullptr)
            return;
        directories_.push_back(found);
        std::vector<std::string> names;
        while (outcome_.names < kMostNames) {
            errno = 0;
            const dirent* entry = readdir(directory);
            if (entry == nullptr) {
                note(errno == 0 ? 0 : -1);
                break;
            }
            ++outcome_.names;
            const std::string_view name = entry->d_name;
            if (name == "." || name == "..")
                continue;
            // Of many names of one kind some are enough.
            if (entry->d_type == DT_FIFO && !dice_.one_in(8))
                continue;
            names.emplace_back(name);
        }
        closedir(directory);
        for (const std::string& name : names)
            look_at(found.path + "/" + name, depth);
    }

    void look_at(const std::string& path, int depth) {
        struct stat status {};
        const int result = lstat(path.c_str(), &status);
        note(result);
        if (result != 0)
            return;
        std::array<char, 5000> buffer;
        note(llistxattr(path.c_str(), buffer.data(), buffer.size()));
        if (S_ISLNK(status.st_mode))
            note(readlink(path.c_str(), buffer.data(), buffer.size()));
        else if (S_ISREG(status.st_mode))
            read_file({path, suspects_.contains(status.st_ino)}, status.st_size);
        else if (S_ISDIR(status.st_mode) && depth < kDeepest && outcome_.names < kMostNames)
            walk({path, suspects_.contains(status.st_ino)}, depth + 1);
    }

    void read_file(const Found& found, off_t size) {
        const int fd = open(found.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        note(fd);
        if (fd < 0)
            return;
        files_.push_back(found);
        static std::array<char, 64 << 10> buffer;
        note(pread(fd, buffer.data(), buffer.size(), 0));
        note(pread(fd, buffer.data(), kPage, size > 100 ? size - 100 : 0));
        off_t at = 0;
        for (int i = 0; i < 6; ++i) {
            const off_t data = lseek(fd, at, SEEK_DATA);
            note(data);
            if (data < 0)
                break;
            note(pread(fd, buffer.data(), kPage, data));
            at = lseek(fd, data, SEEK_HOLE);
            note(at);
            if (at < 0)
                break;
        }
        for (int i = found.suspect ? 24 : 2; i > 0 && size > 0; --i)
            note(pread(fd, buffer.data(), kPage, static_cast<off_t>(dice_.below(static_cast<std::uint64_t>(size)))));
        fiemap(fd);
        int flags = 0;
        note(ioctl(fd, FS_IOC_GETFLAGS, &flags));
        touch_mapping(fd, size, false);
        close(fd);
    }

    void fiemap(int fd) {
        constexpr unsigned kExtents = 20;
        alignas(struct fiemap) std::array<char, sizeof(struct fiemap) + kExtents * sizeof(fiemap_extent)> room{};
        auto* map = reinterpret_cast<struct fiemap*>(room.data());
        map->fm_start = dice_.one_in(3) ? dice_.below(1u << 24) : 0;
        map->fm_length = ~std::uint64_t{0} - map->fm_start;
        map->fm_extent_count = kExtents;
        note(ioctl(fd, FS_IOC_FIEMAP, map));
        // Counts them all.
        map->fm_start = 0;
        map->fm_length = ~std::uint64_t{0};
        map->fm_extent_count = 0;
        note(ioctl(fd, FS_IOC_FIEMAP, map));
    }

    // First, last and some page, and one 2 MiB page, of a mapping whose addresses allow those.
    void touch_mapping(int fd, off_t size, bool store) {
        if (size <= 0)
            return;
        const std::size_t window = 2 * kHuge;
        const std::uint64_t last = static_cast<std::uint64_t>(size - 1);
        const std::uint64_t start = last > window && dice_.one_in(3) ? last / kHuge * kHuge : 0;
        void* room = mmap(nullptr, window + kHuge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (room == MAP_FAILED)
            return;
        auto* aligned = reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(room) + kHuge - 1) / kHuge * kHuge);
        const int protection = PROT_READ | (store ? PROT_WRITE : 0);
        if (mmap(aligned, window, protection, MAP_SHARED | MAP_FIXED, fd, static_cast<off_t>(start)) != MAP_FAILED) {
            const std::uint64_t end = std::min<std::uint64_t>(window, last - start + 1);
            for (const std::uint64_t at : {std::uint64_t{0}, end - 1, dice_.below(end)})
                touch_byte(aligned + at, store);
            if (store)
                note(msync(aligned, window, MS_SYNC));
        }
        munmap(room, window + kHuge);
    }

    void touch_byte(char* byte, bool store) {
        ++outcome_.calls;
        if (sigsetjmp(bus_error, 1) != 0) {
            bus_error_expected = 0;
            ++outcome_.bus_errors;
            return;
        }
        bus_error_expected = 1;
        volatile char* place = byte;
        if (store)
            *place = 'm';
        else
            (void)*place;
        bus_error_expected = 0;
    }

    void write_file(const std::string& path, int changes) {
        const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | (dice_.one_in(8) ? O_DIRECT : 0));
        note(fd);
        if (fd < 0)
            return;
        for (int i = 0; i < changes; ++i)
            change_file(fd, path);
        close(fd);
    }

    void change_file(int fd, const std::string& path) {
        alignas(kPage) static std::array<char, 64 << 10> buffer;
        struct stat status {};
        note(fstat(fd, &status));
        const off_t size = status.st_size;
        const auto somewhere =
            static_cast<off_t>(dice_.below(static_cast<std::uint64_t>(size) + kPage) / kPage * kPage);
        const std::size_t some = kPage * dice_.between(1, buffer.size() / kPage);
        switch (dice_.below(16)) {
            case 0:
            case 1:
                note(pwrite(fd, buffer.data(), some, somewhere));
                break;
            case 2:
                note(pwrite(fd, buffer.data(), 100, somewhere + 50));
                break;
            case 3:
                note(pwrite(fd, buffer.data(), 3000, size));
                break;
            case 4:
                touch_mapping(fd, size, true);
                break;
            case 5:
                note(ftruncate(fd, somewhere / 2));
                break;
            case 6:
                note(ftruncate(fd, size + 10'000));
                break;
            case 7:
                note(
                    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, somewhere / 2, static_cast<off_t>(some)));
                break;
            case 8:
                note(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE,
                               somewhere / 2 / static_cast<off_t>(kPage) * static_cast<off_t>(kPage),
                               static_cast<off_t>(some)));
                break;
            case 9:
                note(fallocate(fd, FALLOC_FL_INSERT_RANGE,
                               somewhere / 2 / static_cast<off_t>(kPage) * static_cast<off_t>(kPage),
                               static_cast<off_t>(some)));
                break;
            case 10:
                note(fallocate(fd, FALLOC_FL_ZERO_RANGE, somewhere, static_cast<off_t>(some)));
                break;
            case 11:
                note(fallocate(fd, dice_.one_in(2) ? FALLOC_FL_KEEP_SIZE : 0, somewhere, static_cast<off_t>(8 * some)));
                break;
            case 12:
                note(ftruncate(fd, 0));
                break;
            case 13:
                note(unlink(path.c_str()));
                break;
            case 14:
                note(fchmod(fd, 0600));
                break;
            default:
                note(fsync(fd));
                break;
        }
    }

    void change_directory(const std::string& path) {
        const std::string name = path + "/new-" + std::to_string(dice_.below(1000));
        const int fd = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        note(fd);
        if (fd >= 0) {
            note(write(fd, "some text", 9));
            if (dice_.one_in(2))
                note(fsync(fd));
            close(fd);
        }
        const std::string directory = name + ".d";
        note(mkdir(directory.c_str(), 0755));
        note(symlink("target", (name + ".s").c_str()));
        note(link(name.c_str(), (name + ".l").c_str()));
        note(rename(name.c_str(), (directory + "/moved").c_str()));
        if (files_.empty() || dice_.one_in(3))
            note(rename((name + ".l").c_str(), (name + ".s").c_str()));
        else
            note(rename(dice_.pick(files_).path.c_str(), (name + ".l").c_str()));
        const int temporary = open(path.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        note(temporary);
        if (temporary >= 0) {
            note(write(temporary, "more", 4));
            close(temporary);
        }
        if (dice_.one_in(2)) {
            note(unlink((directory + "/moved").c_str()));
            note(rmdir(directory.c_str()));
        }
        if (directories_.size() > 1 && dice_.one_in(2)) {
            const std::string& other = dice_.pick(directories_).path;
            note(dice_.one_in(2) ? rmdir(other.c_str()) : rename(other.c_str(), (name + ".r").c_str()));
        }
    }

    Dice dice_;
    std::set<std::uint64_t> suspects_;
    Outcome& outcome_;
    std::vector<Found> files_;
    std::vector<Found> directories_;
};

}  // namespace

void assault(std::uint64_t seed, std::uint64_t number, const std::vector<std::uint64_t>& suspects, Outcome& outcome) {
    struct sigaction action {};
    action.sa_handler = on_bus_error;
    sigaction(SIGBUS, &action, nullptr);
    Assault(seed, number, suspects, outcome).run();
}

}  // namespace daxfs::hostile

// SPDX-License-Identifier: GPL-2.0-or-later
// In the guest: makes the tree, and reads it back from many images in one boot.
//   recovery make DIRECTORY
//   recovery read FILESYSTEM <LIST        LIST: files of changed blocks (damage.cc), one a line
// `read` lays each out over what /dev/pmem0 holds, mounts it read-only, and puts back what was there. It says
//   try FILE                                  before each, so that a guest that goes down names it
//   done FILE mounted|ERRNO DATA PATH FOUND WRONG
// with the bytes of all files, of those with the right bytes under one of their names, of those and the ones that are
// right under another name, and the number of files that have other bytes than theirs under their name.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "tests/recovery/tree.h"

namespace daxfs::recovery {
namespace {

constexpr const char* kDevice = "/dev/pmem0";
constexpr const char* kRoot = "/mnt/recovery";
constexpr unsigned kLimit = 300;  // seconds for one image

[[noreturn]] void give_up(const std::string& what) {
    std::printf("recovery: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

std::array<std::uint64_t, 8192> buffer;     // what a file should hold
std::array<std::uint64_t, 8193> read_into;  // and what it does

void write_file(const std::string& path, const File& file, std::uint64_t number) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        give_up(path);
    const std::uint64_t step = file.pieces ? 2 * kBlock : sizeof(buffer);
    const std::uint64_t most = file.pieces ? kBlock : sizeof(buffer);
    for (std::uint64_t at = 0; at < file.size; at += step) {
        const std::uint64_t size = std::min(most, file.size - at);
        fill(file, number, at, {buffer.data(), (size + 7) / 8});
        if (pwrite(fd, buffer.data(), size, static_cast<off_t>(at)) != static_cast<ssize_t>(size))
            give_up(path);
    }
    close(fd);
}

int make(const std::string& root) {
    const Tree tree = make_tree();
    for (const std::string& directory : tree.directories) {
        if (mkdir((root + "/" + directory).c_str(), 0755) != 0)
            give_up(directory);
    }
    for (std::uint64_t i = 0; i < tree.files.size(); ++i) {
        const File& file = tree.files[i];
        const std::string path = root + "/" + file.names[0];
        if (!file.target.empty()) {
            if (symlink(file.target.c_str(), path.c_str()) != 0)
                give_up(path);
            continue;
        }
        write_file(path, file, i);
        for (std::size_t j = 1; j < file.names.size(); ++j) {
            if (link(path.c_str(), (root + "/" + file.names[j]).c_str()) != 0)
                give_up(file.names[j]);
        }
    }
    std::printf("%zu directories, %zu files, %llu bytes\n", tree.directories.size(), tree.files.size(),
                static_cast<unsigned long long>(tree.data()));
    return 0;
}

enum class Look { kMissing, kOther, kRight };

Look look_at_symlink(const std::string& path, const File& file) {
    char target[4096];
    const ssize_t size = readlink(path.c_str(), target, sizeof(target));
    if (size < 0)
        return Look::kMissing;
    return std::string(target, static_cast<std::size_t>(size)) == file.target ? Look::kRight : Look::kOther;
}

// Whether what was read is what the file holds from `offset` on. Word by word: what the C library does with vectors
// costs an emulated processor many times as much.
bool holds(const File& file, std::uint64_t number, std::uint64_t offset, std::uint64_t size) {
    for (std::uint64_t i = 0; i < size / 8; ++i) {
        const std::uint64_t at = offset / 8 + i;
        const bool hole = file.pieces && at / (kBlock / 8) % 2 == 1;
        if (read_into[i] != (hole ? 0 : word_of(number, at)))
            return false;
    }
    fill(file, number, offset + size / 8 * 8, {buffer.data(), 1});
    return std::memcmp(&read_into[size / 8], buffer.data(), size % 8) == 0;
}

Look look_at(const std::string& path, const File& file, std::uint64_t number) {
    if (!file.target.empty())
        return look_at_symlink(path, file);
    // What became of a file may be a FIFO or a device.
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0)
        return Look::kMissing;
    if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) != file.size)
        return Look::kOther;
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return Look::kMissing;
    Look look = Look::kRight;
    for (std::uint64_t at = 0; at < file.size && look == Look::kRight; at += sizeof(buffer)) {
        const std::uint64_t size = std::min<std::uint64_t>(sizeof(buffer), file.size - at);
        const ssize_t count = pread(fd, read_into.data(), size, static_cast<off_t>(at));
        if (count < 0)
            look = Look::kMissing;
        else if (count != static_cast<ssize_t>(size) || !holds(file, number, at, size))
            look = Look::kOther;
    }
    close(fd);
    return look;
}

// What was not found under its name, wherever it is now.
class Search {
  public:
    Search(const Tree& tree, std::set<std::uint64_t>& missing) : tree_(tree), missing_(missing) {
        for (const File& file : tree.files)
            names_.insert(file.names.begin(), file.names.end());
    }

    // The bytes of what was found. `depth`: a loop that a repair left must not go on for ever.
    std::uint64_t search(const std::string& directory, unsigned depth = 0) {
        std::uint64_t found = 0;
        const std::unique_ptr<DIR, int (*)(DIR*)> open_directory(opendir((kRoot + directory).c_str()), closedir);
        while (const dirent* entry = open_directory && depth < 32 ? readdir(open_directory.get()) : nullptr) {
            const std::string name = entry->d_name;
            if (name == "." || name == "..")
                continue;
            const std::string path = directory + "/" + name;
            struct stat status {};
            if (lstat((kRoot + path).c_str(), &status) != 0)
                continue;
            if (S_ISDIR(status.st_mode))
                found += search(path, depth + 1);
            else if (!names_.contains(path.substr(1)))
                found += recognise(path, status);
        }
        return found;
    }

  private:
    std::uint64_t recognise(const std::string& path, const struct stat& status) {
        if (S_ISLNK(status.st_mode)) {
            for (const std::uint64_t number : missing_) {
                const File& file = tree_.files[number];
                if (!file.target.empty() && look_at_symlink(kRoot + path, file) == Look::kRight)
                    return take(number);
            }
            return 0;
        }
        std::uint64_t mark = 0;
        const int fd = S_ISREG(status.st_mode) ? open((kRoot + path).c_str(), O_RDONLY | O_CLOEXEC) : -1;
        if (fd < 0)
            return 0;
        const bool marked = pread(fd, &mark, sizeof(mark), 0) == sizeof(mark);
        close(fd);
        const std::uint64_t number = mark - kMark;
        if (!marked || !missing_.contains(number) || look_at(kRoot + path, tree_.files[number], number) != Look::kRight)
            return 0;
        return take(number);
    }

    std::uint64_t take(std::uint64_t number) {
        missing_.erase(number);
        return tree_.files[number].data();
    }

    const Tree& tree_;
    std::set<std::uint64_t>& missing_;
    std::set<std::string> names_;
};

void read_back(const std::string& name, const Tree& tree) {
    std::set<std::uint64_t> missing;
    std::uint64_t path = 0, wrong = 0;
    for (std::uint64_t i = 0; i < tree.files.size(); ++i) {
        Look best = Look::kMissing;
        for (const std::string& alias : tree.files[i].names)
            best = std::max(best, look_at(std::string(kRoot) + "/" + alias, tree.files[i], i));
        if (best == Look::kRight)
            path += tree.files[i].data();
        else
            missing.insert(i);
        wrong += best == Look::kOther;
    }
    const std::uint64_t found = missing.empty() ? 0 : Search(tree, missing).search("");
    std::printf("done %s mounted %llu %llu %llu %llu\n", name.c_str(), static_cast<unsigned long long>(tree.data()),
                static_cast<unsigned long long>(path), static_cast<unsigned long long>(path + found),
                static_cast<unsigned long long>(wrong));
}

// In a process of its own: nothing that a mount leaves in it reaches the next image.
void mount_and_read(const char* filesystem, const std::string& name, const Tree& tree) {
    alarm(kLimit);
    // Without the page cache it is three times as quick.
    if (mount(kDevice, kRoot, filesystem, MS_RDONLY, "dax=always") != 0 &&
        mount(kDevice, kRoot, filesystem, MS_RDONLY, nullptr) != 0) {
        std::printf("done %s %s %llu 0 0 0\n", name.c_str(), strerrorname_np(errno),
                    static_cast<unsigned long long>(tree.data()));
    } else {
        read_back(name, tree);
        if (umount(kRoot) != 0)
            give_up("umount");
    }
    std::fflush(stdout);
}

struct Changed {
    std::uint64_t block;
    std::byte bytes[kBlock];
};

// The block layer's way, so that nothing stays in the device's page cache.
class Device {
  public:
    Device() : fd_(open(kDevice, O_RDWR | O_DIRECT | O_CLOEXEC)) {
        if (fd_ < 0)
            give_up(kDevice);
    }

    // Exchanges what lies in the blocks with what is in `changed`.
    void exchange(std::vector<Changed>& changed) {
        const int writable = 0;
        if (ioctl(fd_, BLKROSET, &writable) != 0)
            give_up("BLKROSET");
        for (Changed& change : changed) {
            const auto offset = static_cast<off_t>(change.block * kBlock);
            std::memcpy(one_, change.bytes, kBlock);
            if (pread(fd_, other_, kBlock, offset) != kBlock || pwrite(fd_, one_, kBlock, offset) != kBlock)
                give_up(kDevice);
            std::memcpy(change.bytes, other_, kBlock);
        }
        const int protect = 1;
        if (fsync(fd_) != 0 || ioctl(fd_, BLKROSET, &protect) != 0)
            give_up("BLKROSET");
    }

  private:
    int fd_;
    alignas(kBlock) std::byte one_[kBlock];
    alignas(kBlock) std::byte other_[kBlock];
};

std::vector<Changed> read_changed(const std::string& path) {
    std::vector<Changed> changed;
    std::FILE* file = std::fopen(path.c_str(), "rbe");
    if (file == nullptr)
        give_up(path);
    for (Changed change; std::fread(&change, sizeof(change), 1, file) == 1;)
        changed.push_back(change);
    std::fclose(file);
    return changed;
}

int read_all(const char* filesystem) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    mkdir("/mnt", 0755);
    mkdir(kRoot, 0755);
    const Tree tree = make_tree();
    Device device;
    for (std::string name; std::getline(std::cin, name);) {
        std::vector<Changed> changed = read_changed("/share/" + name);
        std::printf("try %s\n", name.c_str());
        std::fflush(stdout);
        device.exchange(changed);
        const pid_t child = fork();
        if (child == 0) {
            mount_and_read(filesystem, name, tree);
            _exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        // A mount that stays would be read as the next image.
        if (status != 0)
            return 1;
        device.exchange(changed);
    }
    return 0;
}

}  // namespace
}  // namespace daxfs::recovery

int main(int argc, char** argv) {
    const std::string verb = argc == 3 ? argv[1] : "";
    if (verb == "make")
        return daxfs::recovery::make(argv[2]);
    if (verb == "read")
        return daxfs::recovery::read_all(argv[2]);
    std::fprintf(stderr, "usage: recovery make DIRECTORY | read FILESYSTEM <LIST\n");
    return 2;
}

// SPDX-License-Identifier: GPL-2.0-or-later
// Ages a filesystem the same way each time, and asks afterwards what huge pages are left.
//
//   age run DIRECTORY SEED PERCENT OPERATIONS   creates, appends, rewrites, truncates and deletes files of mixed sizes,
//                                               and keeps the filesystem PERCENT full once it is
//   age measure DIRECTORY                       writes one file into a third of the free space, a multiple of 2 MiB,
//                                               maps it and reads every page: how many of its 2 MiB took one fault, and
//                                               how many faults were of 2 MiB?
//   age thin DIRECTORY                          deletes every second file that run made
//
// Files are named by number, so that all state follows from the seed and what write(2) accepted. ENOSPC is not an
// error: the operation ends there.
#include <dirent.h>
#include <sys/statvfs.h>

#include <algorithm>

#include "huge_share.h"

namespace {

constexpr std::size_t kGrowing = 4;  // files that stay open and are appended to, like logs

[[noreturn]] void die(const std::string& what) {
    std::perror(("age: " + what).c_str());
    std::exit(1);
}

class Dice : public Random {
  public:
    using Random::Random;

    // Log-uniform between 2^low and 2^high.
    std::size_t size(unsigned low, unsigned high) {
        const unsigned shift = low + static_cast<unsigned>(below(high - low));
        return (std::size_t{1} << shift) + below(std::size_t{1} << shift);
    }
};

class Ageing {
  public:
    Ageing(std::string directory, std::uint64_t seed, unsigned percent)
        : directory_(std::move(directory)), dice_(seed), percent_(percent), data_(1 << 20) {
        for (std::uint8_t& byte : data_)
            byte = static_cast<std::uint8_t>(dice_.next());
        growing_.resize(kGrowing);
    }

    void run(std::uint64_t operations) {
        for (std::uint64_t n = 0; n < operations; ++n) {
            if (n % 64 == 0)
                full_ = is_full();
            step();
        }
        for (Growing& file : growing_)
            if (file.fd >= 0)
                close(file.fd);
    }

  private:
    struct Growing {
        int fd = -1;
        std::uint64_t number = 0;
        std::size_t left = 0;
    };

    void step() {
        const std::uint64_t dice = dice_.below(100);
        if (full_) {
            // As much goes as comes, or a little more.
            if (dice < 45)
                remove();
            else if (dice < 60)
                grow();
            else if (dice < 75)
                create();
            else if (dice < 90)
                rewrite();
            else
                shorten();
            return;
        }
        if (dice < 50)
            create();
        else if (dice < 80)
            grow();
        else if (dice < 90)
            rewrite();
        else if (dice < 95)
            shorten();
        else
            remove();
    }

    bool is_full() {
        struct statvfs status {};
        if (statvfs(directory_.c_str(), &status) != 0)
            die(directory_);
        return (status.f_blocks - status.f_bfree) * 100 >= status.f_blocks * percent_;
    }

    [[nodiscard]] std::string path(std::uint64_t number) const {
        return directory_ + "/d" + std::to_string(number % 8) + "/f" + std::to_string(number);
    }

    // Most files are small, most bytes are in large ones.
    std::size_t some_size() {
        const std::uint64_t dice = dice_.below(100);
        if (dice < 60)
            return dice_.size(9, 16);
        if (dice < 85)
            return dice_.size(16, 20);
        if (dice < 97)
            return dice_.size(20, 22);
        return dice_.size(22, 24);
    }

    // False: no space left.
    bool append(int fd, std::size_t bytes, std::size_t chunk) {
        while (bytes > 0) {
            const ssize_t n = write(fd, data_.data(), std::min({bytes, chunk, data_.size()}));
            if (n < 0 && errno == ENOSPC) {
                full_ = true;
                return false;
            }
            if (n <= 0)
                die("write");
            bytes -= static_cast<std::size_t>(n);
        }
        return true;
    }

    int open_new(std::uint64_t number) {
        const std::string name = path(number);
        int fd = open(name.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
        if (fd < 0 && errno == ENOENT) {
            const std::string parent = name.substr(0, name.rfind('/'));
            if (mkdir(parent.c_str(), 0755) != 0 && errno != ENOSPC)
                die(parent);
            fd = open(name.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
        }
        if (fd < 0 && errno != ENOSPC)
            die(name);
        if (fd < 0)
            full_ = true;
        return fd;
    }

    // What programs write with: pages, stdio, cp.
    std::size_t some_chunk() {
        constexpr std::size_t kChunks[] = {kPage, 2 * kPage, std::size_t{64} << 10, std::size_t{256} << 10};
        return kChunks[dice_.below(4)];
    }

    void create() {
        const std::size_t bytes = some_size(), chunk = some_chunk();
        const int fd = open_new(next_);
        if (fd < 0)
            return;
        append(fd, bytes, chunk);
        close(fd);
        files_.push_back(next_++);
    }

    void grow() {
        Growing& file = growing_[dice_.below(kGrowing)];
        if (file.fd < 0) {
            file.left = dice_.size(20, 24);
            file.fd = open_new(file.number = next_);
            if (file.fd < 0)
                return;
            ++next_;
        }
        const std::size_t bytes = std::min(file.left, dice_.size(10, 18));
        const bool written = append(file.fd, bytes, kPage * 4);
        file.left -= bytes;
        if (file.left > 0 && written)
            return;
        close(file.fd);
        file.fd = -1;
        files_.push_back(file.number);
    }

    std::size_t pick() { return dice_.below(files_.size()); }

    // As editors do: a new file takes the old one's place.
    void rewrite() {
        if (files_.empty())
            return create();
        const std::uint64_t old = files_[pick()];
        struct stat status {};
        if (stat(path(old).c_str(), &status) != 0)
            die(path(old));
        const std::size_t bytes = static_cast<std::size_t>(status.st_size), chunk = some_chunk();
        // The same directory, so that the new name is on the same disk group where a filesystem has such a thing.
        const std::string temporary = path(old) + ".new";
        const int fd = open(temporary.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
        if (fd < 0 && errno != ENOSPC)
            die(temporary);
        if (fd < 0)
            return;
        const bool written = append(fd, bytes, chunk);
        close(fd);
        if (!written) {
            unlink(temporary.c_str());
            return remove();
        }
        if (rename(temporary.c_str(), path(old).c_str()) != 0 && errno != ENOSPC)
            die(temporary);
    }

    void shorten() {
        if (files_.empty())
            return;
        const std::string name = path(files_[pick()]);
        struct stat status {};
        if (stat(name.c_str(), &status) != 0 || truncate(name.c_str(), status.st_size / 2) != 0)
            die(name);
    }

    void remove() {
        if (files_.empty())
            return;
        const std::size_t at = pick();
        if (unlink(path(files_[at]).c_str()) != 0)
            die(path(files_[at]));
        files_[at] = files_.back();
        files_.pop_back();
        if (!is_full())
            full_ = false;
    }

    std::string directory_;
    Dice dice_;
    unsigned percent_;
    std::vector<std::uint8_t> data_;
    std::vector<Growing> growing_;
    std::vector<std::uint64_t> files_;
    std::uint64_t next_ = 0;
    bool full_ = false;
};

void measure(const std::string& directory) {
    struct statvfs status {};
    if (statvfs(directory.c_str(), &status) != 0)
        die(directory);
    const std::size_t bytes = std::max(kHuge, status.f_bavail * status.f_frsize / 3 / kHuge * kHuge);
    const std::string name = directory + "/fresh";
    const int fd = open_file(name.c_str(), O_TRUNC);
    const std::vector<std::uint8_t> data(std::size_t{1} << 20, 0x5a);
    for (std::size_t done = 0; done < bytes; done += data.size())
        write_all(fd, data.data(), data.size(), static_cast<off_t>(done));
    if (fsync(fd) != 0)
        die(name);
    const HugeShare share = huge_share(fd, bytes);
    std::printf("%zu of %zu in one fault, %ld faults\n", share.huge, share.ranges, share.faults);
    close(fd);
    if (unlink(name.c_str()) != 0)
        die(name);
}

void thin(const std::string& directory) {
    for (int i = 0; i < 8; ++i) {
        const std::string parent = directory + "/d" + std::to_string(i);
        DIR* dir = opendir(parent.c_str());
        if (dir == nullptr)
            continue;
        std::vector<std::string> names;
        while (const dirent* entry = readdir(dir))
            if (entry->d_name[0] == 'f')
                names.emplace_back(entry->d_name);
        closedir(dir);
        std::sort(names.begin(), names.end());
        for (std::size_t n = 0; n < names.size(); n += 2)
            if (unlink((parent + "/" + names[n]).c_str()) != 0)
                die(names[n]);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::string verb = argc > 1 ? argv[1] : "";
    if (verb == "run" && argc == 6)
        Ageing(argv[2], std::strtoull(argv[3], nullptr, 0), static_cast<unsigned>(std::atoi(argv[4])))
            .run(std::strtoull(argv[5], nullptr, 0));
    else if (verb == "measure" && argc == 3)
        measure(argv[2]);
    else if (verb == "thin" && argc == 3)
        thin(argv[2]);
    else {
        std::fprintf(stderr, "usage: age run DIRECTORY SEED PERCENT OPERATIONS | measure DIRECTORY | thin DIRECTORY\n");
        return 2;
    }
    return 0;
}

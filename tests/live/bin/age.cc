// SPDX-License-Identifier: GPL-2.0-or-later
// Ages a filesystem the same way each time, and asks afterwards what huge pages are left.
//
//   age run DIRECTORY SEED PERCENT OPERATIONS [PROFILE [PAUSE_MS]]
//                           PROFILE mixed: creates, appends, rewrites, truncates and deletes files of mixed sizes, as
//                           many as the filesystem needs to be PERCENT full, and to stay so; agrawal: see agrawal.h.
//                           Between operations the filesystem has PAUSE_MS for what it does in the background
//   age measure DIRECTORY   writes one file into a third of the free space, a multiple of 2 MiB, maps it and reads
//   every
//                           page: how many of its 2 MiB took one fault, and how many faults were of 2 MiB?
//   age thin DIRECTORY      deletes every second file that run made (mixed)
//
// Files are named by number, so that all state follows from the seed and what write(2) accepted. ENOSPC is not an
// error: the operation ends there.
#include <dirent.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <memory>

#include "huge_share.h"
#include "tests/bench/ageing/agrawal.h"

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

// The files of a directory, and how much they use. Fullness is by our own account, not by statvfs(2): what a filesystem
// has not freed yet, or keeps for files to grow into, does not change what is done next.
class Ageing {
  public:
    Ageing(std::string directory, std::uint64_t seed, unsigned percent, unsigned pause_ms)
        : dice_(seed), directory_(std::move(directory)), pause_ms_(pause_ms), data_(1 << 20) {
        for (std::uint8_t& byte : data_)
            byte = static_cast<std::uint8_t>(dice_.next());
        struct statvfs status {};
        if (statvfs(directory_.c_str(), &status) != 0)
            die(directory_);
        const std::uint64_t limit = status.f_blocks * percent / 100, used = status.f_blocks - status.f_bfree;
        limit_ = limit > used ? (limit - used) * status.f_frsize / kPage : 0;
    }
    virtual ~Ageing() = default;

    void run(std::uint64_t operations) {
        for (now_ = 0; now_ < operations; ++now_) {
            step();
            if (pause_ms_ > 0)
                usleep(pause_ms_ * 1000);
        }
        finish();
    }

  protected:
    virtual void step() = 0;
    virtual void finish() {}

    [[nodiscard]] bool full() const { return no_space_ || used_ >= limit_; }
    void use(std::uint64_t bytes) { used_ += (bytes + kPage - 1) / kPage; }
    void unuse(std::uint64_t bytes) {
        used_ -= (bytes + kPage - 1) / kPage;
        no_space_ = false;
    }

    // How much of it there was space for.
    std::uint64_t append(int fd, std::uint64_t bytes, std::size_t chunk) {
        std::uint64_t done = 0;
        while (done < bytes) {
            const ssize_t n = write(fd, data_.data(), std::min({std::size_t{bytes - done}, chunk, data_.size()}));
            if (n < 0 && errno == ENOSPC) {
                no_space_ = true;
                break;
            }
            if (n <= 0)
                die("write");
            done += static_cast<std::uint64_t>(n);
        }
        return done;
    }

    void make_directories(const std::string& name) {
        const std::string parent = name.substr(0, name.rfind('/'));
        if (parent.size() > directory_.size() && mkdir(parent.c_str(), 0755) != 0 && errno == ENOENT) {
            make_directories(parent);
            mkdir(parent.c_str(), 0755);
        }
    }

    // -1: no space left.
    int open_new(const std::string& name) {
        int fd = open(name.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
        if (fd < 0 && errno == ENOENT) {
            make_directories(name);
            fd = open(name.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
        }
        if (fd < 0 && errno != ENOSPC && errno != ENOENT)
            die(name);
        no_space_ |= fd < 0;
        return fd;
    }

    // What programs write with: pages, stdio, cp.
    std::size_t some_chunk() {
        constexpr std::size_t kChunks[] = {kPage, 2 * kPage, std::size_t{64} << 10, std::size_t{256} << 10};
        return kChunks[dice_.below(4)];
    }

    [[nodiscard]] const std::string& directory() const { return directory_; }
    [[nodiscard]] std::uint64_t now() const { return now_; }

    Dice dice_;

  private:
    std::string directory_;
    unsigned pause_ms_;
    std::vector<std::uint8_t> data_;
    std::uint64_t limit_ = 0, used_ = 0;  // blocks
    std::uint64_t now_ = 0;
    bool no_space_ = false;
};

// Creates, appends, rewrites, truncates and deletes.
class Mixed : public Ageing {
  public:
    using Ageing::Ageing;

  private:
    struct File {
        std::uint64_t number = 0;
        std::uint64_t bytes = 0;
    };
    struct Growing {
        int fd = -1;
        File file;
        std::size_t left = 0;
    };

    void step() override {
        const std::uint64_t dice = dice_.below(100);
        if (full()) {
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

    void finish() override {
        for (Growing& growing : growing_)
            if (growing.fd >= 0)
                close(growing.fd);
    }

    [[nodiscard]] std::string path(std::uint64_t number) const {
        return directory() + "/d" + std::to_string(number % 8) + "/f" + std::to_string(number);
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

    void create() {
        const std::size_t bytes = some_size(), chunk = some_chunk();
        const int fd = open_new(path(next_));
        if (fd < 0)
            return;
        files_.push_back({next_++, append(fd, bytes, chunk)});
        use(files_.back().bytes);
        close(fd);
    }

    void grow() {
        Growing& growing = growing_[dice_.below(kGrowing)];
        if (growing.fd < 0) {
            growing.left = dice_.size(20, 24);
            growing.fd = open_new(path(next_));
            if (growing.fd < 0)
                return;
            growing.file = {next_++, 0};
        }
        const std::size_t bytes = std::min(growing.left, dice_.size(10, 18));
        const std::uint64_t written = append(growing.fd, bytes, kPage * 4);
        unuse(growing.file.bytes);
        growing.file.bytes += written;
        use(growing.file.bytes);
        growing.left -= bytes;
        if (growing.left > 0 && written == bytes)
            return;
        close(growing.fd);
        growing.fd = -1;
        files_.push_back(growing.file);
    }

    std::size_t pick() { return dice_.below(files_.size()); }

    // As editors do: a new file takes the old one's place.
    void rewrite() {
        if (files_.empty())
            return create();
        const std::size_t at = pick();
        const std::size_t chunk = some_chunk();
        const std::string name = path(files_[at].number);
        // The same directory, so that the new name is on the same disk group where a filesystem has such a thing.
        const std::string temporary = name + ".new";
        const int fd = open_new(temporary);
        if (fd < 0)
            return;
        const std::uint64_t written = append(fd, files_[at].bytes, chunk);
        close(fd);
        if (written < files_[at].bytes) {
            unlink(temporary.c_str());
            return remove();
        }
        if (rename(temporary.c_str(), name.c_str()) != 0 && errno != ENOSPC)
            die(temporary);
    }

    void shorten() {
        if (files_.empty())
            return;
        File& file = files_[pick()];
        if (truncate(path(file.number).c_str(), static_cast<off_t>(file.bytes / 2)) != 0)
            die(path(file.number));
        unuse(file.bytes);
        file.bytes /= 2;
        use(file.bytes);
    }

    void remove() {
        if (files_.empty())
            return;
        const std::size_t at = pick();
        if (unlink(path(files_[at].number).c_str()) != 0)
            die(path(files_[at].number));
        unuse(files_[at].bytes);
        files_[at] = files_.back();
        files_.pop_back();
    }

    std::vector<Growing> growing_{kGrowing};
    std::vector<File> files_;
    std::uint64_t next_ = 0;
};

// Creates and deletes as the profile says (agrawal.h).
class Agrawal : public Ageing {
  public:
    using Ageing::Ageing;

  private:
    struct File {
        std::string name;
        std::uint64_t bytes = 0;
    };

    void step() override {
        if (full() && !births_.empty())
            remove();
        else
            create();
    }

    void create() {
        const std::string name = directory() + "/" + ageing::some_directory(dice_) + "/f" + std::to_string(now());
        const std::uint64_t bytes = ageing::some_size(dice_);
        const int fd = open_new(name);
        if (fd < 0)
            return;
        files_.push_back({name, append(fd, bytes, some_chunk())});
        births_.push_back(now());
        use(files_.back().bytes);
        close(fd);
    }

    void remove() {
        const auto at = static_cast<std::ptrdiff_t>(ageing::Ages::victim(births_, now(), dice_));
        const File& file = files_[static_cast<std::size_t>(at)];
        if (unlink(file.name.c_str()) != 0)
            die(file.name);
        unuse(file.bytes);
        files_.erase(files_.begin() + at);
        births_.erase(births_.begin() + at);
    }

    std::vector<std::uint64_t> births_;  // of files_
    std::vector<File> files_;
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
    const std::string verb = argc > 1 ? argv[1] : "", profile = argc > 6 ? argv[6] : "mixed";
    if (verb == "run" && (profile == "mixed" || profile == "agrawal") && argc >= 6 && argc <= 8) {
        const std::uint64_t seed = std::strtoull(argv[3], nullptr, 0);
        const auto percent = static_cast<unsigned>(std::atoi(argv[4]));
        const auto pause_ms = static_cast<unsigned>(argc > 7 ? std::atoi(argv[7]) : 0);
        std::unique_ptr<Ageing> ageing;
        if (profile == "agrawal")
            ageing = std::make_unique<Agrawal>(argv[2], seed, percent, pause_ms);
        else
            ageing = std::make_unique<Mixed>(argv[2], seed, percent, pause_ms);
        ageing->run(std::strtoull(argv[5], nullptr, 0));
    } else if (verb == "measure" && argc == 3) {
        measure(argv[2]);
    } else if (verb == "thin" && argc == 3) {
        thin(argv[2]);
    } else {
        std::fprintf(
            stderr,
            "usage: age run DIRECTORY SEED PERCENT OPERATIONS [mixed|agrawal [PAUSE_MS]] | measure DIRECTORY | "
            "thin DIRECTORY\n");
        return 2;
    }
    return 0;
}

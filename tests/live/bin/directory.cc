// SPDX-License-Identifier: GPL-2.0-or-later
// Large and busy directories, and reading them.
//
//   directory fill DIR COUNT     creates COUNT files; lists them
//   directory drain DIR COUNT    removes them in another order, listing now and then; DIR ends empty
//   directory long DIR           names of every length, and one too long
//   directory race DIR SECONDS   lists while another process creates, removes and renames: what stays is seen once
//   directory seek DIR           telldir and seekdir, also after removals
//   directory sharing DEVICE     names that share positions of 31 bits, two and two, on the filesystem of the device
//   directory damage DEVICE KIND  damages all directory nodes in the first 16 MiB of a device; KIND 0 .. 6
//   directory refused DIR        DIR cannot be listed, nor a name in it be looked up: damage
//   directory ls DIR             every path below DIR with type, links, size and target: to compare
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <map>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "expect.h"
#include "lib/base/siphash.h"

namespace {

struct Entry {
    std::string name;
    std::int64_t position;  // d_off: where to go on behind it
    unsigned char type;
};

int open_dir(const std::string& path) {
    return MUST(open(path.c_str(), O_RDONLY | O_DIRECTORY));
}

// The rest of a directory in reads of `bytes`.
std::vector<Entry> read_entries(int fd, std::size_t bytes = 32768) {
    std::vector<Entry> entries;
    std::vector<char> buffer(bytes);
    while (true) {
        const auto got = static_cast<std::size_t>(MUST(syscall(SYS_getdents64, fd, buffer.data(), buffer.size())));
        if (got == 0)
            return entries;
        for (std::size_t at = 0; at < got;) {
            const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
            entries.push_back({entry->d_name, entry->d_off, entry->d_type});
            at += entry->d_reclen;
        }
    }
}

// Names without "." and "..", each of which must come once and first.
std::set<std::string> list(const std::string& path, std::size_t bytes = 32768) {
    const int fd = open_dir(path);
    const auto entries = read_entries(fd, bytes);
    close(fd);
    EXPECT(entries.size() >= 2 && entries[0].name == "." && entries[1].name == "..");
    std::set<std::string> names;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        EXPECT(i == 0 || entries[i].position > entries[i - 1].position);
        if (i >= 2)
            EXPECT(names.insert(entries[i].name).second);
    }
    return names;
}

void create(const std::string& path) {
    close(MUST(open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0644)));
}

std::string numbered(unsigned i) {
    return "file-" + std::to_string(i);
}

std::set<std::string> numbered_names(const std::vector<unsigned>& numbers) {
    std::set<std::string> names;
    for (const unsigned i : numbers)
        names.insert(numbered(i));
    return names;
}

void fill(const std::string& dir, unsigned count) {
    std::vector<unsigned> numbers;
    for (unsigned i = 0; i < count; ++i) {
        create(dir + "/" + numbered(i));
        numbers.push_back(i);
    }
    EXPECT(list(dir) == numbered_names(numbers));
    EXPECT(list(dir, 300) == numbered_names(numbers));
    struct stat status {};
    for (unsigned i = 0; i < count; i += 7)
        MUST(stat((dir + "/" + numbered(i)).c_str(), &status));
    MUST_FAIL(stat((dir + "/" + numbered(count)).c_str(), &status), ENOENT);
    MUST(stat(dir.c_str(), &status));
    EXPECT(status.st_size > 0 && status.st_size % 4096 == 0);
    EXPECT(status.st_size / 512 == status.st_blocks);
}

void drain(const std::string& dir, unsigned count) {
    std::vector<unsigned> numbers(count);
    for (unsigned i = 0; i < count; ++i)
        numbers[i] = i;
    std::shuffle(numbers.begin(), numbers.end(), std::mt19937(7));
    while (!numbers.empty()) {
        MUST(unlink((dir + "/" + numbered(numbers.back())).c_str()));
        numbers.pop_back();
        if (numbers.size() % 2500 == 0)
            EXPECT(list(dir) == numbered_names(numbers));
    }
    struct stat status {};
    MUST(stat(dir.c_str(), &status));
    EXPECT(status.st_size == 0 && status.st_blocks == 0);
}

void long_names(const std::string& dir) {
    std::set<std::string> names;
    for (std::size_t length = 1; length <= 255; ++length) {
        std::string name(length, static_cast<char>('a' + length % 26));
        for (std::size_t i = 1; i < length; i += 3)
            name[i] = static_cast<char>(0x80 + (i + length) % 0x7f);  // any byte but '/' and NUL is a name's
        create(dir + "/" + name);
        names.insert(name);
    }
    const std::string too_long(256, 'x');
    struct stat status {};
    MUST_FAIL(open((dir + "/" + too_long).c_str(), O_CREAT | O_WRONLY, 0644), ENAMETOOLONG);
    MUST_FAIL(stat((dir + "/" + too_long).c_str(), &status), ENAMETOOLONG);
    MUST_FAIL(mkdir((dir + "/" + too_long).c_str(), 0755), ENAMETOOLONG);
    EXPECT(list(dir) == names);
    for (const auto& name : names)
        MUST(unlink((dir + "/" + name).c_str()));
    EXPECT(list(dir).empty());
}

// Names come and go, so that leaves split and vanish under the reader.
[[noreturn]] void disturb(const std::string& dir) {
    std::mt19937 random(11);
    std::set<std::uint_fast32_t> present;
    while (true) {
        const auto i = random() % 1500;
        const std::string path = dir + "/passing-" + std::to_string(i);
        if (!present.contains(i)) {
            create(path);
            present.insert(i);
        } else if (const auto to = random() % 1500; random() % 3 == 0 && !present.contains(to)) {
            MUST(rename(path.c_str(), (dir + "/passing-" + std::to_string(to)).c_str()));
            present.erase(i);
            present.insert(to);
        } else {
            MUST(unlink(path.c_str()));
            present.erase(i);
        }
    }
}

void check_stayers(const std::vector<Entry>& entries, unsigned stayers) {
    std::map<std::string, int> seen;
    for (const auto& entry : entries)
        ++seen[entry.name];
    for (unsigned i = 0; i < stayers; ++i)
        EXPECT(seen["stays-" + std::to_string(i)] == 1);
    EXPECT(seen["."] == 1 && seen[".."] == 1);
}

void race(const std::string& dir, int seconds) {
    constexpr unsigned kStayers = 400;
    for (unsigned i = 0; i < kStayers; ++i)
        create(dir + "/stays-" + std::to_string(i));
    const pid_t disturber = MUST(fork());
    if (disturber == 0)
        disturb(dir);
    const std::time_t end = std::time(nullptr) + seconds;
    unsigned passes = 0;
    for (; std::time(nullptr) < end || passes < 4; ++passes) {
        const int fd = open_dir(dir);
        check_stayers(read_entries(fd, passes % 2 == 0 ? 512 : 32768), kStayers);
        close(fd);
    }
    MUST(kill(disturber, SIGKILL));
    MUST(waitpid(disturber, nullptr, 0));
    std::printf("%u passes\n", passes);
}

void seek(const std::string& dir) {
    constexpr unsigned kFiles = 700;
    for (unsigned i = 0; i < kFiles; ++i)
        create(dir + "/" + numbered(i));
    const int fd = open_dir(dir);
    const auto all = read_entries(fd);
    EXPECT(all.size() == kFiles + 2);
    std::mt19937 random(3);
    for (int i = 0; i < 200; ++i) {
        const std::size_t at = random() % (all.size() - 1);
        MUST(lseek64(fd, all[at].position, SEEK_SET));
        const auto rest = read_entries(fd);
        EXPECT(rest.size() == all.size() - at - 1 && rest[0].name == all[at + 1].name);
    }
    // Every second one goes: a position still leads to the next that is left.
    for (std::size_t i = 2; i < all.size(); i += 2)
        MUST(unlink((dir + "/" + all[i].name).c_str()));
    for (std::size_t i = 2; i + 1 < all.size(); i += 2) {
        MUST(lseek64(fd, all[i].position, SEEK_SET));
        EXPECT(read_entries(fd)[0].name == all[i + 1].name);
        MUST(lseek64(fd, all[i - 1].position, SEEK_SET));
        EXPECT(read_entries(fd)[0].name == all[i + 1].name);
    }
    MUST(lseek64(fd, 0, SEEK_SET));
    EXPECT(read_entries(fd).size() == 2 + kFiles / 2);
    MUST_FAIL(lseek64(fd, -1, SEEK_SET), EINVAL);
    MUST(lseek64(fd, INT64_MAX, SEEK_SET));
    EXPECT(read_entries(fd).empty());
    close(fd);
}

// A position of 31 bits is the top of the name's hash.
void sharing(const std::string& device) {
    constexpr off_t kHashKey = 56;  // in the superblock
    constexpr unsigned kNames = 400000;
    daxfs::SipKey key{};
    const int fd = MUST(open(device.c_str(), O_RDONLY));
    EXPECT(MUST(pread(fd, key.data(), sizeof(key), kHashKey)) == sizeof(key));
    close(fd);
    std::vector<std::pair<std::uint32_t, unsigned>> tops;
    for (unsigned i = 0; i < kNames; ++i) {
        const std::string name = "shares-" + std::to_string(i);
        tops.emplace_back(daxfs::siphash24(key, std::as_bytes(std::span(name))) >> 33, i);
    }
    std::sort(tops.begin(), tops.end());
    for (std::size_t i = 1; i < tops.size(); ++i)
        if (tops[i].first == tops[i - 1].first)
            std::printf("shares-%u\nshares-%u\n", tops[i - 1].second, tops[i].second);
}

// One way of being wrong a kind; a node is an aligned block that starts with DXDR.
void damage_node(std::vector<std::uint8_t>& node, int kind) {
    const auto put16 = [&](std::size_t offset, unsigned value) {
        node[offset] = static_cast<std::uint8_t>(value);
        node[offset + 1] = static_cast<std::uint8_t>(value >> 8);
    };
    switch (kind) {
        case 0:
            node[4] ^= 1;
            break;  // checksum
        case 1:
            node[8] ^= 1;
            break;  // owner
        case 2:
            put16(32, 7);
            break;  // level
        case 3:
            put16(34, 0xffff);
            break;  // count
        case 4:
            put16(68, 0);
            break;  // first record: no length
        case 5:
            put16(68, 0xfff8);
            break;  // ... past the end
        default:
            put16(68, 0x29);
            break;  // ... not aligned
    }
}

void damage(const std::string& device, int kind) {
    const int fd = MUST(open(device.c_str(), O_RDWR));
    std::vector<std::uint8_t> block(4096);
    int nodes = 0;
    for (off_t at = 0; at < 16 << 20; at += 4096) {
        EXPECT(MUST(pread(fd, block.data(), block.size(), at)) == 4096);
        if (std::memcmp(block.data(), "DXDR", 4) != 0)
            continue;
        damage_node(block, kind);
        EXPECT(MUST(pwrite(fd, block.data(), block.size(), at)) == 4096);
        ++nodes;
    }
    MUST(fsync(fd));
    close(fd);
    EXPECT(nodes > 0);
}

void refused(const std::string& dir) {
    const int fd = open_dir(dir);
    char buffer[4096];
    struct stat status {};
    // "." and ".." come first.
    if (MUST(syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0)
        MUST_FAIL(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)), EUCLEAN);
    MUST_FAIL(stat((dir + "/nothing").c_str(), &status), EUCLEAN);
    EXPECT(open((dir + "/new").c_str(), O_CREAT | O_WRONLY, 0644) == -1 && (errno == EUCLEAN || errno == EROFS));
    close(fd);
}

void print_tree(const std::string& path) {
    struct stat status {};
    MUST(lstat(path.c_str(), &status));
    char target[4096] = "";
    if (S_ISLNK(status.st_mode))
        MUST(readlink(path.c_str(), target, sizeof(target) - 1));
    std::printf("%s %o %lu %ld %lx %s\n", path.c_str(), status.st_mode, static_cast<unsigned long>(status.st_nlink),
                static_cast<long>(status.st_size), static_cast<unsigned long>(status.st_rdev), target);
    if (S_ISDIR(status.st_mode))
        for (const auto& name : list(path))
            print_tree(path + "/" + name);
}

}  // namespace

int main(int argc, char** argv) {
    EXPECT(argc >= 3);
    const std::string_view verb = argv[1];
    const std::string dir = argv[2];
    const int number = argc > 3 ? std::atoi(argv[3]) : 0;
    if (verb == "fill")
        fill(dir, static_cast<unsigned>(number));
    else if (verb == "drain")
        drain(dir, static_cast<unsigned>(number));
    else if (verb == "long")
        long_names(dir);
    else if (verb == "race")
        race(dir, number);
    else if (verb == "seek")
        seek(dir);
    else if (verb == "sharing")
        sharing(dir);
    else if (verb == "damage")
        damage(dir, number);
    else if (verb == "refused")
        refused(dir);
    else if (verb == "ls")
        print_tree(dir);
    else
        EXPECT(!"a known verb");
    return 0;
}

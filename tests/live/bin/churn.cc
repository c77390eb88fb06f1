// SPDX-License-Identifier: GPL-2.0-or-later
// Work whose every durable step is known, for power cuts. Step n replaces or removes one of a few files; when
// the step is durable, n is acknowledged in a file outside the filesystem. After a cut each file must be as the last
// acknowledged step left it, or as the one step that may have been under way would have.
//
//   churn run DIRECTORY ACKNOWLEDGED SEED [STEPS]    continues behind the last acknowledged step; 0 steps: until killed
//   churn verify DIRECTORY ACKNOWLEDGED SEED
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace {

constexpr unsigned kFiles = 24;
constexpr unsigned kLookBack = 4096;  // steps in which every file is surely touched

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "churn: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

// SplitMix64 (Steele, Lea, Flood 2014): the whole plan follows from seed and step.
std::uint64_t mix(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

enum class Kind { kReplaceByWrite, kReplaceByMapping, kRemove };

struct Step {
    std::uint64_t number;
    unsigned file;
    Kind kind;
    std::size_t bytes;  // of the new content
};

Step plan(std::uint64_t seed, std::uint64_t number) {
    const std::uint64_t dice = mix(seed ^ mix(number));
    constexpr std::size_t kSizes[] = {1, 100, 4096, 4097, 20'000, 65'536, 300'000, (2u << 20) + 12'345};
    return {.number = number,
            .file = static_cast<unsigned>(dice % kFiles),
            .kind = dice >> 8 & 7 ? (dice >> 11 & 1 ? Kind::kReplaceByWrite : Kind::kReplaceByMapping) : Kind::kRemove,
            .bytes = kSizes[dice >> 16 & 7]};
}

std::vector<std::uint8_t> content(std::uint64_t seed, const Step& step) {
    std::vector<std::uint8_t> bytes(step.bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::uint8_t>(mix(seed + step.number * 0x10001 + i / 8) >> (i % 8 * 8));
    return bytes;
}

std::string name_of(const std::string& directory, unsigned file) {
    return directory + "/d" + std::to_string(file % 3) + "/file" + std::to_string(file);
}

void write_all(int fd, const std::vector<std::uint8_t>& bytes, const std::string& path) {
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
        if (n <= 0)
            die(path);
        done += static_cast<std::size_t>(n);
    }
}

void store_all(int fd, const std::vector<std::uint8_t>& bytes, const std::string& path) {
    if (ftruncate(fd, static_cast<off_t>(bytes.size())) != 0)
        die(path);
    void* map = mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        die(path);
    std::memcpy(map, bytes.data(), bytes.size());
    munmap(map, bytes.size());
}

void take(const std::string& directory, std::uint64_t seed, const Step& step) {
    const std::string path = name_of(directory, step.file);
    if (step.kind == Kind::kRemove) {
        if (unlink(path.c_str()) != 0 && errno != ENOENT)
            die(path);
        return;
    }
    const std::string temporary = directory + "/new" + std::to_string(step.number % 5);
    const int fd = open(temporary.c_str(), O_CREAT | O_TRUNC | O_RDWR, 0644);
    if (fd < 0)
        die(temporary);
    const auto bytes = content(seed, step);
    if (step.kind == Kind::kReplaceByWrite)
        write_all(fd, bytes, temporary);
    else
        store_all(fd, bytes, temporary);
    if (fsync(fd) != 0 || close(fd) != 0 || rename(temporary.c_str(), path.c_str()) != 0)
        die(temporary);
}

std::uint64_t read_acknowledged(const char* path) {
    unsigned long long number = 0;
    if (std::FILE* file = std::fopen(path, "r")) {
        if (std::fscanf(file, "%llu", &number) != 1)
            number = 0;
        std::fclose(file);
    }
    return number;
}

void run(const std::string& directory, const char* acknowledged, std::uint64_t seed, std::uint64_t steps) {
    for (int i = 0; i < 3; ++i)
        if (mkdir((directory + "/d" + std::to_string(i)).c_str(), 0755) != 0 && errno != EEXIST)
            die(directory);
    const std::uint64_t first = read_acknowledged(acknowledged) + 1;
    const int ack = open(acknowledged, O_CREAT | O_WRONLY, 0644);
    if (ack < 0)
        die(acknowledged);
    for (std::uint64_t n = first; steps == 0 || n < first + steps; ++n) {
        take(directory, seed, plan(seed, n));
        const std::string line = std::to_string(n) + "\n";
        if (pwrite(ack, line.data(), line.size(), 0) != static_cast<ssize_t>(line.size()))
            die(acknowledged);
    }
}

// The content of a file, or nothing where there is no such file.
std::optional<std::vector<std::uint8_t>> read_file(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY);
    if (fd < 0) {
        if (errno == ENOENT)
            return std::nullopt;
        die(path);
    }
    struct stat status {};
    if (fstat(fd, &status) != 0)
        die(path);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(status.st_size));
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t n = read(fd, bytes.data() + done, bytes.size() - done);
        if (n <= 0)
            die(path);
        done += static_cast<std::size_t>(n);
    }
    close(fd);
    return bytes;
}

// The last step up to `last` that touched `file`; none: nothing ever did.
std::optional<Step> last_step_on(unsigned file, std::uint64_t seed, std::uint64_t last) {
    for (std::uint64_t n = last; n > 0 && last - n < kLookBack; --n)
        if (const Step step = plan(seed, n); step.file == file)
            return step;
    return std::nullopt;
}

bool is_as_left_by(const std::optional<Step>& step, std::uint64_t seed,
                   const std::optional<std::vector<std::uint8_t>>& found) {
    if (!step || step->kind == Kind::kRemove)
        return !found;
    return found && *found == content(seed, *step);
}

int verify(const std::string& directory, const char* acknowledged, std::uint64_t seed) {
    const std::uint64_t last = read_acknowledged(acknowledged);
    int lost = 0;
    for (unsigned file = 0; file < kFiles; ++file) {
        const auto found = read_file(name_of(directory, file));
        const auto promised = last_step_on(file, seed, last);
        const Step under_way = plan(seed, last + 1);
        if (is_as_left_by(promised, seed, found) || (under_way.file == file && is_as_left_by(under_way, seed, found)))
            continue;
        std::printf("file%u is not as step %llu left it (%s, %zu bytes; %llu steps acknowledged)\n", file,
                    static_cast<unsigned long long>(promised ? promised->number : 0), found ? "there" : "missing",
                    found ? found->size() : 0, static_cast<unsigned long long>(last));
        ++lost;
    }
    std::printf("%llu steps acknowledged, %d of %u files wrong\n", static_cast<unsigned long long>(last), lost, kFiles);
    return lost != 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string verb = argc > 1 ? argv[1] : "";
    if (verb == "run" && (argc == 5 || argc == 6)) {
        run(argv[2], argv[3], std::strtoull(argv[4], nullptr, 0), argc == 6 ? std::strtoull(argv[5], nullptr, 0) : 0);
        return 0;
    }
    if (verb == "verify" && argc == 5)
        return verify(argv[2], argv[3], std::strtoull(argv[4], nullptr, 0));
    std::fprintf(stderr, "usage: churn run DIRECTORY ACKNOWLEDGED SEED [STEPS] | verify DIRECTORY ACKNOWLEDGED SEED\n");
    return 2;
}

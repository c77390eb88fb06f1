// SPDX-License-Identifier: GPL-2.0-or-later
// Hostile images by seed and number.
//
//   mutate write SEED NUMBER FILE     the image itself
//   mutate say SEED NUMBER [COUNT]    what is wrong with it, one line each
//   mutate coverage SEED NUMBER COUNT the fields that `field` harms changed, of all that the format has
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <map>
#include <string_view>

#include "tests/hostile/mutant.h"

namespace daxfs::hostile {
namespace {

int usage() {
    fmt::print(stderr, "usage: mutate write SEED NUMBER FILE | say SEED NUMBER [COUNT] | coverage SEED NUMBER COUNT\n");
    return 2;
}

bool write_at(int file, const void* bytes, std::size_t size, std::uint64_t offset) {
    return pwrite(file, bytes, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

int write_image(const Base& base, std::uint64_t seed, std::uint64_t number, const char* path) {
    const int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0 || ftruncate(file, static_cast<off_t>(base.bytes().size())) != 0) {
        fmt::print(stderr, "mutate: {}: {}\n", path, std::strerror(errno));
        return 1;
    }
    const Mutant mutant = make_mutant(base, seed, number);
    static constexpr std::byte kZeros[DAXFS_BLOCK_SIZE]{};
    bool written = true;
    for (BlockNo block; block.value < base.bytes().size() / DAXFS_BLOCK_SIZE; ++block) {
        const std::byte* bytes = mutant.look(block);
        if (std::memcmp(bytes, kZeros, DAXFS_BLOCK_SIZE) != 0)
            written = written && write_at(file, bytes, DAXFS_BLOCK_SIZE, block.value * DAXFS_BLOCK_SIZE);
    }
    if (!written || close(file) != 0) {
        fmt::print(stderr, "mutate: {}: {}\n", path, std::strerror(errno));
        return 1;
    }
    return 0;
}

void say(const Base& base, std::uint64_t seed, std::uint64_t number, std::uint64_t count) {
    for (std::uint64_t i = number; i < number + count; ++i)
        fmt::print("{} {} {}\n", i, harm_name(harm_of(i)), make_mutant(base, seed, i).text());
}

void coverage(const Base& base, std::uint64_t seed, std::uint64_t number, std::uint64_t count) {
    std::map<std::string, std::uint64_t> times;
    std::map<std::string_view, std::uint64_t> harms;
    for (std::uint64_t i = number; i < number + count; ++i) {
        ++harms[harm_name(harm_of(i))];
        const Mutant mutant = make_mutant(base, seed, i);
        for (const std::string& field : mutant.touched())
            ++times[field];
    }
    std::uint64_t reached = 0;
    std::string missing;
    for (const FieldName& name : all_fields()) {
        const std::string full = fmt::format("{}.{}", name.schema->name, name.field->name);
        if (times.contains(full))
            ++reached;
        else
            missing += " " + full;
    }
    fmt::print("fields {} of {}{}{}\n", reached, all_fields().size(), missing.empty() ? "" : "; not:", missing);
    for (const auto& [name, mutants] : harms)
        fmt::print("harm {} {}\n", name, mutants);
}

int run(int argc, char** argv) {
    std::uint64_t numbers[3] = {0, 0, 1};
    const std::string_view verb = argc > 1 ? argv[1] : "";
    const bool write = verb == "write";
    for (int i = 2; i < argc - (write ? 1 : 0) && i < 5; ++i) {
        const std::string_view text = argv[i];
        if (std::from_chars(text.data(), text.data() + text.size(), numbers[i - 2]).ec != std::errc{})
            return usage();
    }
    if (argc < 4 || argc > 5 || (write && argc != 5))
        return usage();
    const Base base;
    if (write)
        return write_image(base, numbers[0], numbers[1], argv[4]);
    if (verb == "say")
        say(base, numbers[0], numbers[1], numbers[2]);
    else if (verb == "coverage")
        coverage(base, numbers[0], numbers[1], numbers[2]);
    else
        return usage();
    return 0;
}

}  // namespace
}  // namespace daxfs::hostile

int main(int argc, char** argv) {
    return daxfs::hostile::run(argc, argv);
}

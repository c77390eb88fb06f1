// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel reads the build ID of a mapped program through the file's mapping, for PROCMAP_QUERY (from Linux 6.11 on)
// and for perf. Through DAX there are no pages there to read: what it does must leave the file as it is.
//
//   build_id PROGRAM    a copy of any ELF file with a build ID, which this one stores to behind its headers
#include <elf.h>
#include <sys/ioctl.h>

#include "tests/live/bin/check.h"

namespace {

// struct procmap_query of <linux/fs.h>, which older headers lack.
struct Query {
    std::uint64_t bytes, flags, address;
    std::uint64_t vma_start, vma_end, vma_flags, vma_page_bytes, vma_offset, inode;
    std::uint32_t dev_major, dev_minor, name_bytes, build_id_bytes;
    std::uint64_t name, build_id;
};
constexpr unsigned long kQuery = _IOWR('f', 17, Query);

std::vector<std::uint8_t> build_id_of(const std::vector<std::uint8_t>& file) {
    const auto* head = reinterpret_cast<const Elf64_Ehdr*>(file.data());
    const auto* segments = reinterpret_cast<const Elf64_Phdr*>(file.data() + head->e_phoff);
    for (unsigned i = 0; i < head->e_phnum; ++i) {
        if (segments[i].p_type != PT_NOTE)
            continue;
        const std::uint8_t* at = file.data() + segments[i].p_offset;
        const std::uint8_t* end = at + segments[i].p_filesz;
        while (at < end) {
            const auto* note = reinterpret_cast<const Elf64_Nhdr*>(at);
            const std::uint8_t* content = at + sizeof(*note) + (note->n_namesz + 3) / 4 * 4;
            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4)
                return {content, content + note->n_descsz};
            at = content + (note->n_descsz + 3) / 4 * 4;
        }
    }
    return {};
}

// What the kernel says of the mapping, or that it does not know the call.
bool query(const std::uint8_t* map, std::vector<std::uint8_t>& id) {
    const int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    expect(maps >= 0, "/proc/self/maps");
    id.assign(64, 0);
    Query query{};
    query.bytes = sizeof query;
    query.address = reinterpret_cast<std::uintptr_t>(map);
    query.build_id_bytes = static_cast<std::uint32_t>(id.size());
    query.build_id = reinterpret_cast<std::uintptr_t>(id.data());
    const int result = ioctl(maps, kQuery, &query);
    if (result != 0 && errno == ENOTTY)
        return false;
    expect(result == 0, "PROCMAP_QUERY");
    close(maps);
    id.resize(query.build_id_bytes);
    return true;
}

void same(int fd, const std::vector<std::uint8_t>& wanted, const char* when) {
    expect(read_all(fd, wanted.size(), 0) == wanted, std::string("the contents ") + when);
}

}  // namespace

int main(int argc, char** argv) {
    expect(argc == 2, "build_id PROGRAM");
    const int fd = open_file(argv[1]);
    const auto bytes = static_cast<std::size_t>(size_of(fd));
    std::vector<std::uint8_t> contents = read_all(fd, bytes, 0);
    const std::vector<std::uint8_t> wanted = build_id_of(contents);
    expect(!wanted.empty(), "the program has no build ID");

    // Asked before any page is mapped, with read faults behind it, and with dirty ones.
    std::uint8_t* map = map_file(fd, bytes, 0, true);
    for (unsigned round = 0; round < 3; ++round) {
        std::vector<std::uint8_t> id;
        if (!query(map, id)) {
            std::printf("no PROCMAP_QUERY\n");
            return 0;
        }
        expect(id == wanted, "the build ID, round " + std::to_string(round));
        same(fd, contents, "behind the query");
        expect(std::memcmp(map, contents.data(), bytes) == 0, "the mapping behind the query");
        // In its last bytes, and in the first page behind the file's header.
        for (const std::size_t place : {std::size_t{9}, bytes - 1}) {
            ++contents[place];
            map[place] = contents[place];
        }
        expect(fsync(fd) == 0, "fsync");
        same(fd, contents, "after stores and fsync");
        const std::uint8_t byte = ++contents[bytes / 2];
        write_all(fd, &byte, 1, static_cast<off_t>(bytes / 2));
        expect(map[bytes / 2] == byte, "a write(2) is not in the mapping");
    }
    expect(ftruncate(fd, static_cast<off_t>(kPage)) == 0 && ftruncate(fd, static_cast<off_t>(bytes)) == 0, "ftruncate");
    std::fill(contents.begin() + kPage, contents.end(), std::uint8_t{0});
    same(fd, contents, "after a truncate");
    std::printf("asked\n");
    return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
// Does the same harm to images of different filesystems.
//   damage map daxfs|ext4|xfs IMAGE           where its structures lie, by what they are for; of XFS it reads on
//                                             standard input what `xfs_db -c 'blockget -v'` prints
//   damage rows                               the kinds of harm
//   damage apply ROW SEED MAP IMAGE           does one, and says what
//   damage take SOUND IMAGE DIRECTORY         writes the blocks in which IMAGE differs to a file in DIRECTORY that is
//                                             named after them, says its name, and makes IMAGE what SOUND is
// A line of a map is KIND BLOCK OFFSET LENGTH FILE: the structure's bytes in a block of 4096, and the number of a file
// whose name, inode or extents it holds, or -1.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/image/image.h"
#include "lib/tree/ag.h"
#include "lib/tree/inode.h"
#include "lib/tree/node.h"
#include "lib/tree/volume.h"
#include "tests/hostile/dice.h"
#include "tests/recovery/tree.h"

namespace daxfs::recovery {
namespace {

using hostile::Dice;

[[noreturn]] void give_up(const std::string& what) {
    std::fprintf(stderr, "damage: %s\n", what.c_str());
    std::exit(1);
}

// A file, mapped.
class Device {
  public:
    Device(const std::string& path, bool write) {
        const int fd = open(path.c_str(), (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
        struct stat status {};
        if (fd < 0 || fstat(fd, &status) != 0)
            give_up(path + ": cannot be opened");
        const auto size = static_cast<std::size_t>(status.st_size);
        void* place = mmap(nullptr, size, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
        if (place == MAP_FAILED || size % kBlock != 0)
            give_up(path + ": cannot be mapped, or is not of whole blocks");
        bytes_ = {static_cast<std::byte*>(place), size};
    }

    std::uint64_t blocks() const { return bytes_.size() / kBlock; }
    std::span<std::byte> all() const { return bytes_; }
    std::span<std::byte> block(std::uint64_t number) const {
        if (number >= blocks())
            give_up("block " + std::to_string(number) + " is not on the device");
        return bytes_.subspan(number * kBlock, kBlock);
    }
    template <typename T>
    T at(std::uint64_t number, std::size_t offset) const {
        T value;
        std::memcpy(&value, block(number).subspan(offset, sizeof(T)).data(), sizeof(T));
        return value;
    }
    bool is_zero(std::uint64_t number) const {
        return std::ranges::all_of(block(number), [](std::byte byte) { return byte == std::byte{0}; });
    }

  private:
    std::span<std::byte> bytes_;
};

struct Place {
    std::string kind;
    std::uint64_t block = 0, offset = 0, length = kBlock;
    std::int64_t file = -1;
    std::uint64_t owner = 0;  // the inode of an extent tree's node
};

using Map = std::vector<Place>;

// What was never used of a journal can lose nothing.
void place_journal(Map& map, const Device& device, std::uint64_t block) {
    if (!device.is_zero(block))
        map.push_back({"journal", block});
}

void map_daxfs_inodes(Map& map, const Volume& volume, AgNo ag) {
    const AgMap bits(volume, ag, MapKind::kInodes);
    for (auto bit = bits.next_set(0); bit; bit = bits.next_set(*bit + 1)) {
        const BlockNo block = bits.device_block(*bit);
        bool used = false;
        for (std::uint64_t i = 0; i < DAXFS_INODES_PER_BLOCK; ++i) {
            const InodeReading reading = read_inode(volume, InodeNo{block.value * DAXFS_INODES_PER_BLOCK + i});
            if (reading.damage || is_free(*reading.raw))
                continue;
            used = true;
            const bool directory = is_directory(*reading.raw);
            TreeCursor tree(volume, directory ? TreeKind::kDirectory : TreeKind::kExtents, *reading.raw);
            while (const auto node = tree.next())
                map.push_back({.kind = directory ? "directory" : "extent",
                               .block = node->block.value,
                               .owner = reading.raw->ino});
        }
        if (used)
            map.push_back({"inode", block.value});
    }
}

void map_daxfs(Map& map, const Device& device, const std::string& path) {
    const auto image = Image::open(path, Access::kRead);
    if (!image)
        give_up(image.error().message);
    const auto volume = open_volume(*image);
    if (!volume)
        give_up(volume.error().message);
    const Geometry& geometry = volume->geometry;
    map.push_back({"super", 0, 0, sizeof(daxfs_super)});
    for (AgNo ag; ag.value < volume->initialised_ags(); ++ag) {
        map.push_back({"group", geometry.ag_header(ag).value, 0, DAXFS_AG_HEADER_END});
        for (BlockNo block = geometry.bitmap(ag); block < geometry.ag_start(ag) + geometry.map_end(); ++block)
            map.push_back({"map", block.value});
        map_daxfs_inodes(map, *volume, ag);
    }
    for (BlockNo block = geometry.journal_slot(0); block < geometry.journal_slot(geometry.journal_count); ++block)
        place_journal(map, device, block.value);
}

// Documented in the kernel's Documentation/filesystems/ext4; block numbers fit 32 bits here.
class Ext4 {
  public:
    explicit Ext4(const Device& device)
        : device_(device),
          per_group_(device.at<std::uint32_t>(0, 1024 + 0x28)),
          inode_size_(device.at<std::uint16_t>(0, 1024 + 0x58)),
          descriptor_(device.at<std::uint16_t>(0, 1024 + 0xfe)),
          groups_((device.blocks() - 1) / device.at<std::uint32_t>(0, 1024 + 0x20) + 1) {
        if (device.at<std::uint16_t>(0, 1024 + 0x38) != 0xef53)
            give_up("no ext4");
    }

    void map(Map& map) const {
        map.push_back({"super", 0, 1024, 1024});
        map.push_back({"group", 1, 0, groups_ * descriptor_});
        for (std::uint64_t group = 0; group < groups_; ++group) {
            map.push_back({"map", field(group, 0)});
            map.push_back({"map", field(group, 4)});
            for (std::uint64_t i = 0; i < per_group_; i += kBlock / inode_size_)
                map_inodes(map, field(group, 8) + i * inode_size_ / kBlock, group * per_group_ + i + 1);
        }
    }

    std::uint64_t inode_block(std::uint64_t ino) const {
        return field((ino - 1) / per_group_, 8) + (ino - 1) % per_group_ * inode_size_ / kBlock;
    }

  private:
    std::uint32_t field(std::uint64_t group, std::size_t offset) const {
        return device_.at<std::uint32_t>(1, group * descriptor_ + offset);
    }

    void map_inodes(Map& map, std::uint64_t block, std::uint64_t first) const {
        bool used = false;
        for (std::size_t at = 0; at < kBlock; at += inode_size_) {
            const auto mode = device_.at<std::uint16_t>(block, at);
            if (mode == 0)
                continue;
            used = true;
            const bool extents = (device_.at<std::uint32_t>(block, at + 0x20) & 0x80000u) != 0;
            const std::uint64_t ino = first + at / inode_size_;
            const char* data = ino == 8 ? "journal" : S_ISDIR(mode) ? "directory" : "";
            if (extents)
                map_node(map, ino, block, at + 0x28, data);
        }
        if (used)
            map.push_back({"inode", block});
    }

    // A node of an extent tree, in an inode or a block; `data`: what the file's blocks are.
    void map_node(Map& map, std::uint64_t ino, std::uint64_t block, std::size_t at, std::string_view data) const {
        const auto depth = device_.at<std::uint16_t>(block, at + 6);
        for (std::size_t i = 0; i < device_.at<std::uint16_t>(block, at + 2); ++i) {
            const std::size_t entry = at + 12 * (i + 1);
            if (depth > 0) {
                const auto child = device_.at<std::uint32_t>(block, entry + 4);
                map.push_back({.kind = "extent", .block = child, .owner = ino});
                map_node(map, ino, child, 0, data);
                continue;
            }
            const std::uint64_t start = device_.at<std::uint32_t>(block, entry + 8);
            for (std::uint64_t j = 0; !data.empty() && j < device_.at<std::uint16_t>(block, entry + 4); ++j) {
                if (data == "journal")
                    place_journal(map, device_, start + j);
                else
                    map.push_back({"directory", start + j});
            }
        }
    }

    const Device& device_;
    std::uint64_t per_group_, inode_size_, descriptor_, groups_;
};

// Words of XFS are big-endian.
template <typename T>
T big_endian(const Device& device, std::uint64_t block, std::size_t offset) {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        value = static_cast<T>(value << 8 | static_cast<unsigned>(device.block(block)[offset + i]));
    return value;
}

bool holds_used_inodes(const Device& device, std::uint64_t block) {
    for (std::size_t at = 0; at < kBlock; at += 512) {
        if (big_endian<std::uint16_t>(device, block, at) == 0x494e &&
            big_endian<std::uint16_t>(device, block, at + 2) != 0)
            return true;
    }
    return false;
}

// "setting block AG/BLOCK to WHAT": a block in use is said to be free before, so the last line counts.
void map_xfs(Map& map, const Device& device, std::istream& blockget) {
    const std::uint64_t group_blocks = big_endian<std::uint32_t>(device, 0, 84);
    const std::map<std::string, const char*, std::less<>> kinds{
        {"btbno", "map"},     {"btcnt", "map"},   {"btino", "map"},  {"btfino", "map"},
        {"dir", "directory"}, {"inode", "inode"}, {"log", "journal"}};
    std::map<std::uint64_t, std::string> blocks;
    for (std::string line; std::getline(blockget, line);) {
        unsigned long long group = 0, block = 0;
        char what[16] = "";
        if (std::sscanf(line.c_str(), "setting block %llu/%llu to %15s", &group, &block, what) == 3)
            blocks[group * group_blocks + block] = what;
    }
    map.push_back({"super", 0, 0, 512});
    // Nodes of extent trees are not told from data: they have a magic number and, in sectors, their own address.
    for (std::uint64_t block = 0; block < device.blocks(); ++block) {
        if (big_endian<std::uint32_t>(device, block, 0) == 0x424d'4133 &&
            big_endian<std::uint64_t>(device, block, 24) == block * kBlock / 512)
            map.push_back({.kind = "extent", .block = block, .owner = big_endian<std::uint64_t>(device, block, 56)});
    }
    for (const auto& [block, what] : blocks) {
        // The headers share the group's first block with its copy of the superblock.
        if (what == "sb" && block != 0)
            map.push_back({"group", block, 512, 1024});
        const auto kind = kinds.find(what);
        if (kind == kinds.end())
            continue;
        if (what == "log")
            place_journal(map, device, block);
        else if (what != "inode" || holds_used_inodes(device, block))
            map.push_back({kind->second, block});
    }
}

std::uint64_t xfs_inode_block(const Device& device, std::uint64_t ino) {
    const auto inode_log = big_endian<std::uint8_t>(device, 0, 123),
               block_log = big_endian<std::uint8_t>(device, 0, 124);
    const std::uint64_t group = ino >> (inode_log + block_log);
    return group * big_endian<std::uint32_t>(device, 0, 84) + (ino >> inode_log) % (std::uint64_t{1} << block_log);
}

// Where a directory entry has the length of its name and the inode, in bytes before the name.
struct EntryLayout {
    std::size_t length, ino, ino_size;
    bool big_endian;
    bool chained;  // records lead from one to the next, and what lies between them is stale
};

std::uint64_t number_in(std::span<const std::byte> bytes, bool big_endian) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        number = number << 8 | static_cast<std::uint64_t>(bytes[big_endian ? i : bytes.size() - 1 - i]);
    return number;
}

// Which file's name, inode and extents lie where: harm that is equal is harm to the same files.
void attribute(Map& map, const Device& device, const EntryLayout& layout,
               const std::function<std::uint64_t(std::uint64_t)>& inode_block) {
    std::map<std::string, std::int64_t, std::less<>> names;
    const Tree tree = make_tree();
    for (std::size_t i = 0; i < tree.files.size(); ++i) {
        const std::string& name = tree.files[i].names[0];
        names[name.substr(name.rfind('/') + 1)] = static_cast<std::int64_t>(i);
    }
    std::map<std::uint64_t, std::int64_t> inodes;
    const Map places = map;
    for (const Place& it : places) {
        const auto block = device.block(it.block);
        std::size_t step = 1;
        for (std::size_t at = layout.chained ? 8 : 24; it.kind == "directory" && at < kBlock && step > 0; at += step) {
            if (layout.chained)
                step = number_in(block.subspan(at - 4, 2), false);
            const auto length = static_cast<std::size_t>(block[at - layout.length]);
            if (at + length > kBlock)
                continue;
            const auto name = names.find(std::string_view(reinterpret_cast<const char*>(&block[at]), length));
            if (name == names.end())
                continue;
            const std::uint64_t ino = number_in(block.subspan(at - layout.ino, layout.ino_size), layout.big_endian);
            map.push_back({.kind = "directory", .block = it.block, .file = name->second});
            map.push_back({.kind = "inode", .block = inode_block(ino), .file = name->second});
            inodes[ino] = name->second;
        }
    }
    for (Place& it : map) {
        if (const auto file = inodes.find(it.owner); it.kind == "extent" && file != inodes.end())
            it.file = file->second;
    }
}

void print(const Map& map) {
    for (const Place& it : map)
        std::printf("%s %llu %llu %llu %lld\n", it.kind.c_str(), static_cast<unsigned long long>(it.block),
                    static_cast<unsigned long long>(it.offset), static_cast<unsigned long long>(it.length),
                    static_cast<long long>(it.file));
}

constexpr std::array kKinds{"super", "group", "map", "inode", "directory", "extent", "journal"};
constexpr std::array kHarms{"bit", "zeros", "random", "other"};
constexpr std::array kWhole{"head", "scattered", "tail", "permille", "percent"};

// One harm to one image.
class Harm {
  public:
    Harm(Device device, std::vector<Place> places, std::uint64_t seed)
        : device_(device), places_(std::move(places)), dice_(seed, 1) {}

    void apply(std::string_view row) {
        const auto dash = row.find('-');
        if (dash != std::string_view::npos)
            to_structure(row.substr(0, dash), row.substr(dash + 1));
        else if (row == "head")
            zero(0, 64 << 10);
        else if (row == "scattered")
            for (int i = 0; i < 16; ++i)
                zero(dice_.below(device_.all().size() / (64 << 10)) * (64 << 10), 64 << 10);
        else if (row == "tail")
            zero(device_.blocks() / 10 * 9 * kBlock, device_.all().size() - device_.blocks() / 10 * 9 * kBlock);
        else if (row == "permille")
            overwrite(1000);
        else if (row == "percent")
            overwrite(100);
        else
            give_up("no harm '" + std::string(row) + "'");
    }

  private:
    void to_structure(std::string_view kind, std::string_view harm) {
        const Place target = pick(kind);
        const auto block = device_.block(target.block);
        std::printf("%s at block %llu\n", target.kind.c_str(), static_cast<unsigned long long>(target.block));
        if (harm == "bit")
            flip(block.subspan(target.offset, target.length));
        else if (harm == "zeros")
            std::ranges::fill(block, std::byte{0});
        else if (harm == "random")
            randomise(block);
        else
            replace(target);
    }

    // A name, an inode or extents of the same file everywhere.
    Place pick(std::string_view kind) {
        const bool of_files = kind == "directory" || kind == "inode" || kind == "extent";
        const Tree tree = make_tree();
        for (int tries = 0; tries < 100'000; ++tries) {
            const std::uint64_t file = dice_.below(tree.files.size());
            if (of_files && (!tree.files[file].target.empty() || tree.files[file].pieces != (kind == "extent")))
                continue;
            std::vector<Place> of_kind;
            std::ranges::copy_if(places_, std::back_inserter(of_kind), [&](const Place& it) {
                return it.kind == kind && (!of_files || it.file == static_cast<std::int64_t>(file));
            });
            if (!of_kind.empty())
                return dice_.pick(of_kind);
        }
        give_up("no " + std::string(kind) + " here");
    }

    // In a byte that says something: what nobody reads differs from filesystem to filesystem.
    void flip(std::span<std::byte> bytes) {
        std::vector<std::size_t> told;
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            if (bytes[i] != std::byte{0})
                told.push_back(i);
        }
        if (told.empty())
            told.push_back(0);
        bytes[dice_.pick(told)] ^= static_cast<std::byte>(1u << dice_.below(8));
    }

    void randomise(std::span<std::byte> bytes) {
        for (std::byte& byte : bytes)
            byte = static_cast<std::byte>(dice_.below(256));
    }

    void replace(const Place& target) {
        std::vector<Place> others;
        std::ranges::copy_if(places_, std::back_inserter(others),
                             [&](const Place& it) { return it.kind != target.kind; });
        std::ranges::copy(device_.block(dice_.pick(others).block), device_.block(target.block).begin());
    }

    void zero(std::uint64_t start, std::uint64_t size) {
        std::ranges::fill(device_.all().subspan(start, size), std::byte{0});
    }

    // One of `share` blocks of metadata, and one at least. Which kinds of block they are is the same for every
    // filesystem, and as often as there are such blocks of these files; journals differ in size too much to count.
    void overwrite(std::uint64_t share) {
        const std::vector<std::pair<const char*, std::uint64_t>> blocks{
            {"inode", 270}, {"directory", 72}, {"extent", 24}, {"map", 9}, {"group", 3}, {"super", 1}};
        std::vector<const char*> kinds;
        for (const auto& [kind, count] : blocks)
            kinds.insert(kinds.end(), count, kind);
        for (std::uint64_t i = 0; i < std::max<std::uint64_t>(1, kinds.size() / share); ++i)
            randomise(device_.block(pick(dice_.pick(kinds)).block));
    }

    Device device_;
    std::vector<Place> places_;
    Dice dice_;
};

std::vector<Place> read_places(const std::string& path) {
    std::vector<Place> places;
    std::ifstream file(path);
    for (Place it; file >> it.kind >> it.block >> it.offset >> it.length >> it.file;)
        places.push_back(it);
    return places;
}

void print_rows() {
    for (const char* kind : kKinds) {
        for (const char* harm : kHarms)
            std::printf("%s-%s\n", kind, harm);
    }
    for (const char* whole : kWhole)
        std::printf("%s\n", whole);
}

// Named by content, so that each result is read back once.
void take(const Device& sound, const Device& image, const std::string& directory) {
    std::vector<std::uint64_t> changed;
    std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
    const auto mix = [&](std::uint64_t word) { hash = (hash ^ word) * 0x100'0000'01b3, hash ^= hash >> 29; };
    for (std::uint64_t block = 0; block < sound.blocks(); ++block) {
        const auto bytes = image.block(block);
        if (std::memcmp(sound.block(block).data(), bytes.data(), kBlock) == 0)
            continue;
        changed.push_back(block);
        mix(block);
        for (std::size_t at = 0; at < kBlock; at += 8)
            mix(image.at<std::uint64_t>(block, at));
    }
    char name[17];
    std::snprintf(name, sizeof(name), "%016llx", static_cast<unsigned long long>(hash));
    std::ofstream file(directory + "/" + name, std::ios::binary);
    for (const std::uint64_t block : changed) {
        file.write(reinterpret_cast<const char*>(&block), sizeof(block));
        file.write(reinterpret_cast<const char*>(image.block(block).data()), kBlock);
        std::ranges::copy(sound.block(block), image.block(block).begin());
    }
    if (!file.flush())
        give_up(directory + ": cannot be written");
    std::printf("%s\n", name);
}

Map map_of(const std::string& filesystem, const Device& device, const std::string& path) {
    Map map;
    if (filesystem == "daxfs") {
        map_daxfs(map, device, path);
        attribute(map, device, {18, 8, 8, false, false},
                  [](std::uint64_t ino) { return ino / DAXFS_INODES_PER_BLOCK; });
    } else if (filesystem == "ext4") {
        const Ext4 ext4(device);
        ext4.map(map);
        attribute(map, device, {2, 8, 4, false, true}, [&](std::uint64_t ino) { return ext4.inode_block(ino); });
    } else {
        map_xfs(map, device, std::cin);
        attribute(map, device, {1, 9, 8, true, false}, [&](std::uint64_t ino) { return xfs_inode_block(device, ino); });
    }
    return map;
}

int run(std::span<char*> words) {
    const std::vector<std::string> arguments(words.begin(), words.end());
    const std::string verb = arguments.empty() ? "" : arguments[0];
    if (verb == "rows" && arguments.size() == 1) {
        print_rows();
    } else if (verb == "map" && arguments.size() == 3) {
        const Device device(arguments[2], false);
        print(map_of(arguments[1], device, arguments[2]));
    } else if (verb == "apply" && arguments.size() == 5) {
        Harm(Device(arguments[4], true), read_places(arguments[3]), std::strtoull(arguments[2].c_str(), nullptr, 10))
            .apply(arguments[1]);
    } else if (verb == "take" && arguments.size() == 4) {
        take(Device(arguments[1], false), Device(arguments[2], true), arguments[3]);
    } else {
        std::fprintf(
            stderr,
            "usage: damage map FILESYSTEM IMAGE | rows | apply ROW SEED MAP IMAGE | take SOUND IMAGE DIRECTORY\n");
        return 2;
    }
    return 0;
}

}  // namespace
}  // namespace daxfs::recovery

int main(int argc, char** argv) {
    return daxfs::recovery::run(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
}

// SPDX-License-Identifier: GPL-2.0-or-later
// What fsck.daxfs -y makes of hostile images: a second look finds nothing, and files that nobody touched are what they
// were.
//
//   repair COUNT SEED [FIRST]    prints a table by harm, and each image that breaks a promise; exit 1 if there is one
//   repair bits COUNT SEED       one wrong bit of a structure at a time: fsck.daxfs -p brings exactly that bit back
#include <charconv>
#include <cstring>
#include <map>
#include <string_view>

#include "lib/check/check.h"
#include "lib/tree/extent.h"
#include "lib/tree/inode.h"
#include "tests/hostile/mutant.h"

namespace daxfs::hostile {
namespace {

constexpr std::size_t kStamp = 16;

// Of each file block with data, what its block begins with.
using Contents = std::map<std::uint64_t, std::array<std::byte, kStamp>>;

struct File {
    Contents contents;
    std::uint64_t size = 0;
    std::vector<BlockNo> blocks;  // inode, nodes and data
};

Contents contents_of(const Volume& volume, const daxfs_inode& inode) {
    Contents contents;
    ExtentCursor extents(volume, inode);
    while (const auto extent = extents.next()) {
        for (std::uint64_t i = 0; i < extent->length && !extent->unwritten; ++i) {
            if (const std::byte* bytes = volume.image->try_block(extent->disk_block + i))
                std::memcpy(contents[(extent->file_block + i).value].data(), bytes, kStamp);
        }
    }
    return contents;
}

struct Row {
    std::uint64_t images = 0, clean = 0, repaired = 0, left = 0, refused = 0;
    std::uint64_t files = 0, saved = 0;
};

class Campaign {
  public:
    Campaign() : pristine_(base_.bytes().begin(), base_.bytes().end()) {
        Image image = Image::over(pristine_.bytes());
        const Volume volume = test::must(open_volume(image));
        for (const Owner& owner : base_.owners()) {
            if (!S_ISREG(owner.mode))
                continue;
            const daxfs_inode inode = *read_inode(volume, owner.ino).raw;
            File& file = files_[owner.ino];
            file.size = inode.size;
            file.blocks = owner.nodes;
            file.blocks.push_back(volume.block_of(owner.ino));
            stamp(volume, inode, owner.ino, file);
            // What recovery changes anyhow tells nothing.
            if (std::ranges::any_of(file.blocks, [&](BlockNo block) { return base_.work().contains(block); })) {
                files_.erase(owner.ino);
                continue;
            }
            file.contents = contents_of(volume, inode);
        }
        scratch_.assign(pristine_);
    }

    void run(std::uint64_t seed, std::uint64_t number) {
        const Mutant mutant = make_mutant(base_, seed, number);
        for (const auto& [block, bytes] : mutant.changed())
            std::memcpy(scratch_.bytes().data() + block.value * DAXFS_BLOCK_SIZE, bytes.bytes, DAXFS_BLOCK_SIZE);
        Row& row = rows_[harm_of(number)];
        ++row.images;
        {
            Image image = Image::over(scratch_.bytes());
            const auto result = check_image(image, {.mode = CheckMode::kYes});
            if (!result)
                ++row.refused;
            else
                judge(mutant, seed, number, *result, row);
        }
        scratch_.assign(pristine_);
    }

    // A bit of any structure, as often of a rare kind as of a common one.
    void flip(Dice& dice) {
        const auto targets = base_.targets_of(*kAllSchemas[dice.below(std::size(kAllSchemas))]);
        if (targets.empty())
            return;
        const Target& target = *targets[dice.below(targets.size())];
        const std::uint64_t bit = dice.below(std::uint64_t{target.schema->size} * 8);
        std::byte* bytes = scratch_.bytes().data() + target.block.value * DAXFS_BLOCK_SIZE + target.offset;
        bytes[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
        Row& row = bits_[std::string(target.schema->name)];
        ++row.images;
        {
            Image image = Image::over(scratch_.bytes());
            const auto result = check_image(image, {.mode = CheckMode::kPreen});
            // What a journal holds behind its commit word is nobody's.
            const bool free = result && result->clean() && target.schema->name == "daxfs_journal_entry";
            const bool whole =
                result && result->remaining == 0 && result->losses.empty() && (is_pristine(target.block) || free);
            row.repaired += whole;
            row.left += !whole;
            if (!whole) {
                ++broken_;
                fmt::print("{} at {}+{}: bit {}: {}\n", target.schema->name, target.block, target.offset, bit,
                           !result                  ? result.error().message
                           : result->remaining != 0 ? fmt::format("{} problems left", result->remaining)
                                                    : "not what it was");
            }
        }
        scratch_.assign(pristine_);
    }

    int report_bits() const {
        fmt::print("{:<22} {:>7} {:>9} {:>6}\n", "structure", "bits", "put right", "not");
        for (const auto& [name, row] : bits_)
            fmt::print("{:<22} {:>7} {:>9} {:>6}\n", name, row.images, row.repaired, row.left);
        return broken_ == 0 ? 0 : 1;
    }

    int report() const {
        fmt::print("{:<10} {:>7} {:>7} {:>8} {:>7} {:>7} {:>8} {:>8}\n", "harm", "images", "refused", "clean", "mended",
                   "left", "files", "saved");
        for (const auto& [harm, row] : rows_)
            fmt::print(
                "{:<10} {:>7} {:>7} {:>8} {:>7} {:>7} {:>8} {:>7.2f}%\n", harm_name(harm), row.images, row.refused,
                row.clean, row.repaired, row.left, row.files,
                row.files == 0 ? 100.0 : 100.0 * static_cast<double>(row.saved) / static_cast<double>(row.files));
        fmt::print("{} promises broken\n", broken_);
        return broken_ == 0 ? 0 : 1;
    }

  private:
    bool is_pristine(BlockNo block) const {
        const std::size_t at = block.value * DAXFS_BLOCK_SIZE;
        return std::memcmp(scratch_.bytes().data() + at, pristine_.bytes().data() + at, DAXFS_BLOCK_SIZE) == 0;
    }

    class Bytes {
      public:
        Bytes() = default;
        template <typename It>
        Bytes(It from, It to) : size_(static_cast<std::size_t>(to - from)), store_(size_ + DAXFS_BLOCK_SIZE) {
            std::copy(from, to, bytes().data());
        }
        void assign(const Bytes& other) {
            if (size_ != other.size_) {
                size_ = other.size_;
                store_.resize(size_ + DAXFS_BLOCK_SIZE);
            }
            std::memcpy(bytes().data(), other.bytes().data(), size_);
        }
        std::span<std::byte> bytes() { return {aligned(store_.data()), size_}; }
        std::span<const std::byte> bytes() const { return {aligned(store_.data()), size_}; }

      private:
        template <typename T>
        static T* aligned(T* pointer) {
            const auto at = reinterpret_cast<std::uintptr_t>(pointer);
            return pointer + (DAXFS_BLOCK_SIZE - at % DAXFS_BLOCK_SIZE) % DAXFS_BLOCK_SIZE;
        }
        std::size_t size_ = 0;
        std::vector<std::byte> store_;
    };

    void stamp(const Volume& volume, const daxfs_inode& inode, InodeNo ino, File& file) {
        ExtentCursor extents(volume, inode);
        while (const auto extent = extents.next()) {
            for (std::uint64_t i = 0; i < extent->length; ++i) {
                const BlockNo block = extent->disk_block + i;
                const std::uint64_t words[2] = {ino.value, (extent->file_block + i).value};
                std::memcpy(pristine_.bytes().data() + block.value * DAXFS_BLOCK_SIZE, words, sizeof(words));
                file.blocks.push_back(block);
            }
        }
    }

    template <typename... Args>
    void broken(const Mutant& mutant, std::uint64_t seed, std::uint64_t number, fmt::format_string<Args...> format,
                Args&&... args) {
        ++broken_;
        fmt::print("{} {} ({}): {}\n    {}\n", seed, number, harm_name(harm_of(number)),
                   fmt::format(format, std::forward<Args>(args)...), mutant.text());
    }

    void judge(const Mutant& mutant, std::uint64_t seed, std::uint64_t number, const CheckResult& result, Row& row) {
        if (result.clean())
            ++row.clean;
        else if (result.remaining == 0)
            ++row.repaired;
        else
            ++row.left;
        if (result.remaining != 0 || !result.repair_error.empty())
            broken(mutant, seed, number, "{} problems left {}", result.remaining, result.repair_error);
        Image image = Image::over(scratch_.bytes());
        const auto again = check_image(image, {.mode = CheckMode::kReport});
        if (!again || again->report.total() != result.remaining)
            broken(mutant, seed, number, "a second look finds {}",
                   again ? fmt::format("{} problems", again->report.total()) : again.error().message);
        if (again)
            compare_files(mutant, seed, number, again->volume, row);
    }

    void compare_files(const Mutant& mutant, std::uint64_t seed, std::uint64_t number, const Volume& volume, Row& row) {
        // A journal may undo anything, and what it undoes is right.
        const Harm harm = harm_of(number);
        const bool rolled_back = harm == Harm::kJournal || harm == Harm::kCombined || harm == Harm::kSuper;
        for (const auto& [ino, file] : files_) {
            const bool touched =
                std::ranges::any_of(file.blocks, [&](BlockNo block) { return mutant.changed().contains(block); });
            const InodeReading reading = read_inode(volume, ino);
            const bool same =
                !reading.damage && reading.raw->size == file.size && contents_of(volume, *reading.raw) == file.contents;
            ++row.files;
            row.saved += same;
            if (!same && !touched && !rolled_back)
                broken(mutant, seed, number, "inode {} was not touched, and is another now{}", ino,
                       reading.damage ? ": " + describe(*reading.damage) : "");
        }
    }

    Base base_;
    Bytes pristine_;
    Bytes scratch_;
    std::map<InodeNo, File> files_;
    std::map<Harm, Row> rows_;
    std::map<std::string, Row> bits_;
    std::uint64_t broken_ = 0;
};

int run(int argc, char** argv) {
    const bool bits = argc > 1 && std::string_view(argv[1]) == "bits";
    if (bits) {
        ++argv;
        --argc;
    }
    std::uint64_t numbers[3] = {0, 0, 0};
    for (int i = 1; i < argc && i <= 3; ++i) {
        const std::string_view text = argv[i];
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), numbers[i - 1]);
        if (error != std::errc() || end != text.data() + text.size())
            argc = 0;
    }
    if (argc < 3 || argc > (bits ? 3 : 4)) {
        fmt::print(stderr, "usage: repair COUNT SEED [FIRST] | bits COUNT SEED\n");
        return 2;
    }
    Campaign campaign;
    if (bits) {
        Dice dice(numbers[1], 0);
        for (std::uint64_t i = 0; i < numbers[0]; ++i)
            campaign.flip(dice);
        return campaign.report_bits();
    }
    for (std::uint64_t i = 0; i < numbers[0]; ++i)
        campaign.run(numbers[1], numbers[2] + i);
    return campaign.report();
}

}  // namespace
}  // namespace daxfs::hostile

int main(int argc, char** argv) {
    return daxfs::hostile::run(argc, argv);
}

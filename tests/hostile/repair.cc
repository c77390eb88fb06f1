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
#include "tests/lib/check/crash_states.h"

namespace daxfs::hostile {
namespace {

constexpr std::size_t kStamp = 16;

// Of each file block with data, what its block begins with.
using Contents = std::map<std::uint64_t, std::array<std::byte, kStamp>>;

struct File {
    Contents contents;
    std::uint64_t size = 0;
    std::vector<BlockNo> blocks;  // nodes and data
};
using Files = std::map<InodeNo, File>;

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
    Campaign() : pristine_(base_.bytes().size()), with_work_(base_.bytes().size()), scratch_(base_.bytes().size()) {
        std::memcpy(pristine_.all().data(), base_.bytes().data(), base_.bytes().size());
        stamp_files();
        quiet_ = files_of(pristine_);
        with_work_ = pristine_;
        for (const auto& [block, bytes] : base_.work())
            std::memcpy(with_work_[block], bytes.bytes, DAXFS_BLOCK_SIZE);
        // What recovery alone makes of them.
        scratch_ = with_work_;
        {
            Image image = scratch_.image();
            if (test::must(check_image(image, {.mode = CheckMode::kPreen})).remaining != 0)
                std::abort();
        }
        recovered_ = files_of(scratch_);
        // Recovery gives some of them new trees: the old ones count as theirs too.
        for (auto& [ino, file] : recovered_) {
            if (const auto before = quiet_.find(ino); before != quiet_.end())
                file.blocks.insert(file.blocks.end(), before->second.blocks.begin(), before->second.blocks.end());
        }
        restore();
    }

    void run(std::uint64_t seed, std::uint64_t number) {
        const Mutant mutant = make_mutant(base_, seed, number);
        for (const auto& [block, bytes] : mutant.changed()) {
            // Blocks of data have a stamp here that the mutant does not know.
            if (std::memcmp(bytes.bytes, base_.block(block).data(), DAXFS_BLOCK_SIZE) != 0)
                std::memcpy(scratch_[block], bytes.bytes, DAXFS_BLOCK_SIZE);
        }
        Row& row = rows_[harm_of(number)];
        ++row.images;
        {
            Image image = scratch_.image();
            const auto result = check_image(image, {.mode = CheckMode::kYes});
            if (!result)
                ++row.refused;
            else
                judge(mutant, seed, number, *result, row);
        }
        restore();
    }

    // A bit of any structure, as often of a rare kind as of a common one.
    void flip(Dice& dice) {
        const auto targets = base_.targets_of(*kAllSchemas[dice.below(std::size(kAllSchemas))]);
        if (targets.empty())
            return;
        const Target& target = *targets[dice.below(targets.size())];
        const std::uint64_t bit = dice.below(std::uint64_t{target.schema->size} * 8);
        std::byte* bytes = scratch_[target.block] + target.offset;
        bytes[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
        Row& row = bits_[std::string(target.schema->name)];
        ++row.images;
        {
            Image image = scratch_.image();
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
        restore();
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
    bool is_pristine(BlockNo block) const { return scratch_.same(block, pristine_); }
    void restore() { std::memcpy(scratch_.all().data(), pristine_.all().data(), pristine_.all().size()); }

    void stamp_files() {
        Image image = pristine_.image();
        const Volume volume = test::must(open_volume(image));
        for (const Owner& owner : base_.owners()) {
            if (!S_ISREG(owner.mode))
                continue;
            ExtentCursor extents(volume, *read_inode(volume, owner.ino).raw);
            while (const auto extent = extents.next()) {
                for (std::uint64_t i = 0; i < extent->length; ++i) {
                    const std::uint64_t words[2] = {owner.ino.value, (extent->file_block + i).value};
                    std::memcpy(pristine_[extent->disk_block + i], words, sizeof(words));
                }
            }
        }
    }

    Files files_of(test::Bytes& device) const {
        Image image = device.image();
        const Volume volume = test::must(open_volume(image));
        Files files;
        for (const Owner& owner : base_.owners()) {
            const InodeReading reading = read_inode(volume, owner.ino);
            if (reading.damage || !S_ISREG(reading.raw->mode))
                continue;
            File& file = files[owner.ino];
            file.size = reading.raw->size;
            file.contents = contents_of(volume, *reading.raw);
            TreeCursor tree(volume, TreeKind::kExtents, *reading.raw);
            while (const auto node = tree.next())
                file.blocks.push_back(node->block);
            ExtentCursor extents(volume, *reading.raw);
            while (const auto extent = extents.next()) {
                for (std::uint64_t i = 0; i < extent->length; ++i)
                    file.blocks.push_back(extent->disk_block + i);
            }
        }
        return files;
    }

    bool touches_journals(const Mutant& mutant) const {
        const Geometry& geometry = base_.volume().geometry;
        const bool work = starts_with_work(mutant);
        return std::ranges::any_of(mutant.changed(), [&](const auto& row) {
            return row.first >= geometry.journal_slot(0) && row.first < geometry.journal_slot(geometry.journal_count) &&
                   is_touched(mutant, work, row.first, 0, DAXFS_BLOCK_SIZE);
        });
    }

    bool starts_with_work(const Mutant& mutant) const {
        return std::ranges::all_of(base_.work(),
                                   [&](const auto& done) { return mutant.changed().contains(done.first); });
    }

    // Whether the mutant changed bytes of what it started from.
    bool is_touched(const Mutant& mutant, bool work, BlockNo block, std::size_t offset, std::size_t size) const {
        const auto changed = mutant.changed().find(block);
        if (changed == mutant.changed().end())
            return false;
        const auto done = base_.work().find(block);
        const std::byte* from = work && done != base_.work().end() ? done->second.bytes : base_.block(block).data();
        return std::memcmp(changed->second.bytes + offset, from + offset, size) != 0;
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
        Image image = scratch_.image();
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
        const bool rolled_back = harm == Harm::kJournal || harm == Harm::kCombined || touches_journals(mutant);
        const bool work = starts_with_work(mutant);
        for (const auto& [ino, file] : work ? recovered_ : quiet_) {
            const Volume& was = base_.volume();
            const bool touched = is_touched(mutant, work, was.block_of(ino), was.offset_of(ino), DAXFS_INODE_SIZE) ||
                                 std::ranges::any_of(file.blocks, [&](BlockNo block) {
                                     return is_touched(mutant, work, block, 0, DAXFS_BLOCK_SIZE);
                                 });
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
    test::Bytes pristine_;
    test::Bytes with_work_;
    test::Bytes scratch_;
    Files quiet_;      // where there is no work for recovery
    Files recovered_;  // where there is, behind it
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

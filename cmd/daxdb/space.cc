// SPDX-License-Identifier: GPL-2.0-or-later
// How the space of the device lies in huge pages: which are whole, how full the broken ones are, what broke them, and
// which 2 MiB of files one fault can map, now and when what lies apart is gathered.
#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "cmd/daxdb/commands.h"
#include "cmd/daxdb/huge.h"
#include "lib/cli/text.h"
#include "lib/tree/ag.h"
#include "lib/tree/extent.h"
#include "lib/tree/inode.h"

namespace daxfs::daxdb {
namespace {

// By their size now. A tail is what a large file has behind its last whole 2 MiB.
enum Kind : std::uint8_t { kSmall, kMedium, kTail, kLarge, kMeta, kKinds };
constexpr std::array<std::string_view, kKinds> kKindNames{"small files", "medium files", "tails of large files",
                                                          "2 MiB of large files", "metadata"};
constexpr std::uint64_t kSmallFile = 64 << 10;
constexpr std::uint64_t kRoom = 16;  // blocks; a medium file is not cut into smaller pieces
constexpr std::uint32_t kParts = 8;  // broken pages are counted by how many eighths of them are used

struct Page {
    std::uint16_t used = 0;  // by the bitmap
    std::array<std::uint16_t, kKinds> by{};
};

struct Space {
    std::vector<Page> pages;
    std::uint64_t rooms = 0, crumbs = 0;     // free blocks of broken pages in holes that are large, and others
    std::uint64_t huge = 0, apart = 0;       // 2 MiB of files, all of them written
    std::uint64_t pieces = 0, in_files = 0;  // extents of files, and files with extents

    Page& page(const Volume& volume, BlockNo block) {
        return pages[(block.value - volume.geometry.align_blocks) / kHuge];
    }
};

void count_bitmap(const Volume& volume, AgNo ag, Space& space) {
    const AgMap map(volume, ag, MapKind::kBlocks);
    for (auto run = map.run(0); run; run = map.run(run->start + run->length)) {
        for (std::uint64_t at = run->start, end = at + run->length; at < end;) {
            const std::uint64_t stop = std::min(end, (at / kHuge + 1) * kHuge), length = stop - at;
            if (run->set)
                space.page(volume, map.device_block(at)).used += static_cast<std::uint16_t>(length);
            else if (length < kHuge)
                (length >= kRoom ? space.rooms : space.crumbs) += length;
            at = stop;
        }
    }
}

Kind kind_of(std::uint64_t size, FileBlock block) {
    if (size < kHuge * DAXFS_BLOCK_SIZE)
        return size < kSmallFile ? kSmall : kMedium;
    return block.value / kHuge < size / DAXFS_BLOCK_SIZE / kHuge ? kLarge : kTail;
}

// One file, extents in order.
class File {
  public:
    File(const Volume& volume, std::uint64_t size, Space& space) : volume_(volume), size_(size), space_(space) {}

    void add(const Extent& extent) {
        ++space_.pieces;
        const bool congruent = is_congruent(volume_, extent);
        for (std::uint64_t at = 0; at < extent.length;) {
            const FileBlock file = extent.file_block + at;
            const BlockNo disk = extent.disk_block + at;
            const std::uint64_t in_page = (disk.value - volume_.geometry.align_blocks) % kHuge;
            const std::uint64_t length = std::min({extent.length - at, kHuge - file.value % kHuge, kHuge - in_page});
            space_.page(volume_, disk).by[kind_of(size_, file)] += static_cast<std::uint16_t>(length);
            if (!extent.unwritten)
                add_written(file, length, congruent);
            at += length;
        }
    }

  private:
    // A piece of one 2 MiB of the file.
    void add_written(FileBlock file, std::uint64_t length, bool congruent) {
        if (file.value % kHuge == 0)
            written_ = 0;
        written_ += length;
        if ((file.value + length) % kHuge == 0 && written_ == kHuge)
            ++(length == kHuge && congruent ? space_.huge : space_.apart);
    }

    const Volume& volume_;
    std::uint64_t size_;
    Space& space_;
    std::uint64_t written_ = 0;  // of the 2 MiB that the last piece lies in
};

void count_file(const Volume& volume, const daxfs_inode& inode, Space& space) {
    File file(volume, inode.size, space);
    ExtentCursor cursor(volume, inode);
    const std::uint64_t before = space.pieces;
    while (const auto extent = cursor.next())
        file.add(*extent);
    space.in_files += space.pieces > before ? 1 : 0;
}

void count_files(const Volume& volume, AgNo ag, Space& space) {
    const AgMap map(volume, ag, MapKind::kInodes);
    for (auto bit = map.next_set(0); bit; bit = map.next_set(*bit + 1))
        for (std::uint32_t i = 0; i < DAXFS_INODES_PER_BLOCK; ++i) {
            const InodeNo ino{map.device_block(*bit).value * DAXFS_INODES_PER_BLOCK + i};
            const InodeReading reading = read_mapped_inode(volume, ino);
            if (reading.raw != nullptr && !reading.damage && is_regular(*reading.raw))
                count_file(volume, *reading.raw, space);
        }
}

std::uint64_t percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : part * 100 / whole;
}

}  // namespace

Result<void> show_space(const Session& session, const Values&, Report& report) {
    const Volume& volume = session.volume;
    const Geometry& geometry = volume.geometry;
    Space space;
    space.pages.resize(div_round_up(geometry.block_count - geometry.align_blocks, kHuge));
    for (AgNo ag; ag.value < volume.initialised_ags(); ++ag) {
        count_bitmap(volume, ag, space);
        count_files(volume, ag, space);
    }
    std::uint64_t whole = 0, full = 0, broken = 0;
    std::array<std::uint64_t, kParts> parts{};
    std::array<std::uint64_t, kKinds> by{};
    for (std::size_t n = 0; n < space.pages.size(); ++n) {
        const Page& page = space.pages[n];
        const bool short_page = (n + 1) * kHuge > geometry.block_count - geometry.align_blocks;
        if (page.used == 0 && !short_page) {
            ++whole;
        } else if (page.used >= kHuge) {
            ++full;
        } else {
            ++broken;
            ++parts[page.used * kParts / kHuge];
            std::uint64_t known = 0;
            for (std::uint8_t kind = 0; kind < kMeta; ++kind) {
                by[kind] += page.by[kind];
                known += page.by[kind];
            }
            by[kMeta] += page.used > known ? page.used - known : 0;
        }
    }
    const std::uint64_t free = whole * kHuge + space.rooms + space.crumbs;
    const std::uint64_t more = std::min(space.apart, whole);
    report.member("free_blocks", free);
    report.member("whole_pages", whole);
    report.member("broken_pages", broken);
    report.member("full_pages", full);
    report.member("free_in_large_holes", space.rooms);
    report.member("free_in_small_holes", space.crumbs);
    report.member("broken_pages_by_eighths_used", parts);
    Json kinds = Json::object();
    for (std::uint8_t kind = 0; kind < kKinds; ++kind)
        kinds[std::string(kKindNames[kind])] = by[kind];
    report.member("blocks_in_broken_pages", kinds);
    report.member("files_with_extents", space.in_files);
    report.member("extents", space.pieces);
    report.member("huge_ranges", space.huge);
    report.member("ranges_apart", space.apart);
    report.member("huge_ranges_after_gathering", space.huge + more);
    if (report.json())
        return {};
    report.out() << fmt::format(
        "free blocks      {:>10}\n"
        "  in huge pages  {:>10}  {}, {} % of what is free\n"
        "  in large holes {:>10}  of 64 KiB at least, in broken huge pages\n"
        "  in small holes {:>10}\n"
        "huge pages       {:>10}  {} whole, {} broken, {} full\n",
        free, whole * kHuge, cli::counted(whole, "whole page"), percent(whole * kHuge, free), space.rooms, space.crumbs,
        space.pages.size(), whole, broken, full);
    report.out() << "broken ones, by how much of them is used:\n";
    for (std::uint32_t part = 0; part < kParts; ++part)
        report.out() << fmt::format("  {}/8 to {}/8     {:>10}\n", part, part + 1, parts[part]);
    report.out() << "blocks that are used in them:\n";
    for (std::uint8_t kind = 0; kind < kKinds; ++kind)
        report.out() << fmt::format("  {:<20} {:>10}\n", kKindNames[kind], by[kind]);
    report.out() << fmt::format("extents          {:>10}  of {}\n", space.pieces, cli::counted(space.in_files, "file"));
    report.out() << fmt::format("2 MiB of files   {:>10}  {} huge, {} apart; {} huge once these are gathered\n",
                                space.huge + space.apart, space.huge, space.apart, space.huge + more);
    return {};
}

}  // namespace daxfs::daxdb

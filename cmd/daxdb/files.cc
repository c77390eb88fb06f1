// SPDX-License-Identifier: GPL-2.0-or-later
// Commands that read a file's trees. What is damaged is passed over, named, and makes the command fail at its end.
#include <algorithm>

#include "cmd/daxdb/commands.h"
#include "cmd/daxdb/huge.h"
#include "lib/cli/text.h"
#include "lib/format/dirent_schema.h"
#include "lib/tree/directory.h"
#include "lib/tree/extent.h"
#include "lib/tree/inode.h"

namespace daxfs::daxdb {
namespace {

// A damaged inode is used all the same where its magic and number are right: the debugger is for looking at damage.
Result<const daxfs_inode*> usable_inode(const Session& session, InodeNo number) {
    const InodeReading reading = read_inode(session.volume, number);
    if (reading.raw == nullptr)
        return fail("{}", describe(*reading.damage));
    if (reading.damage && reading.damage->kind != DamageKind::kChecksum)
        return fail("{}", describe(*reading.damage));
    if (is_free(*reading.raw))
        return fail("inode {} is free", number);
    return reading.raw;
}

// Complaints of a finished cursor: listed, then a failure. The inode's own checksum counts as one.
class Complaints {
  public:
    Complaints(const Session& session, InodeNo number) {
        if (const auto reading = read_inode(session.volume, number); reading.damage)
            add(*reading.damage);
    }
    void add(const Damage& damage) {
        lines_.push_back(describe(damage));
        ++count_;
    }
    void add(std::span<const Damage> kept, std::uint64_t count) {
        for (const Damage& damage : kept)
            lines_.push_back(describe(damage));
        count_ += count;
    }
    Result<void> finish(Report& report) const {
        report.member("damage", lines_);
        if (count_ == 0)
            return {};
        std::string text;
        for (const std::string& line : lines_)
            text += (text.empty() ? "" : "; ") + line;
        if (count_ > lines_.size())
            text += fmt::format("; and {} more", count_ - lines_.size());
        return fail("{}", text);
    }

  private:
    std::vector<std::string> lines_;
    std::uint64_t count_ = 0;
};

// Whole huge pages of the file that one PMD entry can map.
std::uint64_t huge_pages(const Volume& volume, const Extent& extent) {
    if (!is_congruent(volume, extent))
        return 0;
    const std::uint64_t first = div_round_up(extent.file_block.value, kHuge);
    const std::uint64_t end = extent.end().value / kHuge;
    return end > first ? end - first : 0;
}

std::string type_name(std::uint8_t type) {
    for (const NamedValue& name : kDirentTypes)
        if (name.value == type)
            return std::string(name.name);
    return fmt::format("{}", type);
}

// Writes [offset, end) of a file, holes and unwritten extents as zeros.
class Copier {
  public:
    Copier(const Session& session, std::ostream& out, std::uint64_t offset, std::uint64_t end)
        : image_(*session.image), out_(out), at_(offset), end_(end) {}

    // Extents come in ascending order.
    void add(const Extent& extent) {
        const std::uint64_t start = extent.file_block.value * DAXFS_BLOCK_SIZE;
        zeros_until(std::min(end_, start));
        for (std::uint64_t i = 0; i < extent.length && at_ < end_ && out_; ++i) {
            const std::uint64_t block_end = std::min(end_, start + (i + 1) * DAXFS_BLOCK_SIZE);
            if (block_end <= at_)
                continue;
            const std::byte* bytes = extent.unwritten ? nullptr : image_.try_block(extent.disk_block + i);
            unreadable_ += bytes == nullptr && !extent.unwritten ? 1 : 0;
            if (bytes == nullptr)
                zeros_until(block_end);
            else
                write(bytes + at_ % DAXFS_BLOCK_SIZE, block_end - at_);
        }
    }
    void finish() { zeros_until(end_); }
    std::uint64_t unreadable() const { return unreadable_; }

  private:
    void zeros_until(std::uint64_t end) {
        static constexpr std::array<std::byte, DAXFS_BLOCK_SIZE> kZeros{};
        while (at_ < end && out_)
            write(kZeros.data(), std::min<std::uint64_t>(end - at_, kZeros.size()));
    }
    void write(const std::byte* bytes, std::uint64_t size) {
        out_.write(reinterpret_cast<const char*>(bytes), static_cast<std::streamsize>(size));
        at_ += size;
    }

    const Image& image_;
    std::ostream& out_;
    std::uint64_t at_;
    std::uint64_t end_;
    std::uint64_t unreadable_ = 0;
};

Result<std::uint64_t> end_of_copy(const Session& session, const daxfs_inode& inode, const Values& values) {
    const std::uint64_t size = inode.size;
    if (values.numbers.size() > 2) {
        const auto end = checked_add(values.numbers[1], values.numbers[2]);
        return std::min(size, end.value_or(size));
    }
    // A hole can be any size: without this, 8 EiB of zeros.
    if (size > session.image->size_bytes())
        return fail("its {} bytes are more than the device has: give OFFSET and LENGTH", size);
    return size;
}

}  // namespace

Result<void> list_extents(const Session& session, const Values& values, Report& report) {
    const InodeNo number{values.numbers[0]};
    DAXFS_TRY_ASSIGN(const daxfs_inode* inode, usable_inode(session, number));
    const bool text = !report.json();
    if (text)
        report.out() << fmt::format("{:>16} {:>16} {:>10} {:>6}  {}\n", "file block", "disk block", "length", "2 MiB",
                                    "state");
    report.member("inode", number.value);
    report.begin_list("extents");
    ExtentCursor cursor(session.volume, *inode);
    std::uint64_t count = 0;
    while (const auto extent = cursor.next()) {
        const char* state = extent->unwritten ? "unwritten" : "written";
        ++count;
        if (text)
            report.out() << fmt::format("{:>16} {:>16} {:>10} {:>6}  {}\n", extent->file_block, extent->disk_block,
                                        extent->length, huge_pages(session.volume, *extent), state);
        else
            report.element({{"file_block", extent->file_block.value},
                            {"disk_block", extent->disk_block.value},
                            {"length", extent->length},
                            {"huge_pages", huge_pages(session.volume, *extent)},
                            {"state", state}});
    }
    report.end_list();
    if (text && count == 0)
        report.out() << "no extents\n";
    Complaints complaints(session, number);
    complaints.add(cursor.damage(), cursor.damage_count());
    return complaints.finish(report);
}

Result<void> list_directory(const Session& session, const Values& values, Report& report) {
    const InodeNo number{values.numbers[0]};
    DAXFS_TRY_ASSIGN(const daxfs_inode* inode, usable_inode(session, number));
    if (!is_directory(*inode))
        return fail("inode {} is not a directory", number);
    report.member("inode", number.value);
    report.begin_list("entries");
    DirectoryCursor cursor(session.volume, *inode);
    while (const auto entry = cursor.next()) {
        if (report.json())
            report.element({{"inode", entry->ino.value},
                            {"type", type_name(entry->type)},
                            {"key", fmt::format("0x{:x}", entry->key)},
                            {"name", json_text(entry->name)}});
        else
            report.out() << fmt::format("{:>12} {:<4} {}\n", entry->ino, type_name(entry->type), quote(entry->name));
    }
    report.end_list();
    Complaints complaints(session, number);
    complaints.add(cursor.damage(), cursor.damage_count());
    return complaints.finish(report);
}

Result<void> copy_content(const Session& session, const Values& values, Report& report) {
    const InodeNo number{values.numbers[0]};
    if (report.json())
        return fail("writes bytes, not JSON; run it without --json");
    DAXFS_TRY_ASSIGN(const daxfs_inode* inode, usable_inode(session, number));
    if (!is_regular(*inode) && !is_symlink(*inode))
        return fail("inode {} is neither a regular file nor a symlink", number);
    const std::uint64_t offset = values.numbers.size() > 1 ? values.numbers[1] : 0;
    DAXFS_TRY_ASSIGN(const std::uint64_t end, end_of_copy(session, *inode, values));
    Complaints complaints(session, number);
    if (inode->format == DAXFS_FORMAT_INLINE) {
        const std::uint64_t inside = std::min<std::uint64_t>(end, DAXFS_FORK_SIZE);
        if (offset < inside)
            report.out().write(reinterpret_cast<const char*>(inode->fork.data) + offset,
                               static_cast<std::streamsize>(inside - offset));
        return complaints.finish(report);
    }
    Copier copier(session, report.out(), offset, end);
    ExtentCursor cursor(session.volume, *inode, FileBlock{offset / DAXFS_BLOCK_SIZE});
    while (const auto extent = cursor.next())
        copier.add(*extent);
    copier.finish();
    complaints.add(cursor.damage(), cursor.damage_count());
    DAXFS_TRY(complaints.finish(report));
    if (copier.unreadable() != 0)
        return fail("{} zeros in the output",
                    cli::counted(copier.unreadable(), "block cannot be read and is", "blocks cannot be read and are"));
    return {};
}

}  // namespace daxfs::daxdb

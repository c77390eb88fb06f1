// SPDX-License-Identifier: GPL-2.0-or-later
//
// Sources: block/badblocks.c (the format of the list), block/genhd.c (a disk has one, a partition has none).
#include "lib/image/bad_blocks.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include <sys/stat.h>

#include "lib/image/sysfs.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kMostSectors = std::numeric_limits<std::int64_t>::max() / BadBlocks::kSectorBytes;

std::string_view next_word(std::string_view& line) {
    constexpr std::string_view kBlanks = " \t\r";
    const std::size_t from = std::min(line.find_first_not_of(kBlanks), line.size());
    const std::size_t to = std::min(line.find_first_of(kBlanks, from), line.size());
    const std::string_view word = line.substr(from, to - from);
    line.remove_prefix(to);
    return word;
}

bool parse_number(std::string_view word, std::uint64_t& value) {
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    return !word.empty() && error == std::errc{} && end == word.data() + word.size();
}

bool parse_line(std::string_view line, std::vector<ByteRange>& ranges) {
    std::uint64_t sector = 0, count = 0;
    if (!parse_number(next_word(line), sector) || !parse_number(next_word(line), count) || !next_word(line).empty())
        return false;
    if (sector > kMostSectors || count > kMostSectors - sector)
        return false;
    if (count > 0)
        ranges.push_back(
            {.start = ByteOffset{sector * BadBlocks::kSectorBytes}, .length = count * BadBlocks::kSectorBytes});
    return true;
}

bool is_blank(std::string_view line) {
    return next_word(line).empty();
}

}  // namespace

BadBlocks::BadBlocks(std::vector<ByteRange> ranges) {
    std::ranges::sort(ranges, {}, &ByteRange::start);
    for (const ByteRange& range : ranges) {
        if (ranges_.empty() || range.start.value > ranges_.back().end())
            ranges_.push_back(range);
        else
            ranges_.back().length = std::max(ranges_.back().end(), range.end()) - ranges_.back().start.value;
    }
}

Result<BadBlocks> BadBlocks::parse(std::string_view text) {
    std::vector<ByteRange> ranges;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!is_blank(line) && !parse_line(line, ranges))
            return fail("line {}: is not a sector and a number of sectors", number);
    }
    return BadBlocks(std::move(ranges));
}

Result<BadBlocks> BadBlocks::read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text(kMostText + 1, '\0');
    if (!file || !(file.read(text.data(), static_cast<std::streamsize>(text.size())) || file.eof()))
        return fail("{}: cannot read: {}", path, errno_text(errno));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > kMostText)
        return fail("{}: is longer than {} bytes: no list of bad blocks", path, kMostText);
    auto bad = parse(text);
    if (!bad)
        return fail("{}: {}", path, bad.error().message);
    return bad;
}

BadBlocks BadBlocks::of(const std::string& path) {
    struct stat st {};
    return stat(path.c_str(), &st) == 0 && S_ISBLK(st.st_mode) ? of_device(st.st_rdev, {}) : BadBlocks();
}

BadBlocks BadBlocks::of_device(dev_t device, const SystemPaths& system) {
    std::filesystem::path folder = sysfs::block_device_folder(system.sys, device);
    std::error_code error;
    std::uint64_t start = 0;
    std::uint64_t length = std::numeric_limits<std::int64_t>::max();
    if (std::filesystem::exists(folder / "partition", error)) {
        start = sysfs::read_number(folder / "start").value_or(0) * kSectorBytes;
        length = sysfs::read_number(folder / "size").value_or(0) * kSectorBytes;
        folder = folder.parent_path();
    }
    std::ifstream file(folder / "badblocks");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto of_disk = parse(text);
    if (!of_disk)
        return {};
    std::vector<ByteRange> ranges = of_disk->inside(ByteOffset{start}, length);
    for (ByteRange& range : ranges)
        range.start.value -= start;
    return BadBlocks(std::move(ranges));
}

std::vector<ByteRange> BadBlocks::inside(ByteOffset start, std::uint64_t length) const {
    std::vector<ByteRange> parts;
    const std::uint64_t end = start.value + length;
    auto at = std::ranges::upper_bound(ranges_, start.value, {}, &ByteRange::end);
    for (; at != ranges_.end() && at->start.value < end; ++at) {
        const std::uint64_t from = std::max(at->start.value, start.value);
        parts.push_back({.start = ByteOffset{from}, .length = std::min(at->end(), end) - from});
    }
    return parts;
}

}  // namespace daxfs

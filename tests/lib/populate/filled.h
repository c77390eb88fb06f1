// SPDX-License-Identifier: GPL-2.0-or-later
// A filesystem in memory that sources filled.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/populate/populator.h"
#include "tests/images/read_back.h"

namespace daxfs::test {

constexpr std::int64_t kCreated = 1'700'000'000;

inline FormatOptions filled_options(std::uint64_t bytes = 64 << 20) {
    FormatOptions options = rich_options();
    options.ag_bytes.reset();
    options.device_bytes = bytes;
    options.created_sec = kCreated;
    return options;
}

class Filled {
  public:
    // An error is kept, and nothing else is there then.
    explicit Filled(const std::vector<EntrySource*>& sources, PopulateOptions options = {},
                    std::uint64_t bytes = 64 << 20)
        : sink_(bytes) {
        FilesystemBuilder builder(must(plan_filesystem(filled_options(bytes))), sink_);
        must(builder.begin());
        Populator populator(builder, std::move(options));
        for (EntrySource* source : sources) {
            if (auto done = populator.add(*source); !done) {
                error = done.error().message;
                return;
            }
        }
        counts = must(populator.finish());
        must(builder.finish());
        image_.emplace(sink_.image());
        read.emplace(*image_);
        EXPECT_EQ(problems_of(*image_), "");
    }

    // For a source that could not be opened.
    explicit Filled(std::string trouble) : error(std::move(trouble)), sink_(0) {}

    const ReadBack* operator->() const {
        EXPECT_EQ(error, "");
        return &*read;
    }
    Blocks blocks() const { return blocks_of(*image_); }

    std::string error;
    PopulateCounts counts;
    std::optional<ReadBack> read;

  private:
    MemorySink sink_;
    std::optional<Image> image_;
};

// Entries that a test makes up.
class ListSource : public EntrySource {
  public:
    struct Item {
        Entry entry;
        std::vector<std::pair<std::uint64_t, std::string>> data{};  // offset and bytes
    };
    explicit ListSource(std::vector<Item> items) : items_(std::move(items)) {}

    Result<const Entry*> next() override {
        piece_ = 0;
        return next_ == items_.size() ? nullptr : &items_[next_++].entry;
    }
    Result<std::optional<Piece>> next_piece() override {
        const Item& item = items_[next_ - 1];
        if (piece_ == item.data.size())
            return std::optional<Piece>();
        const auto& [offset, bytes] = item.data[piece_++];
        return Piece{offset, bytes.size(), reinterpret_cast<const std::byte*>(bytes.data())};
    }
    std::string describe(const std::string& path) const override { return "list: " + path; }

  private:
    std::vector<Item> items_;
    std::size_t next_ = 0;
    std::size_t piece_ = 0;
};

inline ListSource::Item directory(const std::string& path, std::uint16_t permissions = 0755) {
    return {.entry = {.path = path, .type = S_IFDIR, .attributes = {.permissions = permissions}}};
}
inline ListSource::Item file(const std::string& path, const std::string& content) {
    ListSource::Item item{.entry = {.path = path, .type = S_IFREG, .size = content.size()}};
    if (!content.empty())
        item.data = {{0, content}};
    return item;
}
inline ListSource::Item hard_link(const std::string& path, const std::string& target) {
    return {.entry = {.path = path, .link_to = target}};
}
inline ListSource::Item symlink_to(const std::string& path, const std::string& target) {
    return {.entry = {.path = path, .type = S_IFLNK, .target = target}};
}
inline ListSource::Item device(const std::string& path, std::uint64_t major, std::uint64_t minor) {
    return {.entry = {.path = path, .type = S_IFCHR, .major = major, .minor = minor}};
}
inline ListSource::Item whiteout(const std::string& path) {
    return {.entry = {.kind = Entry::Kind::kWhiteout, .path = path}};
}
inline ListSource::Item opaque(const std::string& path) {
    return {.entry = {.kind = Entry::Kind::kOpaque, .path = path}};
}

// Bytes that are not all the same, and differ with `seed`.
inline std::string bytes_of(std::size_t size, unsigned seed = 1) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) {
        seed = seed * 1664525 + 1013904223;
        byte = static_cast<char>(seed >> 24);
    }
    return bytes;
}

}  // namespace daxfs::test

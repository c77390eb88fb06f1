// SPDX-License-Identifier: GPL-2.0-or-later
// What the builders write is what the cursors read.
#include "lib/make/filesystem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <map>
#include <set>
#include <string>

#include "lib/make/plan.h"
#include "lib/tree/ag.h"
#include "lib/tree/directory.h"
#include "lib/tree/extent.h"
#include "lib/tree/inode.h"
#include "lib/tree/journal.h"
#include "lib/tree/volume.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

daxfs_super plan(std::uint64_t size_bytes, std::uint64_t align_blocks = 0) {
    FormatOptions options{.device_bytes = size_bytes, .align_blocks = align_blocks, .label = "test"};
    options.uuid = {1, 2, 3, 4};
    options.secrets = Secrets::derived_from(options.uuid);
    options.created_sec = 1700000000;
    return plan_filesystem(options).value();
}

// A filesystem in memory: filled by `fill`, finished, opened.
class Made {
  public:
    template <typename Fill>
    Made(std::uint64_t size_bytes, const Fill& fill, std::uint64_t align_blocks = 0) : sink_(size_bytes) {
        FilesystemBuilder builder(plan(size_bytes, align_blocks), sink_);
        EXPECT_TRUE(builder.begin());
        fill(builder);
        const auto finished = builder.finish();
        EXPECT_TRUE(finished) << finished.error().message;
        image_.emplace(sink_.image());
        volume = open_volume(*image_).value();
    }

    const daxfs_inode& inode(InodeNo ino) const {
        const InodeReading reading = read_inode(volume, ino);
        EXPECT_FALSE(reading.damage) << describe(*reading.damage);
        EXPECT_FALSE(check_inode_fields(volume, *reading.raw, ino));
        return *reading.raw;
    }

    std::map<std::string, InodeNo> names(InodeNo directory) const {
        std::map<std::string, InodeNo> found;
        DirectoryCursor cursor(volume, inode(directory));
        while (const auto entry = cursor.next())
            found[entry->name] = entry->ino;
        EXPECT_EQ(cursor.damage_count(), 0u);
        return found;
    }

    std::vector<Extent> extents(InodeNo file) const {
        std::vector<Extent> found;
        ExtentCursor cursor(volume, inode(file));
        while (const auto extent = cursor.next())
            found.push_back(*extent);
        EXPECT_EQ(cursor.damage_count(), 0u);
        return found;
    }

    Volume volume;

  private:
    MemorySink sink_;
    std::optional<Image> image_;
};

void expect_sound_head(const Volume& volume, AgNo ag) {
    const AgReading reading = read_ag_header(volume, ag);
    ASSERT_FALSE(reading.damage) << describe(*reading.damage);
    std::uint64_t free = 0;
    for (const MapKind kind : {MapKind::kBlocks, MapKind::kInodes, MapKind::kOrphans}) {
        const AgMap map(volume, ag, kind);
        for (std::uint32_t i = 0; i < map.blocks(); ++i)
            EXPECT_FALSE(map.verify(i));
        for (std::uint64_t bit = 0; kind == MapKind::kBlocks && bit < map.bits(); ++bit)
            free += !map.test(bit);
    }
    EXPECT_EQ(reading.raw->free_blocks, free);
}

TEST(FilesystemBuilder, AnEmptyOneHasRootAndLostAndFoundAndSoundHeads) {
    const Made made(16 * kMiB, [](FilesystemBuilder&) {});
    EXPECT_EQ(made.volume.primary_damage.has_value(), false);
    expect_sound_head(made.volume, AgNo{0});
    const InodeNo root{made.volume.super.root_ino};
    EXPECT_THAT(made.names(root), testing::ElementsAre(testing::Pair("lost+found", root + 1)));
    EXPECT_EQ(made.inode(root).nlink, 3u);
    EXPECT_EQ(made.inode(root).parent, root.value);
    EXPECT_EQ(made.inode(root).mode, S_IFDIR | 0755);
    EXPECT_EQ(made.inode(root + 1).mode, S_IFDIR | 0700);
    EXPECT_EQ(made.inode(root + 1).fork_count, 0u);
    EXPECT_TRUE(made.names(root + 1).empty());
    for (std::uint32_t id = 0; id < made.volume.geometry.journal_count; ++id) {
        const JournalReading journal = read_journal(made.volume, id);
        EXPECT_FALSE(journal.header_damage || journal.commit_damage);
        EXPECT_TRUE(journal.uncommitted.empty());
    }
}

TEST(FilesystemBuilder, AnAlignedOneHasASuperblockCopyAndIsReadFromItWhenTheFirstIsLost) {
    MemorySink sink(32 * kMiB);
    FilesystemBuilder builder(plan(32 * kMiB, 40), sink);
    ASSERT_TRUE(builder.begin());
    ASSERT_TRUE(builder.finish());
    sink.block(BlockNo{0})[100] ^= std::byte{1};
    const Image image = sink.image();
    const Result<Volume> copy = open_volume(image, BlockNo{40});
    ASSERT_TRUE(copy) << copy.error().message;
    EXPECT_EQ(copy->geometry.align_blocks, 40u);
    expect_sound_head(*copy, AgNo{0});
}

TEST(FilesystemBuilder, OneThatUsesItsFirstGroupIsReadFromACopyWhenTheFirstIsLost) {
    MemorySink sink(64 * kMiB);
    FilesystemBuilder builder(plan(64 * kMiB), sink);
    ASSERT_TRUE(builder.begin());
    ASSERT_TRUE(builder.finish());
    ASSERT_EQ(builder.super().initialised_ags, 1u);
    const Geometry geometry = Geometry::of(builder.super());
    for (const std::uint64_t lost : {1u, 2u}) {
        std::memset(sink.block(BlockNo{0}), 0, DAXFS_BLOCK_SIZE);
        const Image image = sink.image();
        const Result<Volume> volume = open_volume(image);
        ASSERT_TRUE(volume) << volume.error().message;
        EXPECT_EQ(volume->initialised_ags(), 1u);
        expect_sound_head(*volume, AgNo{0});
        std::memset(sink.block(geometry.ag_start(AgNo{lost})), 0, DAXFS_BLOCK_SIZE);
    }
    EXPECT_FALSE(open_volume(sink.image()));
}

TEST(FilesystemBuilder, FilesReadBackWithTheirContentAndAttributes) {
    std::vector<std::byte> content(3 * DAXFS_BLOCK_SIZE + 100, std::byte{7});
    content.back() = std::byte{9};
    InodeNo ino;
    const Made made(16 * kMiB, [&](FilesystemBuilder& builder) {
        ino = builder
                  .add_file_with_content(builder.root(), "data", content,
                                         {.permissions = 0600, .uid = 1000, .time = Timestamp{-5, 9}})
                  .value();
    });
    const daxfs_inode& inode = made.inode(ino);
    EXPECT_EQ(inode.size, content.size());
    EXPECT_EQ(inode.blocks, 4u);
    EXPECT_EQ(inode.uid, 1000u);
    EXPECT_EQ(static_cast<std::int64_t>(std::uint64_t{inode.mtime_sec}), -5);
    const auto extents = made.extents(ino);
    ASSERT_EQ(extents.size(), 1u);
    EXPECT_EQ(std::to_integer<int>(made.volume.image->try_block(extents[0].disk_block + 3)[99]), 9);
    EXPECT_EQ(std::to_integer<int>(made.volume.image->try_block(extents[0].disk_block + 3)[100]), 0);
}

TEST(FilesystemBuilder, LinksSymlinksAndSpecialFilesReadBack) {
    const std::string long_target(1000, 'x');
    InodeNo file, inline_link, long_link, device;
    const Made made(16 * kMiB, [&](FilesystemBuilder& builder) {
        const InodeNo directory = builder.add_directory(builder.root(), "d").value();
        file = builder.add_file(directory, "f", 0, {}).value();
        ASSERT_TRUE(builder.add_link(builder.root(), "g", file));
        EXPECT_FALSE(builder.add_link(builder.root(), "h", directory));
        inline_link = builder.add_symlink(builder.root(), "s", std::string(240, 'y')).value();
        long_link = builder.add_symlink(builder.root(), "l", long_target).value();
        device = builder.add_special(builder.root(), "null", S_IFCHR, 1, 3).value();
    });
    EXPECT_EQ(made.inode(file).nlink, 2u);
    EXPECT_EQ(made.inode(InodeNo{made.volume.super.root_ino}).nlink, 4u);
    EXPECT_EQ(made.inode(inline_link).format, DAXFS_FORMAT_INLINE);
    EXPECT_EQ(made.inode(long_link).format, DAXFS_FORMAT_EXTENTS);
    EXPECT_EQ(made.inode(device).rdev_minor, 3u);
    const std::byte* target = made.volume.image->try_block(made.extents(long_link).at(0).disk_block);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(target), 1001), long_target + '\0');
    EXPECT_EQ(resolve_path(made.volume, "/d/f").value(), file);
}

TEST(FilesystemBuilder, AnOrphanHasNoNameAndItsBitIsSet) {
    InodeNo orphan;
    const Made made(16 * kMiB, [&](FilesystemBuilder& builder) {
        orphan = builder.add_orphan(5000, std::vector<FileRun>{{.file_block = 0, .length = 2}}).value();
    });
    EXPECT_EQ(made.inode(orphan).nlink, 0u);
    EXPECT_EQ(read_ag_header(made.volume, AgNo{0}).raw->orphan_groups, 1u);
    EXPECT_TRUE(AgMap(made.volume, AgNo{0}, MapKind::kOrphans).test(orphan.value / 64));
}

TEST(FilesystemBuilder, WhatHasNoNameYetIsNamedLaterOrDiscarded) {
    constexpr InodeNo kNoParent = FilesystemBuilder::kNoParent;
    InodeNo file, directory, gone;
    const Made made(16 * kMiB, [&](FilesystemBuilder& builder) {
        directory = builder.add_directory(kNoParent, {}).value();
        gone = builder.add_file(kNoParent, {}, 5000, std::vector<FileRun>{{.file_block = 0, .length = 2000}}).value();
        const std::uint64_t used = builder.used_blocks();
        ASSERT_TRUE(builder.discard(gone));
        EXPECT_EQ(builder.used_blocks(), used - 2000);
        EXPECT_FALSE(builder.discard(gone));
        // There is room for one of them.
        file = builder.add_file(kNoParent, {}, 5000, std::vector<FileRun>{{.file_block = 0, .length = 2000}}).value();
        ASSERT_TRUE(builder.set_attributes(file, {.permissions = 0, .uid = 7, .modified = Timestamp{5, 6}}));
        ASSERT_TRUE(builder.add_link(directory, "f", file));
        ASSERT_TRUE(builder.add_link(builder.root(), "d", directory));
        EXPECT_FALSE(builder.add_link(builder.root(), "e", directory));
        EXPECT_FALSE(builder.discard(file));
    });
    EXPECT_EQ(resolve_path(made.volume, "/d/f").value(), file);
    EXPECT_EQ(made.inode(file).mode, S_IFREG);
    EXPECT_EQ(made.inode(file).uid, 7u);
    EXPECT_EQ(made.inode(file).mtime_nsec, 6u);
    EXPECT_EQ(made.inode(directory).nlink, 2u);
    EXPECT_EQ(made.inode(gone).mode, 0u);
    expect_sound_head(made.volume, AgNo{0});
}

TEST(FilesystemBuilder, FinishingWithSomethingThatHasNoNameIsAnError) {
    MemorySink sink(16 * kMiB);
    FilesystemBuilder builder(plan(16 * kMiB), sink);
    ASSERT_TRUE(builder.begin());
    const InodeNo file = builder.add_file(FilesystemBuilder::kNoParent, {}, 0, {}).value();
    EXPECT_EQ(builder.finish().error().message, fmt::format("inode {} has no name", file));
}

TEST(FilesystemBuilder, AppendedPiecesAreOneExtentWhereTheyContinueEachOther) {
    const std::vector<std::byte> piece(100 * DAXFS_BLOCK_SIZE, std::byte{3});
    const auto blocks = [&](std::size_t count) { return std::span(piece).first(count * DAXFS_BLOCK_SIZE); };
    InodeNo large, small;
    const Made made(64 * kMiB, [&](FilesystemBuilder& builder) {
        large = builder.add_file(builder.root(), "large", 10 * kMiB, {}).value();
        small = builder.add_file(builder.root(), "small", 10 * kMiB, {}).value();
        for (std::uint64_t at = 0; at < 700; at += 100)
            ASSERT_TRUE(builder.append_data(large, at, blocks(100)));
        ASSERT_TRUE(builder.append_data(large, 700, blocks(1)));
        // Another file in between.
        ASSERT_TRUE(builder.append_data(small, 3, blocks(2)));
        ASSERT_TRUE(builder.append_data(large, 1024, blocks(50)));
        EXPECT_FALSE(builder.append_data(large, 1073, blocks(1)));
        EXPECT_FALSE(builder.append_data(large, 2000, std::span(piece).first(100)));
        EXPECT_FALSE(builder.append_data(large, DAXFS_MAX_FILE_BLOCK, blocks(2)));
        EXPECT_FALSE(builder.append_data(builder.root(), 0, blocks(1)));
    });
    const auto extents = made.extents(large);
    ASSERT_EQ(extents.size(), 2u);
    EXPECT_EQ(extents[0].length, 701u);
    for (const Extent& extent : extents)
        EXPECT_EQ(extent.disk_block.value % DAXFS_HUGE_BLOCKS, extent.file_block.value % DAXFS_HUGE_BLOCKS);
    EXPECT_EQ(made.inode(large).blocks, 751u);
    EXPECT_EQ(made.extents(small).at(0).file_block.value, 3u);
}

TEST(FilesystemBuilder, LargeFilesLieCongruentToTheirHugePages) {
    InodeNo file;
    const Made made(64 * kMiB, [&](FilesystemBuilder& builder) {
        file =
            builder.add_file(builder.root(), "f", 0, std::vector<FileRun>{{.file_block = 700, .length = 3000}}).value();
    });
    std::uint64_t mapped = 0;
    for (const Extent& extent : made.extents(file)) {
        const AgNo ag = made.volume.geometry.ag_of(extent.disk_block);
        EXPECT_EQ((extent.disk_block - made.volume.geometry.ag_start(ag)) % 512, extent.file_block.value % 512);
        mapped += extent.length;
    }
    EXPECT_EQ(mapped, 3000u);
}

TEST(FilesystemBuilder, UsesFurtherAllocationGroupsAndSaysSo) {
    InodeNo file;
    const Made made(64 * kMiB, [&](FilesystemBuilder& builder) {
        file =
            builder.add_file(builder.root(), "f", 0, std::vector<FileRun>{{.file_block = 0, .length = 8000}}).value();
    });
    EXPECT_EQ(made.volume.super.initialised_ags, 3u);
    for (std::uint64_t ag = 0; ag < 3; ++ag) {
        expect_sound_head(made.volume, AgNo{ag});
        EXPECT_FALSE(read_superblock(*made.volume.image, made.volume.geometry.ag_start(AgNo{ag})).damage);
    }
}

TEST(FilesystemBuilder, RefusesWhatDoesNotFitAndBadNames) {
    MemorySink sink(16 * kMiB);
    FilesystemBuilder builder(plan(16 * kMiB), sink);
    ASSERT_TRUE(builder.begin());
    const auto full = builder.add_file(builder.root(), "f", 0, std::vector<FileRun>{{.file_block = 0, .length = 5000}});
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().message, "no space is left");
    for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a/b"),
                                    std::string("a\0b", 3), std::string(256, 'n')})
        EXPECT_FALSE(builder.add_directory(builder.root(), name));
    EXPECT_FALSE(builder.add_directory(InodeNo{1}, "d"));
    const std::vector<FileRun> overlapping = {{.file_block = 0, .length = 2}, {.file_block = 1, .length = 2}};
    EXPECT_FALSE(builder.add_file(builder.root(), "o", 0, overlapping));
    const std::vector<FileRun> behind = {{.file_block = DAXFS_MAX_FILE_BLOCK, .length = 2}};
    EXPECT_FALSE(builder.add_file(builder.root(), "b", 0, behind));
}

TEST(FilesystemBuilder, TheLastFileBlockThereIsCanBeMapped) {
    InodeNo file;
    const Made made(16 * kMiB, [&](FilesystemBuilder& builder) {
        file = builder
                   .add_file(builder.root(), "f", ~std::uint64_t{0} >> 1,
                             std::vector<FileRun>{{.file_block = DAXFS_MAX_FILE_BLOCK, .length = 1}})
                   .value();
    });
    EXPECT_EQ(made.extents(file).at(0).file_block.value, DAXFS_MAX_FILE_BLOCK);
}

RC_GTEST_PROP(FilesystemBuilder, DirectoriesOfAnySizeReadBack, ()) {
    const auto count = *rc::gen::inRange(0, 3000);
    const auto width = *rc::gen::inRange(8, 255);
    std::map<std::string, InodeNo> expected;
    InodeNo directory;
    const Made made(32 * kMiB, [&](FilesystemBuilder& builder) {
        directory = builder.add_directory(builder.root(), "d").value();
        for (int i = 0; i < count; ++i) {
            std::string name = std::to_string(i);
            name.resize(static_cast<std::size_t>(width), 'n');
            expected[name] = builder.add_file(directory, name, 0, {}).value();
        }
    });
    RC_ASSERT(made.names(directory) == expected);
}

TEST(FilesystemBuilder, ADirectoryWithIndexNodesReadsBack) {
    // 14 names of 255 bytes a leaf, 15 leaves in the fork, 252 in a node: 60,000 names need two levels of nodes above.
    std::set<std::string> expected;
    InodeNo directory;
    const Made made(64 * kMiB, [&](FilesystemBuilder& builder) {
        directory = builder.add_directory(builder.root(), "d").value();
        const InodeNo file = builder.add_file(builder.root(), "f", 0, {}).value();
        for (int i = 0; i < 60000; ++i) {
            std::string name = std::to_string(i);
            name.resize(255, '-');
            ASSERT_TRUE(builder.add_link(directory, name, file));
            expected.insert(std::move(name));
        }
    });
    EXPECT_EQ(made.inode(directory).tree_height, 3u);
    EXPECT_EQ(made.inode(directory).size, made.inode(directory).blocks * DAXFS_BLOCK_SIZE);
    const auto found = made.names(directory);
    EXPECT_EQ(found.size(), expected.size());
    EXPECT_TRUE(std::equal(found.begin(), found.end(), expected.begin(), expected.end(),
                           [](const auto& entry, const auto& name) { return entry.first == name; }));
}

RC_GTEST_PROP(FilesystemBuilder, ScatteredFilesReadBack, ()) {
    const auto length = *rc::gen::inRange<std::uint32_t>(1, 5000);
    InodeNo file;
    std::uint64_t built = 0;
    const Made made(64 * kMiB, [&](FilesystemBuilder& builder) {
        file = builder
                   .add_file(
                       builder.root(), "f", 0,
                       std::vector<FileRun>{{.file_block = 3, .length = length, .unwritten = true, .scattered = true}})
                   .value();
        built = builder.extents(file)->size();
    });
    const auto extents = made.extents(file);
    RC_ASSERT(extents.size() == built);
    RC_ASSERT(extents.size() == length);
    for (std::size_t i = 0; i < extents.size(); ++i) {
        RC_ASSERT(extents[i].file_block.value == 3 + i);
        RC_ASSERT(extents[i].unwritten);
        // RC_ASSERT evaluates both sides of a ||.
        const bool apart = i == 0 || extents[i].disk_block != extents[i - 1].disk_end();
        RC_ASSERT(apart);
    }
}

// Remembers the order of writes, so that a power cut can be put between any two flushes.
class RecordingSink : public MemorySink {
  public:
    using MemorySink::MemorySink;
    Result<void> write(BlockNo first, std::span<const std::byte> bytes) override {
        superblock_written_ |= first.value == 0 && bytes[0] != std::byte{0};
        EXPECT_FALSE(superblock_written_ && first.value != 0) << "block " << first.value << " behind the superblock";
        ++since_flush_;
        return MemorySink::write(first, bytes);
    }
    Result<void> flush() override {
        writes_by_flush.push_back(since_flush_);
        since_flush_ = 0;
        return {};
    }
    std::vector<int> writes_by_flush;

  private:
    bool superblock_written_ = false;
    int since_flush_ = 0;
};

TEST(FilesystemBuilder, TheOldSuperblockGoesFirstAndTheNewOneComesLast) {
    RecordingSink sink(16 * kMiB);
    FilesystemBuilder builder(plan(16 * kMiB, 8), sink);
    ASSERT_TRUE(builder.begin());
    ASSERT_EQ(sink.writes_by_flush.size(), 1u);
    ASSERT_TRUE(builder.finish());
    ASSERT_EQ(sink.writes_by_flush.size(), 4u);
    EXPECT_EQ(sink.writes_by_flush[2], 1);  // the copy
    EXPECT_EQ(sink.writes_by_flush[3], 1);  // the superblock alone
}

}  // namespace
}  // namespace daxfs

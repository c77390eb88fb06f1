// SPDX-License-Identifier: GPL-2.0-or-later
// A small filesystem with one of everything, built once.
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cmd/daxdb/session.h"
#include "lib/make/filesystem.h"
#include "lib/make/plan.h"
#include "lib/tree/directory.h"

namespace daxfs::daxdb {

inline constexpr std::uint64_t kRichBytes = 16u << 20;

inline void fill_rich(FilesystemBuilder& builder) {
    const std::string hello = "hello, world\n";
    ASSERT_TRUE(builder.add_file_with_content(builder.root(), "hello", std::as_bytes(std::span(hello))));
    ASSERT_TRUE(builder.add_symlink(builder.root(), "link", "hello"));
    ASSERT_TRUE(builder.add_special(builder.root(), "fifo", S_IFIFO, 0, 0));
    ASSERT_TRUE(builder.add_special(builder.root(), "disk", S_IFBLK, 8, 1));
    ASSERT_TRUE(builder.add_file(builder.root(), "odd \x1b\xff name", 0, {}));
    const std::vector<FileRun> holes{{.file_block = 1, .length = 2}, {.file_block = 8, .length = 4, .unwritten = true}};
    ASSERT_TRUE(builder.add_file(builder.root(), "holes", 20 * DAXFS_BLOCK_SIZE, holes));
    const std::vector<FileRun> scattered{{.file_block = 0, .length = 300, .scattered = true}};
    ASSERT_TRUE(builder.add_file(builder.root(), "tree", 300 * DAXFS_BLOCK_SIZE, scattered));
    const std::vector<FileRun> huge{{.file_block = 0, .length = 1024}};
    ASSERT_TRUE(builder.add_file(builder.root(), "huge", 1024 * DAXFS_BLOCK_SIZE, huge));
    ASSERT_TRUE(builder.add_file(builder.root(), "endless", (1ull << 63) - 1, {}));
    const auto many = builder.add_directory(builder.root(), "many");
    ASSERT_TRUE(many);
    for (int i = 0; i < 400; ++i)
        ASSERT_TRUE(builder.add_file(*many, fmt::format("entry-{}-{}", i, std::string(60, 'x')), 0, {}));
    ASSERT_TRUE(builder.add_orphan(4096, std::vector<FileRun>{{.file_block = 0, .length = 1}}));
}

inline const std::vector<std::byte>& rich_bytes() {
    static const std::vector<std::byte> made = [] {
        FormatOptions options{.device_bytes = kRichBytes, .label = "rich"};
        options.uuid = {1, 2, 3, 4};
        options.secrets = Secrets::derived_from(options.uuid);
        options.created_sec = 1700000000;
        MemorySink sink(kRichBytes);
        FilesystemBuilder builder(plan_filesystem(options).value(), sink);
        EXPECT_TRUE(builder.begin());
        fill_rich(builder);
        EXPECT_TRUE(builder.finish());
        const Image image = sink.image();
        std::vector<std::byte> bytes;
        for (std::uint64_t block = 0; block < image.block_count(); ++block) {
            const std::byte* content = image.try_block(BlockNo{block});
            bytes.insert(bytes.end(), content, content + DAXFS_BLOCK_SIZE);
        }
        return bytes;
    }();
    return made;
}

inline Session rich_session() {
    return session_of(Image::from_bytes(rich_bytes()), std::nullopt, false).value();
}

inline std::uint64_t rich_inode(const std::string& path) {
    static const Session session = rich_session();
    const auto ino = resolve_path(session.volume, path);
    EXPECT_TRUE(ino) << path;
    return ino ? ino->value : 0;
}

// The image as a file, with `edit(bytes)` applied.
template <typename Edit>
std::string image_file(const std::string& name, const Edit& edit) {
    std::vector<std::byte> bytes = rich_bytes();
    edit(bytes);
    const std::string path = testing::TempDir() + "daxdb-" + std::to_string(getpid()) + "-" + name;
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path;
}

}  // namespace daxfs::daxdb
